"""The cutover, step by step: equal sides at its end, whatever happens on the way.

Here: the sequence through its API, in this process. Not here: the command (``test_cutover_command.py``), a process
that is killed in it (``test_cutover_kills.py``), the rule of readiness (``unit/test_cutover_readiness.py``).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chatsdk_migration import cutover
from chatsdk_migration.cutover import CutoverReport, Options, Question
from chatsdk_migration.cutover.counters import repair_counters
from chatsdk_migration.demo.server import StreamServer
from chatsdk_migration.demo.target import live_send
from chatsdk_migration.demo.world import World
from chatsdk_migration.errors import PermanentError
from chatsdk_migration.identity import channel_id
from chatsdk_migration.postgres.target import Target
from chatsdk_migration.reconcile.channel import verify_channel
from chatsdk_migration.transfer import Migration
from chatsdk_migration_tests.conftest import APP_ID, Serve, TargetDatabase
from chatsdk_migration_tests.end_to_end.driver import migrate
from chatsdk_migration_tests.end_to_end.test_sync import GRANTS, OLD, ROOM, TEAM, assert_followed, build

SKIPPED = Options(skip_readiness=True)


@dataclass
class Sides:
    """A world that was migrated, its server, and the database it went to."""

    world: World
    server: StreamServer
    target: TargetDatabase
    said: list[str] = field(default_factory=list)
    asked: list[Question] = field(default_factory=list)

    def settings(self, **changes: Any) -> Any:
        return self.target.settings(stream_chat_url=self.server.url, **changes)

    def cut_over(
        self,
        options: Options = SKIPPED,
        *,
        dry_run: bool = False,
        on: Callable[[Question], bool] = lambda question: True,
        **changes: Any,
    ) -> CutoverReport:
        def answer(question: Question) -> bool:
            self.asked.append(question)
            return on(question)

        return cutover.run(
            self.settings(**changes), answers=answer, say=self.said.append, dry_run=dry_run, options=options
        )

    def kinds_asked(self) -> list[str]:
        return [question.kind for question in self.asked]

    def sql(self, query: str, *parameters: Any) -> list[Any]:
        with self.target.superuser() as conn:
            cursor = conn.execute(query, parameters)  # type: ignore[arg-type]
            return cursor.fetchall() if cursor.description else []


@pytest.fixture
def sides(target: TargetDatabase, stream: Serve) -> Sides:
    world = build()
    world.clock = Clock()
    server = stream(world)
    with target.superuser() as conn:
        conn.execute(GRANTS)
    assert migrate(server.url, target.settings()).problems == {}
    return Sides(world, server, target)


class Clock:
    """The time in Stream: ours, moved on by what the tests say."""

    def __init__(self) -> None:
        self._ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def move(self, seconds: float) -> datetime:
        self._ahead += timedelta(seconds=seconds)
        return self()


def later(world: World) -> datetime:
    """Give a time clearly after all that has happened."""
    assert isinstance(world.clock, Clock)
    return world.clock.move(10)


def done(report: CutoverReport) -> list[str]:
    return [step.name for step in report.steps if not step.skipped]


WHOLE = ["readiness", "freeze", "final_sync", "look", "verify", "repair", "last_look", "proof"]


def test_ends_with_equal_sides_and_says_how_to_switch(sides: Sides) -> None:
    sides.world.add_message(ROOM, "late", user_id="bob", text="written since the load", at=datetime.now(UTC))
    sides.world.soft_delete_message("m2", at=datetime.now(UTC))
    report = sides.cut_over()
    assert report.equal
    assert report.finished
    assert not report.stopped
    assert done(report) == WHOLE
    assert sides.kinds_asked() == ["freeze"]
    assert report.verdict is not None
    assert report.verdict["compared"]["messages"] == 17
    assert_followed(sides.world, sides.target)
    text = "\n".join(sides.said)
    for words in ("Expected freeze", "update_channel_type", "Both sides are equal.", "Switch now", "thaw.py"):
        assert words in text


def test_what_is_still_written_after_the_freeze_is_named_and_asked_about(sides: Sides) -> None:
    def at_step(name: str) -> None:
        if name == "final_sync" and "sneaked" not in sides.world.messages:
            sides.world.add_message(TEAM, "sneaked", user_id="bob", text="still here", at=later(sides.world))

    report = sides.cut_over(Options(skip_readiness=True, at_step=at_step))
    assert sides.kinds_asked()[:2] == ["freeze", "still_written"]
    assert any(line.startswith(f"  {TEAM}: a message, ") for line in sides.said)
    assert report.equal
    assert report.written == []
    assert_followed(sides.world, sides.target)


@pytest.mark.parametrize(
    ("act", "what"),
    [
        (lambda w: w.edit_message("m1", at=later(w), text="changed"), "a message was written, changed or reacted to"),
        (lambda w: w.add_channel("team:new", created_by="ann", created_at=later(w)), "a new channel"),
        (lambda w: w.add_member(ROOM, "dee", created_at=later(w)), "a member joined or changed"),
    ],
    ids=["edit", "channel", "member"],
)
def test_each_kind_of_writing_is_seen(sides: Sides, act: Callable[[World], object], what: str) -> None:
    def at_step(name: str) -> None:
        if name == "look":
            act(sides.world)

    options = Options(skip_readiness=True, at_step=at_step)
    report = sides.cut_over(options, on=lambda question: question.kind != "still_written")
    assert not report.finished
    assert not report.equal
    assert [one.what for one in report.written] == [what]
    assert report.written[0].cid in report.stopped


def test_somebody_who_always_says_yes_does_not_turn_in_circles(sides: Sides) -> None:
    number = iter(range(1000))

    def at_step(name: str) -> None:
        if name == "look":
            at = later(sides.world)
            sides.world.add_message(ROOM, f"more{next(number)}", user_id="ann", text="and on", at=at)

    report = sides.cut_over(Options(skip_readiness=True, at_step=at_step))
    assert "10 times" in report.stopped
    assert not report.equal


def test_written_during_the_verification_goes_back_to_the_freeze(sides: Sides) -> None:
    def at_step(name: str) -> None:
        if name == "verify" and "too-late" not in sides.world.messages:
            sides.world.add_message(ROOM, "too-late", user_id="ann", text="late", at=later(sides.world))

    report = sides.cut_over(Options(skip_readiness=True, at_step=at_step))
    assert report.equal
    assert "still_written" in sides.kinds_asked()
    assert_followed(sides.world, sides.target)


def test_reading_on_is_no_writing_and_is_carried(sides: Sides) -> None:
    def at_step(name: str) -> None:
        if name == "verify":
            sides.world.set_read(ROOM, "bob", last_read=later(sides.world), unread_messages=0)

    report = sides.cut_over(Options(skip_readiness=True, at_step=at_step))
    assert report.equal
    assert sides.kinds_asked() == ["freeze"]
    assert report.unread is not None
    assert report.unread.different == 0
    assert sides.sql("SELECT unread_count FROM channel_member WHERE user_id = 'bob' AND channel_id = %s", room()) == [
        (0,)
    ]


def room(cid: str = ROOM) -> str:
    return channel_id(APP_ID, cid)


def test_not_ready_is_asked_about_and_no_ends_it(sides: Sides) -> None:
    report = sides.cut_over(Options(), on=lambda question: False)
    assert sides.kinds_asked() == ["not_ready"]
    assert report.stopped == "not ready"
    assert any("never verified" in reason for reason in report.readiness.reasons)


def test_a_declined_freeze_changes_nothing_and_the_next_run_asks_again(sides: Sides) -> None:
    report = sides.cut_over(on=lambda question: False)
    assert report.stopped
    assert not report.finished
    assert sides.sql("SELECT count(*) FROM chatsdk_migration.outcome") == [(0,)]
    assert sides.cut_over().equal
    assert sides.kinds_asked() == ["freeze", "freeze"]


class CrashError(Exception):
    """Stands for anything that ends the process."""


@pytest.mark.parametrize("step", WHOLE)
def test_broken_off_before_any_step_it_goes_on_there(sides: Sides, step: str) -> None:
    def at_step(name: str) -> None:
        if name == step:
            raise CrashError

    with pytest.raises(CrashError):
        sides.cut_over(Options(skip_readiness=True, at_step=at_step))
    report = sides.cut_over()
    assert report.equal
    repeated = {"readiness", "look", "last_look", "proof"}
    assert [one for one in WHOLE if one in done(report)] == [
        one for one in WHOLE if one in repeated or WHOLE.index(one) >= WHOLE.index(step)
    ]
    assert len(sides.asked) == 1
    assert_followed(sides.world, sides.target)


def test_what_is_too_old_is_done_again_and_the_freeze_is_asked_about(sides: Sides) -> None:
    with pytest.raises(CrashError):
        sides.cut_over(Options(skip_readiness=True, at_step=lambda name: crash(name == "proof")))
    sides.sql("UPDATE chatsdk_migration.cutover_step SET ended_at = ended_at - interval '2 hours'")
    frozen = sides.sql("SELECT frozen_at FROM chatsdk_migration.cutover")
    report = sides.cut_over()
    assert report.equal
    assert done(report) == WHOLE
    assert "still frozen" in sides.asked[-1].text
    assert sides.sql("SELECT frozen_at FROM chatsdk_migration.cutover") == frozen


def crash(really: bool) -> None:
    if really:
        raise CrashError


def test_a_finished_cutover_is_followed_by_a_new_one(sides: Sides) -> None:
    assert sides.cut_over().equal
    assert sides.cut_over().equal
    assert sides.kinds_asked() == ["freeze", "freeze"]
    assert sides.sql("SELECT outcome FROM chatsdk_migration.cutover ORDER BY id") == [("equal",), ("equal",)]


def test_a_deletion_older_than_the_window_is_found_and_followed(sides: Sides) -> None:
    """Only the comparison sees it; reading that channel whole again brings it over."""
    sides.cut_over()
    sides.world.hard_delete_message("old-reply")
    report = sides.cut_over()
    assert report.equal
    assert any(f"Sides differ in {ROOM}" in line for line in sides.said)
    assert_followed(sides.world, sides.target)


def test_damage_is_repaired_with_consent_only(sides: Sides) -> None:
    damage = "UPDATE message SET text = 'scribbled over' WHERE text = 'text 4'"
    sides.sql(damage)
    report = sides.cut_over(on=lambda question: question.kind == "freeze")
    assert sides.kinds_asked() == ["freeze", "repair"]
    assert report.finished
    assert not report.equal
    assert any("'scribbled over'" in line for line in sides.said)
    report = sides.cut_over()
    assert report.equal
    assert sides.sql("SELECT count(*) FROM message WHERE text = 'text 4'") == [(1,)]


def test_counters_are_set_right_without_being_asked(sides: Sides) -> None:
    sides.sql("UPDATE channel SET message_count = 99, member_count = 0, last_message_at = NULL WHERE id = %s", room())
    report = sides.cut_over()
    assert report.equal
    assert sides.kinds_asked() == ["freeze"]
    assert_followed(sides.world, sides.target)


def test_counters_set_beside_a_live_sender_lose_and_double_nothing(sides: Sides) -> None:
    """A message under way is waited for; one that comes after adds to the number set."""
    sides.sql("UPDATE channel SET message_count = 3")
    target = Target(sides.settings())
    with sides.target.superuser() as conn:
        with conn.transaction():
            live_send(conn, APP_ID, room(), "ann", "under way")
            worker = threading.Thread(target=repair_counters, args=[target])
            worker.start()
            while not sides.sql("SELECT 1 FROM pg_locks WHERE NOT granted"):
                assert worker.is_alive(), "it did not wait for the message under way"
        worker.join(20)
        live_send(conn, APP_ID, room(), "ann", "after")
    assert repair_counters(target) == {}
    target.close()
    wrong = "SELECT 1 FROM channel c WHERE message_count <> (SELECT count(*) FROM message m WHERE m.channel_id = c.id)"
    assert sides.sql(wrong) == []


def test_live_people_of_chatsdk_stay_and_conflicts_are_listed(sides: Sides) -> None:
    with sides.target.superuser() as conn:
        live_send(conn, APP_ID, room(), "ann", "written in ChatSDK")
        conn.execute("UPDATE message SET text = 'mine', edited_at = now() + interval '1 s' WHERE text = 'text 1'")
    sides.world.edit_message("m1", text="theirs", at=datetime.now(UTC))
    report = sides.cut_over()
    assert report.equal
    assert [(one.entity, one.stream_id) for one in report.conflicts] == [("message", "m1")]
    assert any("m1" in line for line in sides.said)
    assert sides.sql("SELECT count(*) FROM message WHERE text IN ('mine', 'written in ChatSDK')") == [(2,)]


def test_a_rehearsal_changes_nothing_and_asks_nothing(sides: Sides) -> None:
    sides.cut_over()
    sides.asked.clear()
    sides.world.add_message(ROOM, "late", user_id="bob", text="new", at=datetime.now(UTC))
    before = everything(sides)
    report = sides.cut_over(Options(sample_percent=100), dry_run=True)
    assert everything(sides) == before
    assert sides.asked == []
    assert sides.server.writes == []
    assert [step.name for step in report.steps] == ["readiness", "final_sync", "look", "verify"]
    assert report.verdict is not None
    assert report.verdict["unexplained"] > 0
    assert any(f"{ROOM}: a message" in line for line in sides.said)


def everything(sides: Sides) -> dict[str, list[Any]]:
    """All rows of all tables, by table."""
    names = sides.sql(
        """SELECT quote_ident(table_schema) || '.' || quote_ident(table_name) FROM information_schema.tables
           WHERE table_schema IN ('public', 'chatsdk_migration') AND table_type = 'BASE TABLE'"""
    )
    return {name: sorted(map(str, sides.sql(f"SELECT t::text FROM {name} t"))) for (name,) in names}


def test_a_second_cutover_is_kept_out(sides: Sides) -> None:
    def at_step(name: str) -> None:
        if name == "verify":
            with pytest.raises(PermanentError, match="another cutover"):
                sides.cut_over()

    assert sides.cut_over(Options(skip_readiness=True, at_step=at_step)).equal


def test_nothing_migrated_is_said_at_once(target: TargetDatabase, stream: Serve) -> None:
    server = stream(build())
    with target.superuser() as conn:
        conn.execute(GRANTS)
    sides = Sides(World(), server, target)
    with pytest.raises(PermanentError, match="nothing has been migrated"):
        sides.cut_over()


CONFLICTS: dict[str, tuple[str, Callable[[World], object], str]] = {
    "edited on both sides": (
        "UPDATE message SET text = 'mine', edited_at = now() WHERE text = 'text 1'",
        lambda w: w.edit_message("m1", text="theirs", at=w.clock()),
        "SELECT count(*) FROM message WHERE text = 'mine' AND edited_at > now() - interval '1 hour'",
    ),
    "edited here, gone there": (
        "UPDATE message SET text = 'mine', edited_at = now() WHERE text = 'text 1'",
        lambda w: w.hard_delete_message("m1"),
        "SELECT count(*) FROM message WHERE text = 'mine' AND deleted_at IS NULL",
    ),
    "reaction taken away here": (
        "DELETE FROM reaction WHERE user_id = 'cy'",
        lambda w: w.edit_message("m1", text="theirs", at=w.clock()),
        "SELECT 1 - count(*) FROM reaction WHERE user_id = 'cy'",
    ),
    "unpinned here": (
        "DELETE FROM pinned_message",
        lambda w: w.edit_message("pinned", text="theirs", at=w.clock()),
        "SELECT 1 - count(*) FROM pinned_message",
    ),
    "vote taken back here": (
        "WITH v AS (DELETE FROM poll_vote RETURNING poll_id) UPDATE poll SET total_votes = 0 WHERE id IN (TABLE v)",
        lambda w: w.edit_message("poll", text="theirs", at=w.clock()),
        "SELECT 1 - count(*) FROM poll_vote",
    ),
    "roles given on both sides": (
        """UPDATE channel_member SET role = 'admin' FROM channel c
           WHERE c.id = channel_id AND c.name = 'Room' AND user_id = 'cy'""",
        lambda w: w.add_member(ROOM, "cy", created_at=OLD, channel_role="channel_moderator", role="moderator"),
        "SELECT count(*) FROM channel_member WHERE role = 'admin'",
    ),
    "role given here, left there": (
        """UPDATE channel_member SET role = 'admin' FROM channel c
           WHERE c.id = channel_id AND c.name = 'Room' AND user_id = 'cy'""",
        lambda w: w.remove_member(ROOM, "cy"),
        "SELECT count(*) FROM channel_member WHERE role = 'admin'",
    ),
    "renamed on both sides": (
        "UPDATE channel SET name = 'Mine' WHERE name = 'Room'",
        lambda w: w.update_channel(ROOM, name="Theirs"),
        "SELECT count(*) FROM channel WHERE name = 'Mine'",
    ),
    "profile changed on both sides": (
        "UPDATE app_user SET name = 'Mine' WHERE id = 'bob'",
        lambda w: w.update_user("bob", name="Theirs"),
        "SELECT count(*) FROM app_user WHERE name = 'Mine'",
    ),
}
"""What somebody does in ChatSDK, what happens in Stream, and the question that gives 1 while ChatSDK's side stays."""


