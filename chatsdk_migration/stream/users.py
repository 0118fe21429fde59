"""All users that Stream lists, deactivated ones included.

Here: the walk by id, of all and of those banned; some by their ids. Not here: users no list returns (deleted ones, or
hard-deleted): they are met, embedded, in messages, members and reactions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from chatsdk_migration.models import Json
from chatsdk_migration.stream.answers import SourceAnswerError
from chatsdk_migration.stream.client import StreamClient, unreadable
from chatsdk_migration.stream.endpoints import Endpoint

PAGE = 100
"""Stream's maximum; above it answers 400."""


def walk_users(client: StreamClient) -> Iterator[list[Json]]:
    """Give all listed users in pages, in Stream's order of ids.

    The last id received is the next page's anchor, whatever Stream's collation; only an empty page ends the walk.

    Raises:
        ChannelError: A page repeats, so the walk would never end; and all of ``client``'s errors.
    """
    last: str | None = None
    anchors: set[str] = set()
    before: set[str] = set()
    while page := users_page(client, last):
        ids = {str(user["id"]) for user in page}
        last = str(page[-1]["id"])
        if last in anchors or ids & before:
            raise unreadable("the users", f"the page after {last!r} came again")
        anchors.add(last)
        before = ids
        yield page


def walk_banned_users(client: StreamClient) -> Iterator[list[Json]]:
    """Give all listed users who are banned in the whole app, in pages; none, where Stream does not take that filter.

    Raises:
        ChannelError: A page repeats; and all of ``client``'s errors.
    """
    last: str | None = None
    while True:
        try:
            page = users_page(client, last, {"banned": True})
        except SourceAnswerError:
            return
        if not page:
            return
        if str(page[-1]["id"]) == last:
            raise unreadable("the banned users", f"the page after {last!r} came again")
        yield page
        last = str(page[-1]["id"])


def users_by_id(client: StreamClient, ids: Sequence[str]) -> Iterator[list[Json]]:
    """Give those of the users whom Stream lists, in pages."""
    for start in range(0, len(ids), PAGE):
        yield users_page(client, condition={"id": {"$in": ids[start : start + PAGE]}})


def users_page(client: StreamClient, after: str | None = None, condition: Json | None = None) -> list[Json]:
    """Read one page of users with ids above ``after``, only those that fit a condition where one is given."""
    payload = {
        "filter_conditions": (condition or {}) | ({} if after is None else {"id": {"$gt": after}}),
        "sort": [{"field": "id", "direction": 1}],
        "limit": PAGE,
        "include_deactivated_users": True,
    }
    users: list[Json] = client.get("users", {"payload": payload}, endpoint=Endpoint.QUERY_USERS).get("users") or []
    return users
