"""What a cutover is told, asks and says. Types only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, NamedTuple

from chatsdk_migration.sync import Conflict

QuestionKind = Literal["not_ready", "freeze", "still_written", "repair"]
STEPS = ("readiness", "freeze", "final_sync", "look", "verify", "repair", "last_look", "proof")
"""In this order. What was written meanwhile sends the cutover back to ``freeze``."""


class Question(NamedTuple):
    """Something only a person can say.

    ``not_ready``: go on all the same? ``freeze``: is nothing written in Stream any more? ``still_written``: is it
    stopped now, so that the cutover may look again? ``repair``: put right what nothing explains?
    """

    kind: QuestionKind
    text: str


Answers = Callable[[Question], bool]
Say = Callable[[str], None]


class Written(NamedTuple):
    """Something written in Stream after the freeze; ``at`` is Stream's time, as served."""

    cid: str
    what: str
    at: str


class Unread(NamedTuple):
    """Unread counts of those whose read state Stream lists, added up on both sides.

    Attributes:
        memberships: Pairs of person and channel that were compared.
        stream: Unread messages by Stream's count.
        chatsdk: The same in ChatSDK.
        different: Memberships in which the two differ.
    """

    memberships: int = 0
    stream: int = 0
    chatsdk: int = 0
    different: int = 0


@dataclass(frozen=True, slots=True)
class Options:
    """How a cutover is done.

    Attributes:
        skip_readiness: Go on, whatever is not ready.
        skip_freeze_check: Do not look whether something is still written in Stream.
        fresh: Forget a cutover that was begun, and begin anew.
        sample_percent: Share of the channels a dry run compares.
        at_step: Called with the name of each step right before it begins.
    """

    skip_readiness: bool = False
    skip_freeze_check: bool = False
    fresh: bool = False
    sample_percent: float = 5.0
    at_step: Callable[[str], None] = field(default=lambda step: None)


@dataclass(frozen=True, slots=True)
class Step:
    """One step as it went; ``skipped``: an earlier run had done it, and it still holds."""

    name: str
    began: datetime
    ended: datetime
    ok: bool
    skipped: bool = False
    result: dict[str, Any] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """How long it took."""
        return (self.ended - self.began).total_seconds()


@dataclass(slots=True)
class Readiness:
    """Whether the switch can be made, and the numbers behind it.

    Attributes:
        at: The moment of asking.
        reasons: Why not, each with its next step; empty when ready.
        lag_seconds: How far the app is behind Stream; None: some channels were never followed.
        worst: The channels furthest behind, with their seconds.
        never_synced: Channels that were never followed to any point.
        differences: Left open by the last whole verification and those after it; None: there was none.
        failing: Number of open differences by cid.
        verified_at: End of the last whole verification, by our clock.
        verified_seconds_ago: How long ago that was.
        quarantined: Rejected records neither replayed nor discarded.
        conflicts: Changes in Stream that were not made because somebody in ChatSDK changed the same.
        unfinished: Channels that no load has completed.
        sync_problems: Why the last sync could not follow a channel, by cid.
        channels: Channels of the app that Stream still had at the last sync.
    """

    at: datetime
    reasons: list[str] = field(default_factory=list)
    lag_seconds: float | None = None
    worst: list[tuple[str, float]] = field(default_factory=list)
    never_synced: list[str] = field(default_factory=list)
    differences: int | None = None
    failing: dict[str, int] = field(default_factory=dict)
    verified_at: datetime | None = None
    verified_seconds_ago: float | None = None
    quarantined: int = 0
    conflicts: int = 0
    unfinished: list[str] = field(default_factory=list)
    sync_problems: dict[str, str] = field(default_factory=dict)
    channels: int = 0

    @property
    def ready(self) -> bool:
        """Say whether nothing stands in the way."""
        return not self.reasons


@dataclass(slots=True)
class CutoverReport:
    """What became of a cutover.

    Attributes:
        equal: Both sides are equal: nothing unexplained, nothing uncompared, nothing written since the freeze.
        finished: All steps are done; else ``stopped`` says why, and running again goes on there.
        stopped: Why it ended before the last step.
        steps: The steps as they went.
        conflicts: Changes in Stream that were not made, all that stand.
        verdict: ``Verdict.as_json()`` of the whole verification, after what was put right.
        faults: What the checks of the target by itself found, by name; empty: nothing.
        written: What was written in Stream after the freeze.
        unread: Unread counts of both sides.
        readiness: As it was at the beginning.
        frozen_at: When, by Stream's clock, somebody said that nothing is written there any more.
    """

    readiness: Readiness
    equal: bool = False
    finished: bool = False
    stopped: str = ""
    steps: list[Step] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)
    verdict: dict[str, Any] | None = None
    faults: dict[str, str] = field(default_factory=dict)
    written: list[Written] = field(default_factory=list)
    unread: Unread | None = None
    frozen_at: datetime | None = None
