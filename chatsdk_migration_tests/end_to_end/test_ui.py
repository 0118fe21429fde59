"""The web UI's processes, as an operator and the system treat them: started once, ended as a whole, whatever dies.

Not here: what the UI shows.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from chatsdk_migration.cli.ui import answers
from chatsdk_migration.postgres.embedded import EmbeddedServer
from chatsdk_migration_tests.conftest import fresh_database

PROJECT = Path(__file__).parents[2]
PATIENCE_SECONDS = 180
ALL_OF_DAGSTER = 4
"""``dagster dev``, its webserver, its daemon, and at least one code server."""


class WebUi:
    """``chatsdk-migrate ui`` on a database of its own."""

    def __init__(self, cluster: EmbeddedServer, storage: str, folder: Path) -> None:
        self.port = free_port()
        self.folder = folder
        self.environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"} | {
            "DAGSTER_HOME": str(folder / "dagster"),
            "DAGSTER_PG_HOST": cluster.host,
            "DAGSTER_PG_PORT": str(cluster.port),
            "DAGSTER_PG_DB": storage,
            "DAGSTER_PG_USER": cluster.superuser,
            "DAGSTER_PG_PASSWORD": cluster.password,
            "PYTHONPATH": str(PROJECT),
        }
        self.started: list[subprocess.Popen[str]] = []

    def start(self, port: int | None = None) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "chatsdk_migration.cli", "ui", "--port", str(port or self.port)]
        process = subprocess.Popen(
            command,
            env=self.environment,
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.started.append(process)
        return process

    def open(self) -> tuple[subprocess.Popen[str], list[psutil.Process]]:
        """Start it, wait for its address, and give it with all processes of Dagster."""
        process = self.start()
        assert process.stdout is not None
        said = []
        for line in process.stdout:
            said.append(line)
            if "http://" in line:
                break
        assert said == [f"Dagster's web UI: http://127.0.0.1:{self.port}  (Ctrl-C ends it)\n"], "".join(said)
        assert answers("127.0.0.1", self.port), "the address was printed before it answered"
        family = psutil.Process(process.pid).children(recursive=True)
        assert len(family) >= ALL_OF_DAGSTER, [each.cmdline() for each in family]
        return process, family


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def assert_all_gone(family: list[psutil.Process]) -> None:
    _, alive = psutil.wait_procs(family, timeout=PATIENCE_SECONDS)
    left = [each for each in alive if each.is_running() and each.status() != psutil.STATUS_ZOMBIE]
    assert left == []


@pytest.fixture
def web_ui(cluster: EmbeddedServer, records_template: str, tmp_path: Path) -> Iterator[WebUi]:
    with fresh_database(cluster, "dagster_ui", records_template) as storage:
        opened = WebUi(cluster, storage, tmp_path)
        yield opened
        for process in opened.started:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            process.communicate(timeout=PATIENCE_SECONDS)


def test_it_ends_as_a_whole_and_starts_again_at_once(web_ui: WebUi) -> None:
    process, family = web_ui.open()
    second = web_ui.start(free_port())
    said, _ = second.communicate(timeout=PATIENCE_SECONDS)
    assert second.returncode == 2, said
    assert "a web UI is running already" in said
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=PATIENCE_SECONDS)
    assert (process.returncode, said) == (0, "")
    assert_all_gone(family)
    process, family = web_ui.open()
    process.send_signal(signal.SIGHUP)
    said, _ = process.communicate(timeout=PATIENCE_SECONDS)
    assert (process.returncode, said) == (0, "")
    assert_all_gone(family)


def test_nothing_stays_behind_a_killed_supervisor(web_ui: WebUi) -> None:
    process, family = web_ui.open()
    supervisor = next(each for each in family if each.ppid() == process.pid)
    supervisor.kill()
    said, _ = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 128 + signal.SIGKILL, said
    assert "ended by itself" in said
    assert_all_gone(family)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children that their parent was killed")
def test_nothing_stays_behind_a_killed_command(web_ui: WebUi) -> None:
    process, family = web_ui.open()
    process.kill()
    process.communicate(timeout=PATIENCE_SECONDS)
    assert_all_gone(family)


def test_a_taken_port_is_refused_before_anything_starts(web_ui: WebUi) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", web_ui.port))
        taken.listen()
        process = web_ui.start()
        said, _ = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 2, said
    assert f"127.0.0.1:{web_ui.port}: Address already in use" in said
    assert not (web_ui.folder / "dagster").exists()
