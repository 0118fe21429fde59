"""Runs a job in this process, so that it looks in the web UI like any other run.

Here: creating and executing the run. Not here: the definitions (given by the caller, which imports them).
A run made by ``dagster job execute`` has no origin, and the web UI cannot re-execute it; ours have one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import dagster as dg
from dagster import DagsterEventType
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.events.log import EventLogEntry
from dagster._core.execution.api import execute_run_iterator
from dagster._core.execution.plan.objects import StepFailureData
from dagster._core.remote_origin import (
    ManagedGrpcPythonEnvCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.utils import make_new_run_id
from dagster._utils.interrupts import capture_interrupts

from chatsdk_migration.errors import MigrationError
from chatsdk_migration.instance.worker import Worker

DEFINITIONS_MODULE = "chatsdk_migration.definitions"
"""Also the name of the code location, as ``dagster dev -m`` and ``workspace.yaml`` call it by default."""
REPOSITORY_NAME = "__repository__"
LAUNCHED_BY_TAG = "chatsdk_migration/launched_by"
_COMMAND_LINE = "command-line"

_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
"""The command line speaks for itself; everything is in the event log all the same."""


class Finished(NamedTuple):
    """A run that ended; ``interrupted`` says that somebody ended it: Ctrl-C, a TERM signal, or the web UI."""

    run: dg.DagsterRun
    interrupted: bool

    @property
    def succeeded(self) -> bool:
        """Say whether the run did all it was asked for."""
        return self.run.is_success


def is_from_command_line(run: dg.DagsterRun) -> bool:
    """Say whether a command line executes this very run, rather than a run whose tags this one inherited."""
    return run.tags.get(LAUNCHED_BY_TAG) == f"{_COMMAND_LINE}:{run.run_id}"


def run_in_process(  # noqa: PLR0913 - the choices of the web UI's launchpad
    instance: dg.DagsterInstance,
    definitions: dg.Definitions,
    job_name: str,
    *,
    run_config: Mapping[str, Any] | None = None,
    tags: Mapping[str, str] | None = None,
    assets: Iterable[dg.AssetKey] | None = None,
    partition_range: tuple[str, str] | None = None,
    on_event: Callable[[EventLogEntry], None] | None = None,
) -> Finished:
    """Create a run of a job and execute it here.

    Args:
        instance: Where the run is recorded.
        definitions: Of ``chatsdk_migration.definitions``.
        job_name: One of its jobs.
        run_config: As in the launchpad; never secrets, it is recorded.
        tags: More tags for the run.
        assets: Only these assets of the job.
        partition_range: First and last channel, in partition order, of a partitioned job.
        on_event: Called with every event as it is stored, also from worker threads; must not raise.
    """
    job = definitions.resolve_job_def(job_name)
    if assets is not None:
        job = job.get_subset(asset_selection=set(assets))
    run_id = make_new_run_id()
    run = instance.create_run_for_job(
        job,
        run_id=run_id,
        run_config={**_QUIET, **(run_config or {})},
        asset_selection=frozenset(assets) if assets is not None else None,
        tags={**_tags(run_id, partition_range), **(tags or {})},
        remote_job_origin=_origin(job_name),
    )
    if on_event is not None:
        instance.add_event_listener(run_id, on_event)
    interrupted = _execute(job, run, instance)
    run = instance.get_run_by_id(run_id) or run
    return Finished(run, interrupted or run.status is dg.DagsterRunStatus.CANCELED)


def failure_reason(instance: dg.DagsterInstance, finished: Finished) -> str:
    """Give what made a run fail, in its own words."""
    records = instance.all_logs(
        finished.run.run_id, of_type={DagsterEventType.STEP_FAILURE, DagsterEventType.RUN_FAILURE}
    )
    for entry in records:
        event = entry.dagster_event
        if event is not None and event.event_type is DagsterEventType.STEP_FAILURE:
            reason = step_reason(event.step_failure_data, finished.run.run_id)
            if reason:
                return reason
    return "it failed without a step's failure; see its log in the UI"


def report_into(report: dict[str, Any]) -> Callable[[EventLogEntry], None]:
    """Give what puts the ``report`` of a step's output there, for ``on_event``."""

    def note(entry: EventLogEntry) -> None:
        event = entry.dagster_event
        if event is not None and event.event_type is DagsterEventType.STEP_OUTPUT:
            value = event.step_output_data.metadata["report"].value
            report.update(value if isinstance(value, dict) else {})

    return note


def step_reason(data: StepFailureData, run_id: str) -> str:
    """Give what made a step fail in a line; what nobody expected may quote private data and stays in the run's log."""
    if data.user_failure_data and data.user_failure_data.description:
        return data.user_failure_data.description
    error = data.error
    while error is not None and error.cause is not None:  # Dagster wraps it
        error = error.cause
    if error is None:
        return ""
    if error.message.startswith(f"{MigrationError.__module__}."):
        return error.message.partition(": ")[2].strip()
    return (
        f"a defect of this tool ({error.cls_name}); the log of run {run_id[:8]} in `chatsdk-migrate ui` has the trace"
    )


def _execute(job: dg.JobDefinition, run: dg.DagsterRun, instance: dg.DagsterInstance) -> bool:
    interrupted = False
    with capture_interrupts():
        for event in execute_run_iterator(InMemoryJob(job), run, instance):
            interrupted |= event.is_failure and "interrupted" in (event.message or "")
    return interrupted


def _tags(run_id: str, partition_range: tuple[str, str] | None) -> dict[str, str]:
    tags = {LAUNCHED_BY_TAG: f"{_COMMAND_LINE}:{run_id}", **Worker.here(run_id).tags()}
    if partition_range is not None:
        tags[ASSET_PARTITION_RANGE_START_TAG], tags[ASSET_PARTITION_RANGE_END_TAG] = partition_range
    return tags


def _origin(job_name: str) -> RemoteJobOrigin:
    location = ManagedGrpcPythonEnvCodeLocationOrigin(
        loadable_target_origin=LoadableTargetOrigin(module_name=DEFINITIONS_MODULE), location_name=DEFINITIONS_MODULE
    )
    return RemoteJobOrigin(RemoteRepositoryOrigin(location, REPOSITORY_NAME), job_name)
