"""The migration as a Dagster resource: one source and one target for a process and a run.

Here: opening and closing, and the small set of words the assets use. Not here: the work itself (``transfer.py``).
No secret is configuration: the settings are read from the environment when they are used, so that neither run
configuration nor the event log ever holds one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Literal, Protocol

import dagster as dg
import psycopg
from pydantic import PrivateAttr

from chatsdk_migration import quarantine, transfer
from chatsdk_migration.crew import Crew, processes_for
from chatsdk_migration.cutover import Readiness, assess, history
from chatsdk_migration.instance import beside, owner, worker
from chatsdk_migration.models import Batch, LoadCounts
from chatsdk_migration.postgres import ledger
from chatsdk_migration.postgres.target import Target
from chatsdk_migration.reconcile import app as reconcile
from chatsdk_migration.reconcile import target_side
from chatsdk_migration.reconcile.verdict import Verdict
from chatsdk_migration.settings import MappingRules, Settings
from chatsdk_migration.transfer import Part, PartResult

Context = dg.OpExecutionContext | dg.AssetExecutionContext
Fault = Literal["completeness", "integrity", "privacy"]
_FAULTS: dict[Fault, Callable[[Target, MappingRules], Verdict]] = {
    "completeness": target_side.completeness,
    "integrity": target_side.integrity,
    "privacy": target_side.privacy,
}


class Carrier(Protocol):
    """What the assets ask of a migration; the tests have one that carries in memory."""

    def users(self) -> Iterator[Batch]:
        """Read and map everyone Stream lists."""

    def channels(self) -> Iterator[Batch]:
        """Read and map every channel."""

    def store_users(self, batch: Batch) -> LoadCounts:
        """Commit the people of one batch."""

    def store_channels(self, batch: Batch) -> LoadCounts:
        """Commit the channels of one batch and who created them."""

    def prepare(self, cids: Sequence[str]) -> list[str]:
        """Get ready for these channels, and give them in the order in which to begin them."""

    def channel(self, cid: str, parts: frozenset[Part]) -> dict[Part, PartResult]:
        """Read, map and load parts of one channel; thread-safe."""

    def replay(self, selection: quarantine.Selection) -> quarantine.Replayed:
        """Try rejected records again."""

    def reconcile(self, scope: reconcile.Scope) -> Verdict:
        """Hold the target against the source, and repair when asked."""

    def faults(self, kind: Fault) -> Verdict:
        """Look for what is wrong with the target by itself."""

    def reading(self) -> AbstractContextManager[psycopg.Connection[Any]]:
        """Open a read-only transaction on the target that sees the target app's rows only."""

    def keep(self, outcome: history.Outcome) -> None:
        """Keep what a verification came to."""

    def readiness(self, unfinished: Sequence[str]) -> Readiness:
        """Say whether the switch to ChatSDK can be made."""

    def api_calls(self) -> int:
        """Give the calls made to Stream so far."""

    def advice(self) -> list[str]:
        """Give what the preflight recommends."""

    def target_id(self) -> str:
        """Give the id under which the target knows this migration."""

    def stop(self) -> None:
        """Let all calls in flight end soon."""

    def close(self) -> None:
        """Give everything back."""


