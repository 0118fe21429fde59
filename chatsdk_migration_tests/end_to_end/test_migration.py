"""Whole workspaces arrive equal, whatever the service, the network, the role and the neighbours do.

Each test migrates over HTTP into a real database and holds both sides against each other category by category
(``oracle.py``). Not here: processes that die on the way (``test_killing.py``).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import psycopg
import pytest
from psycopg import sql

from chatsdk_migration import identity
from chatsdk_migration.demo import target as chatsdk
from chatsdk_migration.demo.server import StreamServer
from chatsdk_migration.demo.workspaces import Outcome as Fate
from chatsdk_migration.demo.workspaces import expected as fated
from chatsdk_migration.demo.workspaces import hard_workspace, sample_workspace
from chatsdk_migration.demo.world import World
from chatsdk_migration.settings import MappingRules
from chatsdk_migration_tests.conftest import Role, Serve, TargetDatabase
from chatsdk_migration_tests.end_to_end.checking import assert_equal_sides, broken_numbers, snapshot
from chatsdk_migration_tests.end_to_end.driver import Outcome, migrate
from chatsdk_migration_tests.end_to_end.facts import differences
from chatsdk_migration_tests.end_to_end.found import CATEGORIES, found
from chatsdk_migration_tests.end_to_end.oracle import expected

MAY_FAIL_LOUDLY = fated(Fate.WHOLE_OR_LOUD, "channel")
"""Channels no documented route reads whole: they arrive whole or say so."""
POLICIES: list[Literal["unread_and_mentions", "none"]] = ["unread_and_mentions", "none"]
NUMBERS = frozenset({"seq", "counters", "reads", "user_message", "unmapped_messages"})
"""Categories in which a live sender's messages count too."""


def carry(server: StreamServer, target: TargetDatabase, role: Role = "loader", **mapping: Any) -> Outcome:
    return migrate(server.url, target.settings(role, mapping=MappingRules(**mapping)))


@pytest.mark.parametrize("ties", ["strict", "stable"])
def test_the_sample_workspace_arrives_equal(target: TargetDatabase, stream: Serve, ties: str) -> None:
    world = sample_workspace()
    server = stream(world, ties=ties)
    outcome = carry(server, target)
    assert outcome.problems == {}
    assert_equal_sides(world, target)


@pytest.mark.parametrize(
    "service",
    [
        {"ties": "strict"},
        {
            "ties": "stable",
            "deleted_text": "placeholder",
            "deleted_reply_count": "counted",
            "header_case": "title",
            "unknown_anchor": "404",
            "empty_counts": "empty",
            "id_order": "letters",
            "message_limit_zero": "default",
            "get_channel": False,
            "members_keyset": True,
            "gzip": True,
        },
    ],
    ids=["strict ties and 10,001 members", "stable ties and every other switch"],
)
def test_the_hard_workspace_arrives_equal(target: TargetDatabase, stream: Serve, service: dict[str, Any]) -> None:
    world = hard_workspace(large=service["ties"] == "strict")
    server = stream(world, **service)
    outcome = carry(server, target)
    assert outcome.problems.keys() <= MAY_FAIL_LOUDLY
    assert_equal_sides(world, target, failed=outcome.problems)
    assert_fates(target)


def assert_fates(target: TargetDatabase) -> None:
    """The authors of the traps said what must become of single records; the oracle never read that."""
    categories = frozenset({"messages", "channels", "members"})
    with target.superuser() as conn:
        here = found(conn, target.app_id, categories)
    messages = here["messages"]
    for fate in (Fate.WITHHELD, Fate.ABSENT, Fate.REJECTED):
        assert {one for one in fated(fate, "message") if (one,) in messages} == set()
    assert {one for one in fated(Fate.TOMBSTONE, "message") if messages[one,]["text"] is not None} == set()
    arrived = fated(Fate.CHANGED, "message") | fated(Fate.DEGRADED, "message") | fated(Fate.TOMBSTONE, "message")
    assert {one for one in arrived if (one,) not in messages} == set()
    assert {one for one in fated(Fate.ABSENT, "channel") if (one,) in here["channels"]} == set()
    assert {who for _, who in here["members"]} & fated(Fate.WITHHELD, "member") == set()


