"""What the parts of a message need to know of the channel around them. Types only."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from chatsdk_migration.settings import MappingRules


@dataclass(frozen=True, slots=True)
class ChannelContext:
    """The channel whose messages are mapped.

    Attributes:
        app_id: The target app.
        cid: Stream's cid.
        channel_id: ChatSDK's channel id.
        rules: The mapping rules.
        now: The moment that decides which pins have expired; one for the whole run.
        withheld: Ids of the withheld messages met so far: replies in their threads are withheld too.
    """

    app_id: str
    cid: str
    channel_id: str
    rules: MappingRules
    now: datetime
    withheld: set[str] = field(default_factory=set)
