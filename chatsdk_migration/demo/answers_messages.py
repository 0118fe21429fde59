"""Answers about single messages, replies, pins and reactions.

Here: GetMessage, GetManyMessages, GetReplies, GetPinnedMessages, GetReactions, QueryReactions.
Not here: the message list of a channel (``answers_channels.py``), search, threads and polls (``answers_more.py``).
"""

from __future__ import annotations

from typing import Any

from chatsdk_migration.demo.encoding import array
from chatsdk_migration.demo.paging import MAX_MESSAGES, page
from chatsdk_migration.demo.rendering import pinned_ns
from chatsdk_migration.demo.site import Site
from chatsdk_migration.demo.times import parse_ns
from chatsdk_migration.demo.wire import (
    FEATURE_OFF,
    Answer,
    ApiError,
    Request,
    bad_input,
    checked,
    clamped,
    conditions,
    date_ns,
    flag,
    from_cursor,
    not_found,
    number,
    sorting,
    to_cursor,
)
from chatsdk_migration.models import Json

DEFAULT_REPLIES = 30
DEFAULT_PINS = 20
MAX_MANY_MESSAGES = 50
MAX_REACTIONS = 300
DEFAULT_REACTIONS = 10
REACTIONS_WALL = 1000
MAX_QUERIED_REACTIONS = 100
DEFAULT_QUERIED_REACTIONS = 25


def get_message(site: Site, request: Request) -> Answer:
    """``GET /messages/{id}``: one message; ``show_deleted_message`` reveals what was deleted."""
    message = site.message(request.ids["message_id"])
    if flag(dict(request.query), "show_deleted_message"):
        shown = site.renderer.encoded(site.renderer.shown_message(message, reveal=True))
    else:
        shown = site.renderer.message(message["id"])
    return Answer(b'{"message":' + shown + b"}")


def get_many_messages(site: Site, request: Request) -> Answer:
    """``GET /channels/{type}/{id}/messages?ids=``: up to 50; missing ones are silently absent."""
    channel = site.channel(request.ids["cid"])
    ids = [one for one in request.query.get("ids", "").split(",") if one]
    if not ids or len(ids) > MAX_MANY_MESSAGES:
        raise bad_input(f"ids must hold 1 to {MAX_MANY_MESSAGES} message ids")
    known = [one for one in ids if site.world.messages.get(one, {}).get("cid") == channel.cid]
    return Answer(b'{"messages":' + site.renderer.messages(known) + b"}")


def get_replies(site: Site, request: Request) -> Answer:
    """``GET /messages/{id}/replies``: newest first by default but written ascending; ``offset`` is ignored."""
    parent_id, query = request.ids["message_id"], dict(request.query)
    if site.message(parent_id)["cid"].partition(":")[0] in site.options.replies_off_types:
        raise ApiError(400, FEATURE_OFF, "replies are not enabled for this channel type")
    limit = clamped(query, "limit", DEFAULT_REPLIES, MAX_MESSAGES)
    keys = site.world.replies.get(parent_id, [])
    if site.options.deleted_replies == "hidden":
        keys = [key for key in keys if site.world.messages[key[1]]["type"] != "deleted"]
    asked = {name: text for name, text in query.items() if name.startswith("id_")}
    sort = sorting(query, most=1)
    if sort and sort[0][1] == 1 and not asked:
        ids = [message_id for _, message_id in keys[:limit]]
    else:
        ids = page(keys, asked, limit, world=site.world, options=site.options)
    if sort and sort[0][1] == -1:
        ids.reverse()
    return Answer(b'{"messages":' + site.renderer.messages(ids) + b"}")


def get_pinned_messages(site: Site, request: Request) -> Answer:
    """``GET /channels/{type}/{id}/pinned_messages``: newest pin first; expired pins are absent."""
    channel = site.channel(request.ids["cid"])
    asked: Json = {**request.query, **request.body}
    limit = clamped(asked, "limit", DEFAULT_PINS, MAX_MESSAGES)
    offset = number(asked, "offset", 0)
    ids = [one for one in site.renderer.pins(channel) if _pin_asked(site, one, asked)]
    sort = sorting(asked)
    if sort and sort[0][1] == 1:
        ids.reverse()
    return Answer(b'{"messages":' + site.renderer.messages(ids[offset : offset + limit]) + b"}")


def _pin_asked(site: Site, message_id: str, asked: Json) -> bool:
    at = pinned_ns(site.world.messages[message_id])
    tests = {
        "pinned_at_before": lambda limit: at < limit,
        "pinned_at_before_or_equal": lambda limit: at <= limit,
        "pinned_at_after": lambda limit: at > limit,
        "pinned_at_after_or_equal": lambda limit: at >= limit,
    }
    limits = {name: date_ns(asked, name) for name in tests}
    return all(tests[name](limit) for name, limit in limits.items() if limit is not None)


# ---- reactions


def get_reactions(site: Site, request: Request) -> Answer:
    """``GET /messages/{id}/reactions``: newest first, with a wall at offset 1000."""
    message = _reactable(site, request)
    query = dict(request.query)
    limit = clamped(query, "limit", DEFAULT_REACTIONS, MAX_REACTIONS)
    offset = number(query, "offset", 0)
    if offset > REACTIONS_WALL and site.options.reactions_wall == "error":
        raise bad_input(f"offset must be {REACTIONS_WALL} or less")
    offset = min(offset, REACTIONS_WALL)
    newest_first = site.world.reactions_of(message["id"])[::-1][offset : offset + limit]
    return Answer(b'{"reactions":' + array([site.renderer.reaction(one) for one in newest_first]) + b"}")


def _reactable(site: Site, request: Request) -> Json:
    message = site.message(request.ids["message_id"])
    if message["cid"].partition(":")[0] in site.options.reactions_off_types:
        raise ApiError(400, FEATURE_OFF, "reactions are not enabled for this channel type")
    return message


def query_reactions(site: Site, request: Request) -> Answer:
    """``POST /messages/{id}/reactions``: all of them by cursor; unknown to older apps."""
    if not site.options.query_reactions:
        raise not_found("not found")
    message, body = _reactable(site, request), request.body
    limit = checked(body, "limit", DEFAULT_QUERIED_REACTIONS, MAX_QUERIED_REACTIONS)
    wanted = site.filter(conditions(body, "filter", required=False), _reaction_field)
    direction = _cursor_direction(body)
    ordered = sorted(site.world.reactions.get(message["id"], {}).values(), key=_place, reverse=direction < 0)
    after = from_cursor(body["next"]) if body.get("next") else None
    rest = [one for one in ordered if wanted(one) and (after is None or _is_after(_place(one), after, direction))]
    shown, more = rest[:limit], len(rest) > limit
    encoded = b'{"reactions":' + array([site.renderer.reaction(one) for one in shown])
    if not more:
        return Answer(encoded + b"}", 201)
    return Answer(encoded + b',"next":"' + to_cursor([*_place(shown[-1])]).encode() + b'"}', 201)


def _cursor_direction(body: Json) -> int:
    sort = sorting(body)
    if any(field != "created_at" for field, _ in sort):
        raise bad_input("reactions can only be sorted by created_at")
    return sort[0][1] if sort else -1


def _place(reaction: Json) -> tuple[int, str, str]:
    return parse_ns(reaction["created_at"]), reaction["user_id"] or "", reaction["type"]


def _is_after(place: tuple[int, str, str], after: list[Any], direction: int) -> bool:
    there = (int(after[0]), str(after[1]), str(after[2]))
    return place > there if direction > 0 else place < there


def _reaction_field(reaction: Json, name: str) -> Any:
    return reaction.get(name)
