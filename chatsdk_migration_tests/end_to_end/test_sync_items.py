"""What hangs on messages, through syncs: pins and mentions of messages, people and ids that come, go and come again.

Here: items of messages deleted here, mentions of people who join and leave, what a killed sync had loaded, ids used
again, what the report says. Not here: each kind of change by itself (``test_sync.py``), items taken away in ChatSDK
(``test_sync_more.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import pytest

from chatsdk_migration.demo.server import StreamServer
from chatsdk_migration.demo.target import live_send
from chatsdk_migration.demo.world import World
from chatsdk_migration.identity import channel_id
from chatsdk_migration.reconcile.app import Scope, verify
from chatsdk_migration.settings import MappingRules
from chatsdk_migration.sync import Sweep
from chatsdk_migration.sync.stage import SyncStage
from chatsdk_migration.transfer import Migration
from chatsdk_migration_tests.conftest import APP_ID, TargetDatabase
from chatsdk_migration_tests.end_to_end.driver import migrate
from chatsdk_migration_tests.end_to_end.test_sync import GRANTS, ROOM, TEAM, Sides, at, build, migrated
from chatsdk_migration_tests.end_to_end.test_sync_people import unexplained
from chatsdk_migration_tests.end_to_end.test_sync_reads import state

HERE = channel_id(APP_ID, ROOM)
MODES = ("all", "unread_and_mentions", "none")
QUIET: dict[str, Any] = {"sync_rescan_calls": 0, "sync_overlap_minutes": 0}
"""Nothing of the history is read again that did not change."""


@dataclass
class Ruled(Sides):
    """Two sides under rules of their own."""

    rules: MappingRules

    def settings(self, **changes: Any) -> Any:
        """The settings, rules among them."""
        return super().settings(mapping=self.rules, **changes)


@contextmanager
def ruled(world: World, target: TargetDatabase, mode: str) -> Iterator[Ruled]:
    rules = MappingRules(user_message=cast(Any, mode))
    with target.superuser() as conn:
        conn.execute(GRANTS)
    with StreamServer(world) as server:
        assert migrate(server.url, target.settings(mapping=rules)).problems == {}
        both = Ruled(world, server, target, rules)
        both.sync()
        yield both


@pytest.fixture
def sides(target: TargetDatabase) -> Iterator[Sides]:
    with migrated(build(), target) as both:
        both.sync()
        yield both


def row_of(sides: Sides, name: str) -> str:
    (row,) = sides.sql("SELECT message_id::text FROM chatsdk_migration.message_map WHERE stream_id = %s", name)
    return str(row[0])


def delete_here(sides: Sides, name: str) -> str:
    """Delete a message as ChatSDK's server does; give its id."""
    row = row_of(sides, name)
    sides.sql(
        """UPDATE message SET text = NULL, attachments = '[]', deleted_at = now(), deleted_by = user_id
           WHERE id = %s""",
        row,
    )
    return row


def edit_here(sides: Sides, name: str) -> str:
    row = row_of(sides, name)
    sides.sql("UPDATE message SET text = 'mine', edited_at = now() WHERE id = %s", row)
    return row


def hanging_on(sides: Sides, row: str) -> tuple[int, int, int, int]:
    """Pins, reactions, votes and mentions of a message."""
    counts = sides.sql(
        """SELECT (SELECT count(*) FROM pinned_message WHERE message_id = m.id),
                  (SELECT count(*) FROM reaction WHERE message_id = m.id),
                  (SELECT count(*) FROM poll_vote v JOIN poll p ON p.id = v.poll_id
                   WHERE p.message_id = m.id OR p.id = m.poll_id),
                  (SELECT count(*) FROM mention WHERE message_id = m.id)
           FROM message m WHERE m.id = %s""",
        row,
    )
    return cast(tuple[int, int, int, int], counts[0])


def assert_settled(sides: Sides) -> None:
    """Nothing is left to do, and a comparison finds nothing that it cannot explain."""
    assert unexplained(sides) == []
    assert sides.sync(Sweep.ALL).applied == {}
    assert unexplained(sides) == []


# ---- messages deleted here

