"""Users into ``app_user``: new ones only, whoever is there keeps what he has.

Here: the load. Not here: who becomes a user and with which fields (``transform/users.py``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice

from chatsdk_migration.models import Entity, LoadCounts, Rejected, UserRow
from chatsdk_migration.postgres.copying import copy_rows, in_halves, refusal
from chatsdk_migration.postgres.failures import explained
from chatsdk_migration.postgres.sql import statement
from chatsdk_migration.postgres.target import Target


@dataclass(slots=True)
class UserLoad:
    """What a load of users did: rows, and the records PostgreSQL refused (for ``ledger.Notes``)."""

    counts: LoadCounts = field(default_factory=LoadCounts)
    rejects: list[Rejected] = field(default_factory=list)


def load_users(target: Target, rows: Iterable[UserRow], batch_size: int) -> UserLoad:
    """Insert users that are not there yet, ``batch_size`` rows in each transaction.

    Raises:
        TransientError: The connection broke; committed batches stay and a repetition adds nothing.
        PermanentError: A privilege or the table is missing.
    """
    load = UserLoad()
    remaining = iter(rows)
    while batch := list(islice(remaining, batch_size)):
        _load_batch(target, batch, load)
    return load


def _load_batch(target: Target, batch: Sequence[UserRow], load: UserLoad) -> None:
    def refused(row: UserRow, reason: str) -> None:
        load.rejects.append(refusal(Entity.USER.value, row, reason))

    with explained("loading users"):
        for counts in in_halves(batch, lambda some: _insert(target, some), refused):
            load.counts += counts


def _insert(target: Target, rows: Sequence[UserRow]) -> LoadCounts:
    with target.raw_transaction() as conn:
        conn.execute(statement("people_stage"))
        copy_rows(conn, "arriving_user", UserRow._fields, rows)
        found = conn.execute(statement("people_insert"), {"app": target.app_id}).fetchone()
    assert found is not None, "an aggregate gives one row"
    written, arriving = found
    return LoadCounts(written, arriving - written)
