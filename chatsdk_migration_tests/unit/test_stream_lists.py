"""Users, channels and members arrive whole, beyond every limit of offset and however many share an instant."""

from __future__ import annotations

from random import Random

import pytest

from chatsdk_migration.demo.world import World
from chatsdk_migration.errors import ChannelError, GoneFromSourceError
from chatsdk_migration.models import Json
from chatsdk_migration.stream.channels import cid_of, read_channel, walk_channels
from chatsdk_migration.stream.keyset import Listing, walk
from chatsdk_migration.stream.members import holds_all_members, member_id, walk_members
from chatsdk_migration.stream.users import walk_users
from chatsdk_migration_tests.unit.stream_world import CID, at, channel_world, flat, serving


@pytest.mark.parametrize("order", ["binary", "letters"])
def test_all_users_arrive_once_whatever_the_collation(order: str) -> None:
    world = World()
    for number in range(1150):
        world.add_user(f"{'Uu_-@'[number % 5]}{number // 5}", created_at=at(0))
    world.add_user("idle", created_at=at(1), deactivated=True)
    world.add_user("deleted", created_at=at(1), listed=False)
    with serving(world, id_order=order) as (server, client):
        found = [user["id"] for user in flat(walk_users(client))]
        assert server.calls["QueryUsers"] == 13
    assert sorted(found) == sorted(set(world.users) - {"deleted"})


def test_an_app_without_users_or_channels_is_empty_not_an_error() -> None:
    with serving(World()) as (_, client):
        assert flat(walk_users(client)) == []
        assert flat(walk_channels(client)) == []


def test_more_channels_than_offset_reaches_and_many_in_one_instant_arrive_once() -> None:
    world = World()
    world.add_user("ann", created_at=at(0))
    for number in range(1100):
        world.add_channel(f"messaging:c{number}", created_at=at(number), members=("ann",))
    for number in range(40):
        world.add_channel(f"team:same-{number}", created_at=at(500))
    world.add_channel("livestream:c1", created_at=at(1))
    with serving(world) as (_, client):
        found = [cid_of(state) for state in flat(walk_channels(client))]
    assert sorted(found) == sorted(world.channels)


@pytest.mark.parametrize("count", [30, 60])
def test_an_app_whose_channels_all_share_one_instant(count: int) -> None:
    world = World()
    for number in range(count):
        world.add_channel(f"messaging:c{number}", created_at=at(0))
    with serving(world) as (_, client):
        assert sorted(cid_of(state) for state in flat(walk_channels(client))) == sorted(world.channels)


def test_more_channels_in_one_instant_than_offset_reaches_are_split_by_cid() -> None:
    world = World()
    for number in range(1200):
        world.add_channel(f"messaging:{number:04d}", created_at=at(7))
    world.add_channel("messaging:later", created_at=at(8))
    with serving(world, id_order="letters") as (_, client):
        found = [cid_of(state) for state in flat(walk_channels(client))]
    assert sorted(found) == sorted(world.channels)


def test_channels_deleted_while_an_instant_is_read_by_offset_hide_no_other() -> None:
    world = World()
    for number in range(100):
        world.add_channel(f"messaging:{number:03d}", created_at=at(7))
    with serving(world) as (server, client):

        def delete_two(_: str, asked: Json) -> None:
            if asked.get("offset") == 58 and "messaging:003" in world.channels:
                world.delete_channel("messaging:003")
                world.delete_channel("messaging:004")

        server.before_answer = delete_two
        found = [cid_of(state) for state in flat(walk_channels(client))]
    assert "messaging:003" not in world.channels
    assert set(world.channels) <= set(found)
    assert len(found) == len(set(found))


def test_a_channel_state_is_fresh_and_a_missing_one_is_gone() -> None:
    world = channel_world()
    world.set_read(CID, "ann", last_read=at(0))
    with serving(world) as (_, client):
        state = read_channel(client, CID)
        assert (len(state["members"]), len(state["read"])) == (2, 1)
        world.delete_channel(CID)
        with pytest.raises(GoneFromSourceError, match="gone from the source"):
            read_channel(client, CID)


