"""All messages of a channel: its list, oldest first, and every reply, each once, with all that hangs on it.

Here: the forward walk and the gathering of reactions, votes and replies. Not here: one thread (``replies``), one
message's reactions (``reactions``) and votes (``polls``), the way around one instant (``export``).

The walk steps by ``created_at_after_or_equal`` the newest time seen, as served, and drops what it saw there: Stream
does not document what its anchors do with equal times, and this is right under any rule. Memory: two pages and what
hangs on them, however long the channel.

A channel that is deleted, truncated or emptied between two pages looks like one that has ended. So each page must hold
the message the step began at, and show the channel as the first page did; and no page is asked for unless Stream has
listed the channel within the last seconds, as querying a deleted one would bring it back, empty.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from chatsdk_migration.errors import AGAIN, ChannelError, SourceChangedError
from chatsdk_migration.models import FetchedMessage, Json
from chatsdk_migration.stream.answers import INPUT_ERROR_CODE, NOT_FOUND_CODE, SourceAnswerError
from chatsdk_migration.stream.channels import confirm, gone, read_channel, split_cid
from chatsdk_migration.stream.client import StreamClient, unreadable
from chatsdk_migration.stream.endpoints import Endpoint, path
from chatsdk_migration.stream.export import export_instant
from chatsdk_migration.stream.keyset import Edge
from chatsdk_migration.stream.polls import Votes, fetch_votes, poll_id_of
from chatsdk_migration.stream.reactions import Reactions, are_complete, counted, embedded, fetch_reactions
from chatsdk_migration.stream.replies import is_in_thread_only, is_parent, walk_threads
from chatsdk_migration.stream.times import NANOSECONDS_IN_A_SECOND, instant

PAGE = 300
"""Stream's maximum; larger ones are clamped."""
BEFORE_EVERYTHING = "1900-01-01T00:00:00Z"
"""Imports hold messages of 1970 and before; the year 1 would be Go's zero time, which reads as "not given"."""

MOST_REACTIONS_AT_ONCE = 20_000
"""Held in memory with their messages: some 30 MB."""


def walk_messages(
    client: StreamClient,
    cid: str,
    *,
    reactions: bool = True,
    since: str | None = None,
    refused: list[str] | None = None,
) -> Iterator[list[FetchedMessage]]:
    """Give every message of a channel once, in pages: the list oldest first, replies after the page of their parent.

    Args:
        client: Where to ask.
        cid: A channel that Stream lists; when it was not seen within the last seconds it is looked up first, as
            querying an unknown one could create it.
        reactions: False leaves it at the embedded reactions.
        since: Only the list from this time on (RFC 3339), with the threads that begin in it; None: all.
        refused: Gets the ids of messages whose replies Stream refuses to list as the channel's type has replies
            switched off; None: that is a ``ChannelError``.

    Raises:
        GoneFromSourceError: The channel is gone.
        SourceChangedError: What was given so far is void: begin again.
        ChannelError: A message could be lost; and all of ``client``'s errors.
    """
    channel, wanted = _Channel(client, cid), _not_listed_since(since)
    for rows in client.ahead(_list_pages(client, channel, since or BEFORE_EVERYTHING)):
        for portion in _portions(rows):
            yield complete(client, portion, reactions=reactions)
        for replies in walk_threads(client, [row for row in rows if is_parent(row)], refused, wanted):
            for portion in _portions(replies):
                yield complete(client, portion, reactions=reactions)
    channel.confirm()  # threads take long, and those of a deleted channel look like threads without replies


def _not_listed_since(since: str | None) -> Callable[[Json], bool]:
    """Give the rule by which a reply is no row of the list read from that time on; it may be older than its parent."""
    begin = instant(since)
    if begin is None:
        return is_in_thread_only
    return lambda reply: is_in_thread_only(reply) or (instant(reply.get("created_at")) or 0) < begin


def _portions(rows: list[Json]) -> Iterator[list[Json]]:
    """Part a page so that what hangs on its messages fits into memory; a page of one instant may be any length."""
    if len(rows) <= PAGE and sum(map(counted, rows)) <= MOST_REACTIONS_AT_ONCE:  # as nearly every page
        yield rows
        return
    portion: list[Json] = []
    weight = 0
    for row in rows:
        reactions = counted(row)
        if portion and (len(portion) >= PAGE or weight + reactions > MOST_REACTIONS_AT_ONCE):
            yield portion
            portion, weight = [], 0
        portion.append(row)
        weight += reactions
    if portion:
        yield portion


def complete(client: StreamClient, rows: list[Json], *, reactions: bool) -> list[FetchedMessage]:
    """Add to each message its reactions and votes; calls only for those that need one, side by side."""
    wanting = [i for i, row in enumerate(rows) if reactions and not are_complete(row)]
    polls = [i for i, row in enumerate(rows) if poll_id_of(row) is not None]
    if not wanting and not polls:
        return [FetchedMessage(row, embedded(row)) for row in rows]
    fetched: dict[int, Reactions] = dict(
        zip(wanting, client.together(lambda i: fetch_reactions(client, rows[i]), wanting), strict=True)
    )
    votes: dict[int, Votes] = dict(
        zip(polls, client.together(lambda i: fetch_votes(client, rows[i]), polls), strict=True)
    )
    return [_fetched(row, fetched.get(i), votes.get(i)) for i, row in enumerate(rows)]


