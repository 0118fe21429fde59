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
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from chatsdk_migration.errors import GoneFromSourceError
from chatsdk_migration.models import Batch, Entity, Json, Loss, Rejected, UserRow
from chatsdk_migration.postgres import ledger
from chatsdk_migration.postgres.copying import copy_rows, in_halves, refusal
from chatsdk_migration.postgres.people import load_users
from chatsdk_migration.postgres.sql import statement
from chatsdk_migration.postgres.target import Connection
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
        self._run_id = migration.run_id
        self._rejected: set[str] = set()
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
        self._rejected = self._ids("sync_people_rejected")
        for page in self._pages(since, sweep):
            seen |= self._take(page, applied)
        asked = (set(named) | self._doubtful(sweep)) - seen
        for page in users_by_id(self._source, sorted(asked)):
            seen |= self._take(page, applied)
        if seen or sweep not in EVERYBODY:  # a list that shows nobody at all is not believed
            applied["users changed"] += self._leave(asked - seen, sweep)
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
        self._list_losses(lost, changed)
        return self._change([rows[one] for one in changed], listed=False)[0]

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

        def count_losses(conn: Connection, rows: Sequence[UserRow]) -> None:
            given = {"app": self._target.app_id, "ids": [row.id for row in rows]}
            fresh = {one for (one,) in conn.execute(statement("sync_new_people"), given)}
            ledger.add_losses(conn, self._target.app_id, [one for one in out.losses if one.stream_id in fresh])

        size = self._settings.user_batch_size
        loaded = load_users(self._target, out.users.values(), size, out, listed=True, beside=count_losses)
        changed, refused = self._change(list(out.users.values()), listed=True, origin=out)
        applied["users added"] += loaded.counts.written
        applied["users changed"] += changed
        self._list_losses(out.losses, out.users)
        self._quarantine([*out.rejects, *loaded.rejects, *refused], out.users)
        return {str(raw.get("id")) for raw in page}

    def _quarantine(self, found: list[Rejected], met: Iterable[str]) -> None:
        """Keep the records that cannot be carried, and let go of those that were carried now."""
        carried = set(met) - {one.stream_id for one in found}
        if found or carried & self._rejected:
            ledger.follow_rejects(self._target, found, {Entity.USER: carried}, self._run_id)

    def _list_losses(self, found: Iterable[Loss], people: Iterable[str]) -> None:
        """Bring what is listed of people one by one up to date; sums count only whom nobody has carried yet."""
        lines = {(one.kind, one.stream_id): one for one in found if ledger.is_listed(one.kind)}
        now = {
            "app": self._target.app_id,
            "listed": ledger.listed_kinds(),
            "people": list(people),
            "kinds": [kind for kind, _ in lines],
            "ids": [who for _, who in lines],
        }
        with self._target.transaction() as conn:
            conn.execute(statement("sync_people_losses"), now)
            ledger.add_losses(conn, self._target.app_id, lines.values())

    def _leave(self, ids: Collection[str], sweep: Sweep | None) -> int:
        """Follow people whom Stream does not list any more; give how many changed.

        Whoever was changed here too, and is a conflict, is looked for again in sweeps of everybody only.
        """
        if not ids:
            return 0
        given = {"app": self._target.app_id, "ids": list(ids), "everybody": sweep in EVERYBODY}
        with self._target.transaction(read_only=True) as conn:
            rows = conn.execute(statement("sync_people_vanished"), given).fetchall()
        out = Batch()
        for user_id, cid, stream_id in rows:
            embedded = self._author(cid, stream_id) if stream_id is not None else None
            map_vanished_user(user_id, embedded, self._settings.mapping, out, now=self._now)
        if not rows:
            return 0
        self._list_losses(out.embedded_losses, out.users)
        return self._change(list(out.users.values()), listed=False)[0]

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

    def _change(self, rows: list[UserRow], *, listed: bool, origin: Batch | None = None) -> tuple[int, list[Rejected]]:
        """Change people in one transaction; give how many changed, and the rows that PostgreSQL refuses."""
        refused: list[Rejected] = []

        def refuse(row: UserRow, reason: str) -> None:
            refused.append(refusal(Entity.USER.value, row, reason, origin))

        def write(some: Any) -> int:
            return self._write(some, listed=listed)

        with self._one_at_a_time:  # channels side by side meet the same people
            return sum(in_halves(rows, write, refuse)), refused

    def _write(self, rows: Any, *, listed: bool) -> int:
        given = {"app": self._target.app_id, "now": self._now, "listed": listed}
        with self._target.raw_transaction() as conn:
            conn.execute(statement("people_stage"))
            copy_rows(conn, "arriving_user", UserRow._fields, rows)
            row = conn.execute(statement("sync_users"), given).fetchone()
        assert row is not None, "an aggregate gives one row"
        return int(row[0])