class StreamCarrier:
    """Carries from Stream to PostgreSQL."""

    def __init__(self, settings: Settings, run_id: str) -> None:
        self._migration = transfer.Migration(settings, run_id=run_id)
        self._run_id = run_id
        self._crew: Crew | None = None

    def users(self) -> Iterator[Batch]:
        """Read and map everyone Stream lists."""
        return transfer.carry_users(self._migration)

    def channels(self) -> Iterator[Batch]:
        """Read and map every channel."""
        return transfer.carry_channels(self._migration)

    def store_users(self, batch: Batch) -> LoadCounts:
        """Commit the people of one batch."""
        return transfer.store_users(self._migration, batch)

    def store_channels(self, batch: Batch) -> LoadCounts:
        """Commit the channels of one batch and who created them."""
        return transfer.store_channels(self._migration, batch)

    def prepare(self, cids: Sequence[str]) -> list[str]:
        """Start worker processes when there is enough for them to do; the largest channels go first.

        A large channel begun last would keep one process at work while all others are idle.
        """
        settings, sizes = self._migration.settings, ledger.expected_messages(self._migration.target)
        processes = processes_for(settings, len(cids), sum(sizes.get(cid, 0) for cid in cids))
        if processes > 1 and self._crew is None:
            self._crew = Crew(settings, self._run_id, processes)
        return sorted(cids, key=lambda cid: -sizes.get(cid, 0))

    def channel(self, cid: str, parts: frozenset[Part]) -> dict[Part, PartResult]:
        """Read, map and load parts of one channel."""
        if self._crew is not None:
            return self._crew.channel(cid, parts)
        return transfer.carry_channel(self._migration, cid, parts)

    def replay(self, selection: quarantine.Selection) -> quarantine.Replayed:
        """Try rejected records again."""
        return quarantine.replay(self._migration, selection)

    def reconcile(self, scope: reconcile.Scope) -> Verdict:
        """Hold the target against the source, and repair when asked."""
        return reconcile.verify(self._migration, scope)

    def faults(self, kind: Fault) -> Verdict:
        """Look for what is wrong with the target by itself."""
        return _FAULTS[kind](self._migration.target, self._migration.settings.mapping)

    def reading(self) -> AbstractContextManager[psycopg.Connection[Any]]:
        """Open a read-only transaction on the target that sees the target app's rows only."""
        return self._migration.target.transaction(read_only=True)

    def keep(self, outcome: history.Outcome) -> None:
        """Keep what a verification came to."""
        history.note(self._migration.target, outcome)

    def readiness(self, unfinished: Sequence[str]) -> Readiness:
        """Say whether the switch to ChatSDK can be made."""
        return assess(self._migration.target, self._migration.settings, unfinished=unfinished)

    def api_calls(self) -> int:
        """Give the calls made to Stream so far."""
        return sum(self._migration.source.calls.values())

    def advice(self) -> list[str]:
        """Give what the preflight recommends."""
        return list(self._migration.preflight.advice)

    def target_id(self) -> str:
        """Give the id under which the target knows this migration."""
        return str(ledger.identify(self._migration.target, self._migration.settings.stream_api_key).id)

    def stop(self) -> None:
        """Let all calls in flight end soon."""
        self._migration.source.stop()
        if self._crew is not None:
            self._crew.stop()

    def close(self) -> None:
        """Send the workers home and close the connections."""
        if self._crew is not None:
            self._crew.close()
        self._migration.close()


class MigrationResource(dg.ConfigurableResource[Any]):
    """Opens the migration when it is first used, and closes it with the run."""

    _carrier: Any = PrivateAttr(default=None)
    _lock: Any = PrivateAttr(default_factory=threading.Lock)

    def settings(self) -> Settings:
        """Read the settings from the environment.

        Raises:
            PermanentError: A value is not valid, or a name is unknown.
        """
        return Settings.load()

    def open(self, run_id: str) -> Carrier:
        """Open source and target.

        Raises:
            PermanentError: The preflight found something that must be put right first.
        """
        return StreamCarrier(self.settings(), run_id)

    def begin(self, context: Context) -> Carrier:
        """Open the migration for a step: sign the run, and check that the instance is this migration's.

        Raises:
            PermanentError: The instance is another migration's, or the preflight failed.
        """
        beside.refuse_beside_a_sync(context.instance, context.run)
        worker.sign_run(context.instance, context.run)
        owner.claim(context.instance, self.settings())
        carrier = self.carrier(context.run.run_id)
        owner.claim_target(context.instance, carrier.target_id())
        return carrier

    @contextmanager
    def looking(self, context: Context) -> Iterator[Target]:
        """Open the target alone, for a step that needs no Stream: sign the run, and check whose the instance is.

        Raises:
            PermanentError: The instance holds another app's migration.
        """
        settings = self.settings()
        worker.sign_run(context.instance, context.run)
        owner.require_app(context.instance, settings)
        target = Target(settings)
        try:
            yield target
        finally:
            target.close()

    def carrier(self, run_id: str = "") -> Carrier:
        """Give this process's one carrier."""
        with self._lock:
            if self._carrier is None:
                self._carrier = self.open(run_id)
            carrier: Carrier = self._carrier
            return carrier

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        """Close what was opened."""
        with self._lock:
            if self._carrier is not None:
                self._carrier.close()
                self._carrier = None