def test_an_older_app_says_how_many_reactions_it_keeps_back(target: TargetDatabase, stream: Serve) -> None:
    """Without the reaction query, GET reaches about 1,300: the rest is counted, never just absent."""
    world = hard_workspace()
    cid = "messaging:reactions-1310"
    server = stream(world, query_reactions=False)
    outcome = migrate(server.url, target.settings(), [cid])
    with target.superuser() as conn:
        arrived = len(found(conn, target.app_id)["reactions"])
        told = conn.execute("SELECT count(*) FROM chatsdk_migration.loss WHERE entity = 'reaction'").fetchone()
    assert told is not None
    assert arrived == 1310 or told[0] > 0 or cid in outcome.problems
    assert arrived >= 1300


@pytest.mark.parametrize("kinds", [("429", "500"), ("drop_before", "drop_after", "cut", "truncated")])
def test_one_call_in_ten_fails(target: TargetDatabase, stream: Serve, kinds: tuple[Any, ...]) -> None:
    world = sample_workspace()
    server = stream(world)
    server.faults.mix(0.1, kinds)
    outcome = carry(server, target)
    assert sum(server.faults.happened.values()) > 10
    assert outcome.problems == {}
    assert_equal_sides(world, target)


def test_a_second_run_adds_nothing_and_changes_nothing(target: TargetDatabase, stream: Serve) -> None:
    world = sample_workspace()
    server = stream(world)
    first = carry(server, target)
    with target.superuser() as conn:
        before = snapshot(conn)
    second = carry(server, target)
    with target.superuser() as conn:
        after = snapshot(conn)
    assert first.rows_written > 0
    assert second.rows_written == 0
    assert {table for table in before if before[table] != after[table]} == set()
    assert_equal_sides(world, target)


def test_a_role_without_the_replication_privilege(target: TargetDatabase, stream: Serve) -> None:
    world = sample_workspace()
    server = stream(world)
    outcome = carry(server, target, "ordinary")
    assert outcome.problems == {}
    assert_equal_sides(world, target)


@pytest.mark.parametrize("policy", POLICIES)
def test_fewer_rows_for_each_reader(target: TargetDatabase, stream: Serve, policy: str) -> None:
    world = sample_workspace()
    server = stream(world)
    carry(server, target, user_message=policy)
    assert_equal_sides(world, target, MappingRules.model_validate({"user_message": policy}))


def test_rules_of_the_operator(target: TargetDatabase, stream: Serve) -> None:
    rules: dict[str, Any] = {
        "channel_types": {"team": "private", "livestream": "group"},
        "roles": {"channel_moderator": "admin"},
        "emoji": {"fire": "🔥", "like": "👌"},
        "members_without_read_state": "unread",
        "carry_shadowed_messages": True,
        "carry_restricted_messages": True,
        "message_custom": "attachment",
    }
    world = sample_workspace()
    server = stream(world)
    carry(server, target, **rules)
    assert_equal_sides(world, target, MappingRules.model_validate(rules))


def test_the_data_of_other_apps_and_of_this_one_stays_as_it_was(target: TargetDatabase, stream: Serve) -> None:
    world = sample_workspace()
    somebody = next(iter(world.users))
    with target.superuser() as conn:
        for number, app_id in enumerate((target.app_id, target.other_app_id)):
            _settle(conn, app_id, somebody, number)
        before = _settled(conn)
    server = stream(world)
    outcome = carry(server, target)
    with target.superuser() as conn:
        assert _settled(conn) == before
    assert outcome.problems == {}