@pytest.mark.parametrize("name", CONFLICTS)
def test_conflicts_end_equal_and_no_repair_undoes_them(sides: Sides, name: str) -> None:
    here, there, stays = CONFLICTS[name]
    sides.sql(here)
    there(sides.world)
    report = sides.cut_over()
    assert report.equal, "\n".join(sides.said)
    assert len(report.conflicts) == 1
    assert "repair" not in sides.kinds_asked()
    assert sides.sql(stays) == [(1,)]


DELETED_HERE = """UPDATE message SET text = NULL, attachments = '[]', deleted_at = now(), deleted_by = user_id
    WHERE id IN (SELECT message_id FROM chatsdk_migration.message_map WHERE stream_id = %s)
    RETURNING id, deleted_at, user_id, poll_id"""


@pytest.mark.parametrize("stream_id", ["m1", "poll", "pinned", "thread", "system"])
def test_what_both_sides_deleted_stays_as_it_was_deleted_here(sides: Sides, stream_id: str) -> None:
    """Edited in Stream in between, and deleted there before the next sync."""
    sides.world.add_message(ROOM, "system", user_id=None, type="system", text="cy joined", at=later(sides.world))
    assert sides.cut_over().equal
    deleted = sides.sql(DELETED_HERE, stream_id)
    assert len(deleted) == 1
    sides.world.edit_message(stream_id, text="theirs", at=sides.world.clock())
    sides.world.soft_delete_message(stream_id, at=later(sides.world))
    report = sides.cut_over()
    assert report.equal, "\n".join(sides.said)
    assert "repair" not in sides.kinds_asked()
    assert report.conflicts == []
    assert sides.sql("SELECT id, deleted_at, user_id, poll_id FROM message WHERE id = %s", deleted[0][0]) == deleted


