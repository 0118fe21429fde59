"""Fixtures of all tests: one embedded PostgreSQL for the session, one fresh ChatSDK database for each test.

A test in ``unit/`` may use neither: the hook below fails the session that tries.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Literal

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from chatsdk_migration.demo import target as chatsdk
from chatsdk_migration.demo.options import ServerOptions
from chatsdk_migration.demo.server import StreamServer
from chatsdk_migration.demo.world import World
from chatsdk_migration.postgres.embedded import EmbeddedPostgres, EmbeddedServer
from chatsdk_migration.settings import Settings

Role = Literal["loader", "ordinary"]
Serve = Callable[..., StreamServer]

APP_ID = "0b8ac3f4-5c0e-4d8e-9a53-2f6f2d3b7a10"
OTHER_APP_ID = "d1f0a6a2-7b1c-4f0e-8a4e-6f4b9a3c5e21"
"""A second tenant of the same database; its rows must never change."""
ROLE_PASSWORDS: dict[Role, str] = {"loader": "loader's secret", "ordinary": "ordinary's secret"}
"""``loader`` may set session_replication_role, ``ordinary`` may not; both are bound by row-level security."""
TEMPLATE = "chatsdk_template"
RECORDS_TEMPLATE = "dagster_template"
TESTS = Path(__file__).parent
UNIT_TESTS = TESTS / "unit"
DATABASE_FIXTURES = frozenset({"cluster", "target", "records_template"})
LONGEST_FIRST = (
    "end_to_end/test_week.py",
    "end_to_end/test_command_line.py",
    "end_to_end/test_cutover_command.py",
    "end_to_end/test_reconcile.py",
    "end_to_end/test_sync.py",
    "end_to_end/test_sync_more.py",
    "end_to_end/test_cutover.py",
    "end_to_end/test_killing.py",
    "end_to_end/test_day_of_syncs.py",
    "end_to_end/test_cutover_kills.py",
    "end_to_end/test_migration.py",
    "end_to_end/test_crew.py",
    "end_to_end",
    "dagster",
    "postgres",
    "unit",
)
"""Files and folders by their length: whoever runs out of files last should do so with a short one."""

_numbers = count(1)


def pytest_configure(config: pytest.Config) -> None:
    """Have xdist hand the files out in our order; its own, by the number of tests, leaves the longest to the end."""
    if hasattr(config.option, "loadscopereorder"):
        config.option.loadscopereorder = False


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if UNIT_TESTS in item.path.parents and DATABASE_FIXTURES & set(getattr(item, "fixturenames", ())):
            raise pytest.UsageError(f"{item.nodeid} uses the database: move it out of unit/")
    items.sort(key=lambda item: _place(item.path))


def _place(path: Path) -> int:
    """Give the place of a file among those that are long."""
    names = [path, *path.parents]
    return next((n for n, name in enumerate(LONGEST_FIRST) if TESTS / name in names), len(LONGEST_FIRST))


@dataclass(frozen=True)
class TargetDatabase:
    """A fresh ChatSDK database with two apps: ``app_id`` to migrate into, ``other_app_id`` to leave alone."""

    server: EmbeddedServer
    name: str
    app_id: str = APP_ID
    other_app_id: str = OTHER_APP_ID

    @property
    def dsn(self) -> str:
        """The superuser's URL."""
        return self.server.dsn(self.name)

    def superuser(self) -> psycopg.Connection[Any]:
        """A superuser's connection that sees every tenant, in autocommit mode."""
        return psycopg.connect(self.dsn, autocommit=True, options="-c app.system_context=true")

    def role_dsn(self, role: Role = "loader") -> str:
        return make_conninfo(
            host=self.server.host,
            port=self.server.port,
            dbname=self.name,
            user=role,
            password=ROLE_PASSWORDS[role],
        )

    def connect(self, role: Role = "loader", app_id: str | None = None) -> psycopg.Connection[Any]:
        """A role's connection, in autocommit mode; it works for ``app_id`` throughout when given."""
        options = "" if app_id is None else f"-c app.current_app_id={app_id}"
        return psycopg.connect(self.role_dsn(role), autocommit=True, options=options)

    def settings(self, role: Role = "loader", **changes: Any) -> Settings:
        """Settings that lead here; nothing is read from a ``.env`` file."""
        values: dict[str, Any] = {
            "stream_api_key": "key",
            "stream_api_secret": "secret",
            "target_app_id": self.app_id,
            "db_host": self.server.host,
            "db_port": self.server.port,
            "db_name": self.name,
            "db_user": role,
            "db_password": ROLE_PASSWORDS[role],
        }
        return Settings(_env_file=None, **(values | changes))  # type: ignore[call-arg]


