"""Incremental syncs: whatever changes in Stream after the first load arrives, and what people did in ChatSDK stays.

Here: each kind of change against the oracle, conflicts, what Stream cannot be asked, crashes, cost. Not here: schedules
and the command line (``dagster/test_sync_job.py``).
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chatsdk_migration import sync
from chatsdk_migration.demo.server import StreamServer
from chatsdk_migration.demo.target import live_send
from chatsdk_migration.demo.workspaces import sample_workspace
from chatsdk_migration.demo.world import World
from chatsdk_migration.errors import PermanentError
from chatsdk_migration.identity import channel_id
from chatsdk_migration.reconcile.channel import verify_channel
from chatsdk_migration.settings import MappingRules
from chatsdk_migration.sync import Sweep, SyncReport
from chatsdk_migration.transfer import Migration
from chatsdk_migration_tests.conftest import APP_ID, TargetDatabase
from chatsdk_migration_tests.end_to_end.checking import SHOWN, snapshot
from chatsdk_migration_tests.end_to_end.driver import KILL_AFTER_STATEMENTS, environment, migrate
from chatsdk_migration_tests.end_to_end.facts import differences
from chatsdk_migration_tests.end_to_end.found import found
from chatsdk_migration_tests.end_to_end.oracle import expected

NOW = datetime.now(UTC)
OLD = NOW - timedelta(days=730)
GRANTS = (
    b"GRANT DELETE ON channel_member, reaction, mention, pinned_message, poll_vote, user_message TO loader, ordinary"
)
ROOM, TEAM = "messaging:room", "team:team"
NAMED = " JOIN chatsdk_migration.message_map x ON x.message_id = m.id WHERE x.stream_id = %s"
Act = Callable[[World], object]


def at(**ago: float) -> datetime:
    return NOW - timedelta(**ago)


def build() -> World:
    """Two channels with a little of everything; the thread is two years old."""
    world = World(seed=4)
    for who in ("ann", "bob", "cy", "dee"):
        world.add_user(who, name=who.title(), created_at=OLD)
    world.add_channel(ROOM, created_by="ann", created_at=OLD, members=("ann", "bob", "cy"), name="Room")
    world.add_channel(TEAM, created_by="bob", created_at=OLD, members=("bob", "cy"), name="Team")
    world.add_message(ROOM, "old", user_id="ann", text="an old thread", at=OLD + timedelta(days=1))
    world.add_message(ROOM, "old-reply", user_id="bob", text="re", parent_id="old", at=OLD + timedelta(days=2))
    for number in range(6):
        world.add_message(
            ROOM, f"m{number}", user_id=("ann", "bob")[number % 2], text=f"text {number}", at=at(hours=30 - number)
        )
    world.add_message(ROOM, "thread", user_id="cy", text="a thread", at=at(hours=20))
    for number in range(3):
        world.add_message(
            ROOM, f"r{number}", user_id="ann", text=f"re {number}", parent_id="thread", at=at(hours=19 - number)
        )
    world.add_message(ROOM, "poll", user_id="ann", text="vote", at=at(hours=10))
    world.add_poll(
        "poll", {"id": "p1", "name": "Lunch?", "options": [{"id": "o1", "text": "yes"}, {"id": "o2", "text": "no"}]}
    )
    world.add_vote("p1", option_id="o1", user_id="bob", created_at=at(hours=9))
    world.add_reaction("m1", "cy", "love", at=at(hours=8))
    world.add_reaction("m1", "ann", "like", at=at(hours=8))
    world.add_message(
        ROOM,
        "pinned",
        user_id="ann",
        text="read me",
        at=at(hours=7),
        pinned=True,
        pinned_at=at(hours=6),
        pinned_by="bob",
    )
    world.add_message(ROOM, "mention", user_id="ann", text="@bob", at=at(hours=6), mentioned_users=["bob"])
    world.add_message(TEAM, "t1", user_id="bob", text="hello team", at=at(hours=5))
    world.set_read(ROOM, "bob", last_read=at(hours=21), unread_messages=5)
    return world


@dataclass
class Sides:
    """A world that was migrated, its server, and the database it went to."""

    world: World
    server: StreamServer
    target: TargetDatabase

    def settings(self, **changes: Any) -> Any:
        return self.target.settings(stream_chat_url=self.server.url, **changes)

    def sync(self, sweep: Sweep = Sweep.RECENT, **changes: Any) -> SyncReport:
        with sync.open_migration(self.settings(**changes)) as migration:
            report = sync.sync_once(migration, sweep=sweep)
        assert report.problems == {}
        return report

    def check(self, skip: frozenset[str] = frozenset()) -> None:
        assert_followed(self.world, self.target, skip)

    def sql(self, query: str, *parameters: Any) -> list[Any]:
        with self.target.superuser() as conn:
            cursor = conn.execute(query, parameters)  # type: ignore[arg-type]
            return cursor.fetchall() if cursor.description else []


MOVED = frozenset({"seq", "counters", "reads", "threads"})
"""What depends on the order in which messages arrived; checked by ``assert_numbers`` and by name where it matters."""


def assert_followed(world: World, target: TargetDatabase, skip: frozenset[str] = frozenset()) -> None:
    """Both sides are equal, tombstones of what Stream has no trace of aside, and numbers are unique and dense."""
    with target.superuser() as conn:
        here = found(conn, target.app_id)
        tombs = {
            row[0]
            for row in conn.execute("SELECT stream_id FROM chatsdk_migration.message_map WHERE gone_at IS NOT NULL")
        }
        assert_numbers(conn)
    wanted = expected(world, MappingRules(), target.app_id)
    for name in ("messages", "user_message", "quotes", "threads", "seq"):
        rows = here.tables[name]
        for key in [key for key in rows if key[-1 if name == "user_message" else 0] in tombs]:
            row = rows.pop(key)
            assert name != "messages" or (row["text"] is None and row["deleted_at"] is not None), key
    lines = differences(wanted, here, skip=skip | MOVED)
    assert not lines, "\n".join([f"{len(lines)} differences", *lines[:SHOWN]])


def assert_numbers(conn: Any) -> None:
    """Sequence numbers are unique, without gaps, and the counter stands at the last; nothing went to clients' feeds."""
    rows = conn.execute(
        """SELECT c.cid FROM channel c LEFT JOIN channel_seq q ON q.channel_id = c.id
           LEFT JOIN LATERAL (SELECT count(*) AS n, count(DISTINCT seq) AS d, max(seq) AS top, min(seq) AS low
                              FROM message m WHERE m.channel_id = c.id) m ON true
           WHERE m.n > 0 AND (m.n <> m.d OR m.top <> m.n OR m.low <> 1 OR q.current_seq <> m.top
                              OR c.message_count <> m.n)"""
    ).fetchall()
    assert rows == []
    assert conn.execute("SELECT count(*) FROM event_outbox").fetchone() == (0,)


