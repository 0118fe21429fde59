"""The jobs: loads, syncs, comparisons, replays, the rehearsal, the report and the readiness.

Here: what each job covers. Not here: how a channel is carried (``assets/``), when jobs start (``sensors.py``,
``schedules.py``).
"""

import dagster as dg
from pydantic import Field

from chatsdk_migration import sync
from chatsdk_migration.assets.channel_content import carry_channels
from chatsdk_migration.checks.reconciliation import SPECS
from chatsdk_migration.cutover import assess, history
from chatsdk_migration.errors import PermanentError
from chatsdk_migration.instance.beside import in_the_way_of_a_sync
from chatsdk_migration.instance.home import STREAM_POOL
from chatsdk_migration.instance.owner import claim
from chatsdk_migration.instance.recorder import plan_partitions
from chatsdk_migration.instance.worker import sign_run
from chatsdk_migration.partitions import CONTENT, LISTS, add_channels, all_channels, unfinished_channels
from chatsdk_migration.quarantine import Selection
from chatsdk_migration.readiness_record import READINESS, record_readiness
from chatsdk_migration.rehearsal import choose, rehearse
from chatsdk_migration.reporting import as_failures, channels_failed, explain, replay_observations, replays_failed
from chatsdk_migration.resources import MigrationResource
from chatsdk_migration.sync import Sweep
from chatsdk_migration.sync_record import checked_sweep, record_sync
from chatsdk_migration.transfer import Part

PREFLIGHT = dg.AssetCheckKey(dg.AssetKey("users"), "preflight")

full_migration = dg.define_asset_job(
    "full_migration",
    # The checks of a whole migration have jobs of their own; the preflight belongs here.
    selection=dg.AssetSelection.assets(*LISTS).without_checks() | dg.AssetSelection.checks(PREFLIGHT),
    description="Everything: carries users and channels, then sensor migrate_discovered_channels starts the runs for "
    "the channels that were found. Safe to run again: what is there stays as it is.",
)

migrate_channel_range = dg.define_asset_job(
    "migrate_channel_range",
    selection=dg.AssetSelection.assets(*CONTENT).without_checks(),
    description="Members, messages and reactions of a contiguous range of channels, in one run.",
)

report_migration = dg.define_asset_job(
    "report_migration",
    selection=dg.AssetSelection.assets("migration_report"),
    description="The loss report: what was imported, changed, withheld, rejected and is missing, as Markdown, JSON and "
    "plots. Reads only; run it whenever you want to know.",
)

assess_readiness = dg.define_asset_job(
    "assess_readiness",
    selection=dg.AssetSelection.assets(READINESS),
    description="Ready for the switch to ChatSDK, or not ready because …: from what the last syncs and verifications "
    "left. Each of those refreshes it, too. Reads the target only.",
)

verify_migration = dg.define_asset_job(
    "verify_migration",
    selection=dg.AssetSelection.checks(*(spec.key for spec in SPECS)),
    description="Reads Stream again and holds the target against it: content, completeness, integrity, privacy. Can "
    "take a sample, or the loads' own records instead of Stream; can repair.",
)

verify_channels = dg.define_asset_job(
    "verify_channels",
    selection=dg.AssetSelection.checks(*(spec.key for spec in SPECS if spec.name == "content")),
    description="Reads chosen channels again and holds the target against them; can repair.",
)

check_load = dg.define_asset_job(
    "check_load",
    selection=dg.AssetSelection.checks(*(spec.key for spec in SPECS if spec.blocking)),
    description="What must hold after every load: integrity and privacy of the target. Does not ask Stream.",
)


class ChannelSelection(dg.Config):
    """Which channels, and what of them."""

    channels: list[str] = Field(
        default=[],
        description="cids, for example messaging:general, or bare ids. Empty: all that are failed or missing.",
    )
    parts: list[str] = Field(
        default=[part.value for part in Part], description="What to carry: any of members, messages, reactions."
    )


@dg.op(pool=STREAM_POOL)
def migrate_selected_channels(
    context: dg.OpExecutionContext, config: ChannelSelection, migration: MigrationResource
) -> None:
    """Carry scattered channels and record them for their partitions."""
    parts = _parts(config)
    cids = _selected(context.instance, config, parts)
    if not cids and not config.channels:
        context.log.info("Nothing to do: no channel is failed or missing.")
        return
    assets = [dg.AssetKey(part.value) for part in Part if part in parts]
    plan_partitions(
        context.instance, context.run, str(context.op_handle), [(asset, cid) for asset in assets for cid in cids]
    )
    carry_channels(context, migration, cids, parts)


def _parts(config: ChannelSelection) -> frozenset[Part]:
    if unknown := set(config.parts) - set(Part):
        raise dg.Failure(
            f"Unknown parts: {', '.join(sorted(unknown))}. There are {', '.join(Part)}.", allow_retries=False
        )
    return frozenset(Part(part) for part in config.parts) or frozenset(Part)


