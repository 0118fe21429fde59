"""One channel arrives: every row, every number, in both privilege situations, once."""

from __future__ import annotations

import threading
import tracemalloc
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from chatsdk_migration import identity
from chatsdk_migration.demo.target import live_send
from chatsdk_migration.errors import ChannelError, PermanentError
from chatsdk_migration.models import Batch, Entity, LoadCounts
from chatsdk_migration.postgres import channels, ledger, merge, people, preflight, stage
from chatsdk_migration.postgres.stage import ChannelStage
from chatsdk_migration.postgres.target import Target
from chatsdk_migration_tests.conftest import APP_ID, OTHER_APP_ID, Role, TargetDatabase
from chatsdk_migration_tests.postgres import load_support as support
from chatsdk_migration_tests.postgres.load_support import (
    CHANNEL_ID,
    CID,
    MESSAGES,
    at,
    batch,
    carry,
    full_batch,
    member,
    message,
    message_id,
    picture,
    prepare,
)

ROLES: tuple[Role, ...] = ("loader", "ordinary")


@pytest.fixture
def admin(target: TargetDatabase) -> Iterator[psycopg.Connection[Any]]:
    with target.superuser() as conn:
        yield conn


@pytest.fixture(params=ROLES)
def role(request: pytest.FixtureRequest) -> Role:
    chosen: Role = request.param
    return chosen


def opened(database: TargetDatabase, role: Role = "loader", **changes: Any) -> Target:
    """Small chunks, so that a dozen messages cross several borders."""
    return Target(database.settings(role, **({"message_batch_size": 5} | changes)))


@pytest.fixture
def loader(target: TargetDatabase) -> Iterator[Target]:
    loading = opened(target)
    yield loading
    loading.close()


def values(conn: psycopg.Connection[Any], query: str, *parameters: Any) -> list[Any]:
    return [row[0] for row in conn.execute(query, parameters)]


def seqs(conn: psycopg.Connection[Any]) -> list[int]:
    return values(conn, "SELECT seq FROM message WHERE channel_id = %s ORDER BY seq", CHANNEL_ID)


def test_everything_arrives(target: TargetDatabase, role: Role, admin: psycopg.Connection[Any]) -> None:
    loading = opened(target, role)
    ready = prepare(loading)
    assert ready.may_set_replication_role is (role == "loader")

    counts = carry(loading, ready)

    assert counts == (LoadCounts(4), LoadCounts(MESSAGES), LoadCounts(2))
    ids = values(admin, "SELECT id::text FROM message ORDER BY seq")
    assert ids == [message_id(f"m{i}", i) for i in range(MESSAGES)]
    assert seqs(admin) == list(range(1, MESSAGES + 1))
    assert admin.execute(
        "SELECT member_count, message_count, last_message_at::text = %s::timestamptz::text,"
        " updated_at = %s::timestamptz FROM channel",
        [at(MESSAGES - 1), at(-5)],
    ).fetchall() == [(4, MESSAGES, True, True)]
    assert values(admin, "SELECT current_seq FROM channel_seq") == [MESSAGES]
    links = dict(admin.execute("SELECT seq, coalesce(reply_to_id, parent_id)::text FROM message").fetchall())
    assert {seq - 1: link for seq, link in links.items() if link} == {
        2: message_id("m10", 10),
        3: message_id("m1", 1),
        5: message_id("m0", 0),
        8: message_id("m1", 1),
    }
    assert values(admin, "SELECT reply_count FROM message WHERE reply_count > 0") == [2]
    assert admin.execute("SELECT text, deleted_at IS NULL FROM message WHERE seq = 7").fetchone() == (None, False)
    assert values(admin, "SELECT count(*) FROM poll_vote v JOIN poll p ON p.id = v.poll_id") == [1]
    assert values(admin, "SELECT p.question FROM message m JOIN poll p ON p.id = m.poll_id AND p.message_id = m.id")
    assert values(admin, "SELECT message_id::text FROM pinned_message") == [message_id("m5", 5)]
    assert values(admin, "SELECT mentioned_user_id FROM mention") == ["ann"]
    loading.close()


