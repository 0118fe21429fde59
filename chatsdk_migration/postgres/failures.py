"""What a database error means to the engineer: worth another try, or what to do first.

Here: the mapping from psycopg's errors to ours. Not here: retrying. Messages name the server, the database and the
role, never a password and never the contents of a row (PostgreSQL's DETAIL quotes rows, so it is left out).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from chatsdk_migration.errors import (
    AGAIN,
    ChannelError,
    MigrationError,
    PermanentError,
    TransientError,
    is_transient_sqlstate,
)
from chatsdk_migration.settings import Settings

_OPERATOR_MUST_ACT = {
    "25006": "The database refuses writes: connect to the primary server, not to a standby.",
    "42501": "The role lacks a privilege: run import-stream --dry-run, which lists the missing GRANT statements.",
    "42P01": "A table is missing: run import-stream --dry-run, which lists what differs from ChatSDK's schema.",
    "42703": "A column is missing: run import-stream --dry-run, which lists what differs from ChatSDK's schema.",
    "42883": "A function is missing: run import-stream --dry-run, which lists what differs from ChatSDK's schema.",
    "3F000": "A schema is missing: run import-stream --dry-run, which lists what differs from ChatSDK's schema.",
}
"""Errors that every channel would meet alike (PostgreSQL appendix A)."""

_CONNECTION_REFUSALS: tuple[tuple[str, bool, str], ...] = (
    ("starting up", True, f"Wait until the server is up and run {AGAIN}."),
    ("shutting down", True, f"Wait until the server is up and run {AGAIN}."),
    ("recovery mode", True, f"Wait until the server is up and run {AGAIN}."),
    ("too many clients", True, "Lower channels_in_flight or raise max_connections."),
    ("remaining connection slots", True, "Lower channels_in_flight or raise max_connections."),
    ("password authentication failed", False, "Check --db-user and DB_PASSWORD."),
    ("no password supplied", False, "Set DB_PASSWORD."),
    ("no pg_hba.conf entry", False, "Allow this host and role in pg_hba.conf, or turn on --db-ssl if it asks for TLS."),
    ("root certificate file", False, "Give the path of an existing CA file with --db-ssl-ca."),
    ("does not match host name", False, "Give --db-host the name that the certificate carries."),
    ("certificate", False, "Give the server's CA with DB_SSL_CA; an unverified connection is not offered."),
    ("does not support SSL", False, "Turn TLS on at the server, or leave out --db-ssl inside a trusted network."),
    ("permission denied for database", False, "Run: GRANT CONNECT ON DATABASE ... TO the role."),
)
"""Text of a refusal, whether it passes by itself, and what to do; libpq gives no SQLSTATE for a failed connection."""


def connection_failure(settings: Settings, error: Exception) -> MigrationError:
    """Say why no connection came about."""
    text = str(error)
    where = f'"{settings.db_name}" at {settings.db_host}:{settings.db_port} as "{settings.db_user}"'
    tried = f"connecting to database {where}"
    if "database" in text and "does not exist" in text:
        return PermanentError(
            tried, "there is no such database", "Check --db-name, or create ChatSDK's database first."
        )
    if "role" in text and "does not exist" in text:
        return PermanentError(tried, "there is no such role", "Check --db-user, or create the role first.")
    for sign, passes, next_step in _CONNECTION_REFUSALS:
        if sign in text:
            found = f"the connection was refused: {_reason(text) if 'cert' in sign or 'host' in sign else sign}"
            return TransientError(tried, found, next_step) if passes else PermanentError(tried, found, next_step)
    reason = _reason(text) or type(error).__name__
    return TransientError(
        tried,
        f"the database cannot be reached ({reason})",
        "Check --db-host, --db-port, that the server runs, firewalls.",
    )


def _reason(text: str) -> str:
    """Give the line of libpq's text that says why, without the address, which the message names anyway."""
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    return lines[0].rpartition("failed: ")[2] if lines else ""


def explain(tried: str, error: psycopg.Error, otherwise: type[MigrationError] = PermanentError) -> MigrationError:
    """Say what an error of a statement means; ``otherwise`` is the kind when nothing better is known."""
    state = error.sqlstate
    found = error.diag.message_primary or type(error).__name__
    if state is not None:
        found = f"{found} (SQLSTATE {state})"
    broken = isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    if (state is not None or broken) and is_transient_sqlstate(state):
        return TransientError(tried, found, f"Run {AGAIN}; what is committed is kept.")
    if state in _OPERATOR_MUST_ACT:
        return PermanentError(tried, found, _OPERATOR_MUST_ACT[state])
    if otherwise is ChannelError:
        return ChannelError(tried, found, "The other channels go on; report this with the SQLSTATE if it comes again.")
    return otherwise(tried, found, "Report this with the SQLSTATE.")


@contextmanager
def explained(tried: str, otherwise: type[MigrationError] = PermanentError) -> Iterator[None]:
    """Turn psycopg's errors into ours; the original is cut off because it can quote rows."""
    try:
        yield
    except psycopg.Error as error:
        raise explain(tried, error, otherwise) from None
