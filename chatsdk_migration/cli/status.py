"""``status``: what is done, failed and missing, how fast it goes, how long still, and whether the switch can be made.

The load from Dagster's own records, the switch from the target.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import dagster as dg
import psycopg
from dagster import AssetPartitionStatus
from rich.console import Console
from rich.table import Table

from chatsdk_migration.cli.session import default_home, has_records, opened_instance
from chatsdk_migration.cli.summary import print_reasons
from chatsdk_migration.cutover import assess, proof, state
from chatsdk_migration.errors import MigrationError
from chatsdk_migration.partitions import CHANNELS, CONTENT, LISTS, all_channels, failed_channels, unfinished_channels
from chatsdk_migration.postgres.target import Target
from chatsdk_migration.progress import duration
from chatsdk_migration.settings import Settings
from chatsdk_migration.words import are, counted, moment

KILLED = "the run was killed or stopped before it was through"
RECORDS_A_PAGE = 1000
_WORKING = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.QUEUED]


def show_status(console: Console) -> None:
    """Print where the migration of this instance stands."""
    home = default_home()
    if not has_records(home):
        said = f"No migration here yet (DAGSTER_HOME {home})."
        console.print(said, highlight=False, markup=False, soft_wrap=True)
        console.print("Begin with `chatsdk-migrate validate`, or set DAGSTER_HOME to that of the migration you mean.")
        return
    with opened_instance(home) as instance:
        keys = all_channels(instance)
        console.print(_table(instance, keys))
        _print_pace(console, instance, keys)
        _print_failed(console, instance)
        _print_readiness(console, instance)


def _table(instance: dg.DagsterInstance, keys: Sequence[str]) -> Table:
    table = Table("asset", "done", "failed", "missing", "in progress", "rows")
    for key in LISTS:
        event = instance.get_latest_materialization_event(key)
        rows = _rows(event.asset_materialization) if event is not None else None
        table.add_row(key.to_user_string(), "no" if event is None else "yes", "", "", "", _number(rows))
    for key in CONTENT:
        found = (instance.get_status_by_partition(key, keys, CHANNELS) if keys else None) or {}
        counts = [sum(found.get(k) is status for k in keys) for status in _STATUSES]
        table.add_row(key.to_user_string(), *(f"{n:,}" for n in counts), "")
    return table


_STATUSES = (AssetPartitionStatus.MATERIALIZED, AssetPartitionStatus.FAILED, None, AssetPartitionStatus.IN_PROGRESS)


def _print_pace(console: Console, instance: dg.DagsterInstance, keys: Sequence[str]) -> None:
    """Print the rate of the newest run over channels, and what is left at that rate."""
    runs = [record for record in instance.get_run_records(limit=50) if _carries_channels(record)]
    if not runs:
        console.print("No run has carried channels yet.")
        return
    newest = runs[0]
    began = newest.start_time or newest.create_timestamp.timestamp()
    seconds = (newest.end_time or time.time()) - began
    channels, messages = _since(instance, newest.dagster_run.run_id, began)
    verb = "is carrying" if newest.dagster_run.status in _WORKING else "carried"
    console.print(
        f"Run {newest.dagster_run.run_id[:8]}, begun {moment(datetime.fromtimestamp(began, UTC))}, {verb} "
        f"{counted(channels, 'channel')} and {counted(messages, 'message')} in {duration(seconds)}: "
        f"{messages / max(seconds, 0.001):,.0f} messages/s.",
        highlight=False,
    )
    left = len(unfinished_channels(instance)) if newest.dagster_run.status not in _WORKING else len(keys) - channels
    if left and channels:
        console.print(
            f"{counted(left, 'channel')} {are(left)} left: about {duration(left * seconds / channels)} at that rate.",
            highlight=False,
        )


def _carries_channels(record: dg.RunRecord) -> bool:
    selection = record.dagster_run.asset_selection or frozenset()
    return record.dagster_run.job_name.startswith("migrate_channel") or bool(set(CONTENT) & selection)


def _since(instance: dg.DagsterInstance, run_id: str, began: float) -> tuple[int, int]:
    """Count channels whose messages this run has completed, and their messages."""
    channels = messages = 0
    cursor: str | None = None
    filters = dg.AssetRecordsFilter(asset_key=CONTENT[1], after_timestamp=began - 1)
    while True:
        page = instance.fetch_materializations(filters, limit=RECORDS_A_PAGE, cursor=cursor)
        for record in page.records:
            if record.run_id == run_id:
                channels += 1
                messages += _rows(record.asset_materialization) or 0
        if not page.has_more:
            return channels, messages
        cursor = page.cursor


def _print_failed(console: Console, instance: dg.DagsterInstance) -> None:
    failed = failed_channels(instance)
    if not failed:
        return
    told = f"{counted(len(failed), 'channel')} {are(len(failed))} not complete:"
    console.print(f"[bold red]{told}[/]")
    reasons = _reasons(instance, failed)
    print_reasons(console, {cid: reasons.get(cid, KILLED) for cid in failed})
    console.print("Follow each reason's advice, then run import-stream with --resume.")


def _print_readiness(console: Console, instance: dg.DagsterInstance) -> None:
    """Say whether the switch can be made, and how far a cutover is; without a target from the records."""
    try:
        settings = Settings.load()
        target = Target(settings)
        try:
            lines = list(_standing(target, settings, unfinished_channels(instance)))
        finally:
            target.close()
    except MigrationError as error:
        lines = [f"Readiness for the switch: not known. {error}"]
    except psycopg.Error as error:  # its message may quote a row
        said = f"ChatSDK's database refuses to say ({type(error).__name__}) what role {settings.db_user} asks"
        lines = [f"Readiness for the switch: not known. {said}. `chatsdk-migrate sync` names the grants it lacks."]
    for line in lines:
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def _standing(target: Target, settings: Settings, unfinished: Sequence[str]) -> Iterator[str]:
    found = assess(target, settings, unfinished=unfinished)
    standing = state.current(target) if found.channels else None
    if standing is not None and standing.outcome == state.EQUAL:
        yield (
            f"The cutover of {standing.ended_at:%d %b %H:%M} UTC ended with equal sides: switch as its proof says. "
            "What follows matters only if you go on with syncs."
        )
    yield from proof.readiness_lines(found)
    if standing is not None and standing.ended_at is None:
        since = (
            f"writes in Stream frozen {standing.frozen_at:%d %b %H:%M} UTC" if standing.frozen_at else "not frozen yet"
        )
        yield f"A cutover is under way, {since}: `chatsdk-migrate cutover` goes on with it."
    elif standing is not None and standing.outcome != state.EQUAL:
        yield f"The last cutover ended {standing.ended_at:%d %b %H:%M} UTC: {standing.outcome}."


def _reasons(instance: dg.DagsterInstance, failed: Sequence[str]) -> dict[str, str]:
    """Give the newest reason recorded for each failed channel."""
    reasons: dict[str, str] = {}
    for key in CONTENT:
        filters = dg.AssetRecordsFilter(asset_key=key, asset_partitions=list(failed))
        for record in instance.fetch_observations(filters, limit=RECORDS_A_PAGE).records:
            observation = record.asset_observation
            # Other observations, of replays for example, say nothing of why a channel failed.
            if observation is not None and observation.partition is not None and "reason" in observation.metadata:
                reasons.setdefault(observation.partition, observation.description or "")
    return reasons


def _rows(materialization: dg.AssetMaterialization | None) -> int | None:
    if materialization is None:
        return None
    value = materialization.metadata.get("dagster/row_count")
    number = value.value if value is not None else None
    return number if isinstance(number, int) else None


def _number(value: int | None) -> str:
    return "" if value is None else f"{value:,}"
