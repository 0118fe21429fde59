"""What the connections to the target do not take over from the database or the role."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from psycopg import sql

from chatsdk_migration.postgres.target import Target
from chatsdk_migration_tests.conftest import TargetDatabase


def test_times_are_read_in_utc_whatever_the_database_has_set(target: TargetDatabase) -> None:
    with target.superuser() as conn:
        row: Any = conn.execute("SELECT current_database()").fetchone()
        for name, value in (("TimeZone", "Asia/Kolkata"), ("DateStyle", "German, DMY")):
            conn.execute(sql.SQL("ALTER DATABASE {} SET {} = {}").format(*map(sql.Identifier, (row[0], name)), value))
        conn.commit()
    opened = Target(target.settings())
    try:
        with opened.transaction(read_only=True) as conn:
            at: Any = conn.execute("SELECT '2026-01-31T22:00:00Z'::timestamptz").fetchone()
    finally:
        opened.close()
    assert at[0].utcoffset() == timedelta(0)
    assert at[0].hour == 22
