"""Processes of their own that need not read all of Dagster first: forked off one that has.

Here: ``python -m MODULE ARGUMENTS`` without the two seconds of its imports, with what tests use of
``subprocess.Popen``. Not here: what runs in it, and whether the imports of a process that begins from nothing work
(``test_ui.py``, ``test_records.py`` and ``unit/test_readme.py`` start such).
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Timer

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(
    [
        "chatsdk_migration.definitions",
        "chatsdk_migration.cutover",
        "chatsdk_migration.sync",
        "chatsdk_migration_tests.end_to_end.driver",
    ]
)


class Forked:
    """A module that runs as the main program of its own process; stdout and stderr come together."""

    def __init__(self, module: str, arguments: Sequence[str], environment: Mapping[str, str], folder: Path) -> None:
        ours, theirs = _FORKS.Pipe(duplex=False)
        what = (module, tuple(arguments), dict(environment), str(folder), theirs)
        self._process = _FORKS.Process(target=_become, args=what)
        self._process.start()
        theirs.close()
        self.stdout = os.fdopen(os.dup(ours.fileno()), encoding="utf-8")
        ours.close()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """The exit code, or less than zero: the signal that killed it; None while it runs."""
        return self._process.exitcode

    poll = returncode.fget

    def send_signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def wait(self, seconds: float) -> int:
        self._process.join(seconds)
        if self.returncode is None:
            raise subprocess.TimeoutExpired(self._process.name, seconds)
        return self.returncode

    def communicate(self, timeout: float) -> tuple[str, None]:
        """Read what it says until it has ended; a process that takes too long is killed."""
        late = Timer(timeout, self._process.kill)
        late.start()
        with self.stdout:
            said = self.stdout.read()
        late.cancel()
        self.wait(timeout)
        return said, None


def _become(
    module: str, arguments: Sequence[str], environment: Mapping[str, str], folder: str, said: Connection
) -> None:
    """Be as good as a new process: output, environment, folder and command line are those given."""
    for number in (1, 2):
        os.dup2(said.fileno(), number)
    said.close()
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", 1, encoding="utf-8", closefd=False)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # shells have what they start in the background ignore it
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
