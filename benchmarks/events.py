"""Times Dagster's part alone: partitions, runs over ranges and one event for each part of each channel.

Run it with ``python benchmarks/events.py``. The channels carry nothing: what is left is the bookkeeping.
"""

from __future__ import annotations

import argparse
import os
import sys
import time

import results
from place import APP_ID, Place, place

from chatsdk_migration.definitions import build_definitions
from chatsdk_migration.instance.home import StorageLocation, open_instance, prepare_home
from chatsdk_migration.instance.launch import failure_reason, run_in_process
from chatsdk_migration.jobs import migrate_channel_range
from chatsdk_migration.partitions import CHANNELS, LARGEST_RUN_CHANNELS
from chatsdk_migration_tests.dagster.memory import World, memory_migration

PARTS = 3
"""Assets of a channel."""


def measure(at: Place, channels: int) -> dict[str, object]:
    """Carry nothing for so many channels; give the figures."""
    name = f"dagster_{channels}"
    at.server.ensure_database(name)
    storage = StorageLocation(at.server.host, at.server.port, name, at.server.superuser, at.server.password)
    prepare_home(at.home / name, storage)
    cids = [f"messaging:channel-{number:06d}" for number in range(channels)]
    definitions = build_definitions(overrides={"migration": memory_migration(World(cids))})
    with open_instance() as instance:
        started, before = time.monotonic(), time.process_time()
        instance.add_dynamic_partitions(str(CHANNELS.name), cids)
        listed = time.monotonic()
        for start in range(0, channels, LARGEST_RUN_CHANNELS):
            some = cids[start : start + LARGEST_RUN_CHANNELS]
            finished = run_in_process(
                instance, definitions, migrate_channel_range.name, partition_range=(some[0], some[-1])
            )
            assert finished.succeeded, failure_reason(instance, finished)
        ended = time.monotonic()
    return {
        "partitions s": round(listed - started, 2),
        "runs s": round(ended - listed, 1),
        "CPU s of this process": round(time.process_time() - before, 1),
        "runs": -(-channels // LARGEST_RUN_CHANNELS),
        "ms an event": round((ended - listed) / (channels * PARTS) * 1000, 2),
    }


def main() -> int:
    """Measure each number of channels asked for."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("channels", type=int, nargs="*", default=[500, 5_000])
    asked = options.parse_args()
    os.environ |= {"STREAM_API_KEY": "key", "STREAM_API_SECRET": "secret", "CHATSDK_APP_ID": APP_ID}
    os.environ |= {"DAGSTER_EVENT_BATCH_SIZE": "1000", "CHATSDK_MIGRATION_MAX_REJECTS_PERCENT": "100"}
    with place() as at:
        for channels in asked.channels:
            results.keep("events", f"{channels:,} channels", measure(at, channels))
    return 0


if __name__ == "__main__":
    sys.exit(main())
