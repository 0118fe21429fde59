"""Troubles of Dagster's own database, as errors that say what to do.

Here: telling them from all other exceptions, and their words. Not here: the target database (``postgres/failures.py``).
An exception of SQLAlchemy quotes the statement and its parameters, which are whole events: none of that is repeated.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy.exc
from dagster_postgres.utils import DagsterPostgresException

from chatsdk_migration.errors import AGAIN, MigrationError, PermanentError

CHAIN_LIMIT = 50
"""Exceptions looked at behind one; a chain can be circular."""
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
_STATES = {
    "DiskFull": "has no room left on its disk",
    "ReadOnlySqlTransaction": "is read-only now",
    "TooManyConnections": "has no connection left for us",
}
_ADVICE = f"What is done is kept: put that right, then run {AGAIN}."


class StorageError(PermanentError):
    """Dagster's own records cannot be kept: its database is gone or refuses, or a disk is full."""


@contextmanager
def explained() -> Iterator[None]:
    """Raise troubles of Dagster's database as ``StorageError``; let everything else pass.

    Raises:
        StorageError: The database is gone or refuses, or a disk is full.
    """
    try:
        yield
    except MigrationError:
        raise
    except Exception as error:
        trouble = understand(error)
        if trouble is None:
            raise
        raise trouble from None  # the cause quotes statements and events


def understand(error: BaseException) -> StorageError | None:
    """Give what an exception, or one behind it, says about Dagster's database or a full disk; None when nothing."""
    for each in _chain(error):
        if isinstance(each, sqlalchemy.exc.DBAPIError):
            return StorageError("keeping Dagster's records", f"{_where()} {_state(each)}", _ADVICE)
        if isinstance(each, OSError) and each.errno in _NO_ROOM:
            found = f"no room is left on the disk of {each.filename or os.environ.get('DAGSTER_HOME', 'DAGSTER_HOME')}"
            return StorageError("keeping Dagster's records", found, _ADVICE)
    if any(isinstance(each, sqlalchemy.exc.SQLAlchemyError | DagsterPostgresException) for each in _chain(error)):
        return StorageError("keeping Dagster's records", f"{_where()} does not answer", _ADVICE)
    return None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    for _ in range(CHAIN_LIMIT):
        if error is None:
            return
        yield error
        error = error.__cause__ or error.__context__


def _where() -> str:
    host, port = os.environ.get("DAGSTER_PG_HOST", "?"), os.environ.get("DAGSTER_PG_PORT", "?")
    return f"Dagster's own database at {host}:{port}"


def _state(error: sqlalchemy.exc.DBAPIError) -> str:
    """Say what is wrong in words of our own; PostgreSQL's may quote a row."""
    name = type(error.orig).__name__  # the driver has a class for each SQLSTATE
    if name in _STATES:
        return _STATES[name]
    if isinstance(error, sqlalchemy.exc.OperationalError | sqlalchemy.exc.InterfaceError):
        return "is gone or takes no connection"
    return f"refuses a statement ({name})"