@pytest.mark.parametrize(("count", "same_instant"), [(2, True), (99, False), (100, True), (101, False), (1150, True)])
def test_all_members_arrive_once(count: int, same_instant: bool) -> None:
    world = channel_world()
    for number in range(count - 2):
        world.add_member(CID, f"user-{number}", created_at=at(0 if same_instant else number // 3))
    with serving(world) as (server, client):
        found = [member_id(member) for member in flat(walk_members(client, read_channel(client, CID)))]
        assert (server.calls["QueryMembers"] == 0) == (count < 100)
    assert sorted(found) == sorted(world.channels[CID].members)


def test_ten_thousand_members_arrive_whole() -> None:
    world = channel_world("livestream:arena")
    for number in range(9_999):
        world.add_member("livestream:arena", f"user-{number}", created_at=at(number // 400))
    with serving(world) as (_, client):
        found = [member_id(m) for m in flat(walk_members(client, read_channel(client, "livestream:arena")))]
    assert len(found) == 10_001
    assert sorted(found) == sorted(world.channels["livestream:arena"].members)


def test_a_state_with_fewer_members_than_counted_is_not_taken_for_whole() -> None:
    members = [{"user_id": "ann"}]
    assert holds_all_members({"channel": {"member_count": 1}, "members": members})
    assert holds_all_members({"channel": {}, "members": members})
    assert not holds_all_members({"channel": {"member_count": 7}, "members": members})
    assert not holds_all_members({"channel": {"member_count": 5}, "members": members * 100})


def test_members_of_a_channel_deleted_meanwhile_are_gone_from_the_source() -> None:
    world = channel_world()
    for number in range(200):
        world.add_member(CID, f"user-{number}")
    with serving(world) as (_, client):
        state = read_channel(client, CID)
        world.delete_channel(CID)
        with pytest.raises(GoneFromSourceError):
            flat(walk_members(client, state))


def one_instant(ids: list[str], *, filters: bool = True) -> Listing:
    """Rows that all share an instant, in the order given, by a list that knows ranges of ids (or ignores them)."""

    def fetch(condition: Json, offset: int) -> list[Json]:
        ranges = [part["id"] for part in condition.get("$and", []) if "id" in part] if filters else []
        if "$gt" in condition.get("created_at", {}):
            return []
        low = max((part["$gt"] for part in ranges if "$gt" in part), default="")
        high = min((part["$lte"] for part in ranges if "$lte" in part), default="~")
        asked = [one for one in ids if low < one <= high]
        return [{"id": one, "created_at": at(0)} for one in asked[min(offset, 1000) :][:100]]

    def id_of(row: Json) -> str:
        return str(row["id"])

    return Listing("the rows", fetch, 100, 1000, "id", id_of, id_of, lambda row: row["created_at"])


@pytest.mark.parametrize("shuffled", [False, True])
def test_one_instant_holds_any_number_of_rows_in_any_order(shuffled: bool) -> None:
    ids = [f"{number:06d}" for number in range(30_000)]
    if shuffled:
        Random(1).shuffle(ids)
    found = [row["id"] for row in flat(walk(one_instant(ids)))]
    assert len(found) == len(set(found))
    assert set(found) == set(ids)


def test_an_instant_whose_ids_are_not_filtered_fails_instead_of_looping() -> None:
    ids = [f"{number:06d}" for number in range(3000)]
    with pytest.raises(ChannelError, match="rows"):
        flat(walk(one_instant(ids, filters=False)))


def test_a_list_that_cannot_be_advanced_fails_instead_of_looping() -> None:
    rows: list[Json] = [{"id": str(n), "created_at": at(n % 3)} for n in range(10)]
    stubborn = Listing(
        what="the rows",
        fetch=lambda condition, offset: rows,
        limit=10,
        last_offset=1000,
        id_field="id",
        id_of=lambda row: str(row["id"]),
        key=lambda row: str(row["id"]),
        created_at=lambda row: row["created_at"],
    )
    with pytest.raises(ChannelError, match="no page leads beyond"):
        flat(walk(stubborn))
