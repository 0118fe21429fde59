"""What people do in ChatSDK while the migration follows Stream: the rows that ChatSDK's server writes for them.

Here: sends, replies, edits, deletions, reactions, pins, votes, reads, joins, leaves, roles, renamings, each remembered
with the row as it was and as it became. Not here: what becomes of them (``week_judge.py``).

Each thing is touched once: then what must become of it can be told from the two sides at the end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any
from uuid import UUID

import psycopg
import uuid6
from psycopg.rows import dict_row

from chatsdk_migration.models import Json
from chatsdk_migration_tests.conftest import TargetDatabase
from chatsdk_migration_tests.end_to_end.week import FIRST_CHANNELS, Life

MOSTLY = 0.6
"""Share of live acts that look for something Stream's people are busy with as well."""


@dataclass
class Touched:
    """What people in ChatSDK did, by what they did it to.

    Attributes:
        sent: Rows of live messages, by id.
        messages: Stream id of a carried message: the row before and after.
        reactions: (Stream id, user, emoji): True when added, the time carried when taken away.
        pins: Stream id: True when pinned, False when unpinned; with who and when had pinned.
        votes: (Stream id, user, option): True when voted, the time carried when taken back.
        members: (cid, user): what was done, and the role before and after.
        reads: (cid, user): the number read to.
        channels: cid: name before and after.
        users: user: name before and after.
    """

    sent: dict[str, Json] = field(default_factory=dict)
    messages: dict[str, tuple[Json, Json]] = field(default_factory=dict)
    reactions: dict[tuple[str, str, str], datetime | None] = field(default_factory=dict)
    pins: dict[str, tuple[str, datetime] | None] = field(default_factory=dict)
    votes: dict[tuple[str, str, str], datetime | None] = field(default_factory=dict)
    members: dict[tuple[str, str], tuple[str, str | None, str | None]] = field(default_factory=dict)
    reads: dict[tuple[str, str], int] = field(default_factory=dict)
    channels: dict[str, tuple[str | None, str]] = field(default_factory=dict)
    users: dict[str, tuple[str, str]] = field(default_factory=dict)