def test_read_positions(target: TargetDatabase, role: Role, admin: psycopg.Connection[Any]) -> None:
    loading = opened(target, role)
    carry(loading, prepare(loading))

    members = admin.execute(
        "SELECT c.user_id, c.last_read_seq, m.seq, c.unread_count FROM channel_member c"
        " LEFT JOIN message m ON m.id = c.last_read_message_id ORDER BY 1"
    ).fetchall()

    assert members == [("ann", 5, 5, 6), ("bob", 12, 12, 0), ("cy", 0, None, 12), ("dee", 0, None, 12)]
    loading.close()


def expected_flags(name: str, number: int) -> int:
    own = support.PEOPLE[number % 4] == name
    read = own or name == "bob" or (name == "ann" and number <= 4)
    return (1 if read else 0) + (2 if (name, number) == ("ann", 7) else 0)


@pytest.mark.parametrize("policy", ["all", "unread_and_mentions", "none"])
def test_everyones_message_state(
    target: TargetDatabase, role: Role, admin: psycopg.Connection[Any], policy: str
) -> None:
    loading = opened(target, role, mapping={"user_message": policy})
    carry(loading, prepare(loading))

    rows = admin.execute(
        "SELECT u.user_id, m.seq - 1, u.flags FROM user_message u JOIN message m ON m.id = u.message_id"
    )

    every = {(name, number): expected_flags(name, number) for name in support.PEOPLE for number in range(MESSAGES)}
    wanted = {
        "all": every,
        "unread_and_mentions": {key: flags for key, flags in every.items() if flags != 1},
        "none": {},
    }
    assert {(name, number): flags for name, number, flags in rows} == wanted[policy]
    loading.close()


def test_a_second_run_adds_and_changes_nothing(
    target: TargetDatabase, role: Role, admin: psycopg.Connection[Any]
) -> None:
    loading = opened(target, role)
    ready = prepare(loading)
    carry(loading, ready)
    before = picture(admin)

    counts = carry(loading, ready)

    assert counts == (LoadCounts(0, 4), LoadCounts(0, MESSAGES), LoadCounts(0, 2))
    assert picture(admin) == before
    loading.close()


def test_losses_and_rejects_are_kept_once(loader: Target, admin: psycopg.Connection[Any]) -> None:
    ready = prepare(loader)
    carry(loader, ready)
    carry(loader, ready)

    losses = admin.execute(
        "SELECT kind, stream_id, occurrences, detail FROM chatsdk_migration.loss ORDER BY 1"
    ).fetchall()

    assert losses == [
        ("author_unknown", "m3", 1, "example"),
        ("message_silent", "", 2, "m3: first"),
        ("quote_not_carried", "m9", 1, "gone"),
        ("reaction_message_missing", "", 1, f"{message_id('withheld', 0)}: 👍"),
    ]
    assert values(admin, "SELECT code FROM chatsdk_migration.quarantine") == ["bad_timestamp"]
    assert [(one.kind, one.number) for one in ledger.noted_losses(loader, CID)] == [
        (kind, number) for kind, _, number, _ in losses
    ]
    assert [one.kind for one in ledger.noted_rejects(loader)] == ["bad_timestamp"]


def test_another_part_leaves_the_notes_of_the_others(loader: Target, admin: psycopg.Connection[Any]) -> None:
    ready = prepare(loader)
    carry(loader, ready)
    before = picture(admin)
    with ChannelStage(loader, ready, CHANNEL_ID, CID) as again:
        again.add(full_batch())
        again.load_members()
        again.finish()
    assert picture(admin) == before


def test_parts_may_come_in_runs_of_their_own(loader: Target, admin: psycopg.Connection[Any]) -> None:
    ready = prepare(loader)
    carry(loader, ready)
    together = picture(admin)
    support.empty(admin)
    prepare(loader)

    for part in ("load_members", "load_messages", "load_reactions"):
        with ChannelStage(loader, ready, CHANNEL_ID, CID) as one:
            one.add(full_batch())
            getattr(one, part)()
            one.finish()

    assert picture(admin) == together


