"""``chatsdk-migrate cutover`` as a stranger uses it: the real program, Dagster's records on PostgreSQL.

Guards: exit codes, what is said, answers from a terminal, a kill in each step, no rehearsal that writes. Not here: the
steps in detail (``test_cutover.py``).
"""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from shutil import copytree

import pytest

from chatsdk_migration.demo.server import StreamServer
from chatsdk_migration.demo.world import World
from chatsdk_migration.postgres.embedded import EmbeddedServer
from chatsdk_migration_tests.conftest import (
    Serve,
    empty_of_people,
    fresh_database,
    fresh_target,
)
from chatsdk_migration_tests.end_to_end.checking import snapshot
from chatsdk_migration_tests.end_to_end.program import PATIENCE_SECONDS, Program
from chatsdk_migration_tests.end_to_end.test_sync import GRANTS, ROOM, assert_followed, build

OK, NOT_EQUAL, BAD_INPUT = 0, 1, 2
STEPS = ("readiness", "freeze", "final_sync", "look", "verify", "repair", "last_look", "proof")
DYING = """
import os, signal, sys
from chatsdk_migration.cutover import engine
ends = engine._Cutover._step
def step(self, name, work, **more):
    def dying():
        if name == os.environ["DIE_IN"]:
            work()
            os.kill(os.getpid(), signal.SIGKILL)
        return work()
    return ends(self, name, dying, **more)
engine._Cutover._step = step
frozen = engine._Cutover._frozen
def freeze(self, since):
    if os.environ["DIE_IN"] == "freeze":
        os.kill(os.getpid(), signal.SIGKILL)
    frozen(self, since)
engine._Cutover._frozen = freeze
from chatsdk_migration.cli import main
sys.argv = ["chatsdk-migrate", *sys.argv[1:]]
main()
"""
"""The program, killed at the end of a step, before anybody noted that it has ended."""


@pytest.fixture(scope="module")
def imported(
    cluster: EmbeddedServer, records_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Program]:
    """What ``import-stream`` has left behind, to be copied: target, records and DAGSTER_HOME."""
    home = tmp_path_factory.mktemp("imported")
    with (
        fresh_target(cluster) as target,
        fresh_database(cluster, "dagster", records_template) as storage,
        StreamServer(build()) as server,
    ):
        with target.superuser() as conn:
            conn.execute(GRANTS)
        program = Program(server, target, storage, home)
        program.run("import-stream")
        for name in (target.name, storage):
            empty_of_people(cluster, name)
        yield program


@pytest.fixture
def world() -> World:
    """As when it was imported."""
    return build()


@pytest.fixture
def loaded(imported: Program, world: World, stream: Serve, tmp_path: Path) -> Iterator[Program]:
    """The program after the first load, on copies of all that it left behind."""
    server = imported.target.server
    copytree(imported.home / "dagster", tmp_path / "dagster")
    with (
        fresh_target(server, imported.target.name) as target,
        fresh_database(server, "dagster", imported.storage) as storage,
    ):
        yield Program(stream(world), target, storage, tmp_path)


@pytest.mark.parametrize("switches", [("--thaw", "--dry-run"), ("--dry-run", "--yes"), ("--repair",)], ids=" ".join)
def test_switches_that_mean_nothing_together_are_refused(loaded: Program, switches: tuple[str, ...]) -> None:
    assert "reading the command line" in loaded.run("cutover", *switches, expect=BAD_INPUT)


def test_from_not_ready_over_a_rehearsal_to_equal_sides(loaded: Program, world: World) -> None:
    assert "the whole was never verified" in loaded.run("status")
    said = loaded.run("cutover", "--yes", expect=NOT_EQUAL)
    assert "Not ready for the switch, because" in said
    assert "Stopped: not ready" in said
    loaded.run("sync")
    loaded.run("verify")
    assert "Ready for the switch." in loaded.run("status")
    world.add_message(ROOM, "late", user_id="bob", text="new", at=datetime.now(UTC))
    with loaded.target.superuser() as conn:
        before = snapshot(conn)
    said = loaded.run("cutover", "--dry-run", "--sample", "100%", expect=NOT_EQUAL)
    assert "Expected freeze: about" in said
    assert "nothing was changed" in said
    with loaded.target.superuser() as conn:
        assert snapshot(conn) == before
    said = loaded.run("cutover", "--yes")
    assert "Both sides are equal." in said
    assert "Switch now:" in said
    assert "as the one of" in said  # the length of the freeze, from what the verification took
    assert_followed(world, loaded.target)
    assert "ended with equal sides: switch as its proof says" in loaded.run("status")


def test_in_a_pipe_without_yes_it_says_so(loaded: Program) -> None:
    process = subprocess.run(
        [sys.executable, "-m", "chatsdk_migration.cli", "cutover"],
        env=loaded.environment,
        cwd=loaded.home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert process.returncode == BAD_INPUT
    assert "--yes" in process.stderr


def test_questions_are_answered_in_a_terminal(loaded: Program, world: World) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "chatsdk_migration.cli", "cutover"],
        env=loaded.environment | {"TERM": "dumb"},
        cwd=loaded.home,
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    os.write(ours, b"y\nyes\n")
    said, _ = process.communicate(timeout=PATIENCE_SECONDS)
    os.close(ours)
    os.close(theirs)
    assert process.returncode == OK, said
    assert "Go on all the same? [y/N]" in said
    assert "Are writes in Stream frozen? [y/N]" in said


def test_killed_in_every_step_one_after_the_other_it_goes_on(loaded: Program, world: World) -> None:
    world.soft_delete_message("m2")
    for step in STEPS:
        process = subprocess.run(
            [sys.executable, "-c", DYING, "cutover", "--yes", "--skip-readiness"],
            env=loaded.environment | {"DIE_IN": step},
            cwd=loaded.home,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        assert process.returncode == -signal.SIGKILL, process.stdout + process.stderr
        assert ("Going on with the cutover" in process.stdout) is (step != STEPS[0])
    said = loaded.run("cutover", "--yes", "--skip-readiness")
    assert "Both sides are equal." in said
    assert "Going on with the cutover" not in said, "the proof itself had ended the one before"
    assert_followed(world, loaded.target)


def test_it_keeps_away_from_a_sync_that_goes_on(loaded: Program) -> None:
    other = loaded.start("sync", "--every", "1h")
    try:
        assert other.stdout is not None
        while "Synced to" not in other.stdout.readline():
            assert other.poll() is None
        assert "another chatsdk-migrate" in loaded.run("cutover", "--yes", expect=BAD_INPUT)
    finally:
        other.send_signal(signal.SIGINT)
        other.wait(PATIENCE_SECONDS)


def test_thaw_ends_the_cutover_under_way(loaded: Program) -> None:
    loaded.run("cutover", "--yes", expect=NOT_EQUAL)
    assert "A cutover is under way" in loaded.run("status")
    said = loaded.run("cutover", "--thaw")
    assert "The cutover is ended" in said
    assert "thaw.py" in said
    assert "thawed" in loaded.run("status")
