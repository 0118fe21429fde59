"""``ui``: Dagster's web UI, daemon and code server on our instance, from start to end of all their processes.

Here: what must hold before they start, waiting for the UI to answer, ending the whole process group. Not here: what
they show, and what their first process sets for itself (``dev.py``).
"""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from types import FrameType

import dagster as dg
import psutil
from rich.console import Console

from chatsdk_migration.cli import dev
from chatsdk_migration.cli.session import HEARTBEAT_SECONDS, opened_instance, seconds_since_heartbeat
from chatsdk_migration.cli.world import demo_world
from chatsdk_migration.errors import PermanentError
from chatsdk_migration.instance.launch import DEFINITIONS_MODULE

STOP_SECONDS = 30.0
"""Dagster's supervisor takes some seconds to end its children."""
POLL_SECONDS = 0.2
ANSWER_SECONDS = 5.0
EXIT_ENDED_BY_ITSELF = 3
"""``dagster dev`` itself gives 0 even when its webserver or daemon has died."""
SIGNAL_EXIT = 128
"""What shells add to the number of the signal that ended a program."""
ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - to ask, not to listen
"""Where to ask a server that listens everywhere."""


def open_ui(console: Console, *, host: str, port: int, demo: bool) -> int:
    """Run the web UI until it is interrupted, and give the exit code: 0, or what ``dagster dev`` failed with.

    Secrets reach its processes through the environment only.

    Raises:
        PermanentError: The port is taken, or another daemon works on this instance.
    """
    require_free_port(host, port)
    with ExitStack() as stack:
        stack.enter_context(_interrupted_by_signals())
        try:
            if demo:
                stack.enter_context(demo_world(console))
            instance = stack.enter_context(opened_instance())
            refuse_second_daemon(instance)
            return _run(console, instance, host, port)
        except KeyboardInterrupt:
            return 0  # that is how it is ended


def require_free_port(host: str, port: int) -> None:
    """Check that the web server will be able to listen.

    Raises:
        PermanentError: It will not.
    """
    try:
        for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            with socket.socket(family, kind, protocol) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(address)
    except OSError as error:
        raise PermanentError(
            f"opening the web UI on {host}:{port}", error.strerror or str(error), "Choose another --port or --host."
        ) from None


def refuse_second_daemon(instance: dg.DagsterInstance) -> None:
    """Check that no other daemon works on the instance: each run would be started twice.

    Raises:
        PermanentError: One has shown itself lately.
    """
    silent = seconds_since_heartbeat(instance)
    if silent is not None:
        wait = max(HEARTBEAT_SECONDS - silent, 1)
        raise PermanentError(
            "starting the web UI",
            f"a Dagster daemon of this instance showed itself {silent:.0f} s ago, so a web UI is running already",
            f"Use that one or end it; if it was killed, try again in {wait:.0f} s.",
        )


def _run(console: Console, instance: dg.DagsterInstance, host: str, port: int) -> int:
    process = subprocess.Popen(  # noqa: S603 - our own interpreter, arguments as a list
        _command(host, port),
        stdin=subprocess.DEVNULL,
        start_new_session=True,  # a group of its own, to be ended as a whole
        env=os.environ | {dev.PARENT_VARIABLE: str(os.getpid())},
    )
    try:
        threading.Thread(target=_announce, args=(console, process, host, port), daemon=True).start()
        code = process.wait()
        console.print("Dagster's web UI ended by itself.", style="bold red", highlight=False)
        return SIGNAL_EXIT - code if code < 0 else code or EXIT_ENDED_BY_ITSELF
    finally:
        end_group(process)
        instance.wipe_daemon_heartbeats()  # they were of the daemon that has just been ended


def _command(host: str, port: int) -> list[str]:
    command = [sys.executable, "-m", dev.__name__, "-m", DEFINITIONS_MODULE, "-h", host, "-p", str(port)]
    # A log that is not a terminal gets no colour codes, which both of Dagster's other formats have.
    log_format = "colored" if sys.stdout.isatty() else "json"
    return [*command, "--log-level", "error", "--log-format", log_format]


def _announce(console: Console, process: subprocess.Popen[bytes], host: str, port: int) -> None:
    """Print the address once it answers."""
    while process.poll() is None:
        if answers(host, port):
            console.print(f"Dagster's web UI: http://{host}:{port}  (Ctrl-C ends it)", highlight=False)
            return
        time.sleep(POLL_SECONDS)


def answers(host: str, port: int) -> bool:
    """Say whether Dagster's web server answers there."""
    connection = http.client.HTTPConnection(ANY_ADDRESS.get(host, host), port, timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", "/server_info")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def end_group(process: subprocess.Popen[bytes], seconds: float = STOP_SECONDS) -> None:
    """End a process, leader of its group, and the whole group; kill what is left after a while, or at a second signal.

    Args:
        process: The leader; it may have ended already.
        seconds: How long the others may take.
    """
    try:
        _signal_group(process.pid, signal.SIGINT)  # as Ctrl-C does: runs record that they were interrupted
        deadline = time.monotonic() + seconds
        while _group_lives(process) and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
    finally:
        _signal_group(process.pid, signal.SIGKILL)
        process.wait()


def _signal_group(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _group_lives(process: subprocess.Popen[bytes]) -> bool:
    process.poll()  # collects the leader
    return any(_belongs(each, process.pid) for each in psutil.process_iter())


def _belongs(process: psutil.Process, group: int) -> bool:
    try:
        return os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.Error, ProcessLookupError):
        return False


@contextmanager
def _interrupted_by_signals() -> Iterator[None]:
    """Make TERM and HUP (a closed terminal) end this command like Ctrl-C, also where a shell has had them ignored."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in ENDING_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
