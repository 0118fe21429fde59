"""What a comparison explains: what people did here, what ran out, what Stream has in a form that nobody can carry.

Here: that neither the report nor its repair takes any of it for damage. Not here: damage (``test_reconcile.py``), the
syncs themselves (``test_sync.py``).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chatsdk_migration.cutover.hands import OwnHands
from chatsdk_migration.identity import channel_id
from chatsdk_migration.sync import Sweep
from chatsdk_migration_tests.conftest import APP_ID, TargetDatabase
from chatsdk_migration_tests.end_to_end.test_sync import NAMED, OLD, ROOM, TEAM, Sides, at, build, migrated

HERE = channel_id(APP_ID, ROOM)
Found = set[tuple[str, str, str, str | None]]


@pytest.fixture
def sides(target: TargetDatabase) -> Iterator[Sides]:
    with migrated(build(), target) as both:
        both.sync()
        with target.superuser() as conn:
            conn.execute("GRANT DELETE ON message TO loader")  # a repair may do its worst
        yield both


def verified(sides: Sides, *, mend: bool = False) -> dict[str, Any]:
    """A comparison of everything, as a cutover makes it; the target by itself has no fault."""
    compared = OwnHands(sides.settings(), noting=False).verify(mend=mend)
    assert compared.faults == {}
    return compared.verdict


def explained(sides: Sides) -> Found:
    """What a comparison finds, all of it explained; nothing of it is repaired."""
    verdict = verified(sides, mend=True)
    assert [one for one in verdict["differences"] if one["explained_by"] is None] == []
    assert verdict["clean"]
    assert verdict["repaired"] == {}
    return {(one["category"], one["kind"], one["stream_id"], one["explained_by"]) for one in verdict["differences"]}


def text_of(sides: Sides, stream_id: str) -> list[Any]:
    return sides.sql("SELECT m.text FROM message m" + NAMED, stream_id)


def members(sides: Sides) -> set[str]:
    return {who for (who,) in sides.sql("SELECT user_id FROM channel_member WHERE channel_id = %s", HERE)}


def join(sides: Sides, who: str) -> None:
    row = (HERE, APP_ID, who)
    sides.sql("INSERT INTO channel_member (channel_id, app_id, user_id, joined_at) VALUES (%s, %s, %s, now())", *row)


def remove(sides: Sides, who: str) -> None:
    """As ChatSDK's server removes a member."""
    sides.sql("DELETE FROM channel_member WHERE channel_id = %s AND user_id = %s", HERE, who)
    sides.sql("UPDATE channel SET member_count = member_count - 1 WHERE id = %s", HERE)


def test_a_message_whose_newer_version_is_rejected_stays(sides: Sides) -> None:
    sides.world.edit_message("m1", text="new text", attachments="none")
    sides.world.hard_delete_message("m5")
    sides.sync()
    assert ("messages", "extra", "m1", "quarantined") in explained(sides)
    assert text_of(sides, "m1") == [("text 1",)]


def test_a_repair_of_one_message_leaves_those_that_are_explained(sides: Sides) -> None:
    """A tombstone of what is gone from Stream, and a rejected message, stay where another one is removed."""
    sides.world.edit_message("m1", text="new text", attachments="none")
    sides.world.hard_delete_message("m5")
    sides.sync()
    sides.world.hard_delete_message("m3")
    assert verified(sides, mend=True)["repaired"]["messages"] == 1
    assert text_of(sides, "m1") == [("text 1",)]
    assert text_of(sides, "m5") == [(None,)]
    assert text_of(sides, "m3") == []


def test_a_member_whose_newer_version_is_rejected_stays(sides: Sides) -> None:
    sides.world.add_member(ROOM, "cy", created_at=OLD, channel_role=7)
    assert ("members", "extra", "cy", "quarantined") in explained(sides)
    assert "cy" in members(sides)


@pytest.mark.parametrize(
    ("who", "theirs"),
    [
        ("cy", {("messages", "thread"), ("reactions", "m1"), ("members", "cy")}),
        ("bob", {("messages", "m1"), ("votes", "poll"), ("pins", "pinned"), ("members", "bob")}),
        ("ann", {("messages", "poll"), ("messages", "r0"), ("reactions", "m1"), ("members", "ann")}),
    ],
)
def test_nothing_of_a_person_whose_record_is_rejected_is_taken_away(
    sides: Sides, who: str, theirs: set[tuple[str, str]]
) -> None:
    sides.world.update_user(who, role=5)
    sides.sync()
    assert {(category, "extra", named, "quarantined") for category, named in theirs} <= explained(sides)


