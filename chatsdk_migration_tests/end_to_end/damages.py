"""Ways to damage a migrated target, each with the differences that name it.

Here: what is done to the database, behind the back of everybody. Not here: the comparison that must notice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import psycopg
from psycopg.rows import dict_row

Connection = psycopg.Connection[Any]
Named = tuple[str, str, str, str]
"""Category, kind, field and Stream id of one difference."""

MESSAGES = """
SELECT m.id::text AS id, k.stream_id, m.channel_id::text AS channel_id, c.cid, m.seq, m.user_id, m.app_id::text
AS app_id
FROM message m
JOIN chatsdk_migration.message_map k ON k.app_id = m.app_id AND k.message_id = m.id
JOIN chatsdk_migration.channel_map c ON c.app_id = m.app_id AND c.channel_id = m.channel_id
"""
PLAIN = """
m.deleted_at IS NULL AND m.parent_id IS NULL AND length(m.text) > 10 AND m.poll_id IS NULL AND m.seq > 3
AND m.seq < (SELECT max(o.seq) FROM message o WHERE o.channel_id = m.channel_id) - 3
AND NOT EXISTS (SELECT FROM message o WHERE o.parent_id = m.id OR o.reply_to_id = m.id)
AND NOT EXISTS (SELECT FROM reaction o WHERE o.message_id = m.id)
AND NOT EXISTS (SELECT FROM mention o WHERE o.message_id = m.id)
AND NOT EXISTS (SELECT FROM pinned_message o WHERE o.message_id = m.id)
AND NOT EXISTS (SELECT FROM channel_member o WHERE o.last_read_message_id = m.id)
"""


class Harm(NamedTuple):
    """One damage done: where, and what must be named there."""

    cid: str
    named: set[Named]


@dataclass(frozen=True)
class Damage:
    """One way to damage the target; ``heals`` says whether a repair may put it right."""

    name: str
    do: Callable[[Connection], Harm]
    heals: bool = True


DAMAGES: list[Damage] = []


def damage(name: str, *, heals: bool = True) -> Callable[[Callable[[Connection], Harm]], Callable[[Connection], Harm]]:
    def add(do: Callable[[Connection], Harm]) -> Callable[[Connection], Harm]:
        DAMAGES.append(Damage(name, do, heals))
        return do

    return add


def one(conn: Connection, query: str, *values: Any) -> dict[str, Any]:
    with conn.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(query, values).fetchone()  # type: ignore[call-overload]
    assert row is not None, f"the workspace has nothing for: {query}"
    return dict(row)


def message(conn: Connection, where: str = PLAIN, nth: int = 0) -> dict[str, Any]:
    """The nth message of the app that meets a condition."""
    return one(conn, f"{MESSAGES} WHERE {where} ORDER BY c.cid, m.seq LIMIT 1 OFFSET {nth}")


def change(conn: Connection, query: str, *values: Any) -> None:
    """Do one thing to exactly one row."""
    assert conn.execute(query, values).rowcount == 1, query  # type: ignore[call-overload]


def set_message(conn: Connection, found: dict[str, Any], assignment: str, *values: Any) -> None:
    change(conn, f"UPDATE message SET {assignment} WHERE id = %s", *values, found["id"])


def different(category: str, field: str, found: dict[str, Any]) -> Harm:
    return Harm(found["cid"], {(category, "different", field, found["stream_id"])})


@damage("message removed")
def _(conn: Connection) -> Harm:
    found = message(conn)
    change(conn, "DELETE FROM message WHERE id = %s", found["id"])
    return Harm(found["cid"], {("messages", "missing", "", found["stream_id"])})


@damage("message removed with everything that hangs on it")
def _(conn: Connection) -> Harm:
    found = message(
        conn,
        """m.deleted_at IS NULL AND EXISTS (SELECT FROM reaction o WHERE o.message_id = m.id) AND m.poll_id IS NULL
           AND EXISTS (SELECT FROM mention o WHERE o.message_id = m.id)
           AND NOT EXISTS (SELECT FROM message o WHERE o.parent_id = m.id OR o.reply_to_id = m.id)""",
    )
    change(conn, "DELETE FROM message WHERE id = %s", found["id"])
    return Harm(found["cid"], {("messages", "missing", "", found["stream_id"])})


@damage("text changed by one character")
def _(conn: Connection) -> Harm:
    found = message(conn, nth=1)
    set_message(conn, found, "text = overlay(text placing '#' from 5 for 1)")
    return different("messages", "text", found)


@damage("one microsecond off")
def _(conn: Connection) -> Harm:
    found = message(conn, nth=2)
    set_message(conn, found, "created_at = created_at + interval '1 microsecond'")
    return different("messages", "created_at", found)


@damage("another author")
def _(conn: Connection) -> Harm:
    found = message(conn, nth=3)
    set_message(
        conn, found, "user_id = (SELECT min(id) FROM app_user WHERE app_id = message.app_id AND id <> message.user_id)"
    )
    return different("messages", "author", found)


@damage("tombstone with text")
def _(conn: Connection) -> Harm:
    found = message(conn, "m.deleted_at IS NOT NULL")
    set_message(conn, found, "text = 'what was said'")
    return different("messages", "text", found)


@damage("tombstone raised")
def _(conn: Connection) -> Harm:
    found = message(conn, "m.deleted_at IS NOT NULL", nth=1)
    set_message(conn, found, "deleted_at = NULL")
    return different("messages", "deleted_at", found)


@damage("shown as edited")
def _(conn: Connection) -> Harm:
    found = message(conn, PLAIN + " AND m.edited_at IS NULL", nth=4)
    set_message(conn, found, "edited_at = created_at + interval '1 minute'")
    return different("messages", "edited_at", found)


@damage("sequence gap")
def _(conn: Connection) -> Harm:
    found = message(conn, nth=5)
    set_message(conn, found, "seq = seq + 100000")
    return different("sequence", "seq", found)


@damage("sequence number given twice")
def _(conn: Connection) -> Harm:
    found = message(conn, nth=6)
    set_message(conn, found, "seq = seq + 1")
    return different("sequence", "seq", found)


@damage("two sequence numbers swapped")
def _(conn: Connection) -> Harm:
    found = message(conn, nth=7)
    other = one(conn, f"{MESSAGES} WHERE m.channel_id = %s AND m.seq = %s", found["channel_id"], found["seq"] + 1)
    set_message(conn, found, "seq = seq + 1")
    set_message(conn, other, "seq = seq - 1")
    return Harm(found["cid"], different("sequence", "seq", found).named | different("sequence", "seq", other).named)


@damage("duplicate of a message")
def _(conn: Connection) -> Harm:
    found = message(conn, nth=8)
    change(
        conn,
        """INSERT INTO message (id, channel_id, app_id, user_id, seq, text, created_at)
           SELECT gen_random_uuid(), channel_id, app_id, user_id, seq, text, created_at FROM message WHERE id = %s""",
        found["id"],
    )
    conn.execute(  # the trigger moved these two; whoever copies rows by hand would not
        """UPDATE channel c SET updated_at = o.updated_at, last_message_at = o.last
           FROM (SELECT max(created_at) AS last, %s::timestamptz AS updated_at FROM message WHERE channel_id = %s) o
           WHERE c.id = %s""",
        [_updated_at(found["cid"], conn), found["channel_id"], found["channel_id"]],
    )
    return Harm(found["cid"], {("messages", "extra", "", "")})


def _updated_at(cid: str, conn: Connection) -> Any:
    return ORIGINAL_UPDATES[cid]


ORIGINAL_UPDATES: dict[str, Any] = {}
"""``channel.updated_at`` by cid before anything was damaged."""


@damage("message that nobody ever wrote", heals=False)
def _(conn: Connection) -> Harm:
    found = message(conn, nth=9)
    conn.execute("SET session_replication_role = replica")
    change(
        conn,
        """INSERT INTO message (id, channel_id, app_id, user_id, seq, text, created_at)
           SELECT gen_random_uuid(), m.channel_id, m.app_id, m.user_id, q.current_seq + 1, 'forged', '2020-01-01Z'
           FROM message m JOIN channel_seq q ON q.channel_id = m.channel_id WHERE m.id = %s""",
        found["id"],
    )
    change(conn, "UPDATE channel_seq SET current_seq = current_seq + 1 WHERE channel_id = %s", found["channel_id"])
    conn.execute("SET session_replication_role = origin")
    return Harm(found["cid"], {("messages", "extra", "", "")})


@damage("message moved to another channel")
def _(conn: Connection) -> Harm:
    found = message(conn, nth=10)
    set_message(
        conn,
        found,
        "channel_id = (SELECT min(id::text)::uuid FROM channel c"
        " WHERE c.app_id = message.app_id AND c.id <> message.channel_id)",
    )
    return Harm(found["cid"], {("messages", "missing", "", found["stream_id"])})


@damage("parent swapped")
def _(conn: Connection) -> Harm:
    found = message(conn, "m.parent_id IS NOT NULL")
    set_message(
        conn,
        found,
        """parent_id = (SELECT o.id FROM message o WHERE o.channel_id = message.channel_id AND o.parent_id IS NULL
                        AND o.id NOT IN (message.id, message.parent_id) ORDER BY seq LIMIT 1)""",
    )
    return different("threads", "parent", found)


@damage("reply taken out of its thread")
def _(conn: Connection) -> Harm:
    found = message(conn, "m.parent_id IS NOT NULL", nth=1)
    set_message(conn, found, "parent_id = NULL")
    return different("threads", "parent", found)


@damage("quote lost")
def _(conn: Connection) -> Harm:
    found = message(conn, "m.reply_to_id IS NOT NULL")
    set_message(conn, found, "reply_to_id = NULL")
    return different("quotes", "reply_to", found)


@damage("attachment leads elsewhere")
def _(conn: Connection) -> Harm:
    found = message(conn, "m.deleted_at IS NULL AND m.attachments -> 0 ? 'url'")
    set_message(conn, found, "attachments = jsonb_set(attachments, '{0,url}', '\"https://example.com/other\"')")
    return different("attachments", "attachments", found)


REACTED = "EXISTS (SELECT FROM reaction o WHERE o.message_id = m.id) AND m.deleted_at IS NULL"
FIRST_REACTION = "(SELECT min(ctid) FROM reaction WHERE message_id = %s)"


@damage("reaction lost")
def _(conn: Connection) -> Harm:
    found = message(conn, REACTED)
    change(conn, f"DELETE FROM reaction WHERE ctid = {FIRST_REACTION}", found["id"])
    return Harm(found["cid"], {("reactions", "missing", "", found["stream_id"])})


@damage("reaction moved to another person")
def _(conn: Connection) -> Harm:
    found = message(conn, REACTED, nth=1)
    change(
        conn,
        f"""UPDATE reaction r SET user_id = (
                SELECT min(u.id) FROM app_user u WHERE u.app_id = r.app_id
                AND NOT EXISTS (SELECT FROM reaction o WHERE o.message_id = r.message_id AND o.user_id = u.id))
            WHERE ctid = {FIRST_REACTION}""",
        found["id"],
    )
    return _moved("reactions", found)


@damage("reaction with another emoji")
def _(conn: Connection) -> Harm:
    found = message(conn, REACTED, nth=2)
    change(conn, f"UPDATE reaction SET emoji = '🦖' WHERE ctid = {FIRST_REACTION}", found["id"])
    return _moved("reactions", found)


def _moved(category: str, found: dict[str, Any]) -> Harm:
    return Harm(found["cid"], {(category, kind, "", found["stream_id"]) for kind in ("missing", "extra")})


@damage("reaction one microsecond off")
def _(conn: Connection) -> Harm:
    found = message(conn, REACTED, nth=3)
    change(
        conn,
        f"UPDATE reaction SET created_at = created_at + interval '1 microsecond' WHERE ctid = {FIRST_REACTION}",
        found["id"],
    )
    return different("reactions", "created_at", found)


MENTIONING = "EXISTS (SELECT FROM mention o WHERE o.message_id = m.id)"
FIRST_MENTION = "(SELECT min(ctid) FROM mention WHERE message_id = %s)"


@damage("mention lost")
def _(conn: Connection) -> Harm:
    found = message(conn, MENTIONING)
    change(conn, f"DELETE FROM mention WHERE ctid = {FIRST_MENTION}", found["id"])
    return Harm(found["cid"], {("mentions", "missing", "", found["stream_id"])})


@damage("mention of somebody else")
def _(conn: Connection) -> Harm:
    found = message(conn, MENTIONING, nth=1)
    change(
        conn,
        f"""UPDATE mention n SET mentioned_user_id = (
                SELECT min(u.id) FROM app_user u WHERE u.app_id = n.app_id AND u.id <> n.mentioned_user_id)
            WHERE ctid = {FIRST_MENTION}""",
        found["id"],
    )
    return different("mentions", "mentioned", found)


@damage("mention twice")
def _(conn: Connection) -> Harm:
    found = message(conn, MENTIONING, nth=2)
    change(
        conn,
        f"""INSERT INTO mention (id, message_id, app_id, mentioned_user_id, mentioner_user_id, created_at)
            SELECT gen_random_uuid(), message_id, app_id, mentioned_user_id, mentioner_user_id, created_at
            FROM mention WHERE ctid = {FIRST_MENTION}""",
        found["id"],
    )
    return Harm(found["cid"], {("mentions", "extra", "", found["stream_id"])})


PINNED = "EXISTS (SELECT FROM pinned_message o WHERE o.message_id = m.id)"


@damage("pin lost")
def _(conn: Connection) -> Harm:
    found = message(conn, PINNED)
    change(conn, "DELETE FROM pinned_message WHERE message_id = %s", found["id"])
    return Harm(found["cid"], {("pins", "missing", "", found["stream_id"])})


@damage("pinned by somebody else")
def _(conn: Connection) -> Harm:
    found = message(conn, PINNED, nth=1)
    change(
        conn,
        """UPDATE pinned_message p SET pinned_by = (
               SELECT min(u.id) FROM app_user u WHERE u.app_id = p.app_id AND u.id <> p.pinned_by)
           WHERE message_id = %s""",
        found["id"],
    )
    return different("pins", "pinned_by", found)


@damage("pin too many")
def _(conn: Connection) -> Harm:
    found = message(conn, nth=11)
    change(
        conn,
        """INSERT INTO pinned_message (channel_id, message_id, app_id, pinned_by, pinned_at)
           SELECT channel_id, id, app_id, user_id, created_at FROM message WHERE id = %s""",
        found["id"],
    )
    return Harm(found["cid"], {("pins", "extra", "", found["stream_id"])})


VOTED = "EXISTS (SELECT FROM poll_vote o WHERE o.poll_id = m.poll_id)"


@damage("poll's question changed")
def _(conn: Connection) -> Harm:
    found = message(conn, "m.poll_id IS NOT NULL")
    change(conn, "UPDATE poll SET question = question || '!' WHERE message_id = %s", found["id"])
    return different("polls", "question", found)


@damage("poll's option changed")
def _(conn: Connection) -> Harm:
    found = message(conn, "m.poll_id IS NOT NULL")
    change(
        conn, "UPDATE poll SET options = jsonb_set(options, '{0,text}', '\"other\"') WHERE message_id = %s", found["id"]
    )
    return different("polls", "options", found)


@damage("poll taken off its message")
def _(conn: Connection) -> Harm:
    found = message(conn, "m.poll_id IS NOT NULL")
    set_message(conn, found, "poll_id = NULL")
    return different("polls", "poll", found)


@damage("vote doubled")
def _(conn: Connection) -> Harm:
    found = message(conn, VOTED)
    change(
        conn,
        """INSERT INTO poll_vote (poll_id, app_id, user_id, option_id, voted_at)
           SELECT v.poll_id, v.app_id, v.user_id, o.value ->> 'id', v.voted_at
           FROM (SELECT * FROM poll_vote WHERE poll_id = (SELECT poll_id FROM message WHERE id = %s) ORDER BY
           user_id LIMIT 1) v
           JOIN poll p ON p.id = v.poll_id CROSS JOIN jsonb_array_elements(p.options) o
           WHERE NOT EXISTS (SELECT FROM poll_vote x WHERE x.poll_id = v.poll_id AND x.user_id = v.user_id
                             AND x.option_id = o.value ->> 'id') LIMIT 1""",
        found["id"],
    )
    return Harm(found["cid"], {("votes", "extra", "", found["stream_id"])})


@damage("vote lost")
def _(conn: Connection) -> Harm:
    found = message(conn, VOTED)
    change(
        conn,
        """DELETE FROM poll_vote WHERE ctid = (
               SELECT min(v.ctid) FROM poll_vote v JOIN message m ON m.poll_id = v.poll_id WHERE m.id = %s)""",
        found["id"],
    )
    return Harm(found["cid"], {("votes", "missing", "", found["stream_id"])})


@damage("total of votes off by one")
def _(conn: Connection) -> Harm:
    found = message(conn, VOTED)
    change(conn, "UPDATE poll SET total_votes = total_votes + 1 WHERE message_id = %s", found["id"])
    return different("counters", "total_votes", found)


def member(conn: Connection, where: str = "true") -> dict[str, Any]:
    return one(
        conn,
        f"""SELECT c.cid, m.user_id AS stream_id, m.channel_id::text AS channel_id FROM channel_member m
            JOIN chatsdk_migration.channel_map c ON c.app_id = m.app_id AND c.channel_id = m.channel_id
            JOIN channel h ON h.id = m.channel_id
            WHERE h.message_count > 20 AND h.member_count > 4 AND {where} ORDER BY c.cid, m.user_id LIMIT 1""",
    )


def set_member(conn: Connection, found: dict[str, Any], assignment: str) -> None:
    change(
        conn,
        f"UPDATE channel_member SET {assignment} WHERE channel_id = %s AND user_id = %s",
        found["channel_id"],
        found["stream_id"],
    )


@damage("member with a higher role")
def _(conn: Connection) -> Harm:
    found = member(conn, "m.role = 'member'")
    set_member(conn, found, "role = 'admin'")
    return different("members", "role", found)


@damage("member lost")
def _(conn: Connection) -> Harm:
    found = member(conn)
    change(
        conn,
        "DELETE FROM channel_member WHERE channel_id = %s AND user_id = %s",
        found["channel_id"],
        found["stream_id"],
    )
    return Harm(found["cid"], {("members", "missing", "", found["stream_id"])})


@damage("member too many")
def _(conn: Connection) -> Harm:
    found = member(conn)
    row = one(
        conn,
        """INSERT INTO channel_member (channel_id, app_id, user_id, joined_at)
           SELECT c.id, c.app_id, min(u.id), '2024-01-01Z' FROM channel c JOIN app_user u ON u.app_id = c.app_id
           WHERE c.id = %s
             AND NOT EXISTS (SELECT FROM channel_member m WHERE m.channel_id = c.id AND m.user_id = u.id)
           GROUP BY c.id, c.app_id RETURNING user_id""",
        found["channel_id"],
    )
    return Harm(found["cid"], {("members", "extra", "", row["user_id"])})


@damage("member muted")
def _(conn: Connection) -> Harm:
    found = member(conn)
    set_member(conn, found, "muted = NOT muted")
    return different("members", "muted", found)


@damage("member joined at another time")
def _(conn: Connection) -> Harm:
    found = member(conn)
    set_member(conn, found, "joined_at = joined_at - interval '1 day'")
    return different("members", "joined_at", found)


@damage("read position moved back")
def _(conn: Connection) -> Harm:
    found = member(conn, "m.last_read_seq > 3")
    set_member(conn, found, "last_read_seq = last_read_seq - 2")
    return different("read_positions", "last_read_seq", found)


@damage("unread count off by one")
def _(conn: Connection) -> Harm:
    found = member(conn)
    set_member(conn, found, "unread_count = unread_count + 1")
    return different("unread_counts", "unread_count", found)


def state(conn: Connection, flags: int) -> tuple[dict[str, Any], str]:
    row = one(
        conn,
        f"""SELECT x.*, u.user_id AS person FROM ({MESSAGES}) x JOIN user_message u ON u.message_id = x.id::uuid
            WHERE u.flags & 3 = %s ORDER BY x.cid, x.seq, u.user_id LIMIT 1""",
        flags,
    )
    return row, row["person"]


@damage("state of a message lost")
def _(conn: Connection) -> Harm:
    found, person = state(conn, 1)
    change(conn, "DELETE FROM user_message WHERE message_id = %s AND user_id = %s", found["id"], person)
    return Harm(found["cid"], {("message_state", "missing", person, found["stream_id"])})


@damage("read message shown as unread")
def _(conn: Connection) -> Harm:
    found, person = state(conn, 1)
    change(conn, "UPDATE user_message SET flags = 0 WHERE message_id = %s AND user_id = %s", found["id"], person)
    return Harm(found["cid"], {("message_state", "different", person, found["stream_id"])})


def channel(conn: Connection) -> dict[str, Any]:
    return one(
        conn,
        """SELECT k.cid, k.cid AS stream_id, c.id::text AS id FROM channel c
           JOIN chatsdk_migration.channel_map k ON k.app_id = c.app_id AND k.channel_id = c.id
           WHERE c.type = 'group' AND c.message_count > 20 AND c.name IS NOT NULL ORDER BY k.cid LIMIT 1""",
    )


@damage("channel made public")
def _(conn: Connection) -> Harm:
    found = channel(conn)
    change(conn, "UPDATE channel SET type = 'public' WHERE id = %s", found["id"])
    return different("channel", "type", found)


@damage("channel renamed")
def _(conn: Connection) -> Harm:
    found = channel(conn)
    change(conn, "UPDATE channel SET name = name || ' 2' WHERE id = %s", found["id"])
    return different("channel", "name", found)


COUNTERS = {
    "message_count": "message_count + 1",
    "member_count": "member_count - 1",
    "last_message_at": "last_message_at + interval '1 second'",
}


def _counter_damage(field: str, value: str) -> Callable[[Connection], Harm]:
    def do(conn: Connection) -> Harm:
        found = channel(conn)
        change(conn, f"UPDATE channel SET {field} = {value} WHERE id = %s", found["id"])
        return different("counters", field, found)

    return do


for _field, _value in COUNTERS.items():
    DAMAGES.append(Damage(f"{_field} off by one", _counter_damage(_field, _value)))


@damage("sequence counter behind")
def _(conn: Connection) -> Harm:
    found = channel(conn)
    change(conn, "UPDATE channel_seq SET current_seq = current_seq - 1 WHERE channel_id = %s", found["id"])
    return different("counters", "current_seq", found)


@damage("reply count off by one")
def _(conn: Connection) -> Harm:
    found = message(conn, "m.reply_count > 1")
    set_message(conn, found, "reply_count = reply_count - 1")
    return different("counters", "reply_count", found)
