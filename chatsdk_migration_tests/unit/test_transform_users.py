"""People arrive with what is theirs, and with no right they did not have."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatsdk_migration.errors import RecordError
from chatsdk_migration.models import Batch, Json
from chatsdk_migration.settings import MappingRules
from chatsdk_migration.transform.users import map_listed_user, map_person, map_user, means_admin
from chatsdk_migration_tests.unit.mapping import AT, LATER, codes, kinds, user

RULES = MappingRules()


def listed(**fields: Any) -> tuple[Json, Batch]:
    """Map one listed user; give ``custom_data`` and the batch."""
    out = Batch()
    map_listed_user(user(**fields), RULES, out)
    return json.loads(out.users["alice"].custom_data), out


def test_a_plain_user_arrives_whole_and_loses_nothing() -> None:
    custom, out = listed(name="Alice", image="https://a/b.png", last_active="2024-01-02T03:04:05.999999999Z", score=7)
    row = out.users["alice"]
    assert row[:3] == ("alice", "Alice", "https://a/b.png")
    assert row.last_active_at == "2024-01-02T03:04:05.999999Z"
    assert (row.created_at, row.updated_at, custom) == (AT, AT, {"score": 7})
    assert out.losses == []


@pytest.mark.parametrize("name", [None, "", 5, ["x"]])
def test_a_user_without_a_name_is_shown_by_id(name: object) -> None:
    assert listed(name=name)[1].users["alice"].name == "alice"


def test_custom_fields_named_like_ours_stay_custom() -> None:
    fields = {"status": "busy", "seq": 1, "app_id": None, "custom": {"a": [1]}, "email": "a@b.c", "big": 2**60 + 1}
    assert listed(**fields)[0] == fields


def test_streams_own_fields_never_become_custom_data() -> None:
    fields: Json = {"online": True, "unread_count": 3, "total_unread_count": 3, "invisible": True, "staff_user": True}
    custom, out = listed(
        **fields, mutes=[{}], devices=[{}], teams=["red"], role="admin", language="de", shadow_banned=True
    )
    assert custom == {}
    assert kinds(out) == [
        "user_devices", "user_language", "user_mutes", "user_role", "user_shadow_banned", "user_teams",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "key",
    ["is_admin", "IS_ADMIN", "isAdmin", "is-admin", " is_admin", "is_admin\x00", "ＩＳ＿ａｄｍｉｎ", "is_\u200badmin"],
)
@pytest.mark.parametrize("value", [True, "true", 1])
def test_nobody_becomes_an_administrator_by_a_custom_field(key: str, value: object) -> None:
    custom, out = listed(**{key: value, "kept": 1})
    assert custom == {"kept": 1}
    assert kinds(out) == ["is_admin_withheld"]


@given(st.dictionaries(st.text(st.characters(codec=None)), st.booleans()))
def test_no_key_written_is_read_as_administrator(fields: dict[str, bool]) -> None:
    out = Batch()
    map_listed_user(fields | user() | {"iS_aDmin": True}, RULES, out)
    written = json.loads(out.users["alice"].custom_data)
    assert not any(means_admin(key) or key.strip().lower() == "is_admin" for key in written)


def test_an_ordinary_key_that_speaks_of_admins_is_kept() -> None:
    assert listed(is_admin_of="cats", administrator=True)[0] == {"is_admin_of": "cats", "administrator": True}


def test_an_app_wide_ban_is_carried_and_only_streams_own() -> None:
    assert listed(banned=True)[0] == {"banned": True}
    assert listed(banned=False)[0] == {}
    assert listed(banned=None)[0] == {}


def test_a_temporary_ban_holds_until_its_end_and_is_counted() -> None:
    custom, out = listed(banned=True, ban_expires="2024-07-01T00:00:00Z")
    assert custom == {"banned": True, "stream_ban_expires": "2024-07-01T00:00:00Z"}
    assert kinds(out) == ["ban_expiry"]


def test_a_ban_that_is_over_is_none() -> None:
    out = Batch()
    raw = user(banned=True, ban_expires="2024-07-01T00:00:00Z")
    map_listed_user(raw, RULES, out, now=datetime(2024, 7, 1, tzinfo=UTC))
    assert out.users["alice"].custom_data == "{}"


def test_a_ban_whose_end_cannot_be_read_holds() -> None:
    out = Batch()
    map_listed_user(user(banned=True, ban_expires="soon"), RULES, out, now=datetime(2024, 7, 1, tzinfo=UTC))
    assert json.loads(out.users["alice"].custom_data)["banned"] is True


def test_deactivated_and_deleted_people_are_marked_and_counted() -> None:
    custom, out = listed(deactivated_at=LATER, deleted_at=LATER)
    assert custom == {"stream_deactivated": True, "stream_deleted": True}
    assert kinds(out) == ["user_deactivated", "user_deleted"]


def test_our_markers_cannot_come_from_outside() -> None:
    custom, out = listed(stream_deleted=True, stream_synthetic=True)
    assert custom == {}
    assert kinds(out) == ["reserved_field_withheld"] * 2


def test_a_long_name_and_unstorable_text_are_repaired_and_counted() -> None:
    custom, out = listed(name="n\x00" + "x" * 300, motto="a\x00b")
    assert out.users["alice"].name == "n\ufffd" + "x" * 253
    assert custom == {"motto": "a\ufffdb"}
    assert kinds(out) == ["name_cut", "text_repaired", "text_repaired"]


def test_a_field_name_with_half_a_surrogate_pair_costs_nobody() -> None:
    custom, out = listed(**{"x\ud800": 1, "name": "Alice"})
    assert custom == {"x\ufffd": 1}
    assert out.users["alice"].name == "Alice"


def test_a_bad_time_never_costs_a_person_their_messages() -> None:
    out = listed(created_at="?", last_active="?", updated_at="2024-01-02T03:04:05Z")[1]
    assert out.users["alice"][4:] == (None, "1970-01-01T00:00:00.000000Z", "2024-01-02T03:04:05.000000Z")
    assert kinds(out) == ["user_time_unreadable"] * 2


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        ({"name": "nobody"}, "empty_id"),
        ({"id": ""}, "empty_id"),
        ({"id": None}, "bad_shape"),
        ({"id": 5}, "bad_shape"),
        ({"id": "x" * 256}, "id_too_long"),
        ({"id": "a\x00"}, "bad_id"),
        ({"id": "a", "teams": 5}, "bad_shape"),
        ("not an object", "bad_shape"),
    ],
)
def test_a_listed_user_that_cannot_be_carried_is_rejected_with_a_code(raw: Any, code: str) -> None:
    out = Batch()
    assert map_listed_user(raw, RULES, out) is None
    assert codes(out) == [("user", code)]
    assert out.users == {}


def test_ids_that_differ_in_case_or_hold_255_characters_are_people_of_their_own() -> None:
    out = Batch()
    for user_id in ("Bob", "bob", "@" * 255):
        map_listed_user(user(user_id), RULES, out)
    assert set(out.users) == {"Bob", "bob", "@" * 255}


def test_the_listed_user_wins_over_an_embedded_copy_in_either_order() -> None:
    for embedded_first in (True, False):
        out = Batch()
        steps = [lambda o: map_user(user(), RULES, o), lambda o: map_listed_user(user(name="Full"), RULES, o)]
        for step in steps if embedded_first else reversed(steps):
            step(out)
        assert out.users["alice"].name == "Full"


def test_what_an_embedded_copy_loses_is_kept_apart_until_the_target_tells_who_was_counted() -> None:
    out = Batch()
    map_user(user(is_admin=True, teams=["red"]), RULES, out)
    map_user(user("gone", deleted_at=LATER), RULES, out)
    assert out.losses == []
    found = sorted((loss.stream_id, loss.kind) for loss in out.embedded_losses)
    assert found == [("alice", "is_admin_withheld"), ("alice", "user_teams"), ("gone", "user_deleted")]
    assert json.loads(out.users["alice"].custom_data) == {}


def test_an_embedded_ban_that_is_over_is_none() -> None:
    out = Batch()
    map_person(user(banned=True, ban_expires=LATER), "alice", RULES, out, datetime(2024, 6, 1, tzinfo=UTC))
    assert json.loads(out.users["alice"].custom_data) == {}


def test_a_person_known_by_id_alone_gets_a_row_that_says_so() -> None:
    out = Batch()
    assert map_person(None, "ghost", RULES, out) == "ghost"
    assert out.users["ghost"].name == "ghost"
    assert json.loads(out.users["ghost"].custom_data) == {"stream_unlisted": True}
    assert map_person(None, None, RULES, out) is None
    assert map_person({}, "", RULES, out) is None


def test_the_id_decides_when_the_embedded_user_is_somebody_else() -> None:
    out = Batch()
    assert map_person(user("bob"), "alice", RULES, out) == "alice"


def test_an_embedded_user_that_cannot_be_stored_stops_the_record_around_it() -> None:
    with pytest.raises(RecordError):
        map_user({"id": "x" * 300}, RULES, Batch())


def test_a_rejected_person_keeps_no_push_devices() -> None:
    out = Batch()
    map_listed_user(user("x" * 256, devices=[{"id": "token"}], color="red"), MappingRules(), out)
    (reject,) = out.rejects
    assert "token" not in repr(reject)
    assert reject.record["color"] == "red"


@pytest.mark.parametrize("number", [float("inf"), float("-inf"), float("nan")])
def test_a_number_beyond_all_bounds_is_counted(number: float) -> None:
    custom, out = listed(score=[1.5, {"a": number}], nothing=None)
    assert custom == {"score": [1.5, {"a": None}], "nothing": None}
    assert kinds(out) == ["number_unreadable"]
    assert kinds(listed(score=[1.5, 2], nothing=None)[1]) == []
