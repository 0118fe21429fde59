"""Dagster's own database from the command line: not there yet, made by several at once, gone in the middle.

Not here: the embedded server (``postgres/test_embedded.py``), the words of each trouble (``unit/test_trouble.py``).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from psycopg import sql

from chatsdk_migration.cli.exclusive import LOCK_KEY
from chatsdk_migration.cli.session import prepare
from chatsdk_migration.demo.workspaces import sample_workspace
from chatsdk_migration.errors import PermanentError
from chatsdk_migration.postgres.embedded import EmbeddedPostgres
from chatsdk_migration_tests.conftest import Serve, TargetDatabase, fresh_database, open_directory
from chatsdk_migration_tests.end_to_end.checking import assert_equal_sides
from chatsdk_migration_tests.end_to_end.program import PATIENCE_SECONDS, PROJECT, Program

AT_ONCE = 3
CALL_OF_THE_LOSS = 120
"""Of about 420 that a migration of the sample workspace makes."""


@pytest.fixture
def program(target: TargetDatabase, stream: Serve, tmp_path: Path) -> Iterator[Program]:
    """The program on a database without a table, which its first commands must make."""
    with fresh_database(target.server, "dagster_records") as storage:
        yield Program(stream(sample_workspace()), target, storage, tmp_path)


def allow_connections(program: Program, *, allowed: bool) -> None:
    """Let the database of Dagster's records take connections, or end them all and refuse new ones."""
    name = sql.Identifier(program.storage)
    with program.target.server.connect() as conn:
        conn.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}").format(name, sql.SQL(str(allowed))))
        if not allowed:
            conn.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [program.storage])


def test_records_that_are_gone_in_the_middle_are_one_message(program: Program) -> None:
    served, lost = count(1), threading.Lock()

    def before_answer(*_: Any) -> None:
        with lost:
            if next(served) == CALL_OF_THE_LOSS:
                allow_connections(program, allowed=False)

    program.server.before_answer = before_answer
    said = program.run("import-stream", expect=2)
    program.server.before_answer = None
    assert f"Dagster's own database at 127.0.0.1:{program.target.server.port} is gone" in said
    assert said.count("--resume") == 1, said
    for noise in ("Traceback", "[SQL", "INSERT", "WARNING", "psycopg2", "messaging:"):
        assert noise not in said, said
    allow_connections(program, allowed=True)
    program.run("import-stream", "--resume")
    assert_equal_sides(sample_workspace(), program.target)


def test_first_commands_at_the_same_time_do_not_disturb_each_other(program: Program) -> None:
    started = [program.start("status") for _ in range(AT_ONCE)]
    said = {process.communicate(timeout=PATIENCE_SECONDS)[0] for process in started}
    assert [process.returncode for process in started] == [0] * AT_ONCE, said
    (only,) = said
    assert "No run has carried channels yet.\n" in only
    assert "Retrying" not in only


@pytest.fixture
def home() -> Iterator[Path]:
    directory = open_directory()
    yield directory / "dagster"
    EmbeddedPostgres(directory / "dagster" / "postgres").stop()
    shutil.rmtree(directory)


def run(home: Path, *arguments: str, expect: int = 0) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DAGSTER_PG")}
    environment |= {"DAGSTER_HOME": str(home), "PYTHONPATH": str(PROJECT), "CHATSDK_APP_ID": "", "DB_PORT": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "chatsdk_migration.cli", *arguments],
        env=environment,
        cwd=home.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )
    assert done.returncode == expect, done.stdout
    return done.stdout


def test_the_embedded_server_is_announced_and_can_be_stopped(home: Path) -> None:
    assert f"No migration here yet (DAGSTER_HOME {home})" in run(home, "status")
    assert not home.exists(), "looking must not make anything"
    home.mkdir()
    (home / "dagster.yaml").write_text((PROJECT / "dagster.yaml").read_text())
    started = f"Started PostgreSQL for Dagster's records in {home / 'postgres'}; `chatsdk-migrate stop` ends it."
    assert started in run(home, "status")
    assert "Started" not in run(home, "status")
    server = EmbeddedPostgres(home / "postgres").running()
    assert server
    with server.connect("dagster") as conn:  # as a command does that waits between two syncs
        conn.execute("SELECT pg_advisory_lock(%s)", [LOCK_KEY])
        assert "another chatsdk-migrate is at work" in run(home, "stop", expect=2)
    assert "Stopped PostgreSQL" in run(home, "stop")
    assert EmbeddedPostgres(home / "postgres").running() is None
    assert "No PostgreSQL runs" in run(home, "stop")


@pytest.mark.parametrize("place", ["/proc/nothing", "file", "file/inside"])
def test_an_unusable_home_is_named_before_any_database_is_made(home: Path, place: str) -> None:
    (home.parent / "file").touch()
    unusable = home.parent / place
    with pytest.raises(PermanentError, match=f"preparing DAGSTER_HOME {unusable}: "):
        prepare(unusable)
    assert [path.name for path in home.parent.iterdir()] == ["file"]
