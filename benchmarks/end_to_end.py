"""Times the real command against the demo's Stream server: messages a second, and peak memory of the worker.

Run it with ``make bench`` or ``python benchmarks/end_to_end.py --size medium``. Everything runs on this machine: Stream
server, PostgreSQL, Dagster and the worker, so a figure says what one machine does, not what a network allows.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil

from chatsdk_migration.demo.target import create_app, create_chatsdk, create_role
from chatsdk_migration.postgres.embedded import EmbeddedPostgres, EmbeddedServer

APP_ID = "be4c0000-0000-4000-8000-000000000001"
KEY, SECRET = "bench-key", "bench-secret-that-is-long-enough-for-hs256"
ROLE, PASSWORD = "bench_loader", "bench-password"
SAMPLE_SECONDS = 0.2


def parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    found = argparse.ArgumentParser(description=__doc__)
    found.add_argument("--size", default="medium", help="small, medium, large, enterprise, sample or hard")
    found.add_argument("--user-message", default="all", choices=["all", "unread_and_mentions", "none"])
    found.add_argument("--unprivileged", action="store_true", help="a role that may not set session_replication_role")
    found.add_argument("--latency", type=float, default=0.0, help="seconds the Stream server adds to every answer")
    found.add_argument("--rate-limits", action="store_true", help="Stream's standard limits")
    found.add_argument("--in-flight", type=int, default=8, help="channels in flight")
    return found


def start_stream(asked: argparse.Namespace) -> subprocess.Popen[str]:
    """Start the Stream server; its first line is its URL."""
    command = [sys.executable, "-m", "chatsdk_migration.demo.server", "--workspace", asked.size]
    command += ["--api-key", KEY, "--secret", SECRET, "--latency", str(asked.latency)]
    command += ["--rate-limits"] if asked.rate_limits else []
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def environment(server: EmbeddedServer, url: str, home: Path, asked: argparse.Namespace) -> dict[str, str]:
    """Give the environment of the command under test."""
    return os.environ | {
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


class Watch(threading.Thread):
    """Samples the memory of a process tree and its CPU seconds until it ends."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.root = psutil.Process(pid)
        self.peak_bytes = 0
        self.cpu_seconds = 0.0

    def run(self) -> None:
        """Sample until the process is gone."""
        while True:
            try:
                family = [self.root, *self.root.children(recursive=True)]
                self.peak_bytes = max(self.peak_bytes, max(process.memory_info().rss for process in family))
                times = self.root.cpu_times()
                self.cpu_seconds = times.user + times.system
            except psutil.Error:
                return
            time.sleep(SAMPLE_SECONDS)


def count_messages(server: EmbeddedServer) -> tuple[int, int]:
    """Count messages and per-user rows in the target."""
    with server.connect("bench") as conn:
        conn.execute("SELECT set_config('app.current_app_id', %s, false)", [APP_ID])
        row = conn.execute("SELECT (SELECT count(*) FROM message), (SELECT count(*) FROM user_message)").fetchone()
        assert row is not None
        return row


def main() -> int:
    """Run one migration and print its figures."""
    asked = parser().parse_args()
    with tempfile.TemporaryDirectory(prefix="chatsdk-bench-") as name:
        Path(name).chmod(0o755)
        home = Path(name)
        postgres = EmbeddedPostgres(home / "postgres")
        server = postgres.start()
        try:
            server.ensure_database("bench")
            server.ensure_database("dagster")
            with server.connect("bench") as conn:
                create_chatsdk(conn)
                create_app(conn, APP_ID, "Bench")
                create_role(conn, ROLE, PASSWORD, may_set_replication_role=not asked.unprivileged)
            with start_stream(asked) as stream:
                assert stream.stdout is not None
                url = stream.stdout.readline().strip()
                started = time.monotonic()
                command = [sys.executable, "-m", "chatsdk_migration.cli", "import-stream"]
                process = subprocess.Popen(command, env=environment(server, url, home, asked), cwd=home)
                watch = Watch(process.pid)
                watch.start()
                code = process.wait()
                seconds = time.monotonic() - started
                stream.terminate()
            messages, per_user = count_messages(server)
            print(
                f"{asked.size}: exit {code}, {messages:,} messages and {per_user:,} user_message rows in {seconds:.1f} s: "
                f"{messages / seconds:,.0f} messages/s, peak {watch.peak_bytes / 1e6:.0f} MB, "
                f"worker CPU {watch.cpu_seconds:.1f} s"
            )
        finally:
            postgres.stop()
    return code


if __name__ == "__main__":
    sys.exit(main())