def _settle(conn: psycopg.Connection[Any], app_id: str, user_id: str, number: int) -> None:
    """A person, a channel and a message that were there before."""
    channel_id = f"00000000-0000-4000-8000-00000000000{number}"
    conn.execute("INSERT INTO app_user (id, app_id, name) VALUES (%s, %s, 'Native')", [user_id, app_id])
    conn.execute(
        "INSERT INTO channel (id, app_id, cid, created_by) VALUES (%s, %s, 'group:native', %s)",
        [channel_id, app_id, user_id],
    )
    conn.execute(
        "INSERT INTO channel_member (channel_id, app_id, user_id) VALUES (%s, %s, %s)", [channel_id, app_id, user_id]
    )
    chatsdk.live_send(conn, app_id, channel_id, user_id, "I was here first")


def _settled(conn: psycopg.Connection[Any]) -> list[Any]:
    """Everything of the natives."""
    tables = ("app_user", "channel", "channel_seq", "channel_member", "message", "user_message")
    where = {
        "app_user": "name = 'Native'",
        "channel": "cid = 'group:native'",
        "message": "text = 'I was here first'",
        "user_message": "message_id IN (SELECT id FROM message WHERE text = 'I was here first')",
    }
    native = "channel_id::text LIKE '00000000-%%'"
    query = sql.SQL("SELECT to_jsonb(t) FROM {} t WHERE {} ORDER BY 1")
    return [
        conn.execute(query.format(sql.Identifier(table), sql.SQL(where.get(table, native)))).fetchall()
        for table in tables
    ]


def test_a_channel_that_leaves_during_the_run(target: TargetDatabase, stream: Serve) -> None:
    """It was listed, then it is deleted: gone from the source, no failure, and nobody brings it back to life."""
    world = sample_workspace()
    victim = max(world.channels, key=lambda cid: world.channels[cid].data["created_at"])
    server = stream(world, get_or_create_deleted="revive")

    def leave(endpoint: str, _: Any) -> None:
        if endpoint == "GetReplies" and victim in world.channels:
            world.delete_channel(victim, at="2025-10-01T00:00:00Z")

    server.before_answer = leave
    outcome = carry(server, target)
    assert server.failures == []
    assert victim not in world.channels
    assert outcome.problems == {}
    assert any(result.gone for result in outcome.results[victim].values())
    with target.superuser() as conn:
        channel_id = identity.channel_id(target.app_id, victim)
        assert conn.execute("SELECT count(*) FROM message WHERE channel_id = %s", [channel_id]).fetchone() == (0,)


@pytest.mark.parametrize("role", ["loader", "ordinary"])
def test_beside_people_who_go_on_talking(target: TargetDatabase, stream: Serve, role: Role) -> None:
    world = sample_workspace()
    server = stream(world)
    migrate(server.url, target.settings(role), [])  # the channels exist, empty
    with talking(world, target) as sent:
        outcome = carry(server, target, role)
    assert outcome.problems == {}
    assert sum(sent.values()) > 20
    assert_equal_sides(world, target, skip=NUMBERS)
    with target.superuser() as conn:
        assert broken_numbers(conn) == []
        assert _order(conn, target.app_id) == _wanted_order(world, target.app_id)
        live = conn.execute("SELECT count(*) FROM message WHERE text LIKE 'live %'").fetchone()
    assert live == (sum(sent.values()),)


@contextmanager
def talking(world: World, target: TargetDatabase) -> Iterator[dict[str, int]]:
    """People who send into the three largest channels without a break."""
    cids = sorted(world.channels, key=lambda cid: -len(world.messages_of(cid)))[:3]
    sent, stop, errors = dict.fromkeys(cids, 0), threading.Event(), []

    def talk(cid: str) -> None:
        author = next(iter(world.channels[cid].members))
        with target.connect("ordinary", target.app_id) as conn:
            while not stop.wait(0.01):
                try:
                    chatsdk.live_send(
                        conn, target.app_id, identity.channel_id(target.app_id, cid), author, f"live {sent[cid]}"
                    )
                except psycopg.Error as error:
                    errors.append(error)
                sent[cid] += 1

    threads = [threading.Thread(target=talk, args=[cid]) for cid in cids]
    for thread in threads:
        thread.start()
    try:
        yield sent
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert errors == []


