"""People through syncs: what nobody's change in Stream announces, and what people in ChatSDK did, is told apart.

Here: positions that go back, read states that Stream does not list any more, members taken out in ChatSDK, people whom
Stream has deleted, bans, conflicts that end. Not here: positions beside live messages (``test_sync_reads.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chatsdk_migration import sync
from chatsdk_migration.demo.world import World
from chatsdk_migration.reconcile.app import Scope, verify
from chatsdk_migration.sync import Conflict, Sweep
from chatsdk_migration.sync.people import People
from chatsdk_migration.transfer import Migration
from chatsdk_migration_tests.conftest import TargetDatabase
from chatsdk_migration_tests.end_to_end.test_sync import NAMED, ROOM, TEAM, Sides, at, build, migrated
from chatsdk_migration_tests.end_to_end.test_sync_feed import Queue, queue, sqs, synced  # noqa: F401 - two are fixtures
from chatsdk_migration_tests.end_to_end.test_sync_reads import HERE, read_here, send, state

TAKEN_OUT = "in Stream, left or removed in ChatSDK"


@pytest.fixture
def sides(target: TargetDatabase) -> Iterator[Sides]:
    with migrated(build(), target) as both:
        both.sync()
        yield both


def unexplained(sides: Sides) -> list[tuple[str, str, str, str]]:
    with Migration(sides.settings()) as migration:
        found = verify(migration, Scope())
    return [(one.category, one.kind, one.stream_id, one.field) for one in found.differences if not one.explained_by]


def unread_rows(sides: Sides, who: str) -> list[str]:
    """The carried messages that the person's own rows show as unread."""
    rows = sides.sql(
        """SELECT x.stream_id FROM user_message u JOIN chatsdk_migration.message_map x ON x.message_id = u.message_id
           WHERE x.channel_id = %s AND u.user_id = %s AND u.flags & 1 = 0 ORDER BY 1""",
        HERE,
        who,
    )
    return [row[0] for row in rows]


def profile(sides: Sides, who: str) -> tuple[Any, ...]:
    rows = sides.sql("SELECT name, image_url, custom_data FROM app_user WHERE id = %s", who)
    return tuple(rows[0]) if rows else ()


def carried(world: World, who: str, **fields: Any) -> None:
    world.add_user(who, name="Someone", email="someone@example.org", **fields)


# ---- how far people have read


def test_what_is_marked_unread_in_stream_becomes_unread(sides: Sides) -> None:
    before, rows = state(sides, "bob"), unread_rows(sides, "bob")
    sides.world.set_read(ROOM, "bob", last_read=sides.world.clock(), unread_messages=0)
    sides.sync()
    assert state(sides, "bob")[1] == 0
    assert unread_rows(sides, "bob") == []
    sides.world.set_read(ROOM, "bob", last_read=at(hours=21), unread_messages=5)
    sides.sync()
    assert state(sides, "bob") == before
    assert unread_rows(sides, "bob") == rows
    assert unexplained(sides) == []
    sides.sync()
    assert state(sides, "bob") == before


def test_the_first_sync_after_a_load_knows_where_people_were_placed(target: TargetDatabase) -> None:
    with migrated(build(), target) as sides:
        sides.world.set_read(ROOM, "bob", last_read=at(hours=27, minutes=30), unread_messages=8)
        before = state(sides, "bob")
        sides.sync()
        position, badge = state(sides, "bob")
        assert position < before[0]
        assert badge == 8


def test_what_was_read_in_chatsdk_stays_read_whatever_is_marked_in_stream(sides: Sides) -> None:
    top = read_here(sides, "bob")
    sides.world.set_read(ROOM, "bob", last_read=at(hours=28), unread_messages=9)
    sides.sync()
    assert state(sides, "bob") == (top, 0)
    assert unread_rows(sides, "bob") == []
    send(sides, "cy")
    sides.sync()
    assert state(sides, "bob") == (top, 1)


