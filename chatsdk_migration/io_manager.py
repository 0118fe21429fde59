"""Stores the lists of the app as they stream by, and reads any asset back as a DataFrame.

Here: the I/O manager. Not here: how rows are stored (``postgres/``). The channel assets do not pass through it: an
output that fails half way would mark all of its partitions or none.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dagster as dg
import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from chatsdk_migration.models import Batch, LoadCounts
from chatsdk_migration.reporting import as_failures, numbers
from chatsdk_migration.resources import MigrationResource

if TYPE_CHECKING:
    import pandas as pd


def _nothing_more(_: Batch) -> None:
    return


@dataclass(frozen=True, slots=True)
class RowStream:
    """Batches on their way to the target; a value, because Dagster would take a bare generator for several outputs.

    Attributes:
        batches: Read and mapped lazily, a page of Stream at a time.
        store: Commits one batch.
        api_calls: Gives the calls made to Stream so far.
        committed: Called after each batch is committed.
    """

    batches: Iterator[Batch]
    store: Callable[[Batch], LoadCounts]
    api_calls: Callable[[], int]
    committed: Callable[[Batch], None] = _nothing_more


class PostgresIOManager(dg.ConfigurableIOManager):
    """Writes by COPY, a batch at a time, so that memory does not grow with the app."""

    migration: dg.ResourceDependency[MigrationResource]

    def handle_output(self, context: dg.OutputContext, obj: RowStream) -> None:
        """Store every batch and report the numbers.

        Raises:
            Failure: Reading or storing failed; committed batches stay and are met again by the next run.
        """
        with as_failures(context.step_context.instance, context.run_id):
            context.add_output_metadata(_store_all(obj))

    def load_input(self, context: dg.InputContext) -> "pd.DataFrame":
        """Read an asset's rows from the target; of a partitioned asset those of the asked channels only."""
        cids = list(context.asset_partition_keys) if context.has_asset_partitions else None
        carrier = self.migration.carrier()
        with carrier.reading() as connection:
            return read_frame(connection, context.asset_key.path[-1], cids)


def _store_all(stream: RowStream) -> dict[str, dg.MetadataValue[Any]]:
    started, calls_before, counts = time.monotonic(), stream.api_calls(), LoadCounts()
    losses, rejects = Counter[str](), 0
    for batch in stream.batches:
        counts += stream.store(batch)
        stream.committed(batch)
        losses.update(loss.kind for loss in batch.losses)
        rejects += len(batch.rejects)
    return numbers(
        written=counts.written,
        already_there=counts.already_there,
        seconds=time.monotonic() - started,
        api_calls=stream.api_calls() - calls_before,
        losses=losses,
        rejects=rejects,
    )


# Row-level security limits each to the target app; the map limits channels to those that were migrated.
_ROWS = {
    "users": sql.SQL("SELECT app_user.* FROM app_user ORDER BY id"),
    "channels": sql.SQL(
        "SELECT channel.*, map.cid AS stream_cid FROM channel"
        " JOIN chatsdk_migration.channel_map AS map ON map.channel_id = channel.id AND map.app_id = channel.app_id"
        " ORDER BY channel.created_at, channel.id"
    ),
    "members": sql.SQL(
        "SELECT channel_member.*, map.cid AS stream_cid FROM channel_member"
        " JOIN chatsdk_migration.channel_map AS map USING (app_id, channel_id)"
        " WHERE map.cid = ANY (%(cids)s) ORDER BY channel_id, user_id"
    ),
    "messages": sql.SQL(
        "SELECT message.*, map.cid AS stream_cid FROM message"
        " JOIN chatsdk_migration.channel_map AS map USING (app_id, channel_id)"
        " WHERE map.cid = ANY (%(cids)s) ORDER BY channel_id, seq"
    ),
    "reactions": sql.SQL(
        "SELECT reaction.*, map.cid AS stream_cid FROM reaction"
        " JOIN message ON message.id = reaction.message_id AND message.app_id = reaction.app_id"
        " JOIN chatsdk_migration.channel_map AS map"
        " ON map.app_id = message.app_id AND map.channel_id = message.channel_id"
        " WHERE map.cid = ANY (%(cids)s) ORDER BY message.channel_id, message.seq, reaction.user_id, reaction.emoji"
    ),
}


def read_frame(connection: psycopg.Connection[Any], asset: str, cids: Sequence[str] | None) -> "pd.DataFrame":
    """Read the rows of an asset, under the app context of the connection; ``cids`` for the partitioned ones."""
    import pandas as pd  # noqa: PLC0415 - every process would wait a quarter of a second for it

    with connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute(_ROWS[asset], {"cids": list(cids or [])})
        columns = [column.name for column in cursor.description or []]
        return pd.DataFrame(cursor.fetchall(), columns=columns)
