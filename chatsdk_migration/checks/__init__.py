"""Asset checks. Not here: the preflight itself (``postgres/preflight.py``), which runs before the first write."""

from chatsdk_migration.checks.preflight import preflight

__all__ = ["preflight"]
