"""The schedules: failed and missing channels again, syncs, a nightly comparison, the readiness for the switch.

Here: when each starts, and what keeps it from starting. Off until someone turns them on. Not here: what the jobs do.
"""

from __future__ import annotations

import dagster as dg

from chatsdk_migration.instance.beside import UNDER_WAY, in_the_way_of_a_sync
from chatsdk_migration.jobs import assess_readiness, incremental_sync, migrate_channels, verify_migration
from chatsdk_migration.partitions import unfinished_channels


def _is_under_way(context: dg.ScheduleEvaluationContext, job_name: str) -> bool:
    return context.instance.get_runs_count(dg.RunsFilter(job_name=job_name, statuses=UNDER_WAY)) > 0


@dg.schedule(
    job=migrate_channels,
    cron_schedule="0 * * * *",
    default_status=dg.DefaultScheduleStatus.STOPPED,
    description="Every hour, tries all failed and missing channels again in one run.",
)
def retry_unfinished_channels(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Ask for a run unless one is under way or nothing is left."""
    if _is_under_way(context, migrate_channels.name):
        return dg.SkipReason("The previous run is still under way.")
    if not unfinished_channels(context.instance):
        return dg.SkipReason("No channel is failed or missing.")
    return dg.RunRequest()


@dg.schedule(
    job=verify_migration,
    cron_schedule="0 4 * * *",
    default_status=dg.DefaultScheduleStatus.STOPPED,
    description="Every night, reads Stream again and compares everything; what people did in ChatSDK is explained.",
)
def verify_daily(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Ask for a comparison unless one is under way."""
    if _is_under_way(context, verify_migration.name):
        return dg.SkipReason("The previous comparison is still under way.")
    return dg.RunRequest()


@dg.schedule(
    job=incremental_sync,
    cron_schedule="*/10 * * * *",
    default_status=dg.DefaultScheduleStatus.STOPPED,
    description="Every 10 minutes, follows Stream; not beside another sync or a load.",
)
def sync_every_ten_minutes(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Ask for a sync unless one, or a load, is under way."""
    if other := in_the_way_of_a_sync(context.instance):
        return dg.SkipReason(f"A run of {other} is under way.")
    return dg.RunRequest()


assess_hourly = dg.ScheduleDefinition(
    name="assess_hourly",
    job=assess_readiness,
    cron_schedule="30 * * * *",
    default_status=dg.DefaultScheduleStatus.STOPPED,
    description="Every hour, refreshes the readiness for the switch: it ages even when no sync runs.",
)
"""Each sync and each verification refreshes it anyway."""
