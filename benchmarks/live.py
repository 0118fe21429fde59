"""Times live senders in the very channels that are being loaded: with the load and without it.

Run it with ``python benchmarks/live.py``. Four senders each send a message as ChatSDK's server stores it, read the
newest fifty of the channel, and pause; people, channels and members are there before the clock starts.
"""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time
from typing import Any

import results
from place import APP_ID, ROLE, Place, environment, parser, place, stream_server

from chatsdk_migration.demo.target import live_send

SENDERS = 4
ALONE_SECONDS = 10.0
"""How long the senders are timed without a load."""
PAUSE_SECONDS = 0.02
READ = """
SELECT id, text FROM message WHERE app_id = %s AND channel_id = %s ORDER BY seq DESC LIMIT 50
"""


class Sender(threading.Thread):
    """Sends and reads until told to stop; keeps each latency in milliseconds."""

    def __init__(self, at: Place, members: list[tuple[str, str]], seed: int, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self.sends: list[float] = []
        self.reads: list[float] = []
        self._members, self._chance, self._stop_asked = members, random.Random(seed), stop
        self._conn = at.server.connect("bench")
        self._conn.autocommit = True
        self._conn.execute(f"SET ROLE {ROLE}")
        self._conn.execute("SELECT set_config('app.current_app_id', %s, false)", [APP_ID])

    def run(self) -> None:
        """Send, read, pause."""
        with self._conn:
            while not self._stop_asked.wait(PAUSE_SECONDS):
                channel, user = self._chance.choice(self._members)
                began = time.perf_counter()
                live_send(self._conn, APP_ID, channel, user, "live")
                sent = time.perf_counter()
                self._conn.execute(READ, [APP_ID, channel]).fetchall()
                self.sends.append((sent - began) * 1000)
                self.reads.append((time.perf_counter() - sent) * 1000)


def timed(at: Place, members: list[tuple[str, str]], until: Any) -> dict[str, str]:
    """Let the senders send until a function returns; give their latencies."""
    stop = threading.Event()
    senders = [Sender(at, members, seed, stop) for seed in range(SENDERS)]
    for sender in senders:
        sender.start()
    until()
    stop.set()
    for sender in senders:
        sender.join()
    return {
        "send": _told([ms for sender in senders for ms in sender.sends]),
        "read": _told([ms for sender in senders for ms in sender.reads]),
    }


def _told(found: list[float]) -> str:
    """Say p50, p95, p99 and the maximum."""
    found.sort()
    p50, p95, p99 = (found[min(len(found) - 1, int(len(found) * share))] for share in (0.5, 0.95, 0.99))
    return f"{p50:.1f} / {p95:.1f} / {p99:.1f} / {found[-1]:.1f} ms of {len(found):,}"


def main() -> int:
    """Prepare, time the senders alone, then beside the real command."""
    asked = parser().parse_args()
    with place() as at, stream_server(asked) as stream:
        at.new_target("bench", privileged=not asked.unprivileged)
        variables = environment(at.server, stream.url, at.home, asked)
        command = [sys.executable, "-m", "chatsdk_migration.cli", "import-stream"]
        subprocess.run([sys.executable, __file__, "--prepare"], env=variables, cwd=at.home, check=True)
        with at.server.connect("bench") as conn:
            members = conn.execute("SELECT channel_id::text, user_id FROM channel_member").fetchall()
        alone = timed(at, members, lambda: time.sleep(ALONE_SECONDS))
        beside = timed(at, members, lambda: subprocess.run(command, env=variables, cwd=at.home, check=True))
    for case, found in (("alone", alone), ("beside the load", beside)):
        results.keep("live", f"{asked.size}, {asked.user_message}, {case}: p50 / p95 / p99 / max", found)
    return 0


def prepare() -> int:
    """Carry people, channels and members."""
    from chatsdk_migration import transfer  # noqa: PLC0415 - only in the process that migrates
    from chatsdk_migration.settings import Settings  # noqa: PLC0415

    with transfer.Migration(Settings.load()) as migration:
        for batch in transfer.carry_users(migration):
            transfer.store_users(migration, batch)
        cids = list[str]()
        for batch in transfer.carry_channels(migration):
            transfer.store_channels(migration, batch)
            cids += [row.stream_cid for row in batch.channels]
        for cid in cids:
            transfer.carry_channel(migration, cid, frozenset({transfer.Part.MEMBERS}))
    return 0


if __name__ == "__main__":
    sys.exit(prepare() if "--prepare" in sys.argv else main())
