"""All channels of the app, and the fresh state of one.

Here: the walk by creation time and the read of one channel, both by QueryChannels, which cannot create anything.
Not here: members beyond a state's hundred (``members``), messages (``messages``).
"""

from __future__ import annotations

from collections.abc import Iterator

from chatsdk_migration.errors import GoneFromSourceError
from chatsdk_migration.models import Json
from chatsdk_migration.stream.client import StreamClient
from chatsdk_migration.stream.endpoints import Endpoint
from chatsdk_migration.stream.keyset import Listing, walk

PAGE = 30
"""Stream's maximum; above it silently gives 30."""
LAST_OFFSET = 1000
"""Above it Stream silently gives the page at 1000 again."""
MEMBERS_TO_TELL_A_PAIR = 10
"""Enough to see a third member behind some open invitations, few enough to keep pages small."""
MEMBERS_IN_STATE = 100
"""The most members a state holds."""


def walk_channels(client: StreamClient, members: int = MEMBERS_TO_TELL_A_PAIR) -> Iterator[list[Json]]:
    """Give the states of all channels in pages, oldest first, each once; a state holds up to ``members`` members.

    Soft-deleted channels are not listed by Stream.

    Raises:
        ChannelError: The list cannot be walked without risking a loss; and all of ``client``'s errors.
    """
    listing = Listing(
        what="the channels",
        fetch=lambda condition, offset: channels_page(client, condition, offset, members),
        limit=PAGE,
        last_offset=LAST_OFFSET,
        id_field="cid",
        id_of=cid_of,
        key=cid_of,
        created_at=lambda state: state["channel"].get("created_at"),
    )
    yield from walk(listing)


def read_channel(client: StreamClient, cid: str) -> Json:
    """Read the state of one channel: itself, up to 100 members and read states.

    Raises:
        GoneFromSourceError: Stream does not list it (any more).
    """
    states = _query(client, {"cid": {"$eq": cid}}, 0, members=MEMBERS_IN_STATE, limit=1)
    if not states or cid_of(states[0]) != cid:
        raise gone(cid)
    return states[0]


def confirm(client: StreamClient, cid: str) -> Json | None:
    """Look a channel up unless Stream has just shown it: before anything that would create it or bring it back.

    Raises:
        GoneFromSourceError: Stream does not list it (any more).
    """
    return None if client.has_just_seen(cid) else read_channel(client, cid)


def channels_page(
    client: StreamClient, condition: Json, offset: int = 0, members: int = MEMBERS_TO_TELL_A_PAIR
) -> list[Json]:
    """Read one page of channel states, oldest first."""
    return _query(client, condition, offset, members=members, limit=PAGE)


def cid_of(state: Json) -> str:
    """Give a state's cid."""
    channel = state["channel"]
    return str(channel.get("cid") or f"{channel['type']}:{channel['id']}")


def split_cid(cid: str) -> tuple[str, str]:
    """Give a cid's type and id."""
    kind, _, name = cid.partition(":")
    return kind, name


def gone(cid: str) -> GoneFromSourceError:
    """Build the error of a channel that Stream no longer has."""
    return GoneFromSourceError(
        f"reading channel {cid}",
        "it is gone from the source: deleted in Stream since it was listed",
        "Nothing to do, unless the deletion was a mistake.",
    )


def _query(client: StreamClient, condition: Json, offset: int, *, members: int, limit: int) -> list[Json]:
    body = {
        "filter_conditions": condition,
        "sort": [{"field": "created_at", "direction": 1}],
        "state": True,
        "watch": False,
        "presence": False,
        "message_limit": 0,
        "member_limit": members,
        "limit": limit,
        "offset": offset,
    }
    states: list[Json] = client.post("channels", body, endpoint=Endpoint.QUERY_CHANNELS).get("channels") or []
    for state in states:
        client.saw(cid_of(state))
    return states