def test_a_person_who_was_here_before_the_first_load_keeps_what_they_had(target: TargetDatabase) -> None:
    with target.superuser() as conn:
        conn.execute(
            "INSERT INTO app_user (app_id, id, name, image_url, custom_data, created_at, updated_at) VALUES"
            " (%s, 'bob', 'Robert', 'https://here/b.png', '{\"team\": \"sales\"}', %s, %s)",
            [APP_ID, at(days=30), at(days=20)],
        )
    with migrated(build(), target) as sides:
        sides.sync()
        assert {("users", "different", "bob", "live")} <= explained(sides)
        assert sides.sql("SELECT name, custom_data FROM app_user WHERE id = 'bob'") == [("Robert", {"team": "sales"})]


def test_a_person_who_signed_up_here_before_stream_had_them_keeps_what_they_had(sides: Sides) -> None:
    sides.sql("INSERT INTO app_user (app_id, id, name) VALUES (%s, 'zed', 'Zed here')", APP_ID)
    sides.world.add_user("zed", name="Zed there", created_at=OLD)
    sides.sync()
    sides.world.update_user("zed", name="Zed there 2")
    sides.sync()
    assert ("users", "different", "zed", "live") in explained(sides)
    assert sides.sql("SELECT name FROM app_user WHERE id = 'zed'") == [("Zed here",)]


def test_whom_stream_has_deleted_is_named_until_a_sync_says_so_here(sides: Sides) -> None:
    """They are in no list any more: their name and picture here would stay for ever."""
    sides.world.delete_user("dee")
    named = [one for one in verified(sides)["differences"] if one["explained_by"] is None]
    assert [(one["category"], one["kind"], one["stream_id"]) for one in named] == [("users", "extra", "dee")]
    sides.sync(Sweep.ALL)
    assert explained(sides) == set()


def test_a_right_nobody_carried_is_named_whoever_was_here_before(target: TargetDatabase) -> None:
    with target.superuser() as conn:
        conn.execute("INSERT INTO app_user (app_id, id, name) VALUES (%s, 'bob', 'Bob')", [APP_ID])
    with migrated(build(), target) as sides:
        sides.sql("""UPDATE app_user SET custom_data = '{"is_admin": true}' WHERE id = 'bob'""")
        verdict = OwnHands(sides.settings(), noting=False).verify().verdict
        assert [one["field"] for one in verdict["differences"] if one["explained_by"] is None] == ["custom_data"]


def test_a_pin_that_ran_out_since_the_load_is_no_difference(sides: Sides) -> None:
    """Whether a sync has taken it away or not: nothing puts it back."""
    sides.world.edit_message("pinned", pin_expires=datetime.now(UTC))
    assert explained(sides) == set()
    sides.sync()
    assert sides.sql("SELECT count(*) FROM pinned_message") == [(0,)]
    assert explained(sides) == {("pins", "missing", "pinned", "expired")}
    assert sides.sql("SELECT count(*) FROM pinned_message") == [(0,)]


def test_a_pin_that_is_lost_before_its_time_is_named(target: TargetDatabase) -> None:
    world = build()
    world.edit_message("pinned", pin_expires=datetime.now(UTC) + timedelta(days=1))
    with migrated(world, target) as sides:
        sides.sql("DELETE FROM pinned_message")
        assert verified(sides, mend=True)["repaired"]["pins"] == 1


def test_who_was_removed_here_by_somebody_else_stays_removed(sides: Sides) -> None:
    """The person removed has not been here since; whoever removed them has."""
    remove(sides, "cy")
    sides.sql("UPDATE app_user SET last_active_at = now() WHERE id = 'ann'")
    assert ("members", "missing", "cy", "live") in explained(sides)
    assert "cy" not in members(sides)


def test_who_is_listed_as_removed_here_stays_removed(sides: Sides) -> None:
    """Also where the company's own backend removed them, which leaves no trace at all."""
    remove(sides, "cy")
    sides.sync(Sweep.HOT)
    assert ("members", "missing", "cy", "conflict") in explained(sides)
    assert "cy" not in members(sides)


def test_a_membership_that_is_lost_is_named_although_an_owner_has_been_here(sides: Sides) -> None:
    """ChatSDK's server counts the members anew; what is lost behind its back is still counted."""
    sides.sql("DELETE FROM channel_member WHERE channel_id = %s AND user_id = 'cy'", HERE)
    sides.sql("UPDATE app_user SET last_active_at = now() WHERE id = 'ann'")
    assert OwnHands(sides.settings(), noting=False).verify(mend=True).verdict["repaired"]["members"] == 1
    assert "cy" in members(sides)


