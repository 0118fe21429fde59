"""Runs with many channels, which worker processes share.

Guards: the same sides as without them, a worker that is killed, workers that outlive nobody, an interrupt.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from itertools import count
from typing import Any

import psutil
import pytest

from chatsdk_migration.demo.sizes import Scale, build_scale
from chatsdk_migration.demo.world import World
from chatsdk_migration.resources import StreamCarrier
from chatsdk_migration_tests.conftest import Serve, TargetDatabase
from chatsdk_migration_tests.end_to_end.checking import assert_equal_sides
from chatsdk_migration_tests.end_to_end.forking import Forked
from chatsdk_migration_tests.end_to_end.program import PATIENCE_SECONDS, Program, program

__all__ = ["program"]  # a fixture

CHANNELS = 320
TWO = {"CHATSDK_MIGRATION_WORKER_PROCESSES": "2"}


@pytest.fixture
def world() -> World:
    return build_scale(Scale(users=40, channels=CHANNELS, messages=6 * CHANNELS))


def workers_of(process: Forked) -> list[psutil.Process]:
    children = psutil.Process(process.pid).children(recursive=True)
    return [child for child in children if "chatsdk_migration.crew" in child.cmdline()]


def at_call(program: Program, number: int, work: Callable[[], None]) -> None:
    """Do something while the server answers its call of that number to query a channel."""
    served = count(1)

    def before(endpoint: str, _: dict[str, Any]) -> None:
        if endpoint == "GetOrCreateChannel" and next(served) == number:
            work()

    program.server.before_answer = before


def test_channels_carried_by_two_workers_are_equal(program: Program, world: World) -> None:
    seen: list[psutil.Process] = []
    ready = threading.Event()
    at_call(program, 100, lambda: (ready.wait(), seen.extend(workers_of(process)))[0])
    process = program.start("import-stream", **TWO)
    ready.set()
    said, _ = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0, said
    assert len(seen) == 2
    assert f"{CHANNELS} of {CHANNELS} channels" in said
    assert_equal_sides(world, program.target)


def test_a_killed_worker_ends_the_run_with_its_reason(program: Program, world: World) -> None:
    ready = threading.Event()
    at_call(program, 120, lambda: (ready.wait(), workers_of(process)[1].kill())[0])
    process = program.start("import-stream", **TWO)
    ready.set()
    said, _ = process.communicate(timeout=PATIENCE_SECONDS)
    program.server.before_answer = None
    assert process.returncode not in {0, 130}, said
    assert "is gone (killed by signal 9)" in said
    assert "lower worker_processes" in said
    program.run("import-stream", "--resume", **TWO)
    assert_equal_sides(world, program.target)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_workers_outlive_nobody(program: Program, world: World, how: signal.Signals) -> None:
    left: list[psutil.Process] = []
    ready = threading.Event()

    def end() -> None:
        ready.wait()
        left.extend(workers_of(process))
        process.send_signal(how)

    at_call(program, 120, end)
    process = program.start("import-stream", **TWO)
    ready.set()
    said, _ = process.communicate(timeout=PATIENCE_SECONDS)
    program.server.before_answer = None
    assert len(left) == 2
    assert psutil.wait_procs(left, timeout=PATIENCE_SECONDS)[1] == [], said
    program.run("import-stream", "--resume", **TWO)
    assert_equal_sides(world, program.target)


def test_the_largest_channel_is_begun_first(stream: Serve, target: TargetDatabase) -> None:
    world = skewed_workspace()
    server = stream(world)
    carrier = StreamCarrier(target.settings(stream_chat_url=server.url), "")
    try:
        for batch in carrier.channels():
            carrier.store_channels(batch)
        cids = sorted(world.channels)
        sizes = [len(world.channels[cid].everything) for cid in carrier.prepare(cids)]
        assert sizes == sorted(sizes, reverse=True)
        assert sizes[0] > 4 * sizes[-1]
    finally:
        carrier.close()


def skewed_workspace() -> World:
    return build_scale(Scale(users=20, channels=8, messages=400), even=False)
