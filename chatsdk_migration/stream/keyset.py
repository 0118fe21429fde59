"""Walking a list that moves under our feet without missing or doubling a row.

Here: de-duplication at an edge, and the walk by ``created_at`` for channels and members.
Not here: messages and replies, whose pages Stream anchors differently (``messages``, ``replies``).

The rules, from Stream's documented filters: sort by what never changes; step inclusively (``$gte`` the last instant)
and drop what was seen; where a full page shares one instant, use ``offset`` inside that instant; where it holds more
than offset reaches, split it by ranges of the id. A walk ends when a page brings nothing new, never because a page is
short, and fails when it cannot advance.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from operator import itemgetter

from chatsdk_migration.models import Json
from chatsdk_migration.stream.client import unreadable
from chatsdk_migration.stream.times import NANOSECONDS_IN_A_MILLISECOND, instant

DEEPEST_SPLIT = 24
"""Times a range of ids is halved in vain before its rows count as inseparable; the upper half is always a step on."""
SMALLEST_CLAMP = 25
"""The smallest page size Stream is known to fall back to: a page at least as long, and as long as any before, may be
full although it is shorter than what was asked for."""
MOST_RESTARTS = 5
"""Times one instant is read from its start again because rows left it meanwhile."""


@dataclass(slots=True)
class Edge:
    """What was already seen near the end of a walk; memory of one page, however long the walk.

    Ids are kept for the whole millisecond of the last row: a server that cuts an anchor's precision shows
    rows of that millisecond again.

    Attributes:
        what: What is walked, for messages.
        key: What makes a row unique.
        created_at: Its time, as served.
        backwards: The walk goes from new to old.
    """

    what: str
    key: Callable[[Json], str]
    created_at: Callable[[Json], object]
    backwards: bool = False
    _seen: dict[str, int | None] = field(default_factory=dict)
    _kept: frozenset[int] = frozenset()
    _last: int | None = None
    _longest: int = 0

    def is_full(self, rows: list[Json], limit: int) -> bool:
        """Say whether more rows may follow this page within its instant, also when Stream clamps below ``limit``."""
        full = len(rows) >= limit or (self._longest > 0 and len(rows) >= max(self._longest, SMALLEST_CLAMP))
        self._longest = max(self._longest, len(rows))
        return full

    def fresh(self, rows: list[Json]) -> list[Json]:
        """Give the rows not seen before, and remember them.

        Raises:
            ChannelError: A row lies on the side from which the walk comes: Stream did not follow the anchor,
                and going on could double rows or never end.
        """
        new = []
        for row in rows:
            key = self.key(row)
            if key not in self._seen:
                at = self._seen[key] = instant(self.created_at(row))
                if self._is_behind(at):
                    raise unreadable(self.what, f"no page leads beyond {self.created_at(row)}")
                new.append(row)
        return new

    def step_to(self, *rows: Json) -> None:
        """Forget all but the milliseconds of these rows, from one of which the next page is asked."""
        times = (self._at(row) for row in rows)
        self._kept = frozenset(at // NANOSECONDS_IN_A_MILLISECOND for at in times if at is not None)
        self._last = (max if self.backwards else min)(self._kept, default=None)
        self._seen = {
            key: at for key, at in self._seen.items() if at is None or at // NANOSECONDS_IN_A_MILLISECOND in self._kept
        }

    def newest(self, rows: list[Json]) -> Json | None:
        """Give the latest row that has a time, of several the first."""
        timed = ((at, row) for row in rows if (at := self._at(row)) is not None)
        return max(timed, key=itemgetter(0), default=(0, None))[1]

    def is_one_instant(self, rows: list[Json]) -> bool:
        """Say whether all rows (there is one at least) share one instant."""
        first = self._at(rows[0])
        return all(self._at(row) == first for row in rows)

    def _at(self, row: Json) -> int | None:
        known = self._seen.get(self.key(row))
        return known if known is not None else instant(self.created_at(row))

    def _is_behind(self, at: int | None) -> bool:
        if at is None or self._last is None:
            return False
        bucket = at // NANOSECONDS_IN_A_MILLISECOND
        return bucket > self._last if self.backwards else bucket < self._last


@dataclass(frozen=True, slots=True)
class Listing:
    """A list of Stream's that can be sorted by ``created_at`` and filtered by it and by an id.

    Attributes:
        what: For messages: ``"the channels"``.
        fetch: Reads one page for a filter and an offset.
        limit: Rows of a full page.
        last_offset: The highest offset Stream honours.
        id_field: The filter field that splits one instant.
        id_of: Its value in a row.
        key: What makes a row unique.
        created_at: Its time, as served.
    """

    what: str
    fetch: Callable[[Json, int], list[Json]]
    limit: int
    last_offset: int
    id_field: str
    id_of: Callable[[Json], str]
    key: Callable[[Json], str]
    created_at: Callable[[Json], object]


def walk(listing: Listing) -> Iterator[list[Json]]:
    """Give every row once, in pages, oldest first.

    Raises:
        ChannelError: The list cannot be walked without risking a loss; and all of ``client``'s errors.
    """
    edge = Edge(listing.what, listing.key, listing.created_at)
    condition: Json = {}
    finished: object = None
    while page := listing.fetch(condition, 0):
        fresh, full = edge.fresh(page), edge.is_full(page, listing.limit)
        if fresh:
            yield fresh
        elif not full:
            return
        newest = edge.newest(page)
        if newest is None:
            raise unreadable(listing.what, "a page without any creation time")
        edge.step_to(newest)
        at = listing.created_at(newest)
        if full and edge.is_one_instant(page):
            if at == finished:
                raise unreadable(listing.what, f"the page after {at} is {at} again")
            yield from filter(None, (edge.fresh(rows) for rows in _one_instant(listing, at)))
            finished, condition = at, {"created_at": {"$gt": at}}
        elif fresh:
            condition = {"created_at": {"$gte": at}}
        else:
            raise unreadable(listing.what, f"no page leads beyond {at}")


@dataclass(frozen=True, slots=True)
class _Range:
    """Ids above ``low`` up to and with ``high``, in the server's own order."""

    low: str | None = None
    high: str | None = None
    depth: int = 0

    def conditions(self, name: str) -> list[Json]:
        low = [] if self.low is None else [{name: {"$gt": self.low}}]
        return low + ([] if self.high is None else [{name: {"$lte": self.high}}])

    def halves(self, pivot: str) -> tuple[_Range, _Range]:
        """Split at an id; whatever the server's collation, a row is in exactly one half."""
        return _Range(self.low, pivot, self.depth + 1), _Range(pivot, self.high)


