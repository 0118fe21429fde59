"""Makes and opens the Dagster instance.

Here: an empty DAGSTER_HOME becomes ours, and the environment that ``dagster.yaml`` names. Not here: starting a
database (``postgres/embedded.py``).
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

import dagster as dg

from chatsdk_migration.errors import PermanentError

CONFIG_NAME = "dagster.yaml"
STREAM_POOL = "stream_api"
"""Pool of everything that calls Stream."""
STREAM_POOL_RUNS = 2
"""Runs that may call Stream at the same time. Each already keeps many calls in flight, and all share one quota."""


@dataclass(frozen=True, slots=True)
class StorageLocation:
    """The PostgreSQL database for Dagster's own records."""

    host: str
    port: int
    db_name: str
    user: str
    password: str = field(repr=False)

    def environment(self) -> dict[str, str]:
        """Give the variables that ``dagster.yaml`` names."""
        return {
            "DAGSTER_PG_HOST": self.host,
            "DAGSTER_PG_PORT": str(self.port),
            "DAGSTER_PG_DB": self.db_name,
            "DAGSTER_PG_USER": self.user,
            "DAGSTER_PG_PASSWORD": self.password,
        }


def packaged_config() -> str:
    """Give our ``dagster.yaml``: from the installed package, or from the repository's root in a checkout."""
    packaged = resources.files("chatsdk_migration") / CONFIG_NAME
    if packaged.is_file():
        return packaged.read_text("utf-8")
    return (Path(__file__).parents[2] / CONFIG_NAME).read_text("utf-8")


def prepare_home(dagster_home: Path, storage: StorageLocation | None = None) -> None:
    """Make the folder an instance of ours unless it is one already, and point this process and its children at it.

    Args:
        dagster_home: Becomes DAGSTER_HOME. An existing ``dagster.yaml`` is kept as it is.
        storage: Where Dagster keeps its records; None when the environment already says so.

    Raises:
        PermanentError: The folder cannot be written.
    """
    home = make_home(dagster_home)
    os.environ["DAGSTER_HOME"] = str(home)
    os.environ.update(storage.environment() if storage else {})


def make_home(dagster_home: Path) -> Path:
    """Make the folder with our ``dagster.yaml`` in it, and give its absolute path.

    Raises:
        PermanentError: It is no folder that can be written.
    """
    with _usable(dagster_home):
        home = dagster_home.expanduser().resolve()
        home.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=home).close()  # an instance that is there already must be writable too
        if not (home / CONFIG_NAME).exists():
            draft = home / f"{CONFIG_NAME}.{os.getpid()}"
            draft.write_text(packaged_config(), "utf-8")
            draft.replace(home / CONFIG_NAME)
    return home


def is_made(dagster_home: Path) -> bool:
    """Say whether the folder has been made an instance; look only.

    Raises:
        PermanentError: It cannot be looked into.
    """
    with _usable(dagster_home):
        home = dagster_home.expanduser()
        if home.exists() and not home.is_dir():
            raise NotADirectoryError
        return (home / CONFIG_NAME).exists()


@contextmanager
def locked(home: Path) -> Iterator[None]:
    """Hold the folder's lock: two processes must not create Dagster's tables at the same time."""
    with _usable(home):
        descriptor = os.open(home, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)  # given back by the system whatever kills us
        yield
    finally:
        os.close(descriptor)


@contextmanager
def _usable(home: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, RuntimeError) as error:  # RuntimeError: "~" in the path, and nobody knows whose
        reason = "it is not a folder" if isinstance(error, FileExistsError | NotADirectoryError) else _reason(error)
        advice = "Set DAGSTER_HOME to a folder that you can write."
        raise PermanentError(f"preparing DAGSTER_HOME {home}", reason, advice) from None


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error).rstrip(".")


def open_instance() -> dg.DagsterInstance:
    """Open the instance that DAGSTER_HOME names.

    Dagster enforces a pool's default limit only from the pool's second use on, so the limit is set here.
    """
    instance = dg.DagsterInstance.get()
    storage = instance.event_log_storage
    if storage.supports_global_concurrency_limits and STREAM_POOL not in storage.get_concurrency_keys():
        storage.set_concurrency_slots(STREAM_POOL, STREAM_POOL_RUNS)
    return instance