def test_whoever_stream_does_not_list_any_more_has_not_read_everything(sides: Sides) -> None:
    before, rows = state(sides, "bob"), unread_rows(sides, "bob")
    assert before[1] == 5
    channel = sides.world.channels[ROOM]
    channel.reads.pop("bob")
    channel.rendered.clear()
    sides.sync(Sweep.ALL)
    unread = len([one for one in rows if one not in ("m1", "m3", "m5")])
    assert state(sides, "bob") == (before[0], unread), "counted by the messages, as nobody else knows"
    assert unread_rows(sides, "bob") == rows
    assert unexplained(sides) == []
    sides.world.add_message(ROOM, "news", user_id="ann", text="news", at=sides.world.clock())
    sides.sync()
    assert state(sides, "bob") == (before[0], unread + 1)
    assert unread_rows(sides, "bob") == sorted([*rows, "news"])
    sides.world.set_read(ROOM, "bob", last_read=sides.world.clock(), unread_messages=0)
    sides.sync()
    assert state(sides, "bob")[1] == 0


def test_whoever_joins_anew_in_stream_begins_anew(sides: Sides) -> None:
    sides.world.remove_member(ROOM, "bob")
    sides.world.add_member(ROOM, "bob", created_at=sides.world.clock())
    sides.sync()
    assert state(sides, "bob")[1] == 0
    assert unread_rows(sides, "bob") == []
    assert unexplained(sides) == []


# ---- members


def taken_out(sides: Sides) -> list[Conflict]:
    return [one for one in sides.sync().conflicts if one.what == TAKEN_OUT]


@pytest.mark.parametrize("solved", ["in Stream", "in ChatSDK"])
def test_whoever_was_taken_out_here_is_listed_until_both_sides_agree(solved: str, sides: Sides) -> None:
    row = sides.sql(
        "DELETE FROM channel_member WHERE user_id = 'cy' AND channel_id = %s RETURNING app_id, joined_at", HERE
    )
    sides.world.add_message(ROOM, "news", user_id="ann", text="news", at=sides.world.clock())
    (conflict,) = taken_out(sides)
    assert (conflict.cid, conflict.entity, conflict.stream_id) == (ROOM, "member", "cy")
    assert sides.sql("SELECT 1 FROM channel_member WHERE user_id = 'cy' AND channel_id = %s", HERE) == []
    assert ("members", "missing", "cy", "") not in unexplained(sides)
    if solved == "in Stream":
        sides.world.remove_member(ROOM, "cy")
    else:
        add = """INSERT INTO channel_member (channel_id, app_id, user_id, role, joined_at)
                 VALUES (%s, %s, 'cy', 'member', %s)"""
        sides.sql(add, HERE, *row[0])
        sides.world.add_message(ROOM, "more", user_id="ann", text="more", at=sides.world.clock())
    assert taken_out(sides) == []


def test_a_cutovers_sync_finds_who_was_taken_out_where_nothing_changes(sides: Sides) -> None:
    sides.world.truncate_channel(TEAM, sides.world.clock())
    sides.sync()
    sides.sql("DELETE FROM channel_member WHERE user_id = 'cy' AND channel_id <> %s", HERE)
    assert [(one.cid, one.stream_id) for one in sides.sync(Sweep.HOT, sync_rescan_days=0.001).conflicts] == [
        (TEAM, "cy")
    ]


# ---- people whom Stream has deleted


def forget(world: World, who: str) -> None:
    """Delete as Stream does on request: the list leaves them out, and what embeds them says nothing of them."""
    world.delete_user(who)
    with world.lock:
        kept = {name: world.users[who][name] for name in ("id", "created_at", "updated_at", "deleted_at")}
        world.users[who].clear()
        world.users[who].update(kept)
        world.forget_rendered()


MET: dict[str, Callable[[World], object]] = {
    "in what they wrote": lambda world: world.edit_message("bye", silent=True),
    "in a reaction": lambda world: world.add_reaction("m4", "ann", "wow"),
}


