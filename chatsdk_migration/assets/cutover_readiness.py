"""The asset ``cutover_readiness``: can the switch to ChatSDK be made, as numbers over time and as reasons.

Here: the asset. Not here: the rule (``cutover/readiness.py``), its metadata and the refresh by each sync and each
verification (``readiness_record.py``).
"""

import dagster as dg

from chatsdk_migration.assets.channels import channels
from chatsdk_migration.assets.metadata import GROUP, OWNERS
from chatsdk_migration.assets.people import users
from chatsdk_migration.cutover import assess
from chatsdk_migration.partitions import CONTENT, unfinished_channels
from chatsdk_migration.readiness_record import READINESS, metadata
from chatsdk_migration.reporting import as_failures
from chatsdk_migration.resources import MigrationResource


@dg.asset(
    key=READINESS,
    group_name=GROUP,
    owners=OWNERS,
    kinds={"postgres"},
    # The content assets are partitioned and this one is not: it follows all of their partitions.
    deps=[users, channels, *CONTENT],
    description="Ready for the switch to ChatSDK, or not ready because …: lag, open differences, quarantine, "
    "conflicts. Each sync and each verification refreshes it; materialize it at any time: it only reads the target.",
)
def cutover_readiness(context: dg.AssetExecutionContext, migration: MigrationResource) -> dg.MaterializeResult[None]:
    """Judge what the last syncs and verifications left."""
    with as_failures(context.instance, context.run.run_id), migration.looking(context) as target:
        found = assess(target, target.settings, unfinished=unfinished_channels(context.instance))
    return dg.MaterializeResult(metadata=metadata(found))
