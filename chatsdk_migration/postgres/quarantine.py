"""The quarantine's table: reading it, settling records, discarding them.

Here: statements over ``chatsdk_migration.quarantine`` and the losses of records that arrive late.
Not here: filling it (``stage.py``, ``ledger.py``), loading its records again (``replay.py``).

A record is open until a replay loads it (``replayed_at``) or the operator gives it up (``discarded_at``); both stay.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

from chatsdk_migration.models import Json, Loss, Rejected
from chatsdk_migration.postgres import ledger
from chatsdk_migration.postgres.sql import statement
from chatsdk_migration.postgres.target import Connection, Target
from chatsdk_migration.rejected import key_of


class State(StrEnum):
    """What became of a rejected record."""

    OPEN = "open"
    REPLAYED = "replayed"
    DISCARDED = "discarded"


class Entry(NamedTuple):
    """One rejected record.

    ``record`` is the original, or, when ``mapped``, the row it became; ``message_stream_id`` the message it belongs to,
    ``tried_at`` the last replay that did not succeed. ``cid`` is empty for users and channels.
    """

    id: int
    entity: str
    stream_id: str
    cid: str
    message_stream_id: str
    code: str
    reason: str
    record: Json
    mapped: bool
    run_id: str | None
    rejected_at: datetime
    tried_at: datetime | None
    replayed_at: datetime | None
    discarded_at: datetime | None

    @property
    def state(self) -> State:
        """What became of it."""
        if self.replayed_at is not None:
            return State.REPLAYED
        return State.DISCARDED if self.discarded_at is not None else State.OPEN

    @property
    def key(self) -> str:
        """What is the same whenever this record is met again."""
        return key_of(Rejected(self.entity, self.stream_id, self.code, self.reason, self.record))


@dataclass(frozen=True, slots=True)
class Selection:
    """Which records: those that fit every given condition; none given means all.

    Attributes:
        ids: Their numbers in the quarantine.
        entity: An ``Entity`` value.
        code: A reason code.
        cid: A channel.
    """

    ids: tuple[int, ...] = ()
    entity: str | None = None
    code: str | None = None
    cid: str | None = None

    def parameters(self, target: Target) -> dict[str, Any]:
        """Give the parameters of the statements."""
        return {
            "app": target.app_id,
            "ids": list(self.ids) or None,
            "entity": self.entity or None,
            "code": self.code or None,
            "cid": self.cid or None,
        }


@dataclass(slots=True)
class Settlement:
    """What a replay has found out about records, to be written down at once.

    Attributes:
        replayed: Records that are in the target now, or need not be.
        failed: The reason code and the sentence for each record that is still not, by number.
        losses: What the replayed ones lost on the way.
    """

    replayed: list[Entry] = field(default_factory=list)
    failed: dict[int, tuple[str, str]] = field(default_factory=dict)
    losses: list[Loss] = field(default_factory=list)


def entries(
    target: Target, selection: Selection, states: Collection[State] = (State.OPEN,), limit: int | None = None
) -> list[Entry]:
    """Read records, oldest first.

    Raises:
        TransientError: The connection broke.
        PermanentError: There is no quarantine, or the role may not read it.
    """
    parameters = selection.parameters(target) | {"states": [state.value for state in states], "limit": limit}
    with target.transaction(read_only=True) as conn:
        return [Entry(*row) for row in conn.execute(statement("quarantine_list"), parameters)]


def open_ids(target: Target, selection: Selection) -> dict[str, list[int]]:
    """Give the open records of each channel, in the order in which they are to be replayed."""
    with target.transaction(read_only=True) as conn:
        return dict(conn.execute(statement("quarantine_open"), selection.parameters(target)).fetchall())


def channels(target: Target) -> list[str]:
    """Give the cids of channels that have, or had, rejected records."""
    query = "SELECT DISTINCT cid FROM chatsdk_migration.quarantine WHERE app_id = %s AND cid <> '' ORDER BY cid"
    with target.transaction(read_only=True) as conn:
        return [cid for (cid,) in conn.execute(query, [target.app_id])]


def discard(target: Target, chosen: Sequence[Entry]) -> int:
    """Give records up; say how many were open until now."""
    parameters = {"app": target.app_id, "ids": [one.id for one in chosen], "keys": [one.key for one in chosen]}
    with target.transaction() as conn:
        return conn.execute(statement("quarantine_discard"), parameters).rowcount


def settle(conn: Connection, app_id: UUID, cid: str, done: Settlement) -> None:
    """Write down what became of records, inside the caller's transaction."""
    replayed = {"ids": [one.id for one in done.replayed], "keys": [one.key for one in done.replayed]}
    conn.execute(statement("quarantine_replayed"), {"app": app_id} | replayed)
    failed = {
        "ids": list(done.failed),
        "codes": [code for code, _ in done.failed.values()],
        "reasons": [reason for _, reason in done.failed.values()],
    }
    conn.execute(statement("quarantine_failed"), {"app": app_id} | failed)
    _add_losses(conn, app_id, cid, done.losses)


def _add_losses(conn: Connection, app_id: UUID, cid: str, losses: Iterable[Loss]) -> None:
    sums = ledger.Sums()
    rows = ledger.listed_lines(losses, sums) + sums.rows()
    names = ("entities", "kinds", "stream_ids", "numbers", "details")
    columns = [[row[place] for row in rows] for place in range(len(names))]
    parameters = dict(zip(names, columns, strict=True)) | {"summed": ledger.summed_kinds()}
    conn.execute(statement("quarantine_losses"), {"app": app_id, "cid": cid} | parameters)
