"""Reactions and votes: all of them, by the best route the app has, and a number for what no route gives."""

from __future__ import annotations

import pytest

from chatsdk_migration.demo.world import World
from chatsdk_migration.models import FetchedMessage, Json
from chatsdk_migration.stream.reactions import are_complete
from chatsdk_migration_tests.unit.stream_world import CID, at, channel_world, read_all, serving


def react(world: World, message_id: str, count: int, *, together: bool = False) -> None:
    for number in range(count):
        kind = "like" if number % 3 else "love"
        world.add_reaction(message_id, f"user-{number}", kind, at=at(100 if together else 100 + number))


def reacted(messages: list[FetchedMessage], message_id: str) -> set[tuple[str, str]]:
    [message] = [m for m in messages if m.raw["id"] == message_id]
    keys = [(reaction["user_id"], reaction["type"]) for reaction in message.reactions]
    assert len(keys) == len(set(keys))
    return set(keys)


def world_with_reactions(*counts: int, together: bool = False) -> World:
    world = channel_world()
    for count in counts:
        world.add_message(CID, f"m{count}", user_id="ann", at=at(count))
        react(world, f"m{count}", count, together=together)
    return world


@pytest.mark.parametrize("together", [False, True])
def test_every_number_of_reactions_arrives_by_cursor(together: bool) -> None:
    counts = (0, 1, 10, 11, 100, 301, 1350)
    world = world_with_reactions(*counts, together=together)
    with serving(world) as (server, client):
        found = read_all(client)
        assert server.calls["GetReactions"] == 0
        assert server.calls["QueryReactions"] == 1 + 1 + 4 + 14
    for count in counts:
        assert reacted(found, f"m{count}") == set(world.reactions.get(f"m{count}", {}))
    assert all(m.reactions_missing == 0 and m.reactions_problem is None for m in found)


def test_without_the_cursor_offset_goes_as_far_as_it_reaches_and_the_rest_is_counted() -> None:
    world = world_with_reactions(11, 1290, 1350)
    with serving(world, query_reactions=False) as (server, client):
        found = read_all(client)
        assert server.calls["QueryReactions"] <= 3
        read_all(client)
        assert server.calls["QueryReactions"] <= 3
    assert [(m.raw["id"], m.reactions_missing) for m in found] == [("m11", 0), ("m1290", 0), ("m1350", 50)]
    assert reacted(found, "m1290") == set(world.reactions["m1290"])
    assert found[2].reactions_problem is not None


def test_a_refused_cursor_does_not_stop_the_run() -> None:
    world = world_with_reactions(11)
    with serving(world) as (server, client):
        server.faults.rate("403", 1.0, endpoint="QueryReactions")
        [message] = read_all(client)
        assert len(message.reactions) == 11
        assert len(read_all(client)) == 1


def test_one_refused_message_does_not_take_the_cursor_from_all_others() -> None:
    world = world_with_reactions(11, 1350)
    with serving(world) as (server, client):
        server.faults.plan("QueryReactions", "400")
        read_all(client)
        assert [m.reactions_missing for m in read_all(client)] == [0, 0]
        assert client.unavailable == set()


def test_a_cursor_refused_for_message_after_message_is_given_up() -> None:
    world = world_with_reactions(*range(11, 31))
    with serving(world) as (server, client):
        server.faults.rate("400", 1.0, endpoint="QueryReactions")
        read_all(client)
        assert client.unavailable == {"QueryReactions"}
        before = server.calls["QueryReactions"]
        assert all(len(m.reactions) > 10 for m in read_all(client))
        assert server.calls["QueryReactions"] == before


def test_reactions_switched_off_are_counted_with_the_reason() -> None:
    world = world_with_reactions(25)
    with serving(world, reactions_off_types=frozenset({"messaging"})) as (_, client):
        [message] = read_all(client)
    assert (len(message.reactions), message.reactions_missing) == (10, 15)
    assert "switched off" in (message.reactions_problem or "")


def test_a_message_deleted_before_its_reactions_were_read_keeps_what_is_known() -> None:
    world = world_with_reactions(25)
    with serving(world) as (server, client):

        def somebody_deletes(endpoint: str, _: Json) -> None:
            if endpoint == "QueryReactions" and "m25" in world.messages:
                world.hard_delete_message("m25")

        server.before_answer = somebody_deletes
        [message] = read_all(client)
        assert (len(message.reactions), message.reactions_missing) == (10, 15)
        assert "deleted" in (message.reactions_problem or "")
        assert client.unavailable == set()


def test_an_id_no_url_can_hold_keeps_its_embedded_reactions() -> None:
    world = channel_world()
    world.add_message(CID, "..", user_id="ann", at=at(0))
    react(world, "..", 12)
    with serving(world) as (_, client):
        [message] = read_all(client)
    assert (len(message.reactions), message.reactions_missing) == (10, 2)


@pytest.mark.parametrize(
    ("message", "complete"),
    [
        ({"latest_reactions": [], "reaction_counts": None}, True),
        ({"latest_reactions": [{}], "reaction_counts": {"like": 1}}, True),
        ({"latest_reactions": [{}] * 10, "reaction_counts": {"like": 10}}, True),
        ({"latest_reactions": [{}] * 10, "reaction_counts": {"like": 10, "love": 1}}, False),
        ({"latest_reactions": [{}] * 10, "reaction_counts": None}, False),
        ({"latest_reactions": [{}], "reaction_counts": None, "reaction_groups": {"like": {"count": 3}}}, False),
        ({}, True),
    ],
)
def test_embedded_reactions_are_trusted_only_when_they_are_all(message: Json, complete: bool) -> None:
    assert are_complete(message) is complete


def poll_world(votes: int) -> World:
    world = channel_world()
    world.add_message(CID, "asks", user_id="ann", at=at(0))
    options = [{"id": "yes", "text": "Yes"}, {"id": "no", "text": "No"}]
    world.add_poll("asks", {"id": "poll-1", "name": "Really?", "options": options})
    for number in range(votes):
        world.add_vote("poll-1", option_id=("yes", "no")[number % 2], user_id=f"user-{number}", created_at=at(number))
    world.add_message(CID, "plain", user_id="ann", at=at(1))
    return world


@pytest.mark.parametrize("votes", [0, 5, 100, 250])
def test_all_votes_of_a_poll_arrive_once(votes: int) -> None:
    world = poll_world(votes)
    with serving(world) as (_, client):
        asks, plain = read_all(client)
    assert plain.votes is None
    assert asks.votes is not None
    assert sorted(vote["id"] for vote in asks.votes) == sorted(world.votes["poll-1"])


@pytest.mark.parametrize(("votes", "missing"), [(6, 0), (30, 10)])
def test_a_poll_whose_votes_are_not_listed_gives_those_embedded_and_counts_the_rest(votes: int, missing: int) -> None:
    with serving(poll_world(votes)) as (server, client):
        server.faults.rate("404", 1.0, endpoint="QueryPollVotes")
        asks, _ = read_all(client)
    assert (len(asks.votes or []), asks.votes_missing) == (votes - missing, missing)
