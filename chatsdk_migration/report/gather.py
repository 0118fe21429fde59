"""Asks the target database for everything the report says.

Here: the questions (``sql/``), the words for what was found, examples without private text. Not here: what Dagster
knows (given as ``RunFacts``), how the report looks (``markdown.py``, ``plots.py``).
"""

from __future__ import annotations

import platform
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from chatsdk_migration import losses
from chatsdk_migration.errors import PermanentError
from chatsdk_migration.postgres import ledger
from chatsdk_migration.postgres.target import Connection, Target
from chatsdk_migration.postgres.totals import totals
from chatsdk_migration.report import pace
from chatsdk_migration.report.document import (
    AppFacts,
    ChannelLine,
    LossLine,
    MonthLine,
    Numbers,
    RejectLine,
    Report,
    TypeLine,
)
from chatsdk_migration.report.facts import RunFacts
from chatsdk_migration.report.sql import statement

BUSIEST = 20
"""Channels listed by name: the ones an operator knows and will look at first."""
LONGEST_ID = 80
"""Characters of an id in an example; Stream allows 255, and a table should stay one."""
LONGEST_DETAIL = 60

REPLAY = "See `chatsdk-migrate quarantine list`; correct the setting, or the record in Stream, then replay it."
_DATABASE_REASONS = {
    "unloadable": "PostgreSQL does not take one of its values.",
    "cid_taken": "ChatSDK already has another channel with this cid.",
    "missing_user": "It names a person who is not among the app's users.",
    "id_taken": "Another channel of the app already has a message with this id.",
    "stream_id_reused": "Another message with the same Stream id, of another time, was carried.",
}
_DETAILS_WITHOUT_PRIVATE_TEXT = frozenset(
    {
        *("text_repaired", "name_cut", "signed_link", "is_admin_withheld", "reserved_field_withheld"),
        *("user_deactivated", "user_deleted", "ban_expiry", "user_role", "user_time_unreadable"),
        *("channel_type_flattened", "channel_not_two_people", "channel_cooldown"),
        *("channel_team", "role_unknown", "member_custom"),
        *(
            "message_shadowed",
            "message_restricted",
            "message_in_withheld_thread",
            "message_custom",
            "message_type_unknown",
        ),
        *("attachment_without_url", "pin_expired", "pin_expiry", "poll_missing", "votes_missing"),
        *("reactions_missing", "reaction_score", "reactions_merged", "reaction_custom"),
    }
)
"""Kinds whose detail is a number, a time, the name of a field or a word of Stream's; any other detail stays inside."""
_PACKAGES = ("chatsdk-migration", "dagster", "stream-chat", "psycopg")


def gather(target: Target, facts: RunFacts, *, now: datetime | None = None) -> Report:
    """Make the report of what the target holds now.

    Args:
        target: The database and the app. The tool's own schema is created there when it is missing.
        facts: What Dagster's records say of the runs.
        now: When the report is made; the present moment when None.

    Raises:
        PermanentError: There is no such app, or a privilege is missing.
        TransientError: The database cannot be reached.
    """
    ledger.install(target)
    imported = totals(target)
    stints = pace.once(facts.stints)
    with target.transaction(read_only=True) as conn:
        app, server_version = _app(conn, target)
        channels = _channels(conn, target)
        months = [MonthLine(*row) for row in _ask(conn, target, "months")]
        return Report(
            made_at=(now or datetime.now(UTC)).isoformat(timespec="seconds").replace("+00:00", "Z"),
            app=app,
            versions=_versions() | {"PostgreSQL": server_version, "ledger": str(ledger.VERSION)},
            imported=imported,
            total=_sum(line.numbers for line in channels),
            losses=[_loss(row) for row in _ask(conn, target, "losses")],
            rejected=[_reject(row) for row in _ask(conn, target, "rejects")],
            channel_types=_by_type(channels),
            busiest=sorted(channels, key=lambda line: -_traffic(line.numbers))[:BUSIEST],
            months=[line for line in months if line.month],
            undated=sum(line.stream for line in months if not line.month),
            known_channels=facts.known_channels,
            unfinished=dict(facts.unfinished),
            assets=pace.by_asset(stints),
            runs=pace.by_run(facts, stints),
            pace=pace.pace(facts, stints),
        )


