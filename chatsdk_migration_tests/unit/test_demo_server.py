"""The local Stream server holds what is documented of the real one, seen through the unmodified SDK over HTTP."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import jwt
import pytest
import requests
from stream_chat import StreamChat
from stream_chat.base.exceptions import StreamAPIException

from chatsdk_migration.demo.faults import Faults
from chatsdk_migration.demo.limits import Limiter
from chatsdk_migration.demo.options import ServerOptions
from chatsdk_migration.demo.server import StreamServer
from chatsdk_migration.demo.times import parse_ns
from chatsdk_migration.demo.world import World

CID = "messaging:general"
KEY = "key"
SECRET = "a secret of at least thirty-two bytes"
START = "2024-01-01T00:00:00Z"
FROM_THE_START = {"created_at_after_or_equal": "1970-01-01T00:00:00Z"}


@pytest.fixture
def world() -> World:
    world = World()
    world.add_user("ann", name="Ann", created_at=START)
    world.add_user("bob", name="Bob", created_at=START)
    world.add_channel(CID, created_by="ann", created_at=START, members=["ann", "bob"])
    return world


@pytest.fixture
def server(world: World) -> Iterator[StreamServer]:
    with StreamServer(world, api_key=KEY, api_secret=SECRET) as server:
        yield server
    assert server.failures == []


@pytest.fixture
def client(server: StreamServer) -> StreamChat:
    return StreamChat(KEY, SECRET, base_url=server.url)


@contextmanager
def refused(status: int, code: int, text: str = "") -> Iterator[None]:
    with pytest.raises(StreamAPIException) as caught:
        yield
    assert (caught.value.status_code, caught.value.error_code) == (status, code)
    assert text in caught.value.error_message


def minute(number: int) -> str:
    return f"2024-01-{1 + number // 1440:02d}T{number // 60 % 24:02d}:{number % 60:02d}:00Z"


def fill(world: World, count: int, cid: str = CID, *, same_time: bool = False, prefix: str = "m") -> list[str]:
    return [
        world.add_message(
            cid, f"{prefix}{number:05d}", user_id="ann", text=f"text {number}", at=minute(0 if same_time else number)
        )["id"]
        for number in range(count)
    ]


def state(client: StreamChat, cid: str = CID, **messages: Any) -> Any:
    """Read a channel after listing it, as a good reader does."""
    client.query_channels({"cid": cid})
    return client.post(f"channels/{cid.replace(':', '/')}/query", data={"state": True, "messages": messages})


def ids(answer: Any) -> list[str]:
    return [message["id"] for message in answer["messages"]]


# ---- who may ask


def test_key_signature_and_kind_of_token_are_checked(server: StreamServer) -> None:
    with refused(401, 2):
        StreamChat("other", SECRET, base_url=server.url).query_users({})
    with refused(401, 43):
        StreamChat(KEY, SECRET + "x", base_url=server.url).query_users({})
    someone = StreamChat(KEY, SECRET, base_url=server.url)
    someone.auth_token = jwt.encode({"user_id": "ann"}, SECRET)
    with refused(403, 17):
        someone.query_users({})
    bare = requests.get(f"{server.url}/users", params={"api_key": KEY}, timeout=5)
    assert (bare.status_code, bare.json()["code"]) == (401, 5)


def test_a_suspended_app_refuses_everything(server: StreamServer, client: StreamChat) -> None:
    server.options.suspended = True
    with refused(403, 99):
        client.query_users({})


def test_errors_have_streams_shape(client: StreamChat) -> None:
    with pytest.raises(StreamAPIException) as caught:
        client.query_users({}, limit=101)
    body = json.loads(caught.value.response_text)
    assert body["message"] == 'QueryUsers failed with error: "limit must be 100 or less"'
    assert body["StatusCode"] == 400
    assert {"code", "duration", "more_info", "details"} <= body.keys()


# ---- users


def test_users_page_by_id_with_deactivated_ones_and_never_with_deleted_ones(world: World, client: StreamChat) -> None:
    for number in range(250):
        world.add_user(f"user-{number:04d}", created_at=START, deactivated=number == 7, favourite="tea")
    world.add_user("gone", listed=False, deleted_at=START)

    def walk(**more: Any) -> list[str]:
        found: list[str] = []
        while True:
            after = {"id": {"$gt": found[-1]}} if found else {}
            page = client.query_users(after, [{"field": "id", "direction": 1}], limit=100, **more)["users"]
            if not page:
                return found
            found += [user["id"] for user in page]

    every = ["ann", "bob", *(f"user-{number:04d}" for number in range(250))]
    assert walk(include_deactivated_users=True) == every
    assert walk() == [user_id for user_id in every if user_id != "user-0007"]
    one = client.query_users({"id": "user-0001"})["users"][0]
    assert one["favourite"] == "tea"
    assert "custom" not in one


@pytest.mark.parametrize("asked", [{"limit": 101}, {"offset": 1001}, {"limit": -1}])
def test_users_beyond_the_limits_are_an_error(client: StreamChat, asked: dict[str, int]) -> None:
    with refused(400, 4):
        client.query_users({}, **asked)


def test_users_need_a_payload(server: StreamServer, client: StreamChat) -> None:
    with refused(400, 4, "invalid json data"):
        client.get("users")


def test_default_order_of_users_is_newest_first(world: World, client: StreamChat) -> None:
    world.add_user("zoe", created_at="2024-05-01T00:00:00Z")
    assert client.query_users({})["users"][0]["id"] == "zoe"


def test_id_order_may_ignore_case(world: World, server: StreamServer, client: StreamChat) -> None:
    world.add_user("Bert", created_at=START)
    by_id = [{"field": "id", "direction": 1}]
    assert [user["id"] for user in client.query_users({}, by_id)["users"]] == ["Bert", "ann", "bob"]
    server.options.id_order = "letters"
    assert [user["id"] for user in client.query_users({}, by_id)["users"]] == ["ann", "Bert", "bob"]
    assert [user["id"] for user in client.query_users({"id": {"$gt": "Bert"}}, by_id)["users"]] == ["bob"]


# ---- channels


def test_channel_pages_are_cut_to_thirty_and_stand_still_beyond_offset_1000(world: World, client: StreamChat) -> None:
    for number in range(1040):
        world.add_channel(f"messaging:c{number:04d}", created_by="ann", created_at=minute(number))
    by_age = [{"field": "created_at", "direction": 1}]

    def page(**asked: int) -> list[str]:
        found = client.query_channels({}, by_age, message_limit=0, **asked)["channels"]
        return [one["channel"]["cid"] for one in found]

    assert len(page(limit=100)) == 30
    assert page(limit=30, offset=1500) == page(limit=30, offset=1000) == page(limit=30, offset=1001)


def test_channels_of_one_instant_can_be_walked_by_offset(world: World, client: StreamChat) -> None:
    for number in range(40):
        world.add_channel(f"team:t{number}", created_by="ann", created_at="2024-02-02T00:00:00Z")
    wanted = {"created_at": {"$gte": "2024-02-02T00:00:00Z"}}
    by_age = [{"field": "created_at", "direction": 1}]
    pages = [client.query_channels(wanted, by_age, limit=30, offset=offset)["channels"] for offset in (0, 30)]
    assert len({one["channel"]["cid"] for page in pages for one in page}) == 40


def test_query_channels_refuses_what_the_real_one_refuses(client: StreamChat) -> None:
    with refused(400, 4, "member_limit must be 100 or less"):
        client.query_channels({}, member_limit=101)
    with refused(400, 4):
        client.query_channels({}, watch=True)
    with refused(400, 4):
        client.query_channels({}, [{"field": "cid", "direction": 1}])


def test_query_channels_answers_201_with_newest_messages_ascending(
    world: World, server: StreamServer, client: StreamChat
) -> None:
    made = fill(world, 40)
    answer = client.query_channels({"cid": CID}, message_limit=10)
    assert answer.status_code() == 201
    assert ids(answer["channels"][0]) == made[-10:]
    assert ids(client.query_channels({"cid": CID})["channels"][0]) == made[-25:]
    assert ids(client.query_channels({"cid": CID}, message_limit=0)["channels"][0]) == []
    server.options.message_limit_zero = "default"
    assert ids(client.query_channels({"cid": CID}, message_limit=0)["channels"][0]) == made[-25:]


def test_deleted_channels_leave_the_list(world: World, client: StreamChat) -> None:
    world.delete_channel(CID)
    assert client.query_channels({})["channels"] == []
    with refused(404, 16):
        client.get("channels/messaging/general", params={"state": True})


def test_state_holds_the_hundred_newest_members_and_a_hundred_reads(world: World, client: StreamChat) -> None:
    for number in range(150):
        world.add_member(CID, f"u{number:03d}", created_at=minute(number))
        world.set_read(CID, f"u{number:03d}", last_read="2024-01-05T00:00:00.123456789Z")
    found = state(client, limit=1)
    assert {member["user_id"] for member in found["members"]} == {f"u{number:03d}" for number in range(50, 150)}
    assert len(found["read"]) == 100
    assert found["read"][0]["last_read"] == "2024-01-05T00:00:00.123456789Z"
    assert found["channel"]["member_count"] == 152


def test_without_state_there_are_neither_messages_nor_members(world: World, client: StreamChat) -> None:
    fill(world, 3)
    client.query_channels({})
    found = client.post("channels/messaging/general/query", data={"messages": {"limit": 10}})
    assert (found["messages"], found["members"]) == ([], [])
    assert found["channel"]["cid"] == CID


# ---- pages of messages


@pytest.mark.parametrize("count", [0, 1, 300, 301, 600])
def test_forward_walk_brings_every_message_once_in_order(world: World, client: StreamChat, count: int) -> None:
    made = fill(world, count)
    found: list[str] = []
    anchor: dict[str, Any] = FROM_THE_START
    while page := ids(state(client, limit=300, **anchor)):
        found += page
        anchor = {"id_gt": page[-1]}
    assert found == made


def test_pages_are_ascending_whatever_the_anchor_and_cut_to_three_hundred(world: World, client: StreamChat) -> None:
    made = fill(world, 310)
    assert ids(state(client, limit=1000)) == made[-300:]
    assert ids(state(client, limit=5, id_lt=made[100])) == made[95:100]
    assert ids(state(client, limit=5, id_lte=made[100])) == made[96:101]
    assert ids(state(client, limit=5, id_gt=made[100])) == made[101:106]
    assert ids(state(client, limit=5, id_gte=made[100])) == made[100:105]
    assert made[100] in ids(state(client, limit=5, id_around=made[100]))
    assert ids(state(client, limit=3, created_at_before=minute(50))) == made[47:50]
    assert ids(state(client, limit=3, created_at_after=minute(50))) == made[51:54]


def test_anchors_keep_nanoseconds(world: World, client: StreamChat) -> None:
    for digits in ("000000001", "000000002", "000000003"):
        world.add_message(CID, digits, user_id="ann", at=f"2024-01-01T00:00:00.{digits}Z")
    assert ids(state(client, id_gt="000000001")) == ["000000002", "000000003"]
    assert ids(state(client, created_at_after="2024-01-01T00:00:00.000000002Z")) == ["000000003"]


@pytest.mark.parametrize(
    ("ties", "after", "at_or_after"),
    [
        ("strict", [], [f"m{n:05d}" for n in range(10)]),
        ("stable", ["m00008", "m00009"], ["m00007", "m00008", "m00009"]),
    ],
)
def test_both_rules_for_messages_of_one_instant(  # noqa: PLR0917
    world: World, server: StreamServer, client: StreamChat, ties: Any, after: list[str], at_or_after: list[str]
) -> None:
    server.options.ties = ties
    fill(world, 10, same_time=True)
    assert ids(state(client, id_gt="m00007")) == after
    assert ids(state(client, id_gte="m00007")) == at_or_after
    assert len(ids(state(client, created_at_after_or_equal=minute(0)))) == 10


def test_a_bad_date_is_named(client: StreamChat) -> None:
    with refused(400, 4, 'expected date for field "messages.created_at_after" but got "invalid"'):
        state(client, created_at_after="invalid")


@pytest.mark.parametrize("code", ["400", "404", "empty"])
def test_an_anchor_that_was_hard_deleted(world: World, server: StreamServer, client: StreamChat, code: Any) -> None:
    fill(world, 3)
    world.hard_delete_message("m00001")
    server.options.unknown_anchor = code
    if code == "empty":
        assert ids(state(client, id_gt="m00001")) == []
    else:
        with refused(int(code), 4 if code == "400" else 16):
            state(client, id_gt="m00001")


def test_truncated_messages_leave_the_list(world: World, client: StreamChat) -> None:
    made = fill(world, 10)
    world.truncate_channel(CID, minute(4))
    assert ids(state(client, **FROM_THE_START)) == made[4:]


def test_get_channel_pages_by_id_only_and_may_be_missing(
    world: World, server: StreamServer, client: StreamChat
) -> None:
    made = fill(world, 10)
    path = "channels/messaging/general"
    assert ids(client.get(path, params={"state": True, "messages_limit": 3, "messages_id_lt": made[5]})) == made[2:5]
    assert ids(client.get(path)) == []
    server.options.get_channel = False
    with refused(404, 16):
        client.get(path)


# ---- replies


def test_replies_are_absent_from_the_list_unless_shown_in_channel(world: World, client: StreamChat) -> None:
    fill(world, 1)
    for number in range(301):
        shown = number == 0
        at = minute(number + 1)
        world.add_message(CID, f"r{number:03d}", user_id="bob", at=at, parent_id="m00000", show_in_channel=shown)
    page = state(client, limit=300)
    assert ids(page) == ["m00000", "r000"]
    assert page["messages"][0]["reply_count"] == 301
    assert page["messages"][1]["type"] == "reply"
    path = "messages/m00000/replies"
    newest = ids(client.get(path, params={"limit": 1000}))
    assert newest == [f"r{number:03d}" for number in range(1, 301)]
    assert ids(client.get(path, params={"limit": 3, "offset": 3})) == newest[-3:]
    assert ids(client.get(path, params={"limit": 300, "id_lt": newest[0]})) == ["r000"]
    assert ids(client.get(path, params={"limit": 2, "id_gte": "r000"})) == ["r000", "r001"]


def test_deleted_replies_listed_or_hidden(world: World, server: StreamServer, client: StreamChat) -> None:
    fill(world, 1)
    for reply in ("r1", "r2"):
        world.add_message(CID, reply, user_id="bob", at=minute(5), parent_id="m00000")
    world.soft_delete_message("r1")
    assert ids(client.get("messages/m00000/replies")) == ["r1", "r2"]
    assert client.get_message("m00000")["message"]["reply_count"] == 2
    server.options.deleted_replies = "hidden"
    assert ids(client.get("messages/m00000/replies")) == ["r2"]
    assert client.get_message("m00000")["message"]["reply_count"] == 1


def test_a_soft_deleted_parent_keeps_its_replies_and_a_hard_deleted_one_takes_them(
    world: World, client: StreamChat
) -> None:
    fill(world, 1)
    world.add_message(CID, "r1", user_id="bob", at=minute(5), parent_id="m00000", show_in_channel=True)
    world.soft_delete_message("m00000")
    assert ids(client.get("messages/m00000/replies")) == ["r1"]
    world.hard_delete_message("m00000")
    assert ids(state(client)) == []
    with refused(404, 16):
        client.get("messages/m00000/replies")


# ---- how messages look


def test_deleted_messages_show_their_content_or_a_placeholder(
    world: World, server: StreamServer, client: StreamChat
) -> None:
    world.add_message(CID, "m", user_id="ann", text="secret", at=minute(1), attachments=[{"type": "image"}])
    world.soft_delete_message("m", at=minute(9))
    shown = client.get_message("m")["message"]
    assert (shown["type"], shown["text"], shown["deleted_at"]) == ("deleted", "secret", minute(9))
    assert shown["updated_at"] == minute(1)
    server.options.deleted_text = "placeholder"
    shown = client.get_message("m")["message"]
    assert (shown["text"], shown["attachments"]) == ("This message was deleted.", [])
    assert client.get_message("m", show_deleted_message=True)["message"]["text"] == "secret"


def test_a_quote_is_shown_one_level_deep_and_follows_its_original(world: World, client: StreamChat) -> None:
    world.add_message(CID, "a", user_id="ann", text="first", at=minute(1))
    world.add_message(CID, "b", user_id="ann", text="second", at=minute(2), quoted_message_id="a")
    world.add_message(CID, "c", user_id="ann", text="third", at=minute(3), quoted_message_id="b")
    quoted = client.get_message("c")["message"]["quoted_message"]
    assert quoted["id"] == "b"
    assert "quoted_message" not in quoted
    world.edit_message("b", text="changed")
    assert client.get_message("c")["message"]["quoted_message"]["text"] == "changed"
    world.hard_delete_message("b")
    shown = client.get_message("c")["message"]
    assert "quoted_message" not in shown
    assert shown["quoted_message_id"] == "b"


def test_only_a_text_edit_moves_message_text_updated_at(world: World, client: StreamChat) -> None:
    fill(world, 1)
    world.edit_message("m00000", at=minute(5), silent=True)
    shown = client.get_message("m00000")["message"]
    assert (shown["updated_at"], shown.get("message_text_updated_at")) == (minute(5), None)
    world.edit_message("m00000", at=minute(6), text="new")
    assert client.get_message("m00000")["message"]["message_text_updated_at"] == minute(6)


def test_a_changed_user_shows_in_messages_already_served(world: World, client: StreamChat) -> None:
    fill(world, 1)
    assert client.get_message("m00000")["message"]["user"]["name"] == "Ann"
    world.update_user("ann", name="Anna")
    assert client.get_message("m00000")["message"]["user"]["name"] == "Anna"
    world.delete_user("ann")
    assert "deleted_at" in client.get_message("m00000")["message"]["user"]


HARD_TEXTS = ["", "a\x00b", "\ud83d", "👩‍👩‍👧", "<b>&</b>", "\\N\t\\.\r\n", "e\u0301", "x" * 20_000]


@pytest.mark.parametrize("text", HARD_TEXTS, ids=range(len(HARD_TEXTS)))
def test_any_text_comes_through(world: World, client: StreamChat, text: str) -> None:
    world.add_message(CID, "m", user_id=None, text=text, at=minute(1), big=2**70, nested={"a": [None, 1.5]})
    shown = client.get_message("m")["message"]
    assert (shown["text"], shown["user"], shown["big"], shown["nested"]) == (text, None, 2**70, {"a": [None, 1.5]})


@pytest.mark.parametrize("message_id", ["a b", "a/b", "a?b#c", "a%2Fb", "Ä@:", "x" * 255])
def test_ids_with_any_character_can_be_addressed_when_quoted(world: World, client: StreamChat, message_id: str) -> None:
    world.add_message(CID, message_id, user_id="ann", at=minute(1))
    assert client.get(f"messages/{quote(message_id, safe='')}")["message"]["id"] == message_id


def test_many_messages_leave_out_missing_ones(world: World, client: StreamChat) -> None:
    fill(world, 2)
    found = client.get("channels/messaging/general/messages", params={"ids": "m00001,nobody"})
    assert ids(found) == ["m00001"]
    with refused(400, 4):
        client.get("channels/messaging/general/messages", params={"ids": ",".join(map(str, range(51)))})


def test_pins_are_newest_first_without_expired_or_deleted_ones(world: World, client: StreamChat) -> None:
    for number in range(25):
        pin = {"pinned": True, "pinned_by": "ann", "pinned_at": minute(100 - number)}
        world.add_message(CID, f"p{number:02d}", user_id="ann", at=minute(number), **pin)
    world.edit_message("p00", pin_expires="2024-02-01T00:00:00Z")
    world.soft_delete_message("p01")
    path = "channels/messaging/general/pinned_messages"
    assert ids(client.get(path)) == [f"p{number:02d}" for number in range(2, 22)]
    assert len(ids(client.get(path, params={"limit": 1000}))) == 23
    assert [one["id"] for one in state(client)["pinned_messages"]] == [f"p{number:02d}" for number in range(2, 12)]


def test_polls_show_counts_and_ten_votes_an_option_and_hide_anonymous_voters(world: World, client: StreamChat) -> None:
    fill(world, 1)
    poll = {"id": "p", "name": "Tea?", "options": [{"id": "yes", "text": "Yes"}], "voting_visibility": "anonymous"}
    world.add_poll("m00000", poll)
    for number in range(130):
        world.add_vote("p", option_id="yes", user_id=f"v{number:03d}", created_at=minute(number))
    shown = client.get_message("m00000")["message"]["poll"]
    assert shown["vote_counts_by_option"] == {"yes": 130}
    assert len(shown["latest_votes_by_option"]["yes"]) == 10
    first = client.post("polls/p/votes", data={"limit": 100})
    rest = client.post("polls/p/votes", data={"limit": 100, "next": first["next"]})
    assert len({vote["id"] for vote in first["votes"] + rest["votes"]}) == 130
    assert not any("user_id" in vote or "user" in vote for vote in first["votes"])
    assert "next" not in rest


# ---- members and bans


def test_members_by_keyset_and_its_limits(world: World, server: StreamServer, client: StreamChat) -> None:
    for number in range(250):
        world.add_member(CID, f"u{number:03d}", created_at=START)

    def page(conditions: Any, **more: Any) -> list[str]:
        asked = {"type": "messaging", "id": "general", "filter_conditions": conditions, **more}
        return [one["user_id"] for one in client.get("members", params={"payload": json_text(asked)})["members"]]

    by_id = [{"field": "user_id", "direction": 1}]
    found = page({}, sort=by_id, limit=100)
    while more := page({"user_id": {"$gt": found[-1]}}, sort=by_id, limit=100):
        found += more
    assert found == sorted(["ann", "bob", *(f"u{number:03d}" for number in range(250))])
    with refused(400, 4):
        page({}, limit=101)
    with refused(400, 4):
        page({}, offset=1001)
    with refused(400, 4, "cannot search by cid"):
        page({"cid": CID})
    server.options.members_limit = 300
    assert len(page({}, limit=300)) == 252


def json_text(payload: Any) -> str:
    return json.dumps(payload)


def test_bans_name_channel_and_banner(world: World, client: StreamChat) -> None:
    world.add_ban("bob", CID, banned_by="ann", reason="spam", created_at=START)
    world.add_ban("ann", created_at=START)
    first, second = client.query_banned_users({"filter_conditions": {}})["bans"]
    assert (first["user"]["id"], first["channel"]["cid"], first["banned_by"]["id"]) == ("bob", CID, "ann")
    assert "channel" not in second
    assert client.query_users({"id": "ann"})["users"][0]["banned"]


# ---- reactions


@pytest.fixture
def much_liked(world: World) -> str:
    fill(world, 1)
    for number in range(1301):
        world.add_reaction("m00000", f"u{number:04d}", "love" if number else "rare", score=2, at=minute(number + 1))
    return "m00000"


def test_latest_reactions_are_ten_over_all_types_and_counts_are_whole(client: StreamChat, much_liked: str) -> None:
    shown = client.get_message(much_liked)["message"]
    assert [one["user_id"] for one in shown["latest_reactions"]] == [f"u{n:04d}" for n in range(1300, 1290, -1)]
    assert shown["reaction_counts"] == {"love": 1300, "rare": 1}
    assert shown["reaction_scores"] == {"love": 2600, "rare": 2}
    assert shown["reaction_groups"]["love"]["first_reaction_at"] == minute(2)
    assert shown["updated_at"] == minute(1301)


def test_the_reaction_query_reaches_all_by_cursor(client: StreamChat, much_liked: str) -> None:
    found: list[str] = []
    following: dict[str, Any] = {}
    while True:
        answer = client.post(f"messages/{much_liked}/reactions", data={"limit": 100, **following})
        assert answer.status_code() == 201
        found += [one["user_id"] for one in answer["reactions"]]
        if "next" not in answer:
            break
        following = {"next": answer["next"]}
    assert found == [f"u{number:04d}" for number in range(1300, -1, -1)]


def test_listing_reactions_ends_at_a_wall(server: StreamServer, client: StreamChat, much_liked: str) -> None:
    assert (
        len(client.channel("messaging", "general").get_reactions(much_liked, limit=300, offset=1000)["reactions"])
        == 300
    )
    with refused(400, 4):
        client.channel("messaging", "general").get_reactions(much_liked, limit=300, offset=1001)
    server.options.reactions_wall = "same_page"
    again = client.channel("messaging", "general").get_reactions(much_liked, limit=300, offset=1300)["reactions"]
    assert (
        again == client.channel("messaging", "general").get_reactions(much_liked, limit=300, offset=1000)["reactions"]
    )


def test_the_reaction_query_may_be_missing_or_refuse(server: StreamServer, client: StreamChat, much_liked: str) -> None:
    with refused(400, 4):
        client.post(f"messages/{much_liked}/reactions", data={"limit": 101})
    server.options.query_reactions = False
    with refused(404, 16):
        client.post(f"messages/{much_liked}/reactions", data={})


def test_a_message_without_reactions_has_null_or_empty_counts(
    world: World, server: StreamServer, client: StreamChat
) -> None:
    fill(world, 1)
    assert client.get_message("m00000")["message"]["reaction_counts"] is None
    server.options.empty_counts = "empty"
    assert client.get_message("m00000")["message"]["reaction_counts"] == {}


# ---- writes


def test_get_or_create_on_an_unknown_channel_is_refused_and_recorded(server: StreamServer, client: StreamChat) -> None:
    with refused(400, 4, "data.created_by"):
        client.post("channels/messaging/nowhere/query", data={"state": True})
    assert [write.endpoint for write in server.writes] == ["GetOrCreateChannel"]
    assert server.races == []


def test_get_or_create_with_a_creator_creates(world: World, server: StreamServer, client: StreamChat) -> None:
    client.post("channels/messaging/new/query", data={"data": {"created_by_id": "ann"}})
    assert "messaging:new" in world.channels
    assert len(server.writes) == 1


@pytest.mark.parametrize("mode", ["refuse", "revive"])
def test_a_channel_that_disappears_after_it_was_listed_is_a_race_not_a_write(
    world: World, server: StreamServer, client: StreamChat, mode: Any
) -> None:
    fill(world, 3)
    client.query_channels({})
    world.delete_channel(CID)
    server.options.get_or_create_deleted = mode
    if mode == "refuse":
        with refused(400, 4):
            client.post("channels/messaging/general/query", data={"state": True})
    else:
        assert ids(client.post("channels/messaging/general/query", data={"state": True})) == []
    assert server.writes == []
    assert len(server.races) == 1


def test_reading_a_channel_nobody_listed_is_recorded(world: World, server: StreamServer, client: StreamChat) -> None:
    client.post("channels/messaging/general/query", data={"state": True})
    assert len(server.writes) == 1
    state(client)
    assert len(server.writes) == 1
    server.forget_seen()
    client.post("channels/messaging/general/query", data={"state": True})
    assert len(server.writes) == 2


@pytest.mark.parametrize(
    "act",
    [
        lambda client: client.post("channels/messaging/general/read", data={"user_id": "ann"}),
        lambda client: client.get("unread", params={"user_id": "ann"}),
        lambda client: client.post("unread_batch", data={"user_ids": ["ann"]}),
        lambda client: client.channel("messaging", "general").send_message({"text": "hi"}, "ann"),
        lambda client: client.delete_message("m"),
        lambda client: client.channel("messaging", None, data={"members": ["ann", "bob"]}).create("ann"),
    ],
)
def test_writes_are_refused_and_recorded(server: StreamServer, client: StreamChat, act: Callable[[Any], Any]) -> None:
    with refused(404, 16):
        act(client)
    assert len(server.writes) == 1


def test_sync_refuses_server_tokens(server: StreamServer, client: StreamChat) -> None:
    with refused(403, 17):
        client.post("sync", data={"channel_cids": [CID], "last_sync_at": START})
    assert server.writes == []


# ---- limits and faults


def test_limits_a_minute_and_a_second_and_others_share(server: StreamServer) -> None:
    now = [1_000_000_000.0]
    server.options.rate_limits = True
    limiter = Limiter(server.options, clock=lambda: now[0])

    def burst(endpoint: str) -> int:
        return sum(limiter.take(endpoint).allowed for _ in range(200))

    assert burst("QueryMembers") == 10
    assert limiter.peek("QueryMembers").remaining == 290
    now[0] += 1
    assert burst("QueryMembers") == 10
    server.options.limits["QueryUsers"] = 3
    server.options.window_seconds = 1
    assert burst("QueryUsers") == 3
    now[0] += 1
    server.options.others_share = 0.5
    assert burst("QueryUsers") == 2


def test_the_ordinary_429_has_no_retry_after_and_a_reset_in_seconds(server: StreamServer, client: StreamChat) -> None:
    server.options.rate_limits = True
    server.options.limits["QueryUsers"] = 0
    answer = ask(server, client)
    assert (answer.status_code, answer.json()["code"]) == (429, 9)
    assert "Too many requests" in answer.json()["message"]
    assert "retry-after" not in answer.headers
    assert int(answer.headers["x-ratelimit-reset"]) > 1_600_000_000
    limits = client.get_rate_limits(server_side=True, endpoints=["QueryUsers", "GetReplies"])["server_side"]
    assert limits["QueryUsers"]["limit"] == 0
    assert limits["GetReplies"]["limit"] == 1000


def test_the_query_budget_answers_429_with_retry_after(server: StreamServer, client: StreamChat) -> None:
    server.options.budget_ms = 20
    assert client.query_channels({}).headers()["x-budget-remaining-ms"] == "0"
    answer = ask(server, client, "POST", "channels")
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) >= 1


def test_headers_may_come_in_title_case(server: StreamServer, client: StreamChat) -> None:
    assert client.query_users({}).rate_limit().limit > 0
    server.options.header_case = "title"
    assert "X-Ratelimit-Limit" in dict(ask(server, client).headers)
    assert "x-ratelimit-limit" not in dict(ask(server, client).headers)


def ask(server: StreamServer, client: StreamChat, method: str = "GET", path: str = "users") -> requests.Response:
    """Ask without the SDK, which hides answers it cannot read."""
    params = {"api_key": KEY, "payload": '{"filter_conditions": {}}'}
    headers = {"Authorization": client.auth_token, "stream-auth-type": "jwt"}
    return requests.request(method, f"{server.url}/{path}", params=params, headers=headers, timeout=5)


@pytest.mark.parametrize(
    ("kind", "status", "content"),
    [
        ("429", 429, '"code":9'),
        ("429_burst", 429, '"code":9'),
        ("429_retry_after", 429, '"code":9'),
        ("500", 500, '"code":-1'),
        ("500_empty", 500, None),
        ("502", 502, "<html>"),
        ("503_retry_after", 503, "<html>"),
        ("504", 504, "<html>"),
        ("401", 401, '"code":5'),
        ("403", 403, '"code":17'),
        ("empty", 200, None),
        ("html", 200, "<html>"),
        ("truncated", 200, '{"users":'),
    ],
)
def test_planned_faults_strike_exactly_as_often_as_planned(
    server: StreamServer, client: StreamChat, kind: Any, status: int, content: str | None
) -> None:
    server.faults.plan("QueryUsers", kind, 2, after=1)
    answers = [ask(server, client) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, status, status, 200]
    assert answers[0].json()["users"]
    assert answers[1].text == "" if content is None else content in answers[1].text
    assert ("retry-after" in answers[1].headers) == kind.endswith("retry_after")
    assert server.faults.happened["QueryUsers", kind] == 2


@pytest.mark.parametrize("kind", ["drop_before", "drop_after", "cut"])
def test_dropped_connections(server: StreamServer, client: StreamChat, kind: Any) -> None:
    server.faults.plan("QueryChannels", kind)
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        client.query_channels({})
    assert len(client.query_channels({})["channels"]) == 1
    assert server.calls["QueryChannels"] == 2


def test_the_sdk_repeats_a_dropped_get_but_not_a_post(server: StreamServer, client: StreamChat) -> None:
    server.faults.plan("QueryUsers", "drop_before")
    assert len(client.query_users({})["users"]) == 2
    assert server.calls["QueryUsers"] == 2


def test_faults_are_the_same_for_the_same_seed() -> None:
    def draw(seed: int) -> list[str | None]:
        faults = Faults(seed)
        faults.rate("500", 0.1)
        faults.rate("429", 0.1)
        return [faults.choose("QueryUsers") for _ in range(1000)]

    assert draw(1) == draw(1) != draw(2)
    assert 150 < sum(kind is not None for kind in draw(1)) < 250
    with pytest.raises(ValueError, match="no fault"):
        Faults().rate("nonsense", 0.1)  # type: ignore[arg-type]


def test_gzip_and_chunks(server: StreamServer, client: StreamChat) -> None:
    server.options.gzip = server.options.chunked = True
    assert len(client.query_users({})["users"]) == 2


def test_the_world_may_change_between_two_pages(world: World, server: StreamServer, client: StreamChat) -> None:
    fill(world, 3)
    asked: list[Any] = []

    def live(endpoint: str, request: Any) -> None:
        asked.append(request)
        if endpoint == "GetOrCreateChannel":
            world.add_message(CID, user_id="bob", text="live", at=minute(1000 + len(asked)))

    server.before_answer = live
    assert len(ids(state(client, **FROM_THE_START))) == 4
    assert len(ids(state(client, **FROM_THE_START))) == 5
    assert asked[1]["cid"] == CID
    assert asked[1]["messages"] == FROM_THE_START


def test_keys_no_document_lists_can_be_switched_off(server: StreamServer, client: StreamChat) -> None:
    answer = client.query_users({})
    assert "staff_user" in answer["users"][0]
    assert isinstance(answer["duration"], str)
    server.options.unlisted_fields = False
    answer = client.query_users({})
    assert "staff_user" not in answer["users"][0]
    assert answer.keys() == {"users", "duration"}


# ---- search, threads, export


def test_search_leaves_out_system_and_deleted_messages_and_warns_of_its_cap(
    world: World, server: StreamServer, client: StreamChat
) -> None:
    fill(world, 3)
    world.add_message(CID, "s", user_id="ann", text="text", at=minute(9), type="system")
    world.soft_delete_message("m00001")
    world.add_channel("messaging:other", created_by="ann", created_at=START)
    server.options.search_channels = 1
    found = client.search({"type": "messaging"}, "text")
    assert {row["message"]["id"] for row in found["results"]} == {"m00000", "m00002"}
    assert found["results"][0]["message"]["channel"]["cid"] == CID
    assert found["results_warning"]["channel_search_count"] == 1
    server.options.search_lag_seconds = 3600
    assert client.search({"cid": CID}, "text")["results"] == []
    world.add_channel("gaming:g", created_by="ann", created_at=START)
    with refused(400, 19):
        client.search({"type": "gaming"}, "text")


def test_threads_are_per_user(world: World, client: StreamChat) -> None:
    fill(world, 1)
    world.add_message(CID, "r1", user_id="bob", at=minute(5), parent_id="m00000")
    with refused(400, 4):
        client.post("threads", data={})
    assert [one["parent_message_id"] for one in client.query_threads(user_id="bob")["threads"]] == ["m00000"]


def export(client: StreamChat, channels: list[dict[str, str]], **options: Any) -> Any:
    task = client.post("export_channels", data={"channels": channels, **options})["task_id"]
    while (status := client.get(f"export_channels/{task}"))["status"] in {"waiting", "pending", "running"}:
        pass
    return status


def test_an_export_holds_what_no_list_shows(world: World, client: StreamChat) -> None:
    made = fill(world, 5)
    world.add_message(CID, "r1", user_id="bob", at=minute(7), parent_id=made[4])
    world.truncate_channel(CID, minute(2))
    world.delete_channel(CID)
    with refused(404, 16, "Can't find channel"):
        export(client, [{"cid": CID}])
    status = export(client, [{"cid": CID}], include_soft_deleted_channels=True, include_truncated_messages=True)
    (exported,) = requests.get(status["result"]["url"], timeout=5).json()
    assert ids(exported) == [*made, "r1"]
    assert len(exported["members"]) == 2


def test_exports_are_capped_may_fail_and_their_links_expire(server: StreamServer, client: StreamChat) -> None:
    with refused(400, 4):
        export(client, [{"cid": CID}] * 26)
    server.options.export_url_seconds = 0
    assert requests.get(export(client, [{"cid": CID}])["result"]["url"], timeout=5).status_code == 403
    server.options.export_error = "out of disk"
    assert export(client, [{"cid": CID}])["status"] == "failed"


# ---- the world and the program


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:00.5Z", 500_000_000),
        ("1970-01-01T02:00:00.000000001+02:00", 1),
        ("2038-01-19T03:14:08Z", 2**31 * 10**9),
        ("1969-12-31T23:59:59.75Z", -250_000_000),
    ],
)
def test_times_keep_nanoseconds(text: str, nanoseconds: int) -> None:
    assert parse_ns(text) == nanoseconds


def test_back_dated_messages_take_their_place_and_do_not_move_the_channel_back(world: World) -> None:
    fill(world, 3)
    world.add_message(CID, "early", user_id="ann", at="2023-01-01T00:00:00Z")
    assert [one["id"] for one in world.messages_of(CID)] == ["early", "m00000", "m00001", "m00002"]
    assert world.channels[CID].data["last_message_at"] == minute(2)


def test_an_id_can_be_used_again_only_after_a_hard_delete(world: World) -> None:
    fill(world, 1)
    with pytest.raises(ValueError, match="taken"):
        fill(world, 1)
    world.hard_delete_message("m00000")
    fill(world, 1)
    assert len(world.messages_of(CID)) == 1


def test_it_runs_as_a_program_and_prints_its_url_first() -> None:
    command = [sys.executable, "-m", "chatsdk_migration.demo.server", "--workspace", "empty", "--secret", SECRET]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        try:
            assert program.stdout is not None
            url = program.stdout.readline().strip()
            assert StreamChat(KEY, SECRET, base_url=url).query_users({})["users"] == []
        finally:
            program.terminate()
    assert program.returncode == 0


def test_the_port_is_free_again_after_stopping(world: World) -> None:
    with StreamServer(world) as server:
        port = int(server.url.rpartition(":")[2])
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_options_are_one_set_for_each_server() -> None:
    first, second = ServerOptions(), ServerOptions()
    first.limits["QueryUsers"] = 1
    assert second.limits["QueryUsers"] == 1000
