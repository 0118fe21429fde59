"""What may not run beside what: never two syncs, never a sync beside a load.

Here: the look at Dagster's runs under way, whoever started them. Not here: the locks in the target that keep two
processes from one channel (``postgres/stage.py``) and two syncs from one app (``sync/engine.py``).
"""

from __future__ import annotations

import dagster as dg

from chatsdk_migration.errors import PermanentError

SYNC = "incremental_sync"
LOADS = frozenset({"full_migration", "migrate_channel_range", "migrate_channels"})
LOADED = frozenset(dg.AssetKey(name) for name in ("users", "channels", "members", "messages", "reactions"))
"""Assets whose materialization, from the graph in the web UI, is a load under a job name of Dagster's own."""
UNDER_WAY = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def is_load(run: dg.DagsterRun) -> bool:
    """Say whether a run carries users or channels from Stream."""
    return run.job_name in LOADS or bool(LOADED & (run.asset_selection or frozenset()))


def in_the_way_of_a_sync(instance: dg.DagsterInstance, own_run_id: str = "") -> str | None:
    """Give the name of a job under way beside which no sync may start; None when there is none."""
    for run in _others(instance, own_run_id):
        if run.job_name == SYNC or is_load(run):
            return run.job_name if run.job_name == SYNC or run.job_name in LOADS else "materialize"
    return None


def refuse_beside_a_sync(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    """Keep a load from starting beside a sync; runs that only look are let through.

    Raises:
        PermanentError: A sync is under way.
    """
    if is_load(run) and any(other.job_name == SYNC for other in _others(instance, run.run_id)):
        raise PermanentError(
            "starting a load", "a sync is under way", "Let it end, or stop its schedule, then run this again."
        )


def _others(instance: dg.DagsterInstance, own_run_id: str) -> list[dg.DagsterRun]:
    return [run for run in instance.get_runs(dg.RunsFilter(statuses=UNDER_WAY)) if run.run_id != own_run_id]
