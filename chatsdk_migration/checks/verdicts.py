"""A verdict as the result of an asset check: the numbers, the failing channels, the first differences as a table.

Here: the words of the metadata, shared by the checks. Not here: the comparisons (``reconcile/``).
"""

from __future__ import annotations

from typing import Any

import dagster as dg

from chatsdk_migration.reconcile.verdict import EXPLANATIONS, Difference, Verdict
from chatsdk_migration.words import counted

SHOWN_DIFFERENCES = 50
"""Differences in the table of a check; the command line's JSON file has more."""
SHOWN_CHANNELS = 500
"""Failing channels listed."""
_COLUMNS = ("channel", "what", "kind", "Stream id", "ChatSDK id", "field", "expected", "found", "explained by")
_SCHEMA = dg.TableSchema([dg.TableColumn(name, "string") for name in _COLUMNS])


def check_result(check: str, asset: str, verdict: Verdict) -> dg.AssetCheckResult:
    """Make the result of a check: passed when everything could be compared and nothing is left unexplained."""
    return dg.AssetCheckResult(
        asset_key=asset,
        check_name=check,
        passed=verdict.is_clean,
        severity=dg.AssetCheckSeverity.ERROR,
        description=_sentence(verdict),
        metadata=_metadata(verdict),
    )


def _sentence(verdict: Verdict) -> str:
    parts = [f"{counted(verdict.unexplained, 'difference')} that nothing explains", f"{verdict.explained:,} explained"]
    if verdict.channels:
        parts.insert(0, f"{counted(verdict.channels, 'channel')} compared")
    if verdict.problems:
        parts.append(f"{counted(len(verdict.problems), 'channel')} could not be compared")
    return ", ".join(parts) + "."


def _metadata(verdict: Verdict) -> dict[str, dg.MetadataValue[Any]]:
    by_category: dict[str, int] = {}
    for tally, number in verdict.tallies.items():
        name = f"{tally.category} {tally.kind}" + (f" ({tally.explained_by})" if tally.explained_by else "")
        by_category[name] = by_category.get(name, 0) + number
    found: dict[str, dg.MetadataValue[Any]] = {
        "unexplained": dg.MetadataValue.int(verdict.unexplained),
        "explained": dg.MetadataValue.int(verdict.explained),
        "differences_by_category": dg.MetadataValue.json(by_category),
        "failing_channels": dg.MetadataValue.json(verdict.failing_channels()[:SHOWN_CHANNELS]),
        "differences": dg.MetadataValue.table(_rows(verdict.differences), _SCHEMA),
        "compared": dg.MetadataValue.json(dict(verdict.compared)),
        "problems": dg.MetadataValue.json(dict(verdict.problems)),
        "unaccounted_fields": dg.MetadataValue.json(dict(verdict.unaccounted)),
        "advice": dg.MetadataValue.json(list(verdict.advice)),
        "seconds": dg.MetadataValue.float(round(verdict.seconds, 3)),
        "api_calls": dg.MetadataValue.int(verdict.api_calls),
    }
    if verdict.repaired:
        found["repaired"] = dg.MetadataValue.json(dict(verdict.repaired))
    return found


def _rows(differences: list[Difference]) -> list[dg.TableRecord]:
    return [dg.TableRecord(dict(zip(_COLUMNS, _cells(one), strict=True))) for one in differences[:SHOWN_DIFFERENCES]]


def _cells(one: Difference) -> tuple[str, ...]:
    why = EXPLANATIONS.get(one.explained_by or "", one.explained_by or "")
    return (one.cid, one.category, one.kind, one.stream_id, one.target_id, one.field, one.expected, one.found, why)
