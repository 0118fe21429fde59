"""One command line at a time on one Dagster instance.

Here: the lock, held in Dagster's own database for as long as the process lives, so that a killed command leaves none
behind. Not here: runs of the web UI, which Dagster's pool and the lock of each channel keep apart.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg.conninfo import make_conninfo

from chatsdk_migration.errors import PermanentError

LOCK_KEY = 0x636861746D6967
"""Key of the advisory lock; any number that nobody else in Dagster's database uses."""


@contextmanager
def alone() -> Iterator[None]:
    """Keep other command lines out until the work inside ends.

    Raises:
        PermanentError: Another one is at work.
    """
    with psycopg.connect(_storage(), autocommit=True) as conn:
        row = conn.execute("SELECT pg_try_advisory_lock(%s)", [LOCK_KEY]).fetchone()
        if row != (True,):
            raise PermanentError(
                "starting work on this DAGSTER_HOME",
                "another chatsdk-migrate is at work on it: import-stream, sync, cutover or a replay",
                "Let it end (`chatsdk-migrate status` shows how far it is), or end it with Ctrl-C in its terminal.",
            )
        yield


def _storage() -> str:
    names = {"host": "HOST", "port": "PORT", "dbname": "DB", "user": "USER", "password": "PASSWORD"}
    return make_conninfo(**{parameter: os.environ[f"DAGSTER_PG_{name}"] for parameter, name in names.items()})
