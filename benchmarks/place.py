"""What the benchmarks share: a Stream server, an empty target, the command's environment, and a watch on processes.

Everything runs on this machine: Stream server, PostgreSQL, Dagster and the worker, so a figure says what one machine
does, not what a network allows.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from chatsdk_migration.demo.target import create_app, create_chatsdk, create_role
from chatsdk_migration.postgres.embedded import EmbeddedPostgres, EmbeddedServer

APP_ID = "be4c0000-0000-4000-8000-000000000001"
KEY, SECRET = "bench-key", "bench-secret-that-is-long-enough-for-hs256"
ROLE, PASSWORD = "bench_loader", "bench-password"
SAMPLE_SECONDS = 0.2


def parser() -> argparse.ArgumentParser:
    """Describe the options of one migration."""
    found = argparse.ArgumentParser(description=__doc__)
    found.add_argument("--size", default="medium", help="small, medium, large, enterprise, skewed-SIZE, one-channel")
    found.add_argument("--user-message", default="all", choices=["all", "unread_and_mentions", "none"])
    found.add_argument("--unprivileged", action="store_true", help="a role that may not set session_replication_role")
    found.add_argument("--latency", type=float, default=0.0, help="seconds the Stream server adds to every answer")
    found.add_argument("--rate-limits", action="store_true", help="Stream's standard limits")
    found.add_argument("--in-flight", type=int, default=8, help="channels in flight")
    found.add_argument("--workers", type=int, default=0, help="worker processes; 0: as the setting's default")
    return found


def start_stream(asked: argparse.Namespace) -> subprocess.Popen[str]:
    """Start the Stream server; its first line is its URL."""
    command = [sys.executable, "-m", "chatsdk_migration.demo.server", "--workspace", asked.size]
    command += ["--api-key", KEY, "--secret", SECRET, "--latency", str(asked.latency)]
    command += ["--rate-limits"] if asked.rate_limits else []
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@dataclass(frozen=True)
class Served:
    """What the Stream server has served: calls and limits by endpoint, calls refused, bytes of bodies."""

    calls: dict[str, int]
    limits: dict[str, int]
    refused: int
    bytes: int

    def since(self, before: Served) -> Served:
        """Give what came after."""
        calls = {name: number - before.calls.get(name, 0) for name, number in self.calls.items()}
        return Served(calls, self.limits, self.refused - before.refused, self.bytes - before.bytes)

    @property
    def least_seconds(self) -> float:
        """Give the time that the tightest limit asks for."""
        return max((60 * number / self.limits[name] for name, number in self.calls.items()), default=0.0)


@dataclass(frozen=True)
class Stream:
    """The Stream server in its process."""

    process: subprocess.Popen[str]
    url: str

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    def served(self) -> Served:
        """Ask what it has served so far."""
        assert self.process.stdout is not None
        self.process.send_signal(signal.SIGUSR1)
        told = json.loads(self.process.stdout.readline())
        return Served(told["calls by endpoint"], told["limits a minute"], told["refused"], told["bytes"])


@contextmanager
def stream_server(asked: argparse.Namespace) -> Iterator[Stream]:
    """Serve the workspace asked for."""
    with start_stream(asked) as process:
        assert process.stdout is not None
        try:
            yield Stream(process, process.stdout.readline().strip())
        finally:
            process.terminate()


@dataclass(frozen=True)
class Place:
    """A home directory and a PostgreSQL server, both gone at the end."""

    home: Path
    server: EmbeddedServer

    def new_target(self, name: str, *, privileged: bool = True) -> None:
        """Create a database as ChatSDK leaves it, with one app and the role that loads."""
        self.server.ensure_database(name)
        with self.server.connect(name) as conn:
            create_chatsdk(conn)
            create_app(conn, APP_ID, "Bench")
            create_role(conn, ROLE, PASSWORD, may_set_replication_role=privileged)

    @property
    def postmaster(self) -> int:
        """The server's process id."""
        return int((Path(self.server.data_dir) / "postmaster.pid").read_text().split()[0])


