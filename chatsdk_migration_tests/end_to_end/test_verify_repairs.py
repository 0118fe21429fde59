"""Comparisons, repairs and syncs beside one another: they mean the same, and a repair undoes nobody's doing.

Here: what one of them leaves for the others. Not here: damage (``test_reconcile.py``), what people did here
(``test_verify_explains.py``), what syncs carried (``test_verify_after_syncs.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from chatsdk_migration.demo.server import StreamServer
from chatsdk_migration.demo.world import World
from chatsdk_migration.identity import channel_id
from chatsdk_migration.reconcile.app import Scope, verify
from chatsdk_migration.reconcile.verdict import Verdict
from chatsdk_migration.settings import MappingRules
from chatsdk_migration.sync import Conflict, Sweep
from chatsdk_migration.transfer import Migration
from chatsdk_migration_tests.conftest import APP_ID, TargetDatabase
from chatsdk_migration_tests.end_to_end.driver import migrate
from chatsdk_migration_tests.end_to_end.test_sync import GRANTS, OLD, ROOM, TEAM, Act, Sides, at, build, migrated
from chatsdk_migration_tests.end_to_end.test_sync_people import ban, profile

HERE = channel_id(APP_ID, ROOM)
POLL_CHANGED = "poll changed in Stream and in ChatSDK"
DIRECT = MappingRules(dm_cid="chatsdk")


@pytest.fixture
def sides(target: TargetDatabase) -> Iterator[Sides]:
    with migrated(build(), target) as both:
        both.sync()
        yield both


def compared(sides: Sides, *, mend: bool = False, from_ledger: bool = False, **changes: Any) -> Verdict:
    with Migration(sides.settings(**changes)) as migration:
        return verify(migration, Scope(mend=mend, from_ledger=from_ledger))


def named(verdict: Verdict) -> list[tuple[str, str, str, str]]:
    """What nothing explains; everything could be compared."""
    assert verdict.problems == {}
    return [(one.category, one.kind, one.stream_id, one.field) for one in verdict.differences if not one.explained_by]


def outdated(verdict: Verdict) -> list[str]:
    return [one for one in verdict.advice if "`verify` compares them with Stream" in one]


def why(verdict: Verdict, category: str) -> list[str | None]:
    return [one.explained_by for one in verdict.differences if one.category == category]


def seen(sides: Sides, who: str) -> None:
    """The person has been in ChatSDK."""
    sides.sql("UPDATE app_user SET last_active_at = now(), updated_at = now() WHERE id = %s", who)


def join(sides: Sides, who: str) -> None:
    row = (HERE, APP_ID, who)
    sides.sql("INSERT INTO channel_member (channel_id, app_id, user_id, joined_at) VALUES (%s, %s, %s, now())", *row)
    seen(sides, who)


def leave(sides: Sides, who: str) -> None:
    sides.sql("DELETE FROM channel_member WHERE channel_id = %s AND user_id = %s", HERE, who)
    seen(sides, who)


def count_members(sides: Sides) -> None:
    """As ChatSDK's server counts them when it takes one out."""
    sides.sql(
        "UPDATE channel SET member_count = (SELECT count(*) FROM channel_member WHERE channel_id = %s) WHERE id = %s",
        HERE,
        HERE,
    )


# ---- channels that are not there


def test_a_channel_that_nobody_has_carried_or_noted_is_a_difference(sides: Sides) -> None:
    sides.world.add_channel("messaging:odd", created_by="ann", created_at=sides.world.clock(), members=("ann", "bob"))
    sides.world.channels["messaging:odd"].data["disabled"] = "soon"
    verdict = compared(sides)
    assert named(verdict) == [("channel", "missing", "messaging:odd", "")]
    sides.sql(
        """INSERT INTO chatsdk_migration.quarantine (app_id, entity, stream_id, cid, code, reason, record, record_key)
           VALUES (%s, 'channel', 'messaging:odd', '', 'wrong_type', 'test', '{}', 'messaging:odd')""",
        APP_ID,
    )
    verdict = compared(sides)
    assert named(verdict) == []
    assert why(verdict, "channel") == ["quarantined"]


def test_a_channel_that_stream_has_deleted_is_withheld_and_no_difference(sides: Sides) -> None:
    sides.world.add_channel("messaging:odd", created_by="ann", created_at=OLD, members=("ann", "bob"))
    sides.world.channels["messaging:odd"].data["deleted_at"] = at(hours=1).isoformat()
    verdict = compared(sides)
    assert named(verdict) == []


