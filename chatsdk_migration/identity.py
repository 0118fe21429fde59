"""Deterministic ids: the same source record gets the same target id on every run and every machine.

Here: every id this tool gives out. Not here: who stores them (``postgres/``).
A resume is safe because of this module: ``ON CONFLICT DO NOTHING`` then means "already carried".
"""

from __future__ import annotations

import hashlib
import uuid

MICROSECONDS_IN_A_MILLISECOND = 1000
LARGEST_UUID7_MILLISECONDS = (1 << 48) - 1
_VARIANT = {digit: "89ab"[int(digit, 16) % 4] for digit in "0123456789abcdef"}
"""The first of the 62 bits' digits: its upper two bits become the variant of RFC 9562."""


def channel_id(app_id: str, cid: str) -> str:
    """Give the UUIDv5 of a channel, from the app and Stream's cid."""
    return str(uuid.uuid5(uuid.UUID(app_id), f"channel:{cid}"))


def poll_id(app_id: str, stream_poll_id: str) -> str:
    """Give the UUIDv5 of a poll, from the app and Stream's poll id."""
    return str(uuid.uuid5(uuid.UUID(app_id), f"poll:{stream_poll_id}"))


def mention_id(app_id: str, message_id: str, user_id: str) -> str:
    """Give the UUIDv5 of one person's mention in one message."""
    return str(uuid.uuid5(uuid.UUID(app_id), f"mention:{message_id}:{user_id}"))


def message_id(app_id: str, stream_id: str, created_at_us: int) -> str:
    """Give the UUIDv7 of a message: its milliseconds, its microseconds, then 62 bits of SHA-256.

    Args:
        app_id: The target app.
        stream_id: Stream's message id, any string.
        created_at_us: Microseconds since 1970, UTC. Times before 1970 sort as 1970, times past the year
            10889 as that year: the format has 48 unsigned bits of milliseconds.
    """
    milliseconds, microseconds = divmod(created_at_us, MICROSECONDS_IN_A_MILLISECOND)
    if not 0 <= milliseconds <= LARGEST_UUID7_MILLISECONDS:
        milliseconds = min(max(milliseconds, 0), LARGEST_UUID7_MILLISECONDS)
    digest = hashlib.sha256(f"{app_id}:{stream_id}".encode("utf-8", "surrogatepass")).hexdigest()
    time = f"{milliseconds:012x}"
    return f"{time[:8]}-{time[8:]}-7{microseconds:03x}-{_VARIANT[digest[0]]}{digest[1:4]}-{digest[4:16]}"
