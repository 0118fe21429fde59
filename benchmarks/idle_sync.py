"""Measures what a sync costs in an app of Enterprise's shape: nothing changed, and twenty of its channels changed.

Run it with ``python benchmarks/idle_sync.py``: 5,000 channels of about twelve members and ten messages each, 10,000
people, carried once; then each sync in a process of its own: calls by endpoint, wall time, CPU of that process and of
PostgreSQL. The Stream server answers from this process, without limits or latency.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import psutil
import results
from place import KEY, ROLE, SECRET, Place, environment, place

from chatsdk_migration.demo.server import StreamServer
from chatsdk_migration.demo.sizes import Scale, build_scale
from chatsdk_migration.demo.world import World

USERS_A_CHANNEL, MESSAGES_A_CHANNEL = 2, 10
IN_FLIGHT = 8
GRANTS = (
    b"GRANT DELETE ON channel_member, reaction, mention, pinned_message, poll_vote, user_message TO " + ROLE.encode()
)


def carry(cids: list[str]) -> None:
    """Load everything once, in this process."""
    from chatsdk_migration import transfer  # noqa: PLC0415 - needs the environment of ``main``
    from chatsdk_migration.settings import Settings  # noqa: PLC0415

    with transfer.Migration(Settings.load()) as migration:
        for batch in transfer.carry_users(migration):
            transfer.store_users(migration, batch)
        for batch in transfer.carry_channels(migration):
            transfer.store_channels(migration, batch)
        with ThreadPoolExecutor(IN_FLIGHT) as pool:
            for result in pool.map(lambda cid: transfer.carry_channel(migration, cid), cids):
                for part in result.values():
                    if part.problem is not None:
                        raise part.problem


def sync() -> int:
    """Sync once, in a process of its own; say what it cost as JSON."""
    from chatsdk_migration import sync as syncing  # noqa: PLC0415
    from chatsdk_migration.settings import Settings  # noqa: PLC0415

    with syncing.open_migration(Settings.load()) as migration:
        told = syncing.cost(migration)
        began, cpu = time.monotonic(), time.process_time()
        report = syncing.sync_once(migration)
        found = {
            "seconds": round(time.monotonic() - began, 2),
            "CPU seconds of the sync": round(time.process_time() - cpu, 2),
            "calls": report.api_calls,
            "calls told beforehand": told.total,
            "channels looked at": report.channels_looked_at,
            "channels read": len(report.channels),
            "channels changed": report.channels_changed,
        }
    sys.stdout.write(json.dumps(found) + "\n")
    return 1 if report.problems else 0


def change(world: World, cids: list[str]) -> None:
    """Change each of these channels as people do: new messages, edits, reactions, a rename."""
    for number, cid in enumerate(cids):
        message = next(one for one in world.messages_of(cid) if not one.get("deleted_at"))
        author, now = message["user"]["id"], datetime.now(UTC)
        kind = number % 4
        if kind == 0:
            world.add_message(cid, f"new-{number}-{now:%s}", user_id=author, text="news", at=now)
        elif kind == 1:
            world.edit_message(message["id"], text=f"other words {now}")
        elif kind == 2:
            world.add_reaction(message["id"], author, f"kind{now:%s}")
        else:
            world.update_channel(cid, name=f"Renamed {now}")


def timed(at: Place, server: StreamServer, variables: dict[str, str]) -> dict[str, Any]:
    """Sync; give what it cost, with the calls by endpoint as the server counted them."""
    before, postgres = server.calls.copy(), _postgres_seconds(at)
    done = subprocess.run(
        [sys.executable, __file__, "--sync"], env=variables, cwd=at.home, check=True, stdout=subprocess.PIPE, text=True
    )
    found: dict[str, Any] = json.loads(done.stdout)
    found["CPU seconds of PostgreSQL"] = round(_postgres_seconds(at) - postgres, 2)
    return found | {"by endpoint": ", ".join(f"{name} {n}" for name, n in (server.calls - before).items())}


def _postgres_seconds(at: Place) -> float:
    times = psutil.Process(at.postmaster).cpu_times()  # those of backends that ended are its children's
    return float(times.children_user + times.children_system)


def main() -> int:
    """Build, carry, then sync: to settle, idle, with changed channels, idle again."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--channels", type=int, default=5_000)
    asked.add_argument("--changed", type=int, default=20)
    asked.add_argument("--sync", action="store_true", help=argparse.SUPPRESS)
    chosen = asked.parse_args()
    if chosen.sync:
        return sync()
    chosen.user_message, chosen.in_flight, chosen.workers = "all", IN_FLIGHT, 1
    scale = Scale(chosen.channels * USERS_A_CHANNEL, chosen.channels, chosen.channels * MESSAGES_A_CHANNEL)
    world = build_scale(scale)
    cids = list(world.channels)
    with place() as at, StreamServer(world, api_key=KEY, api_secret=SECRET) as server:
        at.new_target("bench")
        with at.server.connect("bench") as conn:
            conn.execute(GRANTS)
        variables = environment(at.server, server.url, at.home, chosen)
        variables |= {"CHATSDK_MIGRATION_SYNC_OVERLAP_MINUTES": "0"}
        subprocess_carry(variables, cids, at)
        timed(at, server, variables)  # notes what the list shows of each channel, which a load does not
        step = max(1, len(cids) // chosen.changed)
        for case, changed in (("idle", []), (f"{chosen.changed} changed", cids[::step][: chosen.changed])):
            change(world, changed)
            results.keep("idle_sync", f"{len(cids):,} channels, {case}", timed(at, server, variables))
    return 0


def subprocess_carry(variables: dict[str, str], cids: list[str], at: Place) -> None:
    """Load in a process of its own, so that the server here answers beside it."""
    code = "import sys, json; import idle_sync; idle_sync.carry(json.load(sys.stdin))"
    path = variables | {"PYTHONPATH": str(results.FOLDER.parent)}
    subprocess.run([sys.executable, "-c", code], env=path, cwd=at.home, check=True, input=json.dumps(cids), text=True)


if __name__ == "__main__":
    sys.exit(main())
