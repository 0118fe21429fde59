"""How many rows of each kind the target app holds. Not here: whether they are the right ones."""

from __future__ import annotations

from chatsdk_migration.postgres.sql import statement
from chatsdk_migration.postgres.target import Target


def totals(target: Target) -> dict[str, int]:
    """Count the app's rows, by the names an operator would use: users, channels, members, messages and so on."""
    with target.transaction(read_only=True) as conn:
        cursor = conn.execute(statement("count_rows"), {"app": target.app_id})
        numbers = cursor.fetchone() or ()
        return {column.name: number for column, number in zip(cursor.description or (), numbers, strict=True)}
