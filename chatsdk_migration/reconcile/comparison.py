"""The stage of a channel's comparison: filled as a load's stage is, then held against the target inside PostgreSQL.

Here: which statements find differences, in which transaction, and reading them back. Not here: reading the source
(``channel.py``), putting differences right (``repair.py``), what each statement compares (``sql/``).

The comparison is one read-only transaction with one snapshot; what it finds goes into a temporary table, so a channel
of a million messages costs this process no more memory than a small one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from psycopg import Cursor

from chatsdk_migration.errors import ChannelError
from chatsdk_migration.models import ChannelRow
from chatsdk_migration.postgres.copying import copy_rows
from chatsdk_migration.postgres.failures import explained
from chatsdk_migration.postgres.stage import ChannelStage
from chatsdk_migration.reconcile.sql import statement
from chatsdk_migration.reconcile.verdict import Difference, Tally, difference

MOST_KEPT = 1_000
"""Differences of one channel that are read back; all are counted."""
LARGE_MATCH = 2_000
"""Messages from which the temporary table is worth statistics."""
CLOCK_SKEW = "10 minutes"
"""How far the clock of ChatSDK's server may be behind PostgreSQL's."""

_CONTENT = (
    "find_missing_messages",
    "find_extra_messages",
    "find_different_messages",
    "find_members",
    "find_reactions",
    "find_mentions",
    "find_pins",
    "find_polls",
    "find_votes",
    "find_positions",
)
_EXPLAINING = ("unexplain_carried", "explain_conflicts", "explain_rejected", "explain_people", "explain_removed")
_NUMBERS = ("find_sequence", "find_channel_counters", "find_reply_counts", "find_poll_totals")
"""After all that explains: they leave out what is missing or extra without an explanation."""
_COMPARED = ("members", "messages", "reactions", "mentions", "pins", "polls", "votes")
"""Columns of ``compared.sql``."""


class ComparisonStage(ChannelStage):
    """One channel's comparison: ``add`` batches and the channel's row, then ``compare``.

    Nothing is loaded; the methods of the load are inherited for the repair.

    Raises:
        ChannelError: From any method: this channel cannot be compared now.
        TransientError: From any method: the connection broke.
        PermanentError: From any method: no channel can be compared.
    """

    def _prepare(self) -> None:
        with explained(f"preparing the comparison of {self.cid}", ChannelError):
            conn = self._scope.conn
            conn.execute(statement("tables"))
            conn.execute(
                "TRUNCATE stage_verify_channel, stage_verify_message, stage_verify_expired, stage_verify_found"
            )
            self._since = str(self._row("since")[0])

    @property
    def since(self) -> str:
        """When the channel was carried first, as PostgreSQL's text; ``-infinity`` when nobody noted it."""
        return self._since

    def add_channel(self, row: ChannelRow) -> None:
        """Take the channel's own row."""
        with explained(f"staging {self.cid}", ChannelError):
            copy_rows(self._scope.conn, "stage_verify_channel", ChannelRow._fields, [row])

    def add_expired(self, ids: Sequence[str]) -> None:
        """Say of which messages the pin, wanted when the channel was carried first, has run out by now."""
        if ids:
            with explained(f"staging {self.cid}", ChannelError):
                copy_rows(self._scope.conn, "stage_verify_expired", ("stream_id",), [(one,) for one in ids])

    def compare(self) -> None:
        """Find all differences; those of an earlier comparison are forgotten."""
        with explained(f"comparing {self.cid}", ChannelError):
            conn = self._scope.conn
            conn.execute("TRUNCATE stage_verify_message, stage_verify_found")
            for table, rows in self._staged.items():
                self._scope.analyze(table.encode(), rows)
            with self._snapshot():
                self._find()

    def _find(self) -> None:
        matched = self._run("match").rowcount
        if matched >= LARGE_MATCH:
            self._scope.conn.execute("ANALYZE stage_verify_message")
        # A channel's rows are a small part of tables whose statistics lag behind a load: always by their keys.
        self._scope.conn.execute("SET LOCAL enable_seqscan = off")
        self._run("find_channel")
        if self._row("channel_is_missing")[0]:
            return
        for name in _CONTENT:
            self._run(name)
        if self._scope.user_message != "none":
            self._scope.conn.execute("SET LOCAL enable_nestloop = off")  # by hashes: the rows are members x messages
            self._run("find_states", everything=self._scope.user_message == "all")
            self._scope.conn.execute("SET LOCAL enable_nestloop = on")
        for name in (*_EXPLAINING, *_NUMBERS):
            self._run(name)

    def tallies(self) -> Counter[Tally]:
        """Count what was found."""
        rows = self._run("count_found")
        return Counter({Tally(category, kind, why): number for category, kind, why, number in rows})

    def differences(self, most: int = MOST_KEPT) -> list[Difference]:
        """Read the first differences back, unexplained ones first."""
        return [difference(self.cid, row) for row in self._run("list_found", most=most)]

    def compared(self) -> Counter[str]:
        """Count what of the source was compared."""
        return Counter(dict(zip(_COMPARED, self._row("compared"), strict=True)))

    @contextmanager
    def _snapshot(self) -> Iterator[None]:
        """Open the read-only transaction; temporary tables may still be written in it."""
        conn = self._scope.conn
        with conn.transaction():
            conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            conn.execute("SELECT set_config('app.current_app_id', %s, true)", [str(self._scope.app_id)])
            conn.execute("SET LOCAL TimeZone = 'UTC'")
            yield

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Open a transaction for repairs, in which values read as the comparison wrote them."""
        with explained(f"repairing {self.cid}", ChannelError), self._scope.transaction():
            self._scope.conn.execute("SET LOCAL TimeZone = 'UTC'")
            yield

    def store_people(self) -> None:
        """Insert the staged people who never were there; who was deleted in ChatSDK stays so."""
        with explained(f"repairing people of {self.cid}", ChannelError):
            self._store_users()

    def take_numbers(self, rows: int) -> int:
        """Take so many sequence numbers, inside ``changing``; give the one before the first."""
        if not rows:
            return 0
        self._scope.run("catch_up_numbers")
        (before,) = self._scope.row("take_numbers", rows=rows)
        return int(before)

    def load_unmapped(self) -> int:
        """Load the messages that the map does not know yet, as a load does; give their number."""
        self._scope.conn.execute("TRUNCATE stage_known, stage_plan, stage_reader, stage_link RESTART IDENTITY")
        return self.load_messages().written

    def forget_states(self, left: list[str]) -> None:
        """Take from people who left what the channel's messages showed them, in the transaction that is open."""
        if left:
            self._scope.run("sync_states_left", users=left)

    def run(self, name: str, **more: Any) -> Cursor[Any]:
        """Run a statement of this package on the stage's connection."""
        return self._run(name, **more)

    def row(self, name: str, **more: Any) -> Sequence[Any]:
        """Run a statement of this package that gives exactly one row."""
        return self._row(name, **more)

    def _run(self, name: str, **more: Any) -> Cursor[Any]:
        scope = self._scope
        given = {
            "app": scope.app_id,
            "channel": scope.channel_id,
            "cid": scope.cid,
            "since": getattr(self, "_since", ""),
            "skew": CLOCK_SKEW,
        }
        return scope.conn.execute(statement(name), given | more)

    def _row(self, name: str, **more: Any) -> Sequence[Any]:
        row: Sequence[Any] | None = self._run(name, **more).fetchone()
        assert row is not None, f"{name} gives one row"
        return row
