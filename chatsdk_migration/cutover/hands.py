"""What does the work of a cutover: the syncs and the verifications, in this process, without Dagster.

Here: the two of them and what they say. Not here: the same as runs of Dagster's jobs (``cli/cutover.py``), the order of
the steps (``engine.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from chatsdk_migration import sync
from chatsdk_migration.cutover import history
from chatsdk_migration.cutover.history import Fault
from chatsdk_migration.reconcile import app as reconcile
from chatsdk_migration.reconcile import target_side
from chatsdk_migration.reconcile.verdict import Verdict
from chatsdk_migration.settings import Settings
from chatsdk_migration.sync import Sweep
from chatsdk_migration.transfer import Migration


@dataclass(slots=True)
class Compared:
    """A verification: ``Verdict.as_json()``, and what each check of the target by itself has to say, if anything."""

    verdict: dict[str, Any]
    faults: dict[str, str] = field(default_factory=dict)


class Hands(Protocol):
    """Who does the work."""

    def sync(self, sweep: Sweep, cids: Sequence[str] = ()) -> dict[str, Any]:
        """Sync; give ``SyncReport.as_json()``, with ``problems`` by cid."""

    def verify(self, cids: Sequence[str] = (), *, mend: bool = False) -> Compared:
        """Compare everything, or chosen channels; repair when asked."""

    def faults(self) -> dict[str, str]:
        """Check the target by itself; give what each check has to say, if anything."""


class OwnHands:
    """Works in this process; takes all of the tool's share of Stream's limits, as others are not writing now."""

    def __init__(self, settings: Settings, *, noting: bool = True) -> None:
        self._settings = settings.model_copy(update={"sync_rate_limit_share": settings.rate_limit_share})
        self._noting = noting

    def sync(self, sweep: Sweep, cids: Sequence[str] = ()) -> dict[str, Any]:
        """Sync, and keep what it came to."""
        with sync.open_migration(self._settings) as migration:
            report = sync.sync_once(migration, sweep=sweep, cids=cids or None)
            history.note(migration.target, history.of_sync(report, sweep, some=bool(cids)))
        return report.as_json()

    def verify(self, cids: Sequence[str] = (), *, mend: bool = False) -> Compared:
        """Compare, and keep what it came to."""
        return self.compare(reconcile.Scope(tuple(cids), mend=mend, beside=False))

    def compare(self, scope: reconcile.Scope) -> Compared:
        """Compare what the scope says, and keep what it came to."""
        with Migration(self._settings) as migration:
            verdict = reconcile.verify(migration, scope)
            found = {} if scope.channels else _faults(migration)
            if self._noting:
                history.note(migration.target, history.of_verification(verdict.as_json(), scope, _counted(found)))
        return Compared(verdict.as_json(), _said(found))

    def faults(self) -> dict[str, str]:
        """Check the target by itself."""
        with Migration(self._settings) as migration:
            return _said(_faults(migration))


def _faults(migration: Migration) -> dict[str, Verdict]:
    target, rules = migration.target, migration.settings.mapping
    return {
        "completeness": target_side.completeness(target, rules),
        "integrity": target_side.integrity(target, rules),
        "privacy": target_side.privacy(target, rules),
    }


def _counted(found: dict[str, Verdict]) -> list[Fault]:
    return [Fault(one.unexplained, one.failing_channels()) for one in found.values() if one.unexplained]


def _said(found: dict[str, Verdict]) -> dict[str, str]:
    """Give a sentence for each check that found something."""
    return {name: _sentence(verdict) for name, verdict in found.items() if not verdict.is_clean}


def _sentence(verdict: Verdict) -> str:
    first = next((one for one in verdict.differences if one.explained_by is None), None)
    example = f", first of all {first.cid} {first.field or first.kind} {first.stream_id}".rstrip() if first else ""
    return f"{verdict.unexplained:,} differences{example}"
