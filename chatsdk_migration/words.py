"""How numbers and times are said to the operator. Not here: durations (``progress.py``)."""

from __future__ import annotations

from datetime import UTC, datetime


def counted(number: int, thing: str) -> str:
    """Say how many: ``1 channel``, ``2,000 channels``."""
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"


def are(number: int) -> str:
    """Give the verb that goes with a number: ``is`` or ``are``."""
    return "is" if number == 1 else "are"


def moment(at: datetime) -> str:
    """Say a time with its day and zone: ``2026-01-31 22:00:05 UTC``."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
