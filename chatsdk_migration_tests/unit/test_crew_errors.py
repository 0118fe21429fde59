"""What a worker process met reaches the run's process, whatever it was."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from multiprocessing import Pipe
from typing import Any, cast

import psutil
import pytest

from chatsdk_migration.crew import Crew, _serve
from chatsdk_migration.errors import PermanentError
from chatsdk_migration.settings import Settings
from chatsdk_migration.transfer import ALL_PARTS, Migration

PATIENCE_SECONDS = 20.0


class _FailingMigration:
    """Fails at the first look, with an error that cannot be pickled."""

    @property
    def settings(self) -> Any:
        """Raise."""

        class HereOnlyError(Exception):
            """A class inside a function has no name by which another process could find it."""

        raise HereOnlyError


def test_an_error_that_cannot_be_pickled_is_an_answer_and_not_a_silence() -> None:
    ours, theirs = Pipe()
    server = threading.Thread(target=_serve, args=(cast("Migration", _FailingMigration()), theirs), daemon=True)
    server.start()
    for _ in range(2):  # the place goes on working
        ours.send(("messaging:general", ALL_PARTS))
        assert ours.poll(PATIENCE_SECONDS), "the run's process would wait for ever"
        answer = ours.recv()
        assert isinstance(answer, RuntimeError)
        assert "HereOnlyError" in answer.__notes__[0]
        assert any("settings" in note for note in answer.__notes__), "where it happened"
    ours.close()
    server.join(PATIENCE_SECONDS)
    assert theirs.closed


TOO_FEW_FILES = """
import os, resource
import psutil
from chatsdk_migration.crew import Crew
from chatsdk_migration.errors import PermanentError
from chatsdk_migration.settings import Settings

lowest = os.dup(0)
os.close(lowest)
resource.setrlimit(resource.RLIMIT_NOFILE, (lowest + 10, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
try:
    Crew(Settings(channels_in_flight=6), "", 6)
except PermanentError as error:
    print(error)
print("left:", len(psutil.Process().children()))
"""
"""Room for the pipes of some of the workers: each needs two for good, and more while it is started."""


def test_workers_that_were_started_leave_when_a_later_one_cannot_be() -> None:
    done = subprocess.run(
        [sys.executable, "-c", TOO_FEW_FILES], capture_output=True, text=True, timeout=PATIENCE_SECONDS * 3, check=True
    )
    assert re.search("[1-5] of 6 could be started: Too many open files. Lower worker_processes", done.stdout), done
    assert done.stdout.endswith("left: 0\n"), done


@pytest.mark.parametrize(
    ("end", "how", "advice"),
    [
        (lambda worker: worker.kill(), "killed by signal 9", "the memory did not suffice"),
        # TERM is what a run of this process may have left a handler for
        (lambda worker: worker.send_signal(signal.SIGUSR1), "killed by signal 10", "standard error says more"),
    ],
    ids=["killed", "by another signal"],
)
def test_the_advice_on_a_lost_worker_follows_from_how_it_ended(
    end: Callable[[psutil.Process], None], how: str, advice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = set(psutil.Process().children())
    with socket.create_server(("127.0.0.1", 0)) as silent:  # a database that never answers keeps the worker waiting
        monkeypatch.setenv("DB_HOST", "127.0.0.1")
        monkeypatch.setenv("DB_PORT", str(silent.getsockname()[1]))
        crew = Crew(Settings(channels_in_flight=1), "", 1)
        try:
            (worker,) = set(psutil.Process().children()) - before
            end(worker)
            with pytest.raises(PermanentError, match=how) as caught:
                crew.channel("messaging:general", ALL_PARTS)
            assert advice in caught.value.next_step
        finally:
            crew.close()
