"""The two pictures of the report, as PNG.

Here: drawing. Not here: what is drawn (``document.py``, ``pace.py``). Figures are made without pyplot, which keeps
every figure in a global list and is not safe to use from several threads.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import MAXYEAR, UTC, datetime
from io import BytesIO
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.dates import date2num
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from chatsdk_migration.report.document import MonthLine
from chatsdk_migration.report.facts import ASSETS
from chatsdk_migration.report.pace import Pace

WIDTH_PIXELS, HEIGHT_PIXELS = 1200, 640
DOTS_PER_INCH = 100
STREAM_COLOUR, CHATSDK_COLOUR, DIFFERENCE_COLOUR = "#a6cbe8", "#0b4f8a", "#c0392b"
ASSET_COLOURS = dict(zip(ASSETS, ("#999999", "#e69f00", "#56b4e9", "#0b4f8a", "#009e73"), strict=True))
"""Told apart by colour-blind people too (Okabe and Ito)."""
MOST_MONTH_LABELS = 14
"""Labels that stand side by side without touching."""
MONTHS_BETWEEN_LABELS = (1, 2, 3, 6, 12, 24, 60, 120, 240, 600, 1200, 2400, 12000)
"""The last one leaves ten labels on the longest axis that dates allow."""
LONGEST_AXIS_MONTHS = 240
"""Twenty years, longer than Stream exists: beyond, a few misdated messages stretch the axis."""
STRAY_GAP_MONTHS = 24
STRAY_SHARE = 0.005
"""What lies beyond an empty gap this long, and is no larger share of the messages, is not drawn."""
LEAST_AXIS_DAYS = 200
"""So that a single month is a bar and not a wall."""
MOST_RUN_MARKS = 40
_MINUTE, _HOUR = 60, 3600
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
"""Not from the locale: the report is in English."""


def months_picture(months: Sequence[MonthLine]) -> bytes:
    """Draw the messages of each month in Stream and in ChatSDK on top of each other, and what differs below."""
    figure = _figure()
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[4, 1])
    _title(above, "Messages by month")
    shown = main_months(months)
    if not shown:
        for axes in (above, below):
            _say(axes, "No messages." if axes is above else "")
        return _png(figure)
    _draw_months(above, shown)
    _draw_difference(below, shown)
    _month_axis(below, shown)
    if strays := sum(line.stream for line in months) - sum(line.stream for line in shown):
        below.set_xlabel(f"Month (UTC); {strays:,} messages of other times are not drawn")
    return _png(figure)


def main_months(months: Sequence[MonthLine]) -> list[MonthLine]:
    """Leave out the few strays before and after that would stretch the axis over centuries."""
    lines = sorted((line for line in months if line.stream or line.chatsdk), key=lambda line: line.month)
    if not lines or _index(lines[-1].month) - _index(lines[0].month) < LONGEST_AXIS_MONTHS:
        return lines
    few = STRAY_SHARE * sum(_size(line) for line in lines)
    lines = lines[_strays(lines, few) :]
    return lines[: len(lines) - _strays(lines[::-1], few)]


def _strays(lines: Sequence[MonthLine], few: float) -> int:
    """Count the lines at the beginning that are strays."""
    found = passed = 0
    for number, (line, following) in enumerate(pairwise(lines), start=1):
        passed += _size(line)
        if passed > few:
            break
        if abs(_index(following.month) - _index(line.month)) >= STRAY_GAP_MONTHS:
            found = number
    return found


def _size(line: MonthLine) -> int:
    return max(line.stream, line.chatsdk)


def _index(month: str) -> int:
    return int(month[:4]) * 12 + int(month[5:])


def _draw_months(axes: Axes, months: Sequence[MonthLine]) -> None:
    places, widths = _places(months)
    # Thin bars moved to whole pixels would differ in width and make a pattern that is not there.
    for width, colour, label, numbers in (
        (0.9, STREAM_COLOUR, "read from Stream", [line.stream for line in months]),
        (0.45, CHATSDK_COLOUR, "in ChatSDK now", [line.chatsdk for line in months]),
    ):
        axes.bar(places, numbers, widths * width, color=colour, label=label, snap=False)
    axes.set_ylabel("Messages and replies")
    _number_axis(axes)
    _legend(axes)


def _draw_difference(axes: Axes, months: Sequence[MonthLine]) -> None:
    """Draw what was read and is not there: withheld, rejected or missing; below zero when Stream has lost some."""
    places, widths = _places(months)
    missing = [line.stream - line.chatsdk for line in months]
    axes.bar(places, missing, widths * 0.9, color=DIFFERENCE_COLOUR)
    axes.axhline(0, color="#666666", linewidth=0.8)
    axes.set_title("Read and not there: withheld, rejected or missing", loc="left", fontsize=10)
    axes.set_ylabel("Messages")
    _number_axis(axes)
    axes.margins(y=0.2)
    if not any(missing):
        axes.set_ylim(-1, 1)
        axes.set_yticks([0])
        axes.text(0.5, 0.7, "no difference in any month", transform=axes.transAxes, ha="center", color="#666666")


def _places(months: Sequence[MonthLine]) -> tuple[np.ndarray, np.ndarray]:
    """Give the middle and the width of each month, in days."""
    starts = np.array([_day(_index(line.month)) for line in months])
    ends = np.array([_day(_index(line.month) + 1) for line in months])
    return (starts + ends) / 2, ends - starts


def _day(index: int) -> float:
    """Give the first day of a month, counted as matplotlib does."""
    year, month = divmod(index - 1, 12)
    beyond = year > MAXYEAR  # the month after the last one that a date can name
    return float(date2num(datetime.max.replace(tzinfo=UTC) if beyond else datetime(year, month + 1, 1, tzinfo=UTC)))


def _month_axis(axes: Axes, months: Sequence[MonthLine]) -> None:
    """Name months below the middle of their bars: all of them, every third, or only the Januaries of many years."""
    first, last = _index(months[0].month), _index(months[-1].month)
    every = next(step for step in MONTHS_BETWEEN_LABELS if (last - first) / step < MOST_MONTH_LABELS)
    named = [_name(index) for index in range(first, last + 1) if (index - 1) % every == 0]
    places, _ = _places([MonthLine(name, 0, 0) for name in named])
    axes.set_xticks(places, [_month_label(name, years_only=every >= 12) for name in named])
    axes.set_xlabel("Month (UTC)")
    middle, half = (_day(first) + _day(last + 1)) / 2, max(_day(last + 1) - _day(first), LEAST_AXIS_DAYS) / 2
    axes.set_xlim(middle - half * 1.02, middle + half * 1.02)


def _month_label(name: str, *, years_only: bool) -> str:
    return name[:4] if years_only else f"{_MONTHS[int(name[5:]) - 1]}\n{name[:4]}"


def _name(index: int) -> str:
    year, month = divmod(index - 1, 12)
    return f"{year:04}-{month + 1:02}"


def pace_picture(pace: Pace) -> bytes:
    """Draw the rows written each second, by asset, over the time in which runs were at work."""
    figure = _figure()
    axes = figure.subplots()
    _title(axes, "Rows written a second")
    if not any(rate for rates in pace.rates.values() for rate in rates):
        _say(axes, "No run has written rows.")
        return _png(figure)
    unit, seconds = _time_unit(pace.seconds)
    steps = len(next(iter(pace.rates.values())))
    edges = np.arange(steps + 1) * pace.step_seconds / seconds
    floor = np.zeros(steps)
    for asset, rates in pace.rates.items():
        if any(rates):
            top = floor + np.array(rates)
            axes.stairs(top, edges, baseline=floor, fill=True, color=ASSET_COLOURS[asset], label=asset)
            floor = top
    _mark_runs(axes, pace, seconds)
    axes.set_xlim(0, edges[-1])
    axes.set_xlabel(f"{unit} of work, without the pauses between runs")
    axes.set_ylabel("Rows a second")
    _number_axis(axes)
    _legend(axes)
    return _png(figure)


def _time_unit(seconds: float) -> tuple[str, int]:
    if seconds < 3 * _MINUTE:
        return "Seconds", 1
    return ("Minutes", _MINUTE) if seconds < 3 * _HOUR else ("Hours", _HOUR)


def _mark_runs(axes: Axes, pace: Pace, seconds: int) -> None:
    """Mark where each further run begins, unless that would be all one could see."""
    marks = [start for start in pace.run_starts if start > 0]
    if len(marks) > MOST_RUN_MARKS:
        return
    for index, start in enumerate(marks):
        axes.axvline(start / seconds, color="#666666", linestyle=":", label="" if index else "a run begins")


def _figure() -> Figure:
    size = (WIDTH_PIXELS / DOTS_PER_INCH, HEIGHT_PIXELS / DOTS_PER_INCH)
    figure = Figure(figsize=size, dpi=DOTS_PER_INCH, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def _title(axes: Axes, text: str) -> None:
    axes.set_title(text, loc="left", fontsize=14)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#e5e5e5")
    axes.set_axisbelow(True)


def _legend(axes: Axes) -> None:
    """Put the legend on the title's line, where it hides nothing."""
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0.2, frameon=False, ncols=6)


def _number_axis(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=6, integer=True, min_n_ticks=1))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))


def _say(axes: Axes, text: str) -> None:
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", fontsize=14, color="#666666")
    axes.set_axis_off()


def _png(figure: Figure) -> bytes:
    picture = BytesIO()
    figure.savefig(picture, format="png")
    return picture.getvalue()
