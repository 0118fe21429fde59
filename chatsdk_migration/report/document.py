"""The report as values: what ``gather`` finds and what Markdown, JSON and the pictures are made of.

Here: the shape of the JSON. Its keys are relied upon by others: add, never rename; ``SCHEMA`` counts such additions.
Not here: how the values are found or shown.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from chatsdk_migration.report.pace import AssetLine, Pace, RunLine

SCHEMA = 1
"""Version of the JSON's shape."""


@dataclass(frozen=True, slots=True)
class AppFacts:
    """The target: ``source_key_fingerprint`` is a digest of the Stream API key, empty when none was noted."""

    id: str
    name: str
    database: str
    source_key_fingerprint: str = ""


@dataclass(frozen=True, slots=True)
class LossLine:
    """One kind of loss of one entity.

    Attributes:
        severity: changed, degraded, withheld, no_home or missing.
        number: How many records.
        channels: In how many channels; 0 for what concerns people or the channels' list.
        example: Ids, and a short word where the kind has one.
        says: What happened.
        advice: What to do; empty when nothing needs doing.
    """

    kind: str
    severity: str
    entity: str
    number: int
    channels: int
    example: str
    says: str
    advice: str


@dataclass(frozen=True, slots=True)
class RejectLine:
    """Records in quarantine, of one entity and reason code; those that were replayed are no longer counted.

    Attributes:
        number: How many, those discarded on purpose included.
        discarded: How many of them somebody decided to do without.
    """

    code: str
    entity: str
    number: int
    discarded: int
    channels: int
    example: str
    says: str
    advice: str


@dataclass(frozen=True, slots=True)
class Numbers:
    """What was read and what is there now, of one channel or of many.

    Attributes:
        read: Messages and replies that the last load read from Stream; None when no load noted it.
        carried: Messages and replies from Stream that are in ChatSDK now.
        own: Messages written in ChatSDK itself.
        withheld: Messages read and left out on purpose.
        rejected: Messages in quarantine, those discarded included.
    """

    channels: int = 1
    members: int = 0
    read: int | None = None
    carried: int = 0
    own: int = 0
    withheld: int = 0
    rejected: int = 0
    reactions: int = 0


@dataclass(frozen=True, slots=True)
class TypeLine:
    """All channels of one type in Stream that have one type in ChatSDK."""

    stream_type: str
    chatsdk_type: str
    numbers: Numbers


@dataclass(frozen=True, slots=True)
class ChannelLine:
    """One of the busiest channels."""

    cid: str
    chatsdk_type: str
    numbers: Numbers


@dataclass(frozen=True, slots=True)
class MonthLine:
    """Messages of one month (``YYYY-MM``, UTC): those read from Stream, and those from Stream in ChatSDK now."""

    month: str
    stream: int
    chatsdk: int


@dataclass(frozen=True, slots=True)
class Report:
    """The whole document.

    Attributes:
        made_at: RFC 3339, UTC.
        imported: Rows of the app by what they are.
        undated: Messages read whose time could not be read.
        unfinished: Channels that are failed or missing, with the reason.
    """

    made_at: str
    app: AppFacts
    versions: dict[str, str]
    imported: dict[str, int]
    total: Numbers
    losses: list[LossLine] = field(default_factory=list)
    rejected: list[RejectLine] = field(default_factory=list)
    channel_types: list[TypeLine] = field(default_factory=list)
    busiest: list[ChannelLine] = field(default_factory=list)
    months: list[MonthLine] = field(default_factory=list)
    undated: int = 0
    known_channels: int = 0
    unfinished: dict[str, str] = field(default_factory=dict)
    assets: list[AssetLine] = field(default_factory=list)
    runs: list[RunLine] = field(default_factory=list)
    pace: Pace = field(default_factory=lambda: Pace(0.0))
    schema: int = SCHEMA

    def as_json(self) -> dict[str, Any]:
        """Give the report as plain JSON values."""
        return asdict(self)

    def of_severity(self, severity: str) -> list[LossLine]:
        """Give the losses of one severity, the most frequent first."""
        return [line for line in self.losses if line.severity == severity]