def _order(conn: psycopg.Connection[Any], app_id: str) -> dict[str, list[str]]:
    """The migrated messages of each channel in the order of their numbers."""
    rows = conn.execute(
        """SELECT c.cid, array_agg(x.stream_id ORDER BY m.seq)
           FROM message m JOIN chatsdk_migration.message_map x ON x.message_id = m.id AND x.app_id = %s
           JOIN channel c ON c.id = m.channel_id GROUP BY c.cid""",
        [app_id],
    ).fetchall()
    return dict(rows)


def _wanted_order(world: World, app_id: str) -> dict[str, list[str]]:
    wanted = expected(world, MappingRules(), app_id)
    order: dict[str, list[str]] = {}
    for (message_id,), _ in sorted(wanted["seq"].rows.items(), key=lambda item: item[1]["seq"]):
        order.setdefault(wanted["messages"].rows[message_id,]["cid"], []).append(message_id)
    return order


def test_a_live_message_after_the_load_gets_the_next_number(target: TargetDatabase, stream: Serve) -> None:
    world = sample_workspace()
    cid = "team:roastery"
    server = stream(world)
    migrate(server.url, target.settings(), [cid])
    last = len(_wanted_order(world, target.app_id)[cid])
    author = next(iter(world.channels[cid].members))
    with target.connect("ordinary", target.app_id) as conn:
        channel_id = identity.channel_id(target.app_id, cid)
        assert chatsdk.live_send(conn, target.app_id, channel_id, author, "hello").seq == last + 1


def test_the_oracle_sees_what_is_wrong(target: TargetDatabase, stream: Serve) -> None:
    """The comparison itself: one wrong fact in each category of the target is one named difference."""
    world = sample_workspace()
    server = stream(world)
    carry(server, target)
    tampering = {
        "users": "UPDATE app_user SET name = 'x' WHERE id = 'amelie.huber'",
        "channels": "UPDATE channel SET type = 'public' WHERE cid = 'team:roastery'",
        "counters": "UPDATE channel SET message_count = message_count + 1 WHERE cid = 'team:finance'",
        "members": "UPDATE channel_member SET role = 'owner' WHERE user_id = 'tom_baker'",
        "reads": "UPDATE channel_member SET unread_count = 99 WHERE user_id = 'tom_baker'",
        "messages": "UPDATE message SET created_at = created_at + interval '1 microsecond' WHERE seq = 2",
        "seq": "UPDATE message SET seq = seq + 100000 WHERE seq = 3",
        "threads": "UPDATE message SET parent_id = NULL WHERE parent_id IS NOT NULL",
        "quotes": "UPDATE message SET reply_to_id = NULL",
        "reactions": "DELETE FROM reaction WHERE emoji = '👍'",
        "mentions": "DELETE FROM mention",
        "pins": "UPDATE pinned_message SET pinned_by = 'amelie.huber'",
        "polls": "UPDATE poll SET total_votes = 7",
        "votes": "DELETE FROM poll_vote",
        "user_message": "UPDATE user_message SET flags = 0",
        "withheld": "DELETE FROM chatsdk_migration.loss",
        "admins": """UPDATE app_user SET custom_data = '{"is_admin": "true"}' WHERE id = 'amelie.huber'""",
    }
    wanted = expected(world, MappingRules(), target.app_id)
    with target.superuser() as conn:
        assert differences(wanted, found(conn, target.app_id)) == []
        for category, statement in tampering.items():
            conn.execute("BEGIN")
            conn.execute(statement)
            here = found(conn, target.app_id, frozenset({category}))
            lines = differences(wanted, here, skip=CATEGORIES - {category})
            conn.execute("ROLLBACK")
            assert lines, category


