"""Holds what was measured against the goals, and draws it: ``results/goals.md`` and two plots.

Run it with ``python benchmarks/goals.py`` after the benchmarks; it measures nothing itself.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import matplotlib as mpl
import results

mpl.use("Agg")
from matplotlib import pyplot as plt

E2E, RATE, TIGHTEST = "end_to_end", "messages/s, channels alone", "share of the tightest limit"
LARGE, LARGE_ALL = "large, unread_and_mentions", "large, all"
ORDINARY = "large, unread_and_mentions, ordinary role"
LIMITED = "medium, unread_and_mentions, 50 ms, Stream's limits"
ENTERPRISE = "enterprise, unread_and_mentions"
CHANNEL_READ = "one-channel, unread_and_mentions"


class Goal(NamedTuple):
    """One goal: what is measured, and how to read its figure; the figure is None where it was not measured."""

    what: str
    goal: str
    found: Callable[[Any], float | None]
    met: Callable[[float], bool]
    shown: str = "{:,.0f}"


def figure(benchmark: str, how: str, name: str) -> Callable[[Any], float | None]:
    """Read one figure of one benchmark."""
    return lambda known: known.get(benchmark, {}).get(how, {}).get(name)


def at_least(least: float) -> Callable[[float], bool]:
    """Make the rule of a goal."""
    return lambda found: found >= least


def at_most(most: float) -> Callable[[float], bool]:
    """Make the rule of a goal."""
    return lambda found: found <= most


def below(limit: float) -> Callable[[float], bool]:
    """Make the rule of a goal."""
    return lambda found: found < limit


def one_channel(known: Any) -> float | None:
    """Give the rate of one large channel as a share of the spread case's."""
    alone, spread = (figure(E2E, how, RATE)(known) for how in (CHANNEL_READ, LARGE))
    return alone / spread if alone and spread else None


def refused(known: Any) -> float | None:
    """Give the share of calls that Stream refused in the run with its limits."""
    one = known.get(E2E, {}).get(LIMITED)
    return one["refused"] / one["calls"] if one else None


def slowest_send(known: Any) -> float | None:
    """Give the 99th percentile of sending a message beside a load."""
    told = known.get("live", {}).get("medium, unread_and_mentions, beside the load: p50 / p95 / p99 / max")
    found = re.match(r"[\d.]+ / [\d.]+ / ([\d.]+)", told["send"]) if told else None
    return float(found[1]) if found else None


def growth(known: Any) -> float | None:
    """Give a worker's memory at five million messages as a multiple of that at fifty thousand."""
    small, large = (
        figure(E2E, how, "peak MB of a process")(known) for how in ("medium, unread_and_mentions", ENTERPRISE)
    )
    return large / small if small and large else None


SHARE = "share of the floor"
MEMORY = "peak MB of a process"
RESUME = "resume of a finished migration"
GOALS = (
    Goal("Large: share of the floor", "≥ 60 %", figure(E2E, LARGE, SHARE), at_least(0.6), "{:.0%}"),
    Goal("Large, `all`: messages/s", "≥ 12,000", figure(E2E, LARGE_ALL, RATE), at_least(12_000)),
    Goal("Large, ordinary role: share of its floor", "≥ 80 %", figure(E2E, ORDINARY, SHARE), at_least(0.8), "{:.0%}"),
    Goal("one channel of 200,000: share of the spread case", "≥ 75 %", one_channel, at_least(0.75), "{:.0%}"),
    Goal(
        "50 ms, Stream's limits: share of the tightest",
        "≥ 90 %",
        figure(E2E, LIMITED, TIGHTEST),
        at_least(0.9),
        "{:.0%}",
    ),
    Goal("the same: calls refused", "< 1 %", refused, below(0.01), "{:.1%}"),
    Goal("Large, `all`: MB of the largest process", "≤ 400", figure(E2E, LARGE_ALL, MEMORY), at_most(400)),
    Goal("memory at 5,000,000 messages / at 50,000", "the same", growth, at_most(1.25), "{:.2f}"),
    Goal("an event of Dagster, ms", "≤ 1", figure("events", "5,000 channels", "ms an event"), at_most(1), "{:.2f}"),
    Goal("5,000 channels x 3 assets, s", "≤ 30", figure("events", "5,000 channels", "runs s"), at_most(30)),
    Goal("idle resume of Enterprise, s", "≤ 60", figure(RESUME, ENTERPRISE, "seconds"), at_most(60)),
    Goal("the same: calls", "≤ 300", figure(RESUME, ENTERPRISE, "calls"), at_most(300)),
    Goal("live senders' p99, ms", "≤ 20", slowest_send, at_most(20), "{:.1f}"),
    Goal(
        "Large: worst estimate of the time left",
        "≤ 30 % off",
        figure(E2E, LARGE, "worst estimate off by"),
        at_most(0.3),
        "{:.0%}",
    ),
)


def table(known: Any) -> str:
    """Write the goals with what was found."""
    lines = ["| goal | wanted | measured | |", "|---|---|---|---|"]
    for one in GOALS:
        found = one.found(known)
        shown = "not measured" if found is None else one.shown.format(found)
        verdict = "" if found is None else ("met" if one.met(found) else "**not met**")
        lines.append(f"| {one.what} | {one.goal} | {shown} | {verdict} |")
    return "\n".join(lines) + "\n"


def draw_series(known: Any) -> None:
    """Draw messages a second over time, for each migration."""
    figure_, axes = plt.subplots(figsize=(9, 4.5))
    for how, found in sorted(known.get(E2E, {}).items()):
        series = [(0.0, 0), *found.get("series", [])]
        rates = [
            (after[0], (after[1] - before[1]) / (after[0] - before[0]))
            for before, after in pairwise(series)
            if after[0] > before[0] and after[1] > before[1]
        ]
        if len(rates) > 2:
            axes.plot(*zip(*rates, strict=True), label=how)
    axes.set(xlabel="seconds since the command began", ylabel="messages read a second", title="Rate over time")
    _finish(figure_, axes, "rate_over_time.png")


def draw_sizes(known: Any) -> None:
    """Draw messages a second by size of the workspace."""
    figure_, axes = plt.subplots(figsize=(9, 4.5))
    kinds: dict[str, list[tuple[int, int]]] = {}
    for how, found in known.get(E2E, {}).items():
        size, _, kind = how.partition(", ")
        if size in {"small", "medium", "large", "enterprise"}:
            kinds.setdefault(kind, []).append((found["messages"], found[RATE]))
    for kind, points in sorted(kinds.items()):
        axes.plot(*zip(*sorted(points), strict=True), marker="o", label=kind)
    axes.set(xscale="log", xlabel="messages", ylabel="messages a second, channels alone", title="Throughput by size")
    _finish(figure_, axes, "throughput_by_size.png")


def _finish(figure_: Any, axes: Any, name: str) -> None:
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=8)
    figure_.tight_layout()
    figure_.savefig(results.FOLDER / name, dpi=110)
    plt.close(figure_)


def main() -> int:
    """Print and write the table, draw the plots."""
    known = json.loads(results.STORE.read_text())
    found = table(known)
    (results.FOLDER / "goals.md").write_text(f"# Goals\n\nWritten by `make bench`, on {results.machine()}.\n\n{found}")
    draw_series(known)
    draw_sizes(known)
    print(found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
