"""One channel's changes: into the stage of a load, held against the target, and made where nobody here made others.

Here: which statements make the changes, in which transactions, and what each leaves to be repeated after a crash
(everything: each compares anew). Not here: what is read (``reading.py``), the statements (``postgres/sql/sync_*.sql``).

Three sides decide every change: what Stream says now (the stage), what is in the target now, and what the migration
left there (digests beside the map of ids). A row that is as the migration left it follows Stream; one that somebody in
ChatSDK changed stays as it is, and is listed as a conflict when Stream changed it too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from chatsdk_migration import losses
from chatsdk_migration.errors import ChannelError
from chatsdk_migration.models import Batch, ChannelRow, Entity, FetchedMessage, Loss, UserRow
from chatsdk_migration.postgres import ledger, merge
from chatsdk_migration.postgres.copying import copy_rows
from chatsdk_migration.postgres.failures import explained
from chatsdk_migration.postgres.sql import statement
from chatsdk_migration.postgres.stage import LOSS_COLUMNS, MEMBER_ENTITIES, ChannelStage
from chatsdk_migration.storable import repair
from chatsdk_migration.transform import times
from chatsdk_migration.transform.users import is_deleted

_TABLES = (
    b"TRUNCATE stage_sync_channel, stage_sync_sought, stage_sync_thread, stage_sync_partial, stage_sync_change, "
    b"stage_sync_scope, stage_sync_item, stage_sync_conflict, stage_sync_refused, stage_sync_loss"
)
_ITEMS = (
    ("sync_drop_reactions", "reactions removed"),
    ("sync_add_reactions", "reactions added"),
    ("sync_drop_votes", "votes removed"),
    ("sync_add_votes", "votes added"),
    ("sync_drop_pins", "pins removed"),
    ("sync_add_pins", "pins added"),
    ("sync_polls_change", "polls changed"),
)
_OF_MESSAGES = frozenset(Entity) - MEMBER_ENTITIES - {Entity.USER.value, Entity.CHANNEL.value}
"""What is noted of messages and of what hangs on them."""
_NO_REPLAYED = {"entities": list[str](), "keys": list[str]()}


class SyncStage(ChannelStage):
    """One channel's sync: ``add`` batches and say what was read to its end, then ``apply``.

    Attributes:
        applied: Rows changed, by kind of change.
        everything: All of the channel is read, and notes of it replace those from before. To be set before ``add``.
        deleted_people: Whom Stream has deleted, as its records embed them; complete when all is applied.
        deleted_lost: What they lose.

    Raises:
        ChannelError: From any method: this channel cannot be synced now.
        TransientError: From any method: the connection broke; sync the whole channel again.
        PermanentError: From any method: no channel can be synced.
    """

    def _prepare(self) -> None:
        self.applied: Counter[str] = Counter()
        self.everything = False
        self.deleted_people: list[UserRow] = []
        self.deleted_lost: list[Loss] = []
        self._people = False
        self._months: Counter[str] = Counter()
        self._month_of: dict[str, str] = {}
        with explained(f"preparing the sync of {self.cid}", ChannelError):
            self._scope.conn.execute(statement("sync_tables"))
            self._scope.conn.execute(_TABLES)

    def add_channel(self, row: ChannelRow) -> None:
        """Take the channel's own row."""
        self._copy_own("stage_sync_channel", ChannelRow._fields, [row])

    def add_people(self) -> None:
        """Say that the members added are all the channel has."""
        self._people = True

    def add_sought(self, ids: Iterable[str]) -> None:
        """Say which messages were asked for by id: what was not added of them is gone."""
        self._copy_own("stage_sync_sought", ("stream_id",), [(one,) for one in ids])

    def add_threads(self, parents: Iterable[str]) -> None:
        """Say of which messages all replies were read."""
        self._copy_own("stage_sync_thread", ("stream_id",), [(one,) for one in parents])

    def add_refused(self, parents: Iterable[str]) -> None:
        """Say of which messages Stream does not list the replies: what is here of them stays."""
        self._copy_own("stage_sync_refused", ("stream_id",), [(one,) for one in parents])

    def add_read(self, fetched: Iterable[FetchedMessage]) -> None:
        """Note in which months the messages read were written."""
        for one in fetched:
            month = times.month(one.raw.get("created_at"))
            if self.everything:
                self._months[month] += 1
            else:
                self._month_of[repair(str(one.raw.get("id")))] = month

    def add_partial(self, fetched: Iterable[FetchedMessage]) -> None:
        """Note the messages of which Stream gave fewer reactions or votes than it counts."""
        partial = [(str(one.raw["id"]),) for one in fetched if one.reactions_missing or one.votes_missing]
        self._copy_own("stage_sync_partial", ("stream_id",), partial)

    def recent_threads(self, since: datetime) -> list[str]:
        """Give the older messages that have replies of the recent time."""
        with explained(f"looking for threads of {self.cid}", ChannelError), self._scope.transaction():
            return [stream_id for (stream_id,) in self._scope.run("sync_recent_threads", since=since)]

    def parents_among(self, ids: list[str]) -> set[str]:
        """Give those of the messages that have replies here."""
        with explained(f"looking for threads of {self.cid}", ChannelError), self._scope.transaction():
            return {stream_id for (stream_id,) in self._scope.run("sync_parents_among", ids=ids)}

    def apply(self, now: datetime, *, since: datetime | None) -> None:
        """Make the changes.

        Args:
            now: Stream's clock: when tombstones are dated.
            since: From when on the channel's list was read to its end; None: no stretch of it was.
        """
        with explained(f"syncing {self.cid}", ChannelError):
            with self._scope.transaction():
                merge.require_channel(self._scope)
            self._store_users()
            self._apply_people()
            self._free_reused(now)
            self._load_new()
            self._apply_messages(now, since)
            merge.count_replies(self._scope)
            if self._people:
                with self._scope.transaction():
                    self._scope.conn.execute("SET LOCAL enable_nestloop = off")
                    states = self._scope.user_message != "none"
                    self.applied["positions"] += self._scope.row("sync_positions", states=states)[0]
            merge.audit(self._scope)
            self._keep_notes(now, since)

    def _apply_people(self) -> None:
        scope = self._scope
        with scope.transaction():
            if self._staged["stage_sync_channel"]:
                self.applied["channel changed"] += scope.row("sync_channel")[0]
            if not self._people:
                return
            self._noted(merge.Outcome(rejects=Counter(dict(scope.run("reject_members").fetchall()))))
            joined, changed, left, outside = scope.row("sync_members")
            states = scope.user_message != "none"
            self.applied["mentions added"] += scope.row("sync_mentions_joined", states=states)[0]
            if joined and states:
                scope.run("sync_states_joined", users=joined, everything=scope.user_message == "all")
            if outside:
                self.applied["mentions removed"] += scope.row("sync_states_left", users=outside)[0]
        self.applied.update({"members joined": len(joined), "members changed": changed, "members left": left})

    def _free_reused(self, now: datetime) -> None:
        """Let go of messages whose ids Stream has given to others, and of what hangs on them: nothing leads back."""
        scope = self._scope
        if self._staged["stage_message"]:
            with scope.transaction():
                if scope.run("sync_reused", now=now).rowcount > 0:
                    self.applied["messages deleted"] += scope.row("sync_bury", now=now)[0]
                    self._apply_items()
                scope.run("sync_uncounted")

    def _load_new(self) -> None:
        """Load the messages that are new, numbered after all that are there."""
        self.applied["messages added"] += self.load_messages().written

    def _apply_messages(self, now: datetime, since: datetime | None) -> None:
        scope = self._scope
        window = {"since": since or "infinity", "everything": self.everything}
        with scope.transaction():
            scope.run("sync_judge")
            scope.run("sync_polls_insert")
            scope.run("sync_gone", **window)
            changed, deleted = scope.row("sync_apply")
            scope.run("sync_settle")
            (buried,) = scope.row("sync_bury", now=now)
            self._apply_items()
        self.applied.update({"messages changed": changed, "messages deleted": deleted + buried})
        self._noted(merge.Outcome(rejects=self._rejected_items()))
        if self.everything:
            with scope.transaction():
                scope.run("lose_reactions")
                scope.run("lose_mentions")

    def _apply_items(self) -> None:
        """Follow what hangs on the messages, and note what now does, in one transaction with it."""
        scope = self._scope
        scope.run("sync_scope")
        scope.run("sync_items")
        scope.conn.execute(b"ANALYZE stage_sync_scope, stage_sync_item")
        scope.run("sync_taken_away_kept")
        scope.run("sync_forget_categories")
        for name, kind in _ITEMS:
            self.applied[kind] += max(scope.run(name).rowcount, 0)
        mode = scope.user_message
        self.applied["mentions removed"] += scope.row("sync_drop_mentions", sparse=mode == "unread_and_mentions")[0]
        self.applied["mentions added"] += scope.row("sync_add_mentions", states=mode != "none")[0]
        scope.run("sync_withhold_mentions")
        scope.run("sync_taken_away")
        scope.run("sync_remember_items")

    def _rejected_items(self) -> Counter[str]:
        rejects: Counter[str] = Counter()
        with self._scope.transaction():
            for name in ("reject_attachments", "reject_reactions"):
                rejects.update(dict(self._scope.run(name).fetchall()))
        return rejects

    def _new_users(self, batch: Batch) -> list[UserRow]:
        fresh = super()._new_users(batch)
        deleted = {row.id: row for row in fresh if is_deleted(row)}
        self.deleted_people += deleted.values()
        self.deleted_lost += [loss for loss in batch.embedded_losses if loss.stream_id in deleted]
        return fresh

    def _note_losses(self, batch: Batch) -> None:
        """Sum up what is read whole; of the rest it is known at the end what is new."""
        whole = _OF_MESSAGES | MEMBER_ENTITIES if self.everything else MEMBER_ENTITIES
        known = replace(
            batch, losses=[one for one in batch.losses if one.entity in whole or ledger.is_listed(one.kind)]
        )
        known.losses = [one for one in known.losses if one.entity != Entity.CHANNEL]  # noted with the whole app
        super()._note_losses(known)
        parts = [one for one in batch.losses if one.entity in _OF_MESSAGES - whole and not ledger.is_listed(one.kind)]
        self._copy_own("stage_sync_loss", Loss._fields, [(*one[:2], repair(one[2]), repair(one[3])) for one in parts])

    def _keep_notes(self, now: datetime, since: datetime | None) -> None:
        """Note what was lost and counted in one transaction: what is counted twice or not at all, nobody would see."""
        scope = self._scope
        copy_rows(scope.conn, "stage_loss", LOSS_COLUMNS, self._sums.rows())
        self._sums = ledger.Sums()
        replaced = (MEMBER_ENTITIES if self._people else frozenset()) | (
            _OF_MESSAGES if self.everything else frozenset()
        )
        given = {"summed": ledger.summed_kinds(), "withheld": losses.WITHHELD, "replaced": list(replaced)}
        with scope.transaction():
            merge.keep_notes(scope, replaced)
            if self.everything:
                months = self._months
                scope.run("forget_source_months")
            else:
                stretch = since and f"{since.astimezone(UTC):%Y-%m-%dT%H:%M:%S}"
                scope.run("sync_settle_quarantine", entities=list(_OF_MESSAGES), since=stretch)
                fresh = scope.run("sync_keep_losses", entities=list(_OF_MESSAGES), **given)
                months = Counter(self._month_of[one] for (one,) in fresh if one in self._month_of)
            scope.run("sync_add_months", months=list(months), numbers=list(months.values()))
            scope.run("replay_keep_rejects", run=scope.run_id or None, **_NO_REPLAYED)
            scope.run("sync_conflicts", now=now, people=self._people)

    def _copy_own(self, table: str, columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
        if rows:
            with explained(f"staging {self.cid}", ChannelError):
                copy_rows(self._scope.conn, table, columns, rows)
                self._staged[table] += len(rows)