def test_the_other_tenant_and_the_event_outbox_stay_untouched(loader: Target, admin: psycopg.Connection[Any]) -> None:
    admin.execute("INSERT INTO app_user (app_id, id, name) VALUES (%s, 'ann', 'Other Ann')", [OTHER_APP_ID])
    admin.execute("INSERT INTO channel (app_id, cid) VALUES (%s, %s)", [OTHER_APP_ID, CID])
    ready = prepare(loader)
    before = picture(admin, OTHER_APP_ID)

    carry(loader, ready)

    assert picture(admin, OTHER_APP_ID) == before
    assert values(admin, "SELECT count(*) FROM event_outbox") == [0]
    assert values(admin, "SELECT count(*) FROM search_index_outbox") == [0]


def test_what_was_there_before_is_not_changed(loader: Target, admin: psycopg.Connection[Any]) -> None:
    admin.execute(
        "INSERT INTO app_user (app_id, id, name, custom_data) VALUES (%s, 'ann', 'Ann of ChatSDK', '{\"a\": 1}')",
        [APP_ID],
    )
    ready = prepare(loader)
    admin.execute(
        "INSERT INTO channel_member (channel_id, app_id, user_id, role, last_read_seq)"
        " VALUES (%s, %s, 'ann', 'owner', 7)",
        [CHANNEL_ID, APP_ID],
    )

    members, _, _ = carry(loader, ready)

    assert members == LoadCounts(3, 1)
    assert values(admin, "SELECT name FROM app_user WHERE id = 'ann'") == ["Ann of ChatSDK"]
    assert admin.execute("SELECT role, last_read_seq FROM channel_member WHERE user_id = 'ann'").fetchone() == (
        "owner",
        7,
    )
    assert values(admin, "SELECT member_count FROM channel") == [4]


def test_live_messages_before_the_load_keep_their_numbers_and_times(
    target: TargetDatabase, role: Role, admin: psycopg.Connection[Any]
) -> None:
    loading = opened(target, role)
    ready = prepare(loading)
    first = live_send(admin, APP_ID, CHANNEL_ID, "ann", "live")
    times = admin.execute("SELECT last_message_at, updated_at FROM channel").fetchone()

    carry(loading, ready)
    last = live_send(admin, APP_ID, CHANNEL_ID, "ann", "live again")

    assert (first.seq, last.seq) == (1, MESSAGES + 2)
    assert seqs(admin) == list(range(1, MESSAGES + 3))
    assert times is not None
    assert values(admin, "SELECT last_message_at >= %s FROM channel", times[0]) == [True]
    loading.close()


@pytest.mark.parametrize("role", ROLES)
def test_a_load_does_not_set_the_channel_back_behind_live_messages(
    target: TargetDatabase, role: Role, admin: psycopg.Connection[Any]
) -> None:
    loading = opened(target, role)
    ready = prepare(loading)
    live_send(admin, APP_ID, CHANNEL_ID, "ann", "live")
    times = admin.execute("SELECT last_message_at, updated_at FROM channel").fetchone()

    carry(loading, ready)

    assert admin.execute("SELECT last_message_at, updated_at FROM channel").fetchone() == times
    loading.close()


def test_beside_a_live_sender_every_number_is_given_once(
    target: TargetDatabase, role: Role, admin: psycopg.Connection[Any]
) -> None:
    loading = opened(target, role, message_batch_size=20)
    ready = prepare(loading)
    number = 600
    history = batch(message(f"h{i}", i) for i in range(number))
    history.members = [member(name, reads_all=True) for name in support.PEOPLE]
    done = threading.Event()
    sent: list[int] = []

    def send() -> None:
        with target.connect(role) as conn:
            while not done.is_set():
                sent.append(live_send(conn, APP_ID, CHANNEL_ID, "bob", "live").seq)

    sender = threading.Thread(target=send)
    sender.start()
    try:
        carry(loading, ready, history)
    finally:
        done.set()
        sender.join()

    assert sent
    assert seqs(admin) == list(range(1, number + len(sent) + 1))
    assert values(admin, "SELECT current_seq FROM channel_seq") == [number + len(sent)]
    assert values(admin, "SELECT message_count FROM channel") == [number + len(sent)]
    ours = values(
        admin,
        "SELECT m.id::text FROM message m JOIN chatsdk_migration.message_map k ON k.message_id = m.id ORDER BY seq",
    )
    assert ours == [message_id(f"h{i}", i) for i in range(number)]
    newest = values(admin, "SELECT max(created_at) FROM message")
    assert values(admin, "SELECT last_message_at FROM channel") == newest
    loading.close()


