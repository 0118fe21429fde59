"""Our rendition of ChatSDK's database behaves as ChatSDK's does, where a migration would notice."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from chatsdk_migration.demo import target as chatsdk
from chatsdk_migration_tests.conftest import TargetDatabase

CHANNEL = "6f8d9b4e-3a52-4c3b-9b51-0d7e6c1f2a90"
PEOPLE = ("ada", "björn", "chi")


@pytest.fixture
def conn(target: TargetDatabase) -> Iterator[psycopg.Connection[Any]]:
    """An ordinary role's connection that works for the app, in which one channel with three members exists."""
    with target.connect("ordinary", target.app_id) as conn:
        for person in PEOPLE:
            conn.execute("INSERT INTO app_user (app_id, id) VALUES (%s, %s)", [target.app_id, person])
        conn.execute(
            "INSERT INTO channel (id, app_id, cid) VALUES (%s, %s, 'messaging:here')", [CHANNEL, target.app_id]
        )
        for person in PEOPLE:
            conn.execute(
                "INSERT INTO channel_member (channel_id, app_id, user_id) VALUES (%s, %s, %s)",
                [CHANNEL, target.app_id, person],
            )
        yield conn


def insert_message(conn: psycopg.Connection[Any], app_id: str, seq: int, created_at: str) -> None:
    conn.execute(
        "INSERT INTO message (id, channel_id, app_id, user_id, seq, text, created_at) "
        "VALUES (%s, %s, %s, 'ada', %s, 'x', %s)",
        [uuid4(), CHANNEL, app_id, seq, created_at],
    )


def rows(conn: psycopg.Connection[Any], query: str) -> list[tuple[Any, ...]]:
    return conn.execute(query).fetchall()


def test_a_tenant_sees_only_its_own_rows(target: TargetDatabase, conn: psycopg.Connection[Any]) -> None:
    assert rows(conn, "SELECT count(*) FROM app_user") == [(3,)]
    with target.connect("ordinary", target.other_app_id) as other:
        assert rows(other, "SELECT count(*) FROM app_user") == [(0,)]
        assert other.execute("UPDATE channel SET name = 'mine now'").rowcount == 0
    with target.connect("ordinary") as nobody:
        assert rows(nobody, "SELECT count(*) FROM app_user") == [(0,)]


def test_writing_without_or_for_another_tenant_fails(target: TargetDatabase) -> None:
    for app_id in (None, target.other_app_id):
        with target.connect("ordinary", app_id) as conn, pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute("INSERT INTO app_user (app_id, id) VALUES (%s, 'eve')", [target.app_id])


def test_the_tenant_ends_with_the_transaction_that_set_it(target: TargetDatabase) -> None:
    with target.connect("ordinary") as conn:
        with conn.transaction():
            conn.execute("SELECT set_config('app.current_app_id', %s, true)", [target.app_id])
            conn.execute("INSERT INTO app_user (app_id, id) VALUES (%s, 'ada')", [target.app_id])
        assert rows(conn, "SELECT count(*) FROM app_user") == [(0,)]


def test_the_system_context_sees_every_tenant(target: TargetDatabase, conn: psycopg.Connection[Any]) -> None:
    with target.connect("ordinary") as system:
        system.execute("SELECT set_config('app.system_context', 'true', false)")
        assert rows(system, "SELECT count(*) FROM app_user") == [(3,)]


def test_every_tenant_table_forces_row_level_security(target: TargetDatabase) -> None:
    with target.superuser() as conn:
        open_tables = rows(
            conn,
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' "
            "AND NOT (relrowsecurity AND relforcerowsecurity)",
        )
    assert open_tables == [("app",)]


def test_copy_into_a_table_under_row_level_security_is_refused(conn: psycopg.Connection[Any]) -> None:
    with pytest.raises(psycopg.errors.FeatureNotSupported), conn.cursor().copy("COPY reaction FROM STDIN"):
        pass