@pytest.fixture
def sides(target: TargetDatabase) -> Iterator[Sides]:
    with migrated(build(), target) as both:
        yield both


@contextmanager
def migrated(world: World, target: TargetDatabase, **options: Any) -> Iterator[Sides]:
    with target.superuser() as conn:
        conn.execute(GRANTS)
    with StreamServer(world) as server:
        for name, value in options.items():
            setattr(server.options, name, value)
        assert migrate(server.url, target.settings()).problems == {}
        yield Sides(world, server, target)
        assert server.writes == []


CHANGES: dict[str, Act] = {
    "edit": lambda w: w.edit_message("m1", text="other words"),
    "edit of a reply": lambda w: w.edit_message("r1", text="other words"),
    "soft delete": lambda w: w.soft_delete_message("m2"),
    "soft delete of a reply": lambda w: w.soft_delete_message("r1"),
    "hard delete": lambda w: w.hard_delete_message("m3"),
    "hard delete of a reply": lambda w: w.hard_delete_message("r2"),
    "hard delete of a thread": lambda w: w.hard_delete_message("thread"),
    "reaction added": lambda w: w.add_reaction("m4", "bob", "wow"),
    "reaction removed": lambda w: w.remove_reaction("m1", "cy", "love"),
    "reaction changed": lambda w: (w.remove_reaction("m1", "cy", "love"), w.add_reaction("m1", "cy", "sad")),
    "new message": lambda w: w.add_message(ROOM, "new", user_id="cy", text="news", at=w.clock()),
    "message of a new person": lambda w: (
        w.add_user("eve", name="Eve"),
        w.add_message(ROOM, "new", user_id="eve", text="hi", at=w.clock(), mentioned_users=["ann"]),
    ),
    "system message": lambda w: w.add_message(ROOM, "sys", user_id="ann", type="system", text="joined", at=w.clock()),
    "back-dated message": lambda w: w.add_message(ROOM, "late", user_id="bob", text="imported", at=at(hours=25)),
    "reply to an old thread": lambda w: w.add_message(
        ROOM, "re-old", user_id="cy", text="late answer", parent_id="old", at=w.clock()
    ),
    "reply shown in the channel": lambda w: w.add_message(
        ROOM, "shown", user_id="cy", text="both", parent_id="old", show_in_channel=True, at=w.clock()
    ),
    "quote": lambda w: w.add_message(ROOM, "quoting", user_id="cy", text="that", quoted_message_id="old", at=w.clock()),
    "pin": lambda w: w.edit_message("m5", pinned=True, pinned_at=w.clock(), pinned_by="ann"),
    "unpin": lambda w: w.edit_message("pinned", pinned=False, pinned_at=None, pinned_by=None),
    "mention added": lambda w: w.edit_message("m0", text="@cy", mentioned_users=["cy"]),
    "mention removed": lambda w: w.edit_message("mention", text="nobody", mentioned_users=[]),
    "vote": lambda w: w.add_vote("p1", option_id="o2", user_id="cy"),
    "new poll": lambda w: (
        w.add_message(ROOM, "poll2", user_id="bob", text="again", at=w.clock()),
        w.add_poll("poll2", {"id": "p2", "name": "Dinner?", "options": [{"id": "x", "text": "x"}]}),
        w.add_vote("p2", option_id="x", user_id="ann"),
    ),
    "deleted poll": lambda w: w.soft_delete_message("poll"),
    "member joined": lambda w: w.add_member(ROOM, "dee", created_at=w.clock()),
    "member left": lambda w: w.remove_member(ROOM, "cy"),
    "member promoted": lambda w: w.add_member(
        ROOM, "bob", created_at=OLD, channel_role="channel_moderator", role="moderator"
    ),
    "renamed": lambda w: w.update_channel(ROOM, name="Hall", topic="all"),
    "truncated": lambda w: w.truncate_channel(ROOM, at(hours=15)),
    "channel created": lambda w: (
        w.add_channel("messaging:new", created_by="cy", created_at=w.clock(), members=("cy", "dee", "ann"), name="New"),
        w.add_message("messaging:new", "n1", user_id="cy", text="first", at=w.clock()),
    ),
    "user renamed": lambda w: w.update_user("bob", name="Robert", title="Dr"),
    "user added": lambda w: w.add_user("zoe", name="Zoe"),
    "shadowed": lambda w: w.edit_message("m5", shadowed=True),
}