def test_one_instant_is_ordered_by_nanoseconds_then_id(loader: Target, admin: psycopg.Connection[Any]) -> None:
    ready = prepare(loader)
    rows = [message("b", 1), message("B", 1), message("a", 1), message("z", 1)._replace(created_ns=0)]
    rows += [message("y", 1)._replace(created_ns=7), message("x", 1)._replace(created_ns=3)]

    carry(loader, ready, batch(rows))

    order = (
        "SELECT k.stream_id FROM message m JOIN chatsdk_migration.message_map k ON k.message_id = m.id ORDER BY m.seq"
    )
    assert values(admin, order) == ["B", "a", "b", "z", "x", "y"]


def test_a_message_that_comes_with_two_pages_arrives_once(loader: Target, admin: psycopg.Connection[Any]) -> None:
    ready = prepare(loader)
    _, messages, _ = carry(loader, ready, batch([message("a", 1)]), batch([message("a", 1), message("b", 2)]))
    assert messages == LoadCounts(2)
    assert seqs(admin) == [1, 2]


def test_later_messages_find_their_parents_from_the_run_before(loader: Target, admin: psycopg.Connection[Any]) -> None:
    ready = prepare(loader)
    carry(loader, ready, batch([message("parent", 1)]))

    carry(loader, ready, batch([message("reply", 2, parent_stream_id="parent", quoted_stream_id="parent")]))

    parent = message_id("parent", 1)
    assert admin.execute("SELECT parent_id::text, reply_to_id::text FROM message WHERE seq = 2").fetchone() == (
        parent,
        parent,
    )
    assert values(admin, "SELECT reply_count FROM message WHERE seq = 1") == [1]


def test_a_parent_that_comes_later_is_linked_then(loader: Target, admin: psycopg.Connection[Any]) -> None:
    ready = prepare(loader)
    reply = message("reply", 2, parent_stream_id="parent")
    carry(loader, ready, batch([reply]))
    assert [one.kind for one in ledger.noted_losses(loader)] == ["parent_not_carried"]

    carry(loader, ready, batch([message("parent", 1), reply]))

    assert values(admin, "SELECT parent_id::text FROM message WHERE id = %s", reply.id) == [message_id("parent", 1)]
    assert values(admin, "SELECT reply_count FROM message WHERE parent_id IS NULL") == [1]
    assert ledger.noted_losses(loader) == []


def test_one_bad_row_costs_that_row_only(loader: Target, admin: psycopg.Connection[Any]) -> None:
    ready = prepare(loader)
    good = [message(f"m{i}", i) for i in range(20)]
    bad = {
        "no json": message("no json", 30, attachments="{"),
        "escaped nul": message("escaped nul", 31, attachments='["\\u0000"]'),
        "nul": message("nul", 32, text="a\x00b"),
        "half pair": message("half pair", 33, text="a\ud800b"),
        "no date": message("no date", 34, edited_at="yesterday-ish"),
    }
    stranger = message("stranger", 35, user_id="nobody")

    with ChannelStage(loader, ready, CHANNEL_ID, CID) as one:
        one.add(batch([*good[:7], *bad.values(), stranger, *good[7:]]))
        counts = one.load_messages()
        one.finish()
        assert one.rejects == {"message": 6}

    assert counts == LoadCounts(20)
    assert seqs(admin) == list(range(1, 21))
    codes = dict(admin.execute("SELECT stream_id, code FROM chatsdk_migration.quarantine").fetchall())
    assert codes == dict.fromkeys(bad, "unloadable") | {"stranger": "missing_user"}
    assert values(admin, "SELECT record->>'text' FROM chatsdk_migration.quarantine WHERE stream_id = 'nul'") == [
        "a\ufffdb"
    ]


