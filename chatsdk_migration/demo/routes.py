"""Which method and path is which operation of Stream's REST API, and which requests a reader must never make.

Here: the table of routes. Not here: the answers (``answers_*.py``), HTTP (``server.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import unquote

from chatsdk_migration.demo import answers_channels, answers_export, answers_messages, answers_more, answers_people
from chatsdk_migration.demo.site import Site
from chatsdk_migration.demo.wire import Answer, Request

Handler = Callable[[Site, Request], Answer]

UNKNOWN = "Unknown"


class Route(NamedTuple):
    """One operation; parts in braces match any one segment."""

    method: str
    path: str
    endpoint: str
    handler: Handler


ROUTES = (
    Route("GET", "users", "QueryUsers", answers_people.query_users),
    Route("GET", "members", "QueryMembers", answers_people.query_members),
    Route("GET", "query_banned_users", "QueryBannedUsers", answers_people.query_banned_users),
    Route("POST", "channels", "QueryChannels", answers_channels.query_channels),
    Route("POST", "channels/{type}/{id}/query", "GetOrCreateChannel", answers_channels.get_or_create_channel),
    Route("GET", "channels/{type}/{id}", "GetChannel", answers_channels.get_channel),
    Route("GET", "channels/{type}/{id}/pinned_messages", "GetPinnedMessages", answers_messages.get_pinned_messages),
    Route("GET", "channels/{type}/{id}/messages", "GetManyMessages", answers_messages.get_many_messages),
    Route("GET", "messages/{message_id}", "GetMessage", answers_messages.get_message),
    Route("GET", "messages/{message_id}/replies", "GetReplies", answers_messages.get_replies),
    Route("GET", "messages/{message_id}/reactions", "GetReactions", answers_messages.get_reactions),
    Route("POST", "messages/{message_id}/reactions", "QueryReactions", answers_messages.query_reactions),
    Route("GET", "search", "Search", answers_more.search),
    Route("POST", "threads", "QueryThreads", answers_more.query_threads),
    Route("POST", "polls/query", "QueryPolls", answers_more.query_polls),
    Route("POST", "polls/{poll_id}/votes", "QueryPollVotes", answers_more.query_poll_votes),
    Route("POST", "export_channels", "ExportChannels", answers_export.export_channels),
    Route("GET", "export_channels/{task_id}", "GetExportChannelsStatus", answers_export.task_status),
    Route("GET", "tasks/{task_id}", "GetTask", answers_export.task_status),
    Route("GET", "channeltypes", "ListChannelTypes", answers_channels.list_channel_types),
    Route("GET", "app", "GetApp", answers_channels.get_app),
)
RATE_LIMITS = "GetRateLimits"

_READING_POSTS = {"messages/history", "drafts/query", "reminders/query", "sync", "export/users"}
"""Reads spelled as POST that this server does not answer."""
_COUNTED_READS = ("unread", "unread_batch")
"""Reads that make each user count as active, which costs the customer money."""


def segments(raw_path: str) -> list[str]:
    """Split a raw path into decoded segments: an encoded ``/`` inside an id is no separator."""
    return [unquote(part) for part in raw_path.partition("?")[0].strip("/").split("/")]


def find(method: str, parts: list[str]) -> tuple[Route | None, dict[str, str]]:
    """Return the route of a request and what its path names."""
    for route in ROUTES:
        pattern = route.path.split("/")
        if route.method == method and len(pattern) == len(parts):
            ids = _match(pattern, parts)
            if ids is not None:
                return route, ids
    return None, {}


def _match(pattern: list[str], parts: list[str]) -> dict[str, str] | None:
    ids: dict[str, str] = {}
    for wanted, part in zip(pattern, parts, strict=True):
        if wanted.startswith("{"):
            ids[wanted[1:-1]] = part
        elif wanted != part:
            return None
    if "type" in ids and "id" in ids:
        ids["cid"] = f"{ids['type']}:{ids['id']}"
    return ids


def forbidden(method: str, parts: list[str]) -> str | None:
    """Say why a request without a route is forbidden to a reader, or None."""
    if parts[0] in _COUNTED_READS:
        return "asking for unread counts makes users count as active"
    if parts[-1] == "read" and method != "GET":
        return "marks messages read"
    if method == "GET" or "/".join(parts) in _READING_POSTS:
        return None
    return "writes, or may write"