GOES: dict[str, Callable[[World, str], object]] = {
    "hard-deleted": lambda w, name: w.hard_delete_message(name),
    "truncated": lambda w, name: w.truncate_channel(ROOM, at(hours=1)),
    "id used again": lambda w, name: (
        w.hard_delete_message(name),
        w.add_message(ROOM, name, user_id="ann", text="anew", at=w.clock()),
    ),
    "id used again elsewhere": lambda w, name: (
        w.hard_delete_message(name),
        w.add_message(TEAM, name, user_id="bob", text="anew", at=w.clock()),
    ),
}
"""How a message leaves Stream for good."""


@pytest.mark.parametrize("how", GOES)
def test_what_came_with_a_message_deleted_here_goes_when_stream_loses_the_message(
    how: str, target: TargetDatabase
) -> None:
    world = build()
    for name in ("m1", "poll", "mention"):
        world.edit_message(name, pinned=True, pinned_at=at(hours=3), pinned_by="ann")
    with migrated(world, target) as sides:
        sides.sync()
        rows = [delete_here(sides, name) for name in ("m1", "poll", "mention")]
        sides.sync()
        for name in ("m1", "poll", "mention"):
            GOES[how](world, name)
        sides.sync()
        assert [hanging_on(sides, row) for row in rows] == [(0, 0, 0, 0)] * 3
        assert_settled(sides)


@pytest.mark.parametrize("how", GOES)
def test_a_message_deleted_here_is_not_pinned_by_stream(how: str, sides: Sides) -> None:
    row = delete_here(sides, "m5")
    sides.world.edit_message("m5", pinned=True, pinned_at=sides.world.clock(), pinned_by="ann")
    sides.sync()
    assert sides.sync(Sweep.ALL).applied == {}
    assert hanging_on(sides, row) == (0, 0, 0, 0)
    assert [one.entity for one in sides.sync(Sweep.ALL).conflicts] == []
    assert unexplained(sides) == []
    GOES[how](sides.world, "m5")
    sides.sync()
    assert hanging_on(sides, row) == (0, 0, 0, 0)
    assert_settled(sides)


# ---- mentions and what people have read


def flags(sides: Sides, who: str, name: str) -> list[int]:
    rows = sides.sql("SELECT flags FROM user_message WHERE user_id = %s AND message_id = %s", who, row_of(sides, name))
    return [row[0] for row in rows]


MENTIONED = {"all": [3], "unread_and_mentions": [3], "none": []}
READ = {"all": [1], "unread_and_mentions": [], "none": []}


@pytest.mark.parametrize("mode", MODES)
def test_a_mention_that_is_added_to_a_message_somebody_has_read_is_read(mode: str, target: TargetDatabase) -> None:
    world = build()
    world.set_read(ROOM, "cy", last_read=world.clock(), unread_messages=0)
    with ruled(world, target, mode) as sides:
        for name, who in (("m0", "cy"), ("m1", "bob")):  # read up to there; their own
            assert flags(sides, who, name) == READ[mode]
            world.edit_message(name, text=f"@{who}", mentioned_users=[who])
        sides.sync()
        assert flags(sides, "cy", "m0") == flags(sides, "bob", "m1") == MENTIONED[mode]
        assert_settled(sides)
        for name in ("m0", "m1"):
            world.edit_message(name, text="nobody", mentioned_users=[])
        sides.sync()
        assert flags(sides, "cy", "m0") == flags(sides, "bob", "m1") == READ[mode]
        assert_settled(sides)


@pytest.mark.parametrize("mode", MODES)
def test_a_mention_that_is_added_to_an_unread_message_is_unread(mode: str, target: TargetDatabase) -> None:
    world = build()
    with ruled(world, target, mode) as sides:
        world.edit_message("poll", text="@bob", mentioned_users=["bob"])
        sides.sync()
        assert flags(sides, "bob", "poll") == ([] if mode == "none" else [2])
        assert_settled(sides)
        world.edit_message("poll", text="nobody", mentioned_users=[])
        sides.sync()
        assert flags(sides, "bob", "poll") == ([] if mode == "none" else [0])
        assert_settled(sides)


# ---- people who come and go


