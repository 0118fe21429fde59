"""What a migration left in the target database, keyed by Stream's ids through the maps it keeps.

Here: plain reads of ChatSDK's tables and of ``chatsdk_migration``'s maps. Not here: any judgement.
"""

from __future__ import annotations

from typing import Any, LiteralString

import psycopg
from psycopg.rows import dict_row

from chatsdk_migration_tests.end_to_end.facts import Found, Rows

_QUERIES: dict[str, tuple[int, LiteralString]] = {
    "users": (
        1,
        """SELECT id AS key0, name, image_url AS image, custom_data AS custom,
                  (extract(epoch FROM last_active_at) * 1000000)::bigint AS last_active,
                  (extract(epoch FROM created_at) * 1000000)::bigint AS created_at
           FROM app_user WHERE app_id = %(app_id)s""",
    ),
    "channels": (
        1,
        """SELECT m.cid AS key0, c.id::text AS id, c.cid, c.type, c.name, c.image_url AS image, c.created_by, c.config,
                  (extract(epoch FROM c.created_at) * 1000000)::bigint AS created_at, c.workspace_id
           FROM channel c JOIN chatsdk_migration.channel_map m ON m.app_id = c.app_id AND m.channel_id = c.id
           WHERE c.app_id = %(app_id)s""",
    ),
    "counters": (
        1,
        """SELECT m.cid AS key0, c.message_count, c.member_count, coalesce(s.current_seq, 0) AS current_seq,
                  (extract(epoch FROM c.last_message_at) * 1000000)::bigint AS last_message_at
           FROM channel c JOIN chatsdk_migration.channel_map m ON m.app_id = c.app_id AND m.channel_id = c.id
           LEFT JOIN channel_seq s ON s.channel_id = c.id
           WHERE c.app_id = %(app_id)s""",
    ),
    "members": (
        2,
        """SELECT m.cid AS key0, e.user_id AS key1, e.role, e.muted, e.starred,
                  (extract(epoch FROM e.joined_at) * 1000000)::bigint AS joined_at
           FROM channel_member e JOIN chatsdk_migration.channel_map m ON m.app_id = e.app_id
                AND m.channel_id = e.channel_id
           WHERE e.app_id = %(app_id)s""",
    ),
    "reads": (
        2,
        """SELECT m.cid AS key0, e.user_id AS key1, e.last_read_seq, e.unread_count, r.stream_id AS last_read_message
           FROM channel_member e JOIN chatsdk_migration.channel_map m ON m.app_id = e.app_id
                AND m.channel_id = e.channel_id
           LEFT JOIN chatsdk_migration.message_map r ON r.app_id = e.app_id AND r.message_id = e.last_read_message_id
           WHERE e.app_id = %(app_id)s""",
    ),
    "messages": (
        1,
        """SELECT x.stream_id AS key0, c.cid, m.id::text AS id, m.user_id AS author, m.text, m.attachments, m.status,
                  (extract(epoch FROM m.created_at) * 1000000)::bigint AS created_at,
                  (extract(epoch FROM m.edited_at) * 1000000)::bigint AS edited_at,
                  (extract(epoch FROM m.deleted_at) * 1000000)::bigint AS deleted_at,
                  x.channel_id = m.channel_id AS map_agrees
           FROM message m JOIN chatsdk_migration.message_map x ON x.app_id = m.app_id AND x.message_id = m.id
           JOIN chatsdk_migration.channel_map c ON c.app_id = m.app_id AND c.channel_id = m.channel_id
           WHERE m.app_id = %(app_id)s""",
    ),
    "seq": (
        1,
        """SELECT x.stream_id AS key0, m.seq
           FROM message m JOIN chatsdk_migration.message_map x ON x.app_id = m.app_id AND x.message_id = m.id
           WHERE m.app_id = %(app_id)s""",
    ),
    "threads": (
        1,
        """SELECT x.stream_id AS key0, p.stream_id AS parent, m.parent_id IS NOT NULL AS is_reply, m.reply_count
           FROM message m JOIN chatsdk_migration.message_map x ON x.app_id = m.app_id AND x.message_id = m.id
           LEFT JOIN chatsdk_migration.message_map p ON p.app_id = m.app_id AND p.message_id = m.parent_id
           WHERE m.app_id = %(app_id)s""",
    ),
    "quotes": (
        1,
        """SELECT x.stream_id AS key0, p.stream_id AS quoted
           FROM message m JOIN chatsdk_migration.message_map x ON x.app_id = m.app_id AND x.message_id = m.id
           LEFT JOIN chatsdk_migration.message_map p ON p.app_id = m.app_id AND p.message_id = m.reply_to_id
           WHERE m.app_id = %(app_id)s AND m.reply_to_id IS NOT NULL""",
    ),
    "reactions": (
        3,
        """SELECT x.stream_id AS key0, r.user_id AS key1, r.emoji AS key2,
                  (extract(epoch FROM r.created_at) * 1000000)::bigint AS created_at
           FROM reaction r JOIN chatsdk_migration.message_map x ON x.app_id = r.app_id AND x.message_id = r.message_id
           WHERE r.app_id = %(app_id)s""",
    ),
    "mentions": (
        2,
        """SELECT x.stream_id AS key0, n.mentioned_user_id AS key1, min(n.mentioner_user_id) AS mentioner,
                  count(*)::int AS times
           FROM mention n JOIN chatsdk_migration.message_map x ON x.app_id = n.app_id AND x.message_id = n.message_id
           WHERE n.app_id = %(app_id)s GROUP BY 1, 2""",
    ),
    "pins": (
        1,
        """SELECT x.stream_id AS key0, c.cid, p.pinned_by,
                  (extract(epoch FROM p.pinned_at) * 1000000)::bigint AS pinned_at
           FROM pinned_message p
           JOIN chatsdk_migration.message_map x ON x.app_id = p.app_id AND x.message_id = p.message_id
           JOIN chatsdk_migration.channel_map c ON c.app_id = p.app_id AND c.channel_id = p.channel_id
           WHERE p.app_id = %(app_id)s""",
    ),
    "polls": (
        1,
        """SELECT x.stream_id AS key0, p.question, p.options, p.is_anonymous, p.is_multi_choice, p.total_votes,
                  p.created_by, m.poll_id = p.id AS message_knows,
                  (extract(epoch FROM p.created_at) * 1000000)::bigint AS created_at
           FROM poll p JOIN chatsdk_migration.message_map x ON x.app_id = p.app_id AND x.message_id = p.message_id
           JOIN message m ON m.id = p.message_id
           WHERE p.app_id = %(app_id)s""",
    ),
    "votes": (
        3,
        """SELECT x.stream_id AS key0, v.user_id AS key1,
                  coalesce((SELECT (o.place - 1)::text
                            FROM jsonb_array_elements(p.options) WITH ORDINALITY o(option, place)
                            WHERE o.option ->> 'id' = v.option_id LIMIT 1), 'unknown ' || v.option_id) AS key2,
                  (extract(epoch FROM v.voted_at) * 1000000)::bigint AS voted_at
           FROM poll_vote v JOIN poll p ON p.id = v.poll_id
           JOIN chatsdk_migration.message_map x ON x.app_id = p.app_id AND x.message_id = p.message_id
           WHERE v.app_id = %(app_id)s""",
    ),
    "user_message": (
        2,
        """SELECT u.user_id AS key0, x.stream_id AS key1, u.flags
           FROM user_message u JOIN chatsdk_migration.message_map x ON x.app_id = u.app_id
                AND x.message_id = u.message_id
           WHERE u.app_id = %(app_id)s""",
    ),
    "withheld": (
        1,
        """SELECT stream_id AS key0 FROM chatsdk_migration.loss
           WHERE app_id = %(app_id)s AND entity = 'message' AND kind IN
                 ('shadowed', 'restricted', 'shadowed_message', 'restricted_message',
                  'message_shadowed', 'message_restricted', 'message_in_withheld_thread')""",
    ),
    "refused_admins": (
        1,
        """SELECT stream_id AS key0 FROM chatsdk_migration.loss
           WHERE app_id = %(app_id)s AND entity = 'user' AND kind LIKE '%%admin%%'""",
    ),
    "quarantine": (
        2,
        """SELECT DISTINCT entity AS key0, stream_id AS key1
           FROM chatsdk_migration.quarantine WHERE app_id = %(app_id)s""",
    ),
    "admins": (1, "SELECT id AS key0 FROM app_user WHERE custom_data ? 'is_admin'"),
    "event_outbox": (1, "SELECT id::text AS key0, event_type FROM event_outbox"),
    "unmapped_messages": (
        1,
        """SELECT m.id::text AS key0, m.text FROM message m
           LEFT JOIN chatsdk_migration.message_map x ON x.app_id = m.app_id AND x.message_id = m.id
           WHERE x.stream_id IS NULL""",
    ),
    "unmapped_channels": (
        1,
        """SELECT c.id::text AS key0, c.cid FROM channel c
           LEFT JOIN chatsdk_migration.channel_map x ON x.app_id = c.app_id AND x.channel_id = c.id
           WHERE x.cid IS NULL""",
    ),
    "dangling_maps": (
        1,
        """SELECT x.stream_id AS key0 FROM chatsdk_migration.message_map x
           LEFT JOIN message m ON m.id = x.message_id WHERE m.id IS NULL""",
    ),
}
"""Category: how many of the leading ``key`` columns name a row, and the query."""

CATEGORIES = frozenset(_QUERIES)


def found(conn: psycopg.Connection[Any], app_id: str, categories: frozenset[str] = CATEGORIES) -> Found:
    """Read everything, or some categories, back; the connection must see all tenants (superuser)."""
    wanted = {name: query for name, query in _QUERIES.items() if name in categories}
    with conn.transaction():
        # Tables just filled have no statistics yet: guessing few rows, PostgreSQL would loop over all pairs of them.
        conn.execute("SET LOCAL enable_nestloop = off")
        return Found({name: _read(conn, keys, query, app_id) for name, (keys, query) in wanted.items()})


def _read(conn: psycopg.Connection[Any], keys: int, query: LiteralString, app_id: str) -> Rows:
    names = [f"key{number}" for number in range(keys)]
    with conn.cursor(row_factory=dict_row) as cursor:
        cursor.execute(query, {"app_id": app_id})
        rows: Rows = {}
        for row in cursor:
            key = tuple(row.pop(name) for name in names)
            assert key not in rows, f"{key} twice"
            rows[key] = row
        return rows
