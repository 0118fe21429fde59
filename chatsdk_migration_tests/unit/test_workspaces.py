"""The workspaces hold what the demo, the tests and the benchmarks rely on.

Here: contents and repeatability. Not here: how the server shows them (``test_demo_server.py``).
"""

from __future__ import annotations

import random
import re
from collections import Counter

import pytest

from chatsdk_migration.demo import sizes
from chatsdk_migration.demo.clock import rfc3339, working_moment
from chatsdk_migration.demo.hard_messages import AWKWARD_IDS, BROKEN_TEXTS, TEXTS
from chatsdk_migration.demo.sample import FOUNDED, LEFT, TODAY
from chatsdk_migration.demo.times import parse_ns
from chatsdk_migration.demo.workspaces import TRAPS, Outcome, expected, hard_workspace, sample_workspace
from chatsdk_migration.demo.world import World
from chatsdk_migration.models import Entity


@pytest.fixture(scope="module")
def sample() -> World:
    return sample_workspace()


@pytest.fixture(scope="module")
def hard() -> World:
    return hard_workspace()


def times(world: World, cid: str) -> Counter[str]:
    return Counter(message["created_at"] for message in world.messages_of(cid))


def same(one: World, other: World) -> bool:
    """Compare what the server can show of two worlds."""
    return (
        repr(one.users) == repr(other.users)
        and repr(one.channels) == repr(other.channels)
        and repr(one.messages) == repr(other.messages)
        and repr(one.reactions) == repr(other.reactions)
        and repr((one.polls, one.votes, one.bans)) == repr((other.polls, other.votes, other.bans))
    )


# ---- times


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1, "1970-01-01T00:00:00.000000001Z"),
        (1_700_000_000_120_000_000, "2023-11-14T22:13:20.12Z"),
        (-500_000_000, "1969-12-31T23:59:59.5Z"),
        (9_000_000_000_000_000_000, "2255-03-14T16:00:00Z"),
    ],
)
def test_times_are_written_with_trailing_zeros_trimmed(nanoseconds: int, text: str) -> None:
    assert rfc3339(nanoseconds) == text
    assert parse_ns(text) == nanoseconds


