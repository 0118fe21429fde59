"""What syncs and verifications came to: kept in the tool's own schema by whoever made them, read by the readiness.

Here: one row an outcome, only the newest of each kind. Not here: judging them (``readiness.py``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, NamedTuple

from psycopg.types.json import Jsonb

from chatsdk_migration.postgres import ledger
from chatsdk_migration.postgres.sql import statement
from chatsdk_migration.postgres.target import Target
from chatsdk_migration.reconcile.app import Scope
from chatsdk_migration.storable import repair
from chatsdk_migration.sync import Sweep, SyncReport

Work = Literal["sync", "verification"]
Extent = Literal["recent", "hot", "all", "some", "whole", "sampled", "ledger"]
KEPT = 200
"""Outcomes of a kind that are kept: more than a day of syncs every ten minutes."""
MOST_CHANNELS = 1_000
"""Channels named in one outcome."""
LEDGER_VERSION = 7
"""From which on the tool's schema has these tables."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one sync or verification came to.

    Attributes:
        id: Grows with each.
        work, extent: What it was, and of how much.
        api_calls: Calls made to Stream.
        channels: Channels looked at or compared.
        unexplained, explained: Differences.
        cids: The channels, where only some were chosen.
        failing: Unexplained differences by cid; the empty cid is the app as a whole.
        problems: Why a channel could not be followed or compared, by cid.
    """

    work: Work
    extent: Extent
    began_at: datetime
    ended_at: datetime
    api_calls: int = 0
    channels: int = 0
    unexplained: int = 0
    explained: int = 0
    cids: list[str] | None = None
    failing: dict[str, int] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    id: int = 0

    @property
    def seconds(self) -> float:
        """How long it took."""
        return max((self.ended_at - self.began_at).total_seconds(), 0.001)


class Fault(NamedTuple):
    """What a check of the target by itself found: the number of differences, and channels they are in."""

    number: int
    cids: list[str]


def of_sync(report: SyncReport, sweep: Sweep, *, some: bool = False) -> Outcome:
    """Give the outcome of a sync; ``some``: only of chosen channels."""
    return Outcome(
        "sync",
        "some" if some else sweep.value,
        report.started,
        max(report.finished, report.started),
        report.api_calls,
        report.channels_looked_at,
        problems={cid: str(problem) for cid, problem in list(report.problems.items())[:MOST_CHANNELS]},
    )


def of_verification(verdict: Mapping[str, Any], scope: Scope, faults: Iterable[Fault] = ()) -> Outcome:
    """Give the outcome of a verification that has just ended.

    Args:
        verdict: As ``Verdict.as_json()`` gives it.
        scope: What was compared.
        faults: What the checks of the target by itself found.
    """
    failing = Counter(one["cid"] for one in verdict["differences"] if one["explained_by"] is None)
    unexplained = verdict["unexplained"]
    for fault in faults:
        failing.update(fault.cids[: fault.number])
        unexplained += fault.number
    failing[ledger.WHOLE_APP] += unexplained - failing.total()  # only the first differences are named
    ended = datetime.now(UTC)
    return Outcome(
        "verification",
        extent_of(scope),
        ended - timedelta(seconds=verdict["seconds"]),
        ended,
        verdict["api_calls"],
        verdict["channels"],
        unexplained,
        verdict["explained"],
        sorted(scope.channels)[:MOST_CHANNELS] if scope.channels else None,
        dict((+failing).most_common(MOST_CHANNELS)),
        dict(list(verdict["problems"].items())[:MOST_CHANNELS]),
    )


def extent_of(scope: Scope) -> Extent:
    """Say how much a verification covers."""
    if scope.from_ledger:
        return "ledger"
    if scope.channels:
        return "some"
    return "whole" if scope.sample_percent >= 100 else "sampled"


def note(target: Target, outcome: Outcome) -> None:
    """Keep an outcome."""
    given: dict[str, Any] = {one.name: getattr(outcome, one.name) for one in fields(outcome)}
    given["failing"], given["problems"] = Jsonb(outcome.failing), Jsonb(_storable(outcome.problems))
    with target.transaction() as conn:
        conn.execute(statement("cutover_note_outcome"), given | {"app": target.app_id, "kept": KEPT - 1})


def newest(target: Target, work: Work, *extents: Extent) -> Outcome | None:
    """Give the newest outcome of these extents."""
    given = {"app": target.app_id, "work": work, "extents": list(extents)}
    with target.transaction(read_only=True) as conn:
        row = conn.execute(statement("cutover_newest_outcome"), given).fetchone()
    return _outcome(row) if row else None


def since(target: Target, work: Work, after: int) -> list[Outcome]:
    """Give the outcomes after one, oldest first."""
    given = {"app": target.app_id, "work": work, "after": after}
    with target.transaction(read_only=True) as conn:
        return [_outcome(row) for row in conn.execute(statement("cutover_outcomes"), given)]


def has_tables(target: Target) -> bool:
    """Say whether a load or sync of this version has made the tool's schema."""
    with target.connection() as conn:
        return ledger.installed_version(conn) >= LEDGER_VERSION


def _outcome(row: Sequence[Any]) -> Outcome:
    named = {one.name: value for one, value in zip(fields(Outcome), row, strict=True)}
    return Outcome(**named)


def _storable(problems: dict[str, str]) -> dict[str, str]:
    return {cid: repair(text) for cid, text in problems.items()}