def test_a_reused_stream_id_goes_to_quarantine(loader: Target, admin: psycopg.Connection[Any]) -> None:
    ready = prepare(loader)
    carry(loader, ready, batch([message("a", 1)]))

    carry(loader, ready, batch([message("a", 50, text="somebody else's"), message("b", 2)]))

    assert values(admin, "SELECT text FROM message ORDER BY seq") == ["text of a", "text of b"]
    assert values(admin, "SELECT code FROM chatsdk_migration.quarantine") == ["stream_id_reused"]


def test_people_missing_from_everything_else_go_to_quarantine(loader: Target, admin: psycopg.Connection[Any]) -> None:
    ready = prepare(loader)
    out = full_batch()
    out.members.append(member("nobody"))
    out.reactions.append(out.reactions[0]._replace(user_id="nobody"))
    out.pins.append(out.pins[0]._replace(message_id=message_id("m0", 0), pinned_by="nobody"))
    out.mentions.append(out.mentions[0]._replace(id=identity.mention_id(APP_ID, "x", "y"), mentioned_user_id="nobody"))
    out.votes.append(out.votes[0]._replace(user_id="nobody"))
    out.polls[0] = out.polls[0]._replace(created_by="nobody")

    carry(loader, ready, out)

    rejected = admin.execute(
        "SELECT entity FROM chatsdk_migration.quarantine WHERE code = 'missing_user' ORDER BY 1"
    ).fetchall()
    assert [entity for (entity,) in rejected] == ["member", "mention", "pin", "poll", "reaction", "vote"]
    assert values(admin, "SELECT count(*) FROM message WHERE poll_id IS NULL") == [MESSAGES]
    assert values(admin, "SELECT member_count FROM channel") == [4]


def test_a_message_purged_in_the_target_stays_away(loader: Target, admin: psycopg.Connection[Any]) -> None:
    ready = prepare(loader)
    carry(loader, ready)
    purged = message_id("m11", 11)
    admin.execute("DELETE FROM message WHERE id = %s", [purged])

    _, messages, _ = carry(loader, ready)

    assert messages == LoadCounts(0, MESSAGES)
    assert values(admin, "SELECT count(*) FROM message WHERE id = %s", purged) == [0]


def test_a_channel_removed_from_the_target_can_be_loaded_again(loader: Target, admin: psycopg.Connection[Any]) -> None:
    ready = prepare(loader)
    carry(loader, ready)
    before = picture(admin)
    admin.execute("DELETE FROM channel WHERE id = %s", [CHANNEL_ID])

    channels.load_channels(loader, [support.channel()], 100)
    carry(loader, ready)

    assert picture(admin) == before


def test_lost_maps_are_written_again(loader: Target, admin: psycopg.Connection[Any]) -> None:
    ready = prepare(loader)
    carry(loader, ready)
    before = picture(admin)
    admin.execute("TRUNCATE chatsdk_migration.message_map")
    carry(loader, ready)
    assert picture(admin) == before


def test_a_sequence_counter_that_lags_is_put_right(loader: Target, admin: psycopg.Connection[Any]) -> None:
    ready = prepare(loader)
    admin.execute(
        "INSERT INTO message (id, channel_id, app_id, user_id, seq) VALUES (gen_random_uuid(), %s, %s, 'ann', 40)",
        [CHANNEL_ID, APP_ID],
    )
    carry(loader, ready)
    assert seqs(admin) == list(range(40, 41 + MESSAGES))
    assert values(admin, "SELECT current_seq FROM channel_seq") == [40 + MESSAGES]


def test_a_missing_sequence_row_is_made(loader: Target, admin: psycopg.Connection[Any]) -> None:
    ready = prepare(loader)
    admin.execute("DELETE FROM channel_seq")
    carry(loader, ready)
    assert values(admin, "SELECT current_seq FROM channel_seq") == [MESSAGES]