def mentions_of(sides: Sides, who: str) -> list[str]:
    rows = sides.sql(
        """SELECT coalesce(x.stream_id, 'live') FROM mention n
           LEFT JOIN chatsdk_migration.message_map x ON x.message_id = n.message_id
           WHERE n.mentioned_user_id = %s ORDER BY 1""",
        who,
    )
    return [row[0] for row in rows]


def withheld(sides: Sides) -> list[tuple[str, str]]:
    return sides.sql(
        """SELECT x.stream_id, w.mentioned_user_id FROM chatsdk_migration.withheld_mention w
           JOIN chatsdk_migration.message_map x ON x.message_id = w.message_id ORDER BY 1, 2"""
    )


def mention_here(sides: Sides, who: str) -> None:
    with sides.target.superuser() as conn:
        sent = live_send(conn, APP_ID, HERE, "ann", f"secret @{who}")
    sides.sql(
        """INSERT INTO mention (message_id, app_id, mentioned_user_id, mentioner_user_id)
           SELECT id, app_id, %s, user_id FROM message WHERE channel_id = %s AND text LIKE 'secret%%'""",
        who,
        HERE,
    )
    assert sent


def test_who_leaves_in_stream_keeps_no_mention_that_was_written_here(sides: Sides) -> None:
    mention_here(sides, "bob")
    assert mentions_of(sides, "bob") == ["live", "mention"]
    sides.world.remove_member(ROOM, "bob")
    sides.sync(**QUIET)
    assert mentions_of(sides, "bob") == []
    assert_settled(sides)


@pytest.mark.parametrize("mode", MODES)
def test_who_joins_again_finds_the_mentions_without_the_history_being_read(mode: str, target: TargetDatabase) -> None:
    world = build()
    with ruled(world, target, mode) as sides:
        world.remove_member(ROOM, "bob")
        sides.sync(**QUIET)
        assert mentions_of(sides, "bob") == []
        assert withheld(sides) == [("mention", "bob")]
        assert unexplained(sides) == []
        world.add_member(ROOM, "bob", created_at=world.clock())
        before = sides.server.calls.copy()
        sides.sync(**QUIET)
        assert (sides.server.calls - before)["QueryChannel"] == 0
        assert mentions_of(sides, "bob") == ["mention"]
        assert withheld(sides) == []
        assert len(flags(sides, "bob", "mention")) == (0 if mode == "none" else 1)
        assert_settled(sides)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("withheld_by", ["load", "sync", "sync of all"])
def test_who_joins_for_the_first_time_finds_the_mentions_from_before(
    mode: str, withheld_by: str, target: TargetDatabase
) -> None:
    world = build()
    if withheld_by == "load":
        world.edit_message("m0", at(hours=20), text="@dee", mentioned_users=["dee", "ann"])
    with ruled(world, target, mode) as sides:
        if withheld_by != "load":
            world.edit_message("m0", text="@dee", mentioned_users=["dee", "ann"])
            sides.sync(Sweep.ALL if withheld_by == "sync of all" else Sweep.RECENT)
        assert mentions_of(sides, "dee") == []
        assert withheld(sides) == [("m0", "dee")]
        world.add_member(ROOM, "dee", created_at=world.clock())
        sides.sync(**QUIET)
        assert mentions_of(sides, "dee") == ["m0"]
        assert withheld(sides) == []
        assert_settled(sides)


TAKEN_BACK: dict[str, Callable[[World], object]] = {
    "edited": lambda w: w.edit_message("mention", text="nobody", mentioned_users=[]),
    "hard-deleted": lambda w: w.hard_delete_message("mention"),
    "deleted": lambda w: w.soft_delete_message("mention"),
    "shadowed": lambda w: w.edit_message("mention", shadowed=True),
}
"""What becomes of a mention in Stream while the person is away."""


