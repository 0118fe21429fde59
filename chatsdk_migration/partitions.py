"""The partitions: one for each channel, its key is Stream's cid.

Here: the partitions definition, which keys are allowed, adding them, and which of them still need work.
Not here: what is done with a channel (``assets/channel_content.py``).

Keys are only ever added. A deleted key would silently drop out of the ranges of earlier runs, and one that is added
again moves to the end of the order, where those ranges no longer reach it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import dagster as dg
from dagster import AssetPartitionStatus

from chatsdk_migration.errors import ChannelError, PermanentError

PARTITIONS_NAME = "channels"
CHANNELS = dg.DynamicPartitionsDefinition(name=PARTITIONS_NAME)

LISTS = (dg.AssetKey("users"), dg.AssetKey("channels"))
"""The assets that hold one list of the whole app."""
CONTENT = (dg.AssetKey("members"), dg.AssetKey("messages"), dg.AssetKey("reactions"))
"""The partitioned assets, in the order in which they depend on each other."""

LARGEST_RUN_CHANNELS = 500
"""Channels in one run: a run costs seconds to start, and every channel some events before it starts."""
SHORTEST_RANGE_CHANNELS = 20
"""A shorter stretch is not worth a run of its own; it is gathered with others into one."""
LARGEST_APP_CHANNELS = 100_000
"""Dagster's own limit for partitions of one asset; its pages become unusable above it."""

_CID = re.compile(r"[A-Za-z0-9_\-!]+:[A-Za-z0-9_\-!]+")
"""``type:id``; Stream's docs allow letters, digits, ``_``, ``-`` and ``!``. So no comma, blank, ``...``, ``[|]`` or
control character, each of which means something else to Dagster's page or command line."""


class InvalidPartitionKeyError(ChannelError):
    """A cid cannot be a partition key."""


def checked_key(cid: str) -> str:
    """Return the cid when it can be a partition key.

    Raises:
        InvalidPartitionKeyError: It is not ``type:id`` in Stream's characters.
    """
    if _CID.fullmatch(cid):
        return cid
    raise InvalidPartitionKeyError(
        f"making a partition of channel {cid!r}",
        "a cid is type:id of letters, digits, _, - and !",
        "Check this channel's id in Stream; it was not migrated.",
    )


def add_channels(instance: dg.DagsterInstance, cids: Iterable[str]) -> None:
    """Add the partitions that do not exist yet, in the given order.

    Raises:
        InvalidPartitionKeyError: For the first cid that cannot be a key; none is added.
    """
    keys = [checked_key(cid) for cid in cids]
    if keys:
        instance.add_dynamic_partitions(PARTITIONS_NAME, keys)


def all_channels(instance: dg.DagsterInstance) -> list[str]:
    """Give all partitions in the order in which they were added, which is the order of ranges."""
    return list(instance.get_dynamic_partitions(PARTITIONS_NAME))


def require_practical_size(found: int) -> None:
    """Refuse more channels than Dagster can show.

    Raises:
        PermanentError: There are more than ``LARGEST_APP_CHANNELS``.
    """
    if found > LARGEST_APP_CHANNELS:
        raise PermanentError(
            "adding channels as partitions",
            f"the app has more than {LARGEST_APP_CHANNELS} channels, the most that Dagster can keep as partitions",
            "Ask for the layout with buckets of channels; what was found so far is kept.",
        )


_UNFINISHED = (None, AssetPartitionStatus.FAILED)
"""Missing (never tried, or its run was cancelled) and failed; not what a run is working on."""


def unfinished_channels(instance: dg.DagsterInstance, assets: Sequence[dg.AssetKey] = CONTENT) -> list[str]:
    """Give the channels that are failed or missing in any of the assets, in partition order."""
    return _channels_that_are(_UNFINISHED, instance, assets)


def in_progress_channels(instance: dg.DagsterInstance, assets: Sequence[dg.AssetKey] = CONTENT) -> list[str]:
    """Give the channels that a run is working on, in partition order."""
    return _channels_that_are((AssetPartitionStatus.IN_PROGRESS,), instance, assets)


def failed_channels(instance: dg.DagsterInstance, assets: Sequence[dg.AssetKey] = CONTENT) -> list[str]:
    """Give the channels whose last attempt failed in any of the assets, in partition order."""
    return _channels_that_are((AssetPartitionStatus.FAILED,), instance, assets)


def _channels_that_are(
    wanted: Sequence[AssetPartitionStatus | None], instance: dg.DagsterInstance, assets: Sequence[dg.AssetKey]
) -> list[str]:
    """Give the channels that have one of these statuses in any of the assets, in partition order."""
    keys, found = all_channels(instance), set[str]()
    for asset in assets:
        statuses = instance.get_status_by_partition(asset, keys, CHANNELS) or {}
        found.update(key for key in keys if statuses.get(key) in wanted)
    return [key for key in keys if key in found]


def unfinished_lists(instance: dg.DagsterInstance) -> list[dg.AssetKey]:
    """Give those of ``users`` and ``channels`` that were never completed."""
    return [key for key in LISTS if instance.get_latest_materialization_event(key) is None]


class RunPlan(NamedTuple):
    """How to cover some channels with few runs: contiguous ranges, and lists of what lies scattered."""

    ranges: list[tuple[str, str]]
    scattered: list[list[str]]


def plan_runs(order: Sequence[str], todo: Iterable[str], largest: int = LARGEST_RUN_CHANNELS) -> RunPlan:
    """Cover the channels of ``todo`` with runs of at most ``largest`` each; ``order`` is the partition order."""
    plan, scattered = RunPlan([], []), list[str]()
    for stretch in _stretches(order, set(todo)):
        if len(stretch) < SHORTEST_RANGE_CHANNELS:
            scattered += stretch
        else:
            plan.ranges.extend((chunk[0], chunk[-1]) for chunk in _chunks(stretch, largest))
    plan.scattered.extend(_chunks(scattered, largest))
    return plan


def _stretches(order: Sequence[str], todo: set[str]) -> list[list[str]]:
    stretches: list[list[str]] = [[]]
    for key in order:
        if key in todo:
            stretches[-1].append(key)
        elif stretches[-1]:
            stretches.append([])
    return [stretch for stretch in stretches if stretch]


def _chunks(keys: list[str], size: int) -> list[list[str]]:
    return [keys[start : start + size] for start in range(0, len(keys), size)]
