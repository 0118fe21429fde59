"""The preflight, shown as a check of ``users``.

Here: running it on demand and showing its advice. Not here: what it looks at (``postgres/preflight.py``). Opening
the migration runs it before anything is written, so a run does not depend on this check.
"""

import dagster as dg

from chatsdk_migration.assets.people import users
from chatsdk_migration.errors import PermanentError
from chatsdk_migration.reporting import explain
from chatsdk_migration.resources import MigrationResource


@dg.asset_check(
    asset=users,
    description="The target app, its tables, the privileges of our role and the disk are as the migration needs them.",
)
def preflight(context: dg.AssetCheckExecutionContext, migration: MigrationResource) -> dg.AssetCheckResult:
    """Open the target and report what stands in the way, or what would make it faster."""
    try:
        advice = migration.carrier(context.run.run_id).advice()
    except PermanentError as error:
        return dg.AssetCheckResult(passed=False, description=str(error), metadata=explain(error))
    return dg.AssetCheckResult(passed=True, metadata={"advice": dg.MetadataValue.json(advice)})