@pytest.mark.parametrize("loaded_again", [False, True])
@pytest.mark.parametrize("how", TAKEN_BACK)
def test_a_mention_taken_back_in_stream_is_not_found_by_who_joins(how: str, loaded_again: bool, sides: Sides) -> None:
    sides.world.remove_member(ROOM, "bob")
    sides.sync()
    TAKEN_BACK[how](sides.world)
    if loaded_again:
        assert migrate(sides.server.url, sides.settings()).problems == {}
    sides.sync()
    if how != "deleted":  # whose mentions Stream keeps
        assert withheld(sides) == []
    sides.world.add_member(ROOM, "bob", created_at=sides.world.clock())
    sides.sync(**QUIET)
    assert mentions_of(sides, "bob") == []
    assert_settled(sides)


def test_a_mention_is_found_by_who_joins_in_the_sync_in_which_it_is_taken_back(sides: Sides) -> None:
    sides.world.remove_member(ROOM, "bob")
    sides.sync()
    sides.world.add_member(ROOM, "bob", created_at=sides.world.clock())
    sides.world.edit_message("mention", text="nobody", mentioned_users=[])
    sides.sync(**QUIET)
    assert mentions_of(sides, "bob") == []
    assert_settled(sides)


def test_who_joins_here_finds_the_mentions_with_the_next_change_of_members(sides: Sides) -> None:
    sides.world.edit_message("m0", text="@dee", mentioned_users=["dee"])
    sides.sync()
    sides.sql("INSERT INTO channel_member (channel_id, app_id, user_id) VALUES (%s, %s, 'dee')", HERE, APP_ID)
    sides.world.update_channel(ROOM, name="Hall")
    sides.sync(**QUIET)
    assert mentions_of(sides, "dee") == ["m0"]
    assert withheld(sides) == []


def test_a_channel_that_begins_anew_withholds_nothing_from_before(sides: Sides) -> None:
    sides.world.remove_member(ROOM, "bob")
    sides.sync()
    assert withheld(sides) == [("mention", "bob")]
    sides.sql("DELETE FROM channel WHERE id = %s", HERE)
    sides.world.hard_delete_message("mention")
    assert migrate(sides.server.url, sides.settings()).problems == {}
    assert sides.sql("SELECT count(*) FROM chatsdk_migration.withheld_mention") == [(0,)]


def test_a_mention_that_a_repair_brought_is_withheld_no_more(sides: Sides) -> None:
    sides.world.edit_message("m0", text="@dee", mentioned_users=["dee"])
    sides.sync()
    sides.world.add_member(ROOM, "dee", created_at=sides.world.clock())
    assert migrate(sides.server.url, sides.settings()).problems == {}
    assert mentions_of(sides, "dee") == ["m0"]
    assert withheld(sides) == []
    sides.sync()
    assert_settled(sides)


def test_what_the_ledger_has_on_record_knows_who_came_and_went(sides: Sides) -> None:
    for act in (sides.world.remove_member, sides.world.add_member):
        act(ROOM, "bob")
        sides.sync(**QUIET)
        with Migration(sides.settings()) as migration:
            found = verify(migration, Scope(from_ledger=True))
        assert [one for one in found.differences if not one.explained_by] == []


# ---- ids used again


def edited_and_gone(sides: Sides, room: str) -> None:
    """The id goes to another message, while the first one is edited here."""
    edit_here(sides, "m1")
    sides.world.hard_delete_message("m1")
    sides.world.add_message(room, "m1", user_id="bob", text="new here", at=sides.world.clock())


def die_before_notes(sides: Sides, monkeypatch: pytest.MonkeyPatch, sweep: Sweep = Sweep.RECENT) -> None:
    """Sync, and be gone when everything is carried and nothing noted."""

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(SyncStage, "_keep_notes", dies)
        with pytest.raises(KeyboardInterrupt):
            sides.sync(sweep)


@pytest.mark.parametrize("killed", [False, True])
@pytest.mark.parametrize("room", [ROOM, TEAM])
def test_an_edited_message_whose_id_is_used_again_is_one_conflict_of_its_own_channel(
    room: str, killed: bool, sides: Sides, monkeypatch: pytest.MonkeyPatch
) -> None:
    edited_and_gone(sides, room)
    if killed:
        die_before_notes(sides, monkeypatch)
    for sweep in (Sweep.RECENT, Sweep.ALL):
        conflicts = sides.sync(sweep, **QUIET).conflicts
        assert [(one.cid, one.what) for one in conflicts] == [(ROOM, "gone from Stream, changed in ChatSDK")]
        assert unexplained(sides) == []
    sides.sql("UPDATE message SET text = NULL, attachments = '[]', deleted_at = now() WHERE text = 'mine'")
    assert sides.sync(Sweep.ALL).conflicts == []
    assert_settled(sides)


