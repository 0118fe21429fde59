"""All users that Stream lists, deactivated ones included.

Here: the walk by id. Not here: users no list returns (deleted ones, or hard-deleted): they are met, embedded, in
messages, members and reactions.
"""

from __future__ import annotations

from collections.abc import Iterator

from chatsdk_migration.models import Json
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


def users_page(client: StreamClient, after: str | None = None) -> list[Json]:
    """Read one page of users with ids above ``after``."""
    payload = {
        "filter_conditions": {} if after is None else {"id": {"$gt": after}},
        "sort": [{"field": "id", "direction": 1}],
        "limit": PAGE,
        "include_deactivated_users": True,
    }
    users: list[Json] = client.get("users", {"payload": payload}, endpoint=Endpoint.QUERY_USERS).get("users") or []
    return users
