"""One whole migration without Dagster: users, channels, then every channel over a few threads.

Here: what the asset jobs do with ``transfer``, in the plainest form, in this process or (``python -m``) in one that may
be killed. Not here: any check.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import psycopg
from pydantic import SecretStr

from chatsdk_migration.errors import MigrationError
from chatsdk_migration.models import LoadCounts
from chatsdk_migration.settings import Settings
from chatsdk_migration.transfer import (
    ALL_PARTS,
    Migration,
    Part,
    PartResult,
    carry_channel,
    carry_channels,
    carry_users,
    store_channels,
    store_users,
)
from chatsdk_migration_tests.conftest import target_variables

THREADS = 4
KILL_AFTER_STATEMENTS = "KILL_AFTER_STATEMENTS"
"""Environment variable: the driver's own process dies by SIGKILL before sending that many SQL statements."""

Results = dict[str, dict[Part, PartResult]]


@dataclass
class Outcome:
    """What one migration did."""

    users: LoadCounts = field(default_factory=LoadCounts)
    channels: LoadCounts = field(default_factory=LoadCounts)
    results: Results = field(default_factory=dict)

    @property
    def problems(self) -> dict[str, MigrationError]:
        """The first problem of each channel that is not complete."""
        found = {cid: [r.problem for r in parts.values() if r.problem] for cid, parts in self.results.items()}
        return {cid: problems[0] for cid, problems in found.items() if problems}

    @property
    def rows_written(self) -> int:
        """Rows that were not there before."""
        parts = [result.rows for parts in self.results.values() for result in parts.values()]
        return sum(parts) + self.users.written + self.channels.written


def migrate(url: str, settings: Settings, cids: Iterable[str] | None = None) -> Outcome:
    """Carry everything from the Stream server at ``url`` into the database the settings name."""
    settings = settings.model_copy(update={"stream_chat_url": url})
    with Migration(settings) as migration:
        outcome = Outcome(users=_users(migration))
        outcome.channels, seen = _channels(migration)
        with ThreadPoolExecutor(THREADS) as pool:
            wanted = seen if cids is None else list(cids)
            carried = pool.map(lambda cid: carry_channel(migration, cid, ALL_PARTS), wanted)
            outcome.results = dict(zip(wanted, carried, strict=True))
    return outcome


def _users(migration: Migration) -> LoadCounts:
    counts = LoadCounts()
    for batch in carry_users(migration):
        counts += store_users(migration, batch)
    return counts


def _channels(migration: Migration) -> tuple[LoadCounts, list[str]]:
    counts, seen = LoadCounts(), []
    for batch in carry_channels(migration):
        counts += store_channels(migration, batch)
        seen += [row.stream_cid for row in batch.channels]
    return counts, seen


def environment(url: str, settings: Settings) -> dict[str, str]:
    """Give the environment in which the driver, as a process of its own, does the same migration."""
    return (
        os.environ
        | target_variables(settings)
        | {
            "STREAM_API_KEY": settings.stream_api_key,
            "STREAM_API_SECRET": settings.stream_api_secret.get_secret_value(),
            "STREAM_CHAT_URL": url,
            "CHATSDK_MIGRATION_MESSAGE_BATCH_SIZE": str(settings.message_batch_size),
        }
    )


def die_after_statements(limit: int) -> None:
    """Kill this process without warning when it is about to send SQL statement number ``limit``."""
    sent, lock = [0], threading.Lock()

    def counted(method: Callable[..., Any]) -> Callable[..., Any]:
        def call(self: Any, *arguments: Any, **options: Any) -> Any:
            with lock:
                sent[0] += 1
                if sent[0] >= limit:
                    os.kill(os.getpid(), signal.SIGKILL)
            return method(self, *arguments, **options)

        return call

    for kind in (psycopg.Cursor, psycopg.ClientCursor):
        for name in ("execute", "executemany", "copy"):
            if name in vars(kind):
                setattr(kind, name, counted(getattr(kind, name)))


def main() -> int:
    """Migrate as the environment says; 1 when a channel failed."""
    if KILL_AFTER_STATEMENTS in os.environ:
        die_after_statements(int(os.environ[KILL_AFTER_STATEMENTS]))
    settings = Settings.load()
    assert settings.stream_chat_url is not None
    assert isinstance(settings.db_password, SecretStr)
    problems = migrate(settings.stream_chat_url, settings).problems
    for cid, problem in problems.items():
        sys.stderr.write(f"{cid}: {problem}\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
