"""Fixtures: a Dagster instance of our own on the embedded server, as an operator would have it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from chatsdk_migration.instance.home import StorageLocation, open_instance, prepare_home
from chatsdk_migration.postgres.embedded import EmbeddedServer
from chatsdk_migration_tests.conftest import fresh_database

STREAM_SECRET = "stream-secret-never-shown"
DATABASE_PASSWORD = "database-password-never-shown"


@pytest.fixture
def location(cluster: EmbeddedServer, records_template: str) -> Iterator[StorageLocation]:
    """A database for Dagster's records, with none in it."""
    with fresh_database(cluster, "dagster", records_template) as name:
        yield StorageLocation(cluster.host, cluster.port, name, cluster.superuser, cluster.password)


@pytest.fixture
def home(tmp_path: Path, location: StorageLocation, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A prepared DAGSTER_HOME, and the settings of a migration in the environment."""
    variables = location.environment() | {
        "DAGSTER_HOME": "",
        "DAGSTER_EVENT_BATCH_SIZE": "1000",
        "STREAM_API_KEY": "key",
        "STREAM_API_SECRET": STREAM_SECRET,
        "CHATSDK_APP_ID": "0b8ac3f4-5c0e-4d8e-9a53-2f6f2d3b7a10",
        "DB_PASSWORD": DATABASE_PASSWORD,
        "CHATSDK_MIGRATION_CHANNELS_IN_FLIGHT": "4",
    }
    for name, value in variables.items():  # through monkeypatch, so that prepare_home's changes are undone too
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    prepare_home(tmp_path / "home", location)
    return tmp_path / "home"


@pytest.fixture
def instance(home: Path) -> Iterator[dg.DagsterInstance]:
    with open_instance() as opened:
        yield opened
