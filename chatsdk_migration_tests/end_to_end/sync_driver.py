"""One sync in a process of its own, which may be killed.

Here: ``python -m``, settings from the environment. Not here: any check.
"""

from __future__ import annotations

import os
import sys

from chatsdk_migration import sync
from chatsdk_migration.settings import Settings
from chatsdk_migration_tests.end_to_end.driver import KILL_AFTER_STATEMENTS, die_after_statements


def main() -> int:
    """Sync as the environment says; 1 when a channel failed."""
    with sync.open_migration(Settings.load()) as migration:
        if KILL_AFTER_STATEMENTS in os.environ:
            die_after_statements(int(os.environ[KILL_AFTER_STATEMENTS]))
        report = sync.sync_once(migration)
    for cid, problem in report.problems.items():
        sys.stderr.write(f"{cid}: {problem}\n")
    return 1 if report.problems else 0


if __name__ == "__main__":
    sys.exit(main())