@contextmanager
def place() -> Iterator[Place]:
    """Open a place with an empty database for Dagster."""
    with tempfile.TemporaryDirectory(prefix="chatsdk-bench-") as name:
        home = Path(name)
        home.chmod(0o755)
        postgres = EmbeddedPostgres(home / "postgres")
        server = postgres.start()
        try:
            server.ensure_database("dagster")
            yield Place(home, server)
        finally:
            postgres.stop()


def environment(server: EmbeddedServer, url: str, home: Path, asked: argparse.Namespace) -> dict[str, str]:
    """Give the environment of the command under test."""
    workers = {"CHATSDK_MIGRATION_WORKER_PROCESSES": str(asked.workers)} if asked.workers else {}
    return (
        os.environ
        | workers
        | {
            "STREAM_CHAT_URL": url,
            "STREAM_API_KEY": KEY,
            "STREAM_API_SECRET": SECRET,
            "CHATSDK_APP_ID": APP_ID,
            "DB_HOST": server.host,
            "DB_PORT": str(server.port),
            "DB_NAME": "bench",
            "DB_USER": ROLE,
            "DB_PASSWORD": PASSWORD,
            "DAGSTER_HOME": str(home / "dagster"),
            "DAGSTER_PG_HOST": server.host,
            "DAGSTER_PG_PORT": str(server.port),
            "DAGSTER_PG_DB": "dagster",
            "DAGSTER_PG_USER": server.superuser,
            "DAGSTER_PG_PASSWORD": server.password,
            "CHATSDK_MIGRATION_MAPPING__USER_MESSAGE": asked.user_message,
            "CHATSDK_MIGRATION_CHANNELS_IN_FLIGHT": str(asked.in_flight),
        }
    )


class Watch(threading.Thread):
    """Samples the memory and the CPU seconds of process trees until the first of them ends.

    Args:
        pid: The root of the tree that is watched for memory, and whose end ends the watch.
        others: Further roots by name, for their CPU seconds.
    """

    def __init__(self, pid: int, **others: int) -> None:
        super().__init__(daemon=True)
        self._roots = {"worker": pid} | others
        self._cpu: dict[str, dict[int, float]] = {name: {} for name in self._roots}
        self._before: dict[str, float] = {}
        self.peak_bytes = 0
        for name in others:
            self._sample(name)
            self._before[name] = self._sum(name)

    @property
    def cpu_by_name(self) -> dict[str, float]:
        """CPU seconds of every tree since the watch began; what a process used after its last sample is missing."""
        return {name: self._sum(name) - self._before.get(name, 0.0) for name in self._roots}

    def run(self) -> None:
        """Sample until the first root is gone."""
        while psutil.pid_exists(self._roots["worker"]):
            for name in self._roots:
                self._sample(name)
            time.sleep(SAMPLE_SECONDS)

    def _sum(self, name: str) -> float:
        return sum(self._cpu[name].values())

    def _sample(self, name: str) -> None:
        with suppress(psutil.Error):
            root = psutil.Process(self._roots[name])
            for process in [root, *root.children(recursive=True)]:
                with suppress(psutil.Error):
                    times = process.cpu_times()
                    self._cpu[name][process.pid] = times.user + times.system
                    if name == "worker":
                        self.peak_bytes = max(self.peak_bytes, process.memory_info().rss)


def count_messages(server: EmbeddedServer) -> tuple[int, int]:
    """Count messages and per-user rows in the target."""
    with server.connect("bench") as conn:
        conn.execute("SELECT set_config('app.current_app_id', %s, false)", [APP_ID])
        row = conn.execute("SELECT (SELECT count(*) FROM message), (SELECT count(*) FROM user_message)").fetchone()
        assert row is not None
        return row
