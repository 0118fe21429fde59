"""The asset ``users``. Not here: people whom no list returns; they come with what they wrote (``channel_content``)."""

import dagster as dg

from chatsdk_migration.assets.metadata import GROUP, KINDS, OWNERS, about
from chatsdk_migration.instance.home import STREAM_POOL
from chatsdk_migration.io_manager import RowStream
from chatsdk_migration.reporting import as_failures
from chatsdk_migration.resources import MigrationResource


@dg.asset(
    group_name=GROUP,
    owners=OWNERS,
    kinds=KINDS | {"stream"},
    pool=STREAM_POOL,
    metadata=about("users"),
    description="Everyone Stream lists, deactivated people included, in ChatSDK's `app_user`. People whom no list "
    "returns (deleted, guests) arrive with the messages, memberships and reactions that name them.",
)
def users(context: dg.AssetExecutionContext, migration: MigrationResource) -> dg.Output[RowStream]:
    """Carry the list of users."""
    with as_failures(context.instance, context.run.run_id):
        carrier = migration.begin(context)
    return dg.Output(RowStream(carrier.users(), carrier.store_users, carrier.api_calls))