@pytest.mark.parametrize("killed", [False, True])
def test_a_message_whose_id_is_used_again_elsewhere_is_buried_with_all_that_hangs_on_it(
    killed: bool, sides: Sides, monkeypatch: pytest.MonkeyPatch
) -> None:
    sides.world.edit_message("m1", pinned=True, pinned_at=sides.world.clock(), pinned_by="ann")
    sides.sync()
    row, months = row_of(sides, "m1"), read_from(sides)
    assert hanging_on(sides, row) == (1, 2, 0, 0)
    sides.world.hard_delete_message("m1")
    sides.world.add_message(TEAM, "m1", user_id="bob", text="new here", at=sides.world.clock())
    if killed:
        die_before_notes(sides, monkeypatch)
    sides.sync(**QUIET)
    assert sides.sql("SELECT text, deleted_at IS NOT NULL FROM message WHERE id = %s", row) == [(None, True)]
    assert hanging_on(sides, row) == (0, 0, 0, 0)
    assert read_from(sides) == {ROOM: months[ROOM] - 1, TEAM: months[TEAM] + 1}
    assert_settled(sides)


def test_a_mention_in_a_message_whose_id_is_used_again_elsewhere_is_withheld_no_more(sides: Sides) -> None:
    sides.world.edit_message("m1", text="@dee", mentioned_users=["dee"])
    sides.sync()
    assert withheld(sides) == [("m1", "dee")]
    sides.world.hard_delete_message("m1")
    sides.world.add_message(TEAM, "m1", user_id="bob", text="new here", at=sides.world.clock())
    sides.sync(**QUIET)
    assert withheld(sides) == []
    sides.world.add_member(ROOM, "dee", created_at=sides.world.clock())
    sides.sync()
    assert mentions_of(sides, "dee") == []
    assert_settled(sides)


# ---- what the report says


def read_from(sides: Sides) -> dict[str, int]:
    """Messages that Stream holds, by the notes."""
    return dict(sides.sql("SELECT cid, sum(messages)::integer FROM chatsdk_migration.source_month GROUP BY cid"))


