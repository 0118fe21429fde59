"""One sync, or one cutover, in a process of its own that may be killed.

Here: ``python -m ... sync`` or ``cutover``, settings from the environment; the points at which the process kills
itself. Not here: any check.
"""

from __future__ import annotations

import os
import signal
import sys

from chatsdk_migration import cutover, sync
from chatsdk_migration.settings import Settings
from chatsdk_migration.sync import Sweep
from chatsdk_migration_tests.end_to_end.driver import KILL_AFTER_STATEMENTS, die_after_statements

KILL_AT_STEP = "KILL_AT_STEP"
"""Environment variable: die by SIGKILL right before this step of a cutover."""


def main(what: str) -> int:
    """Do it as the environment says; 1 when it did not come to a good end."""
    if KILL_AFTER_STATEMENTS in os.environ:
        die_after_statements(int(os.environ[KILL_AFTER_STATEMENTS]))
    settings = Settings.load()
    if what == "sync":
        with sync.open_migration(settings) as migration:
            return 1 if sync.sync_once(migration, sweep=Sweep.ALL).problems else 0
    options = cutover.Options(skip_readiness=True, at_step=_die_at_step)
    report = cutover.run(settings, answers=lambda question: True, say=print, options=options)
    return 0 if report.finished and report.equal else 1


def _die_at_step(name: str) -> None:
    if os.environ.get(KILL_AT_STEP) == name:
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
