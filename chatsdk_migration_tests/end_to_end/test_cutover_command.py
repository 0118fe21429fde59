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
from datetime import UTC, datetime

import pytest

from chatsdk_migration.demo.world import World
from chatsdk_migration_tests.end_to_end.checking import snapshot
from chatsdk_migration_tests.end_to_end.test_command_line import PATIENCE_SECONDS, Program, program
from chatsdk_migration_tests.end_to_end.test_sync import GRANTS, ROOM, assert_followed, build

__all__ = ["program"]  # a fixture

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


@pytest.fixture
def world() -> World:
    return build()


@pytest.fixture
def loaded(program: Program) -> Program:
    with program.target.superuser() as conn:
        conn.execute(GRANTS)
    program.run("import-stream")
    return program


@pytest.mark.parametrize("switches", [("--thaw", "--dry-run"), ("--dry-run", "--yes"), ("--repair",)], ids=" ".join)
def test_switches_that_mean_nothing_together_are_refused(program: Program, switches: tuple[str, ...]) -> None:
    assert "reading the command line" in program.run("cutover", *switches, expect=BAD_INPUT)


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
    assert "The last cutover ended" in loaded.run("status")


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


@pytest.mark.parametrize("step", STEPS)
def test_killed_in_a_step_it_goes_on(loaded: Program, world: World, step: str) -> None:
    world.soft_delete_message("m2")
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
    said = loaded.run("cutover", "--yes", "--skip-readiness")
    assert "Both sides are equal." in said
    ended = step == "proof"  # the proof itself ends the cutover
    assert ("Going on with the cutover" in said) is not ended
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
    assert "The cutover is ended." in said
    assert "thaw.py" in said
    assert "thawed" in loaded.run("status")
