"""People of the app: new and changed ones, bans that begin and run out, those whom Stream does not list any more.

Here: which people are asked for, and the changes of their rows, where these are as they were carried. Not here: members
of channels (``stage.py``), what a user becomes (``transform/users.py``).

Stream's docs do not say that a ban, or its end, changes the user's record, and its list does not show whom it has
deleted. So at each look at everything all who are banned in Stream are read, and all who are banned here; and a full
sweep, or that of a cutover, reads all people, to find who is gone. Of those the embedded copy in a message of theirs is
carried, as a first load would.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from typing import Any

from chatsdk_migration.errors import GoneFromSourceError
from chatsdk_migration.models import Batch, Json, Loss, UserRow
from chatsdk_migration.postgres import ledger
from chatsdk_migration.postgres.copying import copy_rows, in_halves
from chatsdk_migration.postgres.people import load_users
from chatsdk_migration.postgres.sql import statement
from chatsdk_migration.stream import changes
from chatsdk_migration.stream.client import StreamClient
from chatsdk_migration.stream.users import users_by_id, walk_banned_users, walk_users
from chatsdk_migration.sync.model import Sweep
from chatsdk_migration.sync.reading import rfc3339
from chatsdk_migration.transfer import Migration
from chatsdk_migration.transform.users import map_listed_user, map_vanished_user

EVERYBODY = frozenset({Sweep.HOT, Sweep.ALL})
"""The sweeps that read all people."""


class People:
    """The people of one sync.

    Args:
        migration: Where from and where to.
        source: Stream, for this sync.
        now: Stream's clock when it began: a ban that ran out before is none.
    """

    def __init__(self, migration: Migration, source: StreamClient, now: datetime) -> None:
        self._settings, self._target = migration.settings, migration.target
        self._source, self._now = source, now
        self._one_at_a_time = threading.Lock()

    def follow(self, since: datetime, named: Collection[str], sweep: Sweep | None) -> Counter[str]:
        """Carry new and changed people; give the rows changed by kind of change.

        Args:
            since: The changes from then on.
            named: People of whom an event told.
            sweep: How thorough to be; None: not everything is looked at.
        """
        applied: Counter[str] = Counter()
        seen: set[str] = set()
        for page in self._pages(since, sweep):
            seen |= self._take(page, applied)
        asked = (set(named) | self._doubtful(sweep)) - seen
        for page in users_by_id(self._source, sorted(asked)):
            seen |= self._take(page, applied)
        if seen or sweep not in EVERYBODY:  # a list that shows nobody at all is not believed
            applied["users changed"] += self._leave(asked - seen)
        return applied

    def follow_deleted(self, met: Iterable[UserRow], lost: Iterable[Loss]) -> int:
        """Follow people whom Stream has deleted, as other records embed them; give how many changed.

        Args:
            met: The people.
            lost: What they lose.
        """
        rows = {row.id: row for row in met}
        if not rows:
            return 0
        names = ("id", "name", "image_url", "custom_data")
        given = {name: [getattr(row, name) for row in rows.values()] for name in names}
        changed = self._ids("sync_people_differ", **given)
        if not changed:
            return 0
        self.add_losses((one for one in lost if one.stream_id in changed), ())
        return self._change([rows[one] for one in changed], listed=False)

    def add_losses(self, found: Iterable[Loss], fresh: Collection[str]) -> None:
        """Note what new people or channels lost beside that of the whole app; of others, what is listed one by one."""
        new, sums = (one for one in found if one.stream_id in fresh or ledger.is_listed(one.kind)), ledger.Sums()
        lines = ledger.listed_lines(new, sums) + sums.rows()
        if lines:
            names = ("entities", "kinds", "ids", "numbers", "details")
            given = dict(zip(names, map(list, zip(*lines, strict=True)), strict=True))
            with self._target.transaction() as conn:
                conn.execute(statement("sync_add_losses"), given | {"app": self._target.app_id})

    def _pages(self, since: datetime, sweep: Sweep | None) -> Iterator[list[Json]]:
        if sweep in EVERYBODY:
            yield from walk_users(self._source)
            return
        yield from changes.walk_changed_users(self._source, rfc3339(since))
        if sweep is not None:
            yield from walk_banned_users(self._source)

    def _doubtful(self, sweep: Sweep | None) -> set[str]:
        """Give those whose ban may be over or whose conflict may be solved; where all are read, all who were listed."""
        if sweep is None:
            return set()
        return self._ids("sync_people_listed" if sweep in EVERYBODY else "sync_people_doubtful")

    def _take(self, page: list[Json], applied: Counter[str]) -> set[str]:
        """Carry a page of listed people; give all ids on it."""
        out = Batch(sources=page)
        for raw in page:
            map_listed_user(raw, self._settings.mapping, out, now=self._now)
        fresh = self._ids("sync_new_people", ids=list(out.users))
        loaded = load_users(self._target, out.users.values(), self._settings.user_batch_size, out, listed=True)
        applied["users added"] += loaded.counts.written
        applied["users changed"] += self._change(list(out.users.values()), listed=True)
        self.add_losses(out.losses, fresh)
        return {str(raw.get("id")) for raw in page}

    def _leave(self, ids: Collection[str]) -> int:
        """Follow people whom Stream does not list any more; give how many changed."""
        if not ids:
            return 0
        given = {"app": self._target.app_id, "ids": list(ids)}
        with self._target.transaction(read_only=True) as conn:
            rows = conn.execute(statement("sync_people_vanished"), given).fetchall()
        out = Batch()
        for user_id, cid, stream_id in rows:
            embedded = self._author(cid, stream_id) if stream_id is not None else None
            map_vanished_user(user_id, embedded, self._settings.mapping, out, now=self._now)
        changed = self._change(list(out.users.values()), listed=False) if rows else 0
        self.add_losses(out.embedded_losses, ())
        return changed

    def _author(self, cid: str, stream_id: str) -> Json | None:
        """Read who wrote a message, as Stream embeds it there now."""
        try:
            found = changes.read_many(self._source, cid, [stream_id])
        except GoneFromSourceError:
            return None
        return next((one.get("user") for one in found), None)

    def _ids(self, query: str, **given: Any) -> set[str]:
        with self._target.transaction(read_only=True) as conn:
            return {one for (one,) in conn.execute(statement(query), given | {"app": self._target.app_id})}

    def _change(self, rows: list[UserRow], *, listed: bool) -> int:
        """Change people in one transaction; a row PostgreSQL refuses costs that row only."""
        refused: list[UserRow] = []  # the load of new people has put the reason into quarantine

        def write(some: Any) -> int:
            return self._write(some, listed=listed)

        with self._one_at_a_time:  # channels side by side meet the same people
            return sum(in_halves(rows, write, lambda row, _: refused.append(row)))

    def _write(self, rows: Any, *, listed: bool) -> int:
        given = {"app": self._target.app_id, "now": self._now, "listed": listed}
        with self._target.raw_transaction() as conn:
            conn.execute(statement("people_stage"))
            copy_rows(conn, "arriving_user", UserRow._fields, rows)
            row = conn.execute(statement("sync_users"), given).fetchone()
        assert row is not None, "an aggregate gives one row"
        return int(row[0])
