"""One channel on its way: batches pour into temporary tables, then each part is merged into ChatSDK's tables.

Here: the connection and its temporary tables, the COPY, one load of a channel at a time, which notes belong to which
part. Not here: the merges (``merge.py``) and their statements (``sql/``).

Rows wait in PostgreSQL, not in Python: a channel of a million messages needs no more memory here than a small one.
Temporary tables and the session's lock need a session of their own: no transaction pooler (pgbouncer) in between.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from types import TracebackType
from typing import Any, NamedTuple, Self
from uuid import UUID

import psycopg
from psycopg import sql

from chatsdk_migration.errors import AGAIN, ChannelError
from chatsdk_migration.models import (
    Batch,
    Entity,
    LoadCounts,
    MemberRow,
    MentionRow,
    MessageRow,
    PinRow,
    PollRow,
    ReactionRow,
    Rejected,
    UserRow,
    VoteRow,
)
from chatsdk_migration.postgres import ledger, merge
from chatsdk_migration.postgres.copying import REJECT_COLUMNS, copy_rows, in_halves, refusal, reject_line
from chatsdk_migration.postgres.failures import explained
from chatsdk_migration.postgres.preflight import Preflight
from chatsdk_migration.postgres.sql import statement
from chatsdk_migration.postgres.target import Target
from chatsdk_migration.rejected import key_of

LOCK_WAIT_SECONDS = 60
"""How long to wait for another run of the same channel; a killed one loses its lock as soon as its session ends."""
ROWS_AT_A_TIME = 2_000
"""Rows collected before they are copied: a COPY costs as much as a hundred rows, and pages bring few of each kind."""
CHARACTERS_AT_A_TIME = 4_000_000
"""Text and attachments collected at most, for each channel in flight: a page of the longest messages is so large."""
LARGEST_LEFTOVER_BYTES = 4 * 1024**2
"""Size up to which a stage is emptied row by row. A new file for each table costs more, and every plan made before."""
ONLY_WHEN_ASKED = 1_000_000_000
"""Executions before psycopg prepares a statement by itself; ``merge.Scope.run`` says which are worth it."""
MOST_PREPARED = 300
"""Prepared statements of a session: ours, some of them for several types of numbers."""
MOST_REMEMBERED_USERS = 100_000
"""Ids of people already staged; beyond it they are forgotten and staged again, which only costs time."""

MEMBER_ENTITIES = frozenset({Entity.MEMBER.value})
REACTION_ENTITIES = frozenset({Entity.REACTION.value})
MESSAGE_ENTITIES = frozenset(Entity) - MEMBER_ENTITIES - REACTION_ENTITIES
"""Whose losses and rejects are replaced when a part is loaded again."""

LOSS_COLUMNS = ledger.LossLine._fields


class _Stage(NamedTuple):
    table: str
    columns: tuple[str, ...]
    entity: Entity


_USERS = _Stage("stage_user", UserRow._fields, Entity.USER)
_MEMBERS = _Stage("stage_member", MemberRow._fields, Entity.MEMBER)
_MESSAGES = _Stage("stage_message", MessageRow._fields, Entity.MESSAGE)
_MENTIONS = _Stage("stage_mention", MentionRow._fields, Entity.MENTION)
_PINS = _Stage("stage_pin", PinRow._fields, Entity.PIN)
_POLLS = _Stage("stage_poll", PollRow._fields, Entity.POLL)
_VOTES = _Stage("stage_vote", VoteRow._fields, Entity.VOTE)
_REACTIONS = _Stage("stage_reaction", ReactionRow._fields, Entity.REACTION)

_LISTS = ("members", "messages", "mentions", "pins", "polls", "votes", "reactions", "losses", "rejects")
"""What a batch of a channel holds beside people and what these lost."""

_FOR_THE_LOAD = """
SELECT set_config('synchronous_commit', 'off', false), set_config('enable_seqscan', 'off', false),
       set_config('plan_cache_mode', 'force_generic_plan', false), set_config('app.current_app_id', %s, false)
