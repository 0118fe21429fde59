"""What the tests of the loads share: one small channel with everything in it, and a picture of the database."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from chatsdk_migration import identity
from chatsdk_migration.models import (
    Batch,
    ChannelRow,
    Entity,
    LoadCounts,
    MemberRow,
    MentionRow,
    MessageRow,
    PinRow,
    PollRow,
    ReactionRow,
    UserRow,
    VoteRow,
)
from chatsdk_migration.postgres import channels, ledger, people, preflight
from chatsdk_migration.postgres.stage import ChannelStage
from chatsdk_migration.postgres.target import Target
from chatsdk_migration_tests.conftest import APP_ID

CID = "messaging:general"
CHANNEL_ID = identity.channel_id(APP_ID, CID)
START = datetime(2024, 1, 1, 12, 0, 0, 123456, UTC)
PEOPLE = ("ann", "bob", "cy", "dee")
MESSAGES = 12

PICTURE = {
    "app_user": "id, name, custom_data::text, created_at, updated_at",
    "channel": "id, cid, type, name, member_count, message_count, last_message_at, created_at, updated_at",
    "channel_seq": "channel_id, current_seq",
    "channel_member": "channel_id, user_id, role, muted, unread_count, last_read_seq, last_read_message_id, joined_at",
    "message": "id, channel_id, user_id, seq, text, attachments::text, parent_id, reply_to_id, reply_count, poll_id,"
    " created_at, edited_at, deleted_at",
    "user_message": "user_id, message_id, flags",
    "reaction": "message_id, user_id, emoji, created_at",
    "mention": "id, message_id, mentioned_user_id, mentioner_user_id",
    "pinned_message": "channel_id, message_id, pinned_by, pinned_at",
    "poll": "id, message_id, question, options::text, total_votes",
    "poll_vote": "poll_id, user_id, option_id",
    "chatsdk_migration.channel_map": "cid, channel_id",
    "chatsdk_migration.message_map": "stream_id, message_id, channel_id",
    "chatsdk_migration.read_position": "channel_id, user_id, last_read, reads_all",
    "chatsdk_migration.loss": "cid, entity, kind, stream_id, occurrences, detail",
    "chatsdk_migration.quarantine": "cid, entity, stream_id, code, record::text",
}
"""What must be the same after an undisturbed load and after any number of interrupted ones."""


def at(seconds: float) -> str:
    """A moment of the channel's life, as it stands in a row."""
    return (START + timedelta(seconds=seconds)).isoformat()


def message_id(stream_id: str, seconds: float) -> str:
    moment = START + timedelta(seconds=seconds)
    return identity.message_id(APP_ID, stream_id, round(moment.timestamp() * 1_000_000))


def user(name: str) -> UserRow:
    return UserRow(name, name.title(), None, "{}", None, at(-100), at(-50))


def channel(cid: str = CID, **changes: Any) -> ChannelRow:
    row = ChannelRow(identity.channel_id(APP_ID, cid), cid, cid, "group", "General", None, "{}", "ann", at(-10), at(-5))
    return row._replace(**changes)


def member(name: str, *, last_read: float | None = None, reads_all: bool = False, unread: int = 0) -> MemberRow:
    return MemberRow(name, "member", False, at(-9), unread, None if last_read is None else at(last_read), reads_all)


def message(stream_id: str, seconds: float, **changes: Any) -> MessageRow:
    row = MessageRow(
        stream_id,
        message_id(stream_id, seconds),
        PEOPLE[int(seconds) % len(PEOPLE)],
        f"text of {stream_id}",
        "[]",
        None,
        None,
        None,
        at(seconds),
        0,
        None,
        None,
    )
    return row._replace(**changes)


def batch(messages: Iterable[MessageRow] = (), names: Iterable[str] = PEOPLE) -> Batch:
    return Batch(users={name: user(name) for name in names}, messages=list(messages))


def full_batch() -> Batch:
    """A channel with a thread, quotes in both directions, a mention, a pin, a poll, reactions, a loss, a reject."""
    poll = identity.poll_id(APP_ID, "lunch")
    changes: dict[int, dict[str, Any]] = {
        2: {"quoted_stream_id": "m10"},
        3: {"parent_stream_id": "m1"},
        4: {"poll_id": poll},
        5: {"quoted_stream_id": "m0"},
        6: {"text": None, "deleted_at": at(60)},
        8: {"parent_stream_id": "m1"},
        9: {"quoted_stream_id": "gone"},
    }
    # In no order at all: the load sorts.
    out = batch(message(f"m{i}", i, **changes.get(i, {})) for i in reversed(range(MESSAGES)))
    out.members = [
        member("ann", last_read=4.5, unread=6),
        member("bob", reads_all=True),
        member("cy", unread=12),
        member("dee", last_read=-1, unread=12),
    ]
    seven, four = message_id("m7", 7), message_id("m4", 4)
    out.mentions = [MentionRow(identity.mention_id(APP_ID, seven, "ann"), seven, "ann", "dee", at(7))]
    out.pins = [PinRow(message_id("m5", 5), "ann", at(20))]
    out.polls = [PollRow(poll, four, "Lunch?", '[{"id": "a", "text": "Yes"}]', False, False, 1, None, "ann", at(4))]
    out.votes = [VoteRow(poll, "bob", "a", at(5))]
    out.reactions = [
        ReactionRow(message_id("m0", 0), "bob", "👍", at(1)),
        ReactionRow(message_id("m0", 0), "cy", "👍", at(1)),
        ReactionRow(message_id("withheld", 0), "cy", "👍", at(1)),
    ]
    out.lose(Entity.MESSAGE, "author_unknown", "m3", "example")
    out.lose(Entity.MESSAGE, "message_silent", "m3", "first")
    out.lose(Entity.MESSAGE, "message_silent", "m4", "second")
    out.reject(Entity.MESSAGE, "bad", "bad_timestamp", "No time.", {"id": "bad"})
    return out


def prepare(target: Target) -> preflight.Preflight:
    """Make everything ready but the content of the channel."""
    ready = preflight.check(target)
    ledger.install(target)
    people.load_users(target, [user("ann"), user("bob")], 500)
    channels.load_channels(target, [channel()], 100)
    return ready


def carry(target: Target, ready: preflight.Preflight, *batches: Batch) -> tuple[LoadCounts, LoadCounts, LoadCounts]:
    """Load all parts of the channel."""
    with ChannelStage(target, ready, CHANNEL_ID, CID, "run") as stage:
        for one in batches or [full_batch()]:
            stage.add(one)
        counts = stage.load_members(), stage.load_messages(), stage.load_reactions()
        stage.finish()
    return counts


def picture(conn: psycopg.Connection[Any], app_id: str = APP_ID) -> dict[str, list[tuple[Any, ...]]]:
    """Everything of an app, comparable: needs a connection that sees all tenants."""
    return {
        table: sorted(
            conn.execute(f"SELECT {columns} FROM {table} WHERE app_id = %s", [app_id]).fetchall(),
            key=repr,
        )
        for table, columns in PICTURE.items()
    }


def empty(conn: psycopg.Connection[Any]) -> None:
    """Forget everything but the apps."""
    remembered = ("chatsdk_migration.carried", "chatsdk_migration.carried_user")
    conn.execute(f"TRUNCATE {', '.join((*PICTURE, *remembered))} CASCADE")
