"""The loads rehearsed: what is there already, what would be written, what would be refused, without writing.

Here: the same steps as ``people.py``, ``channels.py`` and ``stage.py``, each in a read-only transaction, so that the
server itself refuses a write. Works on an empty target, and where our own schema is not installed.
Not here: what only a write can find out (a row deleted meanwhile, a full disk).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from itertools import islice
from types import TracebackType
from typing import Any, NamedTuple, Self
from uuid import UUID

from chatsdk_migration.errors import ChannelError
from chatsdk_migration.models import Batch, ChannelRow, Entity, LoadCounts, Rejected, UserRow
from chatsdk_migration.postgres.channels import ChannelLoad, conflict
from chatsdk_migration.postgres.copying import in_halves, refusal
from chatsdk_migration.postgres.failures import explained
from chatsdk_migration.postgres.people import UserLoad
from chatsdk_migration.postgres.sql import statement
from chatsdk_migration.postgres.target import Target


class _Check(NamedTuple):
    statement: str
    columns: tuple[str, ...]
    entity: Entity


_USERS = _Check("dry_users", ("id", "custom_data", "last_active_at", "created_at", "updated_at"), Entity.USER)
_CHANNELS = _Check("dry_channels", ("id", "config", "created_at", "updated_at"), Entity.CHANNEL)
_MEMBERS = _Check("dry_members", ("user_id", "joined_at", "last_read"), Entity.MEMBER)
_MESSAGES = _Check("dry_messages", ("id", "attachments", "created_at", "edited_at", "deleted_at"), Entity.MESSAGE)
_POLLS = _Check("dry_polls", ("id", "options", "ends_at", "created_at"), Entity.POLL)
_REACTIONS = _Check("dry_reactions", ("message_id", "user_id", "emoji", "created_at"), Entity.REACTION)


class DryRun:
    """Rehearses loads into a target.

    Raises:
        TransientError: From any method: the connection broke.
        PermanentError: From any method: a table or a privilege to read it is missing.
    """

    def __init__(self, target: Target) -> None:
        self._target = target

    def load_users(self, rows: Iterable[UserRow], batch_size: int) -> UserLoad:
        """Rehearse ``people.load_users``."""
        load = UserLoad()
        remaining = iter(rows)
        while batch := list(islice(remaining, batch_size)):
            load.counts += self.count(_USERS, batch, load.rejects)
        return load

    def load_channels(self, rows: Iterable[ChannelRow], batch_size: int) -> ChannelLoad:
        """Rehearse ``channels.load_channels``."""
        load = ChannelLoad()
        remaining = iter(rows)
        while batch := list(islice(remaining, batch_size)):
            problems = self._conflicts(batch)
            load.problems |= problems
            free = [row for row in batch if row.stream_cid not in problems]
            load.counts += self.count(_CHANNELS, free, load.rejects)
        return load

    def channel(self, channel_id: str, cid: str) -> ChannelRehearsal:
        """Rehearse ``stage.ChannelStage``."""
        return ChannelRehearsal(self, channel_id, cid)

    def count(
        self,
        check: _Check,
        rows: Sequence[tuple[Any, ...]],
        rejects: list[Rejected],
        channel_id: UUID | None = None,
    ) -> LoadCounts:
        """Count what would be written and what is there; rows that would be refused join ``rejects``."""
        with explained(f"rehearsing the load of each {check.entity.value}"):
            counts = in_halves(
                rows,
                lambda some: self._look(check, some, channel_id),
                lambda row, reason: rejects.append(refusal(check.entity.value, row, reason)),
            )
        return sum(counts, LoadCounts())

    def _look(self, check: _Check, rows: Sequence[tuple[Any, ...]], channel_id: UUID | None) -> LoadCounts:
        parameters = {column: [getattr(row, column) for row in rows] for column in check.columns}
        with self._target.raw_transaction(read_only=True) as conn:
            row = conn.execute(
                statement(check.statement), parameters | {"app": self._target.app_id, "channel": channel_id}
            ).fetchone()
        assert row is not None, "an aggregate gives one row"
        return LoadCounts(len(rows) - row[0], row[0])

    def _conflicts(self, rows: Sequence[ChannelRow]) -> dict[str, ChannelError]:
        parameters = {
            "app": self._target.app_id,
            "id": [row.id for row in rows],
            "cid": [row.cid for row in rows],
            "stream_cid": [row.stream_cid for row in rows],
        }
        with self._target.transaction(read_only=True) as conn:
            taken = conn.execute(statement("dry_channel_conflicts"), parameters).fetchall()
        return {stream_cid: conflict(stream_cid, cid, existing) for stream_cid, cid, existing in taken}


class ChannelRehearsal(AbstractContextManager["ChannelRehearsal"]):
    """Takes the place of a ``ChannelStage`` and counts; keeps nothing but numbers.

    Attributes:
        losses: Number of losses by (entity, kind).
        rejects: Number of rejected records by entity.
    """

    def __init__(self, dry_run: DryRun, channel_id: str, cid: str) -> None:
        self.cid = cid
        self.losses: Counter[tuple[str, str]] = Counter()
        self.rejects: Counter[str] = Counter()
        self._dry_run = dry_run
        self._channel_id = UUID(channel_id)
        self._counts: dict[Entity, LoadCounts] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return

    def add(self, batch: Batch) -> None:
        """Check one batch against the target."""
        rejects = list(batch.rejects)
        self._count(_USERS, list(batch.users.values()), rejects)
        self._count(_MEMBERS, batch.members, rejects)
        self._count(_MESSAGES, batch.messages, rejects)
        self._count(_POLLS, batch.polls, rejects)
        self._count(_REACTIONS, batch.reactions, rejects)
        self.losses.update((loss.entity, loss.kind) for loss in batch.losses)
        self.rejects.update(rejected.entity for rejected in rejects)

    def refresh_members(self) -> None:
        """Change nothing."""

    def load_members(self) -> LoadCounts:
        """Give the members that would be written."""
        return self._counts.get(Entity.MEMBER, LoadCounts())

    def load_messages(self) -> LoadCounts:
        """Give the messages that would be written."""
        return self._counts.get(Entity.MESSAGE, LoadCounts())

    def load_reactions(self) -> LoadCounts:
        """Give the reactions that would be written."""
        return self._counts.get(Entity.REACTION, LoadCounts())

    def finish(self) -> None:
        """Do nothing: there are no counters to set."""

    def keep_source_months(self, months: Mapping[str, int]) -> None:
        """Note nothing."""

    def _count(self, check: _Check, rows: Sequence[tuple[Any, ...]], rejects: list[Rejected]) -> None:
        counts = self._dry_run.count(check, rows, rejects, self._channel_id)
        self._counts[check.entity] = self._counts.get(check.entity, LoadCounts()) + counts