def _one_instant(listing: Listing, at: object) -> Iterator[list[Json]]:
    """Give all rows of one instant, however many; some may be given more than once.

    The lower half first: it holds at most what one window showed, where Stream orders an instant by id.
    """
    ranges = [_Range()]
    while ranges:
        ids = ranges.pop()
        pivot = yield from _one_range(listing, at, ids)
        if pivot is None:
            continue
        if ids.depth >= DEEPEST_SPLIT:
            raise unreadable(listing.what, f"more rows share {at} than can be told apart by {listing.id_field}")
        lower, upper = ids.halves(pivot)
        ranges += [upper, lower]


def _one_range(listing: Listing, at: object, ids: _Range) -> Generator[list[Json], None, str | None]:
    """Give the rows of one instant within a range of ids; then the id at which to split it when those are not all."""
    conditions = [{"created_at": {"$gte": at}}, *ids.conditions(listing.id_field)]
    condition = conditions[0] if len(conditions) == 1 else {"$and": conditions}
    found: dict[str, str] = {}
    reached_all = False
    for _ in range(MOST_RESTARTS):
        window = _Window(listing, condition, at, found)
        yield from window.pages()
        if not window.shifted:
            reached_all = window.complete
            break
    else:
        raise unreadable(listing.what, f"rows of {at} changed places at every try")
    if reached_all:
        return None
    if ids.low in found.values():
        raise unreadable(listing.what, f"Stream does not look for a {listing.id_field} above another")
    ordered = sorted(set(found.values()))
    return ordered[(len(ordered) - 1) // 2]


@dataclass(slots=True)
class _Window:
    """Reading one instant by offset.

    Each page repeats the last row of the one before as a witness: when it is missing, rows left the list meanwhile
    and the offset has jumped over some.
    """

    listing: Listing
    condition: Json
    at: object
    found: dict[str, str]
    complete: bool = False
    shifted: bool = False

    def pages(self) -> Iterator[list[Json]]:
        """Give the pages of this instant as far as offset reaches, then say how it ended."""
        offset, seen, goal = 0, set[str](), instant(self.at)
        while True:
            page = self.listing.fetch(self.condition, offset)
            if offset and (not page or self.listing.key(page[0]) not in seen):
                self.shifted = True
                return
            rows = [row for row in page if instant(self.listing.created_at(row)) == goal]
            new = {self.listing.key(row): self.listing.id_of(row) for row in rows}
            grown = new.keys() - seen
            seen |= new.keys()
            self.found.update(new)
            if rows:
                yield rows
            self.complete = len(rows) < len(page) or not grown
            if self.complete or offset == self.listing.last_offset:
                return
            offset = min(offset + len(page) - 1, self.listing.last_offset)