def _fetched(row: Json, known: Reactions | None, votes: Votes | None) -> FetchedMessage:
    reactions = known or Reactions(embedded(row))
    if votes is None:
        return FetchedMessage(row, reactions.rows, reactions.missing, reactions.problem)
    return FetchedMessage(row, reactions.rows, reactions.missing, reactions.problem, votes.rows, votes.missing)


class _Channel:
    """A channel's list, for as long as it is the same one: neither deleted, nor truncated, nor made anew."""

    def __init__(self, client: StreamClient, cid: str) -> None:
        self.cid = cid
        self._client = client
        self._version: tuple[int | None, int | None] | None = None

    def page(self, bound: Json, limit: int = PAGE) -> list[Json]:
        """Read one page; it asks for state only, and names no creator, so that nothing can be created.

        Raises:
            GoneFromSourceError, SourceChangedError: The list is another one than before.
        """
        place = path("channels", *split_cid(self.cid), "query")
        body = {"state": True, "messages": {"limit": limit} | bound, "members": {"limit": 1}, "watchers": {"limit": 1}}
        try:
            answer = self._client.post(place, body, endpoint=Endpoint.QUERY_CHANNEL, before=self.confirm)
        except SourceAnswerError as error:
            if error.code == NOT_FOUND_CODE or (error.code == INPUT_ERROR_CODE and "created_by" in error.message):
                raise gone(self.cid) from error
            raise
        self._compare(answer)
        self._client.saw(self.cid)
        messages: list[Json] = answer.get("messages") or []
        return messages

    def confirm(self) -> None:
        """Look the channel up when that was not done within the last seconds."""
        if state := confirm(self._client, self.cid):
            self._compare(state)

    def check_history(self, at: str, given: int) -> None:
        """Find out why the newest of the messages given is missing: it was deleted, or the whole list was."""
        self._compare(read_channel(self._client, self.cid))
        if given > 1 and not self.page({"created_at_before_or_equal": at}, 1):
            raise self._changed("nothing is left of what it held")

    def _compare(self, state: Json) -> None:
        channel: Json = state.get("channel") or {}
        version = instant(channel.get("created_at")), instant(channel.get("truncated_at"))
        if channel.get("deleted_at"):
            raise gone(self.cid)
        if self._version is not None and version != self._version:
            raise self._changed("it was truncated or created again")
        self._version = version

    def _changed(self, found: str) -> SourceChangedError:
        return SourceChangedError(
            f"reading the messages of {self.cid}",
            f"{found} in Stream meanwhile",
            f"Run {AGAIN}.",
        )


def _list_pages(client: StreamClient, channel: _Channel, since: str) -> Iterator[list[Json]]:
    """Give the channel's own list, oldest first.

    It ends when a page brings nothing new, or when a page that is not full reaches the time at which the walk began:
    what a live channel adds after that is not this walk's business, and waiting for its silence might not end.
    """
    cid = channel.cid
    edge = Edge(f"the messages of {cid}", lambda message: str(message["id"]), lambda message: message.get("created_at"))
    began = int(client.server_time * NANOSECONDS_IN_A_SECOND)
    bound, finished, newest, given = {"created_at_after_or_equal": since}, "", None, 0
    while True:
        page = channel.page(bound)
        if newest and _lacks(page, newest, bound):
            channel.check_history(str(newest["created_at"]), given)
        if not page:
            return
        fresh, full = edge.fresh(page), edge.is_full(page, PAGE)
        if fresh:
            yield fresh
        given += len(fresh)
        newest = edge.newest(page)
        if not full and (not fresh or newest is None or (instant(newest["created_at"]) or 0) >= began):
            return
        if newest is None:
            raise unreadable(f"the messages of {cid}", "a page without any creation time")
        edge.step_to(newest)
        at = str(newest["created_at"])
        if full and (not fresh or edge.is_one_instant(page)):
            if at == finished:
                raise unreadable(f"the messages of {cid}", f"no page leads beyond {at}")
            if around := edge.fresh(_around(client, cid, at, page)):
                yield around
            bound, finished = {"created_at_after": at}, at
        else:
            bound = {"created_at_after_or_equal": at}


def _lacks(page: list[Json], newest: Json, bound: Json) -> bool:
    """Say whether a page should hold the newest message seen so far and does not."""
    if page and "created_at_after" in bound:
        return False
    return all(row["id"] != newest["id"] for row in page)


def _around(client: StreamClient, cid: str, at: str, page: list[Json]) -> list[Json]:
    """Give all messages of one instant by export, which must at least hold those that the list shows."""
    try:
        exported = export_instant(client, cid, at)
    except SourceAnswerError as error:
        raise _around_failed(cid, at, len(page), error.found) from error
    goal = instant(at)
    shown = {row["id"] for row in page if instant(row.get("created_at")) == goal}
    if shown - {row["id"] for row in exported}:
        raise _around_failed(cid, at, len(page), "Stream's export lacks some that its list shows")
    return exported


def _around_failed(cid: str, at: str, rows: int, found: str) -> ChannelError:
    return ChannelError(
        f"reading the messages of {cid}, of which {rows} or more share {at}",
        found,
        f"Allow channel exports for this app, then run {AGAIN}.",
    )
