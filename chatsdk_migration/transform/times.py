"""Stream's timestamps.

Here: RFC 3339 with any offset and any number of fractional digits (Stream sends 0 to 9, zeros trimmed), cut to whole
microseconds. PostgreSQL would round the seventh digit and Python would cut it; cutting here makes both sides compare
equal. Not here: clocks.

Years 1 to 9999 pass: RFC 3339 knows no others, and PostgreSQL holds all of them but the year 0.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from chatsdk_migration.errors import RecordError

BAD_TIMESTAMP = "bad_timestamp"
UNKNOWN = "1970-01-01T00:00:00.000000Z"
"""Stands where ChatSDK wants a time and Stream has none; fixed, so that a second run writes the same row."""

_RFC3339 = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]((?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2})"
    r"(?:\.([0-9]+))?(?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))"
)
_PLAIN = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}\.[0-9]{1,6}Z")
"""What nearly every timestamp looks like: but for trimmed zeros the text that is stored."""
_LENGTH = 27
"""Characters of that text."""
_NEVER = "0001-01-01T00:00:00"
"""How Stream's server (written in Go) spells a time that was never set."""
_PLAIN_MONTH = re.compile(r"((?!0000)[0-9]{4}-(?:0[1-9]|1[0-2]))-[0-9]{2}[Tt ].*[Zz]")
"""What nearly every timestamp looks like: in UTC, so that its month can be read off."""
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - arithmetic in UTC throughout, an aware one costs twice the time
_AWARE_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECONDS_IN_A_DAY = 86_400
_MICROSECONDS_IN_A_SECOND = 1_000_000
_DIGITS_OF_A_MICROSECOND = 6


class Instant(NamedTuple):
    """A moment: its text in UTC with six fractional digits, microseconds since 1970, nanoseconds below that."""

    text: str
    us: int
    ns: int


def parse(value: str | None) -> Instant:
    """Read a timestamp that must be there.

    Raises:
        RecordError: ``bad_timestamp``.
    """
    if value and _PLAIN.fullmatch(value):
        return Instant(_padded(value), microseconds(_moment(value)), 0)
    return _parse_any(value)


def parse_text(value: str | None) -> str:
    """Read a timestamp that must be there, its text alone, in half the time.

    Raises:
        RecordError: ``bad_timestamp``.
    """
    if value and _PLAIN.fullmatch(value):
        _moment(value)
        return _padded(value)
    return _parse_any(value).text


def _moment(plain: str) -> datetime:
    """Read a plain timestamp; it may look right and name no day of the calendar."""
    try:
        return datetime.fromisoformat(plain)
    except ValueError:
        raise RecordError(BAD_TIMESTAMP, f"No such moment: {_shown(plain)}.") from None


def _padded(plain: str) -> str:
    """Put the trimmed zeros back."""
    return plain if len(plain) == _LENGTH else plain[:-1].ljust(_LENGTH - 1, "0") + "Z"


def _parse_any(value: str | None) -> Instant:
    """Read a timestamp of any form RFC 3339 allows."""
    found = _RFC3339.fullmatch(value) if value else None
    if found is None:
        raise RecordError(BAD_TIMESTAMP, f"Not a timestamp: {_shown(value)}.")
    day, clock, fraction, sign, hours, minutes = found.groups()
    second = f"{day}T{clock}"
    try:
        moment = datetime.fromisoformat(second)
        if sign is not None:
            moment -= _offset(sign, int(hours), int(minutes))
            second = moment.isoformat()
    except (ValueError, OverflowError):
        raise RecordError(BAD_TIMESTAMP, f"No such moment: {_shown(value)}.") from None
    since = moment - _EPOCH
    us = (since.days * _SECONDS_IN_A_DAY + since.seconds) * _MICROSECONDS_IN_A_SECOND
    nine = f"{fraction or '':0<9.9}"
    micros = nine[:_DIGITS_OF_A_MICROSECOND]
    return Instant(f"{second}.{micros}Z", us + int(micros), int(nine[_DIGITS_OF_A_MICROSECOND:]))


def _offset(sign: str, hours: int, minutes: int) -> timedelta:
    """Give an offset from UTC; raises ValueError beyond a day, as RFC 3339 has none."""
    if hours > 23 or minutes > 59:
        raise ValueError
    return timedelta(hours=hours, minutes=minutes) * (-1 if sign == "-" else 1)


def is_set(value: object) -> bool:
    """Say whether a timestamp was ever set; an unreadable one was."""
    return bool(value) and not (isinstance(value, str) and value.startswith(_NEVER))


def parse_optional(value: str | None) -> Instant | None:
    """Read a timestamp that may be absent, null, empty or never set.

    Raises:
        RecordError: ``bad_timestamp``.
    """
    return parse(value) if is_set(value) else None


def month(value: object) -> str:
    """Give the month of a timestamp in UTC as ``YYYY-MM``; empty when it cannot be read."""
    if not isinstance(value, str):
        return ""
    if plain := _PLAIN_MONTH.fullmatch(value):
        return plain[1]
    try:
        return parse(value).text[:7]
    except RecordError:
        return ""


def microseconds(moment: datetime) -> int:
    """Give an aware moment as microseconds since 1970."""
    since = moment - _AWARE_EPOCH
    return (since.days * _SECONDS_IN_A_DAY + since.seconds) * _MICROSECONDS_IN_A_SECOND + since.microseconds


def _shown(value: str | None) -> str:
    """Quote a bad timestamp, shortened: a customer's text may have slipped into the field."""
    return repr(value if value is None or len(value) <= 40 else value[:40] + "…")
