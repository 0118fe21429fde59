"""What a sync is told and what it says afterwards. Types only."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from chatsdk_migration.errors import MigrationError


class Sweep(StrEnum):
    """How much history a sync reads again for what Stream does not tell: deletions, back-dated messages."""

    RECENT = "recent"
    """The recent days of the channels whose turn it is, within ``sync_rescan_calls``."""
    HOT = "hot"
    """The recent days of every channel that was active in them, whatever it costs."""
    ALL = "all"
    """Everything."""


class Conflict(NamedTuple):
    """A change in Stream that was not made, because somebody in ChatSDK changed the same thing."""

    cid: str
    entity: str
    stream_id: str
    what: str
    seen_at: datetime


@dataclass(slots=True)
class ChannelSync:
    """What a sync did in one channel.

    Attributes:
        applied: Rows changed, by kind of change.
        is_new: It was carried for the first time, whole.
        gone: It is no longer in Stream.
        left_out: It is new and cannot be carried; its record is in quarantine, or it is withheld.
        problem: Why it could not be synced; its watermark stays where it was.
        seconds: Wall time.
        api_calls: Calls made to Stream for it alone.
    """

    applied: Counter[str] = field(default_factory=Counter)
    is_new: bool = False
    gone: bool = False
    left_out: bool = False
    problem: MigrationError | None = None
    seconds: float = 0.0
    api_calls: int = 0

    @property
    def changed(self) -> bool:
        """Say whether anything was written."""
        return self.is_new or any(self.applied.values())


@dataclass(slots=True)
class SyncReport:
    """What one sync did; times are Stream's.

    Attributes:
        started: The moment from which on nothing was promised.
        finished: When it ended.
        channels_looked_at: Channels that Stream lists.
        channels: Those that were read, by cid.
        applied: Rows changed, by kind of change, over all channels and people.
        conflicts: All that stand, also those of earlier syncs.
        quarantined: Rejected records that wait, also those of the load.
        api_calls: Calls made to Stream.
        lag_seconds: Between ``started`` and the oldest watermark.
        not_searched: Channels whose changed messages could not be searched for.
        feed: What the queue of Stream's events brought; None: there is none.
        looked_at_all: All channels were looked at, not only those that events named.
    """

    started: datetime
    finished: datetime
    channels_looked_at: int = 0
    channels: dict[str, ChannelSync] = field(default_factory=dict)
    applied: Counter[str] = field(default_factory=Counter)
    conflicts: list[Conflict] = field(default_factory=list)
    quarantined: int = 0
    api_calls: int = 0
    lag_seconds: float = 0.0
    not_searched: int = 0
    feed: dict[str, Any] | None = None
    looked_at_all: bool = True

    @property
    def channels_changed(self) -> int:
        """Channels in which something was written."""
        return sum(channel.changed for channel in self.channels.values())

    @property
    def new_channels(self) -> list[str]:
        """Channels carried for the first time."""
        return [cid for cid, channel in self.channels.items() if channel.is_new]

    def as_json(self) -> dict[str, Any]:
        """Give the numbers, for a run's record."""
        return {
            "started": self.started.isoformat(),
            "finished": self.finished.isoformat(),
            "channels_looked_at": self.channels_looked_at,
            "channels_changed": self.channels_changed,
            "new_channels": self.new_channels,
            "applied": dict(self.applied),
            "conflicts": len(self.conflicts),
            "quarantined": self.quarantined,
            "api_calls": self.api_calls,
            "lag_seconds": round(self.lag_seconds, 1),
            "not_searched": self.not_searched,
            "looked_at_all": self.looked_at_all,
            "feed": self.feed,
            "problems": {cid: str(problem) for cid, problem in self.problems.items()},
        }

    @property
    def problems(self) -> dict[str, MigrationError]:
        """Why channels could not be synced, by cid."""
        return {cid: channel.problem for cid, channel in self.channels.items() if channel.problem is not None}


@dataclass(frozen=True, slots=True)
class Lag:
    """How far the target is behind, by Stream's clock as of ``at``.

    Attributes:
        at: The moment of asking.
        app: Seconds since the moment up to which every channel has been followed; None: some never were.
        channels: The same by cid.
        waiting: Seconds between the newest change that Stream showed and the newest that was carried, by cid; 0:
            nothing that was seen waits.
    """

    at: datetime
    app: float | None
    channels: dict[str, float | None]
    waiting: dict[str, float] = field(default_factory=dict)

    @property
    def changes(self) -> float:
        """The largest of ``waiting``: how far the newest change carried is behind the newest one seen."""
        return max(self.waiting.values(), default=0.0)

    @property
    def channels_behind(self) -> list[str]:
        """Channels in which something was seen and not carried yet, the furthest behind first."""
        return sorted((cid for cid, seconds in self.waiting.items() if seconds > 0), key=lambda cid: -self.waiting[cid])


@dataclass(frozen=True, slots=True)
class Cost:
    """What a sync will need at least, before the changes themselves.

    Attributes:
        calls: Calls by Stream's endpoint names; the re-reading of recent history counts with its bound.
        limits: Calls a minute Stream allows, by endpoint; empty where it does not tell.
        share: Part of the limits a sync may use.
        interval_seconds: Time between two syncs.
    """

    calls: dict[str, int]
    limits: dict[str, int]
    share: float
    interval_seconds: float = 600.0

    @property
    def total(self) -> int:
        """All calls."""
        return sum(self.calls.values())

    @property
    def seconds(self) -> float:
        """The time these calls take at the share of the limits."""
        return max(
            (
                60 * calls / (self.limits[name] * self.share)
                for name, calls in self.calls.items()
                if name in self.limits
            ),
            default=0.0,
        )

    @property
    def used_share(self) -> float:
        """Part of the tightest limit that syncs at this interval use up."""
        minutes = self.interval_seconds / 60
        return max(
            (calls / (self.limits[name] * minutes) for name, calls in self.calls.items() if name in self.limits),
            default=0.0,
        )