# ---- direct messages


@contextmanager
def with_direct_cids(world: World, target: TargetDatabase) -> Iterator[Sides]:
    with target.superuser() as conn:
        conn.execute(GRANTS)
    with StreamServer(world) as server:
        assert migrate(server.url, target.settings(mapping=DIRECT)).problems == {}
        sides = Sides(world, server, target)
        sides.sync(mapping=DIRECT)
        yield sides


def test_a_group_that_shrinks_to_a_pair_with_a_direct_message_keeps_its_cid(target: TargetDatabase) -> None:
    world = build()
    for cid, people in (("messaging:!members-ab", ("ann", "bob")), ("messaging:!members-abc", ("ann", "bob", "cy"))):
        world.add_channel(cid, created_by="ann", created_at=OLD, members=people)
        world.add_message(cid, user_id="ann", text="between us", at=at(hours=3))
    with with_direct_cids(world, target) as sides:
        world.remove_member("messaging:!members-abc", "cy")
        sides.sync(mapping=DIRECT)
        verdict = compared(sides, mend=True, mapping=DIRECT)
        assert named(verdict) == []
        assert verdict.repaired == {}
        assert sides.sync(Sweep.ALL, mapping=DIRECT).applied == {}
        assert sides.sql("SELECT type FROM channel WHERE cid = 'messaging:!members-abc'") == [("messaging",)]


def test_a_repair_leaves_a_cid_that_another_channel_has(target: TargetDatabase) -> None:
    """The comparison comes before the sync: only the type is set."""
    world = build()
    for cid, people in (("messaging:!members-ab", ("ann", "bob")), ("messaging:!members-abc", ("ann", "bob", "cy"))):
        world.add_channel(cid, created_by="ann", created_at=OLD, members=people)
        world.add_message(cid, user_id="ann", text="between us", at=at(hours=3))
    with with_direct_cids(world, target) as sides:
        world.remove_member("messaging:!members-abc", "cy")
        assert named(compared(sides, mend=True, mapping=DIRECT)) == []
        assert sides.sql("SELECT type FROM channel WHERE cid = 'messaging:!members-abc'") == [("messaging",)]


def test_a_sync_and_a_comparison_count_the_same_people(sides: Sides) -> None:
    """Two in Stream of whom one left here; another one joined here: two, all in all."""
    join(sides, "dee")
    leave(sides, "bob")
    count_members(sides)
    sides.world.remove_member(ROOM, "ann")
    sides.sync()
    assert named(compared(sides)) == []
    assert sides.sql("SELECT type FROM channel WHERE id = %s", HERE) == [("messaging",)]


def test_a_third_person_makes_a_group_of_what_a_repair_made_a_direct_message(sides: Sides) -> None:
    sides.world.remove_member(ROOM, "cy")
    compared(sides, mend=True)
    assert sides.sql("SELECT type FROM channel WHERE id = %s", HERE) == [("messaging",)]
    sides.world.add_member(ROOM, "dee", created_at=sides.world.clock())
    assert sides.sync().conflicts == []
    assert sides.sql("SELECT type FROM channel WHERE id = %s", HERE) == [("group",)]
    assert named(compared(sides)) == []


# ---- after a repair


def test_what_a_repair_took_from_stream_follows_stream_further(sides: Sides) -> None:
    world = sides.world
    world.update_channel(ROOM, name="Hall")
    world.update_user("bob", name="Bobby")
    assert named(compared(sides, mend=True)) == []
    world.update_channel(ROOM, name="Lobby")
    world.update_user("bob", name="Bobbie")
    assert sides.sync().conflicts == []
    assert profile(sides, "bob")[0] == "Bobbie"
    assert sides.sql("SELECT name FROM channel WHERE id = %s", HERE) == [("Lobby",)]
    assert named(compared(sides)) == []


def test_a_repair_of_one_value_leaves_another_that_was_changed_here_a_conflict(sides: Sides) -> None:
    sides.sql("UPDATE channel SET name = 'Mine', updated_at = now() WHERE id = %s", HERE)
    sides.world.update_channel(ROOM, name="Hall")
    sides.sql("UPDATE channel SET type = 'public' WHERE id = %s", HERE)
    compared(sides, mend=True)
    assert [one.what for one in sides.sync().conflicts] == ["name changed in Stream and in ChatSDK"]
    assert sides.sql("SELECT name, type FROM channel WHERE id = %s", HERE) == [("Mine", "group")]


