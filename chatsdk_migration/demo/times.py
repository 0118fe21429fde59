"""RFC 3339 timestamps with nanoseconds, as Stream writes them.

Here: text to nanoseconds and back to text. Not here: any idea of "now".
"""

from __future__ import annotations

from datetime import UTC, datetime

NANOSECONDS = 1_000_000_000
_SECONDS_END = 19
"""Length of ``2024-01-01T00:00:00``."""


def parse_ns(text: str) -> int:
    """Turn ``2024-01-01T00:00:00.123456789Z`` (0 to 9 digits, any offset) into nanoseconds since 1970.

    Raises:
        ValueError: The text is no RFC 3339 timestamp.
    """
    whole = datetime.fromisoformat(text[:_SECONDS_END]).replace(tzinfo=UTC)
    seconds = int(whole.timestamp())
    fraction, zone = _split_fraction(text[_SECONDS_END:])
    return (seconds - _offset_seconds(zone)) * NANOSECONDS + fraction


def _split_fraction(rest: str) -> tuple[int, str]:
    if not rest.startswith("."):
        return 0, rest
    end = 1
    while end < len(rest) and rest[end].isdigit():
        end += 1
    return int(rest[1:end].ljust(9, "0")[:9]), rest[end:]


def _offset_seconds(zone: str) -> int:
    if zone in {"Z", "z"}:
        return 0
    if len(zone) != 6 or zone[0] not in "+-" or zone[3] != ":":
        raise ValueError(f"no time zone in timestamp: {zone!r}")
    seconds = int(zone[1:3]) * 3600 + int(zone[4:6]) * 60
    return -seconds if zone[0] == "-" else seconds


def stamp(at: str | datetime) -> str:
    """Write a time as Stream does: UTC, ``Z``, trailing zeros of the fraction trimmed; text is kept as given."""
    if isinstance(at, str):
        return at
    text = at.astimezone(UTC).replace(tzinfo=None).isoformat()
    return (text.rstrip("0").rstrip(".") if "." in text else text) + "Z"
