"""Which channels changed, by the one list of all channels, by search, and by whose turn a re-scan is.

Here: the comparison of the list with the watermarks, and the choice of what to read again. Not here: the reading
(``reading.py``) and the applying (``stage.py``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import msgspec

from chatsdk_migration.models import Batch, ChannelRow, Json
from chatsdk_migration.postgres.sql import statement
from chatsdk_migration.postgres.target import Target
from chatsdk_migration.postgres.watermarks import Watermark
from chatsdk_migration.settings import MappingRules
from chatsdk_migration.stream import changes, messages
from chatsdk_migration.stream.channels import MEMBERS_IN_STATE, cid_of, walk_channels
from chatsdk_migration.stream.client import StreamClient
from chatsdk_migration.stream.times import NANOSECONDS_IN_A_SECOND, instant
from chatsdk_migration.sync.model import Sweep
from chatsdk_migration.sync.reading import Plan, rfc3339
from chatsdk_migration.transform.channels import map_channel
from chatsdk_migration.transform.members import map_members


@dataclass(slots=True)
class Detected:
    """What is to be done: plans by cid, channels never carried, channels that Stream no longer lists.

    Attributes:
        looked_at: Channels that Stream lists.
        digests: Of every listed channel, what will stand in its watermark.
        idle: Channels in which nothing changed; their watermark moves on at the end.
        not_searched: Channels whose changed messages could not be searched for.
    """

    looked_at: int = 0
    plans: dict[str, Plan] = field(default_factory=dict)
    new: dict[str, Json] = field(default_factory=dict)
    gone: list[str] = field(default_factory=list)
    digests: dict[str, str] = field(default_factory=dict)
    not_searched: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Detector:
    """Compares Stream's list of channels with what is known of each.

    Attributes:
        known: Whether each channel carried was found gone, by cid.
        marks: The watermarks.
        now: Stream's clock when the sync began.
        only: Look at these channels alone.
    """

    source: StreamClient
    target: Target
    rules: MappingRules
    known: Mapping[str, bool]
    marks: Mapping[str, Watermark]
    now: datetime
    overlap: timedelta
    only: frozenset[str] | None = None

    def detect(self, sweep: Sweep) -> Detected:
        """Look at every channel; all that is not due at the end has not changed."""
        out, places = Detected(), list[changes.Place]()
        for page in walk_channels(self.source, MEMBERS_IN_STATE):
            for state in page:
                if self.only is None or cid_of(state) in self.only:
                    self._look(state, sweep, out, places)
        listed = out.plans.keys() | out.new.keys()
        asked = self.known if self.only is None else self.known.keys() & self.only
        out.gone = [cid for cid in asked if cid not in listed and not self.known[cid]]
        self._search(places, out)
        self._choose_rescans(sweep, out)
        return out

    def _look(self, state: Json, sweep: Sweep, out: Detected, places: list[changes.Place]) -> None:
        cid, channel = cid_of(state), state["channel"]
        out.looked_at += 1
        out.digests[cid] = digest(state, self.target.settings.app_id, self.rules)
        mark = self.marks.get(cid)
        if cid not in self.known:
            out.new[cid] = state
            return
        plan = out.plans[cid] = Plan(cid, state)
        # Of more than a hundred members only the newest and the count are seen here: the others take turns.
        plan.people = mark is None or mark.digest != out.digests[cid]
        if mark is None or mark.synced_to is None or sweep is Sweep.ALL or self.known[cid]:
            plan.everything = plan.people = True
            plan.unfinished = mark is None or mark.synced_to is None
        elif instant(channel.get("truncated_at")) != instant(mark.truncated_at):
            plan.everything = True
        else:
            if instant(channel.get("last_message_at")) != instant(mark.last_message_at):
                plan.since = mark.synced_to - self.overlap
            places.append(changes.Place(cid, str(channel.get("created_at"))))

    def _search(self, places: list[changes.Place], out: Detected) -> None:
        if not places:
            return
        since = min(self.marks[place.cid].synced_to or self.now for place in places) - self.overlap
        found = changes.search_changed(self.source, places, rfc3339(since))
        for cid, ids in found.changed.items():
            out.plans[cid].ids |= ids
        out.not_searched = found.not_searched

    def _choose_rescans(self, sweep: Sweep, out: Detected) -> None:
        """Choose the channels whose recent history is read again."""
        settings = self.target.settings
        since = (self.now - timedelta(days=settings.sync_rescan_days)).replace(microsecond=0)
        hot = [plan for plan in out.plans.values() if not plan.everything and _active_since(plan.state, since)]
        never = datetime.min.replace(tzinfo=UTC)
        hot.sort(key=lambda plan: self._mark(plan.cid).scanned_at or never)
        # What cannot be searched is read again each time, before all others; the bound on calls holds for them too.
        hot.sort(key=lambda plan: plan.cid not in out.not_searched)
        calls = settings.sync_rescan_calls if sweep is Sweep.RECENT else None
        for plan in _within(hot, self._sizes(hot[:calls], since), calls):
            plan.since = min(plan.since or since, since)
            plan.rescans = plan.people = True

    def _mark(self, cid: str) -> Watermark:
        return self.marks.get(cid) or Watermark()

    def _sizes(self, plans: list[Plan], since: datetime) -> dict[str, int]:
        """Estimate the calls of a re-scan from what the target holds of that time."""
        if not plans:
            return {}
        given = {"app": self.target.app_id, "cids": [plan.cid for plan in plans], "since": since}
        with self.target.transaction(read_only=True) as conn:
            rows = conn.execute(statement("sync_rescan_sizes"), given).fetchall()
        return {cid: number // messages.PAGE + 2 + threads for cid, number, threads in rows}


def digest(state: Json, app_id: str, rules: MappingRules) -> str:
    """Digest what the list shows of a channel itself, its members and read positions, as it would be carried."""
    out = Batch()
    map_channel(state, app_id, rules, out)
    channel = state["channel"]
    creator = (channel.get("created_by") or {}).get("id")
    map_members(cid_of(state), state.get("members") or [], state.get("read") or [], rules, out, created_by=creator)
    rows = [out.channels, sorted(out.members), channel.get("member_count")]
    return hashlib.sha256(msgspec.json.encode(rows)).hexdigest()


def mapped_channel(state: Json, app_id: str, rules: MappingRules, now: datetime) -> tuple[ChannelRow | None, Batch]:
    """Map a channel's own row; the batch holds its creator."""
    out = Batch(sources=[state])
    return map_channel(state, app_id, rules, out, now), out


def _active_since(state: Json, since: datetime) -> bool:
    last = instant(state["channel"].get("last_message_at"))
    return last is not None and last >= int(since.timestamp()) * NANOSECONDS_IN_A_SECOND


def _within(plans: Iterable[Plan], sizes: Mapping[str, int], calls: int | None) -> list[Plan]:
    """Take plans in their order while their calls fit; the first fits always, or it would never have its turn."""
    if calls is None:
        return list(plans)
    chosen, left = list[Plan](), calls
    for plan in plans:
        size = sizes.get(plan.cid)
        if size is None or left <= 0:
            break
        if size <= left or not chosen:
            chosen.append(plan)
            left -= size
    return chosen
