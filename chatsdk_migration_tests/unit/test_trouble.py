"""Troubles of Dagster's own database and defects, as the operator reads them: what to do, and nothing private."""

from __future__ import annotations

import errno
import logging
import os
import stat
from collections.abc import Callable
from pathlib import Path

import psycopg2.errors
import pytest
import sqlalchemy.exc
from dagster_postgres.utils import DagsterPostgresException

from chatsdk_migration import cli
from chatsdk_migration.cli.quiet import REPEAT_SECONDS, RETRYING, DatabaseRetries
from chatsdk_migration.errors import PermanentError
from chatsdk_migration.instance import trouble

PRIVATE = "the text of somebody's message"


@pytest.fixture(autouse=True)
def place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_PG_HOST", "records.example")
    monkeypatch.setenv("DAGSTER_PG_PORT", "5433")


def refused(kind: type[sqlalchemy.exc.DBAPIError], orig: Exception) -> Exception:
    return kind(f"INSERT INTO event_logs VALUES ('{PRIVATE}')", {"event": PRIVATE}, orig)


def behind(error: Exception) -> Exception:
    """As Dagster raises it after its last retry, inside something else."""
    outer = DagsterPostgresException("too many retries for DB connection")
    outer.__cause__ = error
    outermost = RuntimeError(PRIVATE)
    outermost.__context__ = outer
    return outermost


@pytest.mark.parametrize("wrapped", [lambda error: error, behind], ids=["bare", "wrapped"])
@pytest.mark.parametrize(
    ("error", "words"),
    [
        (refused(sqlalchemy.exc.OperationalError, psycopg2.OperationalError(PRIVATE)), "is gone"),
        (refused(sqlalchemy.exc.OperationalError, psycopg2.errors.DiskFull(PRIVATE)), "has no room left on its disk"),
        (refused(sqlalchemy.exc.InternalError, psycopg2.errors.ReadOnlySqlTransaction(PRIVATE)), "is read-only"),
        (refused(sqlalchemy.exc.ProgrammingError, psycopg2.errors.UndefinedTable(PRIVATE)), "(UndefinedTable)"),
        (sqlalchemy.exc.TimeoutError(PRIVATE), "does not answer"),
    ],
)
def test_the_place_and_the_state_are_told_and_nothing_else(
    error: Exception, words: str, wrapped: Callable[[Exception], Exception]
) -> None:
    with pytest.raises(PermanentError, match="--resume") as raised, trouble.explained():
        raise wrapped(error)
    assert "Dagster's own database at records.example:5433" in str(raised.value)
    assert words in str(raised.value)
    assert PRIVATE not in str(raised.value)
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__


def test_a_full_disk_is_told_with_its_place() -> None:
    error = OSError(errno.ENOSPC, "No space left on device", "/var/records/file")
    assert "no room is left on the disk of /var/records/file" in str(trouble.understand(error))


def test_other_errors_pass_as_they_are() -> None:
    for error in (ValueError("x"), OSError(errno.EACCES, "no"), PermanentError("a", "b", "c")):
        with pytest.raises(type(error)) as raised, trouble.explained():
            raise error
        assert raised.value is error


def test_a_defect_is_one_line_and_its_trace_is_in_a_file_of_the_owner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    assert cli._crashed(ValueError(PRIVATE)) == 3
    said = capsys.readouterr().err
    (trace,) = tmp_path.iterdir()
    assert "ValueError" in said
    assert str(trace) in said
    assert PRIVATE not in said
    assert PRIVATE in trace.read_text()
    assert stat.S_IMODE(trace.stat().st_mode) == 0o600


def test_a_trace_finds_a_place_without_a_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "missing"))
    kept = cli.quiet.keep_trace(ValueError("x"))
    assert "ValueError: x" in kept.read_text()
    os.unlink(kept)


def test_many_retries_are_one_line_in_a_while() -> None:
    said: list[str] = []
    now = [0.0]
    retries = DatabaseRetries(said.append, lambda: now[0])

    def passes(message: str) -> bool:
        return retries.filter(logging.LogRecord("root", logging.WARNING, "", 0, message, (PRIVATE,), None))

    assert not any(passes(f"{RETRYING} connection: %s") for _ in range(5))
    assert not passes(f"{RETRYING} creation")
    assert said == ["Dagster's own database at records.example:5433 does not answer; trying again."]
    now[0] = REPEAT_SECONDS
    assert not passes(f"{RETRYING} connection: %s")
    assert len(said) == 2
    assert passes("something else")
