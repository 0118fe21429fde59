"""Whoever could read a channel can, nobody else, and each finds the badge they had."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatsdk_migration.models import Batch, Json, MemberRow
from chatsdk_migration.settings import MappingRules
from chatsdk_migration.transform.members import map_members
from chatsdk_migration_tests.unit.mapping import AT, CID, LATER, codes, kinds, user


def member(user_id: str = "bob", **fields: Any) -> Json:
    plain = {"user_id": user_id, "user": user(user_id), "role": "member", "channel_role": "channel_member"}
    return plain | {"banned": False, "shadow_banned": False, "created_at": AT, "updated_at": AT} | fields


def read(user_id: str = "bob", **fields: Any) -> Json:
    return {"user": user(user_id), "last_read": LATER, "unread_messages": 0} | fields


def mapped(members: list[Any], reads: list[Any] | None = None, created_by: str | None = None, **rules: Any) -> Batch:
    out = Batch()
    map_members(CID, members, reads or [], MappingRules(**rules), out, created_by=created_by)
    return out


def only(raw: Json, *reads: Json, **rules: Any) -> MemberRow:
    out = mapped([raw], list(reads) or [read()], **rules)
    assert len(out.members) == 1, (out.losses, out.rejects)
    return out.members[0]


def test_a_member_arrives_whole_and_loses_nothing() -> None:
    out = mapped([member(notifications_muted=True)], [read(last_read_message_id="m9", unread_messages=4)])
    assert out.members == [MemberRow("bob", "member", True, AT, 4, "2024-01-02T04:00:00.000000Z", False)]
    assert set(out.users) == {"bob"}
    assert out.losses == []


@pytest.mark.parametrize(
    ("fields", "role"),
    [
        ({}, "member"),
        ({"role": "owner"}, "owner"),
        ({"role": "admin"}, "admin"),
        ({"role": "moderator"}, "moderator"),
        ({"channel_role": "channel_moderator"}, "moderator"),
        ({"channel_role": "channel_moderator", "role": "owner"}, "owner"),
        ({"channel_role": "channel_moderator", "role": "admin"}, "admin"),
        ({"is_moderator": True}, "moderator"),
        ({"channel_role": None, "role": None}, "member"),
        ({"channel_role": "vip", "role": None}, "member"),
    ],
)
def test_roles_come_from_the_channel_role_and_the_old_role(fields: Json, role: str) -> None:
    assert only(member(**fields)).role == role


def test_the_operators_role_table_can_raise_and_lower_but_owners_stay() -> None:
    table = {"vip": "admin", "channel_moderator": "member"}
    assert only(member(channel_role="vip"), roles=table).role == "admin"
    assert only(member(channel_role="channel_moderator", is_moderator=True), roles=table).role == "member"
    assert only(member(channel_role="channel_moderator", role="owner"), roles=table).role == "owner"


def test_an_unknown_role_gives_no_rights_and_is_counted() -> None:
    assert kinds(mapped([member(channel_role="vip")], [read()])) == ["role_unknown"]


def test_the_creator_owns_the_channel() -> None:
    out = mapped([member("alice"), member("bob")], [read("alice"), read("bob")], created_by="alice")
    assert [(row.user_id, row.role) for row in out.members] == [("alice", "owner"), ("bob", "member")]


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"invited": True}, "invite_pending"),
        ({"invited": True, "invite_accepted_at": "0001-01-01T00:00:00Z"}, "invite_pending"),
        ({"status": "invited"}, "invite_pending"),
        ({"status": "pending"}, "invite_pending"),
        ({"status": "rejected"}, "invite_rejected"),
        ({"invited": True, "invite_rejected_at": LATER}, "invite_rejected"),
        ({"invited": True, "invite_accepted_at": AT, "invite_rejected_at": LATER}, "invite_rejected"),
        ({"invited": True, "invite_accepted_at": AT, "invite_rejected_at": "?"}, "invite_rejected"),
        ({"deleted_at": LATER}, "member_deleted"),
    ],
)
def test_whoever_is_no_member_gets_no_row_and_is_counted(fields: Json, kind: str) -> None:
    out = mapped([member(**fields)], [read()])
    assert out.members == []
    assert kinds(out) == [kind]


@pytest.mark.parametrize(
    "fields",
    [
        {"invited": True, "invite_accepted_at": LATER, "status": "member"},
        {"invited": True, "invite_accepted_at": LATER, "invite_rejected_at": AT},
        {"status": "member"},
        {"status": ""},
    ],
)
def test_whoever_accepted_is_a_member(fields: Json) -> None:
    assert only(member(**fields)).user_id == "bob"


def test_what_a_membership_says_beyond_chatsdk_is_counted_and_the_member_stays() -> None:
    says: Json = {
        "banned": True,
        "shadow_banned": True,
        "pinned_at": AT,
        "archived_at": AT,
        "nickname": "b",
        "empty": None,
    }
    out = mapped([member(**says, hide_messages_before=AT, ban_from_future_channels=True)], [read()])
    assert [row.user_id for row in out.members] == ["bob"]
    assert kinds(out) == [
        "channel_ban", "channel_shadow_ban", "future_ban", "hidden_history", "member_archived", "member_custom",
        "member_pinned",
    ]  # fmt: skip
    assert [loss.detail for loss in out.losses if loss.kind == "member_custom"] == ["nickname"]


def test_a_person_listed_twice_is_a_member_once_also_across_pages() -> None:
    out = mapped([member(banned=True), member(banned=True), member("carol")], [read(), read("carol")])
    map_members(CID, [member()], [read()], MappingRules(), out)
    assert [row.user_id for row in out.members] == ["bob", "carol"]
    assert kinds(out) == ["channel_ban"]


def test_a_deleted_row_does_not_hide_the_person_who_came_back() -> None:
    assert len(mapped([member(deleted_at=AT), member()], [read()]).members) == 1


def test_a_member_whose_user_is_null_is_known_by_id() -> None:
    out = mapped([member(user=None)], [read()])
    assert [row.user_id for row in out.members] == ["bob"]
    assert "bob" in out.users


def test_a_member_row_without_an_id_takes_it_from_the_user() -> None:
    assert only(member() | {"user_id": None}).user_id == "bob"


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (member() | {"user_id": None, "user": None}, "empty_id"),
        (member("x" * 256), "id_too_long"),
        (member(created_at="?"), "bad_timestamp"),
        (member(banned="no"), "bad_shape"),
        (None, "bad_shape"),
    ],
)
def test_a_member_that_cannot_be_carried_is_rejected_and_the_others_go_on(raw: Any, code: str) -> None:
    out = mapped([raw, member("carol")], [read("carol")])
    assert codes(out) == [("member", code)]
    assert [row.user_id for row in out.members] == ["carol"]


def test_the_read_position_is_cut_to_microseconds() -> None:
    row = only(member(), read(last_read="2024-01-02T04:00:00.123456789Z"))
    assert row.last_read == "2024-01-02T04:00:00.123456Z"


@given(st.integers())
def test_the_badge_is_never_negative_and_fits_its_column(unread: int) -> None:
    counted = only(member(), read(unread_messages=unread)).unread_count
    assert counted is not None
    assert 0 <= counted <= 2**31 - 1


def test_a_member_without_read_state_has_read_everything_or_nothing_as_set() -> None:
    as_read = mapped([member()]).members[0]
    as_unread = mapped([member()], members_without_read_state="unread").members[0]
    assert (as_read.reads_all, as_read.last_read, as_read.unread_count) == (True, None, 0)
    assert (as_unread.reads_all, as_unread.last_read) == (False, None)
    assert kinds(mapped([member()])) == ["read_state_unknown"]


def test_somebody_who_never_read_is_not_somebody_without_read_state() -> None:
    row = only(member(), read(last_read="0001-01-01T00:00:00Z", unread_messages=7))
    assert (row.reads_all, row.last_read, row.unread_count) == (False, None, 7)


def test_the_later_of_two_read_rows_holds() -> None:
    early, late = read(last_read=AT, unread_messages=9), read(last_read=LATER, unread_messages=1)
    assert only(member(), early, late).unread_count == 1
    assert only(member(), late, early).unread_count == 1


def test_an_unreadable_read_row_is_counted_and_costs_no_member() -> None:
    out = mapped([member(), member("carol")], [read(last_read="?"), {"last_read": AT}, read("carol")])
    assert [row.reads_all for row in out.members] == [True, False]
    assert kinds(out) == ["read_state_unknown", "read_state_unreadable", "read_state_unreadable"]
