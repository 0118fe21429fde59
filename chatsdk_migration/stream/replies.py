"""All replies of a message, newest page first.

Here: the walk backwards through one thread, and several threads side by side. Not here: replies also shown in the
channel: they come with the channel's own list, once, and are dropped here.

GetReplies gives the newest N, oldest first, and anchors by message id, which Stream compares by time; what it does
with equal times is not documented. So each step asks for the anchor again (``id_lte``) and drops what was seen,
which is right whether ties are cut or ordered by id. An anchor deleted meanwhile is replaced by its neighbour.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from itertools import chain

from chatsdk_migration.models import Json
from chatsdk_migration.stream.answers import FEATURE_OFF_CODE, SourceAnswerError
from chatsdk_migration.stream.client import StreamClient, cancel, unreadable
from chatsdk_migration.stream.endpoints import Endpoint, path
from chatsdk_migration.stream.keyset import Edge

PAGE = 300
"""Documented; larger ones are clamped."""
THREADS_AHEAD = 16
"""First pages of threads held ready for one channel: keeps the pool busy and memory flat."""
ANCHORS_TRIED = 5
"""Neighbours tried when anchors were deleted."""


def is_parent(message: Json) -> bool:
    """Say whether a message may have replies; the counts alone miss threads whose replies were deleted."""
    counted = (message.get("reply_count") or 0) + (message.get("deleted_reply_count") or 0)
    return bool(counted or message.get("thread_participants")) and not message.get("parent_id")


def is_in_thread_only(reply: Json) -> bool:
    """Say whether the channel's list does not hold the reply."""
    return not reply.get("show_in_channel")


def walk_threads(
    client: StreamClient,
    parents: list[Json],
    refused: list[str] | None = None,
    wanted: Callable[[Json], bool] = is_in_thread_only,
) -> Iterator[list[Json]]:
    """Give the replies of all these messages, in pages, small ones joined.

    Args:
        client: Where to ask.
        parents: The messages.
        refused: Gets the ids of those whose replies Stream does not list as the channel's type has replies switched
            off; None: that is a ``SourceAnswerError``.
        wanted: Which replies to give: those that the reading of the channel's list does not give.
    """
    waiting: deque[tuple[Iterator[list[Json]], Future[list[Json]]]] = deque()
    todo = iter(parents)
    joined: list[Json] = []
    try:
        while True:
            while len(waiting) < THREADS_AHEAD and (parent := next(todo, None)) is not None:
                pages = walk_replies(client, parent, refused, wanted)
                waiting.append((pages, client.submit(_first_of, pages)))
            if not waiting:
                break
            pages, first = waiting.popleft()
            # What nobody has begun is done here, at once: waking another thread for it costs as much as the call.
            done = _first_of(pages) if first.cancel() else client.result(first)
            for rows in chain([done], pages):
                joined += rows
                if len(joined) >= PAGE:
                    yield joined
                    joined = []
        if joined:
            yield joined
    finally:
        cancel([first for _, first in waiting])


def _first_of(pages: Iterator[list[Json]]) -> list[Json]:
    return next(pages, [])


def walk_replies(
    client: StreamClient,
    parent: Json,
    refused: list[str] | None = None,
    wanted: Callable[[Json], bool] = is_in_thread_only,
) -> Iterator[list[Json]]:
    """Give the replies of one message; arguments as for ``walk_threads``.

    A message that vanished meanwhile has taken its replies along: that ends the walk, and casts doubt on its channel.

    Raises:
        ChannelError: More replies share one instant than a page holds, or Stream refuses to list them;
            and all of ``client``'s errors.
    """
    thread = f"the replies of message {parent['id']}"
    edge = Edge(thread, lambda reply: str(reply["id"]), lambda reply: reply.get("created_at"), backwards=True)
    expected, got = parent.get("reply_count") or 0, 0
    page = _first_page(client, parent, refused)
    while page:
        fresh, full = edge.fresh(page), edge.is_full(page, PAGE)
        got += len(fresh)
        yield [reply for reply in fresh if wanted(reply)]
        if not fresh and full:
            raise unreadable(thread, f"more than {len(page)} share {page[0].get('created_at')}")
        if not fresh or (not full and got >= expected):
            return
        edge.step_to(*page[:ANCHORS_TRIED])
        page = _page_up_to(client, parent, page)


def _first_page(client: StreamClient, parent: Json, refused: list[str] | None = None) -> list[Json]:
    try:
        return _page(client, str(parent["id"]), {})
    except SourceAnswerError as error:
        if error.status == 404:
            client.doubts(str(parent.get("cid")))
        elif error.code == FEATURE_OFF_CODE and refused is not None:
            refused.append(str(parent["id"]))
        else:
            raise
        return []


def _page_up_to(client: StreamClient, parent: Json, above: list[Json]) -> list[Json]:
    """Read the page that ends with the first row of the page above it."""
    parent_id = str(parent["id"])
    for anchor in above[:ANCHORS_TRIED]:
        try:
            page = _page(client, parent_id, {"id_lte": str(anchor["id"])})
        except SourceAnswerError as error:
            if error.status not in (400, 404):
                raise
            page = []
        if page:
            return page
    if _first_page(client, parent):
        raise unreadable(f"the replies of message {parent_id}", "the replies the next page hangs on were deleted")
    return []


def _page(client: StreamClient, parent_id: str, anchor: Json) -> list[Json]:
    place = path("messages", parent_id, "replies")
    answer = client.get(place, {"limit": PAGE} | anchor, endpoint=Endpoint.GET_REPLIES)
    replies: list[Json] = answer.get("messages") or []
    return replies
