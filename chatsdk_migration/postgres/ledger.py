"""The tool's own schema ``chatsdk_migration``: id maps, read positions, losses, quarantine, the migration's identity.

Here: creating it, what concerns the whole app, reading it back. Not here: what a channel's load writes into it
(``stage.py``). Its tables are not under row-level security; every row names its app.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from chatsdk_migration import losses
from chatsdk_migration.models import Batch, Entity, Loss, Rejected
from chatsdk_migration.postgres.copying import REJECT_COLUMNS, copy_rows, reject_line
from chatsdk_migration.postgres.failures import explained
from chatsdk_migration.postgres.sql import statement
from chatsdk_migration.postgres.target import Connection, Target
from chatsdk_migration.rejected import key_of
from chatsdk_migration.storable import repair

VERSION = 11
"""Number of the newest ``ledger_<n>.sql``."""
INSTALL_LOCK = 0x6D696772617465
"""Key of the advisory lock under which one process installs and the others wait."""
WHOLE_APP = ""
"""The ``cid`` of losses and rejects that belong to no channel."""
FINGERPRINT_CHARACTERS = 16


class Noted(NamedTuple):
    """A sum over the losses or the quarantine; ``kind`` is the reason code for rejects.

    ``cid`` is one of the channels concerned, ``example`` one detail or reason.
    """

    entity: str
    kind: str
    number: int
    cid: str | None
    example: str


class Identity(NamedTuple):
    """Which migration fills this app: ``source_key_fingerprint`` is a hash of the first Stream key used."""

    id: UUID
    source_key_fingerprint: str
    created_at: datetime


def install(target: Target) -> None:
    """Create or upgrade the schema; safe with any number of processes at once.

    Raises:
        PermanentError: The role may not, or the schema is of a newer version of this tool.
    """
    with explained("installing the schema chatsdk_migration"), target.connection() as conn, conn.transaction():
        conn.execute("SELECT pg_advisory_xact_lock(%s)", [INSTALL_LOCK])
        for version in range(installed_version(conn) + 1, VERSION + 1):
            conn.execute(statement(f"ledger_{version}"))


def installed_version(conn: Connection) -> int:
    """Give the version of the schema, 0 when there is none."""
    if conn.execute(statement("ledger_version")).fetchone() != (True,):
        return 0
    row = conn.execute("SELECT coalesce(max(version), 0) FROM chatsdk_migration.version").fetchone()
    return int(row[0]) if row else 0


def identify(target: Target, source_key: str) -> Identity:
    """Give this app's migration, founding it on the first call; the key itself is not stored."""
    parameters = {"app": target.app_id, "fingerprint": fingerprint(source_key)}
    with target.transaction() as conn:
        conn.execute(statement("ledger_identify"), parameters)
        row = conn.execute(
            "SELECT id, source_key_fingerprint, created_at FROM chatsdk_migration.migration WHERE app_id = %(app)s",
            parameters,
        ).fetchone()
    assert row is not None, "inserted or already there"
    return Identity(*row)


def fingerprint(source_key: str) -> str:
    """Give a short hash by which two keys can be told apart."""
    return hashlib.sha256(source_key.encode()).hexdigest()[:FINGERPRINT_CHARACTERS]


def expect_messages(target: Target, numbers: Mapping[str, int]) -> None:
    """Note how many messages Stream says that channels hold, by cid."""
    if numbers:
        given = {"app": target.app_id, "cids": list(numbers), "numbers": list(numbers.values())}
        with target.transaction() as conn:
            conn.execute(statement("channels_expect"), given)


def expected_messages(target: Target) -> dict[str, int]:
    """Give how many messages Stream said that channels hold, by cid; those of which it did not say are left out."""
    with target.transaction(read_only=True) as conn:
        return dict(conn.execute(statement("channels_expected"), {"app": target.app_id}).fetchall())


def settle(target: Target, entity: Entity, stream_id: str) -> None:
    """Forget the quarantine of a record that has been carried after all."""
    parameters = {"app": target.app_id, "entity": entity.value, "stream_id": stream_id}
    with target.transaction() as conn:
        conn.execute(statement("settle_quarantine"), parameters)


def noted_losses(target: Target, cid: str | None = None) -> list[Noted]:
    """Sum the losses up by kind, of one channel (``WHOLE_APP`` for users and channels) or of all."""
    return _noted(target, "ledger_losses", cid)


def noted_rejects(target: Target, cid: str | None = None) -> list[Noted]:
    """Sum the quarantine up by reason code, of one channel (``WHOLE_APP`` for users and channels) or of all."""
    return _noted(target, "ledger_rejects", cid)


def open_rejects(target: Target) -> int:
    """Count the rejected records that neither a replay has loaded nor the operator has given up."""
    with target.transaction(read_only=True) as conn:
        row = conn.execute(statement("open_rejects"), {"app": target.app_id}).fetchone()
    return int(row[0]) if row else 0


def _noted(target: Target, name: str, cid: str | None) -> list[Noted]:
    with target.transaction(read_only=True) as conn:
        rows = conn.execute(statement(name), {"app": target.app_id, "cid": cid}).fetchall()
    return [Noted(*row) for row in rows]


def is_listed(kind: str) -> bool:
    """Say whether each record of a kind of loss keeps its own row; an unknown kind does."""
    known = losses.CATALOG.get(kind)
    return known is None or known.listed


def summed_kinds() -> list[str]:
    """Give the kinds of loss that are summed up in one row a channel."""
    return [kind for kind, known in losses.CATALOG.items() if not known.listed]


def listed_kinds() -> list[str]:
    """Give the kinds of loss of which each record keeps its own row."""
    return [kind for kind, known in losses.CATALOG.items() if known.listed]


