"""The road of the data: read a page from Stream, map it, load it. One function an asset.

Here: the order of steps and what each one reports. Not here: how a page is read (``stream/``), what a record
becomes (``transform/``), how rows are stored (``postgres/``), and anything of Dagster (``assets/``).
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from types import TracebackType
from typing import Self

from chatsdk_migration import identity
from chatsdk_migration.errors import (
    ChannelError,
    GoneFromSourceError,
    MigrationError,
    SourceChangedError,
)
from chatsdk_migration.models import Batch, Entity, FetchedMessage, Json, LoadCounts, Rejected
from chatsdk_migration.postgres import ledger, preflight, watermarks
from chatsdk_migration.postgres.channels import ChannelLoad, channel_exists, load_channels
from chatsdk_migration.postgres.dryrun import ChannelRehearsal, DryRun
from chatsdk_migration.postgres.people import load_users
from chatsdk_migration.postgres.stage import MEMBER_ENTITIES, MESSAGE_ENTITIES, REACTION_ENTITIES, ChannelStage
from chatsdk_migration.postgres.target import Target
from chatsdk_migration.rejected import of_row
from chatsdk_migration.repeating import afresh, patiently
from chatsdk_migration.settings import Settings
from chatsdk_migration.stream.channels import read_channel, walk_channels
from chatsdk_migration.stream.client import StreamClient
from chatsdk_migration.stream.members import walk_members
from chatsdk_migration.stream.messages import walk_messages
from chatsdk_migration.stream.users import walk_users
from chatsdk_migration.transform import times
from chatsdk_migration.transform.channels import map_channel
from chatsdk_migration.transform.context import ChannelContext
from chatsdk_migration.transform.members import map_members
from chatsdk_migration.transform.messages import map_message
from chatsdk_migration.transform.threads import map_refused_threads
from chatsdk_migration.transform.users import map_listed_user

MOST_MESSAGES = 1 << 40
"""A larger count is a mistake."""


class Part(StrEnum):
    """The three partitioned assets of a channel, in the order in which they depend on each other."""

    MEMBERS = "members"
    MESSAGES = "messages"
    REACTIONS = "reactions"


ALL_PARTS = frozenset(Part)


@dataclass(frozen=True, slots=True)
class PartResult:
    """What became of one part of one channel.

    Attributes:
        rows: Rows written now.
        already_there: Rows that an earlier run had written.
        seconds: Wall time of reading, mapping and loading this part.
        api_calls: Calls made to Stream for it.
        losses: Number of records by kind of loss (``losses.CATALOG``).
        rejects: Records that went to quarantine.
        gone: The channel left Stream before it could be read; nothing was loaded.
        problem: Why the part is not complete, or None.
    """

    rows: int = 0
    already_there: int = 0
    seconds: float = 0.0
    api_calls: int = 0
    losses: dict[str, int] = field(default_factory=dict)
    rejects: int = 0
    gone: bool = False
    problem: MigrationError | None = None


CARRIED: Counter[str] = Counter()
"""What this process has carried so far, by name, for progress bars; counts only ever grow. ``expected messages`` adds
up what Stream says its channels hold, ``channels without count`` those for which it does not say."""


class Migration:
    """One migration's source and target, opened once for a process and a run.

    Args:
        settings: Where from, where to, and how.
        run_id: The Dagster run, kept with each rejected record.
        dry_run: Rehearse: every transaction is read-only, and nothing is noted.

    Raises:
        PermanentError: From the preflight: no such app, a privilege or a column is missing, no database.
        TransientError: The database cannot be reached now.
    """

    def __init__(self, settings: Settings, *, run_id: str = "", dry_run: bool = False) -> None:
        self.settings = settings
        self.run_id = run_id
        self.began = datetime.now(UTC)
        self.notes: dict[Entity, ledger.Notes] = {}
        self.target = Target(settings, read_only=dry_run)
        self.preflight = preflight.check(self.target, dry_run=dry_run)
        self.rehearsal = DryRun(self.target) if dry_run else None
        if not dry_run:
            ledger.install(self.target)
        self.source = StreamClient(settings)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def open_stage(self, channel_id: str, cid: str) -> ChannelStage | ChannelRehearsal:
        """Open the load of one channel, or its rehearsal."""
        if self.rehearsal is not None:
            return self.rehearsal.channel(channel_id, cid)
        return ChannelStage(self.target, self.preflight, channel_id, cid, self.run_id)

    def close(self) -> None:
        """Stop the calls in flight and close the connections."""
        self.source.close()
        self.target.close()


def carry_users(migration: Migration) -> Iterator[Batch]:
    """Read and map everyone Stream lists, deactivated people included, a page at a time.

    Losses and rejects replace those of an earlier run when the last page has been stored.
    """
    with _noting(migration, Entity.USER) as notes:
        began = None
        for page in walk_users(migration.source):
            began = began or migration.source.server_time - watermarks.CLOCK_SECONDS
            out = Batch(sources=page)
            for raw in page:
                map_listed_user(raw, migration.settings.mapping, out, now=migration.began)
            notes.add(out)
            CARRIED["users"] += len(page)
            yield out
    if migration.rehearsal is None:
        watermarks.advance(migration.target, ledger.WHOLE_APP, watermarks.Watermark(synced_to=watermarks.moment(began)))


def store_users(migration: Migration, batch: Batch, noting: Entity = Entity.USER) -> LoadCounts:
    """Commit the people of one batch; ``noting`` says with whose notes those refused are kept."""
    rows, size = batch.users.values(), migration.settings.user_batch_size
    if migration.rehearsal is not None:
        load = migration.rehearsal.load_users(rows, size)
    else:
        load = load_users(migration.target, rows, size, batch, listed=noting is Entity.USER)
    if noting in migration.notes:
        migration.notes[noting].reject(load.rejects)
    return load.counts


def carry_channels(migration: Migration) -> Iterator[Batch]:
    """Read and map every channel of the app, with the people who created them, a page at a time."""
    with _noting(migration, Entity.CHANNEL) as notes:
        for page in walk_channels(migration.source):
            out = Batch(sources=page)
            for state in page:
                map_channel(state, migration.settings.app_id, migration.settings.mapping, out, migration.began)
                _expect(state)
            notes.add(out)
            CARRIED["channels"] += len(page)
            yield out


def store_channels(migration: Migration, batch: Batch) -> LoadCounts:
    """Commit the channels of one batch and who created them.

    A channel whose place in the target is taken is noted in quarantine; its partition then fails with the reason.
    """
    store_users(migration, batch, Entity.CHANNEL)
    load = _load_channels(migration, batch)
    if migration.rehearsal is None:
        ledger.expect_messages(migration.target, _expected(batch))
    refused = [*_taken(load.problems, batch), *load.rejects]
    batch.rejects += refused
    if Entity.CHANNEL in migration.notes:
        migration.notes[Entity.CHANNEL].reject(refused)
    return load.counts


def _load_channels(migration: Migration, batch: Batch) -> ChannelLoad:
    rows, size = batch.channels, migration.settings.channel_batch_size
    if migration.rehearsal is not None:
        return migration.rehearsal.load_channels(rows, size)
    return load_channels(migration.target, rows, size, batch)


def _taken(problems: Mapping[str, ChannelError], batch: Batch) -> Iterator[Rejected]:
    for row in batch.channels:
        if problem := problems.get(row.stream_cid):
            reason = f"{problem.found}. {problem.next_step}"
            yield of_row(Entity.CHANNEL.value, row, "cid_taken", reason, batch)


def _expected(batch: Batch) -> dict[str, int]:
    """Give Stream's own counts of messages by cid, where it gives one."""
    found = {}
    for state in batch.sources:
        channel = state.get("channel") or {}
        cid, count = channel.get("cid"), channel.get("message_count")
        if isinstance(cid, str) and isinstance(count, int) and 0 <= count < MOST_MESSAGES:
            found[cid] = count
    return found


