"""Who works on a run: a tag that names the process, and whether that process still lives.

Here: writing and reading the tag. Not here: what follows from a dead worker (``launcher.py``, ``reaper.py``).
A pid alone is not enough: pids are given out again, so the start time of the process goes with it.
"""

from __future__ import annotations

import os
import signal
import socket
from typing import NamedTuple, Self

import dagster as dg
import psutil

WORKER_TAG = "chatsdk_migration/worker"

START_TIME_TOLERANCE_SECONDS = 3.0
"""The kernel counts a start time from boot, and the boot time moves by a second when the clock is set."""


class Worker(NamedTuple):
    """A process working on one run; the run is part of it because a re-executed run inherits its parent's tags."""

    host: str
    pid: int
    started: float
    run_id: str

    @classmethod
    def here(cls, run_id: str) -> Self:
        """Name this process as the worker of a run."""
        return cls(socket.gethostname(), os.getpid(), psutil.Process().create_time(), run_id)

    @classmethod
    def of(cls, run: dg.DagsterRun) -> Self | None:
        """Read the worker of this very run from its tag."""
        fields = run.tags.get(WORKER_TAG, "").split("|")
        if len(fields) != len(cls._fields) or fields[3] != run.run_id:
            return None
        return cls(fields[0], int(fields[1]), float(fields[2]), fields[3])

    def tags(self) -> dict[str, str]:
        """Give the tag to put on the run."""
        return {WORKER_TAG: f"{self.host}|{self.pid}|{self.started:.2f}|{self.run_id}"}

    def is_local(self) -> bool:
        """Say whether this host can judge the process at all."""
        return self.host == socket.gethostname()

    def is_alive(self) -> bool:
        """Say whether the process still runs; only meaningful on its own host."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started) < START_TIME_TOLERANCE_SECONDS
            return same and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    def interrupt(self) -> bool:
        """Ask the process to end its run, as Ctrl-C does; False when it is not there or not ours to be asked."""
        return self._send(signal.SIGINT)

    def may_be_interrupted(self) -> bool:
        """Say whether ``interrupt`` would reach the process."""
        return self._send(0)

    def _send(self, number: int) -> bool:
        if not (self.is_local() and self.is_alive()):
            return False
        try:
            os.kill(self.pid, number)
        except (ProcessLookupError, PermissionError):  # it has just ended, or it is another user's
            return False
        return True


def sign_run(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    """Put this process on the run as its worker, once."""
    tags = Worker.here(run.run_id).tags()
    if run.tags.get(WORKER_TAG) != tags[WORKER_TAG]:
        instance.add_run_tags(run.run_id, tags)