def test_a_read_position_that_stream_shows_no_more_says_nothing(target: TargetDatabase) -> None:
    """Stream shows a hundred at most: who falls out of them has not read everything for that."""
    world = build()
    with migrated(world, target) as sides:
        sides.sync()
        world.channels[ROOM].reads.pop("bob")
        world.channels[ROOM].rendered.clear()
        assert explained(sides) == set()
        assert sides.sql("SELECT unread_count FROM channel_member WHERE channel_id = %s AND user_id = 'bob'", HERE) == [
            (5,)
        ]


def test_a_channel_deleted_here_stays_deleted(sides: Sides) -> None:
    sides.sql("DELETE FROM channel WHERE id = %s", channel_id(APP_ID, TEAM))
    sides.world.add_message(TEAM, "t2", user_id="bob", text="news", at=sides.world.clock())
    sides.sync()
    assert ("channel", "missing", TEAM, "conflict") in explained(sides)
    assert sides.sql("SELECT FROM channel WHERE id = %s", channel_id(APP_ID, TEAM)) == []


def test_a_third_person_who_joined_here_makes_a_group_of_two_in_stream(sides: Sides) -> None:
    join(sides, "dee")
    sides.sql("UPDATE channel SET member_count = member_count + 1 WHERE id = %s", HERE)
    sides.world.remove_member(ROOM, "cy")
    sides.sync()
    assert explained(sides) == {("members", "extra", "dee", "live")}
    assert sides.sql("SELECT type FROM channel WHERE id = %s", HERE) == [("group",)]


def test_who_left_here_and_joined_again_has_a_place_of_their_own(sides: Sides) -> None:
    sides.sql("DELETE FROM channel_member WHERE channel_id = %s AND user_id = 'bob'", HERE)
    join(sides, "bob")
    sides.sql("UPDATE app_user SET last_active_at = now() WHERE id = 'bob'")
    assert ("read_positions", "different", "bob", "live") in explained(sides)


@pytest.mark.parametrize(
    ("act", "left"),
    [
        ("text = 'mine', edited_at = now() - interval '5 minutes'", "mine"),
        ("text = NULL, deleted_at = now() - interval '5 minutes', deleted_by = user_id", None),
    ],
    ids=["edit", "deletion"],
)
def test_what_a_server_with_a_slow_clock_did_after_the_load_stays(sides: Sides, act: str, left: str | None) -> None:
    sides.sql(
        f"UPDATE message SET {act} WHERE id ="
        " (SELECT message_id FROM chatsdk_migration.message_map WHERE stream_id = 'm2')"
    )
    assert explained(sides)
    assert text_of(sides, "m2") == [(left,)]


def test_who_joined_here_again_has_the_lower_rank_given_then_and_no_higher_one(sides: Sides) -> None:
    for who in ("ann", "bob"):
        sides.sql("DELETE FROM channel_member WHERE channel_id = %s AND user_id = %s", HERE, who)
        join(sides, who)
    assert ("members", "different", "ann", "live") in explained(sides)
    sides.sql("UPDATE channel_member SET role = 'admin' WHERE channel_id = %s AND user_id = 'bob'", HERE)
    assert verified(sides, mend=True)["repaired"]["members"] == 1
    ranks = sides.sql("SELECT user_id, role FROM channel_member WHERE channel_id = %s ORDER BY 1", HERE)
    assert ranks == [("ann", "member"), ("bob", "member"), ("cy", "member")]


def test_who_was_banned_here_stays_banned(sides: Sides) -> None:
    sides.sql("""UPDATE app_user SET custom_data = '{"banned": true}' WHERE id = 'cy'""")
    assert explained(sides) == {("users", "different", "cy", "live")}


def test_what_was_changed_here_is_no_fault_when_stream_withholds_it_later(sides: Sides) -> None:
    sides.sql(
        "UPDATE message SET text = 'mine', edited_at = now() WHERE id ="
        " (SELECT message_id FROM chatsdk_migration.message_map WHERE stream_id = 'm5')"
    )
    sides.world.edit_message("m5", shadowed=True)
    sides.sync()
    assert ("messages", "extra", "m5", "edited_live") in explained(sides)
    assert text_of(sides, "m5") == [("mine",)]
