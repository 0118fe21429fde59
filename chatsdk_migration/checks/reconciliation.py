"""The four checks of a finished migration, as one step that does what is asked of it.

Here: their order, and the error of one that cannot be made. Not here: the checks (a module each).

Content goes first: when it repairs, the others see what it left. What a comparison came to is kept for the readiness of
the switch, whoever asked for it.

Integrity and privacy are blocking. They look at the whole app, so a run over a range of channels does not make them:
the step of the channel assets yields no output, and Dagster leaves out checks that would follow it. They run when a
load has ended: the command line makes them at the end, the sensor ``check_finished_load`` after the last run that the
web UI started.
"""

from collections.abc import Callable, Iterator, Mapping

import dagster as dg

from chatsdk_migration.checks import completeness, content, integrity, privacy
from chatsdk_migration.cutover import history
from chatsdk_migration.instance.home import STREAM_POOL
from chatsdk_migration.partitions import unfinished_channels
from chatsdk_migration.readiness_record import record_readiness
from chatsdk_migration.reconcile.app import Scope
from chatsdk_migration.reporting import as_failures
from chatsdk_migration.resources import Carrier, MigrationResource

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
        made: dict[str, dg.AssetCheckResult] = {}
        for name, evaluate in _evaluations(context, config, carrier, asked).items():
            made[name] = evaluate()
            yield made[name]
        if "content" in made:
            carrier.keep(_outcome(made, config))
            record_readiness(context.op_execution_context, carrier.readiness(unfinished_channels(context.instance)))


def _evaluations(
    context: dg.AssetCheckExecutionContext, config: content.VerifyConfig, carrier: Carrier, asked: set[str]
) -> dict[str, Callable[[], dg.AssetCheckResult]]:
    every: dict[str, Callable[[], dg.AssetCheckResult]] = {
        "content": lambda: content.evaluate(carrier, config, beside=not asked >= {"integrity", "privacy"}),
        "completeness": lambda: completeness.evaluate(context, carrier),
        "integrity": lambda: integrity.evaluate(carrier),
        "privacy": lambda: privacy.evaluate(carrier),
    }
    return {name: evaluate for name, evaluate in every.items() if name in asked}


def _outcome(made: Mapping[str, dg.AssetCheckResult], config: content.VerifyConfig) -> history.Outcome:
    """Give what the verification came to, for the readiness."""
    scope = Scope(tuple(config.channels), config.sample_percent, config.from_ledger, config.repair)
    verdict = made["content"].metadata[content.VERDICT].value
    assert isinstance(verdict, dict), "written by content.evaluate"
    return history.of_verification(verdict, scope, [_fault(one) for name, one in made.items() if name != "content"])


def _fault(made: dg.AssetCheckResult) -> history.Fault:
    number, cids = made.metadata["unexplained"].value, made.metadata["failing_channels"].value
    assert isinstance(number, int), "written by check_result"
    return history.Fault(number, list(cids) if isinstance(cids, list) else [])
