"""Syncs and cutovers killed by SIGKILL, one time after the other; what runs then ends as if nothing had been killed.

Here: kills by the number of calls, by the number of statements, before every step of a cutover; the end is compared row
by row with the end of an undisturbed run from the same beginning. Not here: killed first loads (``test_killing.py``).
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from chatsdk_migration.cutover.model import STEPS
from chatsdk_migration.demo.target import WRITABLE_TABLES, live_send
from chatsdk_migration.demo.world import World
from chatsdk_migration.identity import channel_id
from chatsdk_migration_tests.conftest import APP_ID, TargetDatabase, empty_of_people, fresh_target
from chatsdk_migration_tests.end_to_end import week_driver
from chatsdk_migration_tests.end_to_end.test_sync import ROOM, TEAM, _everything, assert_followed, build, migrated
from chatsdk_migration_tests.end_to_end.victim import Victim

CALLS = (2, 4, 6, 8, 10, 12)
STATEMENTS = (12, 40, 60, 75, 95, 120, 150)
CUTOVER_CALLS = (3, 9, 16, 24)
CUTOVER_STATEMENTS = (45, 90, 140, 190, 260, 330)


@dataclass
class Side:
    """A migrated world that has gone on, and a database in which syncs and cutovers are killed, or left alone."""

    world: World
    target: TargetDatabase
    work: Victim

    def kill_at_step(self, step: str) -> bool:
        """Let a cutover come to a step, then have it kill itself; say whether it came to it."""
        code, said = self.work.run("cutover", **{week_driver.KILL_AT_STEP: step})
        assert code in {0, -signal.SIGKILL}, said
        return code != 0


@pytest.fixture
def both(target: TargetDatabase, tmp_path: Path) -> Iterator[tuple[Side, Side]]:
    """The same beginning twice: one to be killed, one to be left alone."""
    with migrated(build(), target) as sides:
        sides.sync()
        with target.superuser() as conn:
            live_send(conn, APP_ID, channel_id(APP_ID, ROOM), "cy", "written here")
            conn.execute("UPDATE channel SET name = 'Ours' WHERE id = %s", [channel_id(APP_ID, TEAM)])
        _everything(sides.world)
        sides.world.update_channel(TEAM, name="Theirs")
        empty_of_people(target.server, target.name)
        with fresh_target(target.server, target.name) as other:
            killed, undisturbed = (
                Side(sides.world, one, Victim(week_driver, sides.server, one.settings(), tmp_path))
                for one in (target, other)
            )
            yield killed, undisturbed


COMPARED = (
    *WRITABLE_TABLES,
    "event_outbox",
    "chatsdk_migration.channel_map",
    "chatsdk_migration.message_map",
    "chatsdk_migration.carried",
    "chatsdk_migration.carried_user",
    "chatsdk_migration.read_position",
    "chatsdk_migration.conflict",
    "chatsdk_migration.quarantine",
    "chatsdk_migration.loss",
)
WHEN_IT_WAS_DONE = ["loaded_at", "gone_at", "mapped_at", "seen_at", "rank", "given_seq", "run_id", "row_digest"]
"""The moment of a run; and how a number was taken, which a run that was cut off does in other steps."""


def picture(target: TargetDatabase) -> dict[str, list[Any]]:
    """Every row, but for moments that belong to the run: a tombstone is dated when the deletion was found."""
    with target.superuser() as conn:
        return {name: _rows(conn, name) for name in COMPARED}


def _rows(conn: psycopg.Connection[Any], table: str) -> list[Any]:
    query = sql.SQL(
        """SELECT CASE WHEN row ? 'deleted_at'
                  THEN row || jsonb_build_object('deleted_at', row ->> 'deleted_at' IS NULL) ELSE row END AS row
           FROM (SELECT to_jsonb(t) - %s::text[] AS row FROM {} t) one ORDER BY 1"""
    ).format(sql.Identifier(*table.split(".")))
    return [row for (row,) in conn.execute(query, [WHEN_IT_WAS_DONE])]


def assert_same_end(killed: Side, undisturbed: Side, what: str) -> None:
    killed.work.finish(what)
    undisturbed.work.finish(what)
    ours, theirs = picture(killed.target), picture(undisturbed.target)
    for name in COMPARED:
        assert ours[name] == theirs[name], name
    assert ours["event_outbox"] == []
    assert [(row["cid"], row["entity"]) for row in ours["chatsdk_migration.conflict"]] == [(TEAM, "channel")]
    assert_followed(killed.world, killed.target, frozenset({"unmapped_messages", "channels"}))


def test_a_sync_killed_after_ever_more_calls(both: tuple[Side, Side]) -> None:
    killed, undisturbed = both
    for calls in CALLS:
        killed.work.kill_after_calls(calls, "sync")
    assert_same_end(killed, undisturbed, "sync")


def test_a_sync_killed_after_ever_more_statements(both: tuple[Side, Side]) -> None:
    killed, undisturbed = both
    for statements in STATEMENTS:
        killed.work.kill_after_statements(statements, "sync")
    assert_same_end(killed, undisturbed, "sync")


def test_a_cutover_killed_before_each_of_its_steps(both: tuple[Side, Side]) -> None:
    killed, undisturbed = both
    died = {step for step in STEPS if killed.kill_at_step(step)}
    assert died >= set(STEPS) - {"repair"}
    assert_same_end(killed, undisturbed, "cutover")


def test_a_cutover_killed_in_the_middle_of_its_steps(both: tuple[Side, Side]) -> None:
    killed, undisturbed = both
    for calls in CUTOVER_CALLS:
        killed.work.kill_after_calls(calls, "cutover")
    for statements in CUTOVER_STATEMENTS:
        killed.work.kill_after_statements(statements, "cutover")
    assert_same_end(killed, undisturbed, "cutover")
