"""Connections to ChatSDK's database, each transaction inside one tenant.

Here: the pool, the tenant setting, refused connections as errors that say what to do.
Not here: retrying (the caller's), any statement about ChatSDK's tables.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import psycopg
from psycopg_pool import ConnectionPool, PoolTimeout

from chatsdk_migration.errors import MigrationError, TransientError
from chatsdk_migration.postgres.failures import connection_failure, explained
from chatsdk_migration.settings import Settings

Connection = psycopg.Connection[Any]

APPLICATION_NAME = "chatsdk-migration"
CONNECT_TIMEOUT_SECONDS = 10
CHECKOUT_SECONDS = 30
"""How long to wait for a free connection, or for a server that is restarting."""
SPARE_CONNECTIONS = 4
"""Beside one for each channel in flight: users, channels, checks, reports."""
RECONNECT_SECONDS = 60
_SESSION_OPTIONS = "-c jit=off -c timezone=UTC -c datestyle=ISO"
"""Compiling a statement costs more than any of ours runs. Times are said in UTC, whatever the database or role has set;
and psycopg reads no other style of dates."""


class Target:
    """The target database of one app. Thread-safe; connects when it is first used.

    Args:
        settings: Where the database is, and the app.
        read_only: Every transaction refuses writes: the server enforces it.
        cursor_factory: Cursor class of all connections, for those who trace statements.

    Raises:
        TransientError: From any method: the server cannot be reached or is out of connections.
        PermanentError: From any method: wrong password, no such database, TLS that cannot be verified.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        read_only: bool = False,
        cursor_factory: type[psycopg.Cursor[Any]] = psycopg.Cursor,
    ) -> None:
        self.settings = settings
        self.read_only = read_only
        self._opening = threading.Lock()
        self._cursor_factory = cursor_factory
        self._pool: ConnectionPool[Connection] | None = None

    @property
    def app_id(self) -> UUID:
        """The tenant.

        Raises:
            PermanentError: None is set.
        """
        return UUID(self.settings.app_id)

    def close(self) -> None:
        """Close all connections; the next use opens new ones."""
        with self._opening:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.close()

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Lend a connection in autocommit mode, without a tenant."""
        pool = self._open()
        try:
            conn = pool.getconn(timeout=CHECKOUT_SECONDS)
        except PoolTimeout:
            raise self._why_none_came() from None
        try:
            yield conn
        finally:
            pool.putconn(conn)

    @contextmanager
    def transaction(self, *, read_only: bool = False) -> Iterator[Connection]:
        """Lend a connection inside a transaction that sees and writes this tenant only."""
        with explained("working in the target database"), self.raw_transaction(read_only=read_only) as conn:
            yield conn

    @contextmanager
    def raw_transaction(self, *, read_only: bool = False) -> Iterator[Connection]:
        """As ``transaction``, but errors of statements stay psycopg's, for those who tell them apart."""
        with self.connection() as conn, tenant_transaction(conn, self.app_id, read_only=read_only):
            yield conn

    def _open(self) -> ConnectionPool[Connection]:
        with self._opening:
            if self._pool is None:
                self._try_once()
                self._pool = self._new_pool()
            return self._pool

    def _try_once(self) -> None:
        """Connect directly: the pool would only say that it waited."""
        try:
            psycopg.connect(**self._parameters()).close()
        except psycopg.Error as error:
            raise connection_failure(self.settings, error) from None

    def _new_pool(self) -> ConnectionPool[Connection]:
        return ConnectionPool(
            kwargs=self._parameters(),
            min_size=0,
            max_size=self.settings.channels_in_flight + SPARE_CONNECTIONS,
            timeout=CHECKOUT_SECONDS,
            reconnect_timeout=RECONNECT_SECONDS,
            check=ConnectionPool.check_connection,
            name=APPLICATION_NAME,
            open=True,
        )

    def _parameters(self) -> dict[str, Any]:
        options = _SESSION_OPTIONS + (" -c default_transaction_read_only=on" if self.read_only else "")
        return self.settings.libpq_parameters() | {
            "autocommit": True,
            # The stages of different channels differ in size by orders of magnitude: each plan for itself.
            "prepare_threshold": None,
            "cursor_factory": self._cursor_factory,
            "application_name": APPLICATION_NAME,
            "connect_timeout": CONNECT_TIMEOUT_SECONDS,
            "options": options,
        }

    def _why_none_came(self) -> MigrationError:
        try:
            self._try_once()
        except MigrationError as reason:
            return reason
        return TransientError(
            "taking a database connection",
            f"none became free within {CHECKOUT_SECONDS} s",
            "Run fewer channels at a time, or raise channels_in_flight, which also sizes the pool.",
        )


@contextmanager
def tenant_transaction(conn: Connection, app_id: UUID, *, read_only: bool = False) -> Iterator[None]:
    """Run a transaction that row-level security confines to one app."""
    with conn.transaction():
        if read_only:
            conn.execute("SET TRANSACTION READ ONLY")
        conn.execute("SELECT set_config('app.current_app_id', %s, true)", [str(app_id)])
        yield
