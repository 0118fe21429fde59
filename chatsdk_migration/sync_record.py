"""A sync in Dagster's records: new channels become partitions, each changed one gets its materialization.

Here: what is recorded. Not here: the sync (``sync/``), the job (``jobs.py``).
"""

from __future__ import annotations

from collections.abc import Mapping

import dagster as dg

from chatsdk_migration.errors import PermanentError
from chatsdk_migration.instance.recorder import Context, Recorder
from chatsdk_migration.partitions import add_channels, all_channels
from chatsdk_migration.sync import ChannelSync, Sweep, SyncReport
from chatsdk_migration.transfer import Part

_PARTS = {
    Part.MEMBERS: ("members joined", "members changed", "members left", "positions", "channel changed"),
    Part.REACTIONS: ("reactions added", "reactions removed"),
}
"""Kinds of change by asset; all others are of messages."""


def checked_sweep(value: str) -> Sweep:
    """Read how thorough a sync shall be.

    Raises:
        PermanentError: There is no such sweep.
    """
    try:
        return Sweep(value)
    except ValueError:
        raise PermanentError(
            "reading the run's configuration", f"no sweep {value!r}", "Use recent, hot or all."
        ) from None


def record_sync(context: Context, report: SyncReport) -> None:
    """Record a sync: partitions for channels that came, materializations of what changed in each.

    A channel that is carried for the first time is materialized whole; one whose first load never ended is, too, as a
    sync reads it to its end.
    """
    known = set(all_channels(context.instance))
    fine = {
        cid: one
        for cid, one in report.channels.items()
        if one.problem is None and not one.left_out and not (one.gone and not one.changed)
    }
    add_channels(context.instance, [cid for cid in fine if cid not in known])
    recorder = Recorder(context)
    for cid, one in fine.items():
        for part, changes in _by_part(one, whole=cid not in known).items():
            recorder.add(_materialization(cid, part, one, changes))
    recorder.flush()
    context.log.info(
        "Looked at %s channels, changed %s, with %s calls; %s conflicts stand.",
        report.channels_looked_at,
        report.channels_changed,
        report.api_calls,
        len(report.conflicts),
    )


def _by_part(one: ChannelSync, *, whole: bool) -> dict[Part, dict[str, int]]:
    """Give the changes by asset; all assets when the channel is new, else those that changed."""
    parts: dict[Part, dict[str, int]] = {part: {} for part in Part} if whole or one.is_new else {}
    for kind, number in one.applied.items():
        part = next((part for part, kinds in _PARTS.items() if kind in kinds), Part.MESSAGES)
        if number:
            parts.setdefault(part, {})[kind] = number
    return parts


def _materialization(cid: str, part: Part, one: ChannelSync, changes: Mapping[str, int]) -> dg.AssetMaterialization:
    metadata = {
        "outcome": dg.MetadataValue.text("carried by a sync" if one.is_new else "synced"),
        "changes": dg.MetadataValue.json(dict(changes)),
        "rows_written": dg.MetadataValue.int(sum(changes.values())),
        "seconds": dg.MetadataValue.float(round(one.seconds, 3)),
        "api_calls": dg.MetadataValue.int(one.api_calls),
    }
    return dg.AssetMaterialization(part.value, partition=cid, metadata=metadata)