def target_variables(settings: Settings) -> dict[str, str]:
    """Give the variables of the environment that lead to the target of these settings."""
    return {
        "CHATSDK_APP_ID": settings.app_id,
        "DB_HOST": settings.db_host,
        "DB_PORT": str(settings.db_port),
        "DB_NAME": settings.db_name,
        "DB_USER": settings.db_user,
        "DB_PASSWORD": settings.db_password.get_secret_value(),
    }


@pytest.fixture(scope="session")
def cluster() -> Iterator[EmbeddedServer]:
    """One server for the whole session, gone afterwards."""
    home = open_directory()
    postgres = EmbeddedPostgres(home, durable=False)
    try:
        server = postgres.start()
        prepare_template(server)
        yield server
    finally:
        postgres.stop()
        shutil.rmtree(postgres.home, ignore_errors=True)
        shutil.rmtree(home, ignore_errors=True)


def open_directory() -> Path:
    """A temporary directory that the server's user can enter; pytest's own are closed to others."""
    home = Path(tempfile.mkdtemp(prefix="chatsdk-migration-tests-"))
    home.chmod(0o755)
    return home


def prepare_template(server: EmbeddedServer) -> None:
    server.ensure_database(TEMPLATE)
    with server.connect(TEMPLATE) as conn:
        chatsdk.create_chatsdk(conn)
        chatsdk.create_app(conn, APP_ID, "Tests")
        chatsdk.create_app(conn, OTHER_APP_ID, "Somebody else")
        create_roles(conn)


def create_roles(conn: psycopg.Connection[Any]) -> None:
    for role, password in ROLE_PASSWORDS.items():
        chatsdk.create_role(conn, role, password, may_set_replication_role=role == "loader")


@contextmanager
def fresh_database(server: EmbeddedServer, prefix: str, template: str = "template1") -> Iterator[str]:
    """The name of a copy of a database that nobody is in; dropped afterwards whoever is still connected."""
    name = f"{prefix}_{next(_numbers)}"
    with server.connect() as conn:
        conn.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template)))
    try:
        yield name
    finally:
        with server.connect() as conn:
            conn.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def fresh_target(server: EmbeddedServer, template: str = TEMPLATE) -> Iterator[TargetDatabase]:
    """A copy of a ChatSDK database, with the grants that a copy does not take along: those on the database itself."""
    with fresh_database(server, "chatsdk", template) as name:
        with server.connect() as conn:
            for role in map(sql.Identifier, ROLE_PASSWORDS):
                conn.execute(sql.SQL("GRANT CREATE ON DATABASE {} TO {}").format(sql.Identifier(name), role))
        yield TargetDatabase(server, name)


def empty_of_people(server: EmbeddedServer, name: str) -> None:
    """End every session of a database, so that it can be copied."""
    with server.connect() as conn:
        conn.execute("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = %s", [name])


@pytest.fixture
def target(cluster: EmbeddedServer) -> Iterator[TargetDatabase]:
    """A ChatSDK database of one's own."""
    with fresh_target(cluster) as database:
        yield database


@pytest.fixture(scope="session")
def records_template(cluster: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database with Dagster's tables and nothing in them: to make them takes ten times as long as to copy it."""
    from chatsdk_migration.instance.home import StorageLocation, open_instance, prepare_home  # all of Dagster

    cluster.ensure_database(RECORDS_TEMPLATE)
    location = StorageLocation(cluster.host, cluster.port, RECORDS_TEMPLATE, cluster.superuser, cluster.password)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (location.environment() | {"DAGSTER_HOME": ""}).items():
            patch.setenv(name, value)
        prepare_home(tmp_path_factory.mktemp("records"), location)
        open_instance().dispose()
    empty_of_people(cluster, RECORDS_TEMPLATE)
    return RECORDS_TEMPLATE


@pytest.fixture
def stream() -> Iterator[Serve]:
    """Start local Stream servers: ``stream(world, **options)``.

    When one ends it must only have been read from, and no channel that had been deleted may have been queried.
    """
    with ExitStack() as servers:

        def serve(world: World, **options: Any) -> StreamServer:
            server = servers.enter_context(StreamServer(world, options=ServerOptions(**options)))
            servers.callback(_assert_only_read, server)
            return server

        yield serve


def _assert_only_read(server: StreamServer) -> None:
    assert server.writes == []
    assert server.races == []  # a channel deleted meanwhile was queried: that may have brought it back
