"""How long writes will have to stay frozen, from what syncs and verifications have taken so far.

Here: the arithmetic and the sentence. Not here: measuring (``history.py``).
"""

from __future__ import annotations

from dataclasses import dataclass

from chatsdk_migration.cutover import history
from chatsdk_migration.cutover.history import Outcome
from chatsdk_migration.progress import duration
from chatsdk_migration.stream import channels
from chatsdk_migration.sync import Sweep, cost, known_channels
from chatsdk_migration.transfer import Migration

UNMEASURED_SECONDS_PER_CALL = 0.05
"""Where nothing was measured: Stream's usual answer time at a few calls side by side."""
LOOKS = 2
"""Quick looks at Stream within the freeze."""


@dataclass(frozen=True, slots=True)
class Expected:
    """Seconds of each part of the freeze, and on what they rest."""

    sync_seconds: float
    sync_basis: str
    verify_seconds: float
    verify_basis: str
    look_seconds: float

    @property
    def seconds(self) -> float:
        """The whole freeze."""
        return self.sync_seconds + self.verify_seconds + self.look_seconds

    def sentence(self) -> str:
        """Say it in a line."""
        return (
            f"Expected freeze: about {duration(self.seconds)}: final sync {duration(self.sync_seconds)} "
            f"({self.sync_basis}), verification {duration(self.verify_seconds)} ({self.verify_basis}), "
            f"two looks at Stream {duration(self.look_seconds)}."
        )


def expect(migration: Migration) -> Expected:
    """Estimate the freeze; costs two calls to Stream.

    Raises:
        MigrationError: Stream or the database cannot be asked.
    """
    pace = _seconds_per_call(migration)
    hot = history.newest(migration.target, "sync", "hot")
    calls = cost(migration, sweep=Sweep.HOT)
    if hot is not None:
        sync = (hot.seconds, f"as the one of {_day(hot)}")
    else:
        sync = (max(calls.seconds * calls.share, calls.total * pace), f"about {calls.total:,} calls")
    look = max(calls.calls.get("QueryChannels", 0) + calls.calls.get("Search", 0), 1) * pace
    verify = _verification(migration, pace)
    return Expected(sync[0], sync[1], verify[0], verify[1], LOOKS * look)


def _seconds_per_call(migration: Migration) -> float:
    """Give what a call took in the newest work that made many; several are under way at once."""
    measured = [
        history.newest(migration.target, "verification", "whole", "sampled"),
        history.newest(migration.target, "sync", "recent", "hot", "all"),
    ]
    rates = [one.seconds / one.api_calls for one in measured if one is not None and one.api_calls]
    return rates[0] if rates else UNMEASURED_SECONDS_PER_CALL


def _verification(migration: Migration, pace: float) -> tuple[float, str]:
    """Expect what the last whole one took; else what a sample says of the whole; else a call's time for each call."""
    whole = history.newest(migration.target, "verification", "whole")
    if whole is not None:
        return whole.seconds, f"as the one of {_day(whole)}"
    everything = cost(migration, sweep=Sweep.ALL)
    number = sum(not gone for gone in known_channels(migration.target).values())
    sampled = history.newest(migration.target, "verification", "sampled")
    if sampled is not None and sampled.channels:
        return sampled.seconds * number / sampled.channels, f"from the sample of {_day(sampled)}"
    calls = everything.total + 2 * number + number // (channels.PAGE - 1)
    return calls * pace, f"about {calls:,} calls"


def _day(one: Outcome) -> str:
    return f"{one.ended_at:%d %b %H:%M}"
