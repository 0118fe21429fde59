"""Later runs of the same channel: what was carried once, what people did in ChatSDK since, what Stream says now."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from chatsdk_migration import identity
from chatsdk_migration.demo.target import live_send
from chatsdk_migration.errors import ChannelError
from chatsdk_migration.models import Batch, Entity, LoadCounts, MentionRow, PollRow, VoteRow
from chatsdk_migration.postgres import channels, ledger, merge, people
from chatsdk_migration.postgres.preflight import Preflight
from chatsdk_migration.postgres.stage import ChannelStage
from chatsdk_migration.postgres.target import Target
from chatsdk_migration_tests.conftest import APP_ID, TargetDatabase
from chatsdk_migration_tests.postgres import load_support as support
from chatsdk_migration_tests.postgres.load_support import CHANNEL_ID, CID, at, carry, full_batch, member, message_id

MAY_REMOVE = "GRANT DELETE ON channel_member TO PUBLIC"


@pytest.fixture
def admin(target: TargetDatabase) -> Iterator[psycopg.Connection[Any]]:
    with target.superuser() as conn:
        yield conn


@pytest.fixture
def loader(target: TargetDatabase) -> Iterator[Target]:
    loading = Target(target.settings())
    yield loading
    loading.close()


def values(conn: psycopg.Connection[Any], query: str, *parameters: Any) -> list[Any]:
    return [row[0] for row in conn.execute(query, parameters or None)]


def carry_members(loader: Target, ready: Preflight, *names: str, **changes: Any) -> None:
    """A run that loads members and goes no further."""
    with ChannelStage(loader, ready, CHANNEL_ID, CID) as stage:
        stage.add(
            Batch(users={name: support.user(name) for name in names}, members=[member(n, **changes) for n in names])
        )
        stage.refresh_members()
        stage.load_members()


def test_what_people_took_away_stays_away(loader: Target, admin: psycopg.Connection[Any]) -> None:
    ready = support.prepare(loader)
    carry(loader, ready)
    admin.execute("DELETE FROM channel_member WHERE user_id = 'cy'")
    admin.execute("UPDATE channel SET member_count = member_count - 1")
    for table in ("reaction", "pinned_message", "mention"):
        admin.execute(f"DELETE FROM {table}")
    before = support.picture(admin)

    counts = carry(loader, ready)

    assert counts[0] == LoadCounts(0, 4)
    assert support.picture(admin) == before


def test_a_changed_vote_is_not_doubled_and_a_late_one_counts(loader: Target, admin: psycopg.Connection[Any]) -> None:
    ready = support.prepare(loader)
    carry(loader, ready)
    admin.execute("UPDATE poll_vote SET option_id = 'b' WHERE user_id = 'bob'")
    later = full_batch()
    later.votes.append(VoteRow(identity.poll_id(APP_ID, "lunch"), "cy", "a", at(6)))

    carry(loader, ready, later)

    assert admin.execute("SELECT user_id, option_id FROM poll_vote ORDER BY 1").fetchall() == [
        ("bob", "b"),
        ("cy", "a"),
    ]
    assert values(admin, "SELECT total_votes FROM poll") == [2]


def test_a_person_deleted_in_chatsdk_does_not_come_back(loader: Target, admin: psycopg.Connection[Any]) -> None:
    ready = support.prepare(loader)
    carry(loader, ready)
    admin.execute("DELETE FROM message WHERE user_id = 'dee'")
    admin.execute("DELETE FROM app_user WHERE id = 'dee'")

    carry(loader, ready)
    people.load_users(loader, [support.user("dee")], 10)

    assert values(admin, "SELECT id FROM app_user ORDER BY 1") == ["ann", "bob", "cy"]
    assert values(admin, "SELECT stream_id FROM chatsdk_migration.quarantine WHERE record::text LIKE '%%dee%%'") == []
    assert ("person_removed", 1) in {(one.kind, one.number) for one in ledger.noted_losses(loader, CID)}

    people.load_users(loader, [support.user("dee")], 10, restore=True)
    assert values(admin, "SELECT count(*) FROM app_user WHERE id = 'dee'") == [1]


def test_somebody_of_chatsdk_deleted_after_the_load_does_not_come_back(
    loader: Target, admin: psycopg.Connection[Any]
) -> None:
    ledger.install(loader)
    admin.execute("INSERT INTO app_user (app_id, id, name) VALUES (%s, 'eve', 'Eve')", [APP_ID])
    people.load_users(loader, [support.user("eve")], 10)
    admin.execute("DELETE FROM app_user WHERE id = 'eve'")

    assert people.load_users(loader, [support.user("eve")], 10).counts == LoadCounts(0, 1)
    assert values(admin, "SELECT id FROM app_user WHERE id = 'eve'") == []


def test_reactions_missed_by_a_killed_run_still_come(loader: Target, admin: psycopg.Connection[Any]) -> None:
    ready = support.prepare(loader)
    with ChannelStage(loader, ready, CHANNEL_ID, CID) as stage:
        stage.add(full_batch())
        stage.load_members()
        stage.load_messages()
    carry(loader, ready)
    assert values(admin, "SELECT count(*) FROM reaction") == [2]
    assert values(admin, "SELECT count(*) FROM pinned_message") == [1]


def test_who_left_between_two_runs_is_no_member(loader: Target, admin: psycopg.Connection[Any]) -> None:
    ready = support.prepare(loader)
    carry_members(loader, ready, "ann", "bob", "cy", unread=4)
    admin.execute("INSERT INTO app_user (app_id, id, name) VALUES (%s, 'live', 'Live')", [APP_ID])
    admin.execute(
        "INSERT INTO channel_member (channel_id, app_id, user_id) VALUES (%s, %s, 'live')", [CHANNEL_ID, APP_ID]
    )
    admin.execute("UPDATE channel_member SET role = 'admin' WHERE user_id = 'bob'")
    with pytest.raises(ChannelError, match="GRANT DELETE ON channel_member"):
        carry_members(loader, ready, "ann", unread=1)
    admin.execute(MAY_REMOVE)

    carry_members(loader, ready, "ann", unread=1)

    found = admin.execute("SELECT user_id, unread_count FROM channel_member ORDER BY 1").fetchall()
    assert found == [("ann", 1), ("bob", 4), ("live", 0)]
    carry_members(loader, ready, "ann", "cy", unread=1)  # back in Stream
    assert values(admin, "SELECT user_id FROM channel_member ORDER BY 1") == ["ann", "bob", "cy", "live"]


def test_read_marks_never_pass_live_messages(loader: Target, admin: psycopg.Connection[Any]) -> None:
    ready = support.prepare(loader)
    empty = Batch(users={"bob": support.user("bob")}, members=[member("bob", reads_all=True)])
    carry(loader, ready, empty)
    live_send(admin, APP_ID, CHANNEL_ID, "ann", "live")

    carry(loader, ready)

    assert admin.execute(
        "SELECT last_read_seq, last_read_message_id FROM channel_member WHERE user_id = 'bob'"
    ).fetchone() == (
        0,
        None,
    )


def test_nobody_outside_gets_a_mention(loader: Target, admin: psycopg.Connection[Any]) -> None:
    ready = support.prepare(loader)
    out = full_batch()
    out.users["eve"] = support.user("eve")
    five = message_id("m5", 5)
    out.mentions.append(MentionRow(identity.mention_id(APP_ID, five, "eve"), five, "eve", "ann", at(5)))

    carry(loader, ready, out)

    assert values(admin, "SELECT mentioned_user_id FROM mention") == ["ann"]
    assert ("mention_outsider", 1) in {(one.kind, one.number) for one in ledger.noted_losses(loader, CID)}


def test_a_reply_in_another_channel_does_not_count_for_ever(loader: Target, admin: psycopg.Connection[Any]) -> None:
    ready = support.prepare(loader)
    carry(loader, ready)
    other = support.channel("messaging:other")
    channels.load_channels(loader, [other], 10)
    admin.execute(
        "INSERT INTO message (id, channel_id, app_id, user_id, seq, parent_id)"
        " VALUES (gen_random_uuid(), %s, %s, 'ann', 1, %s)",
        [other.id, APP_ID, message_id("m1", 1)],
    )
    with ChannelStage(loader, ready, other.id, "messaging:other") as stage:
        stage.add(support.batch([support.message("o1", 3)]))
        stage.load_messages()
        stage.finish()
    carry(loader, ready)
    assert values(admin, "SELECT reply_count FROM message WHERE id = %s", message_id("m1", 1)) == [2]


def test_replies_that_never_came_are_not_counted(loader: Target, admin: psycopg.Connection[Any]) -> None:
    ready = support.prepare(loader)
    carry(loader, ready)
    admin.execute("DELETE FROM message WHERE parent_id = %s", [message_id("m1", 1)])
    carry(loader, ready)
    assert values(admin, "SELECT reply_count FROM message WHERE id = %s", message_id("m1", 1)) == [0]


def test_counters_of_live_parents_are_left_alone(loader: Target, admin: psycopg.Connection[Any]) -> None:
    ready = support.prepare(loader)
    carry(loader, ready)
    live_send(admin, APP_ID, CHANNEL_ID, "ann", "live")
    admin.execute("UPDATE message SET reply_count = 7 WHERE text = 'live'")
    carry(loader, ready)
    assert values(admin, "SELECT reply_count FROM message WHERE text = 'live'") == [7]


def test_everything_is_unread_for_everybody_at_once(loader: Target, admin: psycopg.Connection[Any]) -> None:
    ready = support.prepare(loader)
    out = full_batch()
    out.members = [member(name)._replace(unread_count=None) for name in support.PEOPLE]
    carry(loader, ready, out)
    expected = {
        name: values(admin, "SELECT count(*) FROM message WHERE user_id <> %s AND deleted_at IS NULL", name)[0]
        for name in support.PEOPLE
    }
    assert dict(admin.execute("SELECT user_id, unread_count FROM channel_member").fetchall()) == expected
    carry(loader, ready, out)
    assert dict(admin.execute("SELECT user_id, unread_count FROM channel_member").fetchall()) == expected


def test_members_come_in_batches(
    loader: Target, admin: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merge, "MEMBERS_AT_A_TIME", 2)
    ready = support.prepare(loader)
    members, _, _ = carry(loader, ready)
    assert members == LoadCounts(4)
    assert values(admin, "SELECT member_count FROM channel") == [4]


def test_creators_notes_may_come_again_with_the_channels(loader: Target) -> None:
    ledger.install(loader)
    for entities in ({Entity.USER.value}, {Entity.CHANNEL.value}, {Entity.CHANNEL.value}):
        notes, noted = ledger.Notes(loader, entities), Batch()
        noted.lose(Entity.USER, "user_deleted", "eve", "language")
        noted.lose(Entity.USER, "signed_link", "eve", "image")
        notes.add(noted)
        notes.write()
    assert {(one.kind, one.number) for one in ledger.noted_losses(loader)} == {("user_deleted", 1), ("signed_link", 1)}


def test_a_poll_keeps_the_votes_cast_here_before_ours(loader: Target, admin: psycopg.Connection[Any]) -> None:
    ready = support.prepare(loader)
    first = full_batch()
    votes, first.votes = first.votes, []
    first.polls = [PollRow(*row)._replace(total_votes=0) for row in first.polls]
    carry(loader, ready, first)
    poll = identity.poll_id(APP_ID, "lunch")
    admin.execute(
        "INSERT INTO poll_vote (poll_id, app_id, user_id, option_id) VALUES (%s, %s, 'bob', 'b')", [poll, APP_ID]
    )
    first.votes = votes
    carry(loader, ready, first)
    assert values(admin, "SELECT option_id FROM poll_vote") == ["b"]
    assert values(admin, "SELECT total_votes FROM poll") == [1]