@pytest.mark.parametrize("met", MET)
def test_whoever_is_met_deleted_in_stream_is_deleted_here(met: str, sides: Sides) -> None:
    carried(sides.world, "eve", image="https://example.org/eve.png")
    sides.world.add_message(ROOM, "bye", user_id="eve", text="bye", at=sides.world.clock())
    sides.world.add_reaction("m4", "eve", "like")
    sides.sync()
    assert profile(sides, "eve") == ("Someone", "https://example.org/eve.png", {"email": "someone@example.org"})
    forget(sides.world, "eve")
    MET[met](sides.world)
    assert sides.sync().applied["users changed"] == 1
    assert profile(sides, "eve") == ("eve", None, {"stream_deleted": True})
    assert sides.sql("SELECT m.user_id FROM message m" + NAMED, "bye") == [("eve",)]
    assert sides.sync(Sweep.ALL).applied == {}
    assert sides.sql("SELECT stream_id FROM chatsdk_migration.loss WHERE kind = 'user_deleted'") == [("eve",)]


@pytest.mark.parametrize("sweep", [Sweep.HOT, Sweep.ALL])
def test_a_full_sweep_finds_whom_stream_does_not_list_any_more(sweep: Sweep, sides: Sides) -> None:
    carried(sides.world, "silent")
    carried(sides.world, "eve")
    sides.world.add_message(ROOM, "bye", user_id="eve", text="bye", at=sides.world.clock())
    sides.sync()
    for who in ("silent", "eve"):
        forget(sides.world, who)
    sides.sync()
    assert profile(sides, "silent")[0] == "Someone"
    assert ("users", "extra", "silent", "") in unexplained(sides)
    sides.sync(sweep)
    assert profile(sides, "silent") == ("silent", None, {"stream_unlisted": True})
    assert profile(sides, "eve") == ("eve", None, {"stream_deleted": True})
    assert unexplained(sides) == []
    assert sides.sync(Sweep.ALL).applied == {}


def test_people_whom_no_list_ever_showed_stay_as_they_came(target: TargetDatabase) -> None:
    world = build()
    world.add_user("ghost", name="Ghost", created_at=at(days=9), listed=False, title="Dr")
    world.add_member(TEAM, "ghost", created_at=at(days=9))
    with migrated(world, target) as sides:
        sides.sync(Sweep.ALL)
        assert profile(sides, "ghost") == ("Ghost", None, {"title": "Dr"})


def test_who_is_deleted_in_stream_and_was_changed_here_is_listed(sides: Sides) -> None:
    sides.sql("UPDATE app_user SET name = 'Mine' WHERE id = 'dee'")
    forget(sides.world, "dee")
    (conflict,) = sides.sync(Sweep.ALL).conflicts
    assert (conflict.entity, conflict.stream_id) == ("user", "dee")
    assert profile(sides, "dee")[0] == "Mine"
    sides.sql("""UPDATE app_user SET name = 'dee', custom_data = '{"stream_unlisted": true}' WHERE id = 'dee'""")
    assert sides.sync(Sweep.HOT).conflicts == []


# ---- conflicts


def test_a_conflict_of_a_person_ends_when_stream_goes_back(sides: Sides) -> None:
    sides.sql("UPDATE app_user SET name = 'Mine' WHERE id = 'bob'")
    sides.world.update_user("bob", name="Theirs")
    assert [one.stream_id for one in sides.sync().conflicts] == ["bob"]
    sides.world.update_user("bob", name="Bob")
    assert sides.sync().conflicts == []
    assert profile(sides, "bob")[0] == "Mine"


def test_a_conflict_of_a_person_ends_when_somebody_here_gives_way(sides: Sides) -> None:
    sides.sql("UPDATE app_user SET name = 'Mine' WHERE id = 'bob'")
    sides.world.update_user("bob", at(days=1), name="Theirs")
    assert sides.sync(sync_overlap_minutes=60 * 25).conflicts != []
    assert sides.sync(sync_overlap_minutes=0).conflicts != []
    sides.sql("UPDATE app_user SET name = 'Theirs' WHERE id = 'bob'")
    assert sides.sync(sync_overlap_minutes=0).conflicts == []


