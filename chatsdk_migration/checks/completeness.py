"""The check ``completeness``: what the loads brought is still there, and no channel is left to carry.

Here: its place and its question. Not here: the statements (``reconcile/sql/``). Asks no question of Stream.
"""

from __future__ import annotations

import dagster as dg

from chatsdk_migration.checks.verdicts import check_result
from chatsdk_migration.partitions import unfinished_channels
from chatsdk_migration.resources import Carrier

SPEC = dg.AssetCheckSpec(
    "completeness",
    asset="channels",
    description="Every channel and message that was carried is in the target, and no channel is failed or missing.",
)


def evaluate(context: dg.AssetCheckExecutionContext, carrier: Carrier) -> dg.AssetCheckResult:
    """Look for what was carried and is gone, and for channels that were not carried."""
    verdict = carrier.faults("completeness")
    verdict.problems |= dict.fromkeys(unfinished_channels(context.instance), "failed or missing: not carried yet")
    return check_result("completeness", "channels", verdict)
