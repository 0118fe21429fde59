"""Workspaces of a given size, for benchmarks and load tests.

Here: plain, even (or deliberately skewed) data in quantity, built fast. Not here: believable or awkward data
(``workspaces.py``).

A world costs about 0.8 KB a message: Large 0.5 GB and 5 seconds, Enterprise 4 GB and about a minute.
"""

from __future__ import annotations

import gc
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from itertools import repeat
from typing import Final, NamedTuple

from chatsdk_migration.demo.clock import DAY, SECOND, ns, rfc3339
from chatsdk_migration.demo.world import World

MEMBERS: Final = 12
"""Members of a channel, as long as there are so many users."""
REPLIES: Final = 0.10
"""Share of messages that are replies in a thread."""
REACTED: Final = 0.20
"""Share of messages with one to three reactions."""
SKEW: Final = 0.40
"""Share of all messages in the biggest channel of a skewed workspace."""
TEXTS: Final = 4_096
"""Different texts; messages share them to save memory."""
TEXT_LENGTH: Final = 80
"""Characters, on average."""
FIRST_DAY: Final = ns(2024, 1, 1)
SPAN: Final = 365 * DAY
"""All messages of a channel lie within this time, evenly, nanoseconds."""
REACTION_TYPES: Final = ("like", "love", "haha", "wow", "sad")
WORDS: Final = (
    "coffee",
    "roast",
    "tomorrow",
    "meeting",
    "delivery",
    "grinder",
    "please",
    "thanks",
    "order",
    "window",
    "customer",
    "machine",
    "sample",
    "batch",
    "ready",
    "shipped",
    "invoice",
    "morning",
    "number",
    "team",
    "check",
    "again",
    "before",
    "after",
    "water",
    "pallet",
    "store",
    "open",
    "report",
    "twelve",
    "yes",
    "no",
    "maybe",
    "later",
    "today",
    "agreed",
    "done",
)


class Size(StrEnum):
    """The sizes by name."""

    SMALL = "small"
    MEDIUM = "medium"
    LARGE = "large"
    ENTERPRISE = "enterprise"


class Scale(NamedTuple):
    """How much of everything."""

    users: int
    channels: int
    messages: int


SCALES: Final[dict[Size, Scale]] = {
    Size.SMALL: Scale(100, 10, 5_000),
    Size.MEDIUM: Scale(1_000, 50, 50_000),
    Size.LARGE: Scale(10_000, 500, 500_000),
    Size.ENTERPRISE: Scale(100_000, 5_000, 5_000_000),
}


def build(size: Size | str, *, seed: int = 0, even: bool = True) -> World:
    """Build a workspace of a named size; not ``even``: one channel holds 40% of the messages.

    Raises:
        ValueError: There is no size of that name.
    """
    return build_scale(SCALES[Size(size)], seed=seed, even=even)


def skewed(size: Size | str, *, seed: int = 0) -> World:
    """Build a workspace whose first channel holds 40% of all messages."""
    return build(size, seed=seed, even=False)


def one_channel(messages: int = 200_000, *, seed: int = 0) -> World:
    """Build a workspace of one channel."""
    return build_scale(Scale(100, 1, messages), seed=seed)


def build_scale(scale: Scale, *, seed: int = 0, even: bool = True) -> World:
    """Build a workspace of any size."""
    with _without_garbage_collection():
        chance = random.Random(seed)  # noqa: S311 - load data, not secrets
        filler = _Filler(World(seed=seed), chance, scale.users, _texts(chance))
        filler.add_users()
        for number, messages in enumerate(shares(scale.channels, scale.messages, even=even)):
            filler.add_channel(number, messages)
    return filler.world


