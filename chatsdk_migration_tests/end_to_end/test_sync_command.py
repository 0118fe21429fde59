"""``chatsdk-migrate sync`` as a stranger uses it: once, again and again, interrupted, beside a load.

Here: exit codes and what is read, from processes of their own. Not here: what a sync does (``test_sync.py``).
"""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.utils import make_new_run_id
from psycopg import sql

from chatsdk_migration.definitions import build_definitions
from chatsdk_migration.demo.world import World
from chatsdk_migration.instance.worker import Worker
from chatsdk_migration.postgres.embedded import EmbeddedServer
from chatsdk_migration_tests.conftest import Serve, TargetDatabase
from chatsdk_migration_tests.end_to_end.test_command_line import PATIENCE_SECONDS, Program

NOW = datetime.now(UTC)
_numbers = count(1)


@pytest.fixture
def world() -> World:
    world = World()
    world.add_user("ann", created_at=NOW)
    for name in ("general", "other"):
        world.add_channel(f"team:{name}", created_by="ann", created_at=NOW, members=("ann",))
        world.add_message(f"team:{name}", f"first of {name}", user_id="ann", text="hello", at=NOW)
    return world


@pytest.fixture
def program(
    world: World, target: TargetDatabase, stream: Serve, cluster: EmbeddedServer, tmp_path: Path
) -> Iterator[Program]:
    storage = f"dagster_sync_{next(_numbers)}"
    cluster.ensure_database(storage)
    with target.superuser() as conn:
        conn.execute(
            "GRANT DELETE ON channel_member, reaction, mention, pinned_message, poll_vote, user_message TO loader"
        )
    yield Program(stream(world), target, storage, tmp_path)
    with cluster.connect() as conn:
        conn.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(storage)))


def lines_until(process: subprocess.Popen[str], wanted: str) -> str:
    """Read what the program says until it says this."""
    said = ""
    assert process.stdout is not None
    for line in process.stdout:
        said += line
        if wanted in line:
            return said
    raise AssertionError(said)


def test_once_and_again_and_what_stops_it(program: Program, world: World) -> None:
    program.run("import-stream")
    world.edit_message("first of general", text="other words")
    said = program.run("sync", "--once")
    assert "A sync needs about" in said
    assert " takes " not in said, "one sync alone has no share of the limits"
    assert " UTC: 2 channels looked at, 1 changed (messages changed 1); 0 conflicts stand" in said

    world.add_message("team:other", "second", user_id="ann", text="more", at=world.clock())
    process = program.start("sync", "--every", "1h")
    said = lines_until(process, "Next sync in")
    assert "1 changed (messages added 1" in said
    assert said.splitlines()[-1].endswith(" UTC; Ctrl-C ends.")
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 130
    assert "Stopped between two syncs: nothing is left half done." in rest
    assert "--resume" not in rest
    assert "Traceback" not in rest

    process = program.start("sync", "--every", "1s")
    for _ in range(2):
        assert "0 changed; 0 conflicts" in lines_until(process, "Next sync in")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 130
    assert "no interval" in program.run("sync", "--every", "soon", expect=2)
    assert "--once and --every" in program.run("sync", "--once", "--every", "1h", expect=2)


def test_a_sync_and_a_load_keep_out_of_each_others_way(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    program.run("import-stream")
    for name in ("DAGSTER_HOME", *(name for name in program.environment if name.startswith("DAGSTER_PG_"))):
        monkeypatch.setenv(name, program.environment[name])
    load = build_definitions().resolve_job_def("full_migration")
    with dg.DagsterInstance.from_config(program.environment["DAGSTER_HOME"]) as instance:
        # A run of the web UI, in a process that lives: this one.
        run_id = make_new_run_id()
        run = instance.create_run_for_job(
            load, run_id=run_id, status=dg.DagsterRunStatus.STARTED, tags=Worker.here(run_id).tags()
        )
        said = program.run("sync", expect=1)
        assert "No sync beside a run of full_migration: let it end first." in said
        instance.report_run_failed(run)
    process = program.start("sync", "--every", "1h")
    lines_until(process, "Next sync in")
    try:
        assert "another chatsdk-migrate is" in program.run("sync", expect=2)
        assert "another chatsdk-migrate is" in program.run("import-stream", "--resume", expect=2)
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE_SECONDS)
    assert "channels looked at" in program.run("sync")
