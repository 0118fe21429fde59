"""Syncs and cutovers killed by SIGKILL, one time after the other; what runs then ends as if nothing had been killed.

Here: kills by the number of calls, by the number of statements, before every step of a cutover; the end is compared row
by row with the end of an undisturbed run from the same beginning. Not here: killed first loads (``test_killing.py``).
"""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from chatsdk_migration.cutover.model import STEPS
from chatsdk_migration.demo.server import StreamServer
from chatsdk_migration.demo.target import live_send
from chatsdk_migration.demo.world import World
from chatsdk_migration.identity import channel_id
from chatsdk_migration_tests.conftest import APP_ID, TargetDatabase
from chatsdk_migration_tests.end_to_end import driver, week_driver
from chatsdk_migration_tests.end_to_end.test_sync import ROOM, TEAM, _everything, assert_followed, build, migrated

PROJECT = Path(__file__).parents[2]
PATIENCE_SECONDS = 120
CALLS = (2, 4, 7, 10, 13, 17)
STATEMENTS = (12, 40, 60, 75, 95, 120, 150)
CUTOVER_CALLS = (3, 9, 16, 24)
CUTOVER_STATEMENTS = (45, 90, 140, 190, 260, 330)
Kill = Callable[["Killed", Any], int]


@dataclass
class Killed:
    """A migrated world that has gone on, and a database that may be used up."""

    world: World
    server: StreamServer
    target: TargetDatabase
    said: Path

    def run(self, what: str, **environment: str) -> subprocess.Popen[bytes]:
        """Start a sync or a cutover."""
        settings = self.target.settings()
        variables = driver.environment(self.server.url, settings) | {"PYTHONPATH": str(PROJECT)} | environment
        command = [sys.executable, "-m", week_driver.__name__, what]
        with self.said.open("wb") as said:
            return subprocess.Popen(command, env=variables, cwd=self.said.parent, stderr=said, stdout=said)

    def finish(self, what: str) -> None:
        """Let one come to its end."""
        assert self.run(what).wait(PATIENCE_SECONDS) == 0, self.said.read_text()

    def kill_after_calls(self, what: str, calls: int) -> int:
        """Let one make so many calls to Stream, then kill it; give its exit code."""
        served, started = count(1), threading.Event()

        def before_answer(*_: Any) -> None:
            started.wait()
            if next(served) == calls:
                process.send_signal(signal.SIGKILL)

        self.server.before_answer = before_answer
        process = self.run(what)
        started.set()
        try:
            return process.wait(PATIENCE_SECONDS)
        finally:
            self.server.before_answer = None

    def kill_after_statements(self, what: str, statements: int) -> int:
        """Let one send so many statements, then have it kill itself; give its exit code."""
        return self.run(what, **{driver.KILL_AFTER_STATEMENTS: str(statements)}).wait(PATIENCE_SECONDS)

    def kill_at_step(self, step: str) -> int:
        """Let a cutover come to a step, then have it kill itself; give its exit code."""
        return self.run("cutover", **{week_driver.KILL_AT_STEP: step}).wait(PATIENCE_SECONDS)


@contextmanager
def copied(target: TargetDatabase, name: str) -> Iterator[TargetDatabase]:
    """A database like this one, with nobody in it yet."""
    ident, role = sql.Identifier(name), sql.Identifier("loader")
    with target.server.connect() as conn:
        conn.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()",
            [target.name],
        )
        conn.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(ident, sql.Identifier(target.name)))
        conn.execute(sql.SQL("GRANT CREATE ON DATABASE {} TO {}").format(ident, role))
    try:
        yield TargetDatabase(target.server, name)
    finally:
        with target.server.connect() as conn:
            conn.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(ident))


@pytest.fixture
def both(target: TargetDatabase, tmp_path: Path) -> Iterator[tuple[Killed, Killed]]:
    """The same beginning twice: one to be killed, one to be left alone."""
    with migrated(build(), target) as sides:
        sides.sync()
        with target.superuser() as conn:
            live_send(conn, APP_ID, channel_id(APP_ID, ROOM), "cy", "written here")
            conn.execute("UPDATE channel SET name = 'Ours' WHERE id = %s", [channel_id(APP_ID, TEAM)])
        _everything(sides.world)
        sides.world.update_channel(TEAM, name="Theirs")
        with copied(target, f"{target.name}_undisturbed") as other:
            yield (
                Killed(sides.world, sides.server, target, tmp_path / "killed.txt"),
                Killed(sides.world, sides.server, other, tmp_path / "undisturbed.txt"),
            )


COMPARED = (
    "app_user",
    "channel",
    "channel_seq",
    "channel_member",
    "message",
    "user_message",
    "reaction",
    "mention",
    "pinned_message",
    "poll",
    "poll_vote",
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


def assert_same_end(killed: Killed, undisturbed: Killed, what: str) -> None:
    killed.finish(what)
    undisturbed.finish(what)
    ours, theirs = picture(killed.target), picture(undisturbed.target)
    for name in COMPARED:
        assert ours[name] == theirs[name], name
    assert ours["event_outbox"] == []
    assert [(row["cid"], row["entity"]) for row in ours["chatsdk_migration.conflict"]] == [(TEAM, "channel")]
    assert_followed(killed.world, killed.target, frozenset({"unmapped_messages", "channels"}))


def test_a_sync_killed_after_ever_more_calls(both: tuple[Killed, Killed]) -> None:
    killed, undisturbed = both
    for calls in CALLS:
        assert killed.kill_after_calls("sync", calls) == -signal.SIGKILL, killed.said.read_text()
    assert_same_end(killed, undisturbed, "sync")


def test_a_sync_killed_after_ever_more_statements(both: tuple[Killed, Killed]) -> None:
    killed, undisturbed = both
    for statements in STATEMENTS:
        assert killed.kill_after_statements("sync", statements) == -signal.SIGKILL, killed.said.read_text()
    assert_same_end(killed, undisturbed, "sync")


def test_a_cutover_killed_before_each_of_its_steps(both: tuple[Killed, Killed]) -> None:
    killed, undisturbed = both
    died = [step for step in STEPS if killed.kill_at_step(step) == -signal.SIGKILL]
    assert set(died) >= set(STEPS) - {"repair"}, killed.said.read_text()
    assert_same_end(killed, undisturbed, "cutover")


def test_a_cutover_killed_in_the_middle_of_its_steps(both: tuple[Killed, Killed]) -> None:
    killed, undisturbed = both
    for calls in CUTOVER_CALLS:
        assert killed.kill_after_calls("cutover", calls) == -signal.SIGKILL, killed.said.read_text()
    for statements in CUTOVER_STATEMENTS:
        assert killed.kill_after_statements("cutover", statements) == -signal.SIGKILL, killed.said.read_text()
    assert_same_end(killed, undisturbed, "cutover")
