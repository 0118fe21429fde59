"""Whatever dies on the way, the next run finishes with the rows of an undisturbed one.

Here: the migrating process killed by SIGKILL at many points, PostgreSQL killed under it. Not here: Dagster's own
bookkeeping of killed runs.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from chatsdk_migration.demo.server import StreamServer
from chatsdk_migration.demo.workspaces import sample_workspace
from chatsdk_migration.errors import MigrationError
from chatsdk_migration.postgres.embedded import EmbeddedPostgres
from chatsdk_migration_tests import conftest
from chatsdk_migration_tests.conftest import Role, Serve, TargetDatabase
from chatsdk_migration_tests.end_to_end import driver
from chatsdk_migration_tests.end_to_end.checking import assert_equal_sides
from chatsdk_migration_tests.end_to_end.victim import PATIENCE_SECONDS, Victim

KILLS_IN_A_ROW = 6
SMALL_BATCH = 40
"""Messages in a transaction: few, so that kills fall between the transactions of one channel too."""
LAST_CALL = 400
LAST_STATEMENT = 2400
"""A run of the sample workspace makes about 420 calls and, even when nothing is left to load, 2,500 statements."""
ROLES: list[Role] = ["loader", "ordinary"]


def _points(seed: int, low: int, high: int) -> list[int]:
    """Pseudo-random points, spread over the whole run."""
    chance = random.Random(seed)
    step = (high - low) / KILLS_IN_A_ROW
    return [int(low + step * (number + chance.random())) for number in range(KILLS_IN_A_ROW)]


@pytest.mark.parametrize("role", ROLES)
def test_killed_by_the_number_of_calls(target: TargetDatabase, stream: Serve, tmp_path: Path, role: Role) -> None:
    world = sample_workspace()
    victim = Victim(driver, stream(world), target.settings(role, message_batch_size=SMALL_BATCH), tmp_path)
    for calls in _points(ROLES.index(role), 2, LAST_CALL):
        victim.kill_after_calls(calls)
    victim.finish()
    assert_equal_sides(world, target)


@pytest.mark.parametrize("role", ROLES)
def test_killed_by_the_number_of_statements(target: TargetDatabase, stream: Serve, tmp_path: Path, role: Role) -> None:
    world = sample_workspace()
    victim = Victim(driver, stream(world), target.settings(role, message_batch_size=SMALL_BATCH), tmp_path)
    for statements in _points(ROLES.index(role), 10, LAST_STATEMENT):
        victim.kill_after_statements(statements)
    victim.finish()
    assert_equal_sides(world, target)


@pytest.fixture
def own_cluster() -> Iterator[EmbeddedPostgres]:
    """A PostgreSQL that may be killed."""
    home = conftest.open_directory()
    postgres = EmbeddedPostgres(home, durable=False)
    try:
        conftest.prepare_template(postgres.start())
        yield postgres
    finally:
        postgres.stop()
        shutil.rmtree(postgres.home, ignore_errors=True)
        shutil.rmtree(home, ignore_errors=True)


@pytest.mark.parametrize("calls", [90, 220])
def test_postgres_killed_in_the_middle(own_cluster: EmbeddedPostgres, stream: Serve, calls: int) -> None:
    """The database dies and comes back while channels are under way; what did not ride it out, the next run does."""
    world = sample_workspace()
    database, source = own_cluster.start(), stream(world)
    target = TargetDatabase(database, conftest.TEMPLATE)
    revival = _at_call(source, calls, lambda: _kill_and_revive(own_cluster, database.data_dir))
    with suppress(MigrationError):  # riding it out and giving up with advice are both right
        driver.migrate(source.url, target.settings())
    revival()
    second = driver.migrate(source.url, target.settings())
    assert second.problems == {}
    assert_equal_sides(world, target)


def _at_call(source: StreamServer, calls: int, act: Callable[[], None]) -> Callable[[], None]:
    """Do something in a thread when call number ``calls`` is served; the result waits until it is done."""
    served, done = count(1), threading.Event()

    def whole() -> None:
        act()
        done.set()

    def before_answer(*_: Any) -> None:
        if next(served) == calls:
            threading.Thread(target=whole).start()

    source.before_answer = before_answer
    return lambda: _assert_done(done)


def _assert_done(done: threading.Event) -> None:
    assert done.wait(PATIENCE_SECONDS), "the point was never reached"


def _kill_and_revive(postgres: EmbeddedPostgres, data_dir: Path) -> None:
    postmaster = int((data_dir / "postmaster.pid").read_text().splitlines()[0])
    os.kill(postmaster, signal.SIGKILL)
    postgres.start()
