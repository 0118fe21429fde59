"""Whether every field and every kind of record that Stream sent is accounted for.

Here: which fields are carried, counted as a loss, or say nothing of their own; everything else is reported.
Not here: the carrying and the counting (``transform/``).

A name that Stream is not known to use is the customer's. Where the mapping carries the customer's fields (people,
channels, attachments) or counts them (messages, memberships, reactions, polls), they are accounted for; on read
states, votes and beside a channel's own object nothing would take them, so they are named.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from chatsdk_migration import records
from chatsdk_migration.models import FetchedMessage, Json
from chatsdk_migration.transform import messages, users

_EMPTY: tuple[Any, ...] = (None, "", [], {}, False, 0)


def _known(kind: type[records.Record], also: str = "") -> frozenset[str]:
    return frozenset(kind.__struct_fields__) | frozenset(also.split())


CHANNEL_STATE = frozenset(
    [
        "channel",
        "members",
        "read",
        "messages",
        "pinned_messages",
        "watcher_count",
        "watchers",
        "membership",
        "threads",
        "hidden",
        "hide_messages_before",
        "draft",
        "pending_messages",
        "push_preferences",
        "active_live_locations",
        "duration",
    ]
)
"""What a channel state holds: read elsewhere in full, or about the one who asks."""
READ = _known(records.StreamRead, "last_read_message_id")
"""The time says how far somebody has read; the id of the message repeats it."""
VOTE = _known(records.StreamVote, "id poll_id updated_at")

COUNTED: dict[str, frozenset[str]] = {
    "user": frozenset(users.WITHOUT_HOME),
    "channel": frozenset(["config_overrides"]),
    "member": frozenset(["ban_from_future_channels", "hide_messages_before"]),
    "message": frozenset(messages.WITHOUT_HOME),
    "reaction": frozenset(),
    "poll": frozenset(),
}
"""Fields outside the structs that the mapping counts as a loss when they say something."""

DERIVED = {
    "user": frozenset(
        [
            "online",
            "invisible",
            "unread_count",
            "total_unread_count",
            "total_unread_count_by_team",
            "unread_channels",
            "unread_threads",
            "last_engaged_at",
            "avg_response_time",
            "revoke_tokens_issued_before",
            "bypass_moderation",
            "staff_user",
            "dashboard_user",
            "teams_role",
        ]
    ),
    "channel": frozenset(
        [
            "created_by_id",
            "last_message_at",
            "truncated_by",
            "truncated_by_id",
            "message_count",
            "config",
            "members",
            "own_capabilities",
            "muted",
            "hidden",
            "blocked",
            "mute_expires_at",
            "hide_messages_before",
        ]
    ),
    "member": frozenset(["channel_cid", "updated_at", "ban_expires", "deleted_messages", "future_channel_ban_expires"]),
    "message": frozenset(
        [
            "cid",
            "html",
            "channel",
            "member",
            "latest_reactions",
            "own_reactions",
            "reaction_counts",
            "reaction_scores",
            "reaction_groups",
            "reply_count",
            "deleted_reply_count",
            "thread_participants",
            "args",
            "command_info",
            "before_message_send_failed",
            "deleted_by_id",
        ]
    ),
    "reaction": frozenset(["message_id", "updated_at"]),
    "poll": frozenset(
        ["vote_counts_by_option", "answers_count", "latest_answers", "own_votes", "duration", "votes", "max_votes"]
    ),
}
"""Fields that repeat what other records say, or tell of the moment or of the one who asks."""

_STRUCTS: dict[str, tuple[type[records.Record], frozenset[str]]] = {
    "user": (records.StreamUser, records.USER_FIELDS),
    "channel": (records.StreamChannel, records.CHANNEL_FIELDS),
    "member": (records.StreamMember, records.MEMBER_FIELDS),
    "message": (records.StreamMessage, records.MESSAGE_FIELDS),
    "reaction": (records.StreamReaction, records.REACTION_FIELDS),
    "poll": (records.StreamPoll, records.POLL_FIELDS),
}


def unaccounted_names(entity: str) -> frozenset[str]:
    """Give the names Stream is known to use that are neither carried, counted, nor derived."""
    struct, names = _STRUCTS[entity]
    return names - frozenset(struct.__struct_fields__) - COUNTED[entity] - DERIVED[entity]


class Accounting:
    """Counts the fields that nothing accounts for.

    Attributes:
        unaccounted: Number of records by ``entity.field``.
    """

    def __init__(self) -> None:
        self.unaccounted: Counter[str] = Counter()
        self._watched = {entity: unaccounted_names(entity) for entity in _STRUCTS}

    def user(self, raw: Json) -> None:
        """Look at a listed user."""
        self._named("user", raw)

    def channel(self, state: Json) -> None:
        """Look at a channel state and the channel in it."""
        self._unknown("channel state", state, CHANNEL_STATE)
        self._named("channel", state.get("channel") or {})

    def members(self, members: Iterable[Json], reads: Iterable[Json]) -> None:
        """Look at memberships and read states."""
        for raw in members:
            self._named("member", raw)
        for raw in reads:
            self._unknown("read", raw, READ)

    def messages(self, page: Iterable[FetchedMessage]) -> None:
        """Look at messages with all that hangs on them."""
        for fetched in page:
            self._named("message", fetched.raw)
            for reaction in fetched.reactions:
                self._named("reaction", reaction)
            if isinstance(poll := fetched.raw.get("poll"), dict):
                self._named("poll", poll)
            for vote in fetched.votes or []:
                self._unknown("vote", vote, VOTE)

    def _named(self, entity: str, raw: object) -> None:
        watched = self._watched[entity]
        if watched and isinstance(raw, dict):
            self._count(entity, raw, raw.keys() & watched)

    def _unknown(self, entity: str, raw: object, known: frozenset[str]) -> None:
        if isinstance(raw, dict):
            self._count(entity, raw, raw.keys() - known)

    def _count(self, entity: str, raw: Json, names: Iterable[str]) -> None:
        for name in names:
            if raw[name] not in _EMPTY:
                self.unaccounted[f"{entity}.{name}"] += 1
