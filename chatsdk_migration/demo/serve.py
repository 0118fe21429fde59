"""The local Stream server as a program: ``python -m chatsdk_migration.demo.server``.

Here: its command line, and what it tells when it gets the signal USR1. Not here: the server (``server.py``), the
workspaces (``workspaces.py``, ``sizes.py``).
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading

from chatsdk_migration.demo.limits import DEFAULT_LIMIT
from chatsdk_migration.demo.options import ServerOptions
from chatsdk_migration.demo.server import StreamServer
from chatsdk_migration.demo.world import World

WORKSPACES = "empty, sample, hard, small, medium, large, enterprise, skewed-SIZE (40%% in one channel), one-channel"


def load_workspace(name: str, seed: int = 0) -> World:
    """Build a workspace by name: empty, sample, hard, or a size.

    Raises:
        ValueError: No such workspace.
    """
    # Building is not needed by tests that only serve, and takes its time to import.
    from chatsdk_migration.demo import sizes, workspaces  # noqa: PLC0415

    match name:
        case "empty":
            return World(seed)
        case "sample":
            return workspaces.sample_workspace()
        case "hard":
            return workspaces.hard_workspace()
        case "one-channel":
            return sizes.one_channel(seed=seed)
        case _ if name.startswith("skewed-"):
            return sizes.skewed(name.removeprefix("skewed-"), seed=seed)
        case _:
            return sizes.build(name, seed=seed)


def parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    found = argparse.ArgumentParser(prog="python -m chatsdk_migration.demo.server", description=__doc__)
    found.add_argument("--workspace", default="sample", help=WORKSPACES)
    found.add_argument("--host", default="127.0.0.1")
    found.add_argument("--port", type=int, default=0, help="0 takes a free one")
    found.add_argument("--api-key", default="key")
    found.add_argument("--secret", default="secret")
    found.add_argument("--seed", type=int, default=0, help="of sizes and faults")
    found.add_argument("--rate-limits", action="store_true", help="keep Stream's standard limits")
    found.add_argument("--ties", choices=["strict", "stable"], default="strict")
    found.add_argument("--latency", type=float, default=0.0, help="seconds added to every answer")
    found.add_argument("--faults", type=float, default=0.0, help="share of calls that fail in passing, 0 to 1")
    return found


def main(arguments: list[str] | None = None) -> int:
    """Serve until interrupted; the first line written is the URL."""
    asked = parser().parse_args(arguments)
    options = ServerOptions(rate_limits=asked.rate_limits, ties=asked.ties, latency_seconds=asked.latency)
    server = StreamServer(
        load_workspace(asked.workspace, asked.seed),
        api_key=asked.api_key,
        api_secret=asked.secret,
        options=options,
        host=asked.host,
        port=asked.port,
        seed=asked.seed,
    )
    if asked.faults:
        server.faults.mix(asked.faults)
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with server:
        sys.stdout.write(f"{server.url}\n")
        sys.stdout.flush()
        if hasattr(signal, "SIGUSR1"):
            signal.signal(signal.SIGUSR1, lambda *_: _tell(server))
        while not ended.wait(1):  # a signal's handler runs between two waits
            pass
    return 0


def _tell(server: StreamServer) -> None:
    """Write what has been served so far as a line of JSON."""
    served = {
        "calls": sum(server.calls.values()),
        "refused": sum(number for (_, status), number in server.answers.items() if status == 429),
        "bytes": server.bytes_sent,
        "calls by endpoint": dict(server.calls),
        "limits a minute": {name: server.options.limits.get(name, DEFAULT_LIMIT) for name in server.calls},
    }
    sys.stdout.write(json.dumps(served) + "\n")
    sys.stdout.flush()
