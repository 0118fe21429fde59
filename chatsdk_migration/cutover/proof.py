"""What is said of a cutover's steps and at its end: the proof, in lines for people.

Here: words and numbers. Not here: how to freeze and to switch (``freezing.py``), where the numbers come from.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from chatsdk_migration.cutover.hands import Compared
from chatsdk_migration.cutover.model import CutoverReport, Readiness
from chatsdk_migration.cutover.readiness import ago
from chatsdk_migration.postgres import ledger
from chatsdk_migration.postgres.target import Target
from chatsdk_migration.progress import duration
from chatsdk_migration.reconcile.target_side import WITHHELD_MESSAGES
from chatsdk_migration.reconcile.verdict import CATEGORIES, EXPLANATIONS
from chatsdk_migration.words import counted

LISTED = 20
"""Conflicts and differences that are listed; all are counted."""


def readiness_lines(found: Readiness) -> Iterator[str]:
    """Say whether the switch can be made, and why not."""
    if found.ready:
        yield "Ready for the switch."
    else:
        yield "Not ready for the switch, because"
        yield from (f"  - {reason}" for reason in found.reasons)
    yield f"  {numbers_line(found)}"


def numbers_line(found: Readiness) -> str:
    """Give the numbers in a line."""
    lag = "unknown" if found.lag_seconds is None else ago(found.lag_seconds)
    verified = "never" if found.verified_seconds_ago is None else f"{ago(found.verified_seconds_ago)} ago"
    differences = "" if found.differences is None else f", {counted(found.differences, 'difference')} open"
    return (
        f"Lag {lag}; verified as a whole: {verified}{differences}; {found.quarantined:,} in quarantine; "
        f"{found.conflicts:,} conflicts listed."
    )


def sync_line(result: Mapping[str, Any]) -> str:
    """Say what a sync did."""
    applied = ", ".join(f"{kind} {number:,}" for kind, number in sorted(result.get("applied", {}).items()))
    return (
        f"Synced: {result.get('channels_looked_at', 0):,} channels looked at, {applied or 'nothing changed'}; "
        f"{result.get('api_calls', 0):,} calls."
    )


def verdict_line(found: Compared) -> str:
    """Say what a verification found."""
    verdict = found.verdict
    line = (
        f"Compared {verdict['channels']:,} channels in {duration(verdict['seconds'])} with {verdict['api_calls']:,} "
        f"calls: {verdict['unexplained']:,} differences that nothing explains, {verdict['explained']:,} explained"
    )
    if verdict["problems"]:
        line += f", {len(verdict['problems']):,} channels not compared"
    for name, says in found.faults.items():
        line += f"; {name} of ChatSDK's side: {says}"
    return line + "."


def difference_lines(verdict: Mapping[str, Any]) -> Iterator[str]:
    """Name the first differences that nothing explains, and what could not be compared."""
    for one in [one for one in verdict["differences"] if one["explained_by"] is None][:LISTED]:
        where = " ".join(part for part in (one["cid"], one["stream_id"]) if part)
        what = " ".join(part for part in (one["category"].replace("_", " "), one["field"], one["kind"]) if part)
        values = f": Stream {one['expected']!r}, ChatSDK {one['found']!r}" if one["kind"] == "different" else ""
        yield f"  {where}: {what}{values}"
    for cid, why in list(verdict["problems"].items())[:LISTED]:
        yield f"  {cid}: not compared: {why}"


def proof_lines(report: CutoverReport, target: Target, first: str = "") -> Iterator[str]:
    """Give the proof: the numbers of both sides, what explains differences, and what was left behind, named."""
    verdict = report.verdict or {}
    yield first or ("Both sides are equal." if report.equal else "The two sides are not equal.")
    yield f"  {'':<16}{'in Stream':>12}{'as in ChatSDK':>16}{'explained':>12}{'not explained':>15}"
    for category, compared, equal, explained, wrong in both_sides(verdict):
        yield f"  {category:<16}{compared:>12,}{equal:>16,}{explained:>12,}{wrong:>15,}"
    yield from (f"  {line}" for line in _explained(verdict))
    if not report.equal:
        yield from difference_lines(verdict)
        yield from (f"  {name}: {says}" for name, says in report.faults.items())
        yield from (f"  written after the freeze: {one.cid}: {one.what}, {one.at}" for one in report.written)
    if (unread := report.unread) is not None:
        yield (
            f"Unread messages of {unread.memberships:,} memberships: {unread.stream:,} by Stream, {unread.chatsdk:,} "
            f"in ChatSDK; {unread.different:,} memberships differ{_why_unread(unread.different)}."
        )
    yield from _left_behind(report, target)


def both_sides(verdict: Mapping[str, Any]) -> Iterator[tuple[str, int, int, int, int]]:
    """Give, by category: records of Stream, those of them found alike, differences explained and not.

    What is only in ChatSDK (extra) is a difference, and takes nothing from the records found alike. Categories whose
    records are not counted by themselves are given only when something differs.
    """
    tallies = verdict.get("tallies") or []
    for category in CATEGORIES:
        own = [one for one in tallies if one["category"] == category]
        explained = sum(one["number"] for one in own if one["explained_by"] is not None)
        wrong = sum(one["number"] for one in own if one["explained_by"] is None)
        off = sum(one["number"] for one in own if one["kind"] != "extra")
        compared = (verdict.get("compared") or {}).get(category)
        if compared is not None or explained or wrong:
            number = compared or 0
            yield category.replace("_", " "), number, max(number - off, 0), explained, wrong


def _why_unread(different: int) -> str:
    return " (read or written in ChatSDK since, or of people whose state Stream does not list)" if different else ""


def _explained(verdict: Mapping[str, Any]) -> Iterator[str]:
    numbers: dict[str, int] = {}
    for one in verdict.get("tallies") or []:
        if one["explained_by"] is not None:
            numbers[one["explained_by"]] = numbers.get(one["explained_by"], 0) + one["number"]
    for why, number in numbers.items():
        yield f"Explained: {number:,} {EXPLANATIONS.get(why, why)}."


def _left_behind(report: CutoverReport, target: Target) -> Iterator[str]:
    """Say what did not come over, and on whose account."""
    yield f"Conflicts, where ChatSDK's people won: {len(report.conflicts):,}."
    for one in report.conflicts[:LISTED]:
        yield f"  {one.cid} {one.entity} {one.stream_id}: {one.what}"
    if len(report.conflicts) > LISTED:
        yield f"  and {len(report.conflicts) - LISTED:,} more in chatsdk_migration.conflict."
    rejected = ledger.noted_rejects(target)
    yield f"Rejected records, in quarantine: {sum(one.number for one in rejected):,}."
    yield from (f"  {one.number:,} {one.entity} {one.kind}: {one.example}" for one in rejected[:LISTED])
    withheld = [one for one in ledger.noted_losses(target) if one.kind in WITHHELD_MESSAGES]
    yield f"Messages withheld, as only some people could see them in Stream: {sum(one.number for one in withheld):,}."
    yield "What else was changed or has no home in ChatSDK: `chatsdk-migrate report`."
