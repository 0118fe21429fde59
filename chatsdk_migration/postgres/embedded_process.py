"""The embedded server's processes as the operating system shows them.

Here: which processes work on a data directory, what a killed server left behind, a free port, what the log says.
Not here: starting and stopping (``embedded.py``).
"""

from __future__ import annotations

import hashlib
import os
import socket
from pathlib import Path

import psutil

from chatsdk_migration.errors import PermanentError, TransientError

HOST = "127.0.0.1"
ORPHAN_SECONDS = 60
"""How long backends of a killed server may take to end; they hold the data directory until then."""
LOG_TAIL_LINES = 5


def cluster_name(data_dir: Path) -> str:
    """Name the server so that the command line of each of its processes shows which data directory it works on."""
    return f"chatsdk_migration_{hashlib.sha256(str(data_dir).encode()).hexdigest()[:16]}"


def free_port(preferred: int) -> int:
    """Give the preferred port when it is free, else one that the system chooses."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise TransientError("looking for a free port", "the system has none to give", "Run again later.")


def bare_environment() -> dict[str, str]:
    """Give the server what it needs to run: no PG* variable, and none of our secrets."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    return kept | {"LC_ALL": "C"}  # messages in English: we look for one of them


def _postmaster_pid(data_dir: Path) -> int | None:
    try:
        return int((data_dir / "postmaster.pid").read_text().splitlines()[0])
    except (FileNotFoundError, IndexError, ValueError):
        return None


def postmaster_runs(data_dir: Path) -> bool:
    """Say whether the process that the pid file names is this directory's server, not just some process."""
    pid = _postmaster_pid(data_dir)
    if pid is None:
        return False
    try:
        return _works_on(psutil.Process(pid), data_dir)
    except psutil.Error:
        return False


def _works_on(process: psutil.Process, data_dir: Path) -> bool:
    # The command line, not the working directory: a container's root may not look at the latter.
    try:
        return process.name() == "postgres" and cluster_name(data_dir) in " ".join(process.cmdline())
    except psutil.Error:
        return False


def clear_remains(data_dir: Path) -> None:
    """End what a killed server left behind, so that the next one may start.

    Raises:
        TransientError: Processes of the killed server will not end.
    """
    orphans = [process for process in psutil.process_iter() if _works_on(process, data_dir)]
    for process in orphans:
        try:
            process.terminate()
        except psutil.NoSuchProcess:
            continue
    _, alive = psutil.wait_procs(orphans, timeout=ORPHAN_SECONDS)
    alive = [process for process in alive if _works_on(process, data_dir)]  # not those dead and never collected
    if alive:
        found = f"processes of a killed server still run: {', '.join(str(process.pid) for process in alive)}"
        raise TransientError(f"starting PostgreSQL in {data_dir}", found, "End them and run again.")
    _remove_misleading_pid_file(data_dir)


def _remove_misleading_pid_file(data_dir: Path) -> None:
    # PostgreSQL clears a stale file itself, unless the number was given to another process since (containers count
    # from 1 again after a restart) or the dead server was never collected. Only then is it ours to remove.
    pid = _postmaster_pid(data_dir)
    if pid is not None and psutil.pid_exists(pid):
        (data_dir / "postmaster.pid").unlink(missing_ok=True)


def log_since(log_file: Path, size: int) -> str:
    """Give what was added to a log since it had that size in bytes."""
    try:
        with log_file.open("rb") as file:
            file.seek(size)
            return file.read().decode(errors="replace")
    except FileNotFoundError:
        return ""


def failure(doing: str, data_dir: Path, said: str) -> PermanentError:
    """Build the error of a command that failed, with the end of what it said."""
    tail = " / ".join(said.strip().splitlines()[-LOG_TAIL_LINES:])
    advice = "Correct what it complains about and run again."
    return PermanentError(f"{doing} the embedded PostgreSQL in {data_dir}", tail or "it said nothing", advice)
