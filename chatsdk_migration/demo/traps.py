"""What a data trap is, and the hand that lays traps into a world.

Here: the description of a trap with what must become of its records, and short ways to fill a channel.
Not here: the traps themselves (``hard_paging.py``, ``hard_messages.py``, ``hard_people.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, NamedTuple

from chatsdk_migration.demo.clock import SECOND, ns, rfc3339
from chatsdk_migration.demo.world import World
from chatsdk_migration.models import Json

START: Final = ns(2024, 3, 1, 9)
"""When the first trap is laid, nanoseconds since 1970."""
OWNER: Final = "owner"
"""Creates every channel and writes where nobody else is named."""
FRIENDS: Final = ("owner", "friend-1", "friend-2")
"""The usual members; three, so that the channel is no direct message."""


class Outcome(StrEnum):
    """What a correct migration with default settings does with a record."""

    CHANGED = "changed"
    """Arrives repaired (a NUL removed, a name cut) and counted."""
    DEGRADED = "degraded"
    """Arrives with less than it had (a score, a dead quote) and counted."""
    WITHHELD = "withheld"
    """Does not arrive, because arriving would show it to the wrong people; counted."""
    NO_HOME = "no_home"
    """Does not arrive, because ChatSDK has no place for it; counted."""
    REJECTED = "rejected"
    """Goes to quarantine."""
    ABSENT = "absent"
    """Stream does not show it any more; nothing arrives and nothing is counted."""
    TOMBSTONE = "tombstone"
    """Arrives as a deleted message: no text, no attachments."""
    WHOLE_OR_LOUD = "whole or loud"
    """Arrives complete, or its channel fails with a reason; silence is the only wrong answer."""


class Expected(NamedTuple):
    """What becomes of some records of a trap; ``entity`` is one of the values of ``models.Entity``.

    ``ids`` are Stream's ids (cids for channels, the message's for a pin, the person's for members); where it
    has none: ``"message id/user id/type"`` for a reaction, ``"message id/user id"`` for a mention.
    """

    outcome: Outcome
    entity: str
    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Trap:
    """One trap.

    Attributes:
        subject: The cid or the user id (or its prefix, ending in ``*``) it is laid in.
        what: What is there.
        why: Why it bites a naive reader.
        lay: Puts it into the world.
        expectation: Records that do not simply arrive whole; all others do.
        large: Costs noticeable time; left out of the small variant.
    """

    subject: str
    what: str
    why: str
    lay: Callable[[Hand, str], None] = field(repr=False, compare=False)
    expectation: tuple[Expected, ...] = ()
    large: bool = False


class Hand:
    """Fills channels with a clock of its own; every unnamed moment is a second after the one before."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._now = START

    def moment(self, step: int = SECOND) -> int:
        """Give the next moment, nanoseconds since 1970."""
        self._now += step
        return self._now

    def time(self, step: int = SECOND) -> str:
        """Give the next moment as RFC 3339."""
        return rfc3339(self.moment(step))

    def user(self, user_id: str, **fields: Any) -> Json:
        """Add a person; without ``name`` they are called like their id."""
        return self.world.add_user(user_id, **{"created_at": self.time(), "name": user_id} | fields)

    def channel(self, cid: str, members: Iterable[str] = FRIENDS, **fields: Any) -> Json:
        """Open a channel with members who join one after the other."""
        about = {"created_by": OWNER, "created_at": self.time(), "name": cid.partition(":")[2]} | fields
        channel = self.world.add_channel(cid, **about)
        for member in members:
            self.world.add_member(cid, member, created_at=self.time())
        return channel

    def say(self, cid: str, message_id: str, text: str = "hello", **fields: Any) -> Json:
        """Write one message; ``user_id`` and ``at`` (RFC 3339) may be given."""
        about = {"user_id": OWNER, "at": self.time(), "text": text} | fields
        return self.world.add_message(cid, message_id, **about)

    def say_many(self, cid: str, count: int, **fields: Any) -> None:
        """Write ``count`` messages with ids after the channel."""
        name = cid.partition(":")[2]
        start = len(self.world.messages_of(cid, include_replies=True))
        for number in range(start, start + count):
            self.say(cid, f"{name}-{number:05d}", f"message {number}", **fields)

    def react(self, message_id: str, people: Iterable[str], kind: str = "like") -> None:
        """Let everybody named react."""
        for person in people:
            self.world.add_reaction(message_id, person, kind, at=self.time())


def crowd(count: int, start: int = 0) -> list[str]:
    """Give the ids of some of the many plain people."""
    return [f"crowd-{number:05d}" for number in range(start, start + count)]
