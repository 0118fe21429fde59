"""The part of ChatSDK's schema the loads rely on (server 2.0.8, schema V015).

Here: names, types, keys and the privileges needed, as data. Not here: the comparison (``preflight.py``).
"""

from __future__ import annotations

from typing import NamedTuple


class Table(NamedTuple):
    """One table relied on.

    Attributes:
        columns: Name to type as PostgreSQL's ``format_type`` writes it; a leading ``!`` means NOT NULL.
        key: Columns of the primary key.
        privileges: What the role must hold; UPDATE also covers the row locks of the foreign key checks.
        unique: Columns of a further unique constraint.
    """

    columns: dict[str, str]
    key: tuple[str, ...]
    privileges: tuple[str, ...] = ("SELECT", "INSERT", "UPDATE")
    unique: tuple[str, ...] = ()


_ADD_ONLY = ("SELECT", "INSERT")
_TIME = "timestamp with time zone"
_ID = "!character varying(255)"

TABLES: dict[str, Table] = {
    "app": Table({"id": "!uuid"}, ("id",), ("SELECT",)),
    "app_user": Table(
        {
            "id": _ID,
            "app_id": "!uuid",
            "name": "character varying(255)",
            "image_url": "text",
            "custom_data": "jsonb",
            "last_active_at": _TIME,
            "created_at": _TIME,
            "updated_at": _TIME,
        },
        ("app_id", "id"),
    ),
    "channel": Table(
        {
            "id": "!uuid",
            "app_id": "uuid",
            "cid": _ID,
            "type": "!character varying(50)",
            "name": "character varying(255)",
            "image_url": "text",
            "config": "jsonb",
            "member_count": "integer",
            "message_count": "integer",
            "last_message_at": _TIME,
            "created_by": "character varying(255)",
            "created_at": _TIME,
            "updated_at": _TIME,
        },
        ("id",),
        unique=("app_id", "cid"),
    ),
    "channel_seq": Table({"channel_id": "!uuid", "current_seq": "bigint", "app_id": "!uuid"}, ("channel_id",)),
    "channel_member": Table(
        {
            "channel_id": "!uuid",
            "app_id": "!uuid",
            "user_id": _ID,
            "role": "character varying(50)",
            "last_read_message_id": "uuid",
            "last_read_seq": "bigint",
            "unread_count": "integer",
            "muted": "boolean",
            "joined_at": _TIME,
        },
        ("channel_id", "app_id", "user_id"),
    ),
    "message": Table(
        {
            "id": "!uuid",
            "channel_id": "uuid",
            "app_id": "!uuid",
            "user_id": _ID,
            "seq": "!bigint",
            "text": "text",
            "attachments": "jsonb",
            "parent_id": "uuid",
            "reply_to_id": "uuid",
            "reply_count": "integer",
            "poll_id": "uuid",
            "created_at": _TIME,
            "edited_at": _TIME,
            "deleted_at": _TIME,
            "deleted_by": "character varying(255)",
        },
        ("id",),
    ),
    "user_message": Table(
        {"user_id": _ID, "app_id": "!uuid", "message_id": "!uuid", "flags": "integer"},
        ("app_id", "user_id", "message_id"),
        _ADD_ONLY,
    ),
    "reaction": Table(
        {
            "message_id": "!uuid",
            "app_id": "!uuid",
            "user_id": _ID,
            "emoji": "!character varying(50)",
            "created_at": _TIME,
        },
        ("message_id", "app_id", "user_id", "emoji"),
        _ADD_ONLY,
    ),
    "mention": Table(
        {
            "id": "!uuid",
            "message_id": "uuid",
            "app_id": "!uuid",
            "mentioned_user_id": _ID,
            "mentioner_user_id": _ID,
            "created_at": _TIME,
        },
        ("id",),
        _ADD_ONLY,
    ),
    "pinned_message": Table(
        {"channel_id": "!uuid", "message_id": "!uuid", "app_id": "!uuid", "pinned_by": _ID, "pinned_at": _TIME},
        ("channel_id", "message_id"),
        _ADD_ONLY,
    ),
    "poll": Table(
        {
            "id": "!uuid",
            "message_id": "uuid",
            "app_id": "!uuid",
            "question": "!text",
            "options": "!jsonb",
            "is_anonymous": "boolean",
            "is_multi_choice": "boolean",
            "total_votes": "integer",
            "ends_at": _TIME,
            "created_by": _ID,
            "created_at": _TIME,
        },
        ("id",),
    ),
    "poll_vote": Table(
        {
            "poll_id": "!uuid",
            "app_id": "!uuid",
            "user_id": _ID,
            "option_id": "!character varying(50)",
            "voted_at": _TIME,
        },
        ("poll_id", "app_id", "user_id", "option_id"),
        _ADD_ONLY,
    ),
}

MESSAGE_TRIGGER = "trg_update_channel_on_message"
"""Keeps the channel's counters; whoever switches it off for some inserts must do its work."""
SEQUENCE_FUNCTION = "next_channel_seq"
"""How the live server takes its numbers: by raising ``channel_seq.current_seq``."""