class LiveUsers:
    """People in ChatSDK; ``act`` once, at random."""

    def __init__(self, target: TargetDatabase, life: Life, seed: int) -> None:
        self.touched, self.done = Touched(), Counter[str]()
        self._life, self._app = life, target.app_id
        self._conn = target.superuser()
        self._conn.execute("SET lock_timeout = '20s'")
        self._conn.row_factory = dict_row
        self._chance = Random(seed)
        acts: list[tuple[int, Callable[[], bool]]] = [
            (30, self.send),
            (10, self.reply),
            (12, self.edit),
            (8, self.delete),
            (14, self.react),
            (8, self.unreact),
            (4, self.pin),
            (4, self.unpin),
            (5, self.vote),
            (5, self.unvote),
            (10, self.read),
            (3, self.join),
            (2, self.leave),
            (4, self.promote),
            (1, self.rename),
            (2, self.profile),
        ]
        self._acts = [act for _, act in acts]
        self._weights = [weight for weight, _ in acts]

    @property
    def kinds(self) -> set[str]:
        """Names of all acts there are."""
        return {act.__name__ for act in self._acts}

    def close(self) -> None:
        """End their session."""
        self._conn.close()

    def act(self) -> None:
        """Do one thing, if what is drawn can be done just now; late in the week, what was never done yet."""
        rare = [one for one in self._acts if not self.done[one.__name__]] if self.done.total() > 100 else []
        act = self._chance.choice(rare) if rare else self._chance.choices(self._acts, self._weights)[0]
        with self._conn.transaction():
            if act():
                self.done[act.__name__] += 1

    def _seen(self, who: str) -> None:
        """As the server notes whoever does something."""
        self._rows("UPDATE app_user SET last_active_at = now() WHERE app_id = %(app)s AND id = %(who)s", who=who)

    def _rows(self, query: str, **given: Any) -> list[Json]:
        cursor = self._conn.execute(query, given | {"app": self._app})
        return cursor.fetchall() if cursor.description else []

    def _one(self, query: str, **given: Any) -> Json | None:
        """Draw one of the rows; the query gives them in a fixed order."""
        rows = self._rows(query, **given)
        return self._chance.choice(rows) if rows else None

    def _channel(self) -> Json:
        cid = self._chance.choice(FIRST_CHANNELS)
        return self._rows("SELECT cid, channel_id FROM chatsdk_migration.channel_map WHERE cid = %(cid)s", cid=cid)[0]

    def _member(self, channel: UUID) -> str | None:
        row = self._one(
            "SELECT user_id FROM channel_member WHERE channel_id = %(channel)s ORDER BY user_id", channel=channel
        )
        return row["user_id"] if row else None

    def _message(self) -> Json | None:
        """A carried message without quote and poll, untouched so far, mostly a recent one."""
        given = {"channel": self._channel()["channel_id"], "known": list(self.touched.messages)}
        return self._one(
            """SELECT * FROM (
                   SELECT x.stream_id, m.* FROM message m
                   JOIN chatsdk_migration.message_map x ON x.message_id = m.id
                   WHERE m.channel_id = %(channel)s AND m.deleted_at IS NULL AND m.reply_to_id IS NULL
                     AND m.poll_id IS NULL AND m.text IS NOT NULL AND NOT x.stream_id = ANY (%(known)s::text[])
                   ORDER BY m.created_at DESC, m.id LIMIT %(many)s) latest ORDER BY created_at, id""",
            **given,
            many=12 if self._chance.random() < MOSTLY else 80,
        )

    # ---- messages

    def send(self, parent: Json | None = None) -> bool:
        """Send a message as the server stores one, at Stream's time."""
        channel = parent["channel_id"] if parent else self._channel()["channel_id"]
        who = self._member(channel)
        if who is None:
            return False
        given = {"id": uuid6.uuid7(), "channel": channel, "who": who, "parent": parent["id"] if parent else None}
        (row,) = self._rows(
            """WITH sent AS (
                   INSERT INTO message (id, channel_id, app_id, user_id, seq, text, parent_id, created_at)
                   VALUES (%(id)s, %(channel)s, %(app)s, %(who)s, next_channel_seq(%(channel)s), %(text)s, %(parent)s,
                           %(at)s)
                   RETURNING *
               ), fanned_out AS (
                   INSERT INTO user_message (user_id, app_id, message_id, flags)
                   SELECT e.user_id, e.app_id, s.id, CASE WHEN e.user_id = s.user_id THEN 1 ELSE 0 END
                   FROM sent s JOIN channel_member e ON e.channel_id = s.channel_id
               ), badges AS (
                   UPDATE channel_member e SET unread_count = coalesce(unread_count, 0) + 1
                   FROM sent s WHERE e.channel_id = s.channel_id AND e.user_id <> s.user_id
               ), counted AS (
                   UPDATE message p SET reply_count = coalesce(p.reply_count, 0) + 1
                   FROM sent s WHERE p.id = s.parent_id
               ) SELECT * FROM sent""",
            **given,
            text=f"live {len(self.touched.sent)}",
            at=self._life.clock(),
        )
        self.touched.sent[str(row["id"])] = row
        self._seen(who)
        return True

    def reply(self) -> bool:
        """Answer a message that came from Stream."""
        parent = self._message()
        return parent is not None and parent["parent_id"] is None and self.send(parent)

    def edit(self) -> bool:
        """Edit a carried message."""
        return self._change("text = %(text)s, edited_at = %(at)s")

    def delete(self) -> bool:
        """Delete a carried message."""
        return self._change("text = NULL, attachments = '[]', deleted_at = %(at)s, deleted_by = user_id")

    def _change(self, changes: str) -> bool:
        row = self._message()
        if row is None:
            return False
        text = f"mine {len(self.touched.messages)}"
        (after,) = self._rows(
            f"UPDATE message SET {changes} WHERE id = %(id)s RETURNING *",
            id=row["id"],
            text=text,
            at=self._life.clock(),
        )
        self.touched.messages[row["stream_id"]] = (row, after)
        self._seen(row["user_id"])
        return True

    # ---- what hangs on messages

    def react(self) -> bool:
        """React to a carried message."""
        row = self._message()
        who = self._member(row["channel_id"]) if row else None
        emoji = self._chance.choice(("👍", "🎉", "❤️"))
        if row is None or who is None or (row["stream_id"], who, emoji) in self.touched.reactions:
            return False
        added = self._rows(
            """INSERT INTO reaction (message_id, app_id, user_id, emoji, created_at)
               VALUES (%(id)s, %(app)s, %(who)s, %(emoji)s, %(at)s) ON CONFLICT DO NOTHING RETURNING 1""",
            id=row["id"],
            who=who,
            emoji=emoji,
            at=self._life.clock(),
        )
        if added:
            self.touched.reactions[row["stream_id"], who, emoji] = None
            self._seen(who)
        return bool(added)

    def unreact(self) -> bool:
        """Take a carried reaction away."""
        row = self._one(
            """SELECT x.stream_id, r.* FROM reaction r JOIN chatsdk_migration.message_map x USING (message_id)
               JOIN message m ON m.id = r.message_id AND m.deleted_at IS NULL
               WHERE m.channel_id = %(channel)s ORDER BY m.created_at DESC, r.user_id, r.emoji LIMIT 10""",
            channel=self._channel()["channel_id"],
        )
        if row is None or (row["stream_id"], row["user_id"], row["emoji"]) in self.touched.reactions:
            return False
        self._rows(
            "DELETE FROM reaction WHERE message_id = %(id)s AND user_id = %(who)s AND emoji = %(emoji)s",
            id=row["message_id"],
            who=row["user_id"],
            emoji=row["emoji"],
        )
        self.touched.reactions[row["stream_id"], row["user_id"], row["emoji"]] = row["created_at"]
        self._seen(row["user_id"])
        return True

    def pin(self) -> bool:
        """Pin a carried message."""
        row = self._message()
        who = self._member(row["channel_id"]) if row else None
        if row is None or who is None or row["stream_id"] in self.touched.pins:
            return False
        added = self._rows(
            """INSERT INTO pinned_message (channel_id, message_id, app_id, pinned_by, pinned_at)
               VALUES (%(channel)s, %(id)s, %(app)s, %(who)s, %(at)s) ON CONFLICT DO NOTHING RETURNING 1""",
            channel=row["channel_id"],
            id=row["id"],
            who=who,
            at=self._life.clock(),
        )
        if added:
            self.touched.pins[row["stream_id"]] = None
            self._seen(who)
        return bool(added)

    def unpin(self) -> bool:
        """Unpin a message that came pinned."""
        row = self._one(
            """SELECT x.stream_id, p.* FROM pinned_message p JOIN chatsdk_migration.message_map x USING (message_id)
               WHERE NOT x.stream_id = ANY (%(known)s::text[]) ORDER BY p.pinned_at, x.stream_id""",
            known=list(self.touched.pins),
        )
        if row is None:
            return False
        self._rows("DELETE FROM pinned_message WHERE message_id = %(id)s", id=row["message_id"])
        self.touched.pins[row["stream_id"]] = (row["pinned_by"], row["pinned_at"])
        self._seen(row["pinned_by"])
        return True

    def vote(self) -> bool:
        """Vote in a carried poll."""
        row = self._one(
            """SELECT x.stream_id, p.id, m.channel_id FROM poll p
               JOIN chatsdk_migration.message_map x USING (message_id)
               JOIN message m ON m.id = p.message_id AND m.deleted_at IS NULL ORDER BY p.created_at, p.id"""
        )
        who = self._member(row["channel_id"]) if row else None
        option = f"o{self._chance.randrange(3)}"
        if row is None or who is None or (row["stream_id"], who, option[1:]) in self.touched.votes:
            return False
        added = self._rows(
            """INSERT INTO poll_vote (poll_id, app_id, user_id, option_id, voted_at)
               VALUES (%(id)s, %(app)s, %(who)s, %(option)s, %(at)s) ON CONFLICT DO NOTHING RETURNING 1""",
            id=row["id"],
            who=who,
            option=option,
            at=self._life.clock(),
        )
        if added:
            self._count_voters(row["id"])
            self.touched.votes[row["stream_id"], who, option[1:]] = None
            self._seen(who)
        return bool(added)

    def unvote(self) -> bool:
        """Take a carried vote back."""
        row = self._one(
            """SELECT x.stream_id, v.* FROM poll_vote v JOIN poll p ON p.id = v.poll_id
               JOIN chatsdk_migration.message_map x ON x.message_id = p.message_id
               JOIN message m ON m.id = p.message_id AND m.deleted_at IS NULL
               ORDER BY v.voted_at, v.user_id"""
        )
        key = (row["stream_id"], row["user_id"], row["option_id"][1:]) if row else None
        if row is None or key is None or key in self.touched.votes:
            return False
        self._rows(
            "DELETE FROM poll_vote WHERE poll_id = %(id)s AND user_id = %(who)s AND option_id = %(option)s",
            id=row["poll_id"],
            who=row["user_id"],
            option=row["option_id"],
        )
        self._count_voters(row["poll_id"])
        self.touched.votes[key] = row["voted_at"]
        self._seen(row["user_id"])
        return True

    def _count_voters(self, poll: UUID) -> None:
        self._rows(
            """UPDATE poll SET total_votes = (SELECT count(DISTINCT user_id) FROM poll_vote WHERE poll_id = %(id)s)
               WHERE id = %(id)s""",
            id=poll,
        )

    # ---- people

    def read(self) -> bool:
        """Read a channel to its end."""
        channel = self._channel()
        who = self._member(channel["channel_id"])
        if who is None:
            return False
        (row,) = self._rows(
            """UPDATE channel_member e SET unread_count = 0, last_read_seq = m.seq, last_read_message_id = m.id
               FROM (SELECT id, seq FROM message WHERE channel_id = %(channel)s ORDER BY seq DESC LIMIT 1) m
               WHERE e.channel_id = %(channel)s AND e.user_id = %(who)s RETURNING e.last_read_seq""",
            channel=channel["channel_id"],
            who=who,
        )
        self._rows(
            """UPDATE user_message u SET flags = coalesce(u.flags, 0) | 1 FROM message m
               WHERE m.id = u.message_id AND m.channel_id = %(channel)s AND u.user_id = %(who)s""",
            channel=channel["channel_id"],
            who=who,
        )
        self.touched.reads[channel["cid"], who] = row["last_read_seq"]
        self._seen(who)
        return True

    def _membership(self) -> tuple[Json, Json] | None:
        """Somebody who came with the channel and did not create it."""
        channel = self._channel()
        row = self._one(
            """SELECT e.* FROM channel_member e JOIN channel c ON c.id = e.channel_id AND c.created_by <> e.user_id
               JOIN chatsdk_migration.read_position b ON b.channel_id = c.id AND b.user_id = e.user_id
               WHERE e.channel_id = %(channel)s ORDER BY e.user_id""",
            channel=channel["channel_id"],
        )
        if row is None or (channel["cid"], row["user_id"]) in self.touched.members:
            return None
        return channel, row

    def join(self) -> bool:
        """Somebody joins who is in no list of Stream's."""
        channel, who = self._channel(), f"fan{self._chance.randrange(100)}"
        added = self._rows(
            """INSERT INTO channel_member (channel_id, app_id, user_id, role, joined_at)
               VALUES (%(channel)s, %(app)s, %(who)s, 'member', %(at)s) ON CONFLICT DO NOTHING RETURNING 1""",
            channel=channel["channel_id"],
            who=who,
            at=self._life.clock(),
        )
        if added:
            self._count_members(channel, 1)
            self.touched.members[channel["cid"], who] = ("joined", None, "member")
        return bool(added)

    def leave(self) -> bool:
        """Somebody leaves; Stream's people leave it at that."""
        if (found := self._membership()) is None:
            return False
        channel, row = found
        if (
            self._rows("SELECT count(*) AS n FROM channel_member WHERE channel_id = %(id)s", id=row["channel_id"])[0][
                "n"
            ]
            < 4
        ):
            return False
        self._rows(
            "DELETE FROM channel_member WHERE channel_id = %(channel)s AND user_id = %(who)s",
            channel=channel["channel_id"],
            who=row["user_id"],
        )
        self._count_members(channel, -1)
        self.touched.members[channel["cid"], row["user_id"]] = ("left", row["role"], None)
        self._seen(row["user_id"])
        self._life.untouchable.add((channel["cid"], row["user_id"]))
        return True

    def promote(self) -> bool:
        """Somebody gets another role, here and in Stream."""
        if (found := self._membership()) is None:
            return False
        channel, row = found
        self._rows(
            "UPDATE channel_member SET role = 'admin' WHERE channel_id = %(channel)s AND user_id = %(who)s",
            channel=channel["channel_id"],
            who=row["user_id"],
        )
        self.touched.members[channel["cid"], row["user_id"]] = ("promoted", row["role"], "admin")
        self._life.change_role((channel["cid"], row["user_id"]), row["role"])
        return True

    def _count_members(self, channel: Json, more: int) -> None:
        self._rows(
            "UPDATE channel SET member_count = member_count + %(more)s WHERE id = %(id)s",
            more=more,
            id=channel["channel_id"],
        )

    def rename(self) -> bool:
        """Give a channel another name."""
        channel = self._channel()
        if channel["cid"] in self.touched.channels:
            return False
        (before,) = self._rows("SELECT name FROM channel WHERE id = %(id)s", id=channel["channel_id"])
        name = f"Ours {len(self.touched.channels)}"
        self._rows(
            "UPDATE channel SET name = %(name)s, updated_at = now() WHERE id = %(id)s",
            name=name,
            id=channel["channel_id"],
        )
        self.touched.channels[channel["cid"]] = (before["name"], name)
        return True

    def profile(self) -> bool:
        """Change one's own name."""
        who = f"u{self._chance.randrange(20)}"
        if who in self.touched.users:
            return False
        (before,) = self._rows("SELECT name FROM app_user WHERE app_id = %(app)s AND id = %(who)s", who=who)
        name = f"Mine {len(self.touched.users)}"
        self._rows(
            """UPDATE app_user SET name = %(name)s, updated_at = now(), last_active_at = now()
               WHERE app_id = %(app)s AND id = %(who)s""",
            name=name,
            who=who,
        )
        self.touched.users[who] = (before["name"], name)
        return True


def connection_of(target: TargetDatabase) -> psycopg.Connection[Any]:
    """A look at all tenants."""
    return target.superuser()
