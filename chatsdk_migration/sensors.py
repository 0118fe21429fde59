"""The sensors that go on from discovered channels to their content, to its checks, and one that tells of readiness.

Here: when the runs start. Not here: how channels are grouped into runs (``partitions.plan_runs``).
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence

import dagster as dg
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG

from chatsdk_migration.instance.launch import is_from_command_line
from chatsdk_migration.jobs import check_load, full_migration, migrate_channel_range, migrate_channels
from chatsdk_migration.partitions import all_channels, plan_runs, unfinished_channels
from chatsdk_migration.readiness_record import READINESS, READY
from chatsdk_migration.settings import Settings

LOOK_EVERY_SECONDS = 10
READINESS_EVERY_SECONDS = 30
_READY, _NOT_READY = "ready", "not ready"


@dg.run_status_sensor(
    run_status=dg.DagsterRunStatus.SUCCESS,
    monitored_jobs=[full_migration],
    request_jobs=[migrate_channel_range, migrate_channels],
    minimum_interval_seconds=LOOK_EVERY_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="After full_migration, starts runs for every channel that is new, failed or missing. A migration "
    "started from the command line starts its own.",
)
def migrate_discovered_channels(context: dg.RunStatusSensorContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """Ask for runs over all unfinished channels."""
    run = context.dagster_run
    if is_from_command_line(run):
        yield dg.SkipReason(f"Run {run.run_id} belongs to a command line, which goes on by itself.")
        return
    todo = unfinished_channels(context.instance)
    if not todo:
        yield dg.SkipReason("No channel is new, failed or missing.")
        return
    plan = plan_runs(all_channels(context.instance), todo)
    for start, end in plan.ranges:
        yield range_request(run.run_id, start, end)
    for cids in plan.scattered:
        yield list_request(run.run_id, cids)


@dg.run_status_sensor(
    run_status=dg.DagsterRunStatus.SUCCESS,
    monitored_jobs=[migrate_channel_range, migrate_channels],
    request_job=check_load,
    minimum_interval_seconds=LOOK_EVERY_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="When the last channel has been carried, checks integrity and privacy of the target. A migration "
    "started from the command line makes its own checks.",
)
def check_finished_load(context: dg.RunStatusSensorContext) -> dg.RunRequest | dg.SkipReason:
    """Ask for the checks when nothing is left to carry."""
    run = context.dagster_run
    if is_from_command_line(run):
        return dg.SkipReason(f"Run {run.run_id} belongs to a command line, which goes on by itself.")
    if left := unfinished_channels(context.instance):
        return dg.SkipReason(f"{len(left)} channels are still failed or missing.")
    return dg.RunRequest(run_key=run.run_id)


@dg.sensor(
    minimum_interval_seconds=READINESS_EVERY_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Says in its log, once, that the switch to ChatSDK has become possible. Starts nothing.",
)
def tell_when_ready(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Log the change from not ready to ready; the cursor is the newest readiness seen."""
    event = context.instance.get_latest_materialization_event(READINESS)
    found = event.asset_materialization.metadata.get(READY) if event and event.asset_materialization else None
    if event is None or found is None:
        return dg.SkipReason("The readiness has not been judged yet.")
    old = time.time() - event.timestamp > Settings.load().cutover_max_lag_seconds
    was_ready, is_ready = context.cursor == _READY, found.value == 1 and not old
    context.update_cursor(_READY if is_ready else _NOT_READY)
    if old:  # every sync judges it: without one for so long ChatSDK is too far behind
        return dg.SkipReason("The readiness was judged too long ago. Run a sync, or job assess_readiness.")
    if not is_ready:
        return dg.SkipReason("Not ready for the switch; asset cutover_readiness says why.")
    if not was_ready:
        context.log.info("Ready for the switch to ChatSDK. Next: chatsdk-migrate cutover.")
        return dg.SkipReason("Has become ready for the switch: chatsdk-migrate cutover.")
    return dg.SkipReason("Still ready for the switch.")


def range_request(cause: str, start: str, end: str) -> dg.RunRequest:
    """Ask for one run over a range; ``cause`` makes the same request of the same cause be granted once."""
    return dg.RunRequest(
        run_key=f"{cause}:{start}...{end}",
        job_name=migrate_channel_range.name,
        tags={ASSET_PARTITION_RANGE_START_TAG: start, ASSET_PARTITION_RANGE_END_TAG: end},
    )


def list_request(cause: str, cids: Sequence[str]) -> dg.RunRequest:
    """Ask for one run over scattered channels."""
    digest = hashlib.sha256("\n".join(cids).encode()).hexdigest()
    return dg.RunRequest(
        run_key=f"{cause}:{digest}",
        job_name=migrate_channels.name,
        run_config={"ops": {"migrate_selected_channels": {"config": {"channels": list(cids)}}}},
    )