def test_a_user_deleted_between_plan_and_load_costs_his_messages_only(
    target: TargetDatabase, role: Role, admin: psycopg.Connection[Any]
) -> None:
    class Deleting(psycopg.Cursor[Any]):
        """The person vanishes after the first chunk was checked."""

        def execute(self, query: Any, *args: Any, **kwargs: Any) -> Any:
            result = super().execute(query, *args, **kwargs)
            if b"INSERT INTO stage_plan" in (query if isinstance(query, bytes) else b""):
                admin.execute("DELETE FROM app_user WHERE id = 'dee'")
            return result

    loading = Target(target.settings(role, message_batch_size=5), cursor_factory=Deleting)
    ready = prepare(loading)
    _, messages, _ = carry(loading, ready, batch(message(f"m{i}", i) for i in range(8)))

    assert messages == LoadCounts(6)
    assert seqs(admin) == list(range(1, 7))
    assert values(admin, "SELECT DISTINCT code FROM chatsdk_migration.quarantine") == ["missing_user"]
    loading.close()


def test_without_its_channel_nothing_is_loaded(loader: Target) -> None:
    ready = preflight.check(loader)
    ledger.install(loader)
    with pytest.raises(ChannelError, match="has no channel"):
        carry(loader, ready)


def test_a_channel_loads_in_one_run_at_a_time(
    loader: Target, monkeypatch: pytest.MonkeyPatch, admin: psycopg.Connection[Any]
) -> None:
    ready = prepare(loader)
    monkeypatch.setattr(stage, "LOCK_WAIT_SECONDS", 0.05)
    with ChannelStage(loader, ready, CHANNEL_ID, CID):
        with pytest.raises(ChannelError, match="another run"), ChannelStage(loader, ready, CHANNEL_ID, CID):
            pass
        with ChannelStage(loader, ready, CHANNEL_ID, "messaging:another"):
            pass
    carry(loader, ready)
    assert seqs(admin) == list(range(1, MESSAGES + 1))


def test_a_failed_channel_leaves_nothing_to_the_next(loader: Target, admin: psycopg.Connection[Any]) -> None:
    ready = prepare(loader)
    with pytest.raises(ZeroDivisionError), ChannelStage(loader, ready, CHANNEL_ID, CID) as one:
        _fail_after_adding(one)
    with ChannelStage(loader, ready, CHANNEL_ID, CID) as two:
        two.add(batch([message("a", 1)]))
    with ChannelStage(loader, ready, CHANNEL_ID, CID) as three:
        three.add(batch([message("b", 1)]))
        three.load_messages()
    assert values(admin, "SELECT stream_id FROM chatsdk_migration.message_map") == ["b"]


def _fail_after_adding(one: ChannelStage) -> None:
    one.add(batch([message("left over", 1)]))
    raise ZeroDivisionError


def test_a_large_channel_needs_little_memory_here(target: TargetDatabase, admin: psycopg.Connection[Any]) -> None:
    loader = Target(target.settings())
    ready = prepare(loader)
    number, page = 20_000, 300
    tracemalloc.start()
    with ChannelStage(loader, ready, CHANNEL_ID, CID) as one:
        for first in range(0, number, page):
            one.add(batch(message(f"m{i}", i, text="x" * 500) for i in range(first, min(first + page, number))))
        counts = one.load_messages()
        one.finish()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert counts == LoadCounts(number)
    loader.close()

    assert peak < 10_000_000  # the texts alone are 10 MB
    assert admin.execute("SELECT count(*), count(DISTINCT seq), max(seq) FROM message").fetchone() == (number,) * 3


def test_chunks_shrink_with_the_number_of_readers() -> None:
    scope: Any = type("Scope", (), {"chunk": 1000, "privileged": True})()
    assert merge.chunk_size(scope, 12) == 1000
    assert merge.chunk_size(scope, 10_000) == 10
    assert merge.chunk_size(scope, 10_000_000) == 1
    scope.privileged = False
    assert merge.chunk_size(scope, 0) == merge.LARGEST_TRIGGERED_CHUNK


