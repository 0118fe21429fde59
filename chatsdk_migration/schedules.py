"""The schedule that tries failed and missing channels again. Off until someone turns it on."""

from __future__ import annotations

import dagster as dg

from chatsdk_migration.jobs import migrate_channels
from chatsdk_migration.partitions import unfinished_channels

_UNDER_WAY = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]


@dg.schedule(
    job=migrate_channels,
    cron_schedule="0 * * * *",
    default_status=dg.DefaultScheduleStatus.STOPPED,
    description="Every hour, tries all failed and missing channels again in one run.",
)
def retry_unfinished_channels(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Ask for a run unless one is under way or nothing is left."""
    filters = dg.RunsFilter(job_name=migrate_channels.name, statuses=_UNDER_WAY)
    if context.instance.get_runs_count(filters):
        return dg.SkipReason("The previous run is still under way.")
    if not unfinished_channels(context.instance):
        return dg.SkipReason("No channel is failed or missing.")
    return dg.RunRequest()
