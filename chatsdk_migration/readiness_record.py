"""The readiness for the switch in Dagster's records: numbers, which Dagster plots, and the reasons as a text.

Here: the metadata, and recording it from a run that syncs or verifies. Not here: the rule (``cutover/readiness.py``),
the asset (``assets/cutover_readiness.py``).
"""

from __future__ import annotations

from typing import Any

import dagster as dg

from chatsdk_migration.cutover import Readiness
from chatsdk_migration.cutover.proof import numbers_line
from chatsdk_migration.cutover.readiness import plain

READINESS = dg.AssetKey("cutover_readiness")
READY = "ready"
"""Name of the metadata: 1 or 0."""
LISTED = 20
"""Channels listed in a table."""


def record_readiness(context: dg.OpExecutionContext, found: Readiness) -> None:
    """Materialize the asset from within another run."""
    context.log_event(dg.AssetMaterialization(READINESS, metadata=metadata(found)))


def metadata(found: Readiness) -> dict[str, dg.MetadataValue[Any]]:
    """Give the numbers under stable names, and what they mean as Markdown."""
    numbers: dict[str, dg.MetadataValue[Any]] = {
        name: dg.MetadataValue.float(float(value)) if name == "lag_seconds" else dg.MetadataValue.int(int(value))
        for name, value in plain(found).items()
        if value >= 0  # below it is unknown, and a plot would show it as the best there is
    }
    more: dict[str, dict[str, Any] | list[str]] = {
        "furthest_behind": dict(found.worst),
        "differences_by_channel": dict(list(found.failing.items())[:LISTED]),
        "sync_problems_by_channel": dict(list(found.sync_problems.items())[:LISTED]),
        "never_synced": found.never_synced[:LISTED],
    }
    verified = found.verified_at
    return {
        "reasons": dg.MetadataValue.md(markdown(found)),
        **numbers,
        **({"verified_at": dg.MetadataValue.timestamp(verified)} if verified is not None else {}),
        **{name: dg.MetadataValue.json(value) for name, value in more.items() if value},
    }


def markdown(found: Readiness) -> str:
    """Say whether the switch can be made, and why not."""
    if found.ready:
        return f"**Ready for the switch.** {numbers_line(found)}\n\nNext: `chatsdk-migrate cutover`."
    reasons = "\n".join(f"- {reason}" for reason in found.reasons)
    return f"**Not ready for the switch**, because\n\n{reasons}\n\n{numbers_line(found)}"