@pytest.mark.parametrize("name", CHANGES)
def test_every_kind_of_change_arrives(name: str, sides: Sides) -> None:
    sides.sync()
    CHANGES[name](sides.world)
    report = sides.sync()
    skip = frozenset({"withheld"}) if name == "shadowed" else frozenset()
    sides.check(skip)
    assert report.applied.total() > 0
    with sides.target.superuser() as conn:
        before = snapshot(conn)
    again = sides.sync()
    assert again.applied == {}
    with sides.target.superuser() as conn:
        assert snapshot(conn) == before


def test_read_positions_follow_and_unread_counts_hold_what_live_people_wrote(sides: Sides) -> None:
    sides.sync()
    (before,) = sides.sql(
        "SELECT last_read_seq, unread_count FROM channel_member WHERE user_id = 'bob' AND unread_count > 0"
    )
    assert before[1] == 5
    with sides.target.superuser() as conn:
        live_send(conn, APP_ID, channel_id(APP_ID, ROOM), "cy", "written here")
    sides.world.set_read(ROOM, "bob", last_read=at(hours=8), unread_messages=2)
    sides.sync()
    seq, unread, read, flags = sides.sql(
        """SELECT c.last_read_seq, c.unread_count, x.stream_id,
                  (SELECT count(*) FROM user_message u JOIN message m ON m.id = u.message_id
                   WHERE u.user_id = 'bob' AND m.channel_id = c.channel_id AND u.flags & 1 = 0
                     AND m.user_id <> 'bob' AND m.created_at <= now() - interval '8 hours')
           FROM channel_member c JOIN chatsdk_migration.message_map x ON x.message_id = c.last_read_message_id
           WHERE c.user_id = 'bob' AND c.channel_id = %s""",
        channel_id(APP_ID, ROOM),
    )[0]
    assert seq > before[0]
    assert unread == 2 + 1
    assert read == "poll"
    assert flags == 0
    sides.check(frozenset({"unmapped_messages", "user_message"}))


