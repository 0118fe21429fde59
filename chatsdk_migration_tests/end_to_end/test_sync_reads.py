"""Read state through syncs: nobody returns to a flood of unread, nobody loses what is really unread.

Here: read positions and badges with live ChatSDK messages and readers between syncs. Not here: any other change
(``test_sync.py``).
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from chatsdk_migration.demo.target import live_send
from chatsdk_migration.identity import channel_id
from chatsdk_migration.reconcile.channel import verify_channel
from chatsdk_migration.transfer import Migration
from chatsdk_migration_tests.conftest import APP_ID, TargetDatabase
from chatsdk_migration_tests.end_to_end.test_sync import ROOM, Sides, at, build, migrated

HERE = channel_id(APP_ID, ROOM)
MEMBERS = ("ann", "bob", "cy")


@pytest.fixture
def sides(target: TargetDatabase) -> Iterator[Sides]:
    with migrated(build(), target) as both:
        both.sync()
        yield both


def send(sides: Sides, user_id: str, text: str = "written here") -> int:
    with sides.target.superuser() as conn:
        return live_send(conn, APP_ID, HERE, user_id, text).seq


def read_here(sides: Sides, user_id: str) -> int:
    """Read everything in ChatSDK, as its server stores it."""
    (top,) = sides.sql("SELECT max(seq) FROM message WHERE channel_id = %s", HERE)[0]
    sides.sql(
        "UPDATE channel_member SET unread_count = 0, last_read_seq = %s WHERE channel_id = %s AND user_id = %s",
        top,
        HERE,
        user_id,
    )
    sides.sql(
        """UPDATE user_message u SET flags = coalesce(flags, 0) | 1 FROM message m
           WHERE m.id = u.message_id AND m.channel_id = %s AND u.user_id = %s""",
        HERE,
        user_id,
    )
    return int(top)


def state(sides: Sides, user_id: str) -> tuple[int, int]:
    """Position and badge."""
    found = sides.sql(
        "SELECT last_read_seq, unread_count FROM channel_member WHERE channel_id = %s AND user_id = %s", HERE, user_id
    )
    return int(found[0][0]), int(found[0][1])


def test_a_live_message_stays_unread_however_far_people_read_in_stream(sides: Sides) -> None:
    live = send(sides, "cy")
    sides.world.add_message(ROOM, "after", user_id="ann", text="news", at=sides.world.clock())
    sides.world.set_read(ROOM, "bob", last_read=sides.world.clock(), unread_messages=0)
    sides.sync()
    assert state(sides, "bob") == (live - 1, 1)
    late = send(sides, "cy", "again")
    sides.world.add_message(ROOM, "later", user_id="ann", text="more", at=sides.world.clock())
    sides.sync()
    assert state(sides, "bob") == (live - 1, 2)
    assert read_here(sides, "bob") > late
    sides.world.set_read(ROOM, "bob", last_read=sides.world.clock(), unread_messages=0)
    sides.sync()
    assert state(sides, "bob") == (late + 1, 0)


def test_who_wrote_the_live_message_is_not_held_back_by_it(sides: Sides) -> None:
    live = send(sides, "bob")
    sides.world.add_message(ROOM, "after", user_id="ann", text="news", at=sides.world.clock())
    sides.world.set_read(ROOM, "bob", last_read=sides.world.clock(), unread_messages=0)
    sides.sync()
    assert state(sides, "bob") == (live + 1, 0)


def test_a_message_that_comes_late_moves_no_reader_past_what_is_unread(sides: Sides) -> None:
    before = state(sides, "bob")
    assert before[1] == 5
    sides.world.add_message(ROOM, "late", user_id="ann", text="imported", at=at(hours=25))
    sides.sync()
    assert state(sides, "bob") == before
    with Migration(sides.settings()) as migration:
        found = [one for one in verify_channel(migration, ROOM).differences if one.explained_by is None]
    assert found == []


def test_who_joins_finds_no_flood_and_misses_nothing_written_since(sides: Sides) -> None:
    for number in range(5):
        send(sides, "cy", f"long ago {number}")
    sides.world.add_member(ROOM, "dee", created_at=sides.world.clock() + timedelta(seconds=5))
    sides.sync()
    (top,) = sides.sql("SELECT max(seq) FROM message WHERE channel_id = %s", HERE)[0]
    assert state(sides, "dee")[1] == 0
    send(sides, "cy", "hello dee")
    sides.world.add_message(ROOM, "hello", user_id="ann", text="hello dee", at=sides.world.clock())
    sides.world.set_read(ROOM, "dee", last_read=at(hours=1), unread_messages=1)
    sides.sync()
    assert state(sides, "dee")[1] == 2
    assert state(sides, "dee")[0] <= top


@pytest.mark.parametrize("seed", range(4))
def test_badges_count_exactly_what_each_person_has_read_nowhere(seed: int, sides: Sides) -> None:
    chance = random.Random(seed)
    # Without read state people have read everything; where somebody stands never goes back.
    moments: dict[str, datetime] = {"ann": sides.world.clock(), "bob": at(hours=9), "cy": sides.world.clock()}
    read_in_chatsdk = dict.fromkeys(MEMBERS, 0)
    for turn in range(8):
        for step in range(chance.randint(1, 6)):
            who = chance.choice(MEMBERS)
            match chance.choice(("stream", "stream", "late", "live", "live", "read", "read here")):
                case "stream":
                    now = sides.world.clock()
                    sides.world.add_message(ROOM, f"s{turn}-{step}", user_id=who, text="there", at=now)
                case "late":
                    past = at(hours=chance.randint(9, 25), minutes=step)
                    sides.world.add_message(ROOM, f"l{turn}-{step}", user_id=who, text="late", at=past)
                case "live":
                    send(sides, who)
                case "read":
                    moments[who] = sides.world.clock()
                case _:
                    read_in_chatsdk[who] = read_here(sides, who)
        messages = [one for one in sides.world.messages_of(ROOM) if one["type"] != "deleted"]
        for who in MEMBERS:
            unread = sum(
                one["user"]["id"] != who and datetime.fromisoformat(one["created_at"]) > moments[who]
                for one in messages
            )
            sides.world.set_read(ROOM, who, last_read=moments[who], unread_messages=unread)
        sides.sync()
        for who in MEMBERS:
            assert_right(sides, who, moments[who], read_in_chatsdk[who])


def assert_right(sides: Sides, who: str, moment: datetime, read_here_up_to: int) -> None:
    """The badge is the number of what was read on neither side, and the position passes none of it."""
    unread = sides.sql(
        """SELECT m.seq FROM message m LEFT JOIN chatsdk_migration.message_map x ON x.message_id = m.id
           WHERE m.channel_id = %s AND m.user_id <> %s AND m.deleted_at IS NULL AND m.seq > %s
             AND (x.message_id IS NULL OR m.created_at > %s)
           ORDER BY 1""",
        HERE,
        who,
        read_here_up_to,
        moment,
    )
    position, badge = state(sides, who)
    assert badge == len(unread)
    assert not unread or position < unread[0][0]
    assert position >= read_here_up_to
