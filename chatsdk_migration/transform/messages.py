"""Messages: Stream messages become ``message`` rows, with the rows of everything that hangs on them.

Here: which messages are carried, tombstones, authors, edits, links to other messages. Not here: attachments, reactions,
polls, mentions and pins (a module each), sequence numbers and the resolution of links (``postgres/``).

ChatSDK stores ``shadowed`` but does not filter by it, and has no restricted visibility: such messages would be shown to
the whole channel, so they are withheld unless a rule says otherwise, with everything that hangs on them.
"""

from __future__ import annotations

from functools import lru_cache

from chatsdk_migration import identity, records
from chatsdk_migration.errors import RecordError
from chatsdk_migration.models import Batch, Entity, FetchedMessage, Json, MessageRow
from chatsdk_migration.records import StreamMessage
from chatsdk_migration.transform import attachments, counted, mentions, pins, polls, reactions, text, times, users
from chatsdk_migration.transform.context import ChannelContext
from chatsdk_migration.transform.times import Instant

SYSTEM_NAME = "System"
DELETED_NAME = "Deleted user"

_NOT_STORED_TYPES = ("ephemeral", "error")
"""Stream shows these to one client and does not store them."""
_PLAIN_TYPES = frozenset({"", "regular", "reply", "deleted"})

WITHOUT_HOME = {
    "i18n": "translations",
    "mml": "message_markup",
    "command": "message_command",
    "moderation": "message_moderation",
    "moderation_details": "message_moderation",
    "image_labels": "message_moderation",
    "shared_location": "shared_location",
    "reminder": "message_reminder",
    "draft": "message_draft",
    "deleted_for_me": "deleted_for_one",
    "mentioned_channel": "mention_of_everybody",
    "mentioned_here": "mention_of_everybody",
    "mentioned_roles": "mention_of_group",
    "mentioned_group_ids": "mention_of_group",
    "mentioned_groups": "mention_of_group",
    "silent": "message_silent",
}
"""Stream's fields that say something ChatSDK has no place for, and the loss each one is counted as."""
_CARRIED_FIELDS = records.MESSAGE_FIELDS - WITHOUT_HOME.keys()


def map_message(fetched: FetchedMessage, context: ChannelContext, out: Batch) -> None:
    """Add one message with its reactions, mentions, pin, poll and people; raises nothing for bad data.

    Args:
        fetched: The message with all that was fetched beside it.
        context: Its channel.
        out: Gets rows, losses (a withheld message is one) and rejects.
    """
    raw = fetched.raw
    withheld = _why_withheld(raw, context)
    if withheld is not None:
        _withhold(fetched, withheld, context, out)
        return
    try:
        source = records.parse(raw, StreamMessage)
        text.check_id(source.id, "message", longest=None)
        row = _row(source, raw, context, out)
    except RecordError as error:
        out.reject(Entity.MESSAGE, counted.shown_id(raw), error.code, error.reason, counted.as_object(raw))
        return
    if row.deleted_at is None:
        row = _with_living_parts(row, source, fetched, context, out)
    out.messages.append(row)
    if fetched.reactions or fetched.reactions_missing:
        reactions.map_reactions(fetched, row, context, out)


def _why_withheld(raw: object, context: ChannelContext) -> str | None:
    """Give the loss kind of a message that is not carried.

    Asked before anything else is read of it: one that is also malformed must not lie in quarantine with its text, nor
    leave its thread behind. A reply whose parent is withheld would stand in the open channel, where it never was.
    """
    if not isinstance(raw, dict):
        return None
    rules, parent = context.rules, raw.get("parent_id")
    if raw.get("type") in _NOT_STORED_TYPES:
        return "message_not_stored"
    if raw.get("shadowed") and not rules.carry_shadowed_messages:
        return "message_shadowed"
    if raw.get("restricted_visibility") and not rules.carry_restricted_messages:
        return "message_restricted"
    if isinstance(parent, str) and parent in context.withheld and not raw.get("show_in_channel"):
        return "message_in_withheld_thread"
    return None


def _withhold(fetched: FetchedMessage, kind: str, context: ChannelContext, out: Batch) -> None:
    """Count a message that is not carried, and remember it for the replies of its thread."""
    stream_id = fetched.raw.get("id")
    if isinstance(stream_id, str):
        context.withheld.add(stream_id)
    out.lose(Entity.MESSAGE, kind, counted.shown_id(fetched.raw), _attached(fetched))


def _attached(fetched: FetchedMessage) -> str:
    """Say what is withheld with a message."""
    return f"with {len(fetched.reactions)} reactions" if fetched.reactions else ""


