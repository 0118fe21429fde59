"""A migration that carries in memory, for tests of what Dagster makes of it.

Here: a ``Carrier`` whose channels can fail, vanish or hang. Not here: reading Stream or writing ChatSDK.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import psycopg

from chatsdk_migration.cutover import Readiness
from chatsdk_migration.cutover.history import Outcome
from chatsdk_migration.errors import ChannelError, MigrationError, PermanentError
from chatsdk_migration.models import Batch, ChannelRow, Entity, LoadCounts
from chatsdk_migration.postgres.target import Target
from chatsdk_migration.reconcile.app import Scope
from chatsdk_migration.reconcile.verdict import Verdict
from chatsdk_migration.resources import Carrier, Fault, MigrationResource
from chatsdk_migration.transfer import Part, PartResult

WHEN = "2024-01-01T00:00:00Z"
ROWS_OF_A_PART = 7
PRIVATE_WORDS = "see you at the clinic"
CHANNELS_OF_A_PAGE = 3


def channel_row(cid: str) -> ChannelRow:
    return ChannelRow(f"id of {cid}", cid, cid, "group", None, None, "{}", None, WHEN, WHEN)


def broken(cid: str) -> ChannelError:
    return ChannelError(f"reading messages of {cid}", "more than a page in one instant", "Ask support about it.")


def judged(found: Readiness) -> Readiness:
    found.reasons = [f"{len(found.unfinished)} channels are missing."] if found.unfinished else []
    return found


def no_reaction(cid: str) -> None:
    return


@dataclass
class World:
    """What there is to carry, and what was asked for; shared by all carriers of a test."""

    cids: list[str]
    failing: dict[str, Part] = field(default_factory=dict)
    defects: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)
    locked_out_at: str | None = None
    asked: list[tuple[str, frozenset[Part]]] = field(default_factory=list)
    stored: list[str] = field(default_factory=list)
    before: Callable[[str], None] = no_reaction
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    compared: list[Scope] = field(default_factory=list)
    target: Target | None = None
    outcomes: list[Outcome] = field(default_factory=list)
    opened: int = 0
    closed: int = 0
    stopped: threading.Event = field(default_factory=threading.Event)

    @property
    def asked_cids(self) -> list[str]:
        return sorted(cid for cid, _ in self.asked)


class MemoryCarrier:
    def __init__(self, world: World) -> None:
        self.world = world

    def users(self) -> Iterator[Batch]:
        yield Batch()

    def channels(self) -> Iterator[Batch]:
        cids = self.world.cids
        for start in range(0, len(cids), CHANNELS_OF_A_PAGE):
            batch = Batch(channels=[channel_row(cid) for cid in cids[start : start + CHANNELS_OF_A_PAGE]])
            batch.lose(Entity.CHANNEL, "muted_channel", batch.channels[0].stream_cid)
            yield batch

    def store_users(self, batch: Batch) -> LoadCounts:
        return LoadCounts(len(batch.users))

    def store_channels(self, batch: Batch) -> LoadCounts:
        new = [row.stream_cid for row in batch.channels if row.stream_cid not in self.world.stored]
        self.world.stored += new
        return LoadCounts(len(new), len(batch.channels) - len(new))

    def prepare(self, cids: Sequence[str]) -> list[str]:
        return list(cids)

    def channel(self, cid: str, parts: frozenset[Part]) -> dict[Part, PartResult]:
        world = self.world
        world.asked.append((cid, parts))
        world.before(cid)
        if cid == world.locked_out_at:
            raise PermanentError("reading a channel", "Stream answered 401", "Check the key and the secret.")
        if cid in world.defects:
            raise KeyError(PRIVATE_WORDS)
        return {part: self._part(cid, part) for part in parts}

    def _part(self, cid: str, part: Part) -> PartResult:
        order = list(Part)
        fails_at = self.world.failing.get(cid)
        if fails_at and order.index(part) >= order.index(fails_at):
            return PartResult(problem=broken(cid))
        if cid in self.world.gone:
            return PartResult(gone=True)
        return PartResult(ROWS_OF_A_PART, 1, 0.5, 2, {"score": 3}, 1)

    def reconcile(self, scope: Scope) -> Verdict:
        self.world.compared.append(scope)
        return self.world.verdicts.get("content", Verdict())

    def faults(self, kind: Fault) -> Verdict:
        return self.world.verdicts.get(kind, Verdict())

    def reading(self) -> AbstractContextManager[psycopg.Connection[Any]]:
        assert self.world.target is not None
        return self.world.target.transaction(read_only=True)

    def keep(self, outcome: Outcome) -> None:
        self.world.outcomes.append(outcome)

    def readiness(self, unfinished: Sequence[str]) -> Readiness:
        return judged(Readiness(datetime.now(UTC), unfinished=list(unfinished)))

    def api_calls(self) -> int:
        return 2 * len(self.world.asked)

    def advice(self) -> list[str]:
        return ["GRANT SET ON PARAMETER session_replication_role TO loader"]

    def target_id(self) -> str:
        return "in memory"

    def stop(self) -> None:
        self.world.stopped.set()

    def close(self) -> None:
        self.world.closed += 1


def memory_migration(world: World, refusal: MigrationError | None = None) -> MigrationResource:
    """The resource, with another carrier behind it. A class for each: Dagster copies resources without their state."""

    class MemoryMigration(MigrationResource):
        def open(self, run_id: str) -> Carrier:
            if refusal is not None:
                raise refusal
            world.opened += 1
            return MemoryCarrier(world)

    return MemoryMigration()
