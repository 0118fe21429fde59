"""Several processes that read one Stream app keep to its limits together."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from math import inf, isfinite, nan
from pathlib import Path

import pytest

from chatsdk_migration.demo.options import ServerOptions
from chatsdk_migration.demo.server import StreamServer
from chatsdk_migration.stream.board import Board, Record
from chatsdk_migration.stream.endpoints import Endpoint
from chatsdk_migration.stream.pacing import Pacer
from chatsdk_migration_tests.unit.stream_world import KEY, SECRET, channel_world

LIMIT = 900
"""Calls a minute: thirty within any second."""
CALLS, PROCESSES = 40, 3

READER = f"""
import sys
from chatsdk_migration.settings import Settings
from chatsdk_migration.stream.client import StreamClient
from chatsdk_migration.stream.endpoints import Endpoint

with StreamClient(Settings.load()) as client:
    client.get("users", {{"payload": {{"filter_conditions": {{}}, "limit": 1}}}}, endpoint=Endpoint.QUERY_USERS)
    print("ready", flush=True)
    sys.stdin.readline()
    list(client.together(lambda _: client.get("users", {{"payload": {{"filter_conditions": {{}}, "limit": 1}}}},
        endpoint=Endpoint.QUERY_USERS), list(range({CALLS}))))
"""


def test_processes_together_are_never_refused(tmp_path: Path) -> None:
    options = ServerOptions(rate_limits=True)
    options.limits["QueryUsers"] = LIMIT
    with StreamServer(channel_world(), api_key=KEY, api_secret=SECRET, options=options) as server:
        environment = os.environ | {
            "DAGSTER_HOME": str(tmp_path),
            "STREAM_API_KEY": KEY,
            "STREAM_API_SECRET": SECRET,
            "STREAM_CHAT_URL": server.url,
        }
        readers = [_reader(environment) for _ in range(PROCESSES)]
        for reader in readers:
            assert reader.stdout is not None
            assert reader.stdout.readline() == "ready\n"
        for reader in readers:
            assert reader.stdin is not None
            reader.stdin.write("go\n")
            reader.stdin.flush()
        assert [reader.wait(60) for reader in readers] == [0] * PROCESSES
        assert server.answers["QueryUsers", 200] == (CALLS + 1) * PROCESSES
        # Each by itself would keep to the limit, and two thirds of all calls would be refused. A busy machine may
        # bunch a few.
        assert server.answers["QueryUsers", 429] <= 3


BROKEN: list[Record] = [
    (nan, 0.0, 1.0, 0.0),
    (1.0, nan, 1.0, 0.0),
    (0.0, 0.0, nan, 1.0),
    (1.0, 1.0, 0.0, 1.0),
    (inf, 0.0, 1.0, 0.0),
]


@pytest.mark.parametrize("left", BROKEN)
def test_what_a_broken_file_says_of_the_pace_is_not_believed(tmp_path: Path, left: Record) -> None:
    board, place = Board(tmp_path / "pace"), list(Endpoint).index(Endpoint.QUERY_USERS)
    with board.held():
        board.write(place, left)
    pacer = Pacer(0.5, threading.Event(), board)
    for _ in range(3):
        pacer.wait(Endpoint.QUERY_USERS.value)
    with board.held():
        found = board.read(place)
    assert found is not None
    next_at, blocked_until, factor, _ = found
    assert next_at > 0, "the calls stand in a row"
    assert isfinite(next_at)
    assert (blocked_until, factor) == (0.0, 1.0)


def _reader(environment: dict[str, str]) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", READER]
    return subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
