"""Pure functions from Stream's records to ChatSDK's rows: one module an entity, no I/O, no clock.

Each function fills a ``Batch``: rows, losses (``losses.CATALOG``) and rejected records. What cannot be carried is
rejected with its original and a reason; nothing else raises.
"""
