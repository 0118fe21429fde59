"""Work that is killed by SIGKILL, and begun again.

Here: a module of the tests (``driver.py``, ``week_driver.py``, ``poisoned.py``) in processes of its own, killed by the
number of calls to Stream or of SQL statements. Not here: what must be true afterwards.
"""

from __future__ import annotations

import signal
import threading
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import Any

from chatsdk_migration.demo.server import StreamServer
from chatsdk_migration.settings import Settings
from chatsdk_migration_tests.end_to_end import driver
from chatsdk_migration_tests.end_to_end.forking import Forked

PATIENCE_SECONDS = 120
"""What is done here takes a few seconds; more means it hangs."""


class Victim:
    """A module that works between a server and a target as its environment says."""

    def __init__(self, module: ModuleType, server: StreamServer, settings: Settings, folder: Path) -> None:
        self._module = module.__name__
        self._server = server
        self._environment = driver.environment(server.url, settings)
        self._folder = folder

    def _start(self, *arguments: str, **environment: str) -> Forked:
        return Forked(self._module, arguments, self._environment | environment, self._folder)

    def run(self, *arguments: str, **environment: str) -> tuple[int | None, str]:
        """Let it come to its end, whichever; give its exit code and what it said."""
        return _ended(self._start(*arguments, **environment))

    def finish(self, *arguments: str) -> None:
        """Let it come to its good end."""
        code, said = self.run(*arguments)
        assert code == 0, said

    def kill_after_calls(self, calls: int, *arguments: str) -> None:
        """Let it make so many calls to Stream, then kill it."""
        served, started = count(1), threading.Event()

        def before_answer(*_: Any) -> None:
            started.wait()
            if next(served) == calls:
                process.send_signal(signal.SIGKILL)

        self._server.before_answer = before_answer
        process = self._start(*arguments)
        started.set()
        try:
            code, said = _ended(process)
        finally:
            self._server.before_answer = None
        assert code == -signal.SIGKILL, said

    def kill_after_statements(self, statements: int, *arguments: str) -> None:
        """Let it send so many SQL statements, then have it kill itself."""
        code, said = self.run(*arguments, **{driver.KILL_AFTER_STATEMENTS: str(statements)})
        assert code == -signal.SIGKILL, said


def _ended(process: Forked) -> tuple[int | None, str]:
    said, _ = process.communicate(PATIENCE_SECONDS)
    return process.returncode, said
