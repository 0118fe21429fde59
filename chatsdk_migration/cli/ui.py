"""``ui``: Dagster's web UI, daemon and code server on our instance. Not here: what they show."""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack

from rich.console import Console

from chatsdk_migration.cli.session import default_home, prepare
from chatsdk_migration.cli.world import demo_world
from chatsdk_migration.instance.launch import DEFINITIONS_MODULE

STOP_SECONDS = 30
"""Dagster's supervisor takes some seconds to end its children."""


def open_ui(console: Console, *, host: str, port: int, demo: bool) -> None:
    """Run ``dagster dev`` until it is interrupted; secrets reach it through the environment only."""
    with ExitStack() as stack:
        if demo:
            stack.enter_context(demo_world(console))
        prepare(default_home())
        command = [sys.executable, "-m", "dagster", "dev", "-m", DEFINITIONS_MODULE, "-h", host, "-p", str(port)]
        console.print(f"Dagster's web UI: http://{host}:{port}  (Ctrl-C ends it)")
        process = subprocess.Popen(command)  # noqa: S603 - our own interpreter, arguments as a list
        try:
            process.wait()
        except KeyboardInterrupt:
            process.wait(STOP_SECONDS)
