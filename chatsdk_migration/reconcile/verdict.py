"""What a comparison says: single differences, one channel's verdict, the app's verdict.

Here: types, words and sums. Not here: finding differences (``comparison.py``), printing them (``cli/verifying.py``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

Kind = Literal["missing", "extra", "different"]

LONGEST_VALUE = 80
"""Characters shown of a value; the part around the first difference."""
BEFORE_DIFFERENCE = 20
"""Characters shown before the first difference of a long value."""

CATEGORIES = (
    "users",
    "channel",
    "members",
    "messages",
    "threads",
    "quotes",
    "attachments",
    "reactions",
    "mentions",
    "pins",
    "polls",
    "votes",
    "read_positions",
    "unread_counts",
    "message_state",
    "sequence",
    "counters",
    "integrity",
    "privacy",
)
"""In the order in which a table shows them."""

EXPLANATIONS: Mapping[str, str] = {
    "quarantined": "rejected by the load; see the quarantine",
    "live": "done by people in ChatSDK since",
    "edited_live": "edited in ChatSDK since",
    "deleted_live": "deleted in ChatSDK since",
    "conflict": "changed in Stream and in ChatSDK, where they stay; listed as conflicts",
    "person_removed": "of people who were deleted in ChatSDK since",
    "thread_refused": "replies that Stream no longer lists, as the channel's type has them switched off",
    "expired": "pins whose time ran out since",
    "gone_from_source": "left Stream since; a sync noted it, or the whole channel is gone",
}
"""What explains a difference, by ``Difference.explained_by``."""


class Difference(NamedTuple):
    """One record that is not on both sides alike.

    Attributes:
        category: One of ``CATEGORIES``.
        kind: Missing in the target, extra in the target, or there with another value.
        cid: The channel, empty for the whole app.
        stream_id: The record in Stream: a message's id, for reactions, mentions, pins, polls and votes that of their
            message; a user id, a cid.
        target_id: The record in ChatSDK.
        field: Which value differs, empty for a whole record.
        expected: What Stream says, cut to a readable length.
        found: What the target holds, cut likewise.
        explained_by: A key of ``EXPLANATIONS``, or None: nothing explains it.
    """

    category: str
    kind: Kind
    cid: str
    stream_id: str
    target_id: str
    field: str = ""
    expected: str = ""
    found: str = ""
    explained_by: str | None = None


class Tally(NamedTuple):
    """A group of differences that are counted together."""

    category: str
    kind: Kind
    explained_by: str | None


def difference(cid: str, row: tuple[Any, ...]) -> Difference:
    """Make a difference of a row ``category, kind, stream_id, target_id, field, expected, found, explained_by``."""
    category, kind, stream_id, target_id, name, expected, found, explained_by = row
    shown = excerpts(expected or "", found or "")
    return Difference(category, kind, cid, stream_id or "", target_id or "", name or "", *shown, explained_by)


def excerpts(expected: str, found: str) -> tuple[str, str]:
    """Cut two values to the part where they first differ."""
    same = _same_at_start(expected, found) if expected and found else 0
    start = same - BEFORE_DIFFERENCE if same > LONGEST_VALUE - BEFORE_DIFFERENCE else 0
    return _cut(expected, start), _cut(found, start)


def _same_at_start(one: str, other: str) -> int:
    shorter = min(len(one), len(other))
    return next((place for place in range(shorter) if one[place] != other[place]), shorter)


def _cut(value: str, start: int) -> str:
    part = value[start : start + LONGEST_VALUE]
    return ("…" if start else "") + part + ("…" if start + LONGEST_VALUE < len(value) else "")


@dataclass(slots=True)
class Verdict:
    """What was compared and what differs, in one channel or in all.

    Attributes:
        differences: The first of them, unexplained ones first.
        tallies: All of them, counted.
        compared: Records of the source, by category.
        unaccounted: Stream's fields that are neither carried nor counted as lost, as ``entity.field``, with numbers.
        problems: Why a channel could not be compared, by cid.
        advice: What the operator must do before a repair can go further.
        repaired: Records put right, by category.
        channels: Channels compared.
        api_calls: Calls made to Stream.
        seconds: Wall time.
    """

    differences: list[Difference] = field(default_factory=list)
    tallies: Counter[Tally] = field(default_factory=Counter)
    compared: Counter[str] = field(default_factory=Counter)
    unaccounted: Counter[str] = field(default_factory=Counter)
    problems: dict[str, str] = field(default_factory=dict)
    advice: list[str] = field(default_factory=list)
    repaired: Counter[str] = field(default_factory=Counter)
    channels: int = 0
    api_calls: int = 0
    seconds: float = 0.0

    @property
    def unexplained(self) -> int:
        """Number of differences that nothing explains."""
        return sum(number for tally, number in self.tallies.items() if tally.explained_by is None)

    @property
    def explained(self) -> int:
        """Number of differences that a known rule explains."""
        return sum(self.tallies.values()) - self.unexplained

    @property
    def is_clean(self) -> bool:
        """Say whether everything could be compared and nothing unexplained was found."""
        return not self.problems and self.unexplained == 0

    def number(self, *categories: str, unexplained: bool = True) -> int:
        """Count the differences of some categories, only unexplained ones or all."""
        chosen = (item for item in self.tallies.items() if item[0].category in categories)
        return sum(number for tally, number in chosen if not unexplained or tally.explained_by is None)

    def add(self, differences: Iterable[Difference], most: int) -> None:
        """Count differences one by one, and keep the first."""
        for one in differences:
            self.tallies[Tally(one.category, one.kind, one.explained_by)] += 1
            self._keep(one, most)

    def merge(self, other: Verdict, most: int) -> None:
        """Add another verdict, keeping at most that many differences, unexplained ones before others."""
        self.tallies.update(other.tallies)
        self.compared.update(other.compared)
        self.unaccounted.update(other.unaccounted)
        self.repaired.update(other.repaired)
        self.problems.update(other.problems)
        self.advice = list(dict.fromkeys([*self.advice, *other.advice]))
        self.channels += other.channels
        self.api_calls += other.api_calls
        for one in other.differences:
            self._keep(one, most)

    def _keep(self, one: Difference, most: int) -> None:
        if len(self.differences) < most:
            self.differences.append(one)
        elif one.explained_by is None:
            for place in range(len(self.differences) - 1, -1, -1):
                if self.differences[place].explained_by is not None:
                    self.differences[place] = one
                    return

    def failing_channels(self) -> list[str]:
        """Give the channels with a problem or an unexplained difference among those kept."""
        wrong = {one.cid for one in self.differences if one.explained_by is None and one.cid}
        return sorted(wrong | self.problems.keys())

    def as_json(self) -> dict[str, Any]:
        """Give everything as plain JSON values."""
        return {
            "clean": self.is_clean,
            "unexplained": self.unexplained,
            "explained": self.explained,
            "channels": self.channels,
            "seconds": round(self.seconds, 3),
            "api_calls": self.api_calls,
            "compared": dict(self.compared),
            "tallies": [
                {**tally._asdict(), "number": number} for tally, number in sorted(self.tallies.items(), key=str)
            ],
            "differences": [one._asdict() for one in self.differences],
            "unaccounted": dict(self.unaccounted),
            "problems": dict(self.problems),
            "repaired": dict(self.repaired),
            "advice": list(self.advice),
        }