def long_channel_world(cid: str, count: int = 700) -> World:
    """A channel of three pages; each page holds a thread, which takes a call between it and the next page."""
    world = World()
    for name in ("ann", "bob"):
        world.add_user(name, created_at="2024-01-01T00:00:00Z")
    world.add_channel(cid, created_by="ann", created_at="2024-01-01T00:00:00Z", members=("ann", "bob"))
    for number in range(count):
        moment = f"2024-02-01T00:{number // 60:02d}:{number % 60:02d}Z"
        world.add_message(cid, f"m{number:03d}", user_id="ann", text=f"number {number}", at=moment)
    for number in range(0, count, 100):
        world.add_message(cid, f"r{number}", user_id="bob", at="2024-03-01T00:00:00Z", parent_id=f"m{number:03d}")
    return world


@pytest.mark.parametrize("until", ["2024-02-01T00:03:20Z", "2024-04-01T00:00:00Z"], ids=["in part", "wholly"])
def test_a_channel_truncated_while_it_is_read_arrives_as_it_is_then(
    target: TargetDatabase, stream: Serve, until: str
) -> None:
    cid = "messaging:long"
    world = long_channel_world(cid)
    server = stream(world)

    def truncate(endpoint: str, _: Any) -> None:
        if endpoint == "GetReplies" and "truncated_at" not in world.channels[cid].data:
            world.truncate_channel(cid, until)

    server.before_answer = truncate
    outcome = carry(server, target)
    assert server.failures == []
    assert outcome.problems == {}
    assert_equal_sides(world, target)


def test_a_channel_that_never_comes_to_rest_fails_and_says_why(target: TargetDatabase, stream: Serve) -> None:
    cid = "messaging:long"
    world = long_channel_world(cid)
    server = stream(world)
    moments = iter(range(1, 60))

    def truncate(endpoint: str, _: Any) -> None:
        if endpoint == "GetReplies":
            world.truncate_channel(cid, f"2024-02-01T00:00:{next(moments):02d}Z")

    server.before_answer = truncate
    outcome = carry(server, target)
    assert "truncated" in str(outcome.problems[cid])
    with target.superuser() as conn:
        assert conn.execute("SELECT count(*) FROM message").fetchone() == (0,)


def test_a_channel_deleted_while_it_is_read_is_gone_and_stays_deleted(target: TargetDatabase, stream: Serve) -> None:
    cid = "messaging:long"
    world = long_channel_world(cid, 250)
    world.add_message(cid, "last", user_id="ann", at="2100-01-01T00:00:00Z")  # the list ends with its first page
    server = stream(world, get_or_create_deleted="revive")

    def delete(endpoint: str, _: Any) -> None:
        if endpoint == "GetReplies" and cid in world.channels:
            world.delete_channel(cid)

    server.before_answer = delete
    outcome = carry(server, target)
    assert cid not in world.channels
    assert outcome.problems == {}
    assert all(result.gone for result in outcome.results[cid].values())
    with target.superuser() as conn:
        assert conn.execute("SELECT count(*) FROM message").fetchone() == (0,)


def test_replies_switched_off_cost_their_threads_and_nothing_else(target: TargetDatabase, stream: Serve) -> None:
    server = stream(long_channel_world("messaging:long"), replies_off_types=frozenset({"messaging"}))
    outcome = carry(server, target)
    assert outcome.problems == {}
    with target.superuser() as conn:
        assert conn.execute("SELECT count(*) FROM message").fetchone() == (700,)
        told = conn.execute("SELECT count(*) FROM chatsdk_migration.loss WHERE kind = 'thread_refused'").fetchone()
    assert told == (7,)
