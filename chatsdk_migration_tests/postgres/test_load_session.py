"""What a load keeps to itself: settings and locks of its session, and what waits in memory for the stage."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from chatsdk_migration.demo.target import live_send
from chatsdk_migration.errors import MigrationError
from chatsdk_migration.models import Batch, Loss
from chatsdk_migration.postgres import merge, stage
from chatsdk_migration.postgres.sql import statement
from chatsdk_migration.postgres.stage import ChannelStage
from chatsdk_migration.postgres.target import Target
from chatsdk_migration.reconcile.comparison import ComparisonStage
from chatsdk_migration.sync.stage import SyncStage
from chatsdk_migration_tests.conftest import APP_ID, Role, TargetDatabase
from chatsdk_migration_tests.postgres.load_support import (
    CHANNEL_ID,
    CID,
    batch,
    carry,
    full_batch,
    member,
    message,
    message_id,
    prepare,
)

SESSION = (
    "SELECT current_setting('synchronous_commit'), current_setting('enable_seqscan'),"
    " current_setting('plan_cache_mode'), coalesce(current_setting('app.current_app_id', true), ''),"
    " current_setting('session_replication_role')"
)
AS_OPENED = ("on", "on", "auto", "", "origin")


@pytest.fixture
def admin(target: TargetDatabase) -> Iterator[psycopg.Connection[Any]]:
    with target.superuser() as conn:
        yield conn


@pytest.fixture
def loader(target: TargetDatabase) -> Iterator[Target]:
    loading = Target(target.settings(message_batch_size=5))
    yield loading
    loading.close()


def assert_nothing_left(loader: Target, admin: psycopg.Connection[Any]) -> None:
    """Whoever gets the pool's connections next finds them as they were opened, and every lock is free."""
    with loader.connection() as one, loader.connection() as other:
        for conn in (one, other):
            assert conn.execute(SESSION).fetchone() == AS_OPENED
            assert conn.execute("SELECT count(*) FROM message").fetchone() == (0,)  # no tenant, no row
    with admin.transaction():  # a session that was closed a moment ago may still be about to end
        admin.execute("SET LOCAL lock_timeout = '10s'")
        for name in ("lock_channel", "unlock_channel"):
            admin.execute(statement(name), {"app": APP_ID, "cid": CID})


@pytest.mark.parametrize("role", ["loader", "ordinary"])
@pytest.mark.parametrize("number", [10, merge.LARGE_STAGE + 1])
def test_a_load_leaves_its_session_as_it_was(
    target: TargetDatabase, admin: psycopg.Connection[Any], role: Role, number: int
) -> None:
    loading = Target(target.settings(role))
    ready = prepare(loading)
    carry(loading, ready, batch(message(f"m{i}", i) for i in range(number)))
    assert_nothing_left(loading, admin)
    loading.close()


@pytest.mark.parametrize("kind", [ChannelStage, SyncStage, ComparisonStage])
@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
def test_a_load_that_fails_leaves_nothing_to_others(
    loader: Target, admin: psycopg.Connection[Any], kind: type[ChannelStage], error: type[BaseException]
) -> None:
    ready = prepare(loader)
    with pytest.raises(error), kind(loader, ready, CHANNEL_ID, CID) as one:
        _fail_inside_a_chunk(one, error)
    assert_nothing_left(loader, admin)


def _fail_inside_a_chunk(one: ChannelStage, error: type[BaseException]) -> None:
    one.add(full_batch())
    scope = one._scope  # the transaction in which a chunk is written has no name outside
    with scope.transaction(), scope.set_based_checks():
        raise error


@pytest.mark.parametrize("kind", [SyncStage, ComparisonStage])
def test_who_cannot_even_begin_gives_connection_and_lock_back(
    target: TargetDatabase, admin: psycopg.Connection[Any], loader: Target, kind: type[ChannelStage]
) -> None:
    ready = prepare(loader)
    with ChannelStage(loader, ready, CHANNEL_ID, CID):
        pass  # the tables that all kinds share are there from here on
    admin.execute(f"REVOKE TEMPORARY ON DATABASE {target.name} FROM PUBLIC, loader")
    with pytest.raises(MigrationError, match="permission denied"), kind(loader, ready, CHANNEL_ID, CID):
        pass
    admin.execute(f"GRANT TEMPORARY ON DATABASE {target.name} TO PUBLIC")
    assert_nothing_left(loader, admin)
    with kind(loader, ready, CHANNEL_ID, CID):
        pass


def test_what_nobody_asked_for_is_not_staged(loader: Target, admin: psycopg.Connection[Any]) -> None:
    """As when Stream gives no more of a channel: what was read of it is thrown away."""
    ready = prepare(loader)
    with ChannelStage(loader, ready, CHANNEL_ID, CID) as one:
        one.add(batch([message("m0", 0)]))
        conn = one._opened.conn
    with conn.transaction():
        assert conn.execute("SELECT count(*) FROM pg_temp.stage_message").fetchone() == (0,)


