"""A process that migrates some channels, hangs in the next ones, and says so; made to be killed."""

from __future__ import annotations

import sys
import threading

from chatsdk_migration.definitions import build_definitions
from chatsdk_migration.instance.home import open_instance
from chatsdk_migration.instance.launch import run_in_process
from chatsdk_migration.partitions import all_channels
from chatsdk_migration_tests.dagster.memory import World, broken, memory_migration

IN_FLIGHT = 4


def say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def main(done: int) -> int:
    with open_instance() as instance:
        cids = all_channels(instance)
        world, hanging, lock = World(cids), [], threading.Lock()

        def before(cid: str) -> None:
            if cids.index(cid) < done:
                return
            with lock:
                hanging.append(cid)
                if len(hanging) == IN_FLIGHT:  # every thread is here, so what came before is recorded
                    say("hanging")
            world.stopped.wait()
            raise broken(cid)

        world.before = before
        definitions = build_definitions(overrides={"migration": memory_migration(world)})
        finished = run_in_process(instance, definitions, "migrate_channel_range", partition_range=(cids[0], cids[-1]))
        say("interrupted" if finished.interrupted else finished.run.status.value)
        return 0 if finished.succeeded else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
