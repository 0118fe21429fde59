"""Opening the Dagster instance a command works on.

Here: where it lives, what database it needs, sweeping up after killed runs. Not here: its configuration
(``instance/home.py``) and the embedded server (``postgres/embedded.py``).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import platformdirs

from chatsdk_migration.errors import PermanentError
from chatsdk_migration.instance.home import StorageLocation, open_instance, prepare_home
from chatsdk_migration.instance.reaper import reap
from chatsdk_migration.postgres.embedded import EmbeddedPostgres
from chatsdk_migration.settings import Settings

APPLICATION = "chatsdk-migration"
STORAGE_HOST_VARIABLE = "DAGSTER_PG_HOST"
STORAGE_DATABASE = "dagster"


def default_home() -> Path:
    """Give DAGSTER_HOME when it is set, else a folder in the user's data directory."""
    given = os.environ.get("DAGSTER_HOME")
    return Path(given) if given else platformdirs.user_data_path(APPLICATION) / "dagster"


def prepare(home: Path) -> None:
    """Make the instance's folder, and start the embedded database for Dagster's records unless one is configured."""
    storage = None
    if not os.environ.get(STORAGE_HOST_VARIABLE):
        server = EmbeddedPostgres(home / "postgres").start()
        server.ensure_database(STORAGE_DATABASE)
        storage = StorageLocation(server.host, server.port, STORAGE_DATABASE, server.superuser, server.password)
    prepare_home(home, storage)


@contextmanager
def opened_instance(home: Path | None = None) -> Iterator[dg.DagsterInstance]:
    """Open the instance, with the runs of dead workers marked as failed."""
    prepare(home or default_home())
    with open_instance() as instance:
        reap(instance)
        yield instance


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
        raise PermanentError("reading the settings", f"{' and '.join(missing)} not set", "Set it, or put it in .env.")
    return settings
