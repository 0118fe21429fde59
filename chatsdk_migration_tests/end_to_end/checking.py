"""What the tests of whole migrations have in common: the assertion, and a picture of the whole database.

Here: comparing with the oracle, comparing a database with itself, numbers and counters by themselves. Not here: what
is right (``oracle.py``).
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


def broken_numbers(conn: psycopg.Connection[Any]) -> list[Any]:
    """Channels whose messages are not numbered 1 to n, or whose counters do not say so."""
    return conn.execute(
        """SELECT c.cid, c.message_count, c.last_message_at, s.current_seq, count(m.id), count(DISTINCT m.seq),
                  min(m.seq), max(m.seq), max(m.created_at)
           FROM channel c LEFT JOIN channel_seq s ON s.channel_id = c.id LEFT JOIN message m ON m.channel_id = c.id
           GROUP BY c.id, s.channel_id
           HAVING count(m.id) > 0 AND (count(DISTINCT m.seq) <> count(m.id) OR max(m.seq) <> count(m.id)
                  OR min(m.seq) <> 1 OR s.current_seq IS DISTINCT FROM max(m.seq)
                  OR c.message_count <> count(m.id) OR c.last_message_at IS DISTINCT FROM max(m.created_at))
                  OR c.member_count <> (SELECT count(*) FROM channel_member e WHERE e.channel_id = c.id)"""
    ).fetchall()
