"""What the report is told about the runs, in plain values, so that nothing here needs Dagster.

Here: the shapes. Not here: where they come from (``assets/run_facts.py``), what is made of them (``pace.py``).
Times are seconds since 1970.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Stint:
    """One piece of recorded work: an asset, or one channel of it.

    Attributes:
        asset: users, channels, members, messages or reactions.
        partition: The channel's cid, None for the two lists.
        run_id: The run that did it.
        ended: When it was recorded.
        seconds: How long reading, mapping and loading took.
        rows: Rows written.
        already_there: Rows that were found in place.
        api_calls: Calls made to Stream.
        gone: The channel had left Stream.
    """

    asset: str
    partition: str | None
    run_id: str
    ended: float
    seconds: float
    rows: int
    already_there: int = 0
    api_calls: int = 0
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Run:
    """One run that recorded work; ``ended`` is None while it goes on."""

    run_id: str
    job: str
    status: str
    started: float
    ended: float | None = None


@dataclass(frozen=True, slots=True)
class RunFacts:
    """All that is known of the runs.

    Attributes:
        runs: Those that recorded work, oldest first.
        stints: What they recorded.
        unfinished: Channels that are failed or were never carried, with the reason where one is known.
        known_channels: How many channels were discovered.
    """

    runs: Sequence[Run] = ()
    stints: Sequence[Stint] = ()
    unfinished: dict[str, str] = field(default_factory=dict)
    known_channels: int = 0


ASSETS = ("users", "channels", "members", "messages", "reactions")
"""The assets that carry rows, in the order in which they depend on each other."""