def test_a_wrong_time_of_deletion_is_damage(sides: Sides) -> None:
    """Nobody in ChatSDK deleted it: the time alone explains nothing."""
    sides.world.soft_delete_message("m1", at=later(sides.world))
    assert sides.cut_over().equal
    wrong = "UPDATE message SET deleted_at = now() + interval '1 h' WHERE deleted_at IS NOT NULL RETURNING id"
    assert sides.sql(wrong)
    assert sides.cut_over().equal
    assert "repair" in sides.kinds_asked()
    assert sides.sql("SELECT count(*) FROM message WHERE deleted_at > now() + interval '30 min'") == [(0,)]


def test_a_vote_no_sync_could_see_is_no_vote_taken_back_here(sides: Sides) -> None:
    """On a poll older than all that syncs read again, by somebody who uses ChatSDK already."""
    sides.cut_over()
    sides.sql("UPDATE app_user SET last_active_at = now() WHERE id = 'cy'")
    sides.world.add_vote("p1", option_id="o2", user_id="cy")
    assert sides.cut_over(sync_rescan_days=0.01).equal
    assert sides.sql("SELECT option_id FROM poll_vote WHERE user_id = 'cy'") == [("o2",)]


def test_what_a_repair_brought_back_may_be_taken_away_here(sides: Sides) -> None:
    sides.sql("DELETE FROM reaction")
    sides.sql("DELETE FROM poll_vote")
    sides.sql("DELETE FROM pinned_message")
    sides.sql("DELETE FROM chatsdk_migration.carried")
    with Migration(sides.settings()) as migration:
        assert set(verify_channel(migration, ROOM, mend=True).repaired) >= {"reactions", "votes", "pins"}
        sides.sql("UPDATE app_user SET last_active_at = now() WHERE id = 'cy'")
        sides.sql("DELETE FROM reaction WHERE user_id = 'cy'")
        assert verify_channel(migration, ROOM, mend=True).repaired == {}
    assert sides.sql("SELECT user_id FROM reaction") == [("ann",)]
