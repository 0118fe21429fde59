"""What Stream sends, as types: only the fields this tool reads, each with the type it relies on.

Here: one struct for each kind of record of Stream's v1 REST API, the names Stream itself gives to fields, and the
decoding of one raw object. Not here: what a record becomes (``transform/``), how it was fetched (``stream/``).

In v1 a customer's own fields stand at the top level of the object, beside Stream's. So every name Stream is known to
use is listed, also those this tool does not read, and whatever is not listed is the customer's.

Timestamps stay text (``transform/times.py`` reads them). Values a customer may set to anything, such as ``name``,
are ``Any``. Absent and ``null`` mean the same, as Stream's server writes either.
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from chatsdk_migration.errors import RecordError
from chatsdk_migration.models import Json

BAD_SHAPE = "bad_shape"
"""Reject code of a record whose fields do not have the types Stream documents."""


class Record(msgspec.Struct, kw_only=True):
    """Base of the source records."""


class StreamUser(Record):
    """A user, as listed or as embedded in another record (embedded ones may hold little more than the id)."""

    id: str = ""
    name: Any = None
    image: Any = None
    role: str | None = None
    language: str | None = None
    teams: list[str] | None = None
    created_at: str | None = None
    updated_at: str | None = None
    last_active: str | None = None
    deleted_at: str | None = None
    deactivated_at: str | None = None
    banned: bool | None = None
    ban_expires: str | None = None
    shadow_banned: bool | None = None


class StreamChannel(Record):
    """A channel's own data, the ``channel`` object of a channel state."""

    id: str | None = None
    type: str | None = None
    cid: str | None = None
    name: Any = None
    image: Any = None
    created_by: Json | None = None
    created_at: str | None = None
    updated_at: str | None = None
    deleted_at: str | None = None
    truncated_at: str | None = None
    member_count: int | None = None
    frozen: bool | None = None
    disabled: bool | None = None
    team: str | None = None
    cooldown: int | None = None
    auto_translation_enabled: bool | None = None
    auto_translation_language: str | None = None
    filter_tags: list[str] | None = None


class StreamMember(Record):
    """One row of a channel's member list; people with an open or declined invitation are rows too."""

    user_id: str | None = None
    user: Json | None = None
    role: str | None = None
    channel_role: str | None = None
    is_moderator: bool | None = None
    invited: bool | None = None
    invite_accepted_at: str | None = None
    invite_rejected_at: str | None = None
    status: str | None = None
    banned: bool | None = None
    shadow_banned: bool | None = None
    notifications_muted: bool | None = None
    pinned_at: str | None = None
    archived_at: str | None = None
    deleted_at: str | None = None
    created_at: str | None = None


class StreamRead(Record):
    """How far one person has read a channel."""

    user: Json | None = None
    user_id: str | None = None
    last_read: str | None = None
    unread_messages: int | None = None


class StreamMessage(Record):
    """A message of a channel or of a thread."""

    id: str = ""
    type: str | None = None
    text: str | None = None
    user: Json | None = None
    user_id: str | None = None
    attachments: list[Any] | None = None
    parent_id: str | None = None
    show_in_channel: bool | None = None
    quoted_message_id: str | None = None
    quoted_message: Json | None = None
    mentioned_users: list[Any] | None = None
    poll_id: str | None = None
    poll: Json | None = None
    pinned: bool | None = None
    pinned_at: str | None = None
    pinned_by: Json | None = None
    pin_expires: str | None = None
    silent: bool | None = None
    shadowed: bool | None = None
    restricted_visibility: list[str] | None = None
    created_at: str | None = None
    updated_at: str | None = None
    deleted_at: str | None = None
    message_text_updated_at: str | None = None


class StreamReaction(Record):
    """One person's reaction of one type; Stream gives it no id."""

    user_id: str | None = None
    user: Json | None = None
    type: str = ""
    score: int | None = None
    created_at: str | None = None