def test_a_mention_that_a_repair_brought_back_counts_as_carried(sides: Sides) -> None:
    sides.world.edit_message("m0", text="@cy", mentioned_users=["cy"], silent=True)
    assert compared(sides, mend=True).repaired["mentions"] == 1
    sides.world.edit_message("m0", text="nobody", mentioned_users=[])
    sides.sync()
    assert sides.sql("SELECT count(*) FROM mention WHERE mentioned_user_id = 'cy'") == [(0,)]
    assert named(compared(sides)) == []


# ---- people


def appoint(sides: Sides, who: str) -> None:
    sides.sql('UPDATE app_user SET custom_data = custom_data || \'{"is_admin": "true"}\' WHERE id = %s', who)


@pytest.mark.parametrize("synced", [True, False])
def test_a_named_administrator_keeps_the_right_and_follows_stream(synced: bool, sides: Sides) -> None:
    appoint(sides, "dee")
    sides.world.update_user("dee", title="Dr")
    if synced:
        assert sides.sync(administrators=("dee",)).conflicts == []
        assert named(compared(sides, administrators=("dee",))) == []
    else:
        assert compared(sides, mend=True, administrators=("dee",)).repaired["users"] == 1
    assert profile(sides, "dee") == ("Dee", None, {"title": "Dr", "is_admin": "true"})
    assert named(compared(sides, administrators=("dee",))) == []


def test_a_named_administrator_who_is_banned_in_stream_is_banned_here(sides: Sides) -> None:
    appoint(sides, "dee")
    ban(sides.world, "dee")
    assert sides.sync(administrators=("dee",)).conflicts == []
    assert profile(sides, "dee")[2] == {"banned": True, "is_admin": "true"}
    assert named(compared(sides, administrators=("dee",))) == []


def test_a_named_administrator_who_was_changed_on_both_sides_is_a_conflict(sides: Sides) -> None:
    appoint(sides, "dee")
    sides.sql("UPDATE app_user SET name = 'Mine', custom_data = custom_data || '{\"x\": 1}' WHERE id = 'dee'")
    sides.world.update_user("dee", title="Dr")
    assert [one.stream_id for one in sides.sync(administrators=("dee",)).conflicts] == ["dee"]
    verdict = compared(sides, mend=True, administrators=("dee",))
    assert named(verdict) == []
    assert set(why(verdict, "users")) == {"conflict"}
    assert profile(sides, "dee") == ("Mine", None, {"x": 1, "is_admin": "true"})


def test_an_administrator_whom_nobody_named_loses_the_right_by_a_repair(sides: Sides) -> None:
    appoint(sides, "dee")
    sides.world.update_user("dee", title="Dr")
    sides.sync()
    assert ("users", "different", "dee", "custom_data") in named(compared(sides))
    compared(sides, mend=True)
    assert profile(sides, "dee") == ("Dee", None, {"title": "Dr"})
    assert named(compared(sides)) == []


def test_a_ban_that_moderators_here_lifted_stays_lifted(sides: Sides) -> None:
    ban(sides.world, "dee")
    sides.sync()
    sides.sql("UPDATE app_user SET custom_data = custom_data - 'banned' WHERE id = 'dee'")
    verdict = compared(sides, mend=True)
    assert named(verdict) == []
    assert why(verdict, "users") == ["live"]
    assert "banned" not in profile(sides, "dee")[2]


def test_a_ban_of_stream_that_never_arrived_is_nobodys_doing_here(sides: Sides) -> None:
    sides.sql("UPDATE app_user SET name = 'Mine', updated_at = created_at WHERE id = 'dee'")
    ban(sides.world, "dee")
    assert ("users", "different", "dee", "custom_data") in named(compared(sides))


# ---- polls


def close_poll(sides: Sides) -> None:
    sides.sql("UPDATE poll SET ends_at = now()")
    seen(sides, "ann")


def ask(sides: Sides, question: str) -> None:
    with sides.world.lock:
        sides.world.polls["p1"]["name"] = question
    sides.world.edit_message("poll", silent=True)


def poll_conflicts(sides: Sides, sweep: Sweep = Sweep.RECENT) -> list[Conflict]:
    return [one for one in sides.sync(sweep).conflicts if one.entity == "poll"]


