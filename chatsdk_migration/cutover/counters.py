"""The counters of channels, set to what the live server would have left, beside live senders.

Here: which are wrong, and one short transaction for each such channel. Not here: unread counts and read positions,
which are values of Stream's (``sync/``), reply counts and poll totals (``reconcile/repair.py``).
"""

from __future__ import annotations

from chatsdk_migration.postgres.sql import statement
from chatsdk_migration.postgres.target import Target


def repair_counters(target: Target) -> dict[str, list[str]]:
    """Set wrong counters right; give their names by cid.

    A sender whose message is under way is waited for, and one that comes later adds to the number set: none is lost,
    none is counted twice.

    Raises:
        MigrationError: The database cannot be asked.
    """
    with target.transaction(read_only=True) as conn:
        wrong = conn.execute(statement("cutover_wrong_counters"), {"app": target.app_id}).fetchall()
    for _, channel_id, fields in wrong:
        given = {"app": target.app_id, "channel": channel_id, "fields": fields}
        with target.transaction() as conn:
            conn.execute(statement("cutover_hold"), given)
            conn.execute(statement("cutover_repair_counters"), given)
            if "current_seq" in fields:
                conn.execute(statement("cutover_repair_seq"), given)
    return {cid: sorted(fields) for cid, _, fields in wrong}
