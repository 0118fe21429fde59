"""The rehearsal of a cutover: every step that only reads, with timings. Nothing is changed, kept or asked.

Here: the steps and what they took. Not here: the cutover (``engine.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from chatsdk_migration.cutover import expected, freezing, proof
from chatsdk_migration.cutover.hands import Compared, OwnHands
from chatsdk_migration.cutover.looking import look
from chatsdk_migration.cutover.model import CutoverReport, Options, Say, Step
from chatsdk_migration.cutover.readiness import NOT_MIGRATED, assess
from chatsdk_migration.progress import duration
from chatsdk_migration.reconcile.app import Scope
from chatsdk_migration.settings import Settings
from chatsdk_migration.stream import plan
from chatsdk_migration.sync import Sweep, conflicts, cost
from chatsdk_migration.transfer import Migration

LOOKED_BACK = timedelta(minutes=10)
"""What was written in this time, a look at Stream names: so one sees that it sees."""


def rehearse(settings: Settings, *, say: Say, options: Options, unfinished: tuple[str, ...] = ()) -> CutoverReport:
    """Rehearse; ``equal`` says what the comparison found of the channels it looked at.

    Raises:
        MigrationError: Stream or the database cannot be reached.
    """
    with Migration(settings, dry_run=True) as migration:
        return _Rehearsal(migration, say, options, unfinished).run()


class _Rehearsal:
    """One rehearsal."""

    def __init__(self, migration: Migration, say: Say, options: Options, unfinished: tuple[str, ...]) -> None:
        self._migration, self._say, self._options = migration, say, options
        plan.read_limits(migration.source)  # the first answer sets the clock
        now = datetime.fromtimestamp(migration.source.server_time, UTC)
        self._now = now
        self.report = CutoverReport(assess(migration.target, migration.settings, now, unfinished=unfinished))

    def run(self) -> CutoverReport:
        report = self.report
        self._say("Rehearsal: nothing is changed, in Stream or in ChatSDK.")
        for line in proof.readiness_lines(report.readiness):
            self._say(line)
        if NOT_MIGRATED in report.readiness.reasons:
            report.stopped = NOT_MIGRATED
            return report
        self._timed("readiness", self._expected)
        for line in freezing.freeze_lines(
            "At the switch you will freeze writes in Stream; this tool only reads there:"
        ):
            self._say(line)
        self._timed("final_sync", self._sync)
        self._timed("look", self._look)
        self._timed("verify", self._verify)
        report.conflicts = conflicts(self._migration.target)
        equal = "What was compared is equal." if report.equal else "What was compared is not equal."
        for line in proof.proof_lines(report, self._migration.target, equal):
            self._say(line)
        self._say(f"Rehearsed in {duration(sum(step.seconds for step in report.steps))}; nothing was changed.")
        report.finished = True
        return report

    def _timed(self, name: str, work: Callable[[], dict[str, Any]]) -> None:
        self._options.at_step(name)
        began = datetime.now(UTC)
        result = work()
        step = Step(name, began, datetime.now(UTC), ok=True, result=result)
        self.report.steps.append(step)
        self._say(f"  ({name.replace('_', ' ')}: {step.seconds:.1f} s)")

    def _expected(self) -> dict[str, Any]:
        found = expected.expect(self._migration)
        self._say(found.sentence())
        return {"expected_seconds": found.seconds}

    def _sync(self) -> dict[str, Any]:
        calls = cost(self._migration, sweep=Sweep.HOT)
        needs = ", ".join(f"{name} {number:,}" for name, number in calls.calls.items() if number)
        self._say(f"The final sync would need about {calls.total:,} calls ({needs}), and what the changes need.")
        return {"calls": calls.total}

    def _look(self) -> dict[str, Any]:
        since = self._now - LOOKED_BACK
        seen = look(self._migration.source, self._migration.target, since)
        self.report.unread = seen.unread
        for one in seen.written:
            self._say(f"  {one.cid}: {one.what}, {one.at}")
        many = "nothing was" if not seen.written else "the above was"
        self._say(f"A look at {seen.channels:,} channels: {many} written in Stream in the last {duration(600)}.")
        return {"written": [one._asdict() for one in seen.written]}

    def _verify(self) -> dict[str, Any]:
        share = self._options.sample_percent
        self._say(f"Comparing {share:g} % of the channels with Stream …")
        hands = OwnHands(self._migration.settings, noting=False)
        found: Compared = hands.compare(Scope(sample_percent=share, beside=False))
        self._say(proof.verdict_line(found))
        self.report.verdict, self.report.faults = found.verdict, found.faults
        self.report.equal = bool(found.verdict["clean"]) and not found.faults
        return {"unexplained": found.verdict["unexplained"]}