"""
"""A channel is some twenty transactions: only its end waits for the disk, for all of them. A channel's rows are a small
part of tables whose statistics lag behind a load: always by their keys, also in plans kept since these were empty."""
_TO_THE_DISK = """
RESET synchronous_commit; RESET enable_seqscan; RESET plan_cache_mode; RESET app.current_app_id;
SELECT pg_logical_emit_message(true, 'chatsdk-migration', '')
"""
"""One transaction that writes something, and waits as long as the server wants to: all before it is safe then."""


class ChannelStage(AbstractContextManager["ChannelStage"]):
    """One channel's load: ``add`` batches, then load the wanted parts in the order of their methods, then ``finish``.

    Every step adds only what is missing, so that a load that was cut off at any point is completed by another one.
    What was in the target before stays as it is, except the counters of the channel and of thread parents.

    Args:
        target: The database.
        preflight: What the role may do.
        channel_id: The channel's id in the target.
        cid: Stream's cid.
        run_id: The Dagster run, kept with each rejected record.

    Attributes:
        losses: Number of losses by (entity, kind), those of the batches and those found while loading.
        rejects: Number of rejected records by entity.

    Raises:
        ChannelError: From any method: this channel cannot be loaded now.
        TransientError: From any method: the connection broke; load the whole channel again.
        PermanentError: From any method: no channel can be loaded.
    """

    def __init__(self, target: Target, preflight: Preflight, channel_id: str, cid: str, run_id: str = "") -> None:
        self.cid = cid
        self.losses: Counter[tuple[str, str]] = Counter()
        self.rejects: Counter[str] = Counter()
        self._target = target
        self._privileged = preflight.may_set_replication_role
        self._channel_id = UUID(channel_id)
        self._run_id = run_id
        self._sums = ledger.Sums()
        self._staged: Counter[str] = Counter()
        self._known_users: set[str] = set()
        self._waiting: list[Batch] = []
        self._waiting_rows = self._waiting_characters = 0
        self._settled: frozenset[tuple[str, str]] = frozenset()  # rejects replayed or discarded before, by their keys
        self._entities: frozenset[str] = frozenset()
        self._resources = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            conn = stack.enter_context(self._target.connection())
            self._opened = self._new_scope(conn)
            try:
                with explained(f"preparing the load of {self.cid}", ChannelError):
                    conn.prepare_threshold, conn.prepared_max = ONLY_WHEN_ASKED, MOST_PREPARED
                    conn.execute(_FOR_THE_LOAD, [str(self._target.app_id)])
                    self._empty_tables()
                    self._lock()
                    self._settled = frozenset(self._scope.run("quarantine_settled"))
                    self._prepare()
            except BaseException:
                conn.close()  # gives the lock back, whatever state the session is in
                raise
            self._resources = stack.pop_all()
        return self

    def _prepare(self) -> None:
        """Make ready what a kind of load of its own needs; whatever it raises, the connection is given back."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._resources:
            if error is not None:
                self._close()
                return
            try:
                with explained(f"finishing {self.cid}", ChannelError):
                    self._reach_the_disk()
            except BaseException:
                self._close()
                raise
            try:
                self._opened.run("unlock_channel")
            except psycopg.Error:  # everything is committed; the lock goes with the session
                self._close()
            except BaseException:
                self._close()
                raise

    def _close(self) -> None:
        with suppress(psycopg.Error):
            self._opened.conn.close()

    def _reach_the_disk(self) -> None:
        """Wait until all is safe, and leave the session as it was; what still waits for the stage nobody asked for."""
        self._opened.conn.execute(_TO_THE_DISK)

    @property
    def _scope(self) -> merge.Scope:
        """The channel's scope, for statements that find all batches in the stage."""
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            self._waiting_rows = self._waiting_characters = 0
            self._stage(together(waiting))
        return self._opened

    def add(self, batch: Batch) -> None:
        """Take a batch for the stage; a row PostgreSQL refuses costs that row only."""
        self._waiting.append(batch)
        self._waiting_rows += _rows(batch)
        self._waiting_characters += _characters(batch)
        if self._waiting_rows >= ROWS_AT_A_TIME or self._waiting_characters >= CHARACTERS_AT_A_TIME:
            _ = self._scope

    def _stage(self, batch: Batch) -> None:
        with explained(f"staging rows of {self.cid}", ChannelError):
            fresh = self._new_users(batch)
            self._copy(_USERS, fresh, batch)
            self._note_embedded_losses(batch, fresh)
            self._copy(_MEMBERS, batch.members, batch)
            self._copy(_MESSAGES, batch.messages, batch)
            self._plan_anew()
            progress = self._opened.progress
            progress.polled = progress.polled or any(row.poll_id is not None for row in batch.messages)
            progress.uncounted = progress.uncounted or any(row.unread_count is None for row in batch.members)
            self._copy(_MENTIONS, batch.mentions, batch)
            self._copy(_PINS, batch.pins, batch)
            self._copy(_POLLS, batch.polls, batch)
            self._copy(_VOTES, batch.votes, batch)
            self._copy(_REACTIONS, batch.reactions, batch)
            self._note_losses(batch)
            self._note_rejects(batch.rejects)

    def refresh_members(self) -> None:
        """Bring carried members up to date; needs all members of the channel in the stage."""
        with explained(f"refreshing members of {self.cid}", ChannelError):
            self._store_users()
            merge.refresh_members(self._scope)

    def load_members(self) -> LoadCounts:
        """Insert the staged members."""
        self._entities |= MEMBER_ENTITIES
        with explained(f"loading members of {self.cid}", ChannelError):
            self._store_users()
            return self._noted(merge.load_members(self._scope))

    def load_messages(self) -> LoadCounts:
        """Insert the staged messages with their polls and everyone's read and mention state."""
        self._entities |= MESSAGE_ENTITIES
        with explained(f"loading messages of {self.cid}", ChannelError):
            self._store_users()
            return self._noted(merge.load_messages(self._scope))

    def load_reactions(self) -> LoadCounts:
        """Insert the staged reactions."""
        self._entities |= REACTION_ENTITIES
        with explained(f"loading reactions of {self.cid}", ChannelError):
            self._store_users()
            return self._noted(merge.load_reactions(self._scope))

    def finish(self) -> None:
        """Insert what hangs on messages, place the readers, check the counters, store losses and rejects."""
        with explained(f"finishing {self.cid}", ChannelError):
            if self._entities >= MESSAGE_ENTITIES:
                self._noted(merge.attach_to_messages(self._scope))
                merge.count_replies(self._scope)
            if self._entities - REACTION_ENTITIES:
                merge.place_readers(self._scope)
                merge.audit(self._scope)
            merge.record_categories(self._scope, self._recorded_categories())
            self._remember_items()
            copy_rows(self._scope.conn, "stage_loss", LOSS_COLUMNS, self._sums.rows())
            self._sums = ledger.Sums()
            merge.keep_notes(self._scope, self._entities, rejects=bool(self.rejects))

    def _remember_items(self) -> None:
        """Note how the polls came, for incremental syncs."""
        if self._entities >= MESSAGE_ENTITIES and self._staged["stage_poll"]:
            with self._scope.transaction():
                self._scope.run("remember_items")

    def _recorded_categories(self) -> list[str]:
        """Name what has been loaded now, of what hangs on messages."""
        of_messages = ["mentions", "pins", "votes"] if self._entities >= MESSAGE_ENTITIES else []
        return of_messages + (["reactions"] if self._entities >= REACTION_ENTITIES else [])

    def keep_source_months(self, months: Mapping[str, int]) -> None:
        """Note how many messages were read from Stream, by month (``YYYY-MM``, empty: unknown), in place of before."""
        with explained(f"noting what was read of {self.cid}", ChannelError), self._scope.transaction():
            self._scope.run("forget_source_months")
            self._scope.run("keep_source_months", months=list(months), numbers=list(months.values()))

    def _new_scope(self, conn: psycopg.Connection[Any]) -> merge.Scope:
        settings = self._target.settings
        return merge.Scope(
            conn=conn,
            app_id=self._target.app_id,
            channel_id=self._channel_id,
            cid=self.cid,
            privileged=self._privileged,
            chunk=settings.message_batch_size,
            user_message=settings.mapping.user_message,
            run_id=self._run_id,
            staged=self._staged,
        )

    def _empty_tables(self) -> None:
        """Create this session's tables, or empty those that the channel before left filled."""
        conn = self._scope.conn
        row = conn.execute(statement("stage_filled"), prepare=True).fetchone()
        size, filled = row or (None, [])
        if size is None:
            with conn.transaction():
                conn.execute(statement("stage_tables"))
        elif size > LARGEST_LEFTOVER_BYTES:
            tables = sql.SQL(", ").join(sql.Identifier("pg_temp", name) for name in filled)
            conn.execute(sql.SQL("TRUNCATE {} RESTART IDENTITY").format(tables))
        elif filled:
            conn.execute(statement("stage_empty"), prepare=True)

    def _lock(self) -> None:
        """Wait, within bounds, until no other run loads this channel."""
        conn = self._scope.conn
        try:
            with conn.transaction():
                conn.execute("SELECT set_config('lock_timeout', %s, true)", [f"{LOCK_WAIT_SECONDS}s"])
                self._scope.run("lock_channel")
        except psycopg.errors.LockNotAvailable:
            raise ChannelError(
                f"loading {self.cid}",
                f"another run has been loading this channel for {LOCK_WAIT_SECONDS} s",
                f"Let it end, then run {AGAIN}.",
            ) from None

    def _new_users(self, batch: Batch) -> list[UserRow]:
        if len(self._known_users) > MOST_REMEMBERED_USERS:
            self._known_users.clear()
        fresh = [row for user_id, row in batch.users.items() if user_id not in self._known_users]
        self._known_users.update(row.id for row in fresh)
        return fresh

    def _note_embedded_losses(self, batch: Batch, fresh: Sequence[UserRow]) -> None:
        """Stage what people embedded in other records lose; which of them are new here, the database knows."""
        ids = {row.id for row in fresh} if batch.embedded_losses else set[str]()
        lines = [ledger.loss_line(loss) for loss in batch.embedded_losses if loss.stream_id in ids]
        if lines:
            lines = [line._replace(entity=merge.EMBEDDED_USER) for line in lines]
            copy_rows(self._opened.conn, "stage_loss", LOSS_COLUMNS, lines)
            self._staged[merge.EMBEDDED_USER] += len(lines)

    def _store_users(self) -> None:
        scope = self._scope
        if self._staged.pop(_USERS.table, 0):
            self._noted(merge.store_users(scope))

    def _copy(self, stage: _Stage, rows: Sequence[tuple[Any, ...]], batch: Batch) -> None:
        refused: list[Rejected] = []
        in_halves(
            rows,
            lambda some: copy_rows(self._opened.conn, stage.table, stage.columns, some),
            lambda row, reason: refused.append(refusal(stage.entity.value, row, reason, batch)),
        )
        self._staged[stage.table] += len(rows)
        self._note_rejects(refused)

    def _plan_anew(self) -> None:
        """Have a large channel's statements planned for their own parameters; they are not kept either."""
        if self._staged[_MESSAGES.table] >= merge.LARGE_STAGE:
            self._opened.conn.execute("RESET plan_cache_mode; RESET enable_seqscan")

    def _note_losses(self, batch: Batch) -> None:
        self.losses.update((loss.entity, loss.kind) for loss in batch.losses)
        if lines := ledger.listed_lines(batch.losses, self._sums):
            copy_rows(self._opened.conn, "stage_loss", LOSS_COLUMNS, lines)

    def _note_rejects(self, rejects: Sequence[Rejected]) -> None:
        fresh = [one for one in rejects if (one.entity, key_of(one)) not in self._settled]
        self.rejects.update(rejected.entity for rejected in fresh)
        if fresh:
            copy_rows(self._opened.conn, "stage_reject", REJECT_COLUMNS, [reject_line(one) for one in fresh])

    def _noted(self, outcome: merge.Outcome) -> LoadCounts:
        self.losses.update(outcome.losses)
        self.rejects.update(outcome.rejects)
        return outcome.counts


def together(batches: Sequence[Batch]) -> Batch:
    """Put batches into one; of people met in several, the first description stands."""
    if len(batches) == 1:
        return batches[0]
    every = Batch(sources=[one for batch in batches for one in batch.sources])
    for batch in batches:
        known = every.users
        every.embedded_losses += [loss for loss in batch.embedded_losses if loss.stream_id not in known]
        every.users = batch.users | known
        for name in _LISTS:
            getattr(every, name).extend(getattr(batch, name))
    return every


def _rows(batch: Batch) -> int:
    lists = sum(len(getattr(batch, name)) for name in _LISTS)
    return len(batch.users) + lists + len(batch.embedded_losses)


def _characters(batch: Batch) -> int:
    return sum(len(row.text or "") + len(row.attachments) for row in batch.messages)
