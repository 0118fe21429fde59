"""``import-stream``: the whole migration, or what is left of it, as runs of the project's own jobs.

Here: which runs, in which order, and what is said at the end. Not here: the work (``assets/``), the bars
(``progress.py``).
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import dagster as dg
from dagster import DagsterEventType
from dagster._core.events.log import EventLogEntry
from rich.console import Console

from chatsdk_migration import budget, progress, transfer
from chatsdk_migration.cli.exclusive import alone
from chatsdk_migration.cli.session import opened_instance, require_credentials
from chatsdk_migration.cli.summary import print_rehearsal, print_summary
from chatsdk_migration.cli.verifying import check_load
from chatsdk_migration.definitions import build_definitions
from chatsdk_migration.errors import PermanentError
from chatsdk_migration.instance import launch, owner
from chatsdk_migration.jobs import dry_run, full_migration, migrate_channel_range, migrate_channels
from chatsdk_migration.partitions import (
    all_channels,
    in_progress_channels,
    plan_runs,
    unfinished_channels,
    unfinished_lists,
)
from chatsdk_migration.postgres import ledger, preflight
from chatsdk_migration.postgres.target import Target
from chatsdk_migration.rehearsal import choose
from chatsdk_migration.reporting import OTHERS_DONE
from chatsdk_migration.settings import Settings
from chatsdk_migration.stream.client import StreamClient
from chatsdk_migration.stream.plan import read_limits

NOT_BEGUN = "not begun, or not finished, when the error budget was used up"
Reasons = dict[str, str]
"""Why a channel failed, by cid."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the operator asked for: these channels (empty: all), only what is not done yet, with a replaced key."""

    channels: Sequence[str] = ()
    resume: bool = False
    new_key: bool = False


@dataclass(slots=True)
class _Watch:
    """What the events of the runs say: which channels are through, which failed and why."""

    total: int
    finished: set[str] = field(default_factory=set)
    reasons: Reasons = field(default_factory=dict)
    started: float = field(default_factory=time.monotonic)
    _before: Counter[str] = field(default_factory=lambda: Counter(transfer.CARRIED))

    def note(self, entry: EventLogEntry) -> None:
        """Take one event of a run."""
        event = entry.dagster_event
        if event is None or event.partition is None:
            return
        if event.event_type is DagsterEventType.ASSET_MATERIALIZATION:
            self.finished.add(event.partition)
        elif event.event_type is DagsterEventType.ASSET_OBSERVATION:
            self.reasons[event.partition] = event.asset_observation_data.asset_observation.description or ""

    def snapshot(self) -> progress.Snapshot:
        """Give where the runs stand."""
        expected = transfer.CARRIED["expected messages"]
        all_told = expected and not transfer.CARRIED["channels without count"]
        return progress.Snapshot(
            channels_done=len(self.finished | self.reasons.keys()),
            channels_total=self.total,
            messages_read=transfer.CARRIED["messages read"] - self._before["messages read"],
            messages_expected=expected if all_told else None,
            seconds=time.monotonic() - self.started,
        )


def run_import(console: Console, wanted: Wanted) -> bool:
    """Migrate; say whether some channels failed.

    Raises:
        PermanentError: Bad input or configuration, or nothing further can succeed.
    """
    settings = require_credentials(Settings.load())
    _preflight(console, settings)
    _check_credentials(settings)
    with opened_instance() as instance, alone():
        owner.claim(instance, settings, new_key=wanted.new_key)
        owner.claim_target(instance, _target_id(settings))
        definitions = build_definitions()
        _discover(console, instance, definitions, wanted)
        todo = _todo(instance, wanted)
        if not todo and wanted.resume:
            return _say_nothing_to_do(console, instance)
        watch, stop = _Watch(len(todo)), None
        if todo:
            with progress.shown(console, watch.snapshot), budget.shared(settings) as allowed:
                stop = _carry(instance, definitions, todo, watch, allowed)
        otherwise = NOT_BEGUN if stop else "see the run's log"
        failed = {cid: watch.reasons.get(cid, otherwise) for cid in _unfinished(instance, todo)}
        print_summary(console, settings, watch.snapshot(), failed)
        if stop:
            console.print(f"Stopped: {stop}", style="bold red", highlight=False, markup=False)
        sound = bool(failed or stop) or check_load(console, instance, definitions)
    return bool(failed or stop) or not sound


