"""One sync from its lock to its watermarks.

Here: the order of things, many channels side by side, what happens when one fails. Not here: what changed
(``detecting.py``), how it is read (``reading.py``) and made (``stage.py``).

Watermarks are times of Stream's clock, taken before anything was read, and advance only when what they promise is
committed: a sync that was cut off at any point is completed by the next one.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from chatsdk_migration import identity, transfer
from chatsdk_migration.errors import (
    GoneFromSourceError,
    MigrationError,
    PermanentError,
)
from chatsdk_migration.models import Batch, Entity, Json, Loss, Rejected
from chatsdk_migration.postgres import ledger
from chatsdk_migration.postgres import watermarks as stored
from chatsdk_migration.postgres.channels import load_channels
from chatsdk_migration.postgres.people import load_users
from chatsdk_migration.postgres.sql import statement
from chatsdk_migration.postgres.target import Target
from chatsdk_migration.postgres.watermarks import Watermark
from chatsdk_migration.repeating import afresh, patiently
from chatsdk_migration.settings import Settings
from chatsdk_migration.stream import plan
from chatsdk_migration.stream.channels import read_channel
from chatsdk_migration.stream.client import StreamClient
from chatsdk_migration.stream.members import walk_members
from chatsdk_migration.sync import feed as feed_of
from chatsdk_migration.sync.detecting import Detected, Detector, digest, mapped_channel
from chatsdk_migration.sync.model import ChannelSync, Sweep, SyncReport
from chatsdk_migration.sync.outlook import conflicts, known_channels, lag, messages_of_polls
from chatsdk_migration.sync.people import People
from chatsdk_migration.sync.reading import Plan, Reader
from chatsdk_migration.sync.stage import SyncStage
from chatsdk_migration.transfer import Migration
from chatsdk_migration.transform.context import ChannelContext
from chatsdk_migration.transform.members import map_members

CLOCK = timedelta(seconds=2)
"""``Date`` counts whole seconds, and an answer may be older than its date."""


class SyncBusyError(PermanentError):
    """Another sync of this app is under way."""


def open_migration(settings: Settings, run_id: str = "") -> Migration:
    """Open source and target for syncs, with the share of Stream's limits that syncs may use.

    Raises:
        PermanentError: From the preflight, or the role lacks a privilege that only syncs need.
    """
    share = min(settings.rate_limit_share, settings.sync_rate_limit_share)
    migration = Migration(settings.model_copy(update={"rate_limit_share": share}), run_id=run_id)
    try:
        require_privileges(migration.target)
    except BaseException:
        migration.close()
        raise
    return migration


def require_privileges(target: Target) -> None:
    """Check that the role may take away what Stream's people took away.

    Raises:
        PermanentError: It may not; says what to grant.
    """
    with target.transaction(read_only=True) as conn:
        lacking = conn.execute(statement("sync_privileges")).fetchall()
    if lacking:
        grants = "; ".join(
            f"GRANT {privilege} ON {relation} TO {target.settings.db_user}" for privilege, relation in lacking
        )
        raise PermanentError(
            "preparing a sync", "the role lacks privileges that a first load does not need", f"Run: {grants}."
        )


def sync_once(
    migration: Migration,
    *,
    sweep: Sweep = Sweep.RECENT,
    cids: Collection[str] | None = None,
    run_id: str = "",
) -> SyncReport:
    """Bring the target up to Stream's present state.

    Args:
        migration: From ``open_migration``.
        sweep: How much history is read again for what Stream does not tell.
        cids: Only these channels; people and channels gone from Stream are then left aside.
        run_id: The Dagster run, kept with each rejected record.

    Raises:
        SyncBusyError: Another sync is under way.
        PermanentError: Nothing further can succeed.
    """
    migration.run_id = run_id or migration.run_id
    only = None if cids is None else frozenset(cids)
    with _opened_feed(migration.settings) as feed, _alone(migration.target):
        return _Sync(migration, sweep, only, feed).run()


@contextmanager
def _opened_feed(settings: Settings) -> Iterator[feed_of.Feed | None]:
    if settings.sync_queue_url is None:
        yield None
        return
    with closing(feed_of.Feed(settings)) as feed:
        yield feed


class _Sync:
    """One sync."""

    def __init__(
        self, migration: Migration, sweep: Sweep, only: frozenset[str] | None, feed: feed_of.Feed | None
    ) -> None:
        self._migration = migration
        self._settings = migration.settings
        self._target = migration.target
        self._source = migration.source.counting()
        self._sweep = sweep
        self._only = only
        plan.read_limits(self._source)  # the first answer sets the clock
        self._began = self._now() - CLOCK
        self._overlap = timedelta(minutes=self._settings.sync_overlap_minutes)
        self._detected = Detected()
        self._feed = feed
        self._persons = People(migration, self._source, self._began)
        self._removed: frozenset[str] = frozenset()
        self._calls_of_loads: list[int] = []

    def run(self) -> SyncReport:
        if self._feed is None or self._only is not None:
            return self._run(feed_of.Batch())
        batch, problem = self._received(self._feed)
        with self._feed.held(batch):
            report = self._run(batch, surely_all=bool(problem or batch.unreadable))
            report.feed = batch.as_json() | self._followed(self._feed, batch, report)
        if problem:
            report.feed["problem"] = problem
        return report

    def _run(self, batch: feed_of.Batch, *, surely_all: bool = True) -> SyncReport:
        marks = stored.load(self._target)
        report = SyncReport(self._began, self._began)
        known, only = known_channels(self._target), self._only
        self._removed = self._find_removed()
        self._hint(batch)
        if not surely_all and not self._must_look_at_all(marks.get(ledger.WHOLE_APP)):
            only = frozenset(batch.channels)
        report.looked_at_all = only is None
        if self._only is None:
            self._people(marks.get(ledger.WHOLE_APP), batch, report)
        detector = Detector(
            self._source,
            self._target,
            self._settings.mapping,
            known,
            marks,
            self._began,
            self._overlap,
            only,
            batch.channels,
            by_events=only is not self._only,
            removed=self._removed,
        )
        self._detected = detector.detect(self._sweep)
        report.channels_looked_at, report.not_searched = self._detected.looked_at, len(self._detected.not_searched)
        self._note_seen()
        self._channels(report)
        self._advance_idle(marks, report)
        if only is None:
            stored.advance(self._target, ledger.WHOLE_APP, Watermark(scanned_at=self._began))
        self._finish(report)
        return report

    def _received(self, feed: feed_of.Feed) -> tuple[feed_of.Batch, str]:
        """Receive events; what keeps us from it keeps no sync from its work, as it can look at everything."""
        try:
            return feed.receive(), ""
        except MigrationError as problem:
            return feed_of.Batch(), str(problem)

    def _followed(self, feed: feed_of.Feed, batch: feed_of.Batch, report: SyncReport) -> dict[str, Any]:
        """Delete from the queue what has been committed; the rest comes again when its lease ends."""
        fine = batch.channels.keys() - report.problems.keys()
        try:
            return {"deleted": feed.delete(batch.receipts_of(fine, rest=not report.problems))}
        except MigrationError as problem:
            return {"deleted": 0, "problem": str(problem)}

    def _must_look_at_all(self, mark: Watermark | None) -> bool:
        """Say whether the last look at all channels was too long ago, or the sync shall be thorough."""
        last, most = mark.scanned_at if mark else None, timedelta(minutes=self._settings.sync_full_look_minutes)
        return self._sweep is not Sweep.RECENT or last is None or not most or self._began - last >= most

    def _hint(self, batch: feed_of.Batch) -> None:
        """Find the channels of events that name none: polls, and people whose messages were deleted all at once."""
        app_id = self._settings.app_id
        polls = [identity.poll_id(app_id, one) for one in batch.polls]
        for cid, stream_id in messages_of_polls(self._target, polls):
            batch.channels.setdefault(cid, feed_of.Hint()).ids.add(stream_id)
        with self._target.transaction(read_only=True) as conn:
            if batch.bulk_deletions:
                given = {"app": app_id, "people": list(batch.bulk_deletions)}
                for (cid,) in conn.execute(statement("sync_channels_of_authors"), given):
                    batch.channels.setdefault(cid, feed_of.Hint()).everything = True

    def _note_seen(self) -> None:
        """Note which changes were seen, before they are carried: what then fails is known to be behind."""
        seen = {one.cid: one.seen for one in self._detected.plans.values() if one.is_due and one.seen}
        if seen:
            given = {"app": self._target.app_id, "cids": list(seen), "times": list(seen.values())}
            with self._target.transaction() as conn:
                conn.execute(statement("sync_seen"), given)

    def _find_removed(self) -> frozenset[str]:
        """Find the channels that people in ChatSDK deleted, and list them as conflicts."""
        with self._target.transaction() as conn:
            given = {"app": self._target.app_id, "now": self._now()}
            return frozenset(cid for (cid,) in conn.execute(statement("sync_channels_removed"), given))

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._source.server_time, UTC)

    def _people(self, mark: Watermark | None, batch: feed_of.Batch, report: SyncReport) -> None:
        """Carry new and changed people, and follow those who are gone; find where members were taken out here."""
        since = mark.synced_to - self._overlap if mark and mark.synced_to else datetime(1970, 1, 1, tzinfo=UTC)
        sweep = self._sweep if report.looked_at_all else None
        report.applied.update(self._persons.follow(since, batch.people, sweep))
        stored.advance(self._target, ledger.WHOLE_APP, Watermark(synced_to=self._began))
        if self._sweep is Sweep.HOT:  # nothing in Stream leads there, and at a cutover all of it is to be listed
            with self._target.transaction(read_only=True) as conn:
                for (cid,) in conn.execute(statement("sync_members_removed"), {"app": self._target.app_id}).fetchall():
                    batch.channels.setdefault(cid, feed_of.Hint()).people = True

    def _channels(self, report: SyncReport) -> None:
        """Sync all channels that are due, many at a time; one that fails leaves the others alone."""
        detected = self._detected
        jobs: list[tuple[str, Callable[[], ChannelSync]]] = [
            *((cid, lambda cid=cid, state=state: self._carry(cid, state)) for cid, state in detected.new.items()),
            *((one.cid, lambda one=one: self._follow(one)) for one in detected.plans.values() if one.is_due),
            *((cid, lambda cid=cid: self._look_for(cid)) for cid in detected.gone),
        ]
        with ThreadPoolExecutor(self._settings.channels_in_flight, thread_name_prefix="sync") as pool:
            try:
                results = list(pool.map(lambda job: self._guarded(*job), jobs))
            except BaseException:  # an interrupt too: what is in flight ends soon, what has not begun does not begin
                self._source.stop()
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        report.channels.update({cid: result for (cid, _), result in zip(jobs, results, strict=True)})

    def _guarded(self, cid: str, work: Callable[[], ChannelSync]) -> ChannelSync:
        began = time.monotonic()
        try:
            result = afresh(lambda: patiently(work))
        except GoneFromSourceError:
            result = patiently(lambda: self._bury(cid))
        except PermanentError:
            raise
        except MigrationError as problem:
            result = ChannelSync(problem=problem)
        result.seconds = time.monotonic() - began
        return result

    def _carry(self, cid: str, state: Json) -> ChannelSync:
        """Carry a channel that is new, whole."""
        row, out = mapped_channel(state, self._settings.app_id, self._settings.mapping, self._migration.began)
        target, app_id = self._target, self._target.app_id
        people = load_users(target, out.users.values(), self._settings.user_batch_size, out)
        loaded = load_channels(
            target, [row] if row else [], 1, out, beside=lambda conn: ledger.add_losses(conn, app_id, out.losses)
        )
        for problem in loaded.problems.values():
            raise problem
        rejects = [*out.rejects, *people.rejects, *loaded.rejects]
        if row is None or loaded.rejects:
            self._leave_out(out.losses, rejects)
            return ChannelSync(left_out=True)
        ledger.follow_rejects(target, rejects, {Entity.CHANNEL: [cid]}, self._migration.run_id)
        return self._load(cid)

    def _leave_out(self, lost: list[Loss], rejects: list[Rejected]) -> None:
        """Note why a channel is not carried; that of one which is met again in each sync is noted once."""
        ledger.follow_rejects(self._target, rejects, {}, self._migration.run_id)
        with self._target.transaction() as conn:
            ledger.add_losses(conn, self._target.app_id, [one for one in lost if ledger.is_listed(one.kind)])

    def _load(self, cid: str) -> ChannelSync:
        """Carry what hangs on a channel, as a first load does."""
        results = transfer.carry_channel(self._migration, cid)
        problems = [part.problem for part in results.values() if part.problem]
        applied = Counter({f"{part.value} added": result.rows for part, result in results.items()})
        calls = sum(result.api_calls for result in results.values())
        self._calls_of_loads.append(calls)
        return ChannelSync(applied, is_new=True, problem=problems[0] if problems else None, api_calls=calls)

    def _follow(self, one: Plan) -> ChannelSync:
        """Read and apply what changed in one channel, then advance its watermark."""
        loaded = self._load(one.cid) if one.unfinished else ChannelSync()
        if loaded.problem:
            return loaded
        source, began = self._source.counting(), self._began
        channel_id = identity.channel_id(self._settings.app_id, one.cid)
        people = self._mapped_people(source, one) if one.people else None
        with SyncStage(self._target, self._migration.preflight, channel_id, one.cid, self._migration.run_id) as stage:
            self._stage_people(stage, one, people)
            rules = self._settings.mapping
            context = ChannelContext(self._settings.app_id, one.cid, channel_id, rules, self._migration.began)
            Reader(source, stage, context).read(one)
            stage.apply(self._now(), since=one.since)
            applied = stage.applied
        applied["users changed"] += self._persons.follow_deleted(stage.deleted_people, stage.deleted_lost)
        mark = stored.of_state(
            one.state, began.timestamp(), swept=one.everything, digest=self._detected.digests[one.cid]
        )
        scanned = began if one.everything or one.rescans else None
        stored.advance(self._target, one.cid, replace(mark, scanned_at=scanned, seen_at=one.seen, applied_at=one.seen))
        calls = loaded.api_calls + sum(source.calls.values())
        return ChannelSync(loaded.applied + applied, is_new=loaded.is_new, api_calls=calls)

    def _mapped_people(self, source: StreamClient, one: Plan) -> Batch:
        members = [member for page in walk_members(source, one.state) for member in page]
        creator = (one.state["channel"].get("created_by") or {}).get("id")
        rules, out = self._settings.mapping, Batch(sources=members)
        reads, now = one.state.get("read") or [], self._migration.began
        map_members(one.cid, members, reads, rules, out, created_by=creator, now=now)
        return out

    def _stage_people(self, stage: SyncStage, one: Plan, people: Batch | None) -> None:
        if people is None:
            return
        row, out = mapped_channel(one.state, self._settings.app_id, self._settings.mapping, self._migration.began)
        stage.add(out)
        stage.add(people)
        stage.add_people()
        if row is not None:
            stage.add_channel(row)

    def _look_for(self, cid: str) -> ChannelSync:
        """Follow a channel that the list did not show, should it be there after all; else it is gone."""
        state = read_channel(self._source, cid)
        if cid in self._removed:
            return ChannelSync()
        self._detected.digests[cid] = digest(state, self._settings.app_id, self._settings.mapping)
        return self._follow(Plan(cid, state, everything=True, people=True))

    def _bury(self, cid: str) -> ChannelSync:
        """Take a channel that is deleted in Stream from the people who saw it there."""
        channel_id = identity.channel_id(self._settings.app_id, cid)
        given = {"app": self._target.app_id, "channel": channel_id, "cid": cid, "now": self._now()}
        with self._target.transaction() as conn:
            row = conn.execute(statement("sync_channel_gone"), given).fetchone()
            assert row is not None, "one row says whether people write in it"
            _, left, outside = row
            if outside:
                conn.execute(statement("sync_states_left"), given | {"users": outside})
        return ChannelSync(+Counter({"members left": left}), gone=True)

    def _advance_idle(self, marks: dict[str, Watermark], report: SyncReport) -> None:
        """Move the watermarks of channels in which nothing changed, all at once."""
        looked_at = self._detected.plans.keys() | self._removed
        idle = [cid for cid in looked_at if cid not in report.channels and cid in marks]
        with self._target.transaction() as conn:
            conn.execute(statement("sync_advance_idle"), {"app": self._target.app_id, "cids": idle, "to": self._began})

    def _finish(self, report: SyncReport) -> None:
        report.finished = self._now()
        report.api_calls = sum(self._source.calls.values()) + sum(self._calls_of_loads)
        for channel in report.channels.values():
            report.applied.update(channel.applied)
        report.applied = +report.applied
        report.conflicts = conflicts(self._target)
        report.quarantined = ledger.open_rejects(self._target)
        report.lag_seconds = lag(self._target, report.finished).app or 0.0


@contextmanager
def _alone(target: Target) -> Iterator[None]:
    """Hold the app's sync lock, on a session of its own: a killed sync loses it with its session."""
    with target.connection() as conn:
        key = f"{target.app_id} sync"
        row = conn.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [key]).fetchone()
        if row != (True,):
            raise SyncBusyError("starting a sync", "another sync of this app is under way", "Let it end, or stop it.")
        try:
            yield
        finally:
            conn.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [key])
