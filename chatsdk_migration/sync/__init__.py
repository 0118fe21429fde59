"""Incremental syncs: the target follows Stream after the first load, beside live users on both sides.

Here: detecting what changed (``detecting.py``), by Stream's own events where there is a queue of them (``feed.py``),
reading it (``reading.py``), making the changes (``stage.py``), people of the app (``people.py``), the whole of one sync
(``engine.py``), its cost and the lag (``outlook.py``). Not here: Dagster (``jobs.py``, ``schedules.py``), the terminal
(``cli/syncing.py``), the first load of a channel (``transfer.py``), which a sync uses for channels that are new.

What Stream can be asked, and what it cannot, by its docs and SDKs:

* New, renamed, truncated channels, members and read positions of up to a hundred people: the list of all channels shows
  them, 30 channels a call. Channels that are no longer listed are deleted.
* New messages: the list shows ``last_message_at``; edits, reactions, pins, replies: search by ``updated_at``.
* Deletions of messages and back-dated messages move nothing: recent history is read again in turns
  (``sync_rescan_days``, ``sync_rescan_calls``), all of it on demand (``Sweep.ALL``).
* Votes move nothing either, and members beyond the hundred newest: both are seen when their message or channel is read.
  Changes of a poll itself (its question, an option, that it closed) are listed by time.
* New and changed people are listed by time; bans, and that somebody was deleted, move nothing: see ``people.py``.

What a person in ChatSDK did after the load stays. A channel deleted in Stream loses the members it had there, unless
somebody has written in it here: then it is listed as a conflict.
"""

from chatsdk_migration.sync.engine import SyncBusyError, open_migration, sync_once
from chatsdk_migration.sync.model import ChannelSync, Conflict, Cost, Lag, Sweep, SyncReport
from chatsdk_migration.sync.outlook import conflicts, cost, known_channels, lag, watermarks

__all__ = [
    "ChannelSync",
    "Conflict",
    "Cost",
    "Lag",
    "Sweep",
    "SyncBusyError",
    "SyncReport",
    "conflicts",
    "cost",
    "known_channels",
    "lag",
    "open_migration",
    "sync_once",
    "watermarks",
]
