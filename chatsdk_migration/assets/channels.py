"""The asset ``channels``, which also discovers the partitions. Not here: what is in a channel (``channel_content``)."""

import dagster as dg

from chatsdk_migration.assets.metadata import GROUP, KINDS, OWNERS, about
from chatsdk_migration.assets.people import users
from chatsdk_migration.instance.home import STREAM_POOL
from chatsdk_migration.io_manager import RowStream
from chatsdk_migration.models import Batch
from chatsdk_migration.partitions import add_channels, require_practical_size
from chatsdk_migration.reporting import as_failures
from chatsdk_migration.resources import MigrationResource


@dg.asset(
    group_name=GROUP,
    owners=OWNERS,
    kinds=KINDS | {"stream"},
    pool=STREAM_POOL,
    deps=[users],
    metadata=about("channels"),
    description="Every channel of the app in ChatSDK's `channel`, still without members and messages. Each becomes a "
    "partition of members, messages and reactions; its key is Stream's cid.",
)
def channels(context: dg.AssetExecutionContext, migration: MigrationResource) -> dg.Output[RowStream]:
    """Carry the list of channels and add their partitions."""
    met = 0

    def discovered(batch: Batch) -> None:
        nonlocal met
        met += len(batch.channels)
        require_practical_size(met)
        # After the rows are committed: a kill in between leaves rows without partitions, and the next run, which
        # meets the same channels again, adds them. The other way round a partition could start without its channel.
        add_channels(context.instance, [row.stream_cid for row in batch.channels])

    with as_failures(context.instance, context.run.run_id):
        carrier = migration.begin(context)
    return dg.Output(RowStream(carrier.channels(), carrier.store_channels, carrier.api_calls, discovered))
