"""Times the real command against the demo's Stream server, beside the floor of the same run.

Run it with ``make bench`` or ``python benchmarks/end_to_end.py --size medium``: messages a second of the whole command
and of its channels, as a share of the floor (``floor.py``), CPU seconds by process, peak memory.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import time
from typing import Any

import floor
import results
from place import Place, Watch, count_messages, environment, parser, place, stream_server


def once(at: Place, url: str, stream: int, asked: argparse.Namespace) -> dict[str, Any]:
    """Run one migration into an empty target; give its figures.

    Raises:
        SystemExit: The command failed.
    """
    with at.server.connect() as conn:
        for name in ("bench", "dagster"):
            conn.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    at.server.ensure_database("dagster")
    at.new_target("bench", privileged=not asked.unprivileged)
    started = time.monotonic()
    command = [sys.executable, "-m", "chatsdk_migration.cli", "import-stream"]
    process = subprocess.Popen(
        command, env=environment(at.server, url, at.home, asked), cwd=at.home, stdout=subprocess.PIPE, text=True
    )
    watch = Watch(process.pid, stream=stream, postgres=at.postmaster)
    watch.start()
    told, _ = process.communicate()
    seconds = time.monotonic() - started
    watch.join()
    if process.returncode:
        raise SystemExit(told)
    messages, per_user = count_messages(at.server)
    return {
        "seconds": round(seconds, 1),
        "messages": messages,
        "user_message rows": per_user,
        "messages/s": round(messages / seconds),
        "messages/s, channels alone": _of_channels(told),
        "peak MB": round(watch.peak_bytes / 1e6),
        "CPU s": {name: round(used, 1) for name, used in watch.cpu_by_name.items()},
        "CPU µs a message": {name: round(used / messages * 1e6) for name, used in watch.cpu_by_name.items()},
    }


def _of_channels(told: str) -> int:
    """Read the rate that the command itself told last."""
    rates = re.findall(r"([\d,]+)/s", told)
    return int(rates[-1].replace(",", ""))


def main() -> int:
    """Run migrations of one kind, then their floor; print and keep the figures."""
    options = parser()
    options.add_argument("--runs", type=int, default=1, help="repeat, and give the median")
    options.add_argument("--no-floor", action="store_true", help="leave the floor out")
    asked = options.parse_args()
    with place() as at, stream_server(asked) as (url, stream):
        runs = [once(at, url, stream, asked) for _ in range(asked.runs)]
        found = results.middle(runs, "messages/s")
        found["runs"] = [run["messages/s"] for run in runs]
        if not asked.no_floor:
            for connections in (1, 2):
                times = floor.measure(at, asked.user_message, connections, repeat=asked.runs)
                found[f"floor {connections}x"] = round(results.median([one.rate for one in times]))
                found[f"floor {connections}x, CPU µs a message"] = round(results.median([one.cpu for one in times]))
            found["share of the floor"] = round(found["messages/s, channels alone"] / found["floor 2x"], 2)
    how = f"{asked.size}, {asked.user_message}" + (", ordinary role" if asked.unprivileged else "")
    how += f", {asked.latency * 1000:.0f} ms" if asked.latency else ""
    how += ", Stream's limits" if asked.rate_limits else ""
    results.keep("end_to_end", how, found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
