"""The check ``content``: the target held against Stream, record by record.

Here: its place and what can be asked of it. Not here: the comparison (``reconcile/``). It reads all of Stream again, or
a sample of it, so it is part of the job ``verify_migration`` and of no run that loads.
"""

from __future__ import annotations

import dagster as dg
from pydantic import Field

from chatsdk_migration.checks.verdicts import check_result
from chatsdk_migration.reconcile.app import Scope
from chatsdk_migration.resources import Carrier

SPEC = dg.AssetCheckSpec(
    "content",
    asset="messages",
    description="People, channels, members, messages and all that hangs on them are in the target as in Stream, but "
    "for what a known rule explains.",
)
VERDICT = "verdict"
"""Name of the metadata that holds the whole verdict, for the command line."""


class VerifyConfig(dg.Config):
    """What the check of the content compares."""

    channels: list[str] = Field(default=[], description="Bare ids or cids. Empty: everything, people included.")
    sample_percent: float = Field(default=100.0, gt=0, le=100, description="Share of the channels to compare.")
    from_ledger: bool = Field(default=False, description="Against what the loads recorded, without reading channels.")
    repair: bool = Field(
        default=False, description="Put right what nothing explains, and compare again. What people did stays."
    )


def evaluate(carrier: Carrier, config: VerifyConfig, *, beside: bool) -> dg.AssetCheckResult:
    """Compare, and repair when asked; ``beside`` when the check of integrity is not made too."""
    scope = Scope(tuple(config.channels), config.sample_percent, config.from_ledger, config.repair, beside)
    verdict = carrier.reconcile(scope)
    result = check_result("content", "messages", verdict)
    return result._replace(metadata={**result.metadata, VERDICT: dg.MetadataValue.json(verdict.as_json())})
