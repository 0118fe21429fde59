"""Users into ``app_user``: new ones only; those who are there keep what they have.

Here: the load. Not here: who becomes a user and with which fields (``transform/users.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

from chatsdk_migration.models import Batch, Entity, LoadCounts, Rejected, UserRow
from chatsdk_migration.postgres.copying import copy_rows, in_halves, refusal
from chatsdk_migration.postgres.failures import explained
from chatsdk_migration.postgres.sql import statement
from chatsdk_migration.postgres.target import Connection, Target

Beside = Callable[[Connection, Sequence[UserRow]], None]
"""Done in the transaction of a load, before its rows are inserted."""


@dataclass(slots=True)
class UserLoad:
    """What a load of users did: rows, and the records PostgreSQL refused (for ``ledger.Notes``)."""

    counts: LoadCounts = field(default_factory=LoadCounts)
    rejects: list[Rejected] = field(default_factory=list)


class _How(NamedTuple):
    """As ``load_users`` was asked."""

    restore: bool
    listed: bool
    beside: Beside | None


def load_users(  # noqa: PLR0913 - which list they come from, only the caller knows
    target: Target,
    rows: Iterable[UserRow],
    batch_size: int,
    origin: Batch | None = None,
    *,
    restore: bool = False,
    listed: bool = False,
    beside: Beside | None = None,
) -> UserLoad:
    """Insert users that were never met, ``batch_size`` rows in each transaction; ``origin`` has the originals.

    Somebody who was met before and is not there any more was deleted in ChatSDK, and comes back only with ``restore``.
    ``listed``: Stream's list of users gave them, so that one day it may not show them any more. ``beside`` is
    done in the transaction of each batch, before it.

    Raises:
        TransientError: The connection broke; committed batches stay and a repetition adds nothing.
        PermanentError: A privilege or the table is missing.
    """
    load = UserLoad()
    remaining = iter(rows)
    while batch := list(islice(remaining, batch_size)):
        _load_batch(target, batch, load, origin, _How(restore, listed, beside))
    return load


def _load_batch(target: Target, batch: Sequence[UserRow], load: UserLoad, origin: Batch | None, how: _How) -> None:
    def refused(row: UserRow, reason: str) -> None:
        load.rejects.append(refusal(Entity.USER.value, row, reason, origin))

    with explained("loading users"):
        for counts in in_halves(batch, lambda some: _insert(target, some, origin, how), refused):
            load.counts += counts


def _insert(target: Target, rows: Sequence[UserRow], origin: Batch | None, how: _How) -> LoadCounts:
    with target.raw_transaction() as conn:
        if how.beside is not None:
            how.beside(conn, rows)
        conn.execute(statement("people_stage"))
        copy_rows(conn, "arriving_user", UserRow._fields, rows)
        if origin is not None and origin.embedded_losses:
            conn.execute(statement("people_losses"), {"app": target.app_id} | _losses_of_creators(origin))
        given = {"app": target.app_id, "restore": how.restore, "listed": how.listed}
        found = conn.execute(statement("people_insert"), given).fetchone()
    assert found is not None, "an aggregate gives one row"
    written, arriving = found
    return LoadCounts(written, arriving - written)


def _losses_of_creators(origin: Batch) -> dict[str, list[str]]:
    """Give what people who made channels lose, each with a channel they made, column by column."""
    made = {row.created_by: row.stream_cid for row in reversed(origin.channels)}
    found = [(made[loss.stream_id], loss) for loss in origin.embedded_losses if loss.stream_id in made]
    return {
        "cids": [cid for cid, _ in found],
        "kinds": [loss.kind for _, loss in found],
        "people": [loss.stream_id for _, loss in found],
        "details": [loss.detail for _, loss in found],
    }
