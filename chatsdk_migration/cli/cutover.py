"""``cutover``: the guided switch in a terminal, its syncs and verifications as runs of the project's own jobs.

Here: who answers, and the work as Dagster's runs, so that it stands in the history. Not here: the steps (``cutover/``).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import dagster as dg
from rich.console import Console

from chatsdk_migration import cutover
from chatsdk_migration.cli import verifying
from chatsdk_migration.cli.exclusive import alone
from chatsdk_migration.cli.session import default_home, has_records, opened_instance, require_credentials
from chatsdk_migration.cutover import freezing, state
from chatsdk_migration.cutover.hands import Compared, OwnHands
from chatsdk_migration.definitions import build_definitions
from chatsdk_migration.errors import PermanentError
from chatsdk_migration.instance import launch, owner
from chatsdk_migration.instance.beside import in_the_way_of_a_sync
from chatsdk_migration.jobs import incremental_sync
from chatsdk_migration.partitions import unfinished_channels
from chatsdk_migration.postgres import ledger
from chatsdk_migration.postgres.target import Target
from chatsdk_migration.settings import Settings
from chatsdk_migration.sync import Sweep

SHARE_VARIABLE = "CHATSDK_MIGRATION_SYNC_RATE_LIMIT_SHARE"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the operator asked for; ``sample`` as typed."""

    dry_run: bool = False
    sample: str = "5%"
    yes: bool = False
    repair: bool = False
    skip_readiness: bool = False
    skip_freeze_check: bool = False
    fresh: bool = False
    thaw: bool = False


def run_cutover(console: Console, wanted: Wanted) -> bool:
    """Lead through the cutover; say whether both sides are equal (of a rehearsal: whether what was compared is).

    Raises:
        PermanentError: Bad input or configuration, nobody to answer, or something else is at work.
    """
    settings = require_credentials(Settings.load())
    options = cutover.Options(
        skip_readiness=wanted.skip_readiness,
        skip_freeze_check=wanted.skip_freeze_check,
        fresh=wanted.fresh,
        sample_percent=verifying.percent(wanted.sample),
    )
    _require_sense(wanted)
    if wanted.thaw:
        return _thaw(console, settings)
    if wanted.dry_run:
        return _rehearse(console, settings, options)
    _require_somebody(wanted)
    with opened_instance() as instance, alone():
        _require_quiet(instance, settings)
        report = cutover.run(
            settings,
            answers=lambda question: _answer(console, wanted, question),
            say=lambda line: _say(console, line),
            options=options,
            hands=JobHands(console, instance, settings),
            unfinished=tuple(unfinished_channels(instance)),
        )
    return report.equal


def _rehearse(console: Console, settings: Settings, options: cutover.Options) -> bool:
    unfinished: list[str] = []
    if has_records(default_home()):
        with opened_instance() as instance:
            owner.require_app(instance, settings)
            unfinished = unfinished_channels(instance)
    report = cutover.run(
        settings,
        answers=lambda question: False,
        say=lambda line: _say(console, line),
        dry_run=True,
        options=options,
        unfinished=tuple(unfinished),
    )
    return report.equal


def _thaw(console: Console, settings: Settings) -> bool:
    target = Target(settings)
    try:
        ledger.install(target)
        with state.alone(target):
            ended = cutover.end(target, "thawed")
    finally:
        target.close()
    if not ended:
        _say(console, "No cutover was under way: there is nothing to end.")
    else:
        _say(console, "The cutover is ended; `chatsdk-migrate sync --every 10m` follows Stream again.")
    for line in freezing.thaw_lines(ended=True):
        _say(console, line)
    return True


