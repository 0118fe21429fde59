"""Whatever would stop a load is said before the first write, with the statement that helps."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from chatsdk_migration.demo.target import create_role
from chatsdk_migration.errors import MigrationError, PermanentError, TransientError
from chatsdk_migration.postgres import ledger, preflight
from chatsdk_migration.postgres import target as targets
from chatsdk_migration.postgres.target import Target
from chatsdk_migration_tests.conftest import ROLE_PASSWORDS, TargetDatabase


@pytest.fixture
def admin(target: TargetDatabase) -> Iterator[psycopg.Connection[Any]]:
    with target.superuser() as conn:
        yield conn


def check(database: TargetDatabase, **changes: Any) -> preflight.Preflight:
    loading = Target(database.settings(**changes))
    try:
        return preflight.check(loading)
    finally:
        loading.close()


def refusal(database: TargetDatabase, kind: type[MigrationError] = PermanentError, **changes: Any) -> str:
    with pytest.raises(kind) as caught:
        check(database, **changes)
    for password in ROLE_PASSWORDS.values():
        assert password not in repr(caught.value)
    return str(caught.value)


def test_all_is_well(target: TargetDatabase) -> None:
    ready = check(target, role="loader")
    assert ready.may_set_replication_role
    assert ready.advice == ()


def test_an_ordinary_role_is_told_what_one_grant_would_gain(target: TargetDatabase) -> None:
    ready = check(target, role="ordinary")
    assert not ready.may_set_replication_role
    assert 'GRANT SET ON PARAMETER session_replication_role TO "ordinary";' in ready.advice[0]


def test_a_superuser_is_fine(target: TargetDatabase) -> None:
    ready = check(target, db_user=target.server.superuser, db_password=target.server.password)
    assert ready.may_set_replication_role


def test_no_such_app(target: TargetDatabase) -> None:
    app = uuid4()
    message = refusal(target, target_app_id=app)
    assert f"App not found: {app}" in message
    assert "POST /admin/apps" in message


def test_every_difference_of_the_schema_is_named(target: TargetDatabase, admin: psycopg.Connection[Any]) -> None:
    admin.execute("ALTER TABLE message DROP COLUMN edited_at")
    admin.execute("ALTER TABLE message ALTER COLUMN seq TYPE integer")
    admin.execute("ALTER TABLE reaction ADD COLUMN skin_tone text NOT NULL")
    admin.execute("ALTER TABLE channel DROP CONSTRAINT channel_app_id_cid_key")
    admin.execute("ALTER TABLE pinned_message DROP CONSTRAINT pinned_message_pkey")
    admin.execute("DROP TRIGGER trg_update_channel_on_message ON message")
    admin.execute("DROP FUNCTION next_channel_seq")
    message = refusal(target)
    for difference in (
        "message.edited_at is missing",
        "message.seq is integer NOT NULL instead of bigint NOT NULL",
        "reaction.skin_tone is new and needs a value",
        "channel is not unique by (app_id, cid)",
        "pinned_message has not the primary key (channel_id, message_id)",
        "message has not the trigger trg_update_channel_on_message",
        "there is no function next_channel_seq",
    ):
        assert difference in message


def test_a_disabled_trigger_is_a_difference(target: TargetDatabase, admin: psycopg.Connection[Any]) -> None:
    admin.execute("ALTER TABLE message DISABLE TRIGGER trg_update_channel_on_message")
    assert "mode 'D'" in refusal(target)


def test_unknown_triggers_are_pointed_out(target: TargetDatabase, admin: psycopg.Connection[Any]) -> None:
    admin.execute("CREATE TRIGGER extra AFTER INSERT ON reaction EXECUTE FUNCTION update_channel_on_message()")
    assert any("reaction.extra" in advice for advice in check(target).advice)


def test_missing_tables(target: TargetDatabase, admin: psycopg.Connection[Any]) -> None:
    admin.execute("DROP TABLE mention")
    admin.execute("CREATE SCHEMA elsewhere")
    admin.execute("ALTER TABLE poll_vote SET SCHEMA elsewhere")
    message = refusal(target)
    assert "mention" in message
    assert "there is elsewhere.poll_vote, but not on the search path of loader" in message


def test_tables_in_another_schema_of_the_search_path(target: TargetDatabase, admin: psycopg.Connection[Any]) -> None:
    admin.execute("ALTER TABLE pinned_message SET SCHEMA chatsdk")
    admin.execute(
        sql.SQL("ALTER ROLE loader IN DATABASE {} SET search_path = chatsdk, public").format(
            sql.Identifier(target.name)
        )
    )
    check(target, role="loader")


def test_the_grants_it_names_are_the_ones_that_help(target: TargetDatabase, admin: psycopg.Connection[Any]) -> None:
    create_role(admin, "bare", "bare's secret", may_set_replication_role=False, may_create_schema=False)
    admin.execute("REVOKE ALL ON ALL TABLES IN SCHEMA public FROM bare")
    admin.execute("REVOKE USAGE ON SCHEMA chatsdk FROM bare")
    admin.execute(sql.SQL("REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC").format(sql.Identifier(target.name)))
    settings: dict[str, Any] = {"db_user": "bare", "db_password": "bare's secret"}

    message = refusal(target, **settings)
    assert f'GRANT CREATE ON DATABASE "{target.name}" TO "bare";' in message
    for statement in message[message.index("GRANT") :].split(";")[:-1]:
        admin.execute(statement.strip())

    assert check(target, **settings).advice
    admin.execute("SET ROLE bare")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        admin.execute("DELETE FROM message")
    admin.execute("RESET ROLE")
    admin.execute("DROP OWNED BY bare")
    admin.execute("DROP ROLE bare")


def test_a_schema_of_ours_that_another_role_installed(target: TargetDatabase) -> None:
    loading = Target(target.settings("loader"))
    ledger.install(loading)
    loading.close()
    message = refusal(target, role="ordinary")
    assert 'GRANT USAGE ON SCHEMA "chatsdk_migration" TO "ordinary";' in message


def test_a_dry_run_only_advises(target: TargetDatabase, admin: psycopg.Connection[Any]) -> None:
    admin.execute("REVOKE INSERT ON reaction FROM loader")
    loading = Target(target.settings(), read_only=True)
    ready = preflight.check(loading, dry_run=True)
    assert any('GRANT INSERT ON "public"."reaction" TO "loader";' in advice for advice in ready.advice)
    loading.close()


def test_no_room_on_the_disk(
    target: TargetDatabase, monkeypatch: pytest.MonkeyPatch, admin: psycopg.Connection[Any]
) -> None:
    (directory,) = admin.execute("SELECT current_setting('data_directory')").fetchone() or ("",)
    loading = Target(target.settings(db_user=target.server.superuser, db_password=target.server.password))
    if not Path(directory, "PG_VERSION").exists():
        pytest.skip("the data directory cannot be seen from here")
    monkeypatch.setattr(preflight, "LEAST_FREE_BYTES", 1 << 60)
    with pytest.raises(PermanentError, match="GiB free"):
        preflight.check(loading)
    assert any("GiB free" in advice for advice in preflight.check(loading, dry_run=True).advice)
    monkeypatch.setattr(preflight, "LOCAL_HOSTS", frozenset())  # a server elsewhere: its disk is not ours to see
    assert preflight.check(loading).advice == ()
    loading.close()


def test_refused_connections_say_what_to_do(target: TargetDatabase) -> None:
    wrong = refusal(target, db_password="wrong guess")
    assert "password authentication failed" in wrong
    assert "wrong guess" not in wrong
    assert "Check --db-user and DB_PASSWORD" in wrong
    assert "--db-name" in refusal(target, db_name="nowhere")
    assert "password" in refusal(target, db_user="nobody")
    assert "DB_PASSWORD" in refusal(target, db_password="")


def test_tls_that_is_not_there(target: TargetDatabase) -> None:
    message = refusal(target, db_ssl=True)
    assert "--db-ssl" in message or "DB_SSL_CA" in message


def test_an_unreachable_server_may_come_back(target: TargetDatabase) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    message = refusal(target, TransientError, db_port=port)
    assert f"127.0.0.1:{port}" in message
    assert target.name in message
    assert '"loader"' in message


def test_when_all_connections_are_taken(target: TargetDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targets, "CHECKOUT_SECONDS", 0.2)
    monkeypatch.setattr(targets, "SPARE_CONNECTIONS", 0)
    loading = Target(target.settings(channels_in_flight=1))
    with loading.connection(), pytest.raises(TransientError, match="none became free"), loading.connection():
        pass
    loading.close()


def test_a_broken_connection_is_replaced(target: TargetDatabase, admin: psycopg.Connection[Any]) -> None:
    loading = Target(target.settings())
    with loading.transaction() as conn:
        pid = conn.info.backend_pid
    admin.execute("SELECT pg_terminate_backend(%s, 10000)", [pid])
    with loading.transaction() as conn:
        assert conn.info.backend_pid != pid
    loading.close()
    with loading.transaction() as conn:  # opens again
        assert conn.execute("SHOW application_name").fetchone() == ("chatsdk-migration",)
    loading.close()


def test_threads_share_one_pool(target: TargetDatabase) -> None:
    loading = Target(target.settings())
    seen: list[Any] = []

    def look() -> None:
        with loading.transaction(read_only=True) as conn:
            seen.append(conn.execute("SELECT current_setting('app.current_app_id')").fetchone())

    threads = [threading.Thread(target=look) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [(target.app_id,)] * 8
    loading.close()
