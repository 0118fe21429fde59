"""The embedded server's life: one for all, found again, killed, restarted, never somebody else's."""

from __future__ import annotations

import multiprocessing
import os
import pwd
import shutil
import signal
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from chatsdk_migration.errors import PermanentError
from chatsdk_migration.postgres import embedded_place
from chatsdk_migration.postgres.embedded import EmbeddedPostgres, EmbeddedServer
from chatsdk_migration_tests.conftest import open_directory

STARTERS = 8
WRITERS = 4
ROWS_BEFORE_THE_KILL = 200
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as somebody else")


@pytest.fixture
def home() -> Iterator[Path]:
    directory = open_directory()
    yield directory
    EmbeddedPostgres(directory).stop()
    shutil.rmtree(directory)


def start(home: Path) -> EmbeddedServer:
    return EmbeddedPostgres(home, durable=False).start()


def postmaster(server: EmbeddedServer) -> psutil.Process:
    return psutil.Process(int((server.data_dir / "postmaster.pid").read_text().splitlines()[0]))


def answer(server: EmbeddedServer, query: str, dbname: str = "postgres") -> Any:
    with server.connect(dbname) as conn:
        row = conn.execute(query).fetchone()
    assert row is not None
    return row[0]


def race(home: Path, barrier: Barrier, found: Queue[tuple[int, str]]) -> None:
    barrier.wait()
    server = start(home)
    found.put((server.port, answer(server, "SELECT pg_postmaster_start_time()::text")))


def test_racing_starters_get_one_server_which_outlives_them(home: Path) -> None:
    context = multiprocessing.get_context("spawn")
    barrier, found = context.Barrier(STARTERS), context.Queue()
    starters = [context.Process(target=race, args=(home, barrier, found)) for _ in range(STARTERS)]
    for starter in starters:
        starter.start()
    answers = {found.get(timeout=120) for _ in starters}
    for starter in starters:
        starter.join()
    assert len(answers) == 1
    server = EmbeddedPostgres(home).running()
    assert server is not None
    assert {(server.port, answer(server, "SELECT pg_postmaster_start_time()::text"))} == answers


def write_until_cut_off(
    server: EmbeddedServer, writer: int, acknowledged: list[tuple[int, int]], progress: threading.Semaphore
) -> None:
    with suppress(psycopg.Error), server.connect() as conn:
        for number in count():
            conn.execute("INSERT INTO kept VALUES (%s, %s)", [writer, number])
            acknowledged.append((writer, number))
            progress.release()


def test_kills_under_write_load_lose_no_acknowledged_row(home: Path) -> None:
    server = EmbeddedPostgres(home).start()
    with server.connect() as conn:
        conn.execute("CREATE TABLE kept (writer int, number int)")
    acknowledged: list[tuple[int, int]] = []
    for round_ in range(3):
        progress = threading.Semaphore(0)
        writers = [
            threading.Thread(target=write_until_cut_off, args=(server, name, acknowledged, progress))
            for name in range(round_ * WRITERS, (round_ + 1) * WRITERS)
        ]
        for writer in writers:
            writer.start()
        for _ in range(ROWS_BEFORE_THE_KILL):
            assert progress.acquire(timeout=60)
        postmaster(server).kill()
        server = EmbeddedPostgres(home).start()
        for writer in writers:
            writer.join()
    with server.connect() as conn:
        kept = set(conn.execute("SELECT writer, number FROM kept").fetchall())
    assert set(acknowledged) <= kept
    assert len(kept) - len(acknowledged) <= 3 * WRITERS, "at most the rows that were under way at a kill"


def test_a_restart_keeps_port_and_data(home: Path) -> None:
    postgres = EmbeddedPostgres(home, durable=False)
    before = postgres.start()
    before.ensure_database("kept")
    before.ensure_database("kept")
    postgres.stop()
    postgres.stop()
    assert postgres.running() is None
    after = postgres.start()
    assert after == before
    assert answer(after, "SELECT current_database()", "kept") == "kept"


def test_a_taken_port_is_changed(home: Path) -> None:
    postgres = EmbeddedPostgres(home, durable=False)
    before = postgres.start()
    postgres.stop()
    with socket.socket() as other_program:
        other_program.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other_program.bind((before.host, before.port))
        other_program.listen()
        after = postgres.start()
    assert after.port != before.port
    assert after.answers()


def test_a_pid_that_another_process_got_since_is_no_server(home: Path) -> None:
    server = start(home)
    pid_file = server.data_dir / "postmaster.pid"
    postmaster(server).send_signal(signal.SIGKILL)
    _, *rest = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join([str(os.getpid()), *rest]) + "\n")
    assert answer(start(home), "SELECT 1") == 1


