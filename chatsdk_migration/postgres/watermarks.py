"""How far each channel of the app has been followed, by Stream's clock.

Here: reading and advancing the watermarks. Not here: what a sync does with them (``sync/``). A watermark advances only
when all that it promises has been committed; it never goes back.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from chatsdk_migration.models import Json
from chatsdk_migration.postgres.sql import statement
from chatsdk_migration.postgres.target import Target

CLOCK_SECONDS = 60.0
"""Taken off a time read after the first page of a walk: that page may be older than the answer that dated it."""


@dataclass(frozen=True, slots=True)
class Watermark:
    """What is known of one channel's source at the last sync or load; None: not known.

    Attributes:
        synced_to: Every change Stream shows up to here has been looked at.
        scanned_at: When its recent history was last read again, for deletions.
        swept_at: When all of it was last read.
        last_message_at: As Stream served it.
        truncated_at: As Stream served it.
        digest: Of the channel's own fields, members and read positions, as mapped.
        seen_at: Time of the newest change that Stream showed.
        applied_at: Time of the newest one that was carried.
        created_at: As Stream served it: another than before, and the channel was deleted and made anew.
    """

    synced_to: datetime | None = None
    scanned_at: datetime | None = None
    swept_at: datetime | None = None
    last_message_at: str | None = None
    truncated_at: str | None = None
    digest: str | None = None
    seen_at: datetime | None = None
    applied_at: datetime | None = None
    created_at: str | None = None


def moment(seconds: float | None) -> datetime | None:
    """Give seconds since 1970 as a moment."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def of_state(state: Json, began: float, *, swept: bool = False, digest: str | None = None) -> Watermark:
    """Give the watermark of a channel whose state was read at a time of Stream's clock."""
    channel, at = state["channel"], moment(began)
    return Watermark(
        at,
        at if swept else None,
        at if swept else None,
        channel.get("last_message_at"),
        channel.get("truncated_at"),
        digest,
        created_at=channel.get("created_at"),
    )


def load(target: Target) -> dict[str, Watermark]:
    """Give all watermarks of the app by cid; the empty cid is the people."""
    with target.transaction(read_only=True) as conn:
        rows = conn.execute(statement("sync_watermarks"), {"app": target.app_id}).fetchall()
    return {cid: Watermark(*rest) for cid, *rest in rows}


def advance(target: Target, cid: str, to: Watermark) -> None:
    """Store a watermark; a time that is None keeps its earlier value, what Stream served goes with ``synced_to``."""
    given = {name: getattr(to, name) for name in Watermark.__slots__}
    with target.transaction() as conn:
        conn.execute(statement("sync_advance"), given | {"app": target.app_id, "cid": cid})
