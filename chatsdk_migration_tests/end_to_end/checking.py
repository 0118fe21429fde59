"""What the tests of whole migrations have in common: the assertion, and a picture of the whole database.

Here: comparing with the oracle, comparing a database with itself. Not here: what is right (``oracle.py``).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import psycopg
from psycopg import sql

from chatsdk_migration.demo.target import WRITABLE_TABLES
from chatsdk_migration.demo.world import World
from chatsdk_migration.settings import MappingRules
from chatsdk_migration_tests.conftest import TargetDatabase
from chatsdk_migration_tests.end_to_end.facts import differences
from chatsdk_migration_tests.end_to_end.found import found
from chatsdk_migration_tests.end_to_end.oracle import expected

SHOWN = 25
"""Differences shown; one cause often makes thousands."""
LEDGER = ("channel_map", "message_map", "quarantine", "loss")
WHEN = frozenset({"id", "at", "noted_at", "rejected_at", "migrated_at", "loaded_at", "run_id", "updated_at"})
"""Columns that tell when or by which run, not what."""


def assert_equal_sides(
    world: World,
    target: TargetDatabase,
    rules: MappingRules | None = None,
    *,
    failed: Iterable[str] = (),
    skip: frozenset[str] = frozenset(),
) -> None:
    """Fail with the first differences between the source and the target."""
    with target.superuser() as conn:
        here = found(conn, target.app_id)
    wanted = expected(world, rules or MappingRules(), target.app_id, failed=failed)
    lines = differences(wanted, here, skip=skip)
    assert not lines, "\n".join([f"{len(lines)} differences", *lines[:SHOWN]])


def snapshot(conn: psycopg.Connection[Any]) -> dict[str, list[Any]]:
    """Every row of every table a migration writes, without the columns that only tell when it was done."""
    tables = [("public", name) for name in WRITABLE_TABLES] + [("chatsdk_migration", name) for name in LEDGER]
    return {name: _rows(conn, schema, name) for schema, name in tables}


def _rows(conn: psycopg.Connection[Any], schema: str, table: str) -> list[Any]:
    query = sql.SQL("SELECT to_jsonb(t) - %s::text[] FROM {} t ORDER BY 1").format(sql.Identifier(schema, table))
    left_out = sorted(WHEN) if schema == "chatsdk_migration" else []
    return [row for (row,) in conn.execute(query, [left_out])]
