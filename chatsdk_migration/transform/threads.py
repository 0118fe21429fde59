"""Threads that Stream keeps to itself: their loss is counted, nothing else is known of them.

Here: the loss. Not here: replies, which are messages (``messages.py``).
"""

from __future__ import annotations

from collections.abc import Iterable

from chatsdk_migration.models import Batch, Entity


def map_refused_threads(parents: Iterable[str], out: Batch) -> None:
    """Count the messages whose replies Stream refuses to list.

    Args:
        parents: Their Stream ids.
        out: Gets a loss for each.
    """
    for parent in parents:
        out.lose(Entity.MESSAGE, "thread_refused", parent, "replies are switched off for this channel type in Stream")
