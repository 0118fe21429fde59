"""Times the real command against the demo's Stream server, beside the floor of the same run.

Run it with ``make bench`` or ``python benchmarks/end_to_end.py --size medium``: messages a second of the whole command
and of its channels, as a share of the floor (``floor.py``), CPU by process, peak memory of a process, calls and bytes,
how far the estimates of the remaining time were off; with ``--verify`` also ``verify``, with ``--resume`` a resume of
the finished migration.
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
from place import Place, Stream, Watch, count_messages, environment, parser, place, stream_server

_LINE = re.compile(r"messages read ([\d,]+).*?(?:about (\d+) (s|min|h) left|after)")
_UNITS = {"s": 1, "min": 60, "h": 3600}
_JUDGED_FROM = 0.25
"""The first quarter of a run is too early to estimate from."""


class Told:
    """What the command said while it ran: when, how many messages were read, how many seconds were left."""

    def __init__(self) -> None:
        self.text = ""
        self.series: list[tuple[float, int]] = []
        self._estimates: list[tuple[float, float]] = []

    def note(self, line: str, at: float) -> None:
        """Take one line, so many seconds after the start."""
        self.text += line
        if found := _LINE.search(line):
            self.series.append((round(at, 1), _number(found[1])))
            if found[2]:
                self._estimates.append((at, float(found[2]) * _UNITS[found[3]]))

    @property
    def worst_estimate(self) -> float | None:
        """Give the largest error of an estimate in the last three quarters, as a share of the channels' whole time."""
        if len(self.series) < 2:
            return None
        began, ended = self.series[0][0] - 5, self.series[-1][0]
        errors = [
            abs(at + left - ended) / (ended - began)
            for at, left in self._estimates
            if at - began >= _JUDGED_FROM * (ended - began)
        ]
        return round(max(errors), 2) if errors else None

    @property
    def of_channels(self) -> int:
        """Give the rate that the command told last."""
        return _number(re.findall(r"([\d,]+)/s", self.text)[-1])


def _number(text: str) -> int:
    return int(text.replace(",", ""))


def command(at: Place, stream: Stream, asked: argparse.Namespace, *arguments: str) -> tuple[dict[str, Any], Told]:
    """Run one command to its end; give its time, CPU, memory and calls, and what it said.

    Raises:
        SystemExit: The command failed.
    """
    before, told, started = stream.served(), Told(), time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "chatsdk_migration.cli", *arguments],
        env=environment(at.server, stream.url, at.home, asked),
        cwd=at.home,
        stdout=subprocess.PIPE,
        text=True,
    )
    watch = Watch(process.pid, stream=stream.pid, postgres=at.postmaster)
    watch.start()
    assert process.stdout is not None
    for line in process.stdout:
        told.note(line, time.monotonic() - started)
    code = process.wait()
    seconds = time.monotonic() - started
    watch.join()
    if code:
        raise SystemExit(told.text)
    served = stream.served().since(before)
    figures = {
        "seconds": round(seconds, 1),
        "peak MB of a process": round(watch.peak_bytes / 1e6),
        "CPU s": {name: round(used, 1) for name, used in watch.cpu_by_name.items()},
        "calls": sum(served.calls.values()),
        "refused": served.refused,
        "MB read": round(served.bytes / 1e6),
    }
    if asked.rate_limits:
        figures["share of the tightest limit"] = round(served.least_seconds / seconds, 2)
    return figures, told


def once(at: Place, stream: Stream, asked: argparse.Namespace) -> dict[str, Any]:
    """Run one migration into an empty target; give its figures."""
    with at.server.connect() as conn:
        for name in ("bench", "dagster"):
            conn.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    at.server.ensure_database("dagster")
    at.new_target("bench", privileged=not asked.unprivileged)
    figures, told = command(at, stream, asked, "import-stream")
    messages, per_user = count_messages(at.server)
    rates = {
        "messages": messages,
        "user_message rows": per_user,
        "messages/s": round(messages / figures["seconds"]),
        "messages/s, channels alone": told.of_channels,
        "CPU µs a message": {name: round(used / messages * 1e6) for name, used in figures["CPU s"].items()},
        "worst estimate off by": told.worst_estimate,
        "series": told.series,
    }
    return figures | rates


def follow_up(at: Place, stream: Stream, asked: argparse.Namespace, how: str) -> None:
    """Time what comes after a migration, where it was asked for."""
    if asked.resume:
        results.keep("resume of a finished migration", how, command(at, stream, asked, "import-stream", "--resume")[0])
    if asked.verify:
        results.keep("verify", how, command(at, stream, asked, "verify")[0])


def main() -> int:
    """Run migrations of one kind, then their floor; print and keep the figures."""
    options = parser()
    options.add_argument("--runs", type=int, default=1, help="repeat, and give the median")
    options.add_argument("--no-floor", action="store_true", help="leave the floor out")
    options.add_argument("--resume", action="store_true", help="then time a resume")
    options.add_argument("--verify", action="store_true", help="then time verify")
    asked = options.parse_args()
    how = results.described(asked)
    with place() as at, stream_server(asked) as stream:
        runs = [once(at, stream, asked) for _ in range(asked.runs)]
        found = results.middle(runs, "messages/s, channels alone")
        found["runs"] = [run["messages/s, channels alone"] for run in runs]
        follow_up(at, stream, asked, how)
        if not asked.no_floor:
            for connections in (1, 2):
                times = floor.measure(
                    at, asked.user_message, connections, repeat=asked.runs, privileged=not asked.unprivileged
                )
                found[f"floor {connections}x"] = round(results.median([one.rate for one in times]))
                found[f"floor {connections}x, CPU µs a message"] = round(results.median([one.cpu for one in times]))
            found["share of the floor"] = round(found["messages/s, channels alone"] / found["floor 2x"], 2)
    results.keep("end_to_end", how, found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