# ---- bans


def ban(world: World, who: str, until: datetime | None = None) -> None:
    """Ban in the whole app, as Stream may: the time of the user's last change stays."""
    with world.lock:
        expiry = {} if until is None else {"ban_expires": until.isoformat().replace("+00:00", "Z")}
        world.users[who].update({"banned": True} | expiry)
        world.forget_rendered()
        world.users_version += 1


def release(world: World, who: str) -> None:
    with world.lock:
        world.users[who].pop("ban_expires", None)
        world.users[who]["banned"] = False
        world.forget_rendered()
        world.users_version += 1


def test_bans_begin_and_end_with_stream(sides: Sides) -> None:
    ban(sides.world, "cy")
    sides.sync(sync_overlap_minutes=0)
    assert profile(sides, "cy") == ("Cy", None, {"banned": True})
    assert unexplained(sides) == []
    release(sides.world, "cy")
    sides.sync(sync_overlap_minutes=0)
    assert profile(sides, "cy") == ("Cy", None, {})
    assert unexplained(sides) == []


@pytest.mark.parametrize("told", [True, False])
def test_a_ban_that_ran_out_ends_here_too(told: bool, target: TargetDatabase) -> None:
    """Whether Stream takes the mark off the user when the time has come, its docs do not say."""
    world = build()
    ban(world, "cy", datetime.now(UTC) + timedelta(hours=1))
    with migrated(world, target) as sides:
        assert profile(sides, "cy")[2]["banned"] is True
        if told:
            release(world, "cy")
        else:
            ban(world, "cy", at(minutes=1))
        sides.sync(sync_overlap_minutes=0)
        assert profile(sides, "cy") == ("Cy", None, {})
        assert unexplained(sides) == []


def test_an_event_of_a_ban_or_deletion_is_followed_at_once(sides: Sides, queue: Queue) -> None:  # noqa: F811
    carried(sides.world, "eve")
    sides.sync(**queue.settings())
    ban(sides.world, "cy")
    forget(sides.world, "eve")
    for kind, who in (("user.banned", "cy"), ("user.deleted", "eve")):
        queue.put(kind, user={"id": who})
    report, calls = synced(sides, queue)
    assert not report.looked_at_all
    assert profile(sides, "cy")[2] == {"banned": True}
    assert profile(sides, "eve") == ("eve", None, {"stream_unlisted": True})
    assert calls["QueryUsers"] <= 2


def test_the_calls_for_people_are_told_beforehand(sides: Sides) -> None:
    ban(sides.world, "cy")
    sides.sync()
    for sweep in Sweep:
        settings = sides.settings(sync_overlap_minutes=0)
        with sync.open_migration(settings) as migration:
            told = sync.cost(migration, sweep=sweep)
            before = sides.server.calls.copy()
            sync.sync_once(migration, sweep=sweep)
        made = (sides.server.calls - before)["QueryUsers"]
        assert made <= told.calls["QueryUsers"] <= made + 1


# ---- records that cannot be carried, and losses


def waiting(sides: Sides) -> list[tuple[Any, ...]]:
    return sides.sql(
        """SELECT entity, stream_id, id FROM chatsdk_migration.quarantine
           WHERE cid = '' AND replayed_at IS NULL AND discarded_at IS NULL ORDER BY 1, 2"""
    )


def spoil(world: World, who: str) -> None:
    """Give somebody a record that no rule can read."""
    world.update_user(who, banned="yes")


