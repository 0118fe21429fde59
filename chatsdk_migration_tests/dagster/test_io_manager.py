"""Assets read back as DataFrames, from a real target under row-level security."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg
import pandas as pd
import pytest

from chatsdk_migration.definitions import build_definitions
from chatsdk_migration.demo.target import live_send
from chatsdk_migration.identity import channel_id
from chatsdk_migration.models import ChannelRow, UserRow
from chatsdk_migration.partitions import add_channels
from chatsdk_migration.postgres import ledger
from chatsdk_migration.postgres.channels import load_channels
from chatsdk_migration.postgres.people import load_users
from chatsdk_migration.postgres.target import Target
from chatsdk_migration_tests.conftest import TargetDatabase
from chatsdk_migration_tests.dagster.memory import WHEN, World, memory_migration

FIRST, SECOND = "messaging:first", "messaging:second"


@pytest.fixture
def definitions(target: TargetDatabase, instance: dg.DagsterInstance) -> Iterator[dg.Definitions]:
    """A target with two migrated channels, a channel that was there before, and another tenant's user."""
    opened = Target(target.settings())
    ledger.install(opened)
    load_users(opened, [UserRow("ann", "Ann", None, "{}", None, WHEN, WHEN)], 500)
    load_channels(opened, [row(target, cid) for cid in (FIRST, SECOND)], 100)
    with target.superuser() as conn:
        for cid in (FIRST, SECOND):
            live_send(conn, target.app_id, channel_id(target.app_id, cid), "ann", f"hello {cid}")
        conn.execute(
            "INSERT INTO app_user (app_id, id, name) VALUES (%s, 'bob', 'of another tenant')", [target.other_app_id]
        )
        conn.execute("INSERT INTO channel (app_id, cid, type) VALUES (%s, 'native:channel', 'group')", [target.app_id])
        conn.execute(
            "INSERT INTO reaction (message_id, app_id, user_id, emoji) SELECT id, app_id, 'ann', '👍' FROM message"
        )
    add_channels(instance, [FIRST, SECOND])
    yield build_definitions(overrides={"migration": memory_migration(World([], target=opened))})
    opened.close()


def row(target: TargetDatabase, cid: str) -> ChannelRow:
    return ChannelRow(channel_id(target.app_id, cid), cid, cid, "group", "A name", None, "{}", "ann", WHEN, WHEN)


def load(definitions: dg.Definitions, instance: dg.DagsterInstance, asset: str, cid: str | None = None) -> pd.DataFrame:
    frame = definitions.load_asset_value(asset, python_type=pd.DataFrame, instance=instance, partition_key=cid)
    assert isinstance(frame, pd.DataFrame)
    return frame


def test_users_of_this_app_only(definitions: dg.Definitions, instance: dg.DagsterInstance) -> None:
    assert list(load(definitions, instance, "users")["id"]) == ["ann"]


def test_channels_are_those_that_were_migrated(definitions: dg.Definitions, instance: dg.DagsterInstance) -> None:
    assert set(load(definitions, instance, "channels")["stream_cid"]) == {FIRST, SECOND}


def test_a_partition_is_one_channel(definitions: dg.Definitions, instance: dg.DagsterInstance) -> None:
    messages = load(definitions, instance, "messages", SECOND)
    assert list(messages["text"]) == [f"hello {SECOND}"]
    assert list(messages["seq"]) == [1]
    reactions = load(definitions, instance, "reactions", FIRST)
    assert list(reactions[["user_id", "emoji", "stream_cid"]].itertuples(index=False, name=None)) == [
        ("ann", "👍", FIRST)
    ]


def test_no_rows_still_have_columns(definitions: dg.Definitions, instance: dg.DagsterInstance) -> None:
    members = load(definitions, instance, "members", FIRST)
    assert members.empty
    assert {"user_id", "role", "last_read_seq", "stream_cid"} <= set(members.columns)
