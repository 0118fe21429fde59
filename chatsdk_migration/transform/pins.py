"""Pins: a pinned message that is pinned still becomes a ``pinned_message`` row."""

from __future__ import annotations

from chatsdk_migration.errors import RecordError
from chatsdk_migration.models import Batch, Entity, Json, MessageRow, PinRow
from chatsdk_migration.records import StreamMessage
from chatsdk_migration.transform import times, users
from chatsdk_migration.transform.context import ChannelContext


def map_pin(source: StreamMessage, raw: Json, message: MessageRow, context: ChannelContext, out: Batch) -> None:
    """Add the pin of a message, unless it has expired; who pinned is the author where Stream does not say."""
    try:
        expires = times.parse_optional(source.pin_expires)
        if expires is not None and expires.us <= times.microseconds(context.now):
            out.lose(Entity.PIN, "pin_expired", message.stream_id, expires.text)
            return
        pinned = times.parse_optional(source.pinned_at)
        pinner = users.map_person(source.pinned_by, None, context.rules, out, context.now) or message.user_id
    except RecordError as error:
        out.reject(Entity.PIN, message.stream_id, error.code, error.reason, raw, message.stream_id)
        return
    if expires is not None:
        out.lose(Entity.PIN, "pin_expiry", message.stream_id, expires.text)
    out.pins.append(PinRow(message.id, pinner, pinned.text if pinned else message.created_at))