def lost(sides: Sides) -> dict[str, int]:
    return dict(
        sides.sql(
            "SELECT kind, sum(occurrences)::integer FROM chatsdk_migration.loss WHERE cid = %s GROUP BY kind", ROOM
        )
    )


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("again", ["recent", "all", "load"])
def test_what_a_killed_sync_loaded_is_counted_once(
    again: str, times: int, sides: Sides, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = read_from(sides)
    for number in range(3):
        sides.world.add_message(ROOM, f"c{number}", user_id="ann", text="x", at=sides.world.clock(), colour="red")
    for _ in range(times):
        die_before_notes(sides, monkeypatch)
    assert lost(sides).get("message_custom", 0) == 0
    if again == "load":
        assert migrate(sides.server.url, sides.settings()).problems == {}
    for sweep in (Sweep.ALL, Sweep.RECENT) if again == "all" else (Sweep.RECENT, Sweep.RECENT):
        sides.sync(sweep)
        assert lost(sides)["message_custom"] == 3
        assert read_from(sides) == before | {ROOM: before[ROOM] + 3}
    sides.world.add_message(ROOM, "c3", user_id="ann", text="x", at=sides.world.clock(), colour="red")
    for sweep in (Sweep.RECENT, Sweep.ALL):
        sides.sync(sweep)
        assert lost(sides)["message_custom"] == 4
        assert read_from(sides) == before | {ROOM: before[ROOM] + 4}


def test_what_a_killed_sync_loaded_and_stream_lost_since_is_not_counted(
    sides: Sides, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = read_from(sides)
    for name in ("stays", "goes"):
        sides.world.add_message(ROOM, name, user_id="ann", text="x", at=sides.world.clock())
    die_before_notes(sides, monkeypatch)
    sides.world.hard_delete_message("goes")
    sides.sync()
    assert read_from(sides) == before | {ROOM: before[ROOM] + 1}


def test_the_last_message_of_a_month_leaves_no_month(sides: Sides) -> None:
    assert read_from(sides)[TEAM] == 1
    sides.world.hard_delete_message("t1")
    sides.sync()
    assert TEAM not in read_from(sides)
    sides.world.add_message(TEAM, "t2", user_id="bob", text="hello again", at=sides.world.clock())
    sides.sync()
    assert read_from(sides)[TEAM] == 1


# ---- quarantine


@pytest.mark.parametrize("how", ["mended", "gone"])
def test_a_rejected_message_that_stream_lost_is_settled_by_a_walk(how: str, target: TargetDatabase) -> None:
    world = build()
    world.add_message(ROOM, "bad", user_id="ann", text="x", at=at(hours=2))
    world.add_message(ROOM, "bad reply", user_id="ann", text="x", at=at(hours=2), parent_id="thread")
    world.add_message(ROOM, "old and bad", user_id="ann", text="x", at=at(days=300))
    for name in ("bad", "bad reply", "old and bad"):
        world.messages[name]["user"] = {"id": "x" * 300}
    waiting = "SELECT stream_id FROM chatsdk_migration.quarantine WHERE entity = 'message' ORDER BY 1"
    with migrated(world, target) as sides:
        sides.sync()
        assert sides.sql(waiting) == [("bad",), ("bad reply",), ("old and bad",)]
        sides.sync(Sweep.HOT)
        assert sides.sql(waiting) == [("bad",), ("bad reply",), ("old and bad",)]
        for name in ("bad", "bad reply"):
            if how == "gone":
                world.hard_delete_message(name)
            else:
                world.messages[name]["user"] = {"id": "ann"}
                world.edit_message(name, text="fine")
        sides.sync(Sweep.HOT)
        assert sides.sql(waiting) == [("old and bad",)]
        world.hard_delete_message("old and bad")
        sides.sync(Sweep.HOT)
        assert sides.sql(waiting) == [("old and bad",)]
        sides.sync(Sweep.ALL)
        assert sides.sql(waiting) == []


# ---- states


@pytest.mark.parametrize("mode", MODES)
def test_whoever_joins_anew_and_has_read_less_there_has_read_less_here(mode: str, target: TargetDatabase) -> None:
    world = build()
    world.set_read(ROOM, "bob", last_read=world.clock(), unread_messages=0)
    with ruled(world, target, mode) as sides:
        assert state(sides, "bob")[1] == 0
        sides.world.remove_member(ROOM, "bob")
        sides.world.add_member(ROOM, "bob", created_at=sides.world.clock())
        sides.world.set_read(ROOM, "bob", last_read=at(hours=21), unread_messages=5)
        sides.sync()
        assert state(sides, "bob")[1] == 5
        assert_settled(sides)


# ---- what is known in part


@pytest.mark.parametrize("beside", [False, True])
def test_a_reaction_given_anew_replaces_the_old_one_though_not_all_are_known(beside: bool, sides: Sides) -> None:
    sides.world.add_reaction("m1", "bob", "wow", at=at(hours=3))
    sides.sync(Sweep.ALL)
    sides.world.reactions["m1"]["cy", "love"]["type"] = ""
    sides.world.remove_reaction("m1", "bob", "wow")
    sides.world.add_reaction("m1", "bob", "wow", at=at(hours=2))
    if beside:
        sides.world.add_message(ROOM, "beside", user_id="bob", text="so much news", at=sides.world.clock())
        sides.world.add_reaction("beside", "bob", "wow")
    sides.sync(Sweep.ALL)
    sides.world.reactions["m1"]["cy", "love"]["type"] = "love"
    sides.world.edit_message("m1", text="something else")
    assert sides.sync(Sweep.ALL).conflicts == []
    given = "SELECT r.created_at FROM reaction r WHERE r.message_id = %s AND r.user_id = 'bob'"
    assert sides.sql(given, row_of(sides, "m1")) == [(at(hours=2),)]
    assert_settled(sides)
