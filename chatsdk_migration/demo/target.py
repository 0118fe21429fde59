"""ChatSDK's database for the demo and the tests: its tables, its apps, the roles that load it, one live send.

Here: our own rendition of what ChatSDK's server keeps in PostgreSQL (``chatsdk/schema/*.sql``, in the order of their
names) and what the server does to it when a person sends a message.
Not here: the migration, which must find its way in a database it did not create (``postgres/``).

Indexes, keys, defaults, trigger and policies are ChatSDK 2.0.8's. Left out: tables that neither a migration nor
its tests touch, and the pgcrypto extension, which embedded servers lack.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Any, NamedTuple
from uuid import UUID

import psycopg
import uuid6
from psycopg import sql

READABLE_TABLES = ("app",)
"""Only looked at: the app must exist and its settings are the operator's."""

WRITABLE_TABLES = (
    "app_user",
    "channel",
    "channel_seq",
    "channel_member",
    "message",
    "user_message",
    "reaction",
    "mention",
    "pinned_message",
    "poll",
    "poll_vote",
    "user_block",
    "upload",
    "read_receipt",
    "search_index_outbox",
)
"""What a migration may fill. ``event_outbox`` is missing on purpose: each of its rows is pushed to clients at once."""

_RESOURCES = files("chatsdk_migration.demo") / "chatsdk"
_INSTALL_LOCK = 0x63686174
"""Key of the advisory lock that keeps two processes from installing the schema at the same time."""


class SentMessage(NamedTuple):
    """What a live send got from the database."""

    id: str
    seq: int


def create_chatsdk(conn: psycopg.Connection[Any]) -> None:
    """Install ChatSDK's schema in the connection's database unless it is there."""
    with conn.transaction():
        conn.execute("SELECT pg_advisory_xact_lock(%s)", [_INSTALL_LOCK])
        if conn.execute("SELECT to_regclass('public.app') IS NULL").fetchone() == (True,):
            for script in schema_scripts():
                conn.execute(script)


def schema_scripts() -> list[bytes]:
    """Give the scripts that create the schema, in order; each holds several statements."""
    scripts = sorted((entry for entry in (_RESOURCES / "schema").iterdir()), key=lambda entry: entry.name)
    return [entry.read_bytes() for entry in scripts if entry.name.endswith(".sql")]


def create_app(conn: psycopg.Connection[Any], app_id: str, name: str) -> None:
    """Create a tenant as ``POST /admin/apps`` does, unless it is there."""
    conn.execute("INSERT INTO public.app (id, name) VALUES (%s, %s) ON CONFLICT (id) DO NOTHING", [app_id, name])


def create_role(
    conn: psycopg.Connection[Any],
    name: str,
    password: str,
    *,
    may_set_replication_role: bool,
    may_create_schema: bool = True,
) -> None:
    """Create, or bring up to date, an ordinary role with the least a migration needs in this database.

    Roles belong to the whole server: the grants on tables and on the database must be repeated in each database.

    Args:
        conn: A superuser's connection to a database that holds ChatSDK's schema.
        name: The role.
        password: Its password, set again when the role exists.
        may_set_replication_role: Allow the fast way to load (PostgreSQL 15 and later).
        may_create_schema: Allow the tool to create its own schema in this database.
    """
    with conn.transaction():
        _ensure_login(conn, name, password)
        role = sql.Identifier(name)
        _set_grant(conn, sql.SQL("SET ON PARAMETER session_replication_role"), role, granted=may_set_replication_role)
        create = sql.SQL("CREATE ON DATABASE {}").format(sql.Identifier(conn.info.dbname))
        _set_grant(conn, create, role, granted=may_create_schema)
        _grant_tables(conn, role)


def _ensure_login(conn: psycopg.Connection[Any], name: str, password: str) -> None:
    attributes = sql.SQL("{} LOGIN NOSUPERUSER NOBYPASSRLS PASSWORD {}").format(sql.Identifier(name), password)
    try:
        with conn.transaction():
            conn.execute(sql.SQL("CREATE ROLE {}").format(attributes))
    except psycopg.errors.DuplicateObject:
        conn.execute(sql.SQL("ALTER ROLE {}").format(attributes))


def _set_grant(
    conn: psycopg.Connection[Any], privilege: sql.Composable, role: sql.Identifier, *, granted: bool
) -> None:
    statement = sql.SQL("GRANT {} TO {}") if granted else sql.SQL("REVOKE {} FROM {}")
    conn.execute(statement.format(privilege, role))


def _grant_tables(conn: psycopg.Connection[Any], role: sql.Identifier) -> None:
    # UPDATE also covers the row locks (FOR KEY SHARE) that stand in for the checks of foreign keys.
    writable = sql.SQL(", ").join(sql.Identifier("public", table) for table in WRITABLE_TABLES)
    readable = sql.SQL(", ").join(sql.Identifier("public", table) for table in READABLE_TABLES)
    conn.execute(sql.SQL("GRANT USAGE ON SCHEMA public, chatsdk TO {}").format(role))
    conn.execute(sql.SQL("GRANT SELECT ON {} TO {}").format(readable, role))
    conn.execute(sql.SQL("GRANT SELECT, INSERT, UPDATE ON {} TO {}").format(writable, role))


def live_send(conn: psycopg.Connection[Any], app_id: str, channel_id: str, user_id: str, text: str) -> SentMessage:
    """Store one message as the live server does: next number, message, one row for each member, trigger.

    Args:
        conn: Any role that may write the app's tables.
        app_id: The tenant.
        channel_id: A channel of the tenant.
        user_id: A user of the tenant.
        text: The message.

    Raises:
        psycopg.Error: The channel or the user does not exist, or the role may not.
    """
    parameters = {"id": uuid6.uuid7(), "channel_id": UUID(channel_id), "app_id": UUID(app_id)}
    with conn.transaction():
        conn.execute("SELECT set_config('app.current_app_id', %s, true)", [app_id])
        statement = (_RESOURCES / "live_send.sql").read_bytes()
        row = conn.execute(statement, parameters | {"user_id": user_id, "text": text}).fetchone()
    assert row is not None, "a single-row INSERT returns its row"
    return SentMessage(*row)