def test_a_poll_changed_on_both_sides_is_a_conflict_and_stays(sides: Sides) -> None:
    close_poll(sides)
    ask(sides, "Dinner?")
    for sweep in (Sweep.RECENT, Sweep.ALL):
        (conflict,) = poll_conflicts(sides, sweep)
        assert (conflict.cid, conflict.stream_id, conflict.what) == (ROOM, "poll", POLL_CHANGED)
        verdict = compared(sides, mend=True)
        assert named(verdict) == []
        assert "polls" not in verdict.repaired
        assert sides.sql("SELECT question, ends_at IS NULL FROM poll") == [("Lunch?", False)]


@pytest.mark.parametrize("solved", ["in Stream", "in ChatSDK"])
def test_a_conflict_of_a_poll_ends_when_one_side_gives_way(solved: str, sides: Sides) -> None:
    close_poll(sides)
    ask(sides, "Dinner?")
    assert len(poll_conflicts(sides)) == 1
    if solved == "in Stream":
        ask(sides, "Lunch?")
    else:
        sides.sql("UPDATE poll SET question = 'Dinner?', ends_at = NULL")
        sides.world.edit_message("poll", silent=True)
    assert poll_conflicts(sides) == []
    assert named(compared(sides)) == []
    if solved == "in ChatSDK":
        ask(sides, "Supper?")
        assert poll_conflicts(sides) == []
        assert sides.sql("SELECT question FROM poll") == [("Supper?",)]


# ---- members who are missing, or too many


def test_a_moderator_who_was_active_in_stream_only_explains_no_loss(sides: Sides) -> None:
    world = sides.world
    world.add_user("mod", name="Mod", last_active=world.clock())
    world.add_member(ROOM, "mod", created_at=world.clock(), role="moderator", channel_role="channel_moderator")
    sides.sync()
    sides.sql("DELETE FROM channel_member WHERE channel_id = %s AND user_id = 'cy'", HERE)
    count_members(sides)
    assert ("members", "missing", "cy", "") in named(compared(sides))
    seen(sides, "mod")
    assert named(compared(sides)) == []


def test_who_was_brought_by_a_sync_and_is_lost_is_not_explained_by_streams_time(sides: Sides) -> None:
    world = sides.world
    world.add_user("eve", name="Eve", last_active=world.clock())
    world.add_member(ROOM, "eve", created_at=world.clock())
    sides.sync()
    sides.sql("DELETE FROM channel_member WHERE channel_id = %s AND user_id = 'eve'", HERE)
    assert ("members", "missing", "eve", "") in named(compared(sides, from_ledger=True))
    seen(sides, "eve")
    assert named(compared(sides, from_ledger=True)) == []


def test_who_muted_the_channel_here_and_left_in_stream_has_left(sides: Sides) -> None:
    world = sides.world
    world.add_member(ROOM, "dee", created_at=world.clock())
    sides.sync()
    world.remove_member(ROOM, "dee")
    sides.sql("UPDATE channel_member SET muted = true WHERE user_id = 'dee' AND channel_id = %s", HERE)
    assert named(compared(sides)) == [("members", "extra", "dee", "")]
    sides.sync()
    assert named(compared(sides)) == []
    assert sides.sql("SELECT FROM channel_member WHERE user_id = 'dee' AND channel_id = %s", HERE) == []


# ---- against what the loads recorded

FOLLOWED: dict[str, tuple[Act, str]] = {
    "reaction taken away": (lambda w: w.remove_reaction("m1", "cy", "love"), "reactions"),
    "old reaction": (lambda w: w.add_reaction("m2", "cy", "love", at=at(hours=7)), "reactions"),
    "unpinned": (lambda w: w.edit_message("pinned", pinned=False, pinned_at=None, pinned_by=None), "pins"),
    "pinned at an older time": (
        lambda w: w.edit_message("m2", pinned=True, pinned_at=at(hours=5), pinned_by="ann"),
        "pins",
    ),
    "mention taken away": (lambda w: w.edit_message("mention", text="x", mentioned_users=[]), "mentions"),
    "mention added": (lambda w: w.edit_message("m2", text="@cy", mentioned_users=["cy"]), "mentions"),
    "somebody mentioned joined": (
        lambda w: (
            w.edit_message("m2", text="@dee", mentioned_users=["dee"]),
            w.add_member(ROOM, "dee", created_at=w.clock()),
        ),
        "mentions",
    ),
    "somebody mentioned left": (lambda w: w.remove_member(ROOM, "bob"), "mentions"),
    "vote for another option": (
        lambda w: w.add_vote("p1", option_id="o2", user_id="cy", created_at=at(hours=4)),
        "votes",
    ),
    "deleted with what hangs on it": (lambda w: w.hard_delete_message("m1"), "reactions"),
    "poll deleted with its message": (lambda w: w.hard_delete_message("poll"), "votes"),
}
"""What happens in Stream, and what the record of the load says no more."""