def _ask(conn: Connection, target: Target, name: str, **more: Any) -> list[tuple[Any, ...]]:
    return conn.execute(statement(name), {"app": target.app_id} | more).fetchall()


def _app(conn: Connection, target: Target) -> tuple[AppFacts, str]:
    found = _ask(conn, target, "app")
    if not found:
        raise PermanentError(
            "making the report", f"App not found: {target.app_id}", "Check --target-app-id, or CHATSDK_APP_ID."
        )
    name, database, server_version, fingerprint = found[0]
    settings = target.settings
    where = f"{settings.db_host}:{settings.db_port}/{database}"
    return AppFacts(str(target.app_id), name, where, fingerprint), server_version


def _versions() -> dict[str, str]:
    return {"Python": platform.python_version()} | {package: version(package) for package in _PACKAGES}


def _channels(conn: Connection, target: Target) -> list[ChannelLine]:
    return [_channel_line(row) for row in _ask(conn, target, "channels", withheld=losses.WITHHELD)]


def _channel_line(row: tuple[Any, ...]) -> ChannelLine:
    cid, chatsdk_type, members, read, carried, own, withheld, rejected, reactions = row
    numbers = Numbers(1, members, read, carried, own, withheld, rejected, reactions)
    return ChannelLine(cid, chatsdk_type or "deleted in ChatSDK", numbers)


def _traffic(numbers: Numbers) -> int:
    return max(numbers.read or 0, numbers.carried)


def _sum(all_numbers: Iterable[Numbers]) -> Numbers:
    numbers = list(all_numbers)
    reads = [each.read for each in numbers if each.read is not None]
    return Numbers(
        channels=sum(each.channels for each in numbers),
        members=sum(each.members for each in numbers),
        read=sum(reads) if reads else None,
        carried=sum(each.carried for each in numbers),
        own=sum(each.own for each in numbers),
        withheld=sum(each.withheld for each in numbers),
        rejected=sum(each.rejected for each in numbers),
        reactions=sum(each.reactions for each in numbers),
    )


def _by_type(channels: Sequence[ChannelLine]) -> list[TypeLine]:
    """Add channels up by their type in Stream, which is the first half of the cid, and their type in ChatSDK."""
    groups: dict[tuple[str, str], list[Numbers]] = {}
    for line in channels:
        groups.setdefault((line.cid.partition(":")[0], line.chatsdk_type), []).append(line.numbers)
    lines = [TypeLine(*types, _sum(numbers)) for types, numbers in groups.items()]
    return sorted(lines, key=lambda line: (-line.numbers.channels, line.stream_type, line.chatsdk_type))


def _loss(row: tuple[Any, ...]) -> LossLine:
    entity, code, number, channels, cid, stream_id, detail = row
    kind = losses.CATALOG.get(code) or losses.LossKind(code, "missing", f"{code}: a kind this version does not know.")
    shown = _example(stream_id, cid, detail, safe=code in _DETAILS_WITHOUT_PRIVATE_TEXT)
    return LossLine(code, kind.severity, entity, number, channels, shown, kind.says, kind.advice)


def _reject(row: tuple[Any, ...]) -> RejectLine:
    entity, code, number, discarded, channels, cid, stream_id = row
    says = losses.REJECT_REASONS.get(code) or _DATABASE_REASONS.get(code) or "Its reason is in the quarantine."
    advice = REPLAY if number > discarded else "Nothing to do: all were discarded on purpose."
    example = _example(stream_id, cid, "", safe=True)
    return RejectLine(code, entity, number, discarded, channels, example, says, advice)


def _example(stream_id: str, cid: str, detail: str, *, safe: bool) -> str:
    """Say where one such record is found; a line that sums a channel up has its id in front of the detail."""
    if not stream_id:
        stream_id, _, detail = detail.partition(": ")
    words = [_cut(stream_id, LONGEST_ID)] if stream_id else []
    if safe and detail and detail != cid:
        words.append(f"({_cut(detail, LONGEST_DETAIL)})")
    if cid and cid != stream_id:
        words.append(f"in {_cut(cid, LONGEST_ID)}")
    return " ".join(words)


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"
