"""What must be true of both sides after a week of changes on both: everything equal but what people in ChatSDK did.

Here: the oracle's differences less what live people explain, the conflicts that must be listed, numbers, unread counts.
Not here: what is right without live people (``oracle.py``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg
from psycopg.rows import dict_row

from chatsdk_migration.demo.world import World
from chatsdk_migration.models import Json
from chatsdk_migration.settings import MappingRules
from chatsdk_migration_tests.conftest import TargetDatabase
from chatsdk_migration_tests.end_to_end.facts import Expected, Found, matches
from chatsdk_migration_tests.end_to_end.found import found
from chatsdk_migration_tests.end_to_end.oracle import expected, is_deleted, micros
from chatsdk_migration_tests.end_to_end.week_live import Touched

Difference = tuple[str, tuple[str, ...], str, str]
"""Category, key, column ("" for the whole row), and the words for a person."""
BY_ORDER_OF_ARRIVAL = frozenset({"seq", "counters", "reads"})
"""What the oracle says of a load in one go; numbers and unread counts are judged here."""
READ_AGAIN_DAYS = 6.5
"""Nothing that happens in the last days of the week makes a sync read older messages again."""
EMOJI = {"like": "👍", "love": "❤️", "haha": "😂", "wow": "😮", "sad": "😢"}
Listed = tuple[str, str, str, str]
"""A conflict: cid, entity, id, what."""


@dataclass
class Judge:
    """Both sides at rest."""

    world: World
    target: TargetDatabase
    touched: Touched

    def __post_init__(self) -> None:
        """Read both sides."""
        self.wanted: Expected = expected(self.world, MappingRules(), self.target.app_id)
        with self.target.superuser() as conn:
            self.here: Found = found(conn, self.target.app_id)
            conn.row_factory = dict_row
            self._map = _by(conn, "SELECT * FROM chatsdk_migration.message_map", "stream_id")
            self._cids = _by(conn, "SELECT * FROM chatsdk_migration.channel_map", "cid")
            self.messages = _by(conn, "SELECT * FROM message", "id")
            self.members = _all(conn, "SELECT k.cid, e.* FROM channel_member e JOIN channel_map_ k USING (channel_id)")
            self.conflicts = {
                (row["cid"], row["entity"], row["stream_id"], row["what"])
                for row in _all(conn, "SELECT * FROM chatsdk_migration.conflict")
            }
            self.flags = {
                (row["user_id"], str(row["message_id"])): row["flags"] or 0
                for row in _all(conn, "SELECT * FROM user_message")
            }
            self.counters = _all(
                conn,
                "SELECT k.cid, c.*, q.current_seq FROM channel c JOIN channel_map_ k ON k.channel_id = c.id "
                "LEFT JOIN channel_seq q ON q.channel_id = c.id",
            )
        self._carried = {str(row["message_id"]) for row in self._map.values()}
        self.gone = self._cids.keys() - self.world.channels.keys()
        self.by_channel: dict[str, list[Json]] = {}
        for row in self.messages.values():
            self.by_channel.setdefault(str(row["channel_id"]), []).append(row)

    def faults(self) -> list[str]:
        """Everything that is wrong; none at the end of a good week."""
        faults = [words for *_, words in filter(self._is_unexplained, self._differences())]
        for look in (
            self._numbers,
            self._live_rows,
            self._tombs,
            self._unread,
            self._conflict_faults,
            self._gone_faults,
        ):
            faults += look()
        return faults

    # ---- against the oracle

    def _differences(self) -> Iterator[Difference]:
        for name in {**self.wanted.tables, **self.here.tables}.keys() - BY_ORDER_OF_ARRIVAL:
            wanted, rows = self.wanted[name], self.here[name]
            for key in wanted.rows.keys() - rows.keys():
                yield name, key, "", f"{name} {key}: missing {wanted.rows[key]}"
            for key, row in rows.items():
                if key not in wanted.rows and key not in wanted.optional:
                    yield name, key, "", f"{name} {key}: not expected, {row}"
                for column, value in (wanted.rows.get(key) or wanted.optional.get(key) or {}).items():
                    if not matches(value, row.get(column)):
                        words = f"{name} {key}: {column} should be {value!r}, is {row.get(column)!r}"
                        yield name, key, column, words

    def _is_unexplained(self, difference: Difference) -> bool:
        name, key, column, _ = difference
        if self._is_of_gone_channel(name, key) or self._is_tomb(name, key):
            return False
        if name in {"mentions", "user_message"}:
            return not self._explains_personal(name, key)
        explains = {
            "messages": lambda: key[0] in self.touched.messages,
            "quotes": lambda: key[0] in self.touched.messages,
            "threads": lambda: column == "reply_count" or key[0] in self.touched.messages,
            "reactions": lambda: key in self.touched.reactions or self._is_kept(key[0]),
            "pins": lambda: (
                key[0] in self.touched.pins
                or self._is_kept(key[0])
                or (not column and self._is_deleted_here(key[0]))  # nobody could unpin it
            ),
            "polls": lambda: column == "total_votes" and any(one[0] == key[0] for one in self.touched.votes),
            "votes": lambda: key in self.touched.votes,
            "members": lambda: key in self.touched.members and column in {"", "role"},
            "channels": lambda: key[0] in self.touched.channels and column == "name",
            "users": lambda: (
                (key[0] in self.touched.users and column in {"name", "custom"})
                or column == "last_active"
                or (key[0] == MappingRules().deleted_user_id and not column)  # once needed, it stays
            ),
            "unmapped_messages": lambda: key[0] in self.touched.sent,
        }
        return not explains.get(name, lambda: False)()

    def _is_kept(self, stream_id: str) -> bool:
        """A message that is gone from Stream and was changed here stays with all that hangs on it."""
        return stream_id in self.touched.messages and stream_id not in self.world.messages

    def _is_deleted_here(self, stream_id: str) -> bool:
        _, after = self.touched.messages.get(stream_id, (None, {"deleted_at": None}))
        return after["deleted_at"] is not None

    def _explains_personal(self, name: str, key: tuple[str, ...]) -> bool:
        """A mention or a state of somebody who read, joined or left here; a mention of somebody who left in Stream."""
        message, who = (key[0], key[1]) if name == "mentions" else (key[1], key[0])
        row = self._map.get(message)
        cid = next((cid for cid, one in self._cids.items() if row and one["channel_id"] == row["channel_id"]), "")
        if (cid, who) in self.touched.members:
            return True
        if name == "mentions":
            return who not in self.world.channels[cid].members or self._is_kept(message)
        return (cid, who) in self.touched.reads or message in self.touched.messages

    def _is_of_gone_channel(self, name: str, key: tuple[str, ...]) -> bool:
        if name in {"channels", "members"}:
            return key[0] in self.gone
        row = self._map.get(key[1] if name == "user_message" else key[0])
        return row is not None and any(self._cids[cid]["channel_id"] == row["channel_id"] for cid in self.gone)

    def _is_tomb(self, name: str, key: tuple[str, ...]) -> bool:
        """A row of a message that Stream has no trace of and that is a tombstone here."""
        stream_id = key[1] if name == "user_message" else key[0]
        if name in {"channels", "users"} or stream_id in self.world.messages or stream_id not in self._map:
            return False
        message = self.messages[str(self._map[stream_id]["message_id"])]
        return message["deleted_at"] is not None and message["text"] is None

    # ---- what this file knows itself

    def _numbers(self) -> Iterator[str]:
        for row in self.counters:
            messages = self.by_channel.get(str(row["id"]), [])
            seqs = sorted(message["seq"] for message in messages)
            if seqs != list(range(1, len(seqs) + 1)):
                yield f"{row['cid']}: numbers are not dense: {seqs[:5]}...{seqs[-5:]} for {len(seqs)}"
            if (row["current_seq"] or 0) != len(seqs) or row["message_count"] != len(seqs):
                yield f"{row['cid']}: counts {row['current_seq']}, {row['message_count']} for {len(seqs)} messages"
            last = max((message["created_at"] for message in messages), default=None)
            if row["last_message_at"] != last:
                yield f"{row['cid']}: last message at {row['last_message_at']}, newest {last}"
            members = sum(member["cid"] == row["cid"] for member in self.members)
            if row["member_count"] != members:
                yield f"{row['cid']}: member_count {row['member_count']} for {members}"
        replies = Counter(row["parent_id"] for row in self.messages.values())
        deleted = Counter(row["parent_id"] for row in self.messages.values() if row["deleted_by"] is not None)
        for message_id, row in self.messages.items():
            most = replies[row["id"]]  # whether the live server counts a reply down that is deleted there is its affair
            if not most - deleted[row["id"]] <= (row["reply_count"] or 0) <= most:
                yield f"{self._name(message_id)}: reply_count {row['reply_count']} for {most} replies"

    def _live_rows(self) -> Iterator[str]:
        for message_id, row in self.touched.sent.items():
            if self.messages.get(message_id) != row:
                yield f"live message {message_id} was {row}, is {self.messages.get(message_id)}"
        for stream_id, (_, after) in self.touched.messages.items():
            row = self.messages[str(after["id"])]
            for column in (
                "text",
                "attachments",
                "edited_at",
                "deleted_at",
                "deleted_by",
                "user_id",
                "created_at",
                "seq",
            ):
                if row[column] != after[column]:
                    yield f"{stream_id} changed here: {column} was {after[column]}, is {row[column]}"
        yield from self._live_people()
        yield from self._live_items()

    def _live_people(self) -> Iterator[str]:
        members = {(row["cid"], row["user_id"]): row["role"] for row in self.members}
        for key, (what, _, role) in self.touched.members.items():
            if members.get(key) != role:
                yield f"member {key} {what}: role should be {role}, is {members.get(key)}"
        for cid, (_, name) in self.touched.channels.items():
            if self.here["channels"][cid,]["name"] != name:
                yield f"{cid} was named {name}, is {self.here['channels'][cid,]['name']}"
        for who, (_, name) in self.touched.users.items():
            if self.here["users"][who,]["name"] != name:
                yield f"{who} was named {name}, is {self.here['users'][who,]['name']}"

    def _live_items(self) -> Iterator[str]:
        for key, carried in self.touched.reactions.items():
            there, is_here = self._reaction_times(key), key in self.here["reactions"]
            if self._is_alive(key[0]) and is_here != (carried is None or bool(there - {_us(carried)})):
                yield f"reaction {key}, {'taken away' if carried else 'added'} here: {is_here}"
        for stream_id, pinned in self.touched.pins.items():
            wanted = pinned is None or self._is_pinned(stream_id) not in {None, (pinned[0], _us(pinned[1]))}
            judged = self._is_alive(stream_id) and not (pinned and self._is_deleted_here(stream_id))
            if judged and ((stream_id,) in self.here["pins"]) != wanted:
                yield f"pin of {stream_id}, {'removed' if pinned else 'set'} here: {not wanted}"
        for key, carried in self.touched.votes.items():
            again = carried is None or self._vote_time(key) not in {None, _us(carried)}
            if self._is_alive(key[0]) and (key in self.here["votes"]) != again:
                row = self.here["votes"].get(key)
                stream = self._vote_time(key)
                age = self._is_read_again(key[0])
                yield (
                    f"vote {key}, {f'of {_us(carried)} taken back' if carried else 'given'} here: is now {row}, "
                    f"in Stream of {stream}, read again: {age}"
                )

    def _tombs(self) -> Iterator[str]:
        for stream_id, row in self._map.items():
            message = self.messages.get(str(row["message_id"]))
            if message is None:
                yield f"{stream_id}: mapped, but not there"
            elif row["gone_at"] and (message["text"] is not None or message["deleted_at"] is None):
                yield f"{stream_id}: gone, but no tombstone"
            elif row["gone_at"] and stream_id in self.world.messages and self._is_alive(stream_id):
                yield f"{stream_id}: buried, but alive in Stream"

    def _gone_faults(self) -> Iterator[str]:
        for row in self.members:
            if row["cid"] in self.gone and (row["cid"], row["user_id"]) not in self.touched.members:
                yield f"{row['cid']} is deleted in Stream and {row['user_id']} still sees it"

    # ---- unread

    def _unread(self) -> Iterator[str]:
        for member in self.members:
            channel = self.world.channels.get(member["cid"])
            who = member["user_id"]
            if channel is None or who not in channel.members or (member["cid"], who) in self.touched.members:
                continue
            wanted = set(self._right_unread(member, channel.reads.get(who)))
            if member["unread_count"] not in wanted:
                yield f"{who} in {member['cid']}: {member['unread_count']} unread, should be {sorted(wanted)}"

    def _right_unread(self, member: Json, read: Json | None) -> Iterator[int]:
        """Stream's own number and what live people wrote; who has read here may have less unread than Stream says."""
        who, place = member["user_id"], self.touched.reads.get((member["cid"], member["user_id"]), 0)
        messages = self.by_channel.get(str(member["channel_id"]), [])
        others = [row for row in messages if row["user_id"] != who and row["deleted_at"] is None]
        live = [row for row in others if str(row["id"]) not in self._carried and row["seq"] > place]
        unread = sum(not self.flags.get((who, str(row["id"])), 1) & 1 for row in live)
        yield unread + (read["unread_messages"] if read else 0)
        until = micros(read["last_read"]) if read else None
        if place and until is not None:
            later = [row for row in others if row["seq"] > place and _us(row["created_at"]) > until]
            yield unread + sum(str(row["id"]) in self._carried for row in later)

    # ---- conflicts

    def _conflict_faults(self) -> Iterator[str]:
        must, may = set(self.must_be_listed()), set(self.may_be_listed())
        yield from (f"conflict not listed: {one}" for one in sorted(must - self.conflicts))
        yield from (f"listed, but no conflict: {one}" for one in sorted(self.conflicts - must - may))

    def must_be_listed(self) -> Iterator[Listed]:
        """Give the conflicts that the two sides amount to."""
        for stream_id, (before, after) in self.touched.messages.items():
            if (what := self._message_conflict(stream_id, before, after)) is not None:
                yield self._cid_of(stream_id), "message", stream_id, what
        for key, carried in self.touched.reactions.items():
            if carried and self._is_read_again(key[0]) and _us(carried) in self._reaction_times(key):
                yield self._reaction_conflict(key)
        for stream_id, pinned in self.touched.pins.items():
            pin = (pinned[0], _us(pinned[1])) if pinned else None
            asked = self._is_read_again(stream_id) and not self._is_deleted_here(stream_id)
            if pin and asked and self._is_pinned(stream_id) == pin:
                yield self._pin_conflict(stream_id)
        for key, carried in self.touched.votes.items():
            if carried and self._is_read_again(key[0]) and self._vote_time(key) == _us(carried):
                yield self._vote_conflict(key)
        yield from self._people_conflicts()

    def may_be_listed(self) -> Iterator[Listed]:
        """What hangs on messages that Stream has deleted, whose reactions it may list, or that no sync reads again."""
        for key, carried in self.touched.reactions.items():
            if carried and not self._is_read_again(key[0]) and key[0] in self.world.messages:
                yield self._reaction_conflict(key)
        for key, carried in self.touched.votes.items():
            if carried and not self._is_read_again(key[0]) and key[0] in self.world.messages:
                yield self._vote_conflict(key)
        for stream_id, pinned in self.touched.pins.items():
            asked = self._is_read_again(stream_id) and not self._is_deleted_here(stream_id)
            if pinned and not asked and stream_id in self.world.messages:
                yield self._pin_conflict(stream_id)

    def _people_conflicts(self) -> Iterator[Listed]:
        for (cid, who), (what, before, after) in self.touched.members.items():
            row = self.wanted["members"].rows.get((cid, who))
            if what == "left" and row is not None and cid not in self.gone:
                yield cid, "member", who, "in Stream, left or removed in ChatSDK"
            if what != "promoted" or cid in self.gone:
                continue
            if row is None:
                yield cid, "member", who, "left in Stream, joined again or changed in ChatSDK"
            elif not matches(row["role"], before) and not matches(row["role"], after):
                yield cid, "member", who, "role changed in Stream and in ChatSDK"
        for cid, (base, _) in self.touched.channels.items():
            if self.world.channels[cid].data.get("name") != base:
                yield cid, "channel", cid, "name changed in Stream and in ChatSDK"
        for who, (base, _) in self.touched.users.items():
            if self.world.users[who]["name"] != base:
                yield "", "user", who, "profile changed in Stream and in ChatSDK"

    def _message_conflict(self, stream_id: str, before: Json, after: Json) -> str | None:
        done = "deleted" if after["deleted_at"] else "changed"
        wanted = self.wanted["messages"].rows.get((stream_id,))
        if wanted is None:
            return None if done == "deleted" else f"gone from Stream, {done} in ChatSDK"
        if is_deleted(self.world.messages[stream_id]):
            return None if done == "deleted" else f"deleted in Stream, {done} in ChatSDK"
        was = {
            "text": before["text"],
            "attachments": before["attachments"],
            "edited_at": _us(before["edited_at"]) if before["edited_at"] else None,
        }
        same = all(matches(wanted[column], value) for column, value in was.items())
        return None if same else f"changed in Stream, {done} in ChatSDK"

    def _reaction_conflict(self, key: tuple[str, str, str]) -> Listed:
        what = f"{key[2]} of {key[1]}: in Stream, taken away in ChatSDK"
        return self._cid_of(key[0]), "reaction", key[0], what

    def _vote_conflict(self, key: tuple[str, str, str]) -> Listed:
        return self._cid_of(key[0]), "vote", key[0], f"o{key[2]} of {key[1]}: in Stream, taken back in ChatSDK"

    def _pin_conflict(self, stream_id: str) -> Listed:
        return self._cid_of(stream_id), "pin", stream_id, "pinned in Stream, unpinned in ChatSDK"

    # ---- looking things up

    def _is_read_again(self, stream_id: str) -> bool:
        """Whether the last sync surely read the message: alive, and not as old as the window of recent history."""
        recent = (self.world.clock() - timedelta(days=READ_AGAIN_DAYS)).isoformat()
        return self._is_alive(stream_id) and self.world.messages[stream_id]["created_at"] > recent

    def _cid_of(self, stream_id: str) -> str:
        row = self._map[stream_id]
        return next(cid for cid, one in self._cids.items() if one["channel_id"] == row["channel_id"])

    def _is_alive(self, stream_id: str) -> bool:
        message = self.world.messages.get(stream_id)
        return message is not None and not is_deleted(message) and message["cid"] in self.world.channels

    def _reaction_times(self, key: tuple[str, str, str]) -> set[int | None]:
        return {
            micros(one["created_at"])
            for one in self.world.reactions_of(key[0])
            if (one["user_id"], EMOJI.get(one["type"], one["type"])) == key[1:]
        }

    def _is_pinned(self, stream_id: str) -> tuple[str, int | None] | None:
        message = self.world.messages.get(stream_id) or {}
        return (message["pinned_by"]["id"], micros(message["pinned_at"])) if message.get("pinned") else None

    def _vote_time(self, key: tuple[str, str, str]) -> int | None:
        message = self.world.messages.get(key[0]) or {}
        votes = self.world.votes.get(message.get("poll_id", ""), {}).values()
        times = [micros(one["created_at"]) for one in votes if (one["user_id"], one["option_id"][1:]) == key[1:]]
        return times[0] if times else None

    def _name(self, message_id: str) -> str:
        return next((key for key, row in self._map.items() if str(row["message_id"]) == message_id), message_id)


def _us(at: datetime) -> int:
    return round(at.timestamp() * 1_000_000)


def _all(conn: psycopg.Connection[Any], query: str) -> list[Any]:
    return conn.execute(query.replace("channel_map_", "chatsdk_migration.channel_map")).fetchall()


def _by(conn: psycopg.Connection[Any], query: str, key: str) -> dict[str, Any]:
    return {str(row[key]): row for row in _all(conn, query)}