def test_a_position_read_further_in_chatsdk_is_never_moved_back(sides: Sides) -> None:
    sides.sync()
    room = channel_id(APP_ID, ROOM)
    sides.sql(
        """UPDATE channel_member
           SET unread_count = 0, last_read_seq = (SELECT max(seq) FROM message WHERE channel_id = %s)
           WHERE channel_id = %s AND user_id = 'bob'""",
        room,
        room,
    )
    sides.world.set_read(ROOM, "bob", last_read=at(hours=18), unread_messages=4)
    sides.world.add_message(ROOM, "unseen", user_id="ann", text="new", at=sides.world.clock())
    (top,) = sides.sql("SELECT max(seq) FROM message WHERE channel_id = %s", room)[0]
    sides.sync()
    state = sides.sql(
        "SELECT last_read_seq, unread_count FROM channel_member WHERE channel_id = %s AND user_id = 'bob'", room
    )
    assert state == [(top, 1)]


def test_numbers_come_after_live_ones_and_times_stay(sides: Sides) -> None:
    sides.sync()
    with sides.target.superuser() as conn:
        sent = live_send(conn, APP_ID, channel_id(APP_ID, ROOM), "cy", "written here")
    created = at(minutes=5)
    sides.world.add_message(ROOM, "late", user_id="ann", text="before it", at=created)
    sides.sync()
    query = "SELECT m.seq, m.created_at FROM message m" + NAMED
    assert sides.sql(query, "late") == [(sent.seq + 1, created)]
    (last,) = sides.sql("SELECT last_message_at FROM channel WHERE id = %s", channel_id(APP_ID, ROOM))[0]
    assert last > created
    sides.check(frozenset({"unmapped_messages", "user_message"}))


Live = Callable[[Sides], object]
CONFLICTS: dict[str, tuple[Live, Act, tuple[str, str, str]]] = {
    "edited on both sides": (
        lambda s: _live(s, "UPDATE message SET text = 'mine', edited_at = now() WHERE id = {m1}"),
        lambda w: w.edit_message("m1", text="theirs"),
        ("message", "m1", "changed in Stream, changed in ChatSDK"),
    ),
    "edited here, deleted in Stream": (
        lambda s: _live(s, "UPDATE message SET text = 'mine', edited_at = now() WHERE id = {m1}"),
        lambda w: w.soft_delete_message("m1"),
        ("message", "m1", "deleted in Stream, changed in ChatSDK"),
    ),
    "edited here, gone from Stream": (
        lambda s: _live(s, "UPDATE message SET text = 'mine', edited_at = now() WHERE id = {m1}"),
        lambda w: w.hard_delete_message("m1"),
        ("message", "m1", "gone from Stream, changed in ChatSDK"),
    ),
    "deleted here, edited in Stream": (
        lambda s: _live(s, "UPDATE message SET text = NULL, attachments = '[]', deleted_at = now() WHERE id = {m1}"),
        lambda w: w.edit_message("m1", text="theirs"),
        ("message", "m1", "changed in Stream, deleted in ChatSDK"),
    ),
    "reaction taken away here": (
        lambda s: _live(s, "DELETE FROM reaction WHERE message_id = {m1} AND user_id = 'cy'"),
        lambda w: w.add_reaction("m1", "bob", "wow"),
        ("reaction", "m1", "❤️ of cy: in Stream, taken away in ChatSDK"),
    ),
    "unpinned here": (
        lambda s: _live(s, "DELETE FROM pinned_message WHERE message_id = {pinned}"),
        lambda w: w.add_reaction("pinned", "bob", "wow"),
        ("pin", "pinned", "pinned in Stream, unpinned in ChatSDK"),
    ),
    "role given here": (
        lambda s: _live(s, "UPDATE channel_member SET role = 'admin' WHERE user_id = 'bob' AND channel_id = {room}"),
        lambda w: w.add_member(ROOM, "bob", created_at=OLD, role="moderator"),
        ("member", "bob", "role changed in Stream and in ChatSDK"),
    ),
    "renamed on both sides": (
        lambda s: _live(s, "UPDATE channel SET name = 'Mine', updated_at = now() WHERE id = {room}"),
        lambda w: w.update_channel(ROOM, name="Theirs"),
        ("channel", ROOM, "name changed in Stream and in ChatSDK"),
    ),
    "profile changed on both sides": (
        lambda s: _live(s, "UPDATE app_user SET name = 'Mine' WHERE id = 'bob'"),
        lambda w: w.update_user("bob", name="Theirs"),
        ("user", "bob", "profile changed in Stream and in ChatSDK"),
    ),
    "channel deleted in Stream, written in here": (
        lambda s: live_send(s.target.superuser(), APP_ID, channel_id(APP_ID, TEAM), "cy", "still here"),
        lambda w: w.delete_channel(TEAM),
        ("channel", TEAM, "deleted in Stream, written in in ChatSDK"),
    ),
}