def test_users_are_added_and_never_changed(loader: Target, admin: psycopg.Connection[Any]) -> None:
    rows = [support.user(f"u{i}") for i in range(25)]
    rows.insert(7, support.user("bad")._replace(custom_data="{"))
    ledger.install(loader)
    first = people.load_users(loader, rows, 10)
    second = people.load_users(loader, [row._replace(name="changed") for row in rows], 10)

    assert (first.counts, second.counts) == (LoadCounts(25), LoadCounts(0, 25))
    assert [(one.entity, one.stream_id, one.code) for one in first.rejects] == [("user", "bad", "unloadable")]
    assert values(admin, "SELECT count(*) FROM app_user WHERE name = 'changed'") == [0]


def test_a_channel_in_the_place_of_ours_is_a_problem_of_that_channel(
    loader: Target, admin: psycopg.Connection[Any]
) -> None:
    ledger.install(loader)
    theirs = values(
        admin, "INSERT INTO channel (app_id, cid, name) VALUES (%s, %s, 'theirs') RETURNING id::text", APP_ID, CID
    )

    load = channels.load_channels(loader, [support.channel(), support.channel("messaging:free")], 100)

    assert load.counts == LoadCounts(1)
    assert list(load.problems) == [CID]
    assert theirs[0] in str(load.problems[CID])
    assert values(admin, "SELECT name FROM channel WHERE cid = %s", CID) == ["theirs"]
    assert values(admin, "SELECT cid FROM chatsdk_migration.channel_map") == ["messaging:free"]
    again = channels.load_channels(loader, [support.channel("messaging:free")], 100)
    assert again.counts == LoadCounts(0, 1)


def test_two_channels_may_not_claim_one_cid(loader: Target) -> None:
    ledger.install(loader)
    dm = [support.channel(cid)._replace(cid="messaging:dm:1") for cid in ("messaging:a", "messaging:b")]
    load = channels.load_channels(loader, dm, 100)
    assert load.counts == LoadCounts(1)
    assert len(load.problems) == 1


def test_notes_of_the_whole_app_are_replaced(loader: Target) -> None:
    ledger.install(loader)
    out = Batch()
    out.lose(Entity.USER, "is_admin_withheld", "ann", "is_admin")
    out.lose(Entity.USER, "user_teams", "ann", "red")
    out.lose(Entity.USER, "user_teams", "bob", "blue")
    out.reject(Entity.USER, "cy", "bad_shape", "Not a user.", {"nul": "a\x00", "nan": float("nan")})
    for _ in range(2):
        notes = ledger.Notes(loader, {Entity.USER.value})
        notes.add(out)
        notes.write()
    assert [(one.kind, one.number, one.example) for one in ledger.noted_losses(loader, ledger.WHOLE_APP)] == [
        ("is_admin_withheld", 1, "ann: is_admin"),
        ("user_teams", 2, "ann: red"),
    ]
    assert [(one.kind, one.number) for one in ledger.noted_rejects(loader)] == [("bad_shape", 1)]


def test_racing_installers_make_one_schema(target: TargetDatabase, admin: psycopg.Connection[Any]) -> None:
    racers = [opened(target) for _ in range(4)]
    threads = [threading.Thread(target=ledger.install, args=[one]) for one in racers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert values(admin, "SELECT version FROM chatsdk_migration.version") == list(range(1, ledger.VERSION + 1))
    for one in racers:
        one.close()


def test_the_migration_keeps_its_identity_but_not_the_key(loader: Target) -> None:
    ledger.install(loader)
    first = ledger.identify(loader, "first key")
    assert ledger.identify(loader, "second key") == first
    assert first.source_key_fingerprint == ledger.fingerprint("first key")
    assert "first key" not in str(first)


def test_errors_of_statements_do_not_quote_rows(loader: Target, admin: psycopg.Connection[Any]) -> None:
    ready = prepare(loader)
    admin.execute("ALTER TABLE message ADD CONSTRAINT short CHECK (length(text) < 20)")
    with pytest.raises(ChannelError) as caught:
        carry(loader, ready, batch([message("a", 1, text="a very private conversation")]))
    assert "short" in str(caught.value)
    assert "private" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_lost_privilege_stops_the_run(loader: Target, admin: psycopg.Connection[Any]) -> None:
    ready = prepare(loader)
    admin.execute("REVOKE INSERT ON reaction FROM loader")
    with pytest.raises(PermanentError, match="GRANT"):
        carry(loader, ready)