def _selected(instance: dg.DagsterInstance, config: ChannelSelection, parts: frozenset[Part]) -> list[str]:
    if not config.channels:
        return unfinished_channels(instance, [dg.AssetKey(part.value) for part in parts])
    try:
        return choose(all_channels(instance), config.channels)
    except PermanentError as error:
        raise dg.Failure(
            f"Unknown channels: {error.found}. Give channels that job full_migration has found, best as type:id.",
            metadata=explain(error),
            allow_retries=False,
        ) from None


@dg.job(
    description="Chosen channels, wherever they lie, in one run; with an empty list all that are failed or missing. "
    "A backfill would make one run of each contiguous stretch."
)
def migrate_channels() -> None:
    """Carry scattered channels."""
    migrate_selected_channels()


class RecordSelection(dg.Config):
    """Which rejected records: open ones that fit every condition given."""

    ids: list[int] = Field(default=[], description="Their numbers in the quarantine. Empty: any.")
    entity: str = Field(default="", description="message, reaction, member and so on. Empty: any.")
    code: str = Field(default="", description="A reason code, for example emoji_too_long. Empty: any.")
    channel: str = Field(default="", description="A cid, for example messaging:general. Empty: any.")


@dg.op(pool=STREAM_POOL)
def replay_rejected_records(
    context: dg.OpExecutionContext, config: RecordSelection, migration: MigrationResource
) -> None:
    """Map rejected records again under the present settings, load them, and note it with their channels."""
    chosen = Selection(tuple(config.ids), config.entity or None, config.code or None, config.channel or None)
    with as_failures(context.instance, context.run.run_id):
        report = migration.begin(context).replay(chosen)
        for observation in replay_observations(report):
            context.log_event(observation)
        add_channels(context.instance, report.channels)
    context.log.info("%s records were loaded, %s are still rejected.", report.total, len(report.still_open))
    if report.problems:
        raise replays_failed(report.problems)


@dg.job(
    description="Rejected records (all open ones, or those chosen) once more, under the present settings: from their "
    "originals in chatsdk_migration.quarantine, beside what is there. Run again, it does nothing."
)
def replay_quarantine() -> None:
    """Load rejected records after all."""
    replay_rejected_records()


class RehearsalSelection(dg.Config):
    """Which channels to rehearse."""

    channels: list[str] = Field(default=[], description="Bare ids or cids. Empty: all.")


@dg.op(pool=STREAM_POOL, out=dg.Out(dg.Nothing))
def rehearse_migration(
    context: dg.OpExecutionContext, config: RehearsalSelection, migration: MigrationResource
) -> dg.Output[None]:
    """Read, map and check everything against the target in read-only transactions."""
    with as_failures(context.instance, context.run.run_id):
        report = rehearse(migration.settings(), config.channels)
    return dg.Output(None, metadata={"report": dg.MetadataValue.json(report.as_json())})


@dg.job(description="Dry run: reads, maps and checks everything, writes nothing, and reports what a real run would do.")
def dry_run() -> None:
    """Rehearse a migration."""
    rehearse_migration()


class SyncSelection(dg.Config):
    """How thorough a sync is."""

    sweep: str = Field(
        default=Sweep.RECENT.value,
        description="What is read again for deletions: recent (in turns), hot (all recent history), all (everything).",
    )
    channels: list[str] = Field(default=[], description="cids. Empty: all, with people and deleted channels.")


@dg.op(pool=STREAM_POOL, out=dg.Out(dg.Nothing))
def sync_changes(
    context: dg.OpExecutionContext, config: SyncSelection, migration: MigrationResource
) -> dg.Output[None]:
    """Bring the target up to Stream's present state, and record each channel in which something changed."""
    if other := in_the_way_of_a_sync(context.instance, context.run.run_id):
        raise dg.Failure(f"No sync beside a run of {other}: let it end first.", allow_retries=False)
    settings = migration.settings()
    with as_failures(context.instance, context.run.run_id):
        sweep = checked_sweep(config.sweep)
        sign_run(context.instance, context.run)
        claim(context.instance, settings)
        with sync.open_migration(settings, context.run.run_id) as opened:
            report = sync.sync_once(opened, sweep=sweep, cids=config.channels or None)
            record_sync(context, report)
            history.note(opened.target, history.of_sync(report, sweep, some=bool(config.channels)))
            unfinished = unfinished_channels(context.instance)
            record_readiness(context, assess(opened.target, settings, report.finished, unfinished=unfinished))
    if report.problems:
        raise channels_failed(report.problems, len(report.channels))
    return dg.Output(None, metadata={"report": dg.MetadataValue.json(report.as_json())})


@dg.job(
    description="Follows Stream after the first load: new, changed and deleted messages, channels, people, members, "
    "reactions, read positions. What people did in ChatSDK since the load stays. Safe to repeat; never beside a load."
)
def incremental_sync() -> None:
    """Sync once."""
    sync_changes()
