"""What the assets say about themselves and about each materialization.

Here: owners, groups, column schemas, and the event of a finished part. Not here: the assets.
Column types are those of the target tables.
"""

from __future__ import annotations

from typing import Any

import dagster as dg

from chatsdk_migration.reporting import numbers
from chatsdk_migration.transfer import Part, PartResult

OWNERS = ["team:chat-migration"]
KINDS = {"postgres"}
GROUP = "chat"
"""One group: several would be folded away in the graph, and five assets are read at a glance."""


def _schema(**columns: str) -> dg.TableSchema:
    return dg.TableSchema([dg.TableColumn(name, kind) for name, kind in columns.items()])


COLUMNS = {
    "users": _schema(
        id="varchar",
        name="varchar(255)",
        image_url="text",
        custom_data="jsonb",
        last_active_at="timestamptz",
        created_at="timestamptz",
        updated_at="timestamptz",
    ),
    "channels": _schema(
        id="uuid",
        cid="varchar(255)",
        type="varchar",
        name="varchar(255)",
        image_url="text",
        config="jsonb",
        created_by="varchar",
        member_count="integer",
        message_count="bigint",
        last_message_at="timestamptz",
        created_at="timestamptz",
        updated_at="timestamptz",
    ),
    "members": _schema(
        channel_id="uuid",
        user_id="varchar",
        role="varchar",
        muted="boolean",
        unread_count="integer",
        last_read_seq="bigint",
        last_read_message_id="uuid",
        joined_at="timestamptz",
    ),
    "messages": _schema(
        id="uuid",
        channel_id="uuid",
        user_id="varchar",
        seq="bigint",
        text="text",
        attachments="jsonb",
        parent_id="uuid",
        reply_to_id="uuid",
        reply_count="integer",
        created_at="timestamptz",
        edited_at="timestamptz",
        deleted_at="timestamptz",
    ),
    "reactions": _schema(message_id="uuid", user_id="varchar", emoji="varchar(50)", created_at="timestamptz"),
}

TABLES = {
    "users": "app_user",
    "channels": "channel",
    "members": "channel_member",
    "messages": "message",
    "reactions": "reaction",
}


def about(asset: str) -> dict[str, Any]:
    """Give an asset's own metadata: its table and its columns."""
    return {"dagster/column_schema": COLUMNS[asset], "dagster/table_name": TABLES[asset]}


def part_materialization(cid: str, part: Part, result: PartResult) -> dg.AssetMaterialization:
    """Describe one part of one channel that is complete, or that left Stream before it could be read."""
    metadata = numbers(
        written=result.rows,
        already_there=result.already_there,
        seconds=result.seconds,
        api_calls=result.api_calls,
        losses=result.losses,
        rejects=result.rejects,
    )
    outcome = "gone from the source" if result.gone else "complete"
    return dg.AssetMaterialization(
        part.value, partition=cid, metadata={**metadata, "outcome": dg.MetadataValue.text(outcome)}
    )
