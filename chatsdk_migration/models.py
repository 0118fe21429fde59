"""The words the floors share: what is fetched from Stream, and target rows as ChatSDK stores them.

Here: types only. Target rows are named tuples in the order of the stage's columns, so that a row is a COPY line.
Not here: the typed source records (``records.py``), any rule that turns one into the other (``transform/``), any I/O.

Timestamps on target rows are RFC 3339 text cut to whole microseconds (PostgreSQL would round, Python would cut;
cutting here makes both sides compare equal). JSON columns are JSON text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

import msgspec

from chatsdk_migration.originals import kept
from chatsdk_migration.storable import repair, repair_record

Json = dict[str, Any]
"""One decoded JSON object, as Stream sent it."""


class Entity(StrEnum):
    """What a record is, in the words of the ``quarantine`` and ``loss`` tables."""

    USER = "user"
    CHANNEL = "channel"
    MEMBER = "member"
    MESSAGE = "message"
    REACTION = "reaction"
    POLL = "poll"
    VOTE = "vote"
    PIN = "pin"
    MENTION = "mention"


class UserRow(NamedTuple):
    """One row of ``app_user``."""

    id: str
    name: str
    image_url: str | None
    custom_data: str
    last_active_at: str | None
    created_at: str
    updated_at: str


class ChannelRow(NamedTuple):
    """One row of ``channel``; ``type`` is ChatSDK's, ``cid`` is what ChatSDK stores, ``stream_cid`` Stream's."""

    id: str
    cid: str
    stream_cid: str
    type: str
    name: str | None
    image_url: str | None
    config: str
    created_by: str | None
    created_at: str
    updated_at: str


class MemberRow(NamedTuple):
    """One row of ``channel_member`` before its read position is known as a sequence number.

    ``last_read`` is the read time (None: never read, see ``MappingRules.members_without_read_state``);
    ``reads_all`` marks a member imported as having read everything; an ``unread_count`` of None asks for a count of all
    messages of others.
    """

    user_id: str
    role: str
    muted: bool
    joined_at: str
    unread_count: int | None
    last_read: str | None
    reads_all: bool


class MessageRow(NamedTuple):
    """One row of ``message`` before it has a sequence number and its references are resolved.

    ``created_ns`` is the part of ``created_at`` below a microsecond (0 to 999), used only to order.
    """

    stream_id: str
    id: str
    user_id: str
    text: str | None
    attachments: str
    parent_stream_id: str | None
    quoted_stream_id: str | None
    poll_id: str | None
    created_at: str
    created_ns: int
    edited_at: str | None
    deleted_at: str | None


class MentionRow(NamedTuple):
    """One row of ``mention``."""

    id: str
    message_id: str
    mentioned_user_id: str
    mentioner_user_id: str
    created_at: str


class PinRow(NamedTuple):
    """One row of ``pinned_message``."""

    message_id: str
    pinned_by: str
    pinned_at: str


class PollRow(NamedTuple):
    """One row of ``poll``; ``options`` is a JSON array of ``{id, text}``."""

    id: str
    message_id: str
    question: str
    options: str
    is_anonymous: bool
    is_multi_choice: bool
    total_votes: int
    ends_at: str | None
    created_by: str
    created_at: str


class VoteRow(NamedTuple):
    """One row of ``poll_vote``."""

    poll_id: str
    user_id: str
    option_id: str
    voted_at: str


class ReactionRow(NamedTuple):
    """One row of ``reaction``."""

    message_id: str
    user_id: str
    emoji: str
    created_at: str


class Loss(NamedTuple):
    """Something changed, degraded, withheld or without a home; ``kind`` names an entry of ``losses.CATALOG``.

    ``entity`` is an ``Entity`` value; ``stream_id`` the record it happened to; ``detail`` one short example.
    """

    entity: str
    kind: str
    stream_id: str
    detail: str


class Rejected(NamedTuple):
    """A record that cannot be carried: its original, a stable reason code and a sentence.

    ``message_stream_id`` is the message it belongs to, for what hangs on one; ``mapped`` says that the record is the
    row it was mapped to, because the original was no longer at hand.
    """

    entity: str
    stream_id: str
    code: str
    reason: str
    record: Json
    message_stream_id: str = ""
    mapped: bool = False


@dataclass(slots=True)
class Batch:
    """Everything one page of source records turns into; filled by ``transform``, stored by ``postgres``.

    ``users`` holds every person met on the way, by id: whoever Stream lists or merely embeds. ``sources`` may hold what
    the rows were mapped from (a ``FetchedMessage`` each, or raw records), for the originals of rows that are refused.
    ``embedded_losses`` are those of people met inside other records: they count where such a person is inserted, as
    whoever Stream lists has been counted there.
    """

    users: dict[str, UserRow] = field(default_factory=dict)
    channels: list[ChannelRow] = field(default_factory=list)
    members: list[MemberRow] = field(default_factory=list)
    messages: list[MessageRow] = field(default_factory=list)
    mentions: list[MentionRow] = field(default_factory=list)
    pins: list[PinRow] = field(default_factory=list)
    polls: list[PollRow] = field(default_factory=list)
    votes: list[VoteRow] = field(default_factory=list)
    reactions: list[ReactionRow] = field(default_factory=list)
    losses: list[Loss] = field(default_factory=list)
    embedded_losses: list[Loss] = field(default_factory=list)
    rejects: list[Rejected] = field(default_factory=list)
    sources: Sequence[Any] = ()

    def lose(self, entity: Entity, kind: str, stream_id: str, detail: str = "") -> None:
        """Note one loss; ids and examples come from outside and are made storable."""
        self.losses.append(Loss(entity.value, kind, repair(stream_id), repair(detail)))

    def reject(  # noqa: PLR0913, PLR0917 - the columns of the quarantine
        self, entity: Entity, stream_id: str, code: str, reason: str, record: Json, message_stream_id: str = ""
    ) -> None:
        """Note one record that cannot be carried, with what of its original may be kept, made fit for ``jsonb``."""
        self.rejects.append(
            Rejected(
                entity.value,
                repair(stream_id),
                code,
                repair(reason),
                repair_record(kept(entity.value, record)),
                repair(message_stream_id),
            )
        )


class FetchedMessage(msgspec.Struct, frozen=True):
    """One message with all that had to be fetched beside it.

    Attributes:
        raw: The message as Stream sent it.
        reactions: All reactions known: those embedded, or the complete list when it had to be fetched.
        reactions_missing: How many reactions Stream counts but no route returned.
        reactions_problem: Why they are missing, or None.
        votes: All votes of its poll, or None when it has no poll.
        votes_missing: How many votes Stream counts but no route returned.
    """

    raw: Json
    reactions: list[Json]
    reactions_missing: int = 0
    reactions_problem: str | None = None
    votes: list[Json] | None = None
    votes_missing: int = 0


@dataclass(frozen=True, slots=True)
class LoadCounts:
    """What one load did: rows written now, rows that were already there."""

    written: int = 0
    already_there: int = 0

    def __add__(self, other: LoadCounts) -> LoadCounts:
        return LoadCounts(self.written + other.written, self.already_there + other.already_there)