def _require_sense(wanted: Wanted) -> None:
    """Refuse switches that mean nothing together: one of them would be passed over.

    Raises:
        PermanentError: There are such.
    """
    others = (wanted.dry_run, wanted.yes, wanted.repair, wanted.skip_readiness, wanted.skip_freeze_check, wanted.fresh)
    if wanted.thaw and any(others):
        raise PermanentError("reading the command line", "--thaw was given with others", "Give it alone.")
    if wanted.dry_run and (wanted.yes or wanted.repair or wanted.fresh):
        found = "--dry-run changes nothing, and was given with --yes, --repair or --fresh"
        raise PermanentError("reading the command line", found, "Leave one or the other out.")
    if wanted.repair and not wanted.yes:
        raise PermanentError("reading the command line", "--repair was given without --yes", "In a terminal it asks.")


def _require_somebody(wanted: Wanted) -> None:
    if not wanted.yes and not sys.stdin.isatty():
        raise PermanentError(
            "starting the cutover",
            "it has questions, this is no terminal, and --yes was not given",
            "Run it in a terminal; or freeze writes in Stream yourself, then add --yes.",
        )


def _require_quiet(instance: dg.DagsterInstance, settings: Settings) -> None:
    """Check that the records are this migration's, and that no load or sync is under way.

    Raises:
        PermanentError: One of the two is not so.
    """
    owner.claim(instance, settings)
    if other := in_the_way_of_a_sync(instance):
        raise PermanentError("starting the cutover", f"a run of {other} is under way", "Let it end first.")


def _answer(console: Console, wanted: Wanted, question: cutover.Question) -> bool:
    """Answer for the operator, or ask: ``--yes`` says that the freeze holds, and nothing else."""
    if wanted.yes:
        said = question.kind == "freeze" or (question.kind == "repair" and wanted.repair)
        _say(console, f"{question.text} {'Yes' if said else 'No'} (--yes).")
        return said
    console.print(f"{question.text} [y/N] ", end="", highlight=False, markup=False, soft_wrap=True)
    try:
        return input().strip().lower() in {"y", "yes"}
    except EOFError:
        return False


def _say(console: Console, line: str) -> None:
    console.print(line, highlight=False, markup=False, soft_wrap=True)


class JobHands:
    """Syncs and verifies as runs of the jobs, which the web UI shows like any other run."""

    def __init__(self, console: Console, instance: dg.DagsterInstance, settings: Settings) -> None:
        self._console, self._instance, self._settings = console, instance, settings

    def sync(self, sweep: Sweep, cids: Sequence[str] = ()) -> dict[str, Any]:
        """Run the job that syncs; a run that failed gives its reason as the problem of the app as a whole."""
        report: dict[str, Any] = {}
        config = {"ops": {"sync_changes": {"config": {"sweep": sweep.value, "channels": list(cids)}}}}
        with self._console.status("Syncing…"), _whole_share(self._settings):
            finished = launch.run_in_process(
                self._instance,
                build_definitions(),
                incremental_sync.name,
                run_config=config,
                on_event=launch.report_into(report),
            )
        if finished.interrupted:
            raise KeyboardInterrupt
        if not finished.succeeded:
            return {"problems": {ledger.WHOLE_APP: launch.failure_reason(self._instance, finished)}}
        return report

    def verify(self, cids: Sequence[str] = (), *, mend: bool = False) -> Compared:
        """Run the job that compares."""
        with self._console.status("Comparing…"):
            watch = verifying.compare(self._instance, verifying.Wanted(tuple(cids), repair=mend))
        failed = [name for name, passed in watch.passed.items() if not passed and name != "content"]
        return Compared(watch.verdict, {name: watch.said[name] for name in failed})

    def faults(self) -> dict[str, str]:
        """Check the target by itself."""
        return OwnHands(self._settings).faults()


@contextmanager
def _whole_share(settings: Settings) -> Iterator[None]:
    """Let syncs take all of the tool's share of Stream's limits: the company's own backend is not writing now."""
    before = os.environ.get(SHARE_VARIABLE)
    os.environ[SHARE_VARIABLE] = str(settings.rate_limit_share)
    try:
        yield
    finally:
        os.environ.pop(SHARE_VARIABLE)
        if before is not None:
            os.environ[SHARE_VARIABLE] = before
