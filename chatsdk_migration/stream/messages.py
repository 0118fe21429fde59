"""All messages of a channel: its list, oldest first, and every reply, each once, with all that hangs on it.

Here: the forward walk and the gathering of reactions, votes and replies. Not here: one thread (``replies``), one
message's reactions (``reactions``) and votes (``polls``), the way around one instant (``export``).

The walk steps by ``created_at_after_or_equal`` the newest time seen, as served, and drops what it saw there: Stream
does not document what its anchors do with equal times, and this is right under any rule. Memory: two pages and what
hangs on them, however long the channel.
"""

from __future__ import annotations

from collections.abc import Iterator

from chatsdk_migration.errors import ChannelError
from chatsdk_migration.models import FetchedMessage, Json
from chatsdk_migration.stream.answers import INPUT_ERROR_CODE, NOT_FOUND_CODE, SourceAnswerError
from chatsdk_migration.stream.channels import gone, read_channel, split_cid
from chatsdk_migration.stream.client import StreamClient, unreadable
from chatsdk_migration.stream.endpoints import Endpoint, path
from chatsdk_migration.stream.export import export_instant
from chatsdk_migration.stream.keyset import Edge
from chatsdk_migration.stream.polls import Votes, fetch_votes, poll_id_of
from chatsdk_migration.stream.reactions import Reactions, are_complete, embedded, fetch_reactions
from chatsdk_migration.stream.replies import is_parent, walk_threads
from chatsdk_migration.stream.times import NANOSECONDS_IN_A_SECOND, instant

PAGE = 300
"""Stream's maximum; larger ones are clamped."""
BEFORE_EVERYTHING = "1900-01-01T00:00:00Z"
"""Imports hold messages of 1970 and before; the year 1 would be Go's zero time, which reads as "not given"."""


def walk_messages(client: StreamClient, cid: str, *, reactions: bool = True) -> Iterator[list[FetchedMessage]]:
    """Give every message of a channel once, in pages: the list oldest first, replies after the page of their parent.

    Args:
        client: Where to ask.
        cid: A channel that Stream lists; when it was not seen within the last minutes it is looked up first, as
            querying an unknown one could create it.
        reactions: False leaves it at the embedded reactions.

    Raises:
        GoneFromSourceError: The channel is gone.
        ChannelError: A message could be lost; and all of ``client``'s errors.
    """
    for rows in client.ahead(_list_pages(client, cid)):
        yield complete(client, rows, reactions=reactions)
        for replies in walk_threads(client, [row for row in rows if is_parent(row)]):
            yield complete(client, replies, reactions=reactions)


def complete(client: StreamClient, rows: list[Json], *, reactions: bool) -> list[FetchedMessage]:
    """Add to each message its reactions and votes; calls only for those that need one, side by side."""
    wanting = [i for i, row in enumerate(rows) if reactions and not are_complete(row)]
    polls = [i for i, row in enumerate(rows) if poll_id_of(row) is not None]
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


def _list_pages(client: StreamClient, cid: str) -> Iterator[list[Json]]:
    """Give the channel's own list, oldest first.

    It ends when a page brings nothing new, or when a page that is not full reaches the time at which the walk began:
    what a live channel adds after that is not this walk's business, and waiting for its silence might not end.
    """
    if not client.has_just_seen(cid):
        read_channel(client, cid)
    edge = Edge(f"the messages of {cid}", lambda message: str(message["id"]), lambda message: message.get("created_at"))
    began = int(client.server_time * NANOSECONDS_IN_A_SECOND)
    bound, finished = {"created_at_after_or_equal": BEFORE_EVERYTHING}, ""
    while page := _page(client, cid, bound):
        fresh, full = edge.fresh(page), edge.is_full(page, PAGE)
        if fresh:
            yield fresh
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
        "Allow channel exports for this app, then run again with --resume.",
    )


def _page(client: StreamClient, cid: str, bound: Json) -> list[Json]:
    """Read one page of the list; it asks for state only, and names no creator, so that nothing can be created."""
    place = path("channels", *split_cid(cid), "query")
    body = {"state": True, "messages": {"limit": PAGE} | bound, "members": {"limit": 1}, "watchers": {"limit": 1}}
    try:
        answer = client.post(place, body, endpoint=Endpoint.QUERY_CHANNEL)
    except SourceAnswerError as error:
        if error.code == NOT_FOUND_CODE or (error.code == INPUT_ERROR_CODE and "created_by" in error.message):
            raise gone(cid) from error
        raise
    client.saw(cid)
    messages: list[Json] = answer.get("messages") or []
    return messages
