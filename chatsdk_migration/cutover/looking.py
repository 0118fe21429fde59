"""A quick look at Stream: was anything written there since a moment, and who has read on?

Here: one walk over the list of channels and one search. Not here: what follows from it (``engine.py``). What moves
nothing in Stream (deletions of messages, votes) a quick look cannot see: the verification reads everything.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from chatsdk_migration.cutover.model import Unread, Written
from chatsdk_migration.errors import ChannelError
from chatsdk_migration.models import Json
from chatsdk_migration.postgres.sql import statement
from chatsdk_migration.postgres.target import Target
from chatsdk_migration.stream import changes
from chatsdk_migration.stream.channels import MEMBERS_IN_STATE, cid_of, walk_channels
from chatsdk_migration.stream.client import StreamClient
from chatsdk_migration.stream.times import NANOSECONDS_IN_A_SECOND, instant

MOST_NAMED = 20
"""Written things that are named; one is enough to know that the freeze does not hold."""
FUTURE_SECONDS = 60
"""A time further ahead of Stream's own clock was not set by writing now, but by an import."""


@dataclass(slots=True)
class Looked:
    """What a look showed: what was written, where people have read on since, and the unread counts of both sides."""

    written: list[Written] = field(default_factory=list)
    read_on: list[str] = field(default_factory=list)
    unread: Unread = field(default_factory=Unread)
    channels: int = 0


class _Window:
    """The time between a moment and a little after now, by Stream's clock, in nanoseconds."""

    def __init__(self, since: datetime, now: float) -> None:
        self._from = int(since.timestamp() * NANOSECONDS_IN_A_SECOND)
        self._to = int((now + FUTURE_SECONDS) * NANOSECONDS_IN_A_SECOND)

    def holds(self, text: object) -> bool:
        """Say whether a time, as served, lies in it; what is no time does not."""
        at = instant(text)
        return at is not None and self._from < at <= self._to


def look(source: StreamClient, target: Target, since: datetime) -> Looked:
    """Look for what was written in Stream after a moment of its clock.

    Raises:
        MigrationError: Stream or the database cannot be asked.
    """
    window, found, places = _Window(since, source.server_time), Looked(), list[changes.Place]()
    for page in walk_channels(source, MEMBERS_IN_STATE):
        found.channels += len(page)
        for state in page:
            places.append(changes.Place(cid_of(state), str(state["channel"].get("created_at"))))
            found.written += list(_of_state(state, window))[: MOST_NAMED - len(found.written)]
            if any(window.holds(read.get("last_read")) for read in state.get("read") or []):
                found.read_on.append(cid_of(state))
        found.unread = _added(found.unread, _unread(target, page))
    if len(found.written) < MOST_NAMED:
        named = {one.cid for one in found.written}
        found.written += list(_of_messages(source, places, since, window, named))[: MOST_NAMED - len(found.written)]
    return found


def _of_state(state: Json, window: _Window) -> Iterator[Written]:
    """Give what the list of channels shows of one channel, the newest of each kind."""
    channel, cid = state["channel"], cid_of(state)
    if window.holds(channel.get("created_at")):
        yield Written(cid, "a new channel", channel["created_at"])
    elif window.holds(channel.get("last_message_at")):
        yield Written(cid, "a message", channel["last_message_at"])
    elif window.holds(channel.get("truncated_at")):
        yield Written(cid, "the channel was emptied", channel["truncated_at"])
    elif window.holds(channel.get("updated_at")):
        yield Written(cid, "the channel was changed", channel["updated_at"])
    times = [member.get(name) for member in state.get("members") or [] for name in ("created_at", "updated_at")]
    if joined := [at for at in times if window.holds(at)]:
        yield Written(cid, "a member joined or changed", str(max(joined, key=lambda at: instant(at) or 0)))


def _of_messages(
    source: StreamClient, places: list[changes.Place], since: datetime, window: _Window, named: set[str]
) -> Iterator[Written]:
    """Give one message that was changed, answered or reacted to, of each channel not named yet."""
    found = changes.search_changed(source, places, since.isoformat().replace("+00:00", "Z"))
    for cid, ids in found.changed.items():
        if cid in named:
            continue
        try:
            rows = changes.read_many(source, cid, sorted(ids)[:MOST_NAMED])
        except ChannelError:
            continue  # gone meanwhile; the next sync sees to that
        times = [str(row.get("updated_at")) for row in rows if window.holds(row.get("updated_at"))]
        if times:
            yield Written(
                cid, "a message was written, changed or reacted to", max(times, key=lambda at: instant(at) or 0)
            )


def _unread(target: Target, page: list[Json]) -> Unread:
    """Add the unread counts of one page's readers up, on both sides."""
    counts: dict[tuple[str, str], int] = {}
    for state in page:
        for read in state.get("read") or []:
            who = (read.get("user") or {}).get("id") or read.get("user_id")
            if isinstance(who, str):
                counts[cid_of(state), who] = _whole(read.get("unread_messages"))
    given = {
        "app": target.app_id,
        "cids": [cid for cid, _ in counts],
        "users": [who for _, who in counts],
        "unread": list(counts.values()),
    }
    with target.transaction(read_only=True) as conn:
        row = conn.execute(statement("cutover_unread"), given).fetchone()
    return Unread(*row) if row else Unread()


def _whole(value: Any) -> int:
    return max(value, 0) if isinstance(value, int) else 0


def _added(one: Unread, other: Unread) -> Unread:
    return Unread(*(a + b for a, b in zip(one, other, strict=True)))
