"""The jobs: everything, a range of channels, and channels that lie scattered.

Here: what each job covers. Not here: how a channel is carried (``assets/``), when jobs start (``sensors.py``).
"""

import dagster as dg
from pydantic import Field

from chatsdk_migration.assets.channel_content import carry_channels
from chatsdk_migration.instance.home import STREAM_POOL
from chatsdk_migration.instance.recorder import plan_partitions
from chatsdk_migration.partitions import CONTENT, LISTS, all_channels, unfinished_channels
from chatsdk_migration.rehearsal import rehearse
from chatsdk_migration.reporting import as_failures
from chatsdk_migration.resources import MigrationResource
from chatsdk_migration.transfer import Part

full_migration = dg.define_asset_job(
    "full_migration",
    selection=dg.AssetSelection.assets(*LISTS),
    description="Everything: carries users and channels, then sensor migrate_discovered_channels starts the runs for "
    "the channels that were found. Safe to run again: what is there stays as it is.",
)

migrate_channel_range = dg.define_asset_job(
    "migrate_channel_range",
    selection=dg.AssetSelection.assets(*CONTENT),
    description="Members, messages and reactions of a contiguous range of channels, in one run.",
)


class ChannelSelection(dg.Config):
    """Which channels, and what of them."""

    channels: list[str] = Field(
        default=[], description="cids, for example messaging:general. Empty: all that are failed or missing."
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
    wanted = dict.fromkeys(config.channels)
    if unknown := wanted.keys() - set(all_channels(instance)):
        raise dg.Failure(
            f"Unknown channels: {', '.join(sorted(unknown))}. Give cids (type:id) that job full_migration has found.",
            allow_retries=False,
        )
    return list(wanted)


@dg.job(
    description="Chosen channels, wherever they lie, in one run; with an empty list all that are failed or missing. "
    "A backfill would make one run of each contiguous stretch."
)
def migrate_channels() -> None:
    """Carry scattered channels."""
    migrate_selected_channels()


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
