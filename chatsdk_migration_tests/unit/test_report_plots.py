"""The pictures: whole PNGs of the promised size, whatever there is to draw."""

from __future__ import annotations

import struct
import zlib

import matplotlib as mpl
import pytest

from chatsdk_migration.report import plots
from chatsdk_migration.report.document import MonthLine
from chatsdk_migration.report.pace import Pace
from chatsdk_migration.transform.times import month

LONG_AGO, FAR_AHEAD = MonthLine("0001-01", 1, 1), MonthLine("9999-12", 2, 2)


def size_of(png: bytes) -> tuple[int, int]:
    """Give the size of a PNG after checking every chunk of it."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    place, kinds = 8, []
    while place < len(png):
        (length,) = struct.unpack(">I", png[place : place + 4])
        body = png[place + 4 : place + 8 + length]
        assert struct.unpack(">I", png[place + 8 + length : place + 12 + length]) == (zlib.crc32(body),)
        kinds.append(body[:4])
        place += 12 + length
    assert kinds[0] == b"IHDR"
    assert kinds[-1] == b"IEND"
    width, height = struct.unpack(">II", png[16:24])
    return width, height


def years(number: int) -> list[MonthLine]:
    return [MonthLine(f"{2015 + each // 12}-{each % 12 + 1:02}", 900 + each, 899) for each in range(number * 12)]


@pytest.mark.parametrize(
    "months",
    [
        [],
        [MonthLine("2024-03", 5, 5)],
        [MonthLine("2024-03", 0, 5)],
        [MonthLine("9999-12", 3, 2)],
        [LONG_AGO, FAR_AHEAD],
        years(1),
        years(10),
        [LONG_AGO, *years(10), FAR_AHEAD],
    ],
    ids=["none", "one", "only here", "last there is", "all of time", "a year", "ten years", "strays"],
)
def test_months_are_drawn(months: list[MonthLine]) -> None:
    picture = plots.months_picture(months)
    assert size_of(picture) == (plots.WIDTH_PIXELS, plots.HEIGHT_PIXELS)
    assert picture == plots.months_picture(months)


def test_misdated_messages_do_not_stretch_the_axis_and_others_are_not_cut() -> None:
    assert plots.main_months([LONG_AGO, *years(10), FAR_AHEAD]) == years(10)
    assert plots.main_months(years(30)) == years(30)
    assert plots.main_months([LONG_AGO, FAR_AHEAD]) == [LONG_AGO, FAR_AHEAD]


@pytest.mark.parametrize(
    "pace",
    [
        Pace(0.0),
        Pace(1.0, {"messages": [0.0, 0.0]}, [0.0]),
        Pace(0.1, {"users": [5.0] + [0.0] * 11, "messages": [0.0] + [9000.5] * 11}, [0.0, 0.1]),
        Pace(900.0, {"messages": [1.0] * 120, "reactions": [2.0] * 120}, [float(each) for each in range(100)]),
    ],
    ids=["no run", "no rows", "a second", "a day of many runs"],
)
def test_the_pace_is_drawn(pace: Pace) -> None:
    assert size_of(plots.pace_picture(pace)) == (plots.WIDTH_PIXELS, plots.HEIGHT_PIXELS)


def test_drawing_leaves_no_figure_behind() -> None:
    """Module pyplot keeps every figure for ever, and its state is shared by all threads."""
    before = dict(mpl.rcParams)
    plots.months_picture(years(1))
    assert dict(mpl.rcParams) == before
    assert not hasattr(plots, "plt")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2024-02-29T23:59:59.999999999Z", "2024-02"),
        ("2024-03-01T00:30:00+02:00", "2024-02"),
        ("2024-02-29t10:00:00z", "2024-02"),
        ("2023-12-31T23:30:00-01:00", "2024-01"),
        ("0000-01-01T00:00:00Z", ""),
        ("2024-13-01T00:00:00Z", ""),
        ("yesterday", ""),
        ("", ""),
        (None, ""),
        (1700000000, ""),
    ],
)
def test_the_month_of_a_message_is_that_of_utc(text: object, found: str) -> None:
    assert month(text) == found