def _live(sides: Sides, query: str) -> None:
    """Do as the live server does, on messages named by their Stream ids."""
    ids = {
        name: f"'{one}'"
        for name, one in sides.sql("SELECT stream_id, message_id::text FROM chatsdk_migration.message_map")
    }
    sides.sql(query.format(**ids, room=f"'{channel_id(APP_ID, ROOM)}'"))


@pytest.mark.parametrize("name", CONFLICTS)
def test_what_people_did_here_stays_and_is_listed(name: str, sides: Sides) -> None:
    live, act, listed = CONFLICTS[name]
    sides.sync()
    live(sides)
    with sides.target.superuser() as conn:
        mine = snapshot(conn)
    act(sides.world)
    report = sides.sync()
    assert [conflict[1:4] for conflict in report.conflicts] == [listed]
    with sides.target.superuser() as conn:
        now = snapshot(conn)
    changed = {"message": "message", "reaction": "message", "pin": "pinned_message", "member": "channel_member"}
    table = {"channel": "channel", "user": "app_user"} | changed
    if listed[0] not in {"reaction", "pin"}:
        assert now[table[listed[0]]] == mine[table[listed[0]]]
    again = sides.sync()
    assert [conflict[1:4] for conflict in again.conflicts] == [listed]
    assert again.applied == {}


@pytest.mark.parametrize("hard", [True, False])
def test_a_conflict_about_a_message_that_both_sides_deleted_is_listed_no_more(hard: bool, sides: Sides) -> None:
    sides.sync()
    live, act, listed = CONFLICTS["deleted here, edited in Stream"]
    live(sides)
    act(sides.world)
    assert [conflict[1:4] for conflict in sides.sync().conflicts] == [listed]
    (sides.world.hard_delete_message if hard else sides.world.soft_delete_message)("m1")
    with sides.target.superuser() as conn:
        mine = snapshot(conn)["message"]
    report = sides.sync(Sweep.ALL)
    assert report.conflicts == []
    with sides.target.superuser() as conn:
        assert snapshot(conn)["message"] == mine
    assert sides.sync(Sweep.ALL).applied == {}


def test_a_live_reaction_and_vote_survive_all_syncs(sides: Sides) -> None:
    sides.sync()
    _live(sides, f"INSERT INTO reaction (message_id, app_id, user_id, emoji) VALUES ({{m1}}, '{APP_ID}', 'bob', '🎉')")
    _live(sides, "DELETE FROM poll_vote WHERE user_id = 'bob'")
    _live(
        sides,
        f"""INSERT INTO poll_vote (poll_id, app_id, user_id, option_id)
            SELECT id, '{APP_ID}', 'bob', 'o2' FROM poll WHERE message_id = {{poll}}""",
    )
    sides.world.remove_reaction("m1", "cy", "love")
    sides.world.add_vote("p1", option_id="o1", user_id="cy")
    sides.sync(Sweep.ALL)
    assert sides.sql("SELECT user_id, emoji FROM reaction ORDER BY 1") == [("ann", "👍"), ("bob", "🎉")]
    assert sides.sql("SELECT user_id, option_id FROM poll_vote ORDER BY 1") == [("bob", "o2"), ("cy", "o1")]
    assert sides.sql("SELECT total_votes FROM poll") == [(2,)]