def shares(channels: int, messages: int, *, even: bool = True) -> list[int]:
    """Share messages out over channels; the sum is exact, equal shares differ by at most one."""
    if not even and channels > 1:
        biggest = round(messages * SKEW)
        return [biggest, *shares(channels - 1, messages - biggest)]
    each, over = divmod(messages, channels)
    return [each + (number < over) for number in range(channels)]


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Keep the collector off while millions of records are made, and let it ignore them afterwards."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()  # else each full collection walks all records, in the server's time
        if was_on:
            gc.enable()


def _texts(chance: random.Random) -> list[str]:
    lengths = (chance.randrange(TEXT_LENGTH // 2, TEXT_LENGTH * 3 // 2) for _ in repeat(None, TEXTS))
    return [" ".join(chance.choices(WORDS, k=length // 7 + 1))[:length] for length in lengths]


def _message_id(user_id: str, chance: random.Random) -> str:
    digits = f"{chance.getrandbits(128):032x}"
    return f"{user_id}-{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-8{digits[17:20]}-{digits[20:]}"


@dataclass(slots=True)
class _Filler:
    """Adds users and channels to a world."""

    world: World
    chance: random.Random
    users: int
    texts: list[str]

    def add_users(self) -> None:
        """Add all users, a second apart."""
        for number in range(self.users):
            name = f"User {number}"
            at = rfc3339(FIRST_DAY - DAY + number * SECOND // 1000)
            self.world.add_user(f"user-{number}", created_at=at, name=name, role="user")

    def add_channel(self, number: int, messages: int) -> None:
        """Add a channel with its members, messages, reactions and read states."""
        cid = f"messaging:channel-{number:05d}"
        opened = rfc3339(FIRST_DAY - DAY // 2 + number * SECOND)
        chosen = self.chance.sample(range(self.users), min(MEMBERS, self.users))
        members = [f"user-{user}" for user in chosen]
        about = {"created_by": members[0], "created_at": opened, "name": f"Channel {number}"}
        self.world.add_channel(cid, members=members, **about)
        _Talk(self.world, self.chance, cid, members, self.texts).write(messages)
        self._add_reads(cid, members)

    def _add_reads(self, cid: str, members: list[str]) -> None:
        written = self.world.messages_of(cid, include_replies=False)
        if not written:
            return
        for place, member in enumerate(members):
            unread = min(place * place, len(written) - 1)
            last = written[len(written) - 1 - unread]
            self.world.set_read(
                cid, member, last_read=last["created_at"], unread_messages=unread, last_read_message_id=last["id"]
            )


@dataclass(slots=True)
class _Talk:
    """Writes the messages of one channel, oldest first."""

    world: World
    chance: random.Random
    cid: str
    members: list[str]
    texts: list[str]

    def write(self, count: int) -> None:
        """Write ``count`` messages evenly over the time span."""
        step = SPAN // max(count, 1)
        parent: str | None = None
        random_ = self.chance.random
        for number in range(count):
            at = FIRST_DAY + (number * step + int(random_() * step)) // 1000 * 1000
            kind = random_()
            replies = parent is not None and kind < REPLIES
            message_id = self._say(at, parent if replies else None)
            if not replies and kind > 0.95:  # a thread has about two replies
                parent = message_id
            if random_() < REACTED:
                self._react(message_id, at, int(random_() * 3) + 1)

    def _say(self, at: int, parent: str | None) -> str:
        author = self.members[int(self.chance.random() * len(self.members))]
        text = self.texts[int(self.chance.random() * TEXTS)]
        message_id = _message_id(author, self.chance)
        self.world.add_message(self.cid, message_id, user_id=author, text=text, at=rfc3339(at), parent_id=parent)
        return message_id

    def _react(self, message_id: str, at: int, count: int) -> None:
        first = int(self.chance.random() * len(self.members))
        for number in range(min(count, len(self.members))):
            member = self.members[(first + number) % len(self.members)]
            kind = REACTION_TYPES[int(self.chance.random() * len(REACTION_TYPES))]
            self.world.add_reaction(message_id, member, kind, at=rfc3339(at + (number + 1) * 5 * SECOND))
