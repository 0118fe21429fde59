"""Comparisons that need no reading of channels: the app's people, the ledger, integrity and privacy of the target.

Here: statements over the whole app (``sql/app_*``, ``integrity_*``, ``privacy_*``, ``ledger_*``) in one read-only
transaction, and reading back what they found. Not here: channels against the source (``channel.py``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import msgspec
import psycopg

from chatsdk_migration import losses
from chatsdk_migration.models import UserRow
from chatsdk_migration.postgres.copying import copy_rows
from chatsdk_migration.postgres.failures import explained
from chatsdk_migration.postgres.target import Connection, Target
from chatsdk_migration.reconcile.comparison import MOST_KEPT
from chatsdk_migration.reconcile.sql import statement
from chatsdk_migration.reconcile.verdict import Difference, Tally, Verdict, difference
from chatsdk_migration.settings import MappingRules
from chatsdk_migration.words import counted

BESIDE_CHANNELS = ("integrity_orphans", "integrity_duplicates")
"""Faults of integrity that a comparison channel by channel cannot see."""
INTEGRITY = (
    *BESIDE_CHANNELS,
    "integrity_links",
    "integrity_sequence",
    "integrity_order",
    "integrity_counters",
    "integrity_replies",
    "integrity_votes",
    "integrity_tombstones",
    "integrity_strays",
)
ADMINISTRATORS = ("privacy_admins",)
PRIVACY = (*ADMINISTRATORS, "privacy_types", "privacy_members", "privacy_withheld")
LEDGER = (
    "complete_channels",
    "ledger_missing",
    "ledger_extra",
    "ledger_different",
    "ledger_members",
    "ledger_categories",
)
RECORDED = ("reactions", "mentions", "pins", "votes")
"""What a load records by channel, in number and digest."""
COMPLETENESS = ("complete_channels", "ledger_missing")

WITHHELD_MESSAGES = [kind for kind in losses.WITHHELD if kind.startswith("message_")]
"""Losses whose message must not be in the target."""
NOT_RECORDED = (
    "Syncs have changed these since the loads, whose record was not compared: {}. `verify` compares them with Stream."
)
NO_EVENTS_READ = "event_outbox was not looked at: GRANT SELECT ON event_outbox TO the role."


def integrity(target: Target, rules: MappingRules, names: Sequence[str] = INTEGRITY) -> Verdict:
    """Look for orphans, numbers given twice or left out, wrong counters, rows of unknown origin."""
    return _compare(target, rules, names)


def privacy(target: Target, rules: MappingRules, names: Sequence[str] = PRIVACY) -> Verdict:
    """Look for whatever shows or allows more than Stream did, and for events that would notify people of history."""
    return _compare(target, rules, names, events=True)


def completeness(target: Target, rules: MappingRules) -> Verdict:
    """Look for channels and messages that a load brought and that are no longer there."""
    return _compare(target, rules, COMPLETENESS)


def with_ledger(target: Target, rules: MappingRules, cids: Sequence[str] | None = None) -> Verdict:
    """Compare the target with what the loads recorded, of these channels or of all; Stream is not asked."""
    verdict = _compare(target, rules, LEDGER, cids=cids)
    given = {"app": target.app_id, "cids": list(cids) if cids is not None else None}
    with target.transaction(read_only=True) as conn:
        verdict.compared.update(dict(conn.execute(statement("ledger_compared"), given).fetchall()))
        outdated = conn.execute(statement("ledger_outdated"), given | {"categories": list(RECORDED)}).fetchall()
    if outdated:
        verdict.advice.append(
            NOT_RECORDED.format(", ".join(f"{one} of {counted(n, 'channel')}" for one, n in outdated))
        )
    return verdict


def people(
    target: Target, rules: MappingRules, pages: Iterable[Sequence[UserRow]], refused: Collection[str] = ()
) -> Verdict:
    """Compare the people that Stream lists with the app's.

    Args:
        target: The database.
        rules: The mapping rules.
        pages: Their rows as mapped, a page at a time.
        refused: Those who have no row, as their record cannot be carried; complete when the pages are.
    """
    verdict = Verdict()
    with _session(target) as conn:
        for rows in pages:
            copy_rows(conn, "verify_app_user", UserRow._fields, rows)
            verdict.compared["users"] += len(rows)
        copy_rows(conn, "verify_app_refused", ("id",), [(one,) for one in refused])
        _find(conn, target, rules, ["app_users", "app_vanished", "explain_users"])
        _read(conn, verdict)
    return verdict


def mend_people(target: Target, wrong: Iterable[Difference], rows: Mapping[str, UserRow]) -> int:
    """Set wrong values of people back; give the number of people. Whoever changed theirs since is not among them."""
    fields: dict[str, set[str]] = {}
    for one in wrong:
        fields.setdefault(one.stream_id, set()).add(one.field)
    number = 0
    with target.transaction() as conn:
        for person, names in fields.items():
            if person in rows:
                named = {"fields": sorted(names), "administrators": list(target.settings.administrators)}
                given = {"app": target.app_id} | named | rows[person]._asdict()
                number += conn.execute(statement("mend_user"), given).rowcount
    return number


def first_load(target: Target) -> str:
    """Give when the first channel was carried, as PostgreSQL's text; ``-infinity`` when nobody noted it."""
    with target.transaction(read_only=True) as conn:
        row = conn.execute(statement("app_since"), {"app": target.app_id}).fetchone()
    return str(row[0]) if row else "-infinity"


