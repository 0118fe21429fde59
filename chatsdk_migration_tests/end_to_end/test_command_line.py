"""The command line as a stranger uses it: the real program in a process of its own, Dagster's records on PostgreSQL.

Guards: exit codes and their messages, resuming from Dagster's records alone, dry runs that write nothing, secrets that
reach no event and no argument list, runs that were killed. Not here: what arrives in detail (``test_migration.py``).
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import threading
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from chatsdk_migration.cli import console
from chatsdk_migration.demo.world import World
from chatsdk_migration_tests.end_to_end.checking import assert_equal_sides, snapshot
from chatsdk_migration_tests.end_to_end.program import PATIENCE_SECONDS, PROJECT, Program, program, world

MARKED_PASSWORD = "p4ssw0rd-that-nobody-may-see"
__all__ = ["Program", "program", "world"]  # fixtures, and what others take from here


def test_a_migration_from_first_look_to_nothing_left_to_do(program: Program, world: World) -> None:
    assert "accepted by Stream" in program.run("validate")
    said = program.run("import-stream")
    assert f"{len(world.channels)} of {len(world.channels)} channels" in said
    assert "Quarantine: no record was rejected." in said
    assert_equal_sides(world, program.target)
    assert f"│ messages  │ {len(world.channels)}" in program.run("status")
    program.forget_calls()
    assert "Nothing to do: every channel is already done." in program.run("import-stream", "--resume")
    assert program.server.calls.keys() <= {"GetRateLimits"}, "a resume of a finished migration read Stream again"


def test_a_dry_run_reads_everything_and_writes_nothing(program: Program, world: World) -> None:
    with program.target.superuser() as conn:
        before = _everything(conn)
        said = program.run("import-stream", "--dry-run")
        assert _everything(conn) == before
    carried = sum(len(world.messages_of(cid)) for cid in world.channels)
    assert f"{carried - 2:,}" in said, "two messages are withheld, all others would be written"
    assert "would be rejected: 0" in said
    program.run("import-stream")  # a rehearsal leaves no trace that a resume or a run would trip over
    assert_equal_sides(world, program.target)
    assert f"{carried - 2:,}" in program.run("import-stream", "--dry-run"), "now all of them are already there"


def _everything(conn: psycopg.Connection[Any]) -> list[Any]:
    """Number of rows of every table and every schema of the target."""
    tables = conn.execute(
        "SELECT schemaname, tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        " AND schemaname NOT LIKE 'pg\\_t%' ORDER BY 1, 2"
    ).fetchall()
    return [
        (*table, conn.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(*table))).fetchone())
        for table in tables
    ]


def test_chosen_channels_by_bare_id_and_by_cid(program: Program) -> None:
    said = program.run("import-stream", "--channels", "web-shop", "team:finance")
    assert "2 of 2 channels" in said
    with program.target.superuser() as conn:
        filled = conn.execute("SELECT cid FROM channel WHERE message_count > 0 ORDER BY cid").fetchall()
    assert filled == [("team:finance",), ("team:web-shop",)]
    assert "nothing known as 'nowhere'" in program.run("import-stream", "--channels", "nowhere", expect=2)


def test_a_failed_channel_is_named_with_its_reason_and_resumed_alone(program: Program, world: World) -> None:
    bad = "team:web-shop"
    _break_channel(program, bad)
    said = program.run("import-stream", expect=1)
    assert "1 channel is not complete" in said
    assert bad in said
    _mend_channel(program)
    assert bad in program.run("status")
    program.forget_calls()
    program.run("import-stream", "--resume")
    assert program.calls("QueryUsers") == 0
    assert program.calls("QueryChannels") == 1, "only the failed channel was looked up again"
    assert_equal_sides(world, program.target)


def _break_channel(program: Program, cid: str) -> None:
    """Put a channel that is not ours in the place of one: it must never be changed, so the load fails."""
    with program.target.superuser() as conn:
        conn.execute("INSERT INTO channel (app_id, cid, type) VALUES (%s, %s, 'group')", [program.target.app_id, cid])


def _mend_channel(program: Program) -> None:
    with program.target.superuser() as conn:
        conn.execute(
            "DELETE FROM channel c WHERE NOT EXISTS"
            " (SELECT FROM chatsdk_migration.channel_map m WHERE m.channel_id = c.id)"
        )


def test_bad_input_is_one_message_and_exit_code_two(program: Program) -> None:
    missing = "11111111-1111-4111-8111-111111111111"
    assert f"App not found: {missing}" in program.run("import-stream", "--target-app-id", missing, expect=2)
    assert "CHATSDK_APP_ID" in program.run("import-stream", "--target-app-id", "nonsense", expect=2)
    assert "cannot be reached" in program.run("import-stream", "--db-port", "1", expect=2)
    assert "password" in program.run("import-stream", "--db-password", "wrong", expect=2)
    refused = program.run("validate", "--secret", "not-the-secret", expect=2)
    assert "Check the API secret" in refused
    assert "not-the-secret" not in refused
    assert "STREAM_API_KEY" in program.run("import-stream", expect=2, STREAM_API_KEY="")
    assert "Traceback" not in program.run("import-stream", "--message-batch-size", "0", expect=2)


def test_another_app_is_refused_by_the_instance_of_the_first(program: Program) -> None:
    program.run("import-stream")
    with program.target.superuser() as conn:
        (other,) = conn.execute("SELECT id FROM app WHERE id <> %s", [program.target.app_id]).fetchone() or ("",)
    assert "DAGSTER_HOME" in program.run("import-stream", "--resume", "--target-app-id", str(other), expect=2)


def test_secrets_reach_no_event_no_run_and_no_argument_list(program: Program) -> None:
    with program.target.superuser() as conn:
        conn.execute(sql.SQL("CREATE ROLE marked LOGIN PASSWORD {} SUPERUSER").format(MARKED_PASSWORD))
    seen: set[str] = set()

    def look(*_: Any) -> None:
        children = Path("/proc").glob("[0-9]*/cmdline")
        seen.update(line for line in map(_command_line, children) if "chatsdk" in line or "dagster" in line)

    program.server.before_answer = look
    command = [sys.executable, "-m", "chatsdk_migration.cli", "import-stream"]  # begun from nothing: with its own line
    marked = {"DB_USER": "marked", "DB_PASSWORD": MARKED_PASSWORD}
    try:
        done = subprocess.run(
            command,
            env=program.environment | marked,
            cwd=program.home,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
    finally:
        with program.target.superuser() as conn:
            conn.execute("REASSIGN OWNED BY marked TO postgres")
            conn.execute("DROP OWNED BY marked")
            conn.execute("DROP ROLE marked")
    assert done.returncode == 0, done.stdout
    assert MARKED_PASSWORD not in done.stdout
    assert any("chatsdk_migration.cli import-stream" in line for line in seen)
    assert not [line for line in seen if MARKED_PASSWORD in line]
    with program.dagster() as conn:
        for table, column in (("event_logs", "event"), ("runs", "run_body"), ("run_tags", "value"), ("kvs", "value")):
            query = sql.SQL("SELECT count(*) FROM {} WHERE {} LIKE %s").format(
                sql.Identifier(table), sql.Identifier(column)
            )
            assert conn.execute(query, [f"%{MARKED_PASSWORD}%"]).fetchone() == (0,), table


def _command_line(path: Path) -> str:
    try:
        return path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


@pytest.mark.parametrize("at_call", [3, 60, 200, 330])
def test_a_killed_run_is_resumed_from_dagsters_records(program: Program, world: World, at_call: int) -> None:
    served, killed = count(1), threading.Event()

    def kill(*_: Any) -> None:
        if next(served) == at_call:
            process.send_signal(signal.SIGKILL)
            killed.set()

    ready = threading.Event()
    program.server.before_answer = lambda *arguments: (ready.wait(), kill(*arguments))
    process = program.start("import-stream")
    ready.set()
    process.communicate(timeout=PATIENCE_SECONDS)
    program.server.before_answer = None
    assert killed.is_set()
    done = _done_channels(program)
    program.forget_calls()
    asked: list[str] = []

    def note(endpoint: str, request: dict[str, Any]) -> None:
        if endpoint == "QueryChannels":
            asked.append(json.dumps(request.get("filter_conditions")))

    program.server.before_answer = note
    program.run("import-stream", "--resume")
    assert not [cid for cid in done if json.dumps({"cid": {"$eq": cid}}) in asked], "a finished channel was read again"
    assert_equal_sides(world, program.target)
    assert _unfinished_runs(program) == 0, "the killed run is still shown as running"


def _done_channels(program: Program) -> set[str]:
    with program.dagster() as conn:
        rows = conn.execute(
            "SELECT partition FROM event_logs WHERE dagster_event_type = 'ASSET_MATERIALIZATION'"
            " AND asset_key = '[\"reactions\"]'"
        ).fetchall()
    return {partition for (partition,) in rows}


def _unfinished_runs(program: Program) -> int:
    with program.dagster() as conn:
        row = conn.execute("SELECT count(*) FROM runs WHERE status IN ('STARTED', 'STARTING', 'QUEUED')").fetchone()
    return row[0] if row else 0


def test_a_second_full_run_changes_no_row(program: Program) -> None:
    program.run("import-stream")
    with program.target.superuser() as conn:
        first = snapshot(conn)
        program.run("import-stream")
        assert snapshot(conn) == first


def test_an_interrupt_ends_quickly_and_can_be_resumed(program: Program, world: World) -> None:
    served = count(1)
    ready = threading.Event()

    def interrupt(*_: Any) -> None:
        ready.wait()
        if next(served) == 120:
            process.send_signal(signal.SIGINT)

    program.server.before_answer = interrupt
    process = program.start("import-stream")
    ready.set()
    said, _ = process.communicate(timeout=PATIENCE_SECONDS)
    program.server.before_answer = None
    assert process.returncode == 130, said
    assert "--resume" in said
    program.run("import-stream", "--resume")
    assert_equal_sides(world, program.target)


@pytest.mark.parametrize("command", [("verify",), ("validate",)], ids=" ".join)
def test_an_interrupt_is_no_failure(program: Program, command: tuple[str, ...]) -> None:
    if command == ("verify",):
        program.run("import-stream")
    ready = threading.Event()
    served = count(1)

    def interrupt(*_: Any) -> None:
        ready.wait()
        if next(served) == 2:
            process.send_signal(signal.SIGINT)

    program.server.before_answer = interrupt
    process = program.start(*command)
    ready.set()
    said, _ = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 130, said
    assert "Interrupted" in said


def test_a_target_created_anew_is_not_taken_for_done(program: Program) -> None:
    program.run("import-stream")
    with program.target.superuser() as conn:
        conn.execute("DROP SCHEMA chatsdk_migration CASCADE")
    said = program.run("import-stream", "--resume", expect=2)
    assert "created anew" in said
    assert "DAGSTER_HOME" in said


def test_an_option_without_its_value_is_an_error_and_not_everything(program: Program) -> None:
    program.run("import-stream", "--channels", expect=2)
    program.run("import-stream", "--channels", "--dry-run", expect=2)
    assert "--resume" in program.run("import-stream", "--dry-run", "--resume", expect=2)
    with program.target.superuser() as conn:
        assert conn.execute("SELECT count(*) FROM channel").fetchone() == (0,)


def test_a_misspelt_setting_is_not_taken_for_its_default(program: Program) -> None:
    said = program.run("validate", expect=2, CHATSDK_MIGRATION_CHANNELS_IN_FLITE="3")
    assert "CHANNELS_IN_FLITE" in said
    toml = program.home / "settings.toml"
    toml.write_text("rate_limit_shear = 0.5")
    assert "rate_limit_shear" in program.run("validate", expect=2, CHATSDK_MIGRATION_CONFIG=str(toml))
    assert "/nowhere.toml" in program.run("validate", expect=2, CHATSDK_MIGRATION_CONFIG="/nowhere.toml")


def test_settings_from_an_environment_file_under_the_environment(program: Program) -> None:
    (program.home / ".env").write_text("STREAM_API_SECRET=wrong-and-overruled\nSTREAM_API_KEY=key\n")
    said = program.run("validate", STREAM_API_KEY="")
    assert "accepted by Stream" in said
    (program.home / ".env").write_bytes(b"\xff\xfe not text")
    assert ".env" in program.run("validate", expect=2)


def test_a_mistyped_key_does_not_own_the_instance(program: Program, world: World) -> None:
    program.run("import-stream", expect=2, STREAM_API_KEY="typo")
    program.run("import-stream", "--channels", "finance")


def test_two_command_lines_do_not_carry_at_the_same_time(program: Program) -> None:
    second: list[str] = []

    def start_another(endpoint: str, _: dict[str, Any]) -> None:
        if endpoint == "QueryUsers" and not second:
            second.append("started")
            process = program.start("import-stream")
            threading.Thread(target=lambda: second.append(process.communicate(timeout=PATIENCE_SECONDS)[0])).start()

    program.server.options.latency_seconds = 0.05
    program.server.before_answer = start_another
    program.run("import-stream")
    program.server.before_answer = None
    deadline = threading.Event()
    for _ in range(PATIENCE_SECONDS * 10):
        if len(second) == 2:
            break
        deadline.wait(0.1)
    assert "another chatsdk-migrate is at work" in second[1]


def test_a_channel_with_the_name_of_an_emoji_keeps_it() -> None:
    with console.capture() as said:
        console.print("team:fire: not found", markup=False)
    assert said.get() == "team:fire: not found\n"


def test_a_role_without_rights_is_no_defect_to_the_status(program: Program) -> None:
    program.run("import-stream", "--channels", "finance")
    with program.target.superuser() as conn:
        conn.execute("CREATE ROLE stranger LOGIN PASSWORD 'stranger'")
    try:
        said = program.run("status", "--db-user", "stranger", DB_PASSWORD="stranger")
    finally:
        with program.target.superuser() as conn:
            conn.execute("DROP ROLE stranger")
    assert "Readiness for the switch: not known." in said


def test_the_grants_of_the_readme_are_all_that_is_needed(program: Program) -> None:
    (grants,) = re.findall(r"```sql\n(CREATE ROLE .*?)```", (PROJECT / "README.md").read_text("utf-8"), re.DOTALL)
    role = {"DB_USER": "chatsdk_migrator", "DB_PASSWORD": "..."}
    database = sql.Identifier(program.environment["DB_NAME"]).as_string()
    with program.target.superuser() as conn:
        conn.execute(grants.replace("ON DATABASE chatsdk ", f"ON DATABASE {database} ").encode())
    try:
        loaded = program.run("import-stream", **role)
        assert "Advice" not in loaded
        program.run("sync", **role)
        assert "Advice" not in program.run("verify", "--repair", **role)
        assert "Ready for the switch." in program.run("status", **role)
    finally:
        with program.target.superuser() as conn:
            conn.execute("DROP OWNED BY chatsdk_migrator CASCADE")
            conn.execute("DROP ROLE chatsdk_migrator")
