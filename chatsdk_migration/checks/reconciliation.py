"""The four checks of a finished migration, as one step that does what is asked of it.

Here: their order, and the error of one that cannot be made. Not here: the checks (a module each).

Content goes first: when it repairs, the others see what it left. Integrity and privacy are blocking. They look at the
whole app, so a run over a range of channels does not make them: the step of the channel assets yields no output, and
Dagster leaves out checks that would follow it. They run when a load has ended: the command line makes them at the end,
the sensor ``check_finished_load`` after the last run that the web UI started.
"""

from collections.abc import Iterator

import dagster as dg

from chatsdk_migration.checks import completeness, content, integrity, privacy
from chatsdk_migration.instance.home import STREAM_POOL
from chatsdk_migration.reporting import as_failures
from chatsdk_migration.resources import MigrationResource

SPECS = (content.SPEC, completeness.SPEC, integrity.SPEC, privacy.SPEC)


@dg.multi_asset_check(
    name="reconciliation",
    specs=list(SPECS),
    can_subset=True,
    pool=STREAM_POOL,
    description="Holds what arrived against Stream, and looks for what does not fit or shows too much.",
)
def reconciliation(
    context: dg.AssetCheckExecutionContext, config: content.VerifyConfig, migration: MigrationResource
) -> Iterator[dg.AssetCheckResult]:
    """Make the selected checks."""
    asked = {key.name for key in context.selected_asset_check_keys}
    with as_failures(context.instance, context.run.run_id):
        carrier = migration.begin(context.op_execution_context)
        if "content" in asked:
            yield content.evaluate(carrier, config, beside=not asked >= {"integrity", "privacy"})
        if "completeness" in asked:
            yield completeness.evaluate(context, carrier)
        if "integrity" in asked:
            yield integrity.evaluate(carrier)
        if "privacy" in asked:
            yield privacy.evaluate(carrier)
