"""How a sync stands before and after: what it will cost, how far the target is behind, what could not be carried.

Here: reading the ledger. Not here: any change (``engine.py``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from chatsdk_migration.postgres import ledger
from chatsdk_migration.postgres import watermarks as stored
from chatsdk_migration.postgres.sql import statement
from chatsdk_migration.postgres.target import Target
from chatsdk_migration.postgres.watermarks import Watermark
from chatsdk_migration.stream import changes, channels, members, messages, plan, users
from chatsdk_migration.stream.channels import MEMBERS_IN_STATE, split_cid
from chatsdk_migration.stream.endpoints import Endpoint
from chatsdk_migration.stream.times import NANOSECONDS_IN_A_SECOND, instant
from chatsdk_migration.sync.model import Conflict, Cost, Lag, Sweep
from chatsdk_migration.sync.people import EVERYBODY
from chatsdk_migration.transfer import Migration

FOREVER = datetime(1, 1, 1, tzinfo=UTC)


def known_channels(target: Target) -> dict[str, bool]:
    """Give every channel carried so far, and whether a sync found it gone from Stream."""
    with target.transaction(read_only=True) as conn:
        return dict(conn.execute(statement("sync_channels_known"), {"app": target.app_id}).fetchall())


def conflicts(target: Target) -> list[Conflict]:
    """Give all conflicts that stand, oldest first."""
    with target.transaction(read_only=True) as conn:
        return [Conflict(*row) for row in conn.execute(statement("sync_conflict_list"), {"app": target.app_id})]


def watermarks(target: Target) -> dict[str, Watermark]:
    """Give how far each channel has been followed, by cid."""
    found = stored.load(target)
    found.pop(ledger.WHOLE_APP, None)
    return found


def lag(target: Target, at: datetime | None = None) -> Lag:
    """Give how far the target is behind; ``at`` is Stream's clock (ours when not given)."""
    at, marks = at or datetime.now(UTC), watermarks(target)
    living = [cid for cid, gone in known_channels(target).items() if not gone]
    behind = {cid: _seconds_behind(marks.get(cid), at) for cid in living}
    known = [seconds for seconds in behind.values() if seconds is not None]
    waiting = {cid: _seconds_waiting(marks[cid]) for cid in living if cid in marks}
    return Lag(at, max(known, default=0.0) if len(known) == len(behind) else None, behind, waiting)


def _seconds_behind(mark: Watermark | None, at: datetime) -> float | None:
    return None if mark is None or mark.synced_to is None else max((at - mark.synced_to).total_seconds(), 0.0)


def _seconds_waiting(mark: Watermark) -> float:
    """Give the time between the newest change seen and the newest carried; all up to ``synced_to`` was carried."""
    carried = max((at for at in (mark.applied_at, mark.synced_to) if at is not None), default=None)
    if mark.seen_at is None or carried is None:
        return 0.0
    return max((mark.seen_at - carried).total_seconds(), 0.0)


def has_polls(target: Target) -> bool:
    """Say whether the app has any poll."""
    with target.transaction(read_only=True) as conn:
        row = conn.execute("SELECT EXISTS (SELECT FROM poll WHERE app_id = %s)", [target.app_id]).fetchone()
    return row == (True,)


def messages_of_polls(target: Target, polls: list[str]) -> list[tuple[str, str]]:
    """Give cid and Stream id of the carried messages to which these polls (ids of the target) belong."""
    if not polls:
        return []
    with target.transaction(read_only=True) as conn:
        return conn.execute(statement("sync_poll_messages"), {"app": target.app_id, "polls": polls}).fetchall()


def cost(migration: Migration, *, sweep: Sweep = Sweep.RECENT, interval_seconds: float = 600.0) -> Cost:
    """Estimate the calls of one sync, before what changed; counts come from the target, so this costs one call.

    With a queue of events most syncs need next to none: this is then what a look at all channels needs, shared out over
    the time between two of them.
    """
    settings = migration.settings
    living = [cid for cid, gone in known_channels(migration.target).items() if not gone]
    types = Counter(split_cid(cid)[0] for cid in living)
    calls = Counter(
        {
            Endpoint.RATE_LIMITS.value: 1,
            Endpoint.QUERY_USERS.value: _people(migration.target, sweep),
            Endpoint.QUERY_CHANNELS.value: len(living) // (channels.PAGE - 1) + 1,
            Endpoint.SEARCH.value: sum(-(-number // changes.SEARCHED_CHANNELS) for number in types.values()),
        }
    )
    calls[Endpoint.QUERY_POLLS.value] = int(has_polls(migration.target))
    calls.update(_rescans(migration, sweep, living))
    if settings.sync_queue_url is not None:
        interval_seconds = max(interval_seconds, 60 * settings.sync_full_look_minutes)
    limits = plan.read_limits(migration.source)
    return Cost(dict(+calls), limits, settings.sync_rate_limit_share, interval_seconds)


def _people(target: Target, sweep: Sweep) -> int:
    """Estimate the pages of users to read: who changed, who is banned in Stream and here; or all."""
    given = {"app": target.app_id, "everybody": sweep in EVERYBODY}
    with target.transaction(read_only=True) as conn:
        row = conn.execute(statement("sync_people_sizes"), given).fetchone()
    assert row is not None, "three scalars give one row"
    banned, conflicting, listed = (-(-int(number) // users.PAGE) for number in row)
    return listed + 1 if sweep in EVERYBODY else 2 + banned + conflicting


def _rescans(migration: Migration, sweep: Sweep, cids: list[str]) -> Counter[str]:
    """Estimate the calls that read history again, within what one sync may spend on it."""
    settings, everything = migration.settings, sweep is Sweep.ALL
    since = FOREVER if everything else datetime.now(UTC) - timedelta(days=settings.sync_rescan_days)
    if not everything:
        marks = stored.load(migration.target)
        cids = [cid for cid in cids if _active_since(marks.get(cid), since)]
    calls: Counter[str] = Counter()
    for size in rescan_sizes(migration.target, cids, since).values():
        calls[Endpoint.QUERY_CHANNEL.value] += size.pages
        calls[Endpoint.GET_REPLIES.value] += size.threads
        calls[Endpoint.QUERY_POLL_VOTES.value] += size.polls
        calls[Endpoint.QUERY_MEMBERS.value] += size.people
    most = settings.sync_rescan_calls
    if sweep is Sweep.RECENT and calls.total() > most:
        return Counter({name: round(number * most / calls.total()) for name, number in calls.items()})
    return calls


def _active_since(mark: Watermark | None, since: datetime) -> bool:
    last = instant(mark.last_message_at) if mark else None
    return last is not None and last >= since.timestamp() * NANOSECONDS_IN_A_SECOND


@dataclass(frozen=True, slots=True)
class Size:
    """The calls of one channel's re-scan, by what they ask for."""

    pages: int
    threads: int
    polls: int
    people: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.pages + self.threads + self.polls + self.people


def rescan_sizes(target: Target, cids: Iterable[str], since: datetime) -> dict[str, Size]:
    """Estimate what reading these channels from a time on costs, from what the target holds of it."""
    given = {"app": target.app_id, "cids": list(cids), "since": since}
    if not given["cids"]:
        return {}
    with target.transaction(read_only=True) as conn:
        rows = conn.execute(statement("sync_rescan_sizes"), given).fetchall()
    return {
        cid: Size(number // messages.PAGE + 2, threads, polls, people // members.PAGE * (people > MEMBERS_IN_STATE))
        for cid, number, threads, polls, people in rows
    }
