"""Wiring only: what Dagster loads. Not here: anything that does something."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dagster as dg

from chatsdk_migration.assets import channel_content, channels, cutover_readiness, migration_report, users
from chatsdk_migration.checks import preflight, reconciliation
from chatsdk_migration.io_manager import PostgresIOManager
from chatsdk_migration.jobs import (
    assess_readiness,
    check_load,
    dry_run,
    full_migration,
    incremental_sync,
    migrate_channel_range,
    migrate_channels,
    replay_quarantine,
    report_migration,
    verify_channels,
    verify_migration,
)
from chatsdk_migration.resources import MigrationResource
from chatsdk_migration.schedules import (
    assess_hourly,
    retry_unfinished_channels,
    sync_every_ten_minutes,
    verify_daily,
)
from chatsdk_migration.sensors import check_finished_load, migrate_discovered_channels, tell_when_ready


def build_definitions(*, overrides: Mapping[str, Any] | None = None) -> dg.Definitions:
    """Wire everything together.

    Args:
        overrides: Resources by key, in place of ours: ``migration`` (a ``MigrationResource``), ``io_manager``.

    The executor runs steps in the run's process: a process for each step would cost seconds, and the work is
    concurrent inside the step.
    """
    given = dict(overrides or {})
    migration = given.pop("migration", None) or MigrationResource()
    resources = {"migration": migration, "io_manager": PostgresIOManager(migration=migration)} | given
    return dg.Definitions(
        assets=[users, channels, channel_content, migration_report, cutover_readiness],
        asset_checks=[preflight, reconciliation],
        jobs=[
            full_migration,
            dry_run,
            migrate_channel_range,
            migrate_channels,
            replay_quarantine,
            report_migration,
            verify_migration,
            verify_channels,
            check_load,
            incremental_sync,
            assess_readiness,
        ],
        sensors=[migrate_discovered_channels, check_finished_load, tell_when_ready],
        schedules=[retry_unfinished_channels, verify_daily, sync_every_ten_minutes, assess_hourly],
        resources=resources,
        executor=dg.in_process_executor,
    )


defs = build_definitions()
