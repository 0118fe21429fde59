"""All bans, app-wide and of one channel.

Here: the walk by creation time. Not here: what becomes of them; app-wide bans also stand on the user itself.
"""

from __future__ import annotations

from collections.abc import Iterator

from chatsdk_migration.models import Json
from chatsdk_migration.stream.client import StreamClient
from chatsdk_migration.stream.endpoints import Endpoint
from chatsdk_migration.stream.keyset import Listing, walk

PAGE = 300
LAST_OFFSET = 10_000
"""Stream's documented maxima."""


def walk_bans(client: StreamClient) -> Iterator[list[Json]]:
    """Give all bans in pages, oldest first; one of a channel holds ``channel``, an app-wide one does not.

    Raises:
        SourceAnswerError: This app or key has no such endpoint (404, 403): the caller can do without.
        ChannelError: The list cannot be walked without risking a loss; and all of ``client``'s errors.
    """
    listing = Listing(
        what="the bans",
        fetch=lambda condition, offset: _page(client, condition, offset),
        limit=PAGE,
        last_offset=LAST_OFFSET,
        id_field="user_id",
        id_of=_user_id,
        key=lambda ban: f"{_user_id(ban)} {(ban.get('channel') or {}).get('cid') or ''}",
        created_at=lambda ban: ban.get("created_at"),
    )
    yield from walk(listing)


def _user_id(ban: Json) -> str:
    return str((ban.get("user") or {}).get("id") or ban.get("user_id") or "")


def _page(client: StreamClient, condition: Json, offset: int) -> list[Json]:
    payload = {
        "filter_conditions": condition,
        "sort": [{"field": "created_at", "direction": 1}],
        "limit": PAGE,
        "offset": offset,
    }
    answer = client.get("query_banned_users", {"payload": payload}, endpoint=Endpoint.QUERY_BANNED_USERS, optional=True)
    bans: list[Json] = answer.get("bans") or []
    return bans
