"""Channels into ``channel``, each with its sequence counter and its place in the map of ids.

Here: the load, and the refusal to touch a channel that is not ours. Not here: what a channel holds (``stage.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from uuid import UUID

from chatsdk_migration.errors import ChannelError
from chatsdk_migration.models import Batch, ChannelRow, Entity, LoadCounts, Rejected
from chatsdk_migration.postgres.copying import copy_rows, in_halves, refusal
from chatsdk_migration.postgres.failures import explained
from chatsdk_migration.postgres.sql import statement
from chatsdk_migration.postgres.target import Connection, Target

_FORGETTING = (
    "channels_forget_items",
    "channels_forget_withheld",
    "channels_forget_members",
    "channels_forget_messages",
    "channels_forget_replays",
)
"""What was carried into a removed channel, in the order in which the statements need each other's tables."""


@dataclass(slots=True)
class ChannelLoad:
    """What a load of channels did.

    Attributes:
        counts: Rows written and rows that were there.
        problems: Channels that cannot be carried, by Stream's cid: the target has another channel in their place.
        rejects: Records PostgreSQL refused (for ``ledger.Notes``).
    """

    counts: LoadCounts = field(default_factory=LoadCounts)
    problems: dict[str, ChannelError] = field(default_factory=dict)
    rejects: list[Rejected] = field(default_factory=list)


def load_channels(
    target: Target,
    rows: Iterable[ChannelRow],
    batch_size: int,
    origin: Batch | None = None,
    beside: Callable[[Connection], None] | None = None,
) -> ChannelLoad:
    """Insert channels that are not there yet, ``batch_size`` rows in each transaction; ``origin`` has the originals.

    ``beside`` is done in each transaction that made a channel.

    Raises:
        TransientError: The connection broke; committed batches stay and a repetition adds nothing.
        PermanentError: A privilege or a table is missing.
    """
    load = ChannelLoad()
    remaining = iter(rows)
    while batch := list(islice(remaining, batch_size)):
        _load_batch(target, batch, load, origin, beside)
    return load


def channel_exists(target: Target, channel_id: str) -> bool:
    """Say whether the app has this very channel."""
    with target.transaction(read_only=True) as conn:
        parameters = {"app": target.app_id, "channel": channel_id}
        return conn.execute(statement("find_channel"), parameters).fetchone() is not None


def conflict(stream_cid: str, cid: str, existing_id: str | None) -> ChannelError:
    """Say that the place of a channel is taken."""
    found = f"the app already has another channel with the cid {cid} (id {existing_id})"
    if existing_id is None:
        found = "its id is taken by a row that this app cannot see"
    return ChannelError(
        f"loading channel {stream_cid}", found, "Existing channels are never changed: remove or rename it, then resume."
    )


def _load_batch(
    target: Target,
    batch: Sequence[ChannelRow],
    load: ChannelLoad,
    origin: Batch | None,
    beside: Callable[[Connection], None] | None,
) -> None:
    def refused(row: ChannelRow, reason: str) -> None:
        load.rejects.append(refusal(Entity.CHANNEL.value, row, reason, origin))

    with explained("loading channels"):
        for counts, problems in in_halves(batch, lambda some: _insert(target, some, beside), refused):
            load.counts += counts
            load.problems |= problems


def _insert(
    target: Target, rows: Sequence[ChannelRow], beside: Callable[[Connection], None] | None
) -> tuple[LoadCounts, dict[str, ChannelError]]:
    parameters = {"app": target.app_id}
    with target.raw_transaction() as conn:
        conn.execute(statement("channels_stage"))
        copy_rows(conn, "arriving_channel", ChannelRow._fields, rows)
        created = [row[0] for row in conn.execute(statement("channels_insert"), parameters)]
        _forget_removed(conn, target.app_id, created)
        taken = conn.execute(statement("channels_conflicts"), parameters).fetchall()
        conn.execute(statement("channels_number"), parameters)
        conn.execute(statement("channels_map"), parameters)
        if created and beside is not None:
            beside(conn)
    problems = {stream_cid: conflict(stream_cid, cid, existing) for stream_cid, cid, existing in taken}
    return LoadCounts(len(created), len({row.id for row in rows}) - len(created) - len(problems)), problems


def _forget_removed(conn: Connection, app_id: UUID, created: list[UUID]) -> None:
    """Let messages arrive again in channels that were removed from the target since an earlier run."""
    if not created:
        return
    parameters = {"app": app_id, "created": created}
    row = conn.execute(statement("channels_forgotten"), parameters).fetchone()
    if row and row[0]:
        for name in _FORGETTING:
            conn.execute(statement(name), {"app": app_id, "channels": row[0]})