def test_a_migration_role_cannot_write_events_nor_apps(target: TargetDatabase, conn: psycopg.Connection[Any]) -> None:
    for statement in ("SELECT 1 FROM event_outbox", "UPDATE app SET name = 'x'", "DELETE FROM message"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute(statement)


def test_only_the_loader_may_switch_triggers_off(target: TargetDatabase) -> None:
    with target.connect("loader") as conn, conn.transaction():
        conn.execute("SET LOCAL session_replication_role = replica")
    with target.connect("ordinary") as conn, pytest.raises(psycopg.errors.InsufficientPrivilege):
        conn.execute("SET session_replication_role = replica")


def test_a_channel_counts_from_one_and_gives_back_what_was_rolled_back(
    target: TargetDatabase, conn: psycopg.Connection[Any]
) -> None:
    query = f"SELECT next_channel_seq('{CHANNEL}')"
    assert rows(conn, query) == [(1,)]
    with conn.transaction(force_rollback=True):
        assert rows(conn, query) == [(2,)]
    assert rows(conn, query) == [(2,)]
    assert rows(conn, "SELECT channel_id::text, current_seq, app_id::text FROM channel_seq") == [
        (CHANNEL, 2, target.app_id)
    ]


def test_concurrent_senders_never_share_a_number(target: TargetDatabase, conn: psycopg.Connection[Any]) -> None:
    def send(person: str) -> list[int]:
        with target.connect("ordinary") as own:
            return [chatsdk.live_send(own, target.app_id, CHANNEL, person, f"{person} {i}").seq for i in range(20)]

    with ThreadPoolExecutor(len(PEOPLE)) as pool:
        numbers = [seq for sent in pool.map(send, PEOPLE) for seq in sent]
    assert sorted(numbers) == list(range(1, 61))
    assert rows(conn, "SELECT current_seq FROM channel_seq") == [(60,)]
    assert rows(conn, "SELECT message_count FROM channel") == [(60,)]


def test_a_live_send_leaves_a_row_for_each_member_with_the_senders_read(
    target: TargetDatabase, conn: psycopg.Connection[Any]
) -> None:
    sent = chatsdk.live_send(conn, target.app_id, CHANNEL, "björn", "hello")
    states = 'SELECT user_id, message_id::text, flags FROM user_message ORDER BY user_id COLLATE "C"'
    assert rows(conn, states) == [("ada", sent.id, 0), ("björn", sent.id, 1), ("chi", sent.id, 0)]
    assert rows(conn, "SELECT m.created_at = c.last_message_at FROM message m, channel c") == [(True,)]


def test_the_trigger_takes_the_last_inserted_time_not_the_latest(
    target: TargetDatabase, conn: psycopg.Connection[Any]
) -> None:
    insert_message(conn, target.app_id, 1, "2024-06-01T00:00:00Z")
    insert_message(conn, target.app_id, 2, "2020-01-01T00:00:00Z")
    assert rows(conn, "SELECT message_count, extract(year FROM last_message_at)::int FROM channel") == [(2, 2020)]


def test_nothing_stops_two_messages_from_sharing_a_number(
    target: TargetDatabase, conn: psycopg.Connection[Any]
) -> None:
    insert_message(conn, target.app_id, 7, "2024-06-01T00:00:00Z")
    insert_message(conn, target.app_id, 7, "2024-06-01T00:00:01Z")
    assert rows(conn, "SELECT count(*) FROM message WHERE seq = 7") == [(2,)]


def test_installing_again_changes_nothing(target: TargetDatabase, conn: psycopg.Connection[Any]) -> None:
    with target.superuser() as superuser:
        chatsdk.create_chatsdk(superuser)
        chatsdk.create_app(superuser, target.app_id, "renamed?")
        assert rows(superuser, f"SELECT name FROM app WHERE id = '{target.app_id}'") == [("Tests",)]
    assert rows(conn, "SELECT count(*) FROM channel") == [(1,)]


def test_grants_can_be_taken_away(target: TargetDatabase) -> None:
    with target.superuser() as superuser:
        chatsdk.create_role(superuser, "poor", "secret", may_set_replication_role=False, may_create_schema=False)
        try:
            assert rows(superuser, "SELECT has_database_privilege('poor', current_database(), 'CREATE')") == [(False,)]
        finally:
            superuser.execute("DROP OWNED BY poor")
            superuser.execute("DROP ROLE poor")