def test_working_moments_stay_within_the_days_asked_for() -> None:
    chance = random.Random(1)
    moments = [working_moment(chance, FOUNDED, TODAY) for _ in range(500)]
    day = 86_400 * 10**9
    assert all(FOUNDED - day < moment < TODAY + day for moment in moments)
    weekend = sum((moment // day + 3) % 7 >= 5 for moment in moments)
    assert 0 < weekend < 100


# ---- the sample workspace


def test_sample_is_a_small_company(sample: World) -> None:
    assert 40 <= len(sample.users) <= 80
    assert 25 <= len(sample.channels) <= 40
    assert 3_000 <= len(sample.messages) <= 4_500


def test_sample_is_the_same_for_the_same_seed_only(sample: World) -> None:
    assert same(sample, sample_workspace())
    assert not same(sample, sample_workspace(seed=7))


def test_sample_lies_in_the_past_and_only_there(sample: World) -> None:
    assert all(FOUNDED <= parse_ns(message["created_at"]) <= TODAY for message in sample.messages.values())


def test_sample_has_every_kind_of_channel(sample: World) -> None:
    kinds = Counter(cid.partition(":")[0] for cid in sample.channels)
    assert {"messaging", "team", "livestream", "announcement", "shift-plan"} <= kinds.keys()
    distinct = [cid for cid in sample.channels if "!members-" in cid]
    assert len(distinct) == 12
    assert all(re.fullmatch(r"messaging:!members-[\w-]{43}", cid) for cid in distinct)
    assert any(channel.data.get("frozen") for channel in sample.channels.values())
    assert any(not channel.everything for channel in sample.channels.values())
    assert sample.deleted_channels


def test_sample_has_every_kind_of_person(sample: World) -> None:
    people = sample.users.values()
    assert sum(person.get("role") == "guest" for person in people) == 4
    assert sum("deactivated_at" in person for person in people) == 2
    assert sample.unlisted == {person["id"] for person in people if "deleted_at" in person}
    assert any(person.get("banned") for person in people)
    authors = {message["user"]["id"] for message in sample.messages.values() if message["user"]}
    assert set(LEFT) <= authors


def test_people_who_left_are_silent_afterwards(sample: World) -> None:
    for message in sample.messages.values():
        if message["user"]:
            assert parse_ns(message["created_at"]) < LEFT.get(message["user"]["id"], TODAY)


def test_sample_has_everything_a_message_can_have(sample: World) -> None:
    messages = sample.messages.values()
    for key in ("parent_id", "quoted_message_id", "mentioned_users", "pinned", "poll_id", "message_text_updated_at"):
        assert any(message.get(key) for message in messages), key
    for key in ("silent", "shadowed", "restricted_visibility", "i18n", "command", "batch", "show_in_channel"):
        assert any(message.get(key) for message in messages), key
    assert {"regular", "reply", "system", "deleted"} == {message["type"] for message in messages}
    attached = {one.get("type") for message in messages for one in message.get("attachments", ())}
    assert {"image", "file", "voiceRecording", "video", "giphy"} <= attached
    text = "".join(message["text"] for message in messages)
    assert all(sign in text for sign in "שأ日¡ü" + "\u200d")


def test_sample_threads_belong_to_messages_of_their_channel(sample: World) -> None:
    sizes_of_threads = [len(replies) for replies in sample.replies.values()]
    assert max(sizes_of_threads) > 50
    for message in sample.messages.values():
        for key in ("parent_id", "quoted_message_id"):
            if key in message:
                other = sample.messages[message[key]]
                assert other["cid"] == message["cid"]
                assert parse_ns(other["created_at"]) < parse_ns(message["created_at"])
                assert key == "quoted_message_id" or "parent_id" not in other


def test_sample_reads_fit_the_messages(sample: World) -> None:
    unread = 0
    for cid, channel in sample.channels.items():
        listed = [message["id"] for message in sample.messages_of(cid, include_replies=False)]
        for read in channel.reads.values():
            unread += read["unread_messages"]
            assert read["last_read_message_id"] in listed
            assert read["user"]["id"] in channel.members
    assert unread > 100


# ---- the hard workspace


def test_hard_is_always_the_same(hard: World) -> None:
    assert same(hard, hard_workspace())


def test_every_trap_is_laid_where_it_says(hard: World) -> None:
    known = hard.channels.keys() | hard.users.keys() | hard.deleted_channels.keys()
    for trap in TRAPS:
        prefix = trap.subject.removesuffix("*")
        found = any(one.startswith(prefix) for one in known) if prefix != trap.subject else trap.subject in known
        assert found or trap.large, trap.subject


def test_every_cid_is_one_that_stream_allows(hard: World) -> None:
    for cid in hard.channels:
        assert re.fullmatch(r"[\w-]{1,64}:(!members-)?[\w-]{1,64}", cid), cid


def test_expectations_name_records_that_exist(hard: World) -> None:
    known = {
        "message": hard.messages.keys() | hard.buried.keys(),
        "pin": hard.messages.keys(),
        "user": hard.users.keys(),
        "channel": hard.channels.keys() | hard.deleted_channels.keys(),
        "member": {user for channel in hard.channels.values() for user in channel.members},
        "vote": {vote for votes in hard.votes.values() for vote in votes},
        "mention": {
            f"{message['id']}/{(who or {}).get('id', '')}"
            for message in hard.messages.values()
            for who in message.get("mentioned_users", ())
        },
        "reaction": {f"{message}/{user}/{kind}" for message, given in hard.reactions.items() for user, kind in given},
    }
    for group in (group for trap in TRAPS for group in trap.expectation):
        assert Entity(group.entity)
        assert set(group.ids) <= known[group.entity], group


def test_no_record_must_end_in_two_ways() -> None:
    seen: Counter[tuple[str, str]] = Counter()
    for outcome in Outcome:
        for entity in Entity:
            seen.update((entity.value, one) for one in expected(outcome, entity.value))
    assert [record for record, times_named in seen.items() if times_named > 1] == []


def test_hard_goes_beyond_every_page_limit(hard: World) -> None:
    assert len(hard.users) - len(hard.unlisted) > 1_100
    assert len(hard.channels) > 1_031
    assert max(Counter(channel.data["created_at"] for channel in hard.channels.values()).values()) >= 40
    assert max(Counter(user["created_at"] for user in hard.users.values() if "created_at" in user).values()) >= 250
    for size in (0, 1, 299, 300, 301, 600):
        assert len(hard.messages_of(f"messaging:messages-{size:03d}")) == size
    assert max(len(given) for given in hard.reactions.values()) > 1_300
    assert {len(replies) for replies in hard.replies.values()} >= {1, 10, 350}
    for count in (100, 101, 301, 1_150):
        assert len(hard.channels[f"messaging:members-{count:05d}"].members) == count
    assert max(len(votes) for votes in hard.votes.values()) == 250


@pytest.mark.parametrize("together", [299, 300, 350])
def test_many_messages_share_one_instant(hard: World, together: int) -> None:
    assert max(times(hard, f"messaging:{together}-in-one-instant").values()) == together


def test_ten_ties_lie_across_both_page_edges(hard: World) -> None:
    messages = hard.messages_of("messaging:ten-ties-across-a-page-edge")
    for edge in (300, 600):
        around = {message["created_at"] for message in messages[edge - 5 : edge + 5]}
        assert len(around) == 1


def test_nanosecond_ties_are_in_time_order_not_in_id_order(hard: World) -> None:
    ids = [message["id"] for message in hard.messages_of("messaging:nanosecond-ties")]
    assert ids == sorted(ids, reverse=True)


def test_deleted_messages_keep_their_content_in_the_source(hard: World) -> None:
    assert hard.messages["deleted-plain"]["text"] == "the password is hunter2"
    assert expected(Outcome.TOMBSTONE, "message") == {
        message["id"] for message in hard.messages.values() if message["type"] == "deleted"
    }


def test_withheld_messages_are_those_only_some_may_see(hard: World) -> None:
    private = {
        message["id"]
        for message in hard.messages.values()
        if message.get("shadowed") or message.get("restricted_visibility")
    }
    in_their_threads = {
        message["id"]
        for message in hard.messages.values()
        if message.get("parent_id") in private and not message.get("show_in_channel")
    }
    assert expected(Outcome.WITHHELD, "message") == private | in_their_threads


def test_awkward_texts_and_ids_are_as_awkward_as_they_say(hard: World) -> None:
    for name, text in BROKEN_TEXTS.items():
        assert "\x00" in text or any(0xD800 <= ord(sign) < 0xE000 for sign in text), name
    for text in TEXTS.values():
        assert text.encode().decode() == text
        assert "\x00" not in text
    assert TEXTS["nfc"] != TEXTS["nfd"]
    assert len(set(AWKWARD_IDS)) == len(AWKWARD_IDS)
    assert all(len(hard.reactions[message_id]) > 10 for message_id in AWKWARD_IDS)


def test_the_large_variant_adds_10_001_members() -> None:
    world = hard_workspace(large=True)
    assert len(world.channels["messaging:members-10001"].members) == 10_001


# ---- sizes


@pytest.mark.parametrize("size", [sizes.Size.SMALL, sizes.Size.MEDIUM])
def test_sizes_hold_what_they_promise(size: sizes.Size) -> None:
    world = sizes.build(size)
    scale = sizes.SCALES[size]
    assert (len(world.users), len(world.channels), len(world.messages)) == scale
    assert sum(map(len, world.replies.values())) / scale.messages == pytest.approx(0.1, abs=0.02)
    assert len(world.reactions) / scale.messages == pytest.approx(0.2, abs=0.02)
    assert {len(channel.members) for channel in world.channels.values()} == {12}
    assert {len(channel.reads) for channel in world.channels.values()} == {12}
    length = sum(len(message["text"]) for message in world.messages.values()) / scale.messages
    assert length == pytest.approx(80, abs=8)


def test_sizes_are_repeatable() -> None:
    assert same(sizes.build("small", seed=3), sizes.build("small", seed=3))
    assert not same(sizes.build("small", seed=3), sizes.build("small", seed=4))


def test_a_skewed_workspace_has_one_channel_with_40_percent() -> None:
    world = sizes.skewed("small")
    held = sorted(len(channel.everything) for channel in world.channels.values())
    assert held[-1] == 2_000
    assert sum(held) == 5_000
    assert held[0] == pytest.approx(3_000 / 9, abs=1)


def test_one_channel_holds_everything() -> None:
    world = sizes.one_channel(1_234)
    assert [len(channel.everything) for channel in world.channels.values()] == [1_234]


@pytest.mark.parametrize(("channels", "messages"), [(3, 10), (10, 3), (1, 0), (1, 7)])
@pytest.mark.parametrize("even", [True, False])
def test_shares_add_up(channels: int, messages: int, even: bool) -> None:
    held = sizes.shares(channels, messages, even=even)
    assert len(held) == channels
    assert sum(held) == messages
    assert min(held) >= 0


def test_an_unknown_size_is_refused() -> None:
    with pytest.raises(ValueError, match="tiny"):
        sizes.build("tiny")
