"""What Dagster's records say of the runs that carried data, for the report.

Here: reading the event log into ``report.facts``. Not here: what follows from it (``report/``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import dagster as dg

from chatsdk_migration.partitions import CONTENT, LISTS, all_channels, unfinished_channels
from chatsdk_migration.report.facts import Run, RunFacts, Stint

PAGE_EVENTS = 1000
"""Events read from the log at a time."""
RUNS_AT_A_TIME = 100
NEVER_CARRIED = "It was not carried yet, or its run was stopped."


def run_facts(instance: dg.DagsterInstance) -> RunFacts:
    """Read all that was recorded in this instance."""
    stints = [stint for key in (*LISTS, *CONTENT) for stint in _stints(instance, key)]
    channels = all_channels(instance)
    return RunFacts(
        runs=_runs(instance, sorted({stint.run_id for stint in stints})),
        stints=stints,
        unfinished=_unfinished(instance) if channels else {},
        known_channels=len(channels),
    )


def _stints(instance: dg.DagsterInstance, key: dg.AssetKey) -> Iterator[Stint]:
    cursor, has_more = None, True
    while has_more:
        page = instance.fetch_materializations(key, limit=PAGE_EVENTS, cursor=cursor, ascending=True)
        cursor, has_more = page.cursor, page.has_more
        for record in page.records:
            if record.asset_materialization is not None:
                yield _stint(record, record.asset_materialization)


def _stint(record: dg.EventLogRecord, materialization: dg.AssetMaterialization) -> Stint:
    values = {name: entry.value for name, entry in materialization.metadata.items()}
    return Stint(
        asset=materialization.asset_key.path[-1],
        partition=materialization.partition,
        run_id=record.run_id,
        ended=record.timestamp,
        seconds=_number(values.get("seconds")),
        rows=int(_number(values.get("rows_written"))),
        already_there=int(_number(values.get("already_there"))),
        api_calls=int(_number(values.get("api_calls"))),
        gone=values.get("outcome") == "gone from the source",
    )


def _batches(ids: Sequence[str], size: int) -> Iterator[list[str]]:
    return (list(ids[start : start + size]) for start in range(0, len(ids), size))


def _number(value: object) -> float:
    """Give a number of the metadata; somebody may have recorded a materialization by hand, without any."""
    return value if isinstance(value, int | float) else 0.0


def _runs(instance: dg.DagsterInstance, run_ids: Sequence[str]) -> list[Run]:
    """Read runs, oldest first; one that was deleted since is left out."""
    records = [
        record
        for ids in _batches(run_ids, RUNS_AT_A_TIME)
        for record in instance.get_run_records(dg.RunsFilter(run_ids=ids))
    ]
    runs = [
        Run(
            run_id=record.dagster_run.run_id,
            job=_job(record.dagster_run),
            status=record.dagster_run.status.value.lower(),
            started=record.start_time or record.create_timestamp.timestamp(),
            ended=record.end_time,
        )
        for record in records
    ]
    return sorted(runs, key=lambda run: run.started)


def _job(run: dg.DagsterRun) -> str:
    """Name the job as the web UI does."""
    return "materialize" if run.job_name.startswith("__") else run.job_name


def _unfinished(instance: dg.DagsterInstance) -> dict[str, str]:
    """Give the channels that are not complete, with the newest reason recorded for each."""
    cids = unfinished_channels(instance)
    reasons: dict[str, str] = {}
    for key in CONTENT if cids else ():
        for some in _batches(cids, PAGE_EVENTS):
            records_filter = dg.AssetRecordsFilter(asset_key=key, asset_partitions=some)
            for record in instance.fetch_observations(records_filter, limit=PAGE_EVENTS).records:
                observation = record.asset_observation
                if observation is not None and observation.partition is not None and observation.description:
                    reasons.setdefault(observation.partition, observation.description)
    return {cid: reasons.get(cid, NEVER_CARRIED) for cid in cids}
