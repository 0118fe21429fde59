"""Opening the Dagster instance a command works on.

Here: where it lives, what database it needs, sweeping up after killed runs, stopping that database. Not here: its
configuration (``instance/home.py``), the embedded server (``postgres/embedded.py``), what troubles of Dagster's
database mean (``instance/trouble.py``).
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import platformdirs
from rich.console import Console

from chatsdk_migration.cli.exclusive import alone
from chatsdk_migration.errors import PermanentError
from chatsdk_migration.instance import trouble
from chatsdk_migration.instance.home import StorageLocation, is_made, locked, make_home, open_instance, prepare_home
from chatsdk_migration.instance.reaper import reap
from chatsdk_migration.instance.worker import Worker
from chatsdk_migration.postgres.embedded import EmbeddedPostgres
from chatsdk_migration.settings import Settings

APPLICATION = "chatsdk-migration"
STORAGE_HOST_VARIABLE = "DAGSTER_PG_HOST"
STORAGE_DATABASE = "dagster"
HEARTBEAT_SECONDS = 45.0
"""Dagster's daemon writes a heartbeat every 30 s; one that is silent for longer than this is gone."""
_WORKING = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]


def default_home() -> Path:
    """Give DAGSTER_HOME when it is set, else a folder in the user's data directory.

    Raises:
        PermanentError: It is not set, and this user has no data directory.
    """
    given = os.environ.get("DAGSTER_HOME")
    home = Path(given) if given else platformdirs.user_data_path(APPLICATION) / "dagster"
    if not given and not home.is_absolute():
        raise PermanentError(
            "choosing a folder for Dagster's records", "this user has no home directory", "Set DAGSTER_HOME."
        )
    return home


def has_records(home: Path) -> bool:
    """Say whether there can be any record of a migration; starts nothing.

    Raises:
        PermanentError: The folder cannot be looked into.
    """
    return bool(os.environ.get(STORAGE_HOST_VARIABLE)) or is_made(home)


def prepare(home: Path) -> Path:
    """Make the instance's folder, and start the embedded database for Dagster's records unless one is configured.

    Raises:
        PermanentError: The folder cannot be used; then no database has been made either.
    """
    home = make_home(home)
    prepare_home(home, None if os.environ.get(STORAGE_HOST_VARIABLE) else _embedded_storage(home))
    return home


def _embedded_storage(home: Path) -> StorageLocation:
    """Start the embedded server unless it runs, and say so: it goes on running when this command has ended."""
    postgres = EmbeddedPostgres(home / "postgres")
    with locked(home):  # so that only the one who starts it says so
        server = postgres.running()
        if server is None:
            server = postgres.start()
            _say(f"Started PostgreSQL for Dagster's records in {postgres.home}; `chatsdk-migrate stop` ends it.")
    server.ensure_database(STORAGE_DATABASE)
    return StorageLocation(server.host, server.port, STORAGE_DATABASE, server.superuser, server.password)


@contextmanager
def opened_instance(home: Path | None = None) -> Iterator[dg.DagsterInstance]:
    """Open the instance, with the runs of dead workers marked as failed.

    Raises:
        PermanentError: Dagster's database is gone or full, now or while the instance is used.
    """
    home = prepare(home or default_home())
    with trouble.explained():
        with locked(home):  # two first commands would both create Dagster's tables
            opened = open_instance()
        with opened as instance:
            reap(instance)
            yield instance


def stop_postgres(console: Console) -> None:
    """End the embedded server of Dagster's records, unless somebody works with it.

    Raises:
        PermanentError: A run or a daemon is at work.
    """
    home = default_home()
    postgres = EmbeddedPostgres(home / "postgres")
    if postgres.running() is None:
        console.print(f"No PostgreSQL runs for Dagster's records in {home}.", highlight=False, markup=False)
        return
    os.environ.pop(STORAGE_HOST_VARIABLE, None)  # the records meant here are those of the embedded server
    with opened_instance(home) as instance, alone():  # one that waits between two syncs has no run
        _require_idle(instance)
    postgres.stop()
    console.print(f"Stopped PostgreSQL in {postgres.home}.", highlight=False, markup=False)


def seconds_since_heartbeat(instance: dg.DagsterInstance) -> float | None:
    """Say how long ago a daemon of this instance last showed itself; None when none can still be alive."""
    beats = instance.get_daemon_heartbeats().values()
    silent = time.time() - max((beat.timestamp for beat in beats), default=0.0)
    return silent if silent < HEARTBEAT_SECONDS else None


def _require_idle(instance: dg.DagsterInstance) -> None:
    if seconds_since_heartbeat(instance) is not None:
        raise PermanentError("stopping PostgreSQL", "Dagster's web UI or daemon is at work with it", "End that first.")
    for run in instance.get_runs(dg.RunsFilter(statuses=_WORKING)):
        worker = Worker.of(run)
        who = f"process {worker.pid} on {worker.host}" if worker else "a worker"
        raise PermanentError("stopping PostgreSQL", f"run {run.run_id} is at work ({who})", "Let it end first.")


def _say(message: str) -> None:
    """Print on standard error, where it is in nobody's way."""
    Console(stderr=True, soft_wrap=True, emoji=False).print(message, highlight=False, markup=False)


def require_credentials(settings: Settings) -> Settings:
    """Return the settings when they hold Stream's credentials.

    Raises:
        PermanentError: Key or secret is missing.
    """
    missing = [
        name
        for name, value in (
            ("STREAM_API_KEY (--api-key)", settings.stream_api_key),
            ("STREAM_API_SECRET (--secret)", settings.stream_api_secret.get_secret_value()),
        )
        if not value
    ]
    if missing:
        names, are, it = " and ".join(missing), *(("is", "it") if len(missing) == 1 else ("are", "them"))
        raise PermanentError("reading the settings", f"{names} {are} not set", f"Set {it}, or put {it} into .env.")
    return settings