def _expect(state: Json) -> None:
    count = (state.get("channel") or {}).get("message_count")
    if isinstance(count, int):
        CARRIED["expected messages"] += count
    else:
        CARRIED["channels without count"] += 1


@contextmanager
def _noting(migration: Migration, entity: Entity) -> Iterator[ledger.Notes]:
    """Collect losses and rejects of a whole-app asset, and store them when it has been carried to its end."""
    notes = ledger.Notes(migration.target, {entity.value}, migration.run_id)
    migration.notes[entity] = notes
    yield notes
    if migration.rehearsal is None:
        notes.write()


def carry_channel(migration: Migration, cid: str, parts: frozenset[Part] = ALL_PARTS) -> dict[Part, PartResult]:
    """Read, map and load the asked parts of one channel, from its first message to its counters.

    A channel that fails leaves its neighbours alone: its problem is in the results. Loads are idempotent, so a lost
    database connection begins the channel again, within bounds; so does a channel that Stream truncates meanwhile.

    Raises:
        PermanentError: Nothing further can succeed: credentials, suspended app, database gone for good.
    """
    try:
        return afresh(lambda: patiently(lambda: _ChannelTransfer(migration, cid, parts).run()))
    except GoneFromSourceError:
        return {part: PartResult(gone=True) for part in parts}
    except ChannelError as problem:
        return {part: PartResult(problem=problem) for part in parts}


@dataclass(slots=True)
class _Meter:
    """Time and calls that one part took."""

    seconds: float = 0.0
    calls: int = 0