def _row(source: StreamMessage, raw: Json, context: ChannelContext, out: Batch) -> MessageRow:
    """Give the row of a message, without its poll."""
    created = times.parse(source.created_at)
    deleted = _deleted_at(source, created)
    edited = _edited_at(source, created)
    author = _author(source, context, out)
    shown_text, attached = None, attachments.NONE
    if deleted is None:
        custom = _custom(raw, source.id, context, out)
        attached = attachments.map_attachments(source.attachments or [], custom, source.id, out)
        shown_text = counted.storable(source.text or "", Entity.MESSAGE, source.id, "text", out)
    return MessageRow(
        source.id,
        identity.message_id(context.app_id, source.id, created.us),
        author,
        shown_text,
        attached,
        _link(source.parent_id, source.id),
        _link(source.quoted_message_id or _id_of(source.quoted_message), source.id),
        None,
        created.text,
        created.ns,
        edited,
        deleted,
    )


def _deleted_at(source: StreamMessage, created: Instant) -> str | None:
    """Give when the message was deleted: its type says so, or its time does; None for a living one."""
    deleted = times.parse_optional(source.deleted_at)
    if deleted is None and source.type == "deleted":
        deleted = times.parse_optional(source.updated_at) or created
    return deleted.text if deleted else None


def _edited_at(source: StreamMessage, created: Instant) -> str | None:
    """Give when the text was edited; ``updated_at`` moves with every reaction and says nothing."""
    edited = times.parse_optional(source.message_text_updated_at)
    return edited.text if edited and edited[1:] > created[1:] else None


def _author(source: StreamMessage, context: ChannelContext, out: Batch) -> str:
    """Give the author's id: Stream's, or a synthetic one for a message without."""
    rules = context.rules
    person = users.map_person(source.user, source.user_id, rules, out, context.now)
    if person is not None:
        return person
    if source.type == "system":
        return users.add_synthetic(rules.system_user_id, SYSTEM_NAME, out)
    out.lose(Entity.MESSAGE, "author_unknown", source.id)
    return users.add_synthetic(rules.deleted_user_id, DELETED_NAME, out)


def _link(other: str | None, own: str) -> str | None:
    """Give the id of another message; one that names itself would be its own thread."""
    return other if other and other != own else None


def _id_of(quoted: Json | None) -> str | None:
    found = (quoted or {}).get("id")
    return found if isinstance(found, str) else None


def _custom(raw: Json, stream_id: str, context: ChannelContext, out: Batch) -> Json:
    """Count what has no home, and give the custom fields that a rule keeps in the attachments."""
    without_home, added = _unusual(tuple(raw))
    for name in without_home:
        if _says_something(name, raw[name]):
            out.lose(Entity.MESSAGE, WITHOUT_HOME[name], stream_id, name)
    custom = {name: raw[name] for name in added}
    if not custom or context.rules.message_custom == "attachment":
        return custom
    told = records.custom_names(custom, frozenset())
    if told:
        out.lose(Entity.MESSAGE, "message_custom", stream_id, ", ".join(told))
    return {}


@lru_cache(maxsize=1024)
def _unusual(names: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """Part off the fields that have no home and those the customer added; most messages have the same fields."""
    rest = set(names) - _CARRIED_FIELDS
    return sorted(rest & WITHOUT_HOME.keys()), sorted(rest - WITHOUT_HOME.keys())


def _says_something(name: str, value: object) -> bool:
    """Say whether a field carries information; ``i18n`` with a language alone is Stream's guess."""
    if name == "i18n" and isinstance(value, dict):
        return bool(value.keys() - {"language"})
    return bool(value)


def _with_living_parts(
    row: MessageRow, source: StreamMessage, fetched: FetchedMessage, context: ChannelContext, out: Batch
) -> MessageRow:
    """Add what only a message that is not deleted has; give the row with its poll."""
    _count_changes(source, out)
    if source.mentioned_users:
        mentions.map_mentions(source.mentioned_users, row, context, out)
    if source.pinned:
        pins.map_pin(source, fetched.raw, row, context, out)
    if source.poll:
        return row._replace(poll_id=polls.map_poll(source.poll, fetched.votes, row, context, out))
    if source.poll_id:
        out.lose(Entity.POLL, "poll_missing", source.id, source.poll_id)
    return row


def _count_changes(source: StreamMessage, out: Batch) -> None:
    """Count where a message will look different from what it was in Stream."""
    if source.type == "system":
        out.lose(Entity.MESSAGE, "system_message", source.id)
    elif (source.type or "") not in _PLAIN_TYPES:
        out.lose(Entity.MESSAGE, "message_type_unknown", source.id, source.type or "")
    if source.show_in_channel and source.parent_id:
        out.lose(Entity.MESSAGE, "reply_shown_in_channel", source.id)
    if source.shadowed:
        out.lose(Entity.MESSAGE, "shadowed_shown", source.id)
    if source.restricted_visibility:
        out.lose(Entity.MESSAGE, "restricted_shown", source.id)