class StreamAttachment(Record):
    """An attachment; nothing in it is validated by Stream, so every field may hold anything."""

    type: Any = None
    title: Any = None
    fallback: Any = None
    name: Any = None
    image_url: Any = None
    asset_url: Any = None
    thumb_url: Any = None
    url: Any = None
    og_scrape_url: Any = None
    title_link: Any = None
    file_size: Any = None
    mime_type: Any = None
    original_width: Any = None
    original_height: Any = None
    duration: Any = None
    waveform_data: Any = None
    giphy: Any = None


class StreamPoll(Record):
    """A poll with its options."""

    id: str = ""
    name: str | None = None
    description: str | None = None
    options: list[Json] | None = None
    voting_visibility: str | None = None
    enforce_unique_vote: bool | None = None
    max_votes_allowed: int | None = None
    allow_answers: bool | None = None
    allow_user_suggested_options: bool | None = None
    is_closed: bool | None = None
    vote_count: int | None = None
    created_by: Json | None = None
    created_by_id: str | None = None
    created_at: str | None = None
    updated_at: str | None = None
    latest_votes_by_option: dict[str, list[Any] | None] | None = None


class StreamVote(Record):
    """One vote for an option, or one free-text answer; an anonymous vote names nobody."""

    option_id: str | None = None
    is_answer: bool | None = None
    answer_text: str | None = None
    user: Json | None = None
    user_id: str | None = None
    created_at: str | None = None


def _names(kind: type[Record], also: str = "") -> frozenset[str]:
    """Give the field names of a struct and the further names Stream uses on such a record."""
    return frozenset(kind.__struct_fields__) | frozenset(also.split())


USER_FIELDS = _names(
    StreamUser,
    """teams_role last_engaged_at revoke_tokens_issued_before online invisible bypass_moderation blocked_user_ids
    avg_response_time devices privacy_settings push_notifications push_preferences mutes channel_mutes unread_count
    total_unread_count total_unread_count_by_team unread_channels unread_threads latest_hidden_channels staff_user
    dashboard_user""",
)
CHANNEL_FIELDS = _names(
    StreamChannel,
    """created_by_id last_message_at truncated_by truncated_by_id hide_messages_before mute_expires_at message_count
    config config_overrides members muted hidden blocked own_capabilities""",
)
MEMBER_FIELDS = _names(
    StreamMember,
    """channel_cid updated_at ban_expires deleted_messages ban_from_future_channels future_channel_ban_expires
    hide_messages_before""",
)
MESSAGE_FIELDS = _names(
    StreamMessage,
    """cid html mml channel member latest_reactions own_reactions reaction_counts reaction_scores reaction_groups
    reply_count deleted_reply_count thread_participants mentioned_channel mentioned_here mentioned_roles
    mentioned_group_ids mentioned_groups i18n command args command_info moderation moderation_details image_labels
    reminder draft shared_location deleted_for_me before_message_send_failed deleted_by_id""",
)
REACTION_FIELDS = _names(StreamReaction, "message_id updated_at")
POLL_FIELDS = _names(
    StreamPoll, "vote_counts_by_option answers_count latest_answers own_votes duration votes max_votes"
)

_Kind = TypeVar("_Kind", bound=Record)


def parse(raw: object, kind: type[_Kind]) -> _Kind:
    """Decode one raw object.

    Raises:
        RecordError: ``bad_shape``, naming the field and the type found; never the value.
    """
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        raise RecordError(BAD_SHAPE, str(error)) from None
    except UnicodeEncodeError:  # a customer's field name holds half a surrogate pair, which msgspec cannot look up
        return parse(_known_part(raw, kind), kind)


def _known_part(raw: object, kind: type[Record]) -> Json:
    """Give the fields of a raw object that the struct reads, without the customer's."""
    return {name: raw[name] for name in kind.__struct_fields__ if name in raw} if isinstance(raw, dict) else {}


def custom_fields(raw: Json, known: frozenset[str]) -> Json:
    """Give what the customer added: every field that Stream itself does not name."""
    return {name: value for name, value in raw.items() if name not in known}


def custom_names(raw: Json, known: frozenset[str]) -> list[str]:
    """Give the sorted names of the customer's fields that hold something."""
    if raw.keys() <= known:  # as nearly always
        return []
    return sorted(name for name in raw.keys() - known if raw[name] not in (None, {}, []))