@pytest.mark.parametrize("known", [True, False])
def test_a_person_whose_record_cannot_be_carried_waits_in_quarantine_until_it_is_mended(
    known: bool, sides: Sides
) -> None:
    who = "dee" if known else "odd"
    if not known:
        sides.world.add_user(who, name="Odd")
    spoil(sides.world, who)
    sides.sync()
    rejected = waiting(sides)
    assert [one[:2] for one in rejected] == [("user", who)]
    sides.sync(Sweep.ALL)
    assert waiting(sides) == rejected, "under the same number"
    with Migration(sides.settings()) as migration:
        found = verify(migration, Scope())
    kind = "different" if known else "missing"
    told = [(one.category, one.kind, one.stream_id, one.explained_by) for one in found.differences]
    assert told == [("users", kind, who, "quarantined")]
    sides.world.update_user(who, banned=False, name="Fine")
    sides.sync()
    assert waiting(sides) == []
    assert profile(sides, who)[0] == "Fine"


def test_a_new_channel_whose_record_cannot_be_carried_waits_in_quarantine_until_it_is_mended(sides: Sides) -> None:
    odd = "messaging:odd"
    sides.world.add_channel(odd, created_by="ann", created_at=sides.world.clock(), members=("ann", "bob", "cy"))
    sides.world.add_message(odd, "odd-1", user_id="ann", text="hello", at=sides.world.clock())
    sides.world.update_channel(odd, disabled="soon")
    sides.sync()
    rejected = waiting(sides)
    assert [one[:2] for one in rejected] == [("channel", odd)]
    sides.sync()
    assert waiting(sides) == rejected, "under the same number"
    with Migration(sides.settings()) as migration:
        assert verify(migration, Scope()).unexplained == 0
    sides.sql("DELETE FROM chatsdk_migration.quarantine")
    assert ("channel", "missing", odd, "") in unexplained(sides)
    sides.world.update_channel(odd, disabled=False)
    sides.sync()
    assert waiting(sides) == []
    assert sides.sql("SELECT m.text FROM message m" + NAMED, "odd-1") == [("hello",)]
    assert unexplained(sides) == []


def lost(sides: Sides) -> list[tuple[Any, ...]]:
    return sides.sql("SELECT kind, stream_id, occurrences FROM chatsdk_migration.loss WHERE entity = 'user' ORDER BY 1")


def test_what_is_listed_of_people_ends_with_its_cause(target: TargetDatabase) -> None:
    world = build()
    world.deactivate_user("dee")
    with migrated(world, target) as sides:
        sides.sync()
        assert lost(sides) == [("user_deactivated", "dee", 1)]
        world.users["dee"].pop("deactivated_at")
        world.update_user("dee", name="Back")
        sides.sync()
        assert lost(sides) == []


def test_what_new_people_lost_is_counted_once_though_killed_right_after(
    sides: Sides, monkeypatch: pytest.MonkeyPatch
) -> None:
    sides.world.add_user("eve", name="Eve", teams=["red"], role="admin")
    with monkeypatch.context() as patch:
        patch.setattr(People, "_change", killed)
        with pytest.raises(KeyboardInterrupt):
            sides.sync()
    for _ in range(2):
        sides.sync()
        assert lost(sides) == [("user_role", "eve", 1), ("user_teams", "", 1)]


def killed(*_: Any, **__: Any) -> None:
    raise KeyboardInterrupt


def test_a_conflict_of_somebody_deleted_in_stream_is_looked_up_in_sweeps_of_everybody_only(
    sides: Sides, monkeypatch: pytest.MonkeyPatch
) -> None:
    sides.sql("UPDATE app_user SET name = 'Mine' WHERE id = 'cy'")
    forget(sides.world, "cy")
    assert [one.stream_id for one in sides.sync(Sweep.ALL).conflicts] == ["cy"]
    looked_up: list[str] = []
    monkeypatch.setattr(People, "_author", lambda _, cid, __: looked_up.append(cid))
    assert [one.stream_id for one in sides.sync().conflicts] == ["cy"]
    assert looked_up == []
    sides.sync(Sweep.ALL)
    assert looked_up