class LossLine(NamedTuple):
    """One row of losses; an empty ``stream_id`` sums a channel, or the whole app, up."""

    entity: str
    kind: str
    stream_id: str
    occurrences: int
    detail: str


def loss_line(loss: Loss) -> LossLine:
    """Turn one listed loss into its row."""
    return LossLine(loss.entity, loss.kind, repair(loss.stream_id), 1, repair(loss.detail))


@dataclass(slots=True)
class Sums:
    """Losses that are counted with one example instead of listed."""

    lines: dict[tuple[str, str], tuple[int, str]] = field(default_factory=dict)

    def add(self, loss: Loss) -> None:
        """Count one."""
        key = (loss.entity, loss.kind)
        number, example = self.lines.get(key, (0, ""))
        self.lines[key] = (number + 1, example or repair(f"{loss.stream_id}: {loss.detail}"))

    def rows(self) -> list[LossLine]:
        """Give the sums as rows."""
        return [LossLine(entity, kind, "", number, example) for (entity, kind), (number, example) in self.lines.items()]


def listed_lines(found: Iterable[Loss], sums: Sums) -> list[LossLine]:
    """Give a row for each loss that is listed; count the others in ``sums``."""
    lines = list[LossLine]()
    for loss in found:
        if is_listed(loss.kind):
            lines.append(loss_line(loss))
        else:
            sums.add(loss)
    return lines


def add_losses(conn: Connection, app_id: UUID, found: Iterable[Loss]) -> None:
    """Add to what the app as a whole lost, in the transaction that is open: sums grow, what is listed is there once."""
    sums = Sums()
    lines = listed_lines(found, sums) + sums.rows()
    if lines:
        names = ("entities", "kinds", "ids", "numbers", "details")
        given = dict(zip(names, map(list, zip(*lines, strict=True)), strict=True))
        conn.execute(statement("sync_add_losses"), given | {"app": app_id})


def follow_rejects(
    target: Target, found: Iterable[Rejected], carried: Mapping[Entity, Collection[str]], run_id: str
) -> None:
    """Bring the quarantine of the app as a whole up to date where some of its records were met again.

    Args:
        target: Where to.
        found: Those rejected now.
        carried: Ids of those that were not: what was rejected of them before is settled.
        run_id: The Dagster run, kept with each rejected record.
    """
    rejects = {(one.entity, key_of(one)): one for one in found}
    fine = [(entity.value, one) for entity, ids in carried.items() for one in ids]
    lines = [dict(zip(REJECT_COLUMNS, reject_line(one), strict=True)) for one in rejects.values()]
    given = {
        "app": target.app_id,
        "cid": WHOLE_APP,
        "entities": [line["entity"] for line in lines],
        "keys": [line["record_key"] for line in lines],
        "codes": [line["code"] for line in lines],
        "reasons": [line["reason"] for line in lines],
        "records": [line["record"] for line in lines],
        "mapped": [line["mapped"] for line in lines],
        "fine": [entity for entity, _ in fine],
        "ids": [one for _, one in fine],
    }
    with target.transaction() as conn:
        conn.execute(statement("sync_app_rejects"), given)
        _copy_rejects(conn, target.app_id, rejects.values(), run_id)


def _copy_rejects(conn: Connection, app_id: UUID, rejects: Iterable[Rejected], run_id: str) -> None:
    """Store rejected records of the app as a whole, but for those replayed or discarded before."""
    known = set(conn.execute(statement("quarantine_known"), {"app": app_id, "cid": WHOLE_APP}))
    columns = ", ".join(("app_id", "cid", "run_id", *REJECT_COLUMNS))
    command = b"COPY chatsdk_migration.quarantine (" + columns.encode() + b") FROM STDIN"
    with conn.cursor() as cursor, cursor.copy(command) as copy:
        for rejected in rejects:
            if (rejected.entity, key_of(rejected)) not in known:
                copy.write_row((app_id, WHOLE_APP, run_id or None, *reject_line(rejected)))


class Notes:
    """Collects losses and rejects of whole-app assets (users, channels) and replaces the stored ones at the end.

    Args:
        target: Where to.
        entities: Whose notes are replaced, as ``Entity`` values.
        run_id: The Dagster run, kept with each rejected record.
    """

    def __init__(self, target: Target, entities: Collection[str], run_id: str = "") -> None:
        self._target = target
        self._entities = list(entities)
        self._run_id = run_id
        self._sums = Sums()
        self._lines: dict[tuple[str, str, str], LossLine] = {}
        self._rejects: list[Rejected] = []

    def add(self, batch: Batch) -> None:
        """Take the losses and rejects of one batch."""
        self._lines |= {line[:3]: line for line in listed_lines(batch.losses, self._sums)}
        self._rejects.extend(batch.rejects)

    def reject(self, rejects: Iterable[Rejected]) -> None:
        """Take records that the database refused."""
        self._rejects.extend(rejects)

    def write(self) -> None:
        """Replace what an earlier run noted for these entities."""
        parameters = {"app": self._target.app_id, "cid": WHOLE_APP, "entities": self._entities}
        with self._target.transaction() as conn:
            conn.execute(statement("forget_losses"), parameters)
            conn.execute(statement("forget_quarantine"), parameters)
            self._write_losses(conn)
            _copy_rejects(conn, self._target.app_id, self._rejects, self._run_id)

    def _write_losses(self, conn: Connection) -> None:
        conn.execute(statement("arriving_losses"))
        copy_rows(conn, "arriving_loss", LossLine._fields, [*self._lines.values(), *self._sums.rows()])
        conn.execute(statement("store_losses"), {"app": self._target.app_id, "cid": WHOLE_APP})
