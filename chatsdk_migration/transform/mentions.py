"""Mentions: who is mentioned in a message, each person once."""

from __future__ import annotations

from typing import Any

from chatsdk_migration import identity
from chatsdk_migration.errors import RecordError
from chatsdk_migration.models import Batch, Entity, MentionRow, MessageRow
from chatsdk_migration.records import BAD_SHAPE
from chatsdk_migration.transform import counted, users
from chatsdk_migration.transform.context import ChannelContext


def map_mentions(mentioned: list[Any], message: MessageRow, context: ChannelContext, out: Batch) -> None:
    """Add a row for each person mentioned; mentions of everybody or of a role are counted elsewhere."""
    seen: set[str] = set()
    for raw in mentioned:
        try:
            person = _person(raw, context, out)
        except RecordError as error:
            kept = counted.as_object(raw)
            out.reject(Entity.MENTION, message.stream_id, error.code, error.reason, kept, message.stream_id)
            continue
        if person not in seen:
            seen.add(person)
            mention_id = identity.mention_id(context.app_id, message.id, person)
            out.mentions.append(MentionRow(mention_id, message.id, person, message.user_id, message.created_at))


def _person(raw: object, context: ChannelContext, out: Batch) -> str:
    """Give the id of a mentioned person; Stream gives users, an import may have left bare ids."""
    if isinstance(raw, dict):
        return users.map_user(raw, context.rules, out, context.now)
    if isinstance(raw, str) and (person := users.map_person(None, raw, context.rules, out)):
        return person
    raise RecordError(BAD_SHAPE, "A mention is neither a user nor an id.")
