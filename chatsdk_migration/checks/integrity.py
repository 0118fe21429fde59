"""The check ``integrity``: the target fits together by itself.

Here: its place. Not here: the statements (``reconcile/sql/integrity_*.sql``).
Blocking: what fails here misleads clients.
"""

from __future__ import annotations

import dagster as dg

from chatsdk_migration.checks.verdicts import check_result
from chatsdk_migration.resources import Carrier

SPEC = dg.AssetCheckSpec(
    "integrity",
    asset="messages",
    blocking=True,
    description="No orphans, numbers 1 to n each once and in order, sequence counters and totals right, no duplicates.",
)


def evaluate(carrier: Carrier) -> dg.AssetCheckResult:
    """Look for what does not fit together."""
    return check_result("integrity", "messages", carrier.faults("integrity"))
