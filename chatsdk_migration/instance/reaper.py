"""Marks runs whose worker is gone as failed, so that their unfinished channels show as failed and can be resumed.

Here: the sweep that the command line makes at start. Not here: the same check by the daemon (``launcher.py``).
"""

from __future__ import annotations

import dagster as dg
from dagster._core.launcher import WorkerStatus

from chatsdk_migration.instance.launcher import HealthCheckedRunLauncher

_MAY_HAVE_A_WORKER = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def reap(instance: dg.DagsterInstance) -> list[str]:
    """Finish every run whose worker is known to be dead, and give their ids.

    A run that was being cancelled becomes CANCELED, any other FAILURE. Runs of other hosts are left alone: nobody
    here can tell whether they live.
    """
    launcher = instance.run_launcher
    if not isinstance(launcher, HealthCheckedRunLauncher):
        launcher = HealthCheckedRunLauncher()
    reaped = []
    for run in instance.get_runs(dg.RunsFilter(statuses=_MAY_HAVE_A_WORKER)):
        health = launcher.check_run_worker_health(run)
        if health.status is WorkerStatus.FAILED:
            _finish(instance, run, health.msg or "")
            reaped.append(run.run_id)
    return reaped


def _finish(instance: dg.DagsterInstance, run: dg.DagsterRun, reason: str) -> None:
    if run.status is dg.DagsterRunStatus.CANCELING:
        instance.report_run_canceled(run, reason)
    else:
        instance.report_run_failed(run, f"{reason} Committed channels keep their records; the others can be resumed.")