def test_pages_of_very_long_messages_need_little_memory(loader: Target, admin: psycopg.Connection[Any]) -> None:
    ready = prepare(loader)
    pages, page, length = 12, 100, 20_000
    tracemalloc.start()
    with ChannelStage(loader, ready, CHANNEL_ID, CID) as one:
        for first in range(0, pages * page, page):
            one.add(batch(message(f"m{i}", i, text=f"{i}" * (length // 4)) for i in range(first, first + page)))
        one.load_messages()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3 * stage.CHARACTERS_AT_A_TIME
    assert admin.execute("SELECT count(*) FROM message").fetchone() == (pages * page,)


def test_of_people_met_on_several_pages_only_the_description_that_stands_counts(
    loader: Target, admin: psycopg.Connection[Any]
) -> None:
    ready = prepare(loader)
    pages = [batch([message("m0", 0)]), batch([message("m1", 1)]), batch([message("m2", 2)])]
    pages[0].embedded_losses = [Loss("user", "name_cut", "cy", "first")]
    not_stored = [Loss("user", "text_repaired", "cy", ""), Loss("user", "name_cut", "dee", "")]
    pages[1].embedded_losses = not_stored
    carry(loader, ready, *pages)
    query = "SELECT stream_id, kind, detail FROM chatsdk_migration.loss WHERE entity = 'user'"
    assert admin.execute(query).fetchall() == [("cy", "name_cut", "first")]


class Between(psycopg.Cursor[Any]):
    """Calls somebody before the n-th chunk of a load is checked."""

    chunk = 2
    seen = 0

    def execute(self, query: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(query, bytes) and b"held_messages AS MATERIALIZED" in query and b"stage_plan" in query:
            type(self).seen += 1
            if self.seen == self.chunk:
                self.meanwhile()
        return super().execute(query, *args, **kwargs)

    def meanwhile(self) -> None:
        raise NotImplementedError


def between_chunks(target: TargetDatabase, role: Role, statement: Callable[[], object], content: Batch) -> Target:
    """Load a channel in chunks of five, and do something between the first and the second."""

    class Now(Between):
        def meanwhile(self) -> None:
            statement()

    loading = Target(target.settings(role, message_batch_size=5), cursor_factory=Now)
    ready = prepare(loading)
    Now.seen = 0
    carry(loading, ready, content)
    assert Now.seen >= Now.chunk
    return loading


def thread() -> Batch:
    """Ten messages; the first has four replies, two of them in the second chunk."""
    rows = [message(f"m{i}", i, parent_stream_id="m0" if i in {2, 3, 6, 7} else None) for i in range(10)]
    out = batch(rows)
    out.members = [member("ann", last_read=7.5), member("bob", reads_all=True), member("cy", last_read=3.5)]
    return out


@pytest.mark.parametrize("role", ["loader", "ordinary"])
def test_a_live_message_between_two_chunks(target: TargetDatabase, admin: psycopg.Connection[Any], role: Role) -> None:
    """Nobody's position passes it, and everything else is as without it."""
    loading = between_chunks(target, role, lambda: live_send(admin, APP_ID, CHANNEL_ID, "cy", "live"), thread())
    loading.close()
    query = "SELECT m.seq, k.stream_id FROM message m LEFT JOIN chatsdk_migration.message_map k ON k.message_id = m.id"
    order = dict(admin.execute(query).fetchall())
    before, after = [f"m{i}" for i in range(5)], [f"m{i}" for i in range(5, 10)]
    assert [order[seq] for seq in sorted(order)] == [*before, None, *after]
    positions = "SELECT user_id, last_read_seq, last_read_message_id::text FROM channel_member ORDER BY 1"
    last = message_id("m4", 4)
    assert admin.execute(positions).fetchall() == [("ann", 5, last), ("bob", 5, last), ("cy", 4, message_id("m3", 3))]
    assert admin.execute("SELECT reply_count FROM message WHERE id = %s", [last]).fetchone() == (0,)
    assert admin.execute("SELECT reply_count FROM message WHERE seq = 1").fetchone() == (4,)
    assert admin.execute("SELECT message_count FROM channel").fetchone() == (11,)


@pytest.mark.parametrize("role", ["loader", "ordinary"])
def test_a_person_deleted_between_two_chunks_takes_replies_along(
    target: TargetDatabase, admin: psycopg.Connection[Any], role: Role
) -> None:
    """The thread's first message is there already, with the count of the plan."""
    content = thread()
    content.messages[6] = content.messages[6]._replace(user_id="eve")
    content.users |= batch(names=["eve"]).users
    loading = between_chunks(target, role, lambda: admin.execute("DELETE FROM app_user WHERE id = 'eve'"), content)
    loading.close()
    assert admin.execute("SELECT reply_count FROM message WHERE seq = 1").fetchone() == (3,)
    assert admin.execute("SELECT count(*), max(seq), min(seq) FROM message").fetchone() == (9, 9, 1)
    query = "SELECT stream_id, code FROM chatsdk_migration.quarantine"
    assert admin.execute(query).fetchall() == [("m6", "missing_user")]
    assert admin.execute("SELECT last_read_seq FROM channel_member WHERE user_id = 'bob'").fetchone() == (9,)
    assert admin.execute("SELECT last_read_seq FROM channel_member WHERE user_id = 'ann'").fetchone() == (7,)


@pytest.mark.parametrize("role", ["loader", "ordinary"])
def test_a_message_purged_between_two_chunks_costs_itself_only(
    target: TargetDatabase, admin: psycopg.Connection[Any], role: Role
) -> None:
    """A later message quotes it."""
    content = thread()
    content.messages[8] = content.messages[8]._replace(quoted_stream_id="m4")
    purge = "DELETE FROM message WHERE id = %s"
    loading = between_chunks(target, role, lambda: admin.execute(purge, [message_id("m4", 4)]), content)
    loading.close()
    found = admin.execute("SELECT count(*), max(seq), count(reply_to_id), max(reply_count) FROM message").fetchone()
    assert found == (9, 10, 0, 4)
    query = "SELECT kind, occurrences FROM chatsdk_migration.loss WHERE kind = 'quote_not_carried'"
    assert admin.execute(query).fetchall() == [("quote_not_carried", 1)]
    assert admin.execute("SELECT message_count FROM channel").fetchone() == (9,)
    position = "SELECT last_read_seq, m.seq FROM channel_member c JOIN message m ON m.id = c.last_read_message_id"
    assert {seq for row in admin.execute(position).fetchall() for seq in row} == {4, 8, 10}