def old_message_arrives(world: World) -> None:
    world.add_message(ROOM, "late", user_id="bob", text="imported", at=at(hours=25))
    world.add_reaction("late", "ann", "like", at=at(hours=24))


FOLLOWED["an old message arrives"] = (old_message_arrives, "reactions")


@pytest.mark.parametrize("name", FOLLOWED)
def test_the_ledger_does_not_compare_what_a_sync_has_changed_since(name: str, sides: Sides) -> None:
    act, category = FOLLOWED[name]
    assert named(compared(sides, from_ledger=True)) == []
    act(sides.world)
    sides.sync()
    assert named(compared(sides)) == []
    verdict = compared(sides, from_ledger=True)
    assert named(verdict) == []
    (advice,) = outdated(verdict)
    assert f"{category} of 1 channel" in advice


def test_a_sync_that_was_killed_leaves_no_record_that_does_not_fit(
    sides: Sides, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chatsdk_migration.sync.stage import SyncStage

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    old_message_arrives(sides.world)
    sides.world.remove_reaction("m1", "cy", "love")
    with monkeypatch.context() as patch:
        patch.setattr(SyncStage, "_apply_messages", killed)
        with pytest.raises(KeyboardInterrupt):
            sides.sync()
    sides.sync()
    assert named(compared(sides, from_ledger=True)) == []


@pytest.mark.parametrize(
    "act",
    [
        lambda w: w.add_reaction("m2", "cy", "love", at=w.clock()),
        lambda w: w.add_message(ROOM, "news", user_id="ann", text="@cy", mentioned_users=["cy"], at=w.clock()),
        lambda w: w.edit_message("m2", text="else"),
    ],
    ids=["new reaction", "new message", "edit"],
)
def test_the_record_of_a_load_still_counts_where_nothing_old_was_changed(
    act: Callable[[World], object], sides: Sides
) -> None:
    act(sides.world)
    sides.sync()
    assert outdated(compared(sides, from_ledger=True)) == []
    sides.sql("DELETE FROM reaction WHERE user_id = 'ann'")
    sides.sql("DELETE FROM mention")
    found = named(compared(sides, from_ledger=True))
    assert {one[0] for one in found} >= {"reactions", "mentions"}


def test_the_record_of_other_channels_still_counts(sides: Sides) -> None:
    sides.world.remove_reaction("m1", "cy", "love")
    sides.sync()
    left = sides.sql(
        """SELECT k.cid, count(*) FROM chatsdk_migration.channel_load l
           JOIN chatsdk_migration.channel_map k USING (channel_id) GROUP BY k.cid ORDER BY k.cid"""
    )
    assert left == [(ROOM, 3), (TEAM, 4)]


def records(sides: Sides) -> list[str]:
    """What the load of the room still has on record."""
    rows = sides.sql("SELECT category FROM chatsdk_migration.channel_load WHERE channel_id = %s ORDER BY 1", HERE)
    return [one for (one,) in rows]


def test_a_repair_that_followed_stream_forgets_what_the_load_recorded(sides: Sides) -> None:
    sides.world.remove_reaction("m1", "cy", "love")
    assert compared(sides, mend=True).repaired["reactions"] == 1
    assert records(sides) == ["mentions", "pins", "votes"]
    verdict = compared(sides, from_ledger=True)
    assert named(verdict) == []
    assert "reactions of 1 channel" in outdated(verdict)[0]


def test_a_repair_that_brought_back_what_was_lost_keeps_the_record(sides: Sides) -> None:
    for table in ("reaction", "mention", "pinned_message", "poll_vote"):
        sides.sql(f"DELETE FROM {table}")
    assert len(named(compared(sides, from_ledger=True))) == 4
    assert named(compared(sides, mend=True)) == []
    assert records(sides) == ["mentions", "pins", "reactions", "votes"]
    assert named(compared(sides, from_ledger=True)) == []
