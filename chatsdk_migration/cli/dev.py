"""``python -m chatsdk_migration.cli.dev``: ``dagster dev`` as a child that does not outlive ``chatsdk-migrate ui``.

Here: what must be set in the process itself before Dagster starts. Not here: the parent's side (``ui.py``).
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import warnings

from dagster import SupersessionWarning
from dagster._cli.dev import dev_command

PARENT_VARIABLE = "CHATSDK_MIGRATION_UI_PID"
"""Pid of the parent, to notice that it died before the wish below was made."""
PR_SET_PDEATHSIG = 1
"""From ``linux/prctl.h``: the signal to get when the parent dies."""


def main() -> None:
    """Become ``dagster dev`` with this process's arguments."""
    die_with_parent(int(os.environ.pop(PARENT_VARIABLE)))
    # A shell starts background jobs with interrupts ignored; all of Dagster would inherit that and never end.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    warnings.simplefilter("ignore", SupersessionWarning)
    dev_command.main(sys.argv[1:], prog_name="dagster dev")


def die_with_parent(parent: int) -> None:
    """Ask the kernel for a TERM signal when the parent dies, by whatever; only Linux can."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        raise SystemExit(128 + signal.SIGTERM)


if __name__ == "__main__":
    main()
