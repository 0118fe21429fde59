"""Reconciliation: the target held against the source by content, record by record, and the differences put right.

Here: the comparison of one channel (``channel.py``) and of the app (``app.py``), what a difference is
(``verdict.py``), what may be repaired (``repair.py``), and which of Stream's fields are accounted for
(``accounting.py``). Not here: Dagster (``checks/``, ``jobs.py``), the terminal (``cli/``), how Stream is read
(``stream/``), what a record becomes (``transform/``): the very same code as the migration's, so a defect in either
would hide from this comparison; the end-to-end tests hold both against an oracle of their own.

The rule that tells a person's change in ChatSDK from damage: it must show a trace that only a person leaves, later
than the load. An edit sets ``edited_at``, a deletion ``deleted_at``; a message, membership, reaction, vote or pin of a
person has its own, later time; a read position only moves on. What somebody took away themselves (their membership,
reaction, vote, or a pin of theirs) leaves no trace of its own: it is explained when that person has been here since
the load (``last_active_at``, or a message of theirs). A membership that somebody else took away is explained when a
sync has listed it, or when whoever may do so has been here and the channel's count of members went down with it.
A channel that never came is explained only where the quarantine, or the losses as withheld, name it.
Everything else is a difference, and is named.
"""
