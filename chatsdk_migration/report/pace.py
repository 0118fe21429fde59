"""What the runs cost and how fast they went: sums for each run and asset, and rows a second over time.

Here: arithmetic on ``facts``. Not here: drawing (``plots.py``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from chatsdk_migration.report.facts import ASSETS, Run, RunFacts, Stint

MOST_STEPS, LEAST_STEPS = 120, 12
"""Points of the curve: each is some pixels wide in the picture."""
SHORTEST_STEP_SECONDS = 0.25
"""Below it one sees single transactions rather than a pace."""


@dataclass(frozen=True, slots=True)
class AssetLine:
    """What one asset took over all runs.

    Attributes:
        seconds: Working time, added up over channels that were carried side by side.
    """

    asset: str
    recorded: int
    rows: int
    api_calls: int
    seconds: float


@dataclass(frozen=True, slots=True)
class RunLine:
    """What one run took, by the clock."""

    run_id: str
    job: str
    status: str
    started: float
    seconds: float
    channels: int
    rows: int
    api_calls: int
    rows_per_second: float


@dataclass(frozen=True, slots=True)
class Pace:
    """Rows a second over the time in which a run was at work; pauses between runs are left out.

    Attributes:
        step_seconds: Width of one point.
        rates: Rows a second at each point, by asset.
        run_starts: Where each run begins, in seconds on the same axis.
    """

    step_seconds: float
    rates: dict[str, list[float]] = field(default_factory=dict)
    run_starts: list[float] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """Give the length of the axis."""
        return self.step_seconds * max((len(values) for values in self.rates.values()), default=0)


def once(stints: Iterable[Stint]) -> list[Stint]:
    """Leave out what a retried run recorded again for work that an earlier attempt had done."""
    seen: set[tuple[object, ...]] = set()
    kept = []
    for stint in sorted(stints, key=lambda each: each.ended):
        work = (stint.asset, stint.partition, stint.seconds, stint.rows, stint.already_there, stint.api_calls)
        # Work of no measurable time (a channel that was gone) cannot be told from another, and adds nothing.
        if work not in seen or not stint.seconds:
            kept.append(stint)
        seen.add(work)
    return kept


def by_asset(stints: Sequence[Stint]) -> list[AssetLine]:
    """Sum the work up for each asset."""
    lines = []
    for asset in ASSETS:
        mine = [stint for stint in stints if stint.asset == asset]
        seconds = round(sum(stint.seconds for stint in mine), 3)
        calls = sum(stint.api_calls for stint in mine)
        lines.append(AssetLine(asset, len(mine), sum(stint.rows for stint in mine), calls, seconds))
    return lines


def by_run(facts: RunFacts, stints: Sequence[Stint]) -> list[RunLine]:
    """Sum the work up for each run."""
    work: dict[str, list[Stint]] = {}
    for stint in stints:
        work.setdefault(stint.run_id, []).append(stint)
    return [_run_line(run, work[run.run_id]) for run in facts.runs if run.run_id in work]


def _run_line(run: Run, work: Sequence[Stint]) -> RunLine:
    seconds = _end(run, work) - run.started
    rows = sum(stint.rows for stint in work)
    return RunLine(
        run_id=run.run_id,
        job=run.job,
        status=run.status,
        started=run.started,
        seconds=round(seconds, 3),
        channels=len({stint.partition for stint in work if stint.partition}),
        rows=rows,
        api_calls=sum(stint.api_calls for stint in work),
        rows_per_second=round(rows / seconds, 1) if seconds > 0 else 0.0,
    )


def _end(run: Run, work: Sequence[Stint]) -> float:
    return run.ended or max(stint.ended for stint in work)


def spans(facts: RunFacts, stints: Sequence[Stint]) -> list[tuple[float, float]]:
    """Give the times in which at least one run was at work, in order and apart from each other."""
    work: dict[str, list[Stint]] = {}
    for stint in stints:
        work.setdefault(stint.run_id, []).append(stint)
    found = sorted((run.started, _end(run, work[run.run_id])) for run in facts.runs if run.run_id in work)
    merged: list[tuple[float, float]] = []
    for start, end in found:
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def pace(facts: RunFacts, stints: Sequence[Stint]) -> Pace:
    """Spread the rows of each piece of work evenly over the time it took."""
    busy = spans(facts, stints)
    total = sum(end - start for start, end in busy)
    if total <= 0:
        return Pace(0.0)
    steps = max(LEAST_STEPS, min(MOST_STEPS, int(total / SHORTEST_STEP_SECONDS)))
    step = total / steps
    rows = {asset: [0.0] * steps for asset in ASSETS}
    for stint in (each for each in stints if each.rows and each.asset in rows):
        last = _position(busy, stint.ended)
        _spread(rows[stint.asset], stint.rows, _position(busy, stint.ended - stint.seconds), last, step)
    rates = {asset: [round(number / step, 2) for number in numbers] for asset, numbers in rows.items()}
    return Pace(step, rates, sorted({round(_position(busy, run.started), 3) for run in facts.runs}))


def _position(busy: Sequence[tuple[float, float]], moment: float) -> float:
    """Give a moment's place on the axis from which the pauses were cut out."""
    return sum(max(0.0, min(moment, end) - start) for start, end in busy)


def _spread(bins: list[float], rows: int, start: float, end: float, step: float) -> None:
    """Add rows to the bins between two places on the axis; work without length goes into one bin."""
    first, last = (max(0, min(int(place / step), len(bins) - 1)) for place in (start, end))
    if first == last or end <= start:
        bins[last] += rows
        return
    for index in range(first, last + 1):
        overlap = min(end, (index + 1) * step) - max(start, index * step)
        bins[index] += rows * max(0.0, overlap) / (end - start)