class _ChannelTransfer:
    """One attempt at one channel: all is read into the stage first, so that a channel that vanishes leaves nothing."""

    def __init__(self, migration: Migration, cid: str, parts: frozenset[Part]) -> None:
        self._migration = migration
        self._cid = cid
        self._parts = parts
        self._channel_id = identity.channel_id(migration.settings.app_id, cid)
        self._source = migration.source.counting()
        self._meters = {part: _Meter() for part in Part}
        self._months: Counter[str] = Counter()

    def run(self) -> dict[Part, PartResult]:
        """Read, map and load; when the messages cannot be read, nothing is loaded.

        Raises:
            GoneFromSourceError: Nothing was loaded.
            ChannelError: No part could be loaded.
            TransientError: The database connection broke: begin again.
        """
        migration = self._migration
        with self._metered(Part.MEMBERS):
            state = read_channel(self._source, self._cid)
            began = self._source.server_time
            self._require_channel(state)
            people = self._mapped_members(state)
        with migration.open_stage(self._channel_id, self._cid) as stage:
            stage.add(people)  # in any case: who has read what decides each person's state of each message
            del people  # of a large channel they are many
            problem = self._stage_messages(stage)
            if problem is not None:  # members alone would read on here after they left in Stream
                return {part: PartResult(problem=problem) for part in self._parts}
            if self._parts != {Part.REACTIONS}:
                stage.refresh_members()
            results = {part: self._load(stage, part) for part in Part if part in self._parts}
            stage.finish()
            if Part.MESSAGES in self._parts:
                stage.keep_source_months(self._months)
        if self._parts == ALL_PARTS and migration.rehearsal is None:
            watermarks.advance(migration.target, self._cid, watermarks.of_state(state, began, swept=True))
        return results

    def _require_channel(self, state: Json) -> None:
        """Create the channel when the target does not have it: it was removed, or its place was taken until now.

        Raises:
            ChannelError: Another channel is in its place.
        """
        migration = self._migration
        if channel_exists(migration.target, self._channel_id):
            return
        out = Batch(sources=[state])
        map_channel(state, migration.settings.app_id, migration.settings.mapping, out, migration.began)
        for problem in _load_channels(migration, out).problems.values():
            raise problem
        if migration.rehearsal is None:
            ledger.settle(migration.target, Entity.CHANNEL, self._cid)

    def _mapped_members(self, state: Json) -> Batch:
        members = [member for page in walk_members(self._source, state) for member in page]
        channel = state.get("channel") or {}
        creator = channel.get("created_by") or {}
        rules, out = self._migration.settings.mapping, Batch(sources=members)
        reads, now = state.get("read") or [], self._migration.began
        map_members(self._cid, members, reads, rules, out, created_by=creator.get("id"), now=now)
        return out

    def _stage_messages(self, stage: ChannelStage | ChannelRehearsal) -> ChannelError | None:
        """Read all messages into the stage; give what kept them from being complete."""
        if self._parts == {Part.MEMBERS}:
            return None
        settings = self._migration.settings
        context = ChannelContext(settings.app_id, self._cid, self._channel_id, settings.mapping, self._migration.began)
        refused: list[str] = []
        try:
            with self._metered(Part.MESSAGES):
                reactions = Part.REACTIONS in self._parts
                for page in walk_messages(self._source, self._cid, reactions=reactions, refused=refused):
                    stage.add(_mapped(page, context))
                    CARRIED["messages read"] += len(page)
                    self._months.update(times.month(fetched.raw.get("created_at")) for fetched in page)
        except (GoneFromSourceError, SourceChangedError):
            raise
        except ChannelError as problem:
            return problem
        if refused:
            out = Batch()
            map_refused_threads(refused, out)
            stage.add(out)
        return None

    def _load(self, stage: ChannelStage | ChannelRehearsal, part: Part) -> PartResult:
        loads = {
            Part.MEMBERS: stage.load_members,
            Part.MESSAGES: stage.load_messages,
            Part.REACTIONS: stage.load_reactions,
        }
        with self._metered(part):
            counts = loads[part]()
        CARRIED[part.value] += counts.written + counts.already_there
        return self._result(stage, part, counts)

    def _result(self, stage: ChannelStage | ChannelRehearsal, part: Part, counts: LoadCounts) -> PartResult:
        losses: Counter[str] = Counter()
        for (entity, kind), number in stage.losses.items():
            if entity in _ENTITIES[part]:
                losses[kind] += number
        return PartResult(
            rows=counts.written,
            already_there=counts.already_there,
            seconds=self._meters[part].seconds,
            api_calls=self._meters[part].calls,
            losses=dict(losses),
            rejects=sum(number for entity, number in stage.rejects.items() if entity in _ENTITIES[part]),
        )

    @contextmanager
    def _metered(self, part: Part) -> Iterator[None]:
        started, calls, meter = time.monotonic(), sum(self._source.calls.values()), self._meters[part]
        try:
            yield
        finally:
            meter.seconds += time.monotonic() - started
            meter.calls += sum(self._source.calls.values()) - calls


_ENTITIES = {Part.MEMBERS: MEMBER_ENTITIES, Part.MESSAGES: MESSAGE_ENTITIES, Part.REACTIONS: REACTION_ENTITIES}
"""Which part answers for an entity's losses and rejects."""


def _mapped(page: list[FetchedMessage], context: ChannelContext) -> Batch:
    out = Batch(sources=page)
    for fetched in page:
        map_message(fetched, context, out)
    return out
