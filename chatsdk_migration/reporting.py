"""What the run's events say: the numbers of a materialization, and failures with their remedy.

Here: the words of metadata, and errors of the migration as failures of a run. Not here: the errors themselves
(``errors.py``), when something is recorded (``assets/``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import dagster as dg
from dagster._core.storage.tags import MAX_RETRIES_TAG

from chatsdk_migration.errors import MigrationError, PermanentError
from chatsdk_migration.instance import trouble
from chatsdk_migration.models import Entity
from chatsdk_migration.quarantine import Replayed

LISTED_FAILURES = 100
"""Failed channels shown in the table of a failed run; the JSON beside it has all."""


@contextmanager
def as_failures(instance: dg.DagsterInstance, run_id: str) -> Iterator[None]:
    """Turn a ``MigrationError`` into a ``Failure`` with its remedy, and keep hopeless runs from being retried.

    Raises:
        Failure: Never retried inside the run. After a ``PermanentError`` the daemon does not retry the run either,
            which a ``Failure`` alone does not achieve.
    """
    try:
        with trouble.explained():
            yield
    except MigrationError as error:
        if isinstance(error, PermanentError) and not isinstance(error, trouble.StorageError):
            instance.add_run_tags(run_id, {MAX_RETRIES_TAG: "0"})
        raise dg.Failure(str(error), metadata=explain(error), allow_retries=False) from None


OTHERS_DONE = "the others are done"
"""By these words the command line tells a run of which only some channels failed from one that was cut off."""


def explain(error: MigrationError) -> dict[str, dg.MetadataValue[str]]:
    """Give an error's three clauses as metadata."""
    return {
        "tried": dg.MetadataValue.text(error.tried),
        "reason": dg.MetadataValue.text(error.found),
        "remedy": dg.MetadataValue.text(error.next_step),
        "kind": dg.MetadataValue.text(type(error).__name__),
    }


def channels_failed(problems: Mapping[str, MigrationError], total: int) -> dg.Failure:
    """Say which channels of a run failed, why, and what to do; ``problems`` is by cid."""
    rows = [
        dg.TableRecord({"channel": cid, "reason": problem.found, "remedy": problem.next_step})
        for cid, problem in problems.items()
    ]
    cid, first = next(iter(problems.items()))
    return dg.Failure(
        f"{len(problems)} of {total} channels failed, {OTHERS_DONE}. First: {cid}: {first}",
        metadata={
            "failed_channels": dg.MetadataValue.json(sorted(problems)),
            "failures": dg.MetadataValue.table(rows[:LISTED_FAILURES], _FAILURE_SCHEMA),
            "remedy": dg.MetadataValue.text(
                "Follow each channel's remedy, then run job migrate_channels, or backfill what is failed and missing, "
                "or import-stream --resume."
            ),
        },
        allow_retries=False,
    )


def replays_failed(problems: Mapping[str, MigrationError]) -> dg.Failure:
    """Say in which channels no rejected record could be tried again; ``problems`` is by cid."""
    cid, first = next(iter(problems.items()))
    return dg.Failure(
        f"The rejected records of {len(problems)} channels could not be tried, the others were. First: {cid}: {first}",
        metadata={"failed_channels": dg.MetadataValue.json(sorted(problems)), **explain(first)},
        allow_retries=False,
    )


_ASSETS = {
    Entity.USER.value: "users",
    Entity.CHANNEL.value: "channels",
    Entity.MEMBER.value: "members",
    Entity.REACTION.value: "reactions",
}
"""The asset to which an entity belongs; all others belong to ``messages``."""


def replay_observations(report: Replayed) -> Iterator[dg.AssetObservation]:
    """Say on the page of each asset and channel touched how many rejected records were loaded after all.

    Observations: a materialization would show a channel as complete that may still be failed or missing.
    """
    for cid in report.loaded:
        loaded, still_open = _by_asset(report.loaded[cid]), _by_asset(report.failed[cid])
        for asset in sorted(loaded | still_open):
            yield dg.AssetObservation(
                asset,
                partition=cid or None,
                description=f"{loaded[asset]} rejected records replayed, {still_open[asset]} still rejected",
                metadata={"replayed": loaded[asset], "still_rejected": still_open[asset]},
            )


def _by_asset(entities: Mapping[str, int]) -> Counter[str]:
    found: Counter[str] = Counter()
    for entity, number in entities.items():
        found[_ASSETS.get(entity, "messages")] += number
    return found


_FAILURE_SCHEMA = dg.TableSchema([dg.TableColumn(name, "string") for name in ("channel", "reason", "remedy")])


def numbers(  # noqa: PLR0913 - one argument for each number of the page
    *, written: int, already_there: int, seconds: float, api_calls: int, losses: Mapping[str, int], rejects: int
) -> dict[str, dg.MetadataValue[Any]]:
    """Give the numbers of one materialization; ``dagster/row_count`` is what the target now holds of the source."""
    return {
        "dagster/row_count": dg.MetadataValue.int(written + already_there),
        "rows_written": dg.MetadataValue.int(written),
        "already_there": dg.MetadataValue.int(already_there),
        "rows_per_second": dg.MetadataValue.float(round(written / seconds, 1) if seconds > 0 else 0.0),
        "seconds": dg.MetadataValue.float(round(seconds, 3)),
        "api_calls": dg.MetadataValue.int(api_calls),
        "losses": dg.MetadataValue.json(dict(losses)),
        "rejects": dg.MetadataValue.int(rejects),
    }
