"""The endpoints a migration calls, by the names Stream's rate limit table gives them, and their paths.

Here: names and correct quoting. Not here: making a call (``client``). All of them read; ``ExportChannels`` makes a
task that writes a file of Stream's, nothing of the customer's.
"""

from __future__ import annotations

from enum import StrEnum
from urllib.parse import quote

from chatsdk_migration.errors import AGAIN, ChannelError

_NOT_ADDRESSABLE = frozenset({"", ".", ".."})
"""Dot segments are resolved away by every HTTP client, quoted or not."""


class Endpoint(StrEnum):
    """One endpoint, named as in Stream's rate limits."""

    QUERY_USERS = "QueryUsers"
    QUERY_CHANNELS = "QueryChannels"
    QUERY_CHANNEL = "GetOrCreateChannel"
    QUERY_MEMBERS = "QueryMembers"
    GET_MESSAGE = "GetMessage"
    GET_MANY_MESSAGES = "GetManyMessages"
    GET_REPLIES = "GetReplies"
    SEARCH = "Search"
    GET_REACTIONS = "GetReactions"
    QUERY_REACTIONS = "QueryReactions"
    QUERY_POLLS = "QueryPolls"
    QUERY_POLL_VOTES = "QueryPollVotes"
    EXPORT_CHANNELS = "ExportChannels"
    EXPORT_STATUS = "GetExportChannelsStatus"
    RATE_LIMITS = "GetRateLimits"


def path(*parts: str) -> str:
    """Join path parts, each quoted as a whole: the SDK quotes none, and ids may hold ``/ ? # %``.

    Raises:
        ChannelError: A part cannot be addressed over HTTP, or holds a lone surrogate.
    """
    try:
        quoted = [quote(part, safe="") for part in parts]
    except UnicodeEncodeError:
        quoted = [""]
    if _NOT_ADDRESSABLE & {*parts, *quoted}:
        raise ChannelError(
            "addressing a record in Stream",
            f"the id {parts[1] if len(parts) > 1 else ''!r} cannot be part of a URL",
            f"Delete or re-create this record in Stream, then run {AGAIN}.",
        )
    return "/".join(quoted)
