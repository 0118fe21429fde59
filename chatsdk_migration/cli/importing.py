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

from chatsdk_migration import progress, transfer
from chatsdk_migration.cli.session import opened_instance, require_credentials
from chatsdk_migration.cli.summary import print_rehearsal, print_summary
from chatsdk_migration.definitions import build_definitions
from chatsdk_migration.errors import PermanentError
from chatsdk_migration.instance import launch, owner
from chatsdk_migration.jobs import dry_run, full_migration, migrate_channel_range, migrate_channels
from chatsdk_migration.partitions import all_channels, plan_runs, unfinished_channels, unfinished_lists
from chatsdk_migration.postgres import preflight
from chatsdk_migration.postgres.target import Target
from chatsdk_migration.rehearsal import choose
from chatsdk_migration.settings import Settings

Reasons = dict[str, str]
"""Why a channel failed, by cid."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the operator asked for: these channels (empty: all), and only what is not done yet."""

    channels: Sequence[str] = ()
    resume: bool = False


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
    with opened_instance() as instance:
        owner.claim(instance, settings)
        definitions = build_definitions()
        _discover(console, instance, definitions, wanted)
        todo = _todo(instance, wanted)
        watch = _Watch(len(todo))
        if todo:
            with progress.shown(console, watch.snapshot):
                _carry(instance, definitions, todo, watch)
        failed = {cid: watch.reasons.get(cid, "see the run's log") for cid in _unfinished(instance, todo)}
        print_summary(console, settings, watch.snapshot(), failed, resumed=wanted.resume)
    return bool(failed)


def rehearse(console: Console, wanted: Wanted) -> bool:
    """Dry run; say whether some channels could not be carried.

    Raises:
        PermanentError: Bad input or configuration.
    """
    settings = require_credentials(Settings.load())
    _preflight(console, settings, read_only=True)
    report: dict[str, Any] = {}

    def note(entry: EventLogEntry) -> None:
        event = entry.dagster_event
        if event is not None and event.event_type is DagsterEventType.STEP_OUTPUT:
            value = event.step_output_data.metadata["report"].value
            report.update(value if isinstance(value, dict) else {})

    with opened_instance() as instance:
        config = {"ops": {"rehearse_migration": {"config": {"channels": list(wanted.channels)}}}}
        finished = launch.run_in_process(instance, build_definitions(), dry_run.name, run_config=config, on_event=note)
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


def _carry(instance: dg.DagsterInstance, definitions: dg.Definitions, todo: Sequence[str], watch: _Watch) -> None:
    """Carry channels in as few runs as possible: contiguous ranges, and lists of what lies scattered."""
    plan = plan_runs(all_channels(instance), todo)
    for span in plan.ranges:
        _require_progress(
            instance,
            launch.run_in_process(
                instance, definitions, migrate_channel_range.name, partition_range=span, on_event=watch.note
            ),
        )
    for cids in plan.scattered:
        config = {"ops": {"migrate_selected_channels": {"config": {"channels": list(cids)}}}}
        _require_progress(
            instance,
            launch.run_in_process(instance, definitions, migrate_channels.name, run_config=config, on_event=watch.note),
        )


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
    if not finished.succeeded and "channels failed, the others are done" not in _reason(instance, finished):
        raise _stopped(instance, finished)


def _stopped(instance: dg.DagsterInstance, finished: launch.Finished) -> PermanentError:
    found = _reason(instance, finished).rstrip(".")
    return PermanentError(f"run {finished.run.run_id}", found, "Put it right, then run again with --resume.")


def _reason(instance: dg.DagsterInstance, finished: launch.Finished) -> str:
    """Give what made a run fail, in its own words."""
    records = instance.all_logs(
        finished.run.run_id, of_type={DagsterEventType.STEP_FAILURE, DagsterEventType.RUN_FAILURE}
    )
    for entry in records:
        event = entry.dagster_event
        if event is not None and event.event_type is DagsterEventType.STEP_FAILURE:
            data = event.step_failure_data
            if data.user_failure_data and data.user_failure_data.description:
                return data.user_failure_data.description
            if data.error:
                return data.error.message.strip()
    return "it failed without a step's failure; see its log in the UI"


def _unfinished(instance: dg.DagsterInstance, todo: Sequence[str]) -> list[str]:
    left = set(unfinished_channels(instance))
    return [cid for cid in todo if cid in left]