def test_a_server_that_only_shares_port_and_password_is_not_ours(home: Path) -> None:
    server = start(home)
    elsewhere = open_directory()
    try:
        shutil.copy(server.data_dir.with_suffix(".json"), elsewhere)
        twin = EmbeddedPostgres(elsewhere, durable=False)
        assert twin.running() is None
        assert start(elsewhere).port != server.port
        twin.stop()
        assert server.answers(), "stopping the twin stopped the other server"
    finally:
        shutil.rmtree(elsewhere)


@pytest.mark.parametrize("place", ["PG_VERSION", "postgres-18/PG_VERSION", "postgres-12/PG_VERSION"])
def test_data_of_another_server_is_refused_and_untouched(home: Path, place: str) -> None:
    stranger = home / place
    stranger.parent.mkdir(exist_ok=True)
    stranger.write_text("18\n")
    with pytest.raises(PermanentError, match="it holds"):
        start(home)
    files = sorted(str(path.relative_to(home)) for path in home.rglob("*") if path.is_file())
    assert files == sorted(["embedded.lock", place])


def test_it_asks_for_a_password_and_listens_on_loopback_only(home: Path) -> None:
    server = start(home)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(server.dsn().replace(server.password, "guessed"))
    listening = [c.laddr.ip for c in postmaster(server).net_connections() if c.status == psutil.CONN_LISTEN]
    assert listening == ["127.0.0.1"]
    assert answer(server, "SHOW unix_socket_directories") == ""


def test_secrets_stay_where_they_belong(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAM_API_SECRET", "not for the server")
    server = start(home)
    assert server.data_dir.with_suffix(".json").stat().st_mode & 0o777 == 0o600
    assert "not for the server" not in postmaster(server).environ().values()
    assert server.password not in " ".join([repr(server), *postmaster(server).cmdline()])
    assert not list(home.glob(".password*"))


def test_other_peoples_environment_variables_change_nothing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"PGPORT": "1", "PGSSLMODE": "require", "PGDATA": "/nowhere", "PGOPTIONS": "-c x.y=z"}.items():
        monkeypatch.setenv(name, value)
    assert start(home).answers()


def test_starting_and_stopping_print_nothing(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    start(home)
    EmbeddedPostgres(home).stop()
    assert capfd.readouterr() == ("", "")


@as_root
def test_root_moves_to_a_reachable_place_and_opens_no_door(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(embedded_place, "SYSTEM_HOME", home / "system")
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    postgres = EmbeddedPostgres(closed / "data", durable=False)
    server = postgres.start()
    try:
        assert home / "system" in server.data_dir.parents
        assert postmaster(server).uids().effective != 0
        assert str(closed) in caplog.text
        assert closed.stat().st_mode & 0o777 == 0o700
        assert not list(closed.iterdir())
        assert EmbeddedPostgres(closed / "data").running() == server
    finally:
        postgres.stop()


@as_root
def test_root_copies_binaries_that_the_servers_user_cannot_reach(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = embedded_place.installed_binaries().parent.parent
    for part in (package, package.with_name(package.name + ".libs")):
        shutil.copytree(part, tmp_path / part.name, symlinks=True)
    monkeypatch.syspath_prepend(str(tmp_path))
    tmp_path.chmod(0o700)
    server = start(home)
    assert str(home) in postmaster(server).exe()
    assert tmp_path.stat().st_mode & 0o777 == 0o700


@as_root
def test_a_closed_umask_of_the_starter_does_not_shut_the_server_out(home: Path) -> None:
    umask = os.umask(0o077)
    try:
        assert start(home / "below" / "it").answers()
    finally:
        os.umask(umask)
        EmbeddedPostgres(home / "below" / "it").stop()


def test_a_folder_that_cannot_be_used_is_named(home: Path) -> None:
    file = home / "file"
    file.touch()
    for unusable in (Path("/proc/nothing/postgres"), file, file / "postgres", Path("~nobody-of-that-name/postgres")):
        with pytest.raises(PermanentError, match="DAGSTER_HOME") as raised:
            EmbeddedPostgres(unusable).start()
        assert str(unusable) in str(raised.value)


@as_root
def test_somebody_elses_folder_is_refused_by_name() -> None:
    """As when a service user was left with root's HOME."""
    with tempfile.TemporaryDirectory() as closed:
        child = os.fork()
        if child == 0:
            os.setuid(pwd.getpwnam("nobody").pw_uid)
            try:
                EmbeddedPostgres(Path(closed) / "share" / "postgres").start()
            except PermanentError as error:
                os._exit(0 if closed in str(error) else 1)
            except BaseException:  # noqa: BLE001 - a forked child must not run pytest's own ending
                os._exit(2)
            os._exit(3)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