def test_a_deleted_channel_is_hidden_from_those_who_saw_it(sides: Sides) -> None:
    sides.sync()
    sides.world.delete_channel(TEAM)
    report = sides.sync()
    team = channel_id(APP_ID, TEAM)
    assert report.channels[TEAM].gone
    assert sides.sql("SELECT user_id FROM channel_member WHERE channel_id = %s", team) == []
    assert sides.sql("SELECT type, member_count FROM channel WHERE id = %s", team) == [("group", 0)]
    assert sides.sync().applied == {}
    sides.world.revive_channel(TEAM)
    sides.world.add_member(TEAM, "bob")
    sides.sync()
    assert sides.sql("SELECT user_id FROM channel_member WHERE channel_id = %s", team) == [("bob",)]


def test_an_undeleted_message_comes_back(sides: Sides) -> None:
    sides.world.soft_delete_message("m1")
    sides.sync()
    sides.check()
    sides.world.messages["m1"].pop("deleted_at")
    sides.world.edit_message("m1", type="regular")
    sides.sync()
    sides.check()
    assert sides.sql("SELECT m.text FROM message m" + NAMED, "m1") == [("text 1",)]


def test_a_deletion_long_ago_is_found_by_a_sweep_only(sides: Sides) -> None:
    sides.sync()
    sides.world.hard_delete_message("old-reply")
    sides.world.soft_delete_message("old")
    assert sides.sync().applied == {}
    sides.sync(Sweep.ALL)
    sides.check()


def test_without_search_recent_changes_are_found_by_reading_again(sides: Sides) -> None:
    sides.server.options.search_off_types = frozenset({"messaging"})
    sides.sync()
    sides.world.edit_message("m1", text="other words")
    sides.world.remove_reaction("m1", "cy", "love")
    sides.world.add_message(ROOM, "hidden", user_id="ann", text="re", parent_id="thread", at=sides.world.clock())
    report = sides.sync()
    assert report.not_searched == 1
    sides.check()


def test_what_the_index_did_not_know_yet_is_found_by_the_next_sync(sides: Sides) -> None:
    sides.sync(sync_rescan_calls=0)
    sides.server.options.search_lag_seconds = 60
    sides.world.edit_message("m1", text="other words")
    assert sides.sync(sync_rescan_calls=0).applied == {}
    sides.server.options.search_lag_seconds = 0
    assert sides.sync(sync_rescan_calls=0).applied == {"messages changed": 1}
    sides.check()


def test_a_second_sync_at_the_same_time_is_refused(sides: Sides) -> None:
    with sync.open_migration(sides.settings()) as one, one.target.connection() as conn:
        conn.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [f"{one.target.app_id} sync"])
        with pytest.raises(sync.SyncBusyError):
            sides.sync()
        conn.execute("SELECT pg_advisory_unlock_all()")
    sides.sync()


def test_an_idle_sync_asks_for_the_list_and_little_more(target: TargetDatabase) -> None:
    world = build()
    for number in range(600):
        world.add_channel(
            f"team:c{number}", created_by="ann", created_at=OLD + timedelta(minutes=number), members=("ann", "bob")
        )
        world.add_message(f"team:c{number}", f"c{number}", user_id="ann", text="hi", at=OLD + timedelta(days=1))
    with migrated(world, target) as sides:
        sides.sync(sync_rescan_calls=0)
        before = sides.server.calls.copy()
        report = sides.sync(sync_rescan_calls=0, sync_overlap_minutes=0)
        calls = sides.server.calls - before
        assert calls["QueryChannels"] <= 602 / 29 + 2
        assert calls.total() - calls["QueryChannels"] <= 8
        assert report.api_calls == calls.total()
        assert report.applied == {}
        for number in range(0, 600, 30):
            world.add_message(f"team:c{number}", f"n{number}", user_id="bob", text="news", at=world.clock())
        before = sides.server.calls.copy()
        report = sides.sync(sync_rescan_calls=0, sync_overlap_minutes=0)
        assert report.channels_changed == 20
        assert (sides.server.calls - before).total() <= calls.total() + 20 * 3
        sides.check()


