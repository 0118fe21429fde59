"""A direct message is between two people, also when others join while the migration runs."""

from __future__ import annotations

from typing import Any

import pytest

from chatsdk_migration import identity
from chatsdk_migration.demo import target as chatsdk
from chatsdk_migration.demo.server import StreamServer
from chatsdk_migration.demo.world import World
from chatsdk_migration.settings import MappingRules, Settings
from chatsdk_migration.transfer import (
    Migration,
    Part,
    PartResult,
    carry_channel,
    carry_channels,
    carry_users,
    store_channels,
    store_users,
)
from chatsdk_migration_tests.conftest import Serve, TargetDatabase

CID = "messaging:!members-" + "x" * 43
AT = "2024-01-02T03:04:05Z"


@pytest.fixture
def world() -> World:
    world = World()
    for name in ("alice", "bob", "eve"):
        world.add_user(name, created_at=AT)
    world.add_channel(CID, created_by="alice", created_at=AT, members=("alice", "bob"))
    world.add_message(CID, user_id="alice", text="between us", at=AT)
    return world


def settings(server: StreamServer, target: TargetDatabase, **mapping: Any) -> Settings:
    return target.settings(stream_chat_url=server.url, mapping=MappingRules(**mapping))


def carry_lists(migration: Migration) -> None:
    for batch in carry_users(migration):
        store_users(migration, batch)
    for batch in carry_channels(migration):
        store_channels(migration, batch)


def channel(target: TargetDatabase) -> tuple[Any, ...] | None:
    with target.superuser() as conn:
        return conn.execute(
            """SELECT c.type, c.cid, (SELECT count(*) FROM channel_member m WHERE m.channel_id = c.id),
                      (SELECT count(*) FROM chatsdk_migration.loss WHERE kind = 'channel_not_two_people')
               FROM channel c WHERE c.app_id = %s""",
            [target.app_id],
        ).fetchone()


def problems(results: dict[Part, PartResult]) -> list[Any]:
    return [result.problem for result in results.values() if result.problem]


@pytest.mark.parametrize("dm_cid", ["stream", "chatsdk"])
def test_whoever_joins_between_list_and_members_makes_it_a_group(
    target: TargetDatabase, stream: Serve, world: World, dm_cid: str
) -> None:
    server = stream(world)
    with Migration(settings(server, target, dm_cid=dm_cid)) as migration:
        carry_lists(migration)
        assert (channel(target) or "")[0] == "messaging"
        world.add_member(CID, "eve", created_at=AT)
        results = carry_channel(migration, CID)
    assert problems(results) == []
    assert channel(target) == ("group", CID, 3, 1)


def test_a_direct_message_of_two_stays_one_also_when_carried_again(
    target: TargetDatabase, stream: Serve, world: World
) -> None:
    server = stream(world)
    with Migration(settings(server, target)) as migration:
        carry_lists(migration)
        assert problems(carry_channel(migration, CID)) == []
        with target.superuser() as conn:
            conn.execute("DELETE FROM channel_member WHERE user_id = 'bob'")
        assert problems(carry_channel(migration, CID)) == []
    assert (channel(target) or "")[0] == "messaging"


def test_a_channel_in_which_people_already_write_is_chatsdks_own(
    target: TargetDatabase, stream: Serve, world: World
) -> None:
    server = stream(world)
    with Migration(settings(server, target)) as migration:
        carry_lists(migration)
        with target.connect("ordinary", target.app_id) as conn:
            chatsdk.live_send(conn, target.app_id, identity.channel_id(target.app_id, CID), "alice", "live")
        world.add_member(CID, "eve", created_at=AT)
        assert problems(carry_channel(migration, CID)) == []
    assert (channel(target) or "")[0] == "messaging"
