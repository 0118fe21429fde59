"""What a sync reads of one channel: what search found, the newest stretch of its list, threads, or everything.

Here: which calls, and in which order their answers go into the stage: parents before replies, as a reply in the thread
of a withheld message must be withheld with it. Not here: which channels (``detecting.py``), what is done with the stage
(``stage.py``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from chatsdk_migration.models import Batch, FetchedMessage, Json
from chatsdk_migration.stream import changes
from chatsdk_migration.stream.client import StreamClient
from chatsdk_migration.stream.messages import complete, walk_messages
from chatsdk_migration.stream.replies import is_in_thread_only, is_parent, walk_threads
from chatsdk_migration.stream.times import instant
from chatsdk_migration.sync.feed import Hint
from chatsdk_migration.sync.stage import SyncStage
from chatsdk_migration.transform.context import ChannelContext
from chatsdk_migration.transform.messages import map_message
from chatsdk_migration.transform.threads import map_refused_threads


@dataclass(slots=True)
class Plan:
    """What to read of one channel.

    Attributes:
        cid: The channel.
        state: As the list of channels showed it.
        ids: Messages that search found changed.
        since: From when on its list is read; None: not at all.
        everything: All of it is read.
        rescans: ``since`` is the window of a re-scan, whose threads are read too.
        people: Its own fields, members or read positions changed.
        unfinished: Its first load never came to its end, which is done before.
        seen: Time of the newest change that Stream showed.
    """

    cid: str
    state: Json
    ids: set[str] = field(default_factory=set)
    since: datetime | None = None
    everything: bool = False
    rescans: bool = False
    people: bool = False
    unfinished: bool = False
    seen: datetime | None = None

    def see(self, at: datetime | None) -> None:
        """Note the time of a change."""
        if at is not None and (self.seen is None or at > self.seen):
            self.seen = at

    def heed(self, hint: Hint) -> None:
        """Read what events said of the channel."""
        self.ids |= hint.ids
        self.people |= hint.people
        self.everything |= hint.everything
        self.see(hint.newest)

    @property
    def is_due(self) -> bool:
        """Say whether there is anything to read or to apply."""
        return bool(self.ids or self.since or self.everything or self.people)


def rfc3339(at: datetime) -> str:
    """Give a moment as Stream writes it, cut to whole seconds."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(slots=True)
class Reader:
    """Reads one channel into its stage, each message once."""

    source: StreamClient
    stage: SyncStage
    context: ChannelContext
    _seen: set[str] | None = field(default_factory=set)
    _refused: list[str] = field(default_factory=list)

    def read(self, plan: Plan) -> None:
        """Read what the plan says.

        Raises:
            GoneFromSourceError: The channel is gone.
            SourceChangedError: It was truncated or made anew meanwhile; and all of Stream's errors.
        """
        self.stage.everything = plan.everything
        self._read(plan)
        self.stage.add_refused(self._refused)
        out = Batch()
        map_refused_threads(self._refused, out)
        self.stage.add(out)

    def _read(self, plan: Plan) -> None:
        if plan.everything:
            self._seen = None  # one walk gives each message once; a million ids need not be kept
            self._walk(None)
            return
        old = set(self.stage.recent_threads(plan.since)) if plan.rescans and plan.since else set[str]()
        if plan.ids or old:
            self._read_ids(plan.ids | old, old)
        if plan.since:
            self._walk(rfc3339(plan.since))

    def _walk(self, since: str | None) -> None:
        """Read the list from a time on, and the threads of what it holds."""
        for page in walk_messages(self.source, self.context.cid, since=since, refused=self._refused):
            self._stage_page(page)
            self.stage.add_threads(str(one.raw["id"]) for one in page if is_parent(one.raw))
            self._read_threads(self._losing_parents([one.raw for one in page]))

    def _read_ids(self, ids: set[str], threads: set[str]) -> None:
        """Read messages as they are now, the parents of replies among them, and all replies of parents."""
        rows = changes.read_many(self.source, self.context.cid, sorted(ids))
        parents = {str(row["parent_id"]) for row in rows if row.get("parent_id")} - ids
        rows += changes.read_many(self.source, self.context.cid, sorted(parents)) if parents else []
        self.stage.add_sought({*ids, *parents})
        rows.sort(key=lambda row: (bool(row.get("parent_id")), instant(row.get("created_at")) or 0))
        self._stage_page(complete(self.source, rows, reactions=True))
        known = [row for row in rows if is_parent(row) or row["id"] in parents | threads]
        self._read_threads([row for row in known if not row.get("parent_id")] + self._losing_parents(rows, but=known))

    def _read_threads(self, parents: list[Json]) -> None:
        """Read all replies of these messages, shown in the channel too, unless its list is read from its beginning."""
        wanted = is_in_thread_only if self._seen is None else lambda _: True
        for replies in walk_threads(self.source, parents, self._refused, wanted):
            self._stage_page(complete(self.source, replies, reactions=True))
        self.stage.add_threads(str(row["id"]) for row in parents)

    def _losing_parents(self, rows: list[Json], but: list[Json] | None = None) -> list[Json]:
        """Give the messages that have replies here and, by Stream's count, none there: worth a look first."""
        left_out = {row["id"] for row in but or []}
        silent = {
            str(row["id"]): row
            for row in rows
            if not is_parent(row) and not row.get("parent_id") and row["id"] not in left_out
        }
        return [silent[one] for one in self.stage.parents_among(list(silent))] if silent else []

    def _stage_page(self, page: Iterable[FetchedMessage]) -> None:
        fresh = list(self._fresh(page))
        if not fresh:
            return
        out = Batch(sources=fresh)
        for fetched in fresh:
            map_message(fetched, self.context, out)
        self.stage.add(out)
        self.stage.add_partial(fresh)
        self.stage.add_read(fresh)

    def _fresh(self, page: Iterable[FetchedMessage]) -> Iterator[FetchedMessage]:
        for fetched in page:
            known: Any = fetched.raw.get("id")
            if self._seen is None:
                yield fetched
            elif known not in self._seen:
                self._seen.add(known)
                yield fetched