def rehearse(console: Console, wanted: Wanted) -> bool:
    """Dry run; say whether some channels could not be carried.

    Raises:
        PermanentError: Bad input or configuration.
    """
    if wanted.resume:
        raise PermanentError("starting a dry run", "--resume was given too", "Rehearse everything, or --channels.")
    settings = require_credentials(Settings.load())
    _preflight(console, settings, read_only=True)
    report: dict[str, Any] = {}

    with opened_instance() as instance:
        config = {"ops": {"rehearse_migration": {"config": {"channels": list(wanted.channels)}}}}
        finished = launch.run_in_process(
            instance, build_definitions(), dry_run.name, run_config=config, on_event=launch.report_into(report)
        )
        _require(instance, finished)
    print_rehearsal(console, report)
    return bool(report["problems"])


def _preflight(console: Console, settings: Settings, *, read_only: bool = False) -> None:
    """Find bad configuration before anything starts."""
    target = Target(settings, read_only=read_only)
    try:
        for advice in preflight.check(target, dry_run=read_only).advice:
            console.print(f"Advice: {advice}", highlight=False, markup=False)
    finally:
        target.close()


def _say_nothing_to_do(console: Console, instance: dg.DagsterInstance) -> bool:
    """Say that all is done, or who is still at it; give whether that is so."""
    working = in_progress_channels(instance)
    if not working:
        console.print("Nothing to do: every channel is already done.")
        return False
    console.print(
        f"Nothing to do here, but {len(working):,} channels are not done: a run of the web UI or its daemon is carrying"
        " them. Wait for it (`chatsdk-migrate status`), or terminate it in the UI and resume.",
        style="bold yellow",
    )
    return True


def _check_credentials(settings: Settings) -> None:
    """Ask Stream for its limits: a mistyped key must not become the owner of the instance.

    Raises:
        PermanentError: Stream refuses the credentials.
    """
    with StreamClient(settings) as client:
        read_limits(client)


def _target_id(settings: Settings) -> str:
    """Give the id under which the target knows this migration."""
    target = Target(settings)
    try:
        ledger.install(target)
        return str(ledger.identify(target, settings.stream_api_key).id)
    finally:
        target.close()


def _discover(console: Console, instance: dg.DagsterInstance, definitions: dg.Definitions, wanted: Wanted) -> None:
    """List users and channels; on a resume only what was never listed to its end."""
    lists = unfinished_lists(instance) if wanted.resume else None
    if lists == []:
        return
    with progress.listing(console, transfer.CARRIED):
        finished = launch.run_in_process(instance, definitions, full_migration.name, assets=lists)
    _require(instance, finished)


def _todo(instance: dg.DagsterInstance, wanted: Wanted) -> list[str]:
    keys = all_channels(instance)
    chosen = set(choose(keys, wanted.channels)) if wanted.channels else set(keys)
    if wanted.resume:
        chosen &= set(unfinished_channels(instance))
    return [key for key in keys if key in chosen]


def _carry(
    instance: dg.DagsterInstance,
    definitions: dg.Definitions,
    todo: Sequence[str],
    watch: _Watch,
    allowed: budget.Budget,
) -> str | None:
    """Carry channels in as few runs as possible: contiguous ranges, and lists of what lies scattered.

    Gives the reason when the error budget ended it early; the runs share one.
    """
    plan = plan_runs(all_channels(instance), todo)
    runs: list[tuple[str, dict[str, Any]]] = [
        (migrate_channel_range.name, {"partition_range": span}) for span in plan.ranges
    ]
    for cids in plan.scattered:
        config = {"ops": {"migrate_selected_channels": {"config": {"channels": list(cids)}}}}
        runs.append((migrate_channels.name, {"run_config": config}))
    for name, how in runs:
        finished = launch.run_in_process(instance, definitions, name, on_event=watch.note, **how)
        if allowed.is_exceeded() and not finished.interrupted:
            return launch.failure_reason(instance, finished)
        _require_progress(instance, finished)
    return None


def _require(instance: dg.DagsterInstance, finished: launch.Finished) -> None:
    """Go on only after a run that did all it was asked for.

    Raises:
        PermanentError: With the run's own reason.
    """
    if finished.interrupted:
        raise KeyboardInterrupt
    if not finished.succeeded:
        raise _stopped(instance, finished)


def _require_progress(instance: dg.DagsterInstance, finished: launch.Finished) -> None:
    """Go on also after a run of which some channels failed, which the next run has nothing to do with."""
    if finished.interrupted:
        raise KeyboardInterrupt
    if finished.succeeded or OTHERS_DONE in launch.failure_reason(instance, finished):
        return
    raise _stopped(instance, finished)


def _stopped(instance: dg.DagsterInstance, finished: launch.Finished) -> PermanentError:
    reason = launch.failure_reason(instance, finished)
    return PermanentError(f"run {finished.run.run_id[:8]}", reason.rstrip("."), "Nothing that is done is lost.")


def _unfinished(instance: dg.DagsterInstance, todo: Sequence[str]) -> list[str]:
    left = set(unfinished_channels(instance))
    return [cid for cid in todo if cid in left]
