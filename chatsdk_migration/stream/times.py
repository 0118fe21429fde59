"""Stream's timestamps as exact numbers, for comparing and for stepping through pages.

Here: RFC 3339 text to nanoseconds and back. Not here: what a target column holds (``transform``).
Stream trims trailing zeros and gives 0 to 9 digits, so equal instants may be spelled differently; ``datetime``
stops at microseconds. An anchor is always sent back as it was served; numbers serve only to compare.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

NANOSECONDS_IN_A_SECOND = 1_000_000_000
NANOSECONDS_IN_A_MILLISECOND = 1_000_000
NANOSECONDS_IN_A_MICROSECOND = 1_000
_RFC3339 = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:[.,](\d+))?([Zz]|[+-]\d\d:?\d\d)")
_PLAIN = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}\.[0-9]{1,6}Z")
"""What nearly every timestamp looks like: ``datetime`` reads it exactly."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def instant(text: object) -> int | None:
    """Give nanoseconds since 1970, UTC, or None when the value is not an RFC 3339 timestamp."""
    if not isinstance(text, str):
        return None
    try:
        if _PLAIN.fullmatch(text):
            since = datetime.fromisoformat(text) - _EPOCH
            return _whole(since) * NANOSECONDS_IN_A_SECOND + since.microseconds * NANOSECONDS_IN_A_MICROSECOND
        if match := _RFC3339.fullmatch(text):
            day, clock, fraction, zone = match.groups()
            moment = datetime.fromisoformat(f"{day}T{clock}{'+00:00' if zone in 'Zz' else zone}")
            return _whole(moment - _EPOCH) * NANOSECONDS_IN_A_SECOND + int((fraction or "")[:9].ljust(9, "0"))
    except (ValueError, OverflowError):
        pass
    return None


def _whole(since: timedelta) -> int:
    """Give the whole seconds, exactly."""
    return since.days * 86_400 + since.seconds


def second_before(at: int) -> str:
    """Give the whole second before an instant (nanoseconds) as RFC 3339."""
    return _whole_second(at // NANOSECONDS_IN_A_SECOND - 1)


def second_after(at: int) -> str:
    """Give the whole second after an instant (nanoseconds) as RFC 3339."""
    return _whole_second(at // NANOSECONDS_IN_A_SECOND + 1)


def _whole_second(seconds: int) -> str:
    return (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ").rjust(20, "0")