ALL_AT_ONCE = (
    "edit",
    "soft delete",
    "hard delete",
    "reaction added",
    "reaction changed",
    "message of a new person",
    "back-dated message",
    "reply to an old thread",
    "pin",
    "unpin",
    "mention added",
    "vote",
    "member joined",
    "member promoted",
    "renamed",
    "channel created",
    "user renamed",
)


def _everything(world: World) -> None:
    for name in ALL_AT_ONCE:
        CHANGES[name](world)
    world.set_read(ROOM, "bob", last_read=at(hours=8), unread_messages=2)


@pytest.mark.parametrize("statements", [3, 12, 25, 32, 38, 44, 50, 56, 62, 68, 74, 80, 90, 100, 120, 150])
def test_a_sync_killed_anywhere_is_completed_by_the_next(statements: int, sides: Sides) -> None:
    sides.sync()
    with sides.target.superuser() as conn:
        live_send(conn, APP_ID, channel_id(APP_ID, ROOM), "cy", "written here")
    _everything(sides.world)
    killed = subprocess.run(
        [sys.executable, "-m", "chatsdk_migration_tests.end_to_end.sync_driver"],
        env=environment(sides.server.url, sides.settings()) | {KILL_AFTER_STATEMENTS: str(statements)},
        timeout=60,
        check=False,
    )
    assert killed.returncode in {-signal.SIGKILL, 0}
    sides.sync()
    sides.check(frozenset({"unmapped_messages"}))
    state = sides.sql(
        "SELECT unread_count FROM channel_member WHERE channel_id = %s AND user_id = 'bob'", channel_id(APP_ID, ROOM)
    )
    assert state == [(3,)]
    assert sides.sync().applied == {}


def test_many_changes_together_arrive_together(sides: Sides) -> None:
    sides.sync()
    _everything(sides.world)
    sides.sync()
    sides.check()
    assert sides.sync().applied == {}


@pytest.mark.parametrize("name", [*CHANGES, "all"])
def test_a_comparison_finds_nothing_unexplained_after_a_sync(name: str, sides: Sides) -> None:
    sides.sync()
    (_everything if name == "all" else CHANGES[name])(sides.world)
    sides.sync()
    with Migration(sides.settings()) as migration:
        found_wrong = [
            difference
            for cid in sides.world.channels
            for difference in verify_channel(migration, cid).differences
            if difference.explained_by is None
        ]
    assert found_wrong == []


def test_changes_while_a_sync_reads_arrive_with_the_next(sides: Sides) -> None:
    sides.sync()
    sides.world.add_message(ROOM, "first", user_id="ann", text="before", at=sides.world.clock())
    acts = iter((*ALL_AT_ONCE, "deleted poll"))

    def between(endpoint: str, _: object) -> None:
        if (name := next(acts, None)) is not None:
            CHANGES[name](sides.world)

    sides.server.before_answer = between
    while next_sync := sides.sync().applied:
        assert next_sync
    sides.server.before_answer = None
    sides.sync()
    sides.check()


def test_the_role_is_told_what_it_lacks(target: TargetDatabase) -> None:
    with StreamServer(build()) as server:
        settings = target.settings(stream_chat_url=server.url)
        assert migrate(server.url, settings).problems == {}
        with target.superuser() as conn:
            conn.execute("REVOKE DELETE ON reaction FROM loader")
        with pytest.raises(PermanentError, match="GRANT DELETE ON reaction TO loader"), sync.open_migration(settings):
            pass


def test_cost_and_lag_are_told(sides: Sides) -> None:
    with sync.open_migration(sides.settings()) as migration:
        expected_cost = sync.cost(migration)
        assert expected_cost.calls["QueryChannels"] == 1
        assert expected_cost.share == 0.5
        assert sync.lag(migration.target).app is not None
        report = sync.sync_once(migration)
        marks = sync.watermarks(migration.target)
        assert {ROOM, TEAM} == marks.keys()
        assert all(mark.synced_to is not None and mark.synced_to >= report.started for mark in marks.values())
        assert 0 <= report.lag_seconds < 60


def test_the_sample_workspace_stays_equal_through_syncs(target: TargetDatabase) -> None:
    with migrated(sample_workspace(), target) as sides:
        first = sides.sync(Sweep.ALL)
        assert first.applied == {}
        sides.check()
