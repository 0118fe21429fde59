"""Asset checks: the preflight, and the four checks of a finished migration.

Not here: the preflight itself (``postgres/preflight.py``), which runs before the first write, and the comparisons
(``reconcile/``).
"""

from chatsdk_migration.checks.preflight import preflight
from chatsdk_migration.checks.reconciliation import reconciliation

__all__ = ["preflight", "reconciliation"]
