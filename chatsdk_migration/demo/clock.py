"""Times as Stream writes them.

Here: nanoseconds since 1970 to RFC 3339 text with trailing zeros trimmed, and moments in working hours.
Not here: reading times (nothing in the demo's data needs it).
"""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Final

SECOND: Final = 1_000_000_000
"""Nanoseconds in a second."""
MILLISECOND: Final = 1_000_000
DAY: Final = 86_400 * SECOND
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def ns(year: int, month: int = 1, day: int = 1, hour: int = 0, minute: int = 0) -> int:
    """Give nanoseconds since 1970 of a UTC wall-clock time."""
    whole = datetime(year, month, day, hour, minute, tzinfo=UTC) - _EPOCH
    return int(whole.total_seconds()) * SECOND


def rfc3339(nanoseconds: int) -> str:
    """Write a time in UTC with 0 to 9 fractional digits, trailing zeros trimmed, as Stream does."""
    seconds, fraction = divmod(nanoseconds, SECOND)
    text = (_EPOCH + timedelta(seconds=seconds)).isoformat()[:19]
    digits = f"{fraction:09d}".rstrip("0")
    return f"{text}.{digits}Z" if digits else f"{text}Z"


def working_moment(chance: random.Random, start: int, end: int) -> int:
    """Pick a moment (nanoseconds, microsecond steps) between two times: mostly weekdays, 7 to 19 o'clock UTC."""
    while True:
        day = start + chance.randrange((end - start) // DAY) * DAY
        weekend = ((day // DAY) + 3) % 7 >= 5  # 1 January 1970 was a Thursday
        if weekend and chance.random() < 0.85:
            continue
        midnight = day - day % DAY
        return midnight + 7 * 3600 * SECOND + chance.randrange(12 * 3600 * 1_000_000) * 1000
