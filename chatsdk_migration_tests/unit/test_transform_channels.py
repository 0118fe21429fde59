"""Channels arrive under their cid, and nothing becomes visible to people who could not see it."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatsdk_migration import identity
from chatsdk_migration.models import Batch, ChannelRow, Json
from chatsdk_migration.settings import MappingRules
from chatsdk_migration.stream.channels import MEMBERS_TO_TELL_A_PAIR
from chatsdk_migration.transform.channels import MAY_BE_CUT_SHORT, direct_message_cid, map_channel
from chatsdk_migration_tests.unit.mapping import APP, AT, LATER, codes, kinds, user

DISTINCT = "!members-" + "x" * 43


def member(user_id: str, **fields: Any) -> Json:
    return {"user_id": user_id, "user": user(user_id), "created_at": AT} | fields


def state(cid: str = "messaging:general", members: list[Json] | None = None, **fields: Any) -> Json:
    kind, name = cid.split(":")
    plain = {"cid": cid, "type": kind, "id": name, "created_at": AT, "updated_at": LATER, "config": {"name": kind}}
    return {"channel": plain | {"created_by": user()} | fields, "members": members or [], "read": []}


def mapped(given_state: Json, **rules: Any) -> tuple[ChannelRow | None, Batch]:
    out = Batch()
    return map_channel(given_state, APP, MappingRules(**rules), out), out


def only(given_state: Json, **rules: Any) -> ChannelRow:
    row, out = mapped(given_state, **rules)
    assert row is not None, out.rejects
    assert out.channels == [row]
    return row


def test_a_channel_arrives_whole() -> None:
    row = only(state(name="General", image="https://a/b.png", description="All", custom={"a": 1}, frozen=False))
    assert row[:6] == (
        identity.channel_id(APP, "messaging:general"), "messaging:general", "messaging:general", "group", "General",
        "https://a/b.png",
    )  # fmt: skip
    assert (row.created_by, row.created_at, row.updated_at) == ("alice", AT, "2024-01-02T04:00:00.000000Z")
    assert json.loads(row.config) == {"custom": {"description": "All", "custom": {"a": 1}}}


def test_the_creator_becomes_a_person() -> None:
    assert "alice" in mapped(state())[1].users


TWO = [member("alice"), member("bob")]
THREE = [*TWO, member("carol")]


@pytest.mark.parametrize(
    ("cid", "members", "kind"),
    [
        ("messaging:x", TWO, "messaging"),
        (f"messaging:{DISTINCT}", TWO, "messaging"),
        (f"support:{DISTINCT}", TWO, "messaging"),
        ("messaging:x", THREE, "group"),
        ("messaging:x", TWO[:1], "group"),
        ("messaging:x", [], "group"),
        ("team:x", TWO, "group"),
        ("team:x", THREE, "group"),
        ("gaming:x", TWO, "group"),
        ("public:x", THREE, "group"),
        ("livestream:x", TWO, "livestream"),
        ("livestream:x", [], "livestream"),
    ],
)
def test_the_default_type_keeps_private_things_private(cid: str, members: list[Json], kind: str) -> None:
    assert only(state(cid, members)).type == kind


@pytest.mark.parametrize(
    "outsider",
    [
        member("carol", invited=True),
        member("carol", invited=True, invite_rejected_at=LATER),
        member("carol", status="invited"),
        member("carol", deleted_at=LATER),
    ],
)
def test_whoever_is_no_member_does_not_count_when_two_make_a_direct_message(outsider: Json) -> None:
    assert only(state("messaging:x", [*TWO, outsider], member_count=3)).type == "messaging"
    assert only(state("messaging:x", [TWO[0], outsider], member_count=2)).type == "group"


def test_a_member_list_that_may_be_cut_short_makes_no_direct_message() -> None:
    listed = [*TWO, member("carol", invited=True)]
    assert only(state("messaging:x", listed, member_count=4)).type == "group"
    assert only(state("messaging:x", TWO, member_count=7)).type == "messaging", "a stale count of a whole list"


def test_a_full_list_of_members_makes_no_direct_message_whatever_the_count_says() -> None:
    """Four members of whom two are listed behind eight invitations, and a count of 2."""
    invited = [member(f"guest{n}", invited=True) for n in range(MAY_BE_CUT_SHORT - len(TWO))]
    assert MAY_BE_CUT_SHORT <= MEMBERS_TO_TELL_A_PAIR, "fewer rows than asked for are all there are"
    assert only(state("messaging:x", [*TWO, *invited], member_count=2)).type == "group"
    assert only(state("messaging:x", [*TWO, *invited[1:]], member_count=2)).type == "messaging"


@given(st.sampled_from(["messaging", "team", "gaming", "commerce", "public", "x"]), st.integers(0, 5), st.booleans())
def test_nothing_becomes_open_to_all_unless_the_operator_says_so(kind: str, people: int, distinct: bool) -> None:
    row = only(state(f"{kind}:{DISTINCT if distinct else 'x'}", [member(f"u{n}") for n in range(people)]))
    assert row.type in {"messaging", "group"}
    assert (row.type == "messaging") <= (people == 2)


def test_the_operators_table_decides() -> None:
    assert only(state("team:x", THREE), channel_types={"team": "team"}).type == "team"
    assert only(state("messaging:x", TWO), channel_types={"messaging": "private"}).type == "private"


def test_a_direct_message_asked_for_more_than_two_becomes_a_group() -> None:
    row, out = mapped(state("team:x", THREE), channel_types={"team": "messaging"})
    assert row is not None
    assert row.type == "group"
    assert kinds(out) == ["channel_not_two_people"]


def test_a_flattened_type_is_counted_and_an_ordinary_group_is_not() -> None:
    assert kinds(mapped(state("gaming:x", THREE))[1]) == ["channel_type_flattened"]
    assert kinds(mapped(state("messaging:x", THREE))[1]) == []


def test_states_chatsdk_does_not_enforce_are_kept_and_counted() -> None:
    states: Json = {"frozen": True, "disabled": True, "cooldown": 30, "team": "red"}
    row, out = mapped(state(**states, truncated_at=LATER, filter_tags=["a"]))
    assert row is not None
    assert json.loads(row.config)["custom"] == states | {"truncated_at": LATER, "filter_tags": ["a"]}
    assert kinds(out) == ["channel_cooldown", "channel_disabled", "channel_frozen", "channel_team"]


def test_states_of_one_viewer_and_of_the_type_are_not_custom() -> None:
    assert only(state(muted=True, hidden=True, own_capabilities=["x"], member_count=3, message_count=9)).config == "{}"


@pytest.mark.parametrize("name", [None, "", 5])
def test_a_channel_without_a_name_has_none(name: object) -> None:
    assert only(state(name=name)).name is None


def test_direct_messages_can_take_the_cid_chatsdk_looks_up() -> None:
    cid = f"messaging:{DISTINCT}"
    row = only(state(cid, TWO), dm_cid="chatsdk")
    assert row.cid == "messaging:dm:" + hashlib.sha256(b'["alice","bob"]').hexdigest()
    assert (row.stream_cid, row.id) == (cid, identity.channel_id(APP, cid))
    assert json.loads(row.config) == {"stream_cid": cid}
    assert only(state(cid, TWO[::-1]), dm_cid="chatsdk").cid == row.cid


def test_two_channels_of_the_same_two_people_never_claim_one_cid() -> None:
    row, out = mapped(state("messaging:second", TWO), dm_cid="chatsdk")
    assert row is not None
    assert (row.cid, row.type) == ("messaging:second", "messaging")
    assert kinds(out) == ["dm_cid_kept"]
    assert only(state(f"support:{DISTINCT}", TWO), dm_cid="chatsdk").cid == f"support:{DISTINCT}"
    assert only(state(f"messaging:{DISTINCT}", THREE), dm_cid="chatsdk").cid == f"messaging:{DISTINCT}"


@pytest.mark.parametrize("fields", [{"deleted_at": LATER}, {"invited": True}, {"status": "rejected"}])
def test_a_channel_once_made_for_three_never_claims_the_cid_of_two_of_them(fields: Json) -> None:
    cid = f"messaging:{DISTINCT}"
    row, out = mapped(state(cid, [*TWO, member("carol", **fields)]), dm_cid="chatsdk")
    assert row is not None
    assert (row.cid, row.type) == (cid, "messaging")
    assert kinds(out) == ["dm_cid_kept"]


def test_the_direct_message_cid_sorts_as_javascript_does() -> None:
    astral, private_use = "\U00010000", "\ue000"
    expected = f'["{astral}","{private_use}"]'.encode()
    assert direct_message_cid(frozenset({astral, private_use})).endswith(hashlib.sha256(expected).hexdigest())


def test_a_channel_without_a_usable_creator_goes_on_without() -> None:
    assert only(state(created_by=None)).created_by is None
    row, out = mapped(state(created_by=user("x" * 256)))
    assert row is not None
    assert row.created_by is None
    assert kinds(out) == ["channel_creator_unknown"]


def test_a_deleted_channel_is_withheld() -> None:
    row, out = mapped(state(deleted_at=LATER))
    assert row is None
    assert out.channels == []
    assert kinds(out) == ["channel_deleted"]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"created_at": None}, "bad_timestamp"),
        ({"created_at": "soon"}, "bad_timestamp"),
        ({"cid": "messaging:"}, "bad_id"),
        ({"cid": ":x"}, "bad_id"),
        ({"cid": "general"}, "bad_id"),
        ({"cid": "messaging:" + "x" * 255}, "id_too_long"),
        ({"cid": "messaging:\x00"}, "bad_id"),
        ({"frozen": "yes"}, "bad_shape"),
    ],
)
def test_a_channel_that_cannot_be_carried_is_rejected_with_a_code(fields: Json, code: str) -> None:
    given_state = state()
    given_state["channel"] |= fields
    row, out = mapped(given_state)
    assert row is None
    assert codes(out) == [("channel", code)]


def test_a_state_without_a_channel_is_rejected() -> None:
    assert codes(mapped({"members": []})[1]) == [("channel", "bad_shape")]


def test_two_types_with_the_same_channel_id_stay_apart() -> None:
    assert only(state("messaging:x")).id != only(state("team:x")).id


def test_a_long_name_is_cut() -> None:
    row, out = mapped(state(name="é" * 256))
    assert row is not None
    assert row.name == "é" * 255
    assert kinds(out) == ["name_cut"]
