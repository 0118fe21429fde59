"""Answers a migration leans on less: search, threads, polls and votes.

Here: Search, QueryThreads, QueryPolls, QueryPollVotes. Not here: exports (``answers_export.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chatsdk_migration.demo.encoding import array
from chatsdk_migration.demo.filters import comparable
from chatsdk_migration.demo.site import Site
from chatsdk_migration.demo.times import parse_ns
from chatsdk_migration.demo.wire import (
    FEATURE_OFF,
    Answer,
    ApiError,
    Request,
    answer,
    bad_input,
    checked,
    conditions,
    from_cursor,
    not_found,
    sorting,
    to_cursor,
)
from chatsdk_migration.demo.world import Channel
from chatsdk_migration.models import Json

MAX_FOUND = 100
MAX_SEARCH_OFFSET = 1000
MAX_LISTED = 100
DEFAULT_THREADS = 10


def search(site: Site, request: Request) -> Answer:
    """``GET /search``: 500 channels at most, no system and no deleted messages, later than the truth."""
    body = request.body
    channel_filter = conditions(body)
    if not channel_filter:
        raise bad_input("filter_conditions must hold at least one condition")
    if ("query" in body) == ("message_filter_conditions" in body):
        raise bad_input("either query or message_filter_conditions is required")
    limit = checked(body, "limit", MAX_FOUND, MAX_FOUND)
    offset = checked(body, "offset", 0, MAX_SEARCH_OFFSET)
    if offset and (body.get("sort") or body.get("next")):
        raise bad_input("offset cannot be used with sort or next")
    offset = int(from_cursor(body["next"])[0]) if body.get("next") else offset
    channels, warning = _searched(site, channel_filter)
    found = _found(site, channels, body)
    rows = [_result(site, one) for one in found[offset : offset + limit]]
    parts = b'{"results":' + array(rows)
    if len(found) > offset + limit:
        parts += b',"next":"' + to_cursor([offset + limit]).encode() + b'"'
    return Answer(parts + (b',"results_warning":' + site.renderer.encoded(warning) if warning else b"") + b"}")


def _searched(site: Site, channel_filter: Json) -> tuple[list[Channel], Json | None]:
    wanted = site.filter(channel_filter, _channel_field)
    channels = [channel for channel in site.world.channels.values() if wanted(channel)]
    if any(channel.data["type"] in site.options.search_off_types for channel in channels):
        raise ApiError(400, FEATURE_OFF, "search is not enabled for this channel type")
    most = site.options.search_channels
    if len(channels) <= most:
        return channels, None
    text = f"Channel search limit of {most} has been reached"
    return channels[:most], {"warning_code": 1, "warning_description": text, "channel_search_count": most}


def _channel_field(channel: Channel, name: str) -> Any:
    return list(channel.members) if name == "members" else channel.data.get(name)


def _found(site: Site, channels: list[Channel], body: Json) -> list[Json]:
    asked = body.get("message_filter_conditions") or {"text": {"$q": body["query"]}}
    wanted = site.filter(asked, _message_field)
    unseen = set(site.world.recently_changed(site.options.search_lag_seconds))
    messages = (site.world.messages[key[1]] for channel in channels for key in channel.everything)
    found = [
        one for one in messages if one["type"] not in {"system", "deleted"} and one["id"] not in unseen and wanted(one)
    ]
    for field, direction in reversed(sorting(body) or [("created_at", -1)]):
        found.sort(key=lambda one, name=field: comparable(_message_field(one, name), name), reverse=direction < 0)  # type: ignore[misc]
    return found


def _message_field(message: Json, name: str) -> Any:
    if name == "user.id":
        return (message["user"] or {}).get("id")
    if name == "reply_count":
        return message.get("reply_count", 0)
    return message.get(name)


def _result(site: Site, message: Json) -> bytes:
    channel = site.renderer.channel(site.world.channels[message["cid"]])
    return b'{"message":' + site.renderer.message(message["id"])[:-1] + b',"channel":' + channel + b"}}"


def query_threads(site: Site, request: Request) -> Answer:
    """``POST /threads``: threads of one user; a server must name that user."""
    body = request.body
    who = body.get("user_id") or (body.get("user") or {}).get("id")
    if not who:
        raise bad_input("either user or user_id must be provided when using server side auth")
    limit = checked(body, "limit", DEFAULT_THREADS, MAX_LISTED)
    replies = checked(body, "reply_limit", 2, 10)
    threads = [parent for parent in site.world.replies if _takes_part(site, parent, who)]
    rows, following = _cut(threads, body, limit, lambda parent: (0, parent))
    listed: Json = {"threads": [_thread(site, parent, replies) for parent in rows]}
    return answer({**listed, **following}, 201)


def _takes_part(site: Site, parent_id: str, who: str) -> bool:
    thread = [site.world.messages.get(parent_id), *site.world.replies_of(parent_id)]
    return any(one is not None and (one["user"] or {}).get("id") == who for one in thread)


def _thread(site: Site, parent_id: str, replies: int) -> Json:
    parent = site.message(parent_id)
    show = site.renderer.shown_message
    return {
        "channel_cid": parent["cid"],
        "parent_message_id": parent_id,
        "parent_message": show(parent),
        "latest_replies": [show(one) for one in site.world.replies_of(parent_id)[-replies:]] if replies else [],
        "reply_count": len(site.world.replies[parent_id]),
        "created_at": parent["created_at"],
        "updated_at": parent["updated_at"],
        "title": "",
    }


def query_polls(site: Site, request: Request) -> Answer:
    """``POST /polls/query``: polls by cursor."""
    body = request.body
    limit = checked(body, "limit", DEFAULT_THREADS, MAX_LISTED)
    wanted = site.filter(conditions(body, "filter", required=False), lambda poll, name: poll.get(name))
    polls = [poll for poll in site.world.polls.values() if wanted(poll)]
    rows, following = _cut(polls, body, limit, _place)
    return answer({"polls": [site.renderer.poll(poll) for poll in rows], **following}, 201)


def query_poll_votes(site: Site, request: Request) -> Answer:
    """``POST /polls/{id}/votes``: all votes by cursor; an anonymous poll names nobody."""
    body, poll = request.body, site.world.polls.get(request.ids["poll_id"])
    if poll is None:
        raise not_found(f"poll with id {request.ids['poll_id']} not found")
    limit = checked(body, "limit", DEFAULT_THREADS, MAX_LISTED)
    wanted = site.filter(conditions(body, "filter", required=False), lambda vote, name: vote.get(name))
    votes = [vote for vote in site.world.votes[poll["id"]].values() if wanted(vote)]
    rows, following = _cut(votes, body, limit, _place)
    return answer({"votes": [site.renderer.vote(poll, vote) for vote in rows], **following}, 201)


def _place(record: Json) -> tuple[int, str]:
    return parse_ns(record["created_at"]), record["id"]


def _cut(rows: list[Any], body: Json, limit: int, place: Callable[[Any], tuple[int, str]]) -> tuple[list[Any], Json]:
    """Cut one page out by cursor; return it and ``next`` if there is more."""
    sort = sorting(body)
    newest_first = bool(sort) and sort[0][1] < 0
    ordered = sorted(rows, key=place, reverse=newest_first)
    if body.get("next"):
        found = from_cursor(body["next"])
        after = (int(found[0]), str(found[1]))
        ordered = [one for one in ordered if (place(one) < after if newest_first else place(one) > after)]
    shown = ordered[:limit]
    return shown, {"next": to_cursor([*place(shown[-1])])} if len(ordered) > limit else {}
