"""The check ``privacy``: nobody sees or may do more than in Stream.

Here: its place. Not here: the statements (``reconcile/sql/privacy_*.sql``).
Blocking: what fails here shows private things.
"""

from __future__ import annotations

import dagster as dg

from chatsdk_migration.checks.verdicts import check_result
from chatsdk_migration.resources import Carrier

SPEC = dg.AssetCheckSpec(
    "privacy",
    asset="channels",
    blocking=True,
    description="No channel open to more people than in Stream, no member and no right that was not carried, no "
    "administrator made, nothing withheld shown, nobody notified of history.",
)


def evaluate(carrier: Carrier) -> dg.AssetCheckResult:
    """Look for whatever shows or allows too much."""
    return check_result("privacy", "channels", carrier.faults("privacy"))
