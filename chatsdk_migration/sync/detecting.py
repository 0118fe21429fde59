"""Which channels changed, by the one list of all channels, by search, and by whose turn a re-scan is.

Here: the comparison of the list with the watermarks, and the choice of what to read again. Not here: the reading
(``reading.py``) and the applying (``stage.py``).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import msgspec

from chatsdk_migration import identity
from chatsdk_migration.models import Batch, ChannelRow, Json
from chatsdk_migration.postgres.target import Target
from chatsdk_migration.postgres.watermarks import Watermark
from chatsdk_migration.settings import MappingRules
from chatsdk_migration.stream import changes
from chatsdk_migration.stream.channels import MEMBERS_IN_STATE, channels_page, cid_of, walk_channels
from chatsdk_migration.stream.channels import PAGE as CHANNELS_PAGE
from chatsdk_migration.stream.client import StreamClient
from chatsdk_migration.stream.times import NANOSECONDS_IN_A_SECOND, instant
from chatsdk_migration.sync.feed import Hint
from chatsdk_migration.sync.model import Sweep
from chatsdk_migration.sync.outlook import has_polls, messages_of_polls, rescan_sizes
from chatsdk_migration.sync.reading import Plan, rfc3339
from chatsdk_migration.transform.channels import map_channel
from chatsdk_migration.transform.members import map_members

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
BEHIND = timedelta(hours=1)
"""Channels that were followed less long ago than this before the others are searched with them."""
SIGNATURE = re.compile(rb'\?[^"\\]*Expires=[^"\\]*')
"""What Stream adds anew to the links of its files at each reading: that is no change."""


@dataclass(slots=True)
class Detected:
    """What is to be done: plans by cid, channels never carried, channels that Stream no longer lists.

    Attributes:
        looked_at: Channels that Stream lists.
        digests: Of every listed channel, what will stand in its watermark.
        removed: Channels that are listed and that somebody in ChatSDK deleted.
        not_searched: Channels whose changed messages could not be searched for.
    """

    looked_at: int = 0
    plans: dict[str, Plan] = field(default_factory=dict)
    new: dict[str, Json] = field(default_factory=dict)
    gone: list[str] = field(default_factory=list)
    digests: dict[str, str] = field(default_factory=dict)
    removed: set[str] = field(default_factory=set)
    not_searched: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Detector:
    """Compares Stream's list of channels with what is known of each.

    Attributes:
        known: Whether each channel carried was found gone, by cid.
        removed: Channels that somebody in ChatSDK deleted: nothing of them is followed.
        marks: The watermarks.
        now: Stream's clock when the sync began.
        only: Look at these channels alone.
        hints: What events said of channels.
        by_events: Only what events named is looked at: they name deletions too, so no history is read again.
    """

    source: StreamClient
    target: Target
    rules: MappingRules
    known: Mapping[str, bool]
    marks: Mapping[str, Watermark]
    now: datetime
    overlap: timedelta
    only: frozenset[str] | None = None
    hints: Mapping[str, Hint] = field(default_factory=dict)
    by_events: bool = False
    removed: frozenset[str] = frozenset()

    def detect(self, sweep: Sweep) -> Detected:
        """Look at every channel; all that is not due at the end has not changed."""
        out, places = Detected(), list[changes.Place]()
        for page in self._pages():
            for state in page:
                self._look(state, sweep, out, places)
        listed = out.plans.keys() | out.new.keys() | out.removed
        asked = self.known if self.only is None else self.known.keys() & self.only
        out.gone = [cid for cid in asked if cid not in listed and not self.known[cid]]
        self._search(places, out)
        self._find_polls(places, out)
        self._choose_rescans(sweep, out)
        return out

    def _pages(self) -> Iterator[list[Json]]:
        """Give the states of all channels, or of those asked for, at most 30 a call."""
        if self.only is None:
            yield from walk_channels(self.source, MEMBERS_IN_STATE)
            return
        cids = sorted(self.only)
        for start in range(0, len(cids), CHANNELS_PAGE):
            some = cids[start : start + CHANNELS_PAGE]
            states = channels_page(self.source, {"cid": {"$in": some}}, members=MEMBERS_IN_STATE)
            yield [state for state in states if cid_of(state) in self.only]

    def _look(self, state: Json, sweep: Sweep, out: Detected, places: list[changes.Place]) -> None:
        cid, channel = cid_of(state), state["channel"]
        out.looked_at += 1
        if cid in self.removed:
            out.removed.add(cid)
            return
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
        elif _lost_history(channel, mark):
            plan.everything = plan.people = True
        else:
            if instant(channel.get("last_message_at")) != instant(mark.last_message_at):
                plan.since = mark.synced_to - self.overlap
                plan.people = True  # what came counts as unread for those who have not read it
            places.append(changes.Place(cid, str(channel.get("created_at"))))
        plan.seen = _newest(channel)
        if hint := self.hints.get(cid):
            plan.heed(hint)

    def _by_progress(self, places: list[changes.Place]) -> Iterator[tuple[list[changes.Place], str]]:
        """Part those that the last sync followed from those behind, which would have all looked at from long ago."""
        followed = {place.cid: self.marks[place.cid].synced_to or self.now for place in places}
        newest = max(followed.values(), default=self.now) - max(self.overlap, BEHIND)
        on_time = [place for place in places if followed[place.cid] >= newest]
        behind = [place for place in places if followed[place.cid] < newest]
        for some in (on_time, behind):
            if some:
                yield some, rfc3339(min(followed[place.cid] for place in some) - self.overlap)

    def _search(self, places: list[changes.Place], out: Detected) -> None:
        for some, since in self._by_progress(places):
            found = changes.search_changed(self.source, some, since)
            for cid, ids in found.changed.items():
                out.plans[cid].ids |= ids
                out.plans[cid].see(moment_of(found.newest.get(cid)))
            out.not_searched |= found.not_searched

    def _find_polls(self, places: list[changes.Place], out: Detected) -> None:
        """Find the messages whose polls changed; a sync led by events has been told of them."""
        if self.by_events or not places or not has_polls(self.target):
            return
        app_id = self.target.settings.app_id
        for some, since in self._by_progress(places):
            cids = {place.cid for place in some}
            polls = [identity.poll_id(app_id, one) for one in changes.changed_polls(self.source, since)]
            for cid, stream_id in messages_of_polls(self.target, polls):
                if cid in cids:
                    out.plans[cid].ids.add(stream_id)

    def _choose_rescans(self, sweep: Sweep, out: Detected) -> None:
        """Choose the channels whose recent history is read again."""
        if self.by_events:
            return
        settings = self.target.settings
        since = (self.now - timedelta(days=settings.sync_rescan_days)).replace(microsecond=0)
        hot = [plan for plan in out.plans.values() if not plan.everything and _active_since(plan.state, since)]
        never = datetime.min.replace(tzinfo=UTC)
        hot.sort(key=lambda plan: self._mark(plan.cid).scanned_at or never)
        for plan in self._affordable(hot, since, out.not_searched, sweep):
            plan.since = min(plan.since or since, since)
            plan.rescans = plan.people = True

    def _affordable(self, hot: list[Plan], since: datetime, not_searched: set[str], sweep: Sweep) -> list[Plan]:
        """Give those that one sync may read again: half of the calls are kept for channels that can be searched.

        What cannot be searched is read again each time as far as its half, and what the others leave, reaches.
        """
        calls = self.target.settings.sync_rescan_calls if sweep is Sweep.RECENT else None
        if calls is None:
            return hot
        blind = [plan for plan in hot if plan.cid in not_searched][:calls]
        seeing = [plan for plan in hot if plan.cid not in not_searched][:calls]
        found = rescan_sizes(self.target, [plan.cid for plan in (*blind, *seeing)], since)
        sizes = {cid: size.total for cid, size in found.items()}
        kept = min(calls // 2, sum(sizes.get(plan.cid, 0) for plan in seeing))
        chosen = _within(blind, sizes, calls - kept)
        return chosen + _within(seeing, sizes, max(kept, calls - sum(sizes[plan.cid] for plan in chosen)))

    def _mark(self, cid: str) -> Watermark:
        return self.marks.get(cid) or Watermark()


def _lost_history(channel: Json, mark: Watermark) -> bool:
    """Say whether the channel was truncated, emptied, or made anew under its name since."""
    return (
        instant(channel.get("truncated_at")) != instant(mark.truncated_at)
        or (mark.created_at is not None and instant(channel.get("created_at")) != instant(mark.created_at))
        or (mark.last_message_at is not None and channel.get("last_message_at") is None)
    )


def digest(state: Json, app_id: str, rules: MappingRules) -> str:
    """Digest what the list shows of a channel itself, its members and read positions, as it would be carried."""
    out = Batch()
    map_channel(state, app_id, rules, out)
    channel = state["channel"]
    creator = (channel.get("created_by") or {}).get("id")
    map_members(cid_of(state), state.get("members") or [], state.get("read") or [], rules, out, created_by=creator)
    rows = [out.channels, sorted(out.members), channel.get("member_count")]
    return hashlib.sha256(SIGNATURE.sub(b"", msgspec.json.encode(rows))).hexdigest()


def mapped_channel(state: Json, app_id: str, rules: MappingRules, now: datetime) -> tuple[ChannelRow | None, Batch]:
    """Map a channel's own row; the batch holds its creator."""
    out = Batch(sources=[state])
    return map_channel(state, app_id, rules, out, now), out


def moment_of(text: object) -> datetime | None:
    """Read a time of Stream's, to the microsecond; None when there is none."""
    found = instant(text if isinstance(text, str) else None)
    return None if found is None else EPOCH + timedelta(microseconds=found // 1000)


def _newest(channel: Json) -> datetime | None:
    """Give the time of the newest change that a channel's own record shows."""
    times = [moment_of(channel.get(name)) for name in ("last_message_at", "updated_at", "truncated_at")]
    return max((at for at in times if at is not None), default=None)


def _active_since(state: Json, since: datetime) -> bool:
    last = instant(state["channel"].get("last_message_at"))
    return last is not None and last >= int(since.timestamp()) * NANOSECONDS_IN_A_SECOND


def _within(plans: Iterable[Plan], sizes: Mapping[str, int], calls: int) -> list[Plan]:
    """Take plans in their order while their calls fit; the first fits always, or it would never have its turn."""
    chosen, left = list[Plan](), calls
    for plan in plans:
        size = sizes.get(plan.cid)
        if size is None or left <= 0:
            break
        if size <= left or not chosen:
            chosen.append(plan)
            left -= size
    return chosen
