"""``chatsdk-migrate`` as a stranger uses it, for tests: the real program in processes of its own.

Here: its environment, starting it, where it keeps Dagster's records. Not here: any check.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from chatsdk_migration.demo.server import StreamServer
from chatsdk_migration.demo.workspaces import sample_workspace
from chatsdk_migration.demo.world import World
from chatsdk_migration_tests.conftest import Serve, TargetDatabase, fresh_database, target_variables
from chatsdk_migration_tests.end_to_end.forking import Forked

PROJECT = Path(__file__).parents[2]
PATIENCE_SECONDS = 180
SECRET = "secret"
"""What the test server expects."""


class Program:
    """``chatsdk-migrate`` with an environment that leads to one source, one target and one Dagster instance."""

    def __init__(self, server: StreamServer, target: TargetDatabase, storage: str, home: Path) -> None:
        self.server = server
        self.target = target
        self.storage = storage
        self.home = home
        own = {name: value for name, value in os.environ.items() if name != "DAGSTER_HOME"}
        self.environment = (
            own
            | target_variables(target.settings())
            | {
                "STREAM_CHAT_URL": server.url,
                "STREAM_API_KEY": "key",
                "STREAM_API_SECRET": SECRET,
                "DAGSTER_HOME": str(home / "dagster"),
                "DAGSTER_PG_HOST": target.server.host,
                "DAGSTER_PG_PORT": str(target.server.port),
                "DAGSTER_PG_DB": storage,
                "DAGSTER_PG_USER": target.server.superuser,
                "DAGSTER_PG_PASSWORD": target.server.password,
                "PYTHONPATH": str(PROJECT),
            }
        )

    def start(self, *arguments: str, **environment: str) -> Forked:
        """Start it in any directory but the project's."""
        return Forked("chatsdk_migration.cli", arguments, self.environment | environment, self.home)

    def run(self, *arguments: str, expect: int = 0, **environment: str) -> str:
        process = self.start(*arguments, **environment)
        said, _ = process.communicate(timeout=PATIENCE_SECONDS)
        assert process.returncode == expect, said
        return said

    def calls(self, endpoint: str) -> int:
        return self.server.calls[endpoint]

    def forget_calls(self) -> None:
        self.server.calls.clear()

    def dagster(self) -> psycopg.Connection[Any]:
        return self.target.server.connect(self.storage)


@pytest.fixture
def world() -> World:
    return sample_workspace()


@pytest.fixture
def program(
    world: World, target: TargetDatabase, stream: Serve, records_template: str, tmp_path: Path
) -> Iterator[Program]:
    """The program on a target and on records of its own."""
    with fresh_database(target.server, "dagster", records_template) as storage:
        yield Program(stream(world), target, storage, tmp_path)
