"""Every message of a channel arrives once, whatever the size, the ties and what happens meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from chatsdk_migration.demo.server import StreamServer
from chatsdk_migration.demo.world import World
from chatsdk_migration.errors import ChannelError, GoneFromSourceError, SourceChangedError
from chatsdk_migration.models import Json
from chatsdk_migration.stream.channels import read_channel
from chatsdk_migration.stream.messages import walk_messages
from chatsdk_migration_tests.unit.stream_world import (
    CID,
    QUICK,
    at,
    channel_world,
    ids_of,
    read_all,
    serving,
    stored_ids,
)

TIE_RULES = pytest.mark.parametrize("ties", ["strict", "stable"])


def say(world: World, count: int, *, first: float = 0, step: float = 1, prefix: str = "m", **fields: object) -> None:
    for number in range(count):
        world.add_message(CID, f"{prefix}{number:04d}", user_id="ann", at=at(first + number * step), **fields)  # type: ignore[arg-type]


@TIE_RULES
@pytest.mark.parametrize("count", [0, 1, 299, 300, 301, 600])
def test_every_size_around_a_page_arrives_whole_and_in_order(ties: str, count: int) -> None:
    world = channel_world()
    say(world, count)
    with serving(world, ties=ties) as (_, client):
        assert ids_of(read_all(client)) == stored_ids(world)


@TIE_RULES
def test_ties_across_page_edges_are_neither_lost_nor_doubled(ties: str) -> None:
    world = channel_world()
    for number in range(770):
        world.add_message(CID, f"m{number:04d}", user_id="ann", at=at(number // 7))
    with serving(world, ties=ties) as (server, client):
        assert sorted(ids_of(read_all(client))) == stored_ids(world)
        assert server.calls["ExportChannels"] == 0


@pytest.mark.parametrize("together", [300, 350, 900])
def test_more_than_a_page_in_one_instant_goes_around_by_export(together: int) -> None:
    world = channel_world()
    say(world, 5, prefix="a")
    say(world, together, first=100, step=0, prefix="b")
    say(world, 5, first=100.000001, step=0.000001, prefix="c")
    world.add_message(CID, "hidden", user_id="bob", at=at(100), parent_id="a0000")
    world.add_message(CID, "shown", user_id="bob", at=at(100), parent_id="a0000", show_in_channel=True)
    with serving(world) as (server, client):
        assert sorted(ids_of(read_all(client))) == stored_ids(world)
        assert server.calls["ExportChannels"] == 1


def test_a_failed_export_fails_the_channel_and_says_so() -> None:
    world = channel_world()
    say(world, 350, step=0)
    with serving(world, export_error="no disk") as (_, client), pytest.raises(ChannelError, match="no disk"):
        read_all(client)


def test_a_truncated_export_file_fails_the_channel() -> None:
    world = channel_world()
    say(world, 350, step=0)
    with serving(world, export_cut=True) as (_, client), pytest.raises(ChannelError, match="not the promised JSON"):
        read_all(client)


@pytest.mark.parametrize(
    "moments",
    [
        ["1903-05-01T00:00:00Z", "1969-12-31T23:59:59.999999999Z", "1970-01-01T00:00:00Z", "2038-01-20T00:00:00Z"],
        [f"2024-01-01T00:00:00.{nanosecond:09d}Z" for nanosecond in range(100_000_000, 100_000_040)],
        ["2024-01-01T02:00:00.5+02:00", "2024-01-01T00:00:00.5Z", "2024-01-01T00:00:00.500000001Z"],
    ],
)
def test_awkward_times_arrive_as_served(moments: list[str]) -> None:
    world = channel_world()
    for number, moment in enumerate(moments):
        world.add_message(CID, f"m{number:02d}", user_id="ann", at=moment)
    with serving(world) as (_, client):
        assert {m.raw["id"]: m.raw["created_at"] for m in read_all(client)} == {
            m["id"]: m["created_at"] for m in world.messages_of(CID)
        }


def test_a_channel_whose_head_grows_ends_with_all_that_was_there() -> None:
    world = channel_world()
    say(world, 650)
    before = set(stored_ids(world))
    with serving(world) as (server, client):

        def somebody_writes(endpoint: str, _: Json) -> None:
            if endpoint == "GetOrCreateChannel":
                world.add_message(CID, user_id="bob", at=datetime.now(UTC))

        server.before_answer = somebody_writes
        found = ids_of(read_all(client))
    assert before <= set(found)
    assert len(found) == len(set(found))
    assert server.calls["GetOrCreateChannel"] < 6


def test_messages_deleted_between_pages_do_not_disturb_the_others() -> None:
    world = channel_world()
    say(world, 900, step=0.4)
    gone = ["m0299", "m0300", "m0599"]
    with serving(world) as (server, client):

        def somebody_deletes(endpoint: str, asked: Json) -> None:
            if endpoint == "GetOrCreateChannel" and "1900" not in str(asked):
                for message_id in gone:
                    if message_id in world.messages:
                        world.hard_delete_message(message_id)

        server.before_answer = somebody_deletes
        found = ids_of(read_all(client))
    assert set(stored_ids(world)) <= set(found)
    assert len(found) == len(set(found))


@pytest.mark.parametrize("hard", [True, False])
def test_a_channel_deleted_between_pages_is_gone_from_the_source(hard: bool) -> None:
    world = channel_world()
    say(world, 700)
    with serving(world, races=1) as (server, client):
        read_channel(client, CID)
        pages = walk_messages(client, CID)

        def somebody_deletes(endpoint: str, asked: Json) -> None:
            if endpoint == "GetOrCreateChannel" and "1900" not in str(asked) and CID in world.channels:
                world.delete_channel(CID, hard=hard)

        server.before_answer = somebody_deletes
        with pytest.raises(GoneFromSourceError, match=CID):
            list(pages)
    assert CID not in world.channels


@contextmanager
def between_pages(server: StreamServer, change: Callable[[], object]) -> Iterator[list[int]]:
    """Change the world once, when a second or later page was asked for and while the first are being used."""
    done: list[int] = []

    def before_answer(endpoint: str, asked: Json) -> None:
        if endpoint == "GetReplies" and not done:
            done.append(1)
            change()

    server.before_answer = before_answer
    yield done


def threaded_world(count: int = 700) -> World:
    """A channel of several pages, each beginning with a thread."""
    world = channel_world()
    say(world, count)
    for number in range(0, count, 100):
        world.add_message(CID, f"r{number:04d}", user_id="bob", at=at(5000 + number), parent_id=f"m{number:04d}")
    return world


def test_a_channel_deleted_during_a_long_pause_is_not_brought_back() -> None:
    """Nothing seen counts as just seen here: as if the machine had slept before each page."""
    world = threaded_world()
    bounds = replace(QUICK, seen_seconds=0.0)
    with serving(world, bounds=bounds, get_or_create_deleted="revive") as (server, client):
        read_channel(client, CID)

        def before_answer(endpoint: str, _: Json) -> None:
            if endpoint == "QueryChannels" and server.calls["GetOrCreateChannel"] == 1 and CID in world.channels:
                world.delete_channel(CID)

        server.before_answer = before_answer
        with pytest.raises(GoneFromSourceError):
            list(walk_messages(client, CID))
        assert server.calls["GetOrCreateChannel"] == 1
    assert CID not in world.channels


def test_a_channel_deleted_while_a_call_waits_for_its_turn_is_not_brought_back() -> None:
    world = threaded_world(5)
    bounds = replace(QUICK, seen_seconds=0.0)
    with serving(world, bounds=bounds, get_or_create_deleted="revive") as (server, client):
        read_channel(client, CID)
        server.faults.plan("GetOrCreateChannel", "502", times=2)

        def before_answer(endpoint: str, asked: Json) -> None:
            if endpoint == "QueryChannels" and server.calls["GetOrCreateChannel"] == 1 and CID in world.channels:
                world.delete_channel(CID)

        server.before_answer = before_answer
        with pytest.raises(GoneFromSourceError):
            list(walk_messages(client, CID))
        assert server.calls["GetOrCreateChannel"] == 1


def test_threads_that_vanish_with_their_channel_are_not_threads_without_replies() -> None:
    world = threaded_world(250)
    world.add_message(CID, "last", user_id="ann", at="2100-01-01T00:00:00Z")  # the list ends with its first page
    with serving(world, get_or_create_deleted="revive") as (server, client):
        read_channel(client, CID)
        with between_pages(server, lambda: world.delete_channel(CID)), pytest.raises(GoneFromSourceError):
            list(walk_messages(client, CID))
    assert CID not in world.channels


@pytest.mark.parametrize("kept", [0, 400])
def test_a_channel_truncated_between_pages_begins_again(kept: int) -> None:
    world = threaded_world()
    with serving(world) as (server, client):
        read_channel(client, CID)
        cut = at(700 - kept) if kept else at(10_000)
        with between_pages(server, lambda: world.truncate_channel(CID, cut)), pytest.raises(SourceChangedError):
            list(walk_messages(client, CID))
        assert sorted(ids_of(read_all(client))) == stored_ids(world)


def test_a_channel_deleted_and_brought_back_by_others_between_pages_begins_again() -> None:
    world = threaded_world()

    def empty() -> None:
        world.delete_channel(CID)
        world.revive_channel(CID)

    with serving(world) as (server, client):
        read_channel(client, CID)
        with between_pages(server, empty), pytest.raises(SourceChangedError, match="nothing is left"):
            list(walk_messages(client, CID))


def test_a_newest_message_deleted_between_pages_is_no_reason_to_begin_again() -> None:
    world = channel_world()
    say(world, 5)
    with serving(world) as (server, client):

        def somebody_deletes(endpoint: str, asked: Json) -> None:
            if endpoint == "GetOrCreateChannel" and "1900" not in str(asked) and "m0004" in world.messages:
                world.hard_delete_message("m0004")

        server.before_answer = somebody_deletes
        assert ids_of(read_all(client)) == ["m0000", "m0001", "m0002", "m0003", "m0004"]


def test_replies_switched_off_are_named_and_the_rest_arrives() -> None:
    world = channel_world()
    say(world, 3)
    world.add_message(CID, "reply", user_id="bob", at=at(9), parent_id="m0001")
    with serving(world, replies_off_types=frozenset({"messaging"})) as (_, client):
        refused: list[str] = []
        read_channel(client, CID)
        found = [message for page in walk_messages(client, CID, refused=refused) for message in page]
        assert (ids_of(found), refused) == (["m0000", "m0001", "m0002"], ["m0001"])
        with pytest.raises(ChannelError, match="code 19"):
            list(walk_messages(client, CID))


def test_a_page_of_one_instant_and_heavy_messages_come_in_portions() -> None:
    world = channel_world()
    say(world, 1000, step=0)
    say(world, 3, first=10, prefix="loved", reaction_counts={"like": 15_000})
    with serving(world) as (_, client):
        read_channel(client, CID)
        sizes = [len(page) for page in walk_messages(client, CID, reactions=False)]
    assert sum(sizes) == 1003
    assert max(sizes) <= 300
    assert sizes[-3:] == [1, 1, 1]


def test_a_channel_never_seen_is_looked_up_not_created() -> None:
    world = channel_world()
    say(world, 3)
    with serving(world) as (server, client):
        with pytest.raises(GoneFromSourceError):
            list(walk_messages(client, "messaging:not-there"))
        assert server.calls["GetOrCreateChannel"] == 0
        assert len(next(iter(walk_messages(client, CID)))) == 3


@TIE_RULES
@pytest.mark.parametrize("step", [1, 0.1, 0.004])
def test_all_replies_of_long_threads_arrive_once(ties: str, step: float) -> None:
    """0.004: some 250 replies share each whole second."""
    world = channel_world()
    say(world, 3)
    world.soft_delete_message("m0001")
    for parent, count in (("m0000", 1), ("m0001", 10), ("m0002", 931)):
        for number in range(count):
            moment = at(10 + int(number * step) if step < 1 else 10 + number)
            world.add_message(
                CID,
                f"{parent}-{number:04d}",
                user_id="bob",
                at=moment,
                parent_id=parent,
                show_in_channel=number % 50 == 7,
            )
    world.soft_delete_message("m0002-0007")
    with serving(world, ties=ties) as (_, client):
        assert sorted(ids_of(read_all(client))) == stored_ids(world)


def test_more_replies_in_one_instant_than_a_page_are_never_lost_silently() -> None:
    world = channel_world()
    say(world, 1)
    for number in range(310):
        world.add_message(CID, f"r{number:04d}", user_id="bob", at=at(10), parent_id="m0000")
    with serving(world, ties="strict") as (_, client), pytest.raises(ChannelError, match="replies of message m0000"):
        read_all(client)
    with serving(world, ties="stable") as (_, client):
        assert sorted(ids_of(read_all(client))) == stored_ids(world)


@pytest.mark.parametrize("answer", ["400", "404", "empty"])
def test_a_reply_deleted_while_it_anchors_the_next_page_is_replaced_by_its_neighbour(answer: str) -> None:
    world = channel_world()
    say(world, 1)
    for number in range(700):
        world.add_message(CID, f"r{number:04d}", user_id="bob", at=at(10 + number), parent_id="m0000")
    with serving(world, unknown_anchor=answer) as (server, client):

        def delete_anchor(endpoint: str, asked: Json) -> None:
            if endpoint == "GetReplies" and asked.get("id_lte") == "r0400":
                world.messages.get("r0400") and world.hard_delete_message("r0400")

        server.before_answer = delete_anchor
        found = ids_of(read_all(client))
    assert set(stored_ids(world)) <= set(found)
    assert len(found) == len(set(found))


def test_a_thread_deleted_while_it_is_read_is_no_error() -> None:
    world = channel_world()
    say(world, 2)
    for number in range(5):
        world.add_message(CID, f"r{number}", user_id="bob", at=at(10 + number), parent_id="m0000")
    with serving(world) as (server, client):

        def somebody_deletes(endpoint: str, _: Json) -> None:
            if endpoint == "GetReplies" and "m0000" in world.messages:
                world.hard_delete_message("m0000")

        server.before_answer = somebody_deletes
        assert ids_of(read_all(client)) == ["m0000", "m0001"]


def test_a_replys_parent_with_an_awkward_id_is_reached_and_dots_are_refused_loudly() -> None:
    world = channel_world()
    for number, parent in enumerate(["a/b?c#d%e f", "Ünï:@…", "x" * 255]):
        world.add_message(CID, parent, user_id="ann", at=at(number))
        world.add_message(CID, f"reply-{number}", user_id="bob", at=at(10 + number), parent_id=parent)
    with serving(world) as (_, client):
        assert sorted(ids_of(read_all(client))) == stored_ids(world)
        world.add_message(CID, "..", user_id="ann", at=at(3))
        world.add_message(CID, "reply-of-dots", user_id="bob", at=at(20), parent_id="..")
        with pytest.raises(ChannelError, match=r"'\.\.'"):
            read_all(client)


def test_pages_are_consumed_as_a_stream() -> None:
    world = channel_world()
    say(world, 3000)
    with serving(world) as (server, client):
        read_channel(client, CID)
        pages = walk_messages(client, CID)
        first, second = next(pages), next(pages)
        assert server.calls["GetOrCreateChannel"] <= 3
        pages.close()  # type: ignore[attr-defined]
        assert all(a.raw["created_at"] < b.raw["created_at"] for a, b in pairwise([*first, *second]))