def moment(text: str, otherwise: datetime) -> datetime:
    """Read when something was carried first; ``-infinity``, when nobody noted it, is no moment."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return otherwise


def mapped_channels(target: Target) -> list[str]:
    """Give the cids of the channels carried so far."""
    query = 'SELECT cid FROM chatsdk_migration.channel_map WHERE app_id = %s ORDER BY cid COLLATE "C"'
    with target.transaction(read_only=True) as conn:
        return [cid for (cid,) in conn.execute(query, [target.app_id])]


def _compare(
    target: Target,
    rules: MappingRules,
    names: Sequence[str],
    *,
    cids: Sequence[str] | None = None,
    events: bool = False,
) -> Verdict:
    verdict = Verdict()
    with _session(target) as conn:
        more: list[str] = []
        if events:
            absent, readable = conn.execute(statement("may_read_events")).fetchone() or (True, False)
            more = ["privacy_events"] if readable else []
            verdict.advice = [] if readable or absent else [NO_EVENTS_READ]
        _find(conn, target, rules, [*names, *more], list(cids) if cids is not None else None)
        _read(conn, verdict)
    return verdict


@contextmanager
def _session(target: Target) -> Iterator[Connection]:
    with explained("comparing the target"), target.connection() as conn:
        conn.execute(statement("app_tables"))
        try:
            yield conn
        finally:
            if conn.info.transaction_status is psycopg.pq.TransactionStatus.IDLE:
                conn.execute("DISCARD TEMP")


def _find(
    conn: Connection, target: Target, rules: MappingRules, names: Sequence[str], cids: list[str] | None = None
) -> None:
    since = conn.execute(statement("app_since"), {"app": target.app_id}).fetchone() or ("-infinity",)
    given: dict[str, Any] = {
        "app": target.app_id,
        "cids": cids,
        "since": since[0],
        "administrators": list(target.settings.administrators),
        "types": msgspec.json.encode(rules.channel_types).decode(),
        "withheld": [] if rules.carry_shadowed_messages or rules.carry_restricted_messages else WITHHELD_MESSAGES,
    }
    with conn.transaction():
        conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        conn.execute("SELECT set_config('app.current_app_id', %s, true)", [str(target.app_id)])
        conn.execute("SET LOCAL TimeZone = 'UTC'")
        # Whole tables joined whole: right after a load there are no statistics, and nested loops would take hours.
        conn.execute("SET LOCAL enable_nestloop = off")
        for name in names:
            conn.execute(statement(name), given)


def _read(conn: Connection, verdict: Verdict) -> None:
    rows = conn.execute(statement("app_count"))
    verdict.tallies = Counter({Tally(category, kind, why): number for category, kind, why, number in rows})
    found = conn.execute(statement("app_list"), {"most": MOST_KEPT})
    verdict.differences = [difference(cid, tuple(rest)) for cid, *rest in found]
