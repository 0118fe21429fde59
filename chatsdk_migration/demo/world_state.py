"""What a world is made of: its tables, channels, the order of messages, and the encoded forms kept beside them.

Here: storage only. Not here: the acts that change it (``world.py``, ``world_people.py``).
"""

from __future__ import annotations

import threading
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from time import monotonic

from chatsdk_migration.demo.times import parse_ns, stamp
from chatsdk_migration.models import Json

Moment = str | datetime
Key = tuple[int, str]
"""(nanoseconds of created_at, message id): the order of messages."""

RECENTLY_CHANGED = 10_000
"""How many changes are remembered, for the lag of the search index."""


@dataclass(slots=True)
class Channel:
    """One channel.

    Attributes:
        data: The channel record: ``cid``, ``type``, ``id``, ``created_by`` (a user dict), ``created_at``, custom keys.
        members: Member records by user id, in the order they were added.
        reads: Read state records by user id.
        listed: Keys of the messages in the channel's list: replies only if shown in the channel.
        everything: Keys of all messages, replies too.
        pins: Ids of pinned messages.
        truncated: Messages removed from the list by a truncation.
    """

    data: Json
    members: dict[str, Json] = field(default_factory=dict)
    reads: dict[str, Json] = field(default_factory=dict)
    listed: list[Key] = field(default_factory=list)
    everything: list[Key] = field(default_factory=list)
    pins: set[str] = field(default_factory=set)
    truncated: list[Json] = field(default_factory=list)
    last_ns: int | None = None
    members_version: int = 0
    rendered: dict[object, bytes] = field(default_factory=dict)
    """Encoded parts, dropped on every change."""

    @property
    def cid(self) -> str:
        """``type:id``."""
        return str(self.data["cid"])


def insert_key(keys: list[Key], key: Key) -> None:
    """Insert in order; history is mostly added oldest first, so try the end first."""
    if not keys or key > keys[-1]:
        keys.append(key)
    else:
        insort(keys, key)


def remove_key(keys: list[Key], key: Key) -> None:
    """Remove a key if it is there."""
    at = bisect_left(keys, key)
    if at < len(keys) and keys[at] == key:
        del keys[at]


def key_of(message: Json) -> Key:
    """Return the place of a message in time order."""
    return parse_ns(message["created_at"]), message["id"]


class WorldState:
    """The tables of a world; see ``World`` for what each holds."""

    def __init__(self, seed: int = 0, clock: Callable[[], datetime] | None = None) -> None:
        self.lock = threading.RLock()
        self.users: dict[str, Json] = {}
        self.unlisted: set[str] = set()
        self.channels: dict[str, Channel] = {}
        self.deleted_channels: dict[str, Channel] = {}
        self.messages: dict[str, Json] = {}
        self.buried: dict[str, Json] = {}
        self.replies: dict[str, list[Key]] = {}
        self.quoted_by: dict[str, list[str]] = {}
        self.reactions: dict[str, dict[tuple[str, str], Json]] = {}
        self.polls: dict[str, Json] = {}
        self.votes: dict[str, dict[str, Json]] = {}
        self.poll_messages: dict[str, str] = {}
        self.bans: list[Json] = []
        self.hidden_replies_move_channel = False
        self.rendered: dict[str, bytes] = {}
        self.rendered_users: dict[str, bytes] = {}
        self.users_version = 0
        self.channels_version = 0
        self.recent: deque[tuple[float, str]] = deque(maxlen=RECENTLY_CHANGED)
        self.random = Random(seed)  # noqa: S311 -- reproducible ids, nothing secret
        self.clock = clock or (lambda: datetime.now(UTC))

    def user(self, user_id: str | None) -> Json | None:
        """Return a user; someone never added becomes an unlisted one with hardly a field, as Stream embeds."""
        if user_id is None:
            return None
        known = self.users.get(user_id)
        if known is None:
            known = self.users[user_id] = {"id": user_id, "role": "user"}
            self.unlisted.add(user_id)
        return known

    # ---- encoded forms kept by the server

    def forget_rendered(self) -> None:
        """Drop every encoded form: someone embedded everywhere has changed."""
        self.rendered.clear()
        self.rendered_users.clear()
        for channel in self.channels.values():
            channel.rendered.clear()

    def note_change(self, message_id: str) -> None:
        """Drop the encoded form of a message and of those that quote it."""
        self.recent.append((monotonic(), message_id))
        if not self.rendered:
            return
        self.rendered.pop(message_id, None)
        for quoting in self.quoted_by.get(message_id, ()):
            self.rendered.pop(quoting, None)


def with_stamps(fields: Json) -> Json:
    """Write datetimes among the given fields as text."""
    return {name: stamp(value) if isinstance(value, datetime) else value for name, value in fields.items()}


def touch_members(channel: Channel) -> None:
    """Drop what was encoded or ordered of a channel's members."""
    channel.members_version += 1
    channel.rendered.clear()


def move_updated_at(message: Json, when: str, ns: int) -> None:
    """Move a message's ``updated_at`` forward, never back."""
    if parse_ns(message["updated_at"]) < ns:
        message["updated_at"] = when
