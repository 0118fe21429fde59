"""What earlier attempts of the same run have already done.

Here: reading it from Dagster's records. Not here: skipping it and recording it again (``channel_content.py``).
A retry gets the same range of channels as the run it repeats. Those that are done must not be asked for again, and
must be recorded again: Dagster has announced them anew and would show them as failed with the run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import dagster as dg

from chatsdk_migration.transfer import Part

PAGE_EVENTS = 1000
"""Materializations read from the event log at a time."""

Done = dict[tuple[str, Part], dg.AssetMaterialization]


def earlier_attempts(instance: dg.DagsterInstance, run: dg.DagsterRun) -> list[str]:
    """Give the ids of the runs that this one repeats because they did not succeed, latest first.

    Whoever re-executes a successful run wants everything done again, so the line ends there.
    """
    line: list[str] = []
    parent_id = run.parent_run_id
    while parent_id and (parent := instance.get_run_by_id(parent_id)):
        if parent.status is dg.DagsterRunStatus.SUCCESS:
            break
        line.append(parent_id)
        parent_id = parent.parent_run_id
    return line


def done_before(instance: dg.DagsterInstance, run: dg.DagsterRun, cids: Sequence[str], parts: Iterable[Part]) -> Done:
    """Give what earlier attempts of this run have recorded for these channels and parts."""
    attempts = earlier_attempts(instance, run)
    first = instance.get_run_record_by_id(attempts[-1]) if attempts else None
    if first is None:
        return {}
    since, wanted = first.create_timestamp.timestamp(), set(cids)
    return {
        (cid, part): materialization
        for part in parts
        for cid, materialization in _recorded(instance, part, since, set(attempts))
        if cid in wanted
    }


def _recorded(
    instance: dg.DagsterInstance, part: Part, since: float, run_ids: set[str]
) -> Iterator[tuple[str, dg.AssetMaterialization]]:
    records_filter = dg.AssetRecordsFilter(dg.AssetKey(part.value), after_timestamp=since)
    cursor, has_more = None, True
    while has_more:
        page = instance.fetch_materializations(records_filter, limit=PAGE_EVENTS, cursor=cursor, ascending=True)
        cursor, has_more = page.cursor, page.has_more
        for record in page.records:
            if record.run_id in run_ids and record.partition_key and record.asset_materialization:
                yield record.partition_key, record.asset_materialization
