"""Reading a Stream Chat app over its REST API (v1): every record of it, and only reading.

Here, from the ground up: ``times`` (Stream's timestamps), ``pacing`` (its limits), ``answers`` (what an answer
means), ``client`` (one signed, paced, retried call), ``keyset`` (how a moving list is walked without loss), and one
module an entity. Not here: what becomes of a record (``transform``) and where it goes (``postgres``).

Records are handed out as Stream sent them, plain dictionaries: nothing is interpreted that paging does not need.
"""
