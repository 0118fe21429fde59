"""All members of a channel.

Here: from the channel's state when it holds them all, else by QueryMembers. Not here: read state, which Stream
lists for at most 100 members (in the state) and counts as monthly activity when asked for one by one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from chatsdk_migration.models import Json
from chatsdk_migration.stream.answers import NOT_FOUND_CODE, SourceAnswerError
from chatsdk_migration.stream.channels import MEMBERS_IN_STATE, cid_of, gone, split_cid
from chatsdk_migration.stream.client import StreamClient
from chatsdk_migration.stream.endpoints import Endpoint
from chatsdk_migration.stream.keyset import Listing, walk

PAGE = 100
"""The lower of the two maxima Stream documents (100 and 300)."""
LAST_OFFSET = 1000
"""The lower of the two documented (1000 and 10000)."""


def walk_members(client: StreamClient, state: Json) -> Iterator[list[Json]]:
    """Give all members in pages, each once.

    Args:
        client: Where to ask.
        state: The channel's state as ``read_channel`` gives it.

    Raises:
        GoneFromSourceError: The channel is gone.
        ChannelError: The list cannot be walked without risking a loss; and all of ``client``'s errors.
    """
    members: list[Json] = state.get("members") or []
    if holds_all_members(state):
        if members:
            yield members
        return
    try:
        yield from walk(_listing(client, cid_of(state)))
    except SourceAnswerError as error:
        if error.code == NOT_FOUND_CODE:
            raise gone(cid_of(state)) from error
        raise


def holds_all_members(state: Json) -> bool:
    """Say whether a state's member list is complete: below its maximum, and not below the channel's own count.

    The count alone proves nothing: it may differ from the rows in either direction, or be no number at all.
    """
    held, count = len(state.get("members") or []), state["channel"].get("member_count") or 0
    return held < MEMBERS_IN_STATE and isinstance(count, int) and held >= count


def _listing(client: StreamClient, cid: str) -> Listing:
    """Walk by ``created_at``: the one sort documented for QueryMembers on old and new servers alike."""
    return Listing(
        what=f"the members of {cid}",
        fetch=lambda condition, offset: _page(client, cid, condition, offset),
        limit=PAGE,
        last_offset=LAST_OFFSET,
        id_field="user_id",
        id_of=member_id,
        key=member_id,
        created_at=lambda member: member.get("created_at"),
    )


def member_id(member: Json) -> str:
    """Give a member's user id, which some payloads hold only inside ``user``."""
    user: dict[str, Any] = member.get("user") or {}
    return str(member.get("user_id") or user.get("id") or "")


def _page(client: StreamClient, cid: str, condition: Json, offset: int) -> list[Json]:
    kind, name = split_cid(cid)
    payload = {
        "type": kind,
        "id": name,
        "filter_conditions": condition,
        "sort": [{"field": "created_at", "direction": 1}],
        "limit": PAGE,
        "offset": offset,
    }
    answer = client.get("members", {"payload": payload}, endpoint=Endpoint.QUERY_MEMBERS)
    members: list[Json] = answer.get("members") or []
    return members
