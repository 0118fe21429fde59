"""COPY of rows into tables of our own, where one bad row costs that row only.

Here: the COPY, the search for the rows PostgreSQL refuses, records made fit for ``jsonb``.
Not here: what the rows mean. COPY never goes into ChatSDK's tables: PostgreSQL refuses it under row-level security.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import psycopg
from psycopg import sql

from chatsdk_migration.models import Batch, Rejected
from chatsdk_migration.postgres.target import Connection
from chatsdk_migration.rejected import key_of, of_row
from chatsdk_migration.storable import repair

UNLOADABLE = "unloadable"
"""Reason code of a row whose value PostgreSQL does not take: too long, no date, no JSON, NUL."""
LONGEST_REASON = 500
"""Characters; a message of PostgreSQL can repeat the whole value."""
LONGEST_UNREADABLE = 10_000
"""Characters kept of a record that even as text cannot become JSON."""
REJECT_COLUMNS = ("entity", "stream_id", "code", "reason", "record", "message_stream_id", "record_key", "mapped")
"""Columns of ``reject_line``, in the stage and in the quarantine."""

Row = TypeVar("Row", bound=tuple[Any, ...])
Result = TypeVar("Result")


def copy_rows(conn: Connection, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    """Copy all rows or none.

    Raises:
        psycopg.DataError: PostgreSQL refuses a value.
        UnicodeEncodeError: A text holds half a surrogate pair.
    """
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    with conn.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)


def in_halves(
    rows: Sequence[Row], load: Callable[[Sequence[Row]], Result], refused: Callable[[Row, str], None]
) -> list[Result]:
    """Load rows together; when PostgreSQL refuses a value, halve until the bad rows are alone.

    Args:
        rows: What to load.
        load: Loads all of its rows or none.
        refused: Told of each row that cannot be loaded even alone, with the reason.
    """
    if not rows:
        return []
    try:
        return [load(rows)]
    except (psycopg.DataError, psycopg.IntegrityError, UnicodeEncodeError) as error:
        if len(rows) == 1:
            refused(rows[0], _reason(error))
            return []
    middle = len(rows) // 2
    return in_halves(rows[:middle], load, refused) + in_halves(rows[middle:], load, refused)


def _reason(error: psycopg.Error | UnicodeEncodeError) -> str:
    if isinstance(error, UnicodeEncodeError):
        return "The text holds half a surrogate pair, which is no character."
    return (error.diag.message_primary or str(error) or type(error).__name__)[:LONGEST_REASON]


def refusal(entity: str, row: tuple[Any, ...], reason: str, batch: Batch | None = None) -> Rejected:
    """Make the quarantine record of a row that PostgreSQL refused, with its original when the batch has it."""
    return of_row(entity, row, UNLOADABLE, reason, batch)


def reject_line(rejected: Rejected) -> tuple[Any, ...]:
    """Turn a rejected record into a line of the quarantine that PostgreSQL will take, ``REJECT_COLUMNS``."""
    return (
        repair(rejected.entity),
        repair(rejected.stream_id),
        repair(rejected.code),
        repair(rejected.reason),
        record_text(rejected.record),
        repair(rejected.message_stream_id),
        key_of(rejected),
        rejected.mapped,
    )


def record_text(record: Any) -> str:
    """Give a record as JSON text that ``jsonb`` accepts, whatever is in it."""
    try:
        return json.dumps(_clean(record), ensure_ascii=False, allow_nan=False)
    except (RecursionError, ValueError, TypeError):
        return json.dumps({"unreadable": ascii(record)[:LONGEST_UNREADABLE]})


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return repair(value)
    if isinstance(value, dict):
        return {repair(str(key)): _clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if isinstance(value, int | float | bool | None) else str(value)
