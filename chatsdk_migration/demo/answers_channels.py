"""Answers about channels: listing, one channel's state with its messages, types.

Here: QueryChannels, GetOrCreateChannel (which writes unless the channel exists), GetChannel, channel types, the app.
Not here: replies and single messages (``answers_messages.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from chatsdk_migration.demo.encoding import array
from chatsdk_migration.demo.paging import MAX_MESSAGES, page
from chatsdk_migration.demo.rendering import STATE_MEMBERS, channel_config
from chatsdk_migration.demo.site import Site
from chatsdk_migration.demo.wire import (
    Answer,
    Request,
    answer,
    bad_input,
    checked,
    clamped,
    conditions,
    flag,
    not_found,
    number,
    sorting,
)
from chatsdk_migration.demo.world import Channel
from chatsdk_migration.models import Json

MAX_CHANNELS = 30
DEFAULT_CHANNELS = 10
MAX_CHANNELS_OFFSET = 1000
DEFAULT_LIST_MESSAGES = 25
DEFAULT_CHANNEL_MESSAGES = 100
MAX_QUERY_MEMBERS = 300
MAX_QUERY_MEMBERS_OFFSET = 10_000
NO_CREATOR = "either data.created_by or data.created_by_id must be provided when using server side auth"

_UNSORTABLE = {"cid", "id"}
_STEADY = {"created_at"}
"""Sort fields that never change: their order is kept while no channel comes or goes."""


def query_channels(site: Site, request: Request) -> Answer:
    """``POST /channels``: living channels; over the limit 30 of them, over the offset the page at 1000 for ever."""
    body = request.body
    if flag(body, "watch") or flag(body, "presence"):
        raise bad_input("Watch or Presence requires an active websocket connection")
    limit = clamped(body, "limit", DEFAULT_CHANNELS, MAX_CHANNELS)
    offset = clamped(body, "offset", 0, MAX_CHANNELS_OFFSET)
    member_limit = checked(body, "member_limit", STATE_MEMBERS, STATE_MEMBERS)
    message_limit = _message_limit(site, body)
    wanted = site.filter(conditions(body, required=False), _field)
    found = _ordered(site, body).page(wanted, offset, limit)
    site.seen.update(channel.cid for channel in found)
    full = flag(body, "state", default=True)
    states = [_listed_state(site, channel, member_limit, message_limit, full=full) for channel in found]
    return Answer(b'{"channels":' + array(states) + b"}", 201)


def _message_limit(site: Site, body: Json) -> int:
    limit = clamped(body, "message_limit", DEFAULT_LIST_MESSAGES, MAX_MESSAGES)
    return DEFAULT_LIST_MESSAGES if limit == 0 and site.options.message_limit_zero == "default" else limit


def _ordered(site: Site, body: Json) -> Any:
    sort = sorting(body) or [("last_updated", -1)]
    for field, _ in sort:
        if field in _UNSORTABLE:
            raise bad_input(f"cannot sort channels by {field}")
    steady = all(field in _STEADY for field, _ in sort)
    version = site.world.channels_version if steady else object()
    return site.view("channels", version, site.world.channels.values, _field, sort)


def _listed_state(site: Site, channel: Channel, members: int, messages: int, *, full: bool) -> bytes:
    keys = channel.listed[-messages:] if messages else []
    return site.renderer.state(
        channel, [message_id for _, message_id in keys], site.renderer.members(channel, members), full=full
    )


def _field(channel: Channel, name: str) -> Any:
    derived = _DERIVED.get(name)
    return derived(channel) if derived is not None else channel.data.get(name)


_DERIVED: dict[str, Callable[[Channel], Any]] = {
    "members": lambda channel: list(channel.members),
    "member_count": lambda channel: channel.data.get("member_count", len(channel.members)),
    "message_count": lambda channel: channel.data.get("message_count", len(channel.everything)),
    "created_by_id": lambda channel: (channel.data.get("created_by") or {}).get("id"),
    "last_updated": lambda channel: channel.data.get("last_message_at") or channel.data["created_at"],
    "frozen": lambda channel: channel.data.get("frozen", False),
    "disabled": lambda channel: channel.data.get("disabled", False),
}


def get_or_create_channel(site: Site, request: Request) -> Answer:
    """``POST /channels/{type}/{id}/query``: the state of a channel, which is created when it does not exist."""
    cid, body = request.ids["cid"], request.body
    if flag(body, "watch") or flag(body, "presence"):
        raise bad_input("Watch or Presence requires an active websocket connection")
    channel = site.world.channels.get(cid)
    if channel is None:
        channel = _create(site, request, cid)
    elif cid not in site.seen:
        site.note(site.writes, request, "GetOrCreate on a channel that no channel query returned")
    if not flag(body, "state"):
        return Answer(site.renderer.state(channel, [], None, full=False), 201)
    return Answer(_asked_state(site, channel, body.get("messages") or {}, body.get("members")), 201)


def _create(site: Site, request: Request, cid: str) -> Channel:
    """Create or revive, as the real one does, and write it down."""
    book = site.races if cid in site.seen else site.writes
    gone = cid in site.world.deleted_channels
    site.note(book, request, f"GetOrCreate on {'a deleted' if gone else 'an unknown'} channel")
    data = request.body.get("data") or {}
    creator = data.get("created_by_id") or (data.get("created_by") or {}).get("id")
    if gone and (creator or site.options.get_or_create_deleted == "revive"):
        return site.world.revive_channel(cid)
    if not creator:
        raise bad_input(NO_CREATOR)
    site.world.add_channel(cid, created_by=creator, created_at=datetime.now(UTC))
    return site.world.channels[cid]


def _asked_state(site: Site, channel: Channel, messages: Json, members: Json | None) -> bytes:
    limit = clamped(messages, "limit", DEFAULT_CHANNEL_MESSAGES, MAX_MESSAGES, "messages.limit")
    ids = page(channel.listed, messages, limit, world=site.world, options=site.options, prefix="messages.")
    if members is None:
        return site.renderer.state(channel, ids, None)
    count = checked(members, "limit", STATE_MEMBERS, MAX_QUERY_MEMBERS)
    offset = checked(members, "offset", 0, MAX_QUERY_MEMBERS_OFFSET)
    return site.renderer.state(channel, ids, site.renderer.members(channel, count, offset))


def get_channel(site: Site, request: Request) -> Answer:
    """``GET /channels/{type}/{id}``: a channel's state, creating nothing; unknown to older apps."""
    if not site.options.get_channel:
        raise not_found("not found")
    channel, query = site.channel(request.ids["cid"]), request.query
    if not flag(dict(query), "state"):
        return Answer(site.renderer.state(channel, [], None, full=False))
    asked: Json = {name.removeprefix("messages_"): text for name, text in query.items() if name.startswith("messages_")}
    asked = {name: text for name, text in asked.items() if name.startswith(("id_", "limit"))}
    members = {"limit": number(dict(query), "members_limit", STATE_MEMBERS)}
    return Answer(_asked_state(site, channel, asked, members))


def list_channel_types(site: Site, _: Request) -> Answer:
    """``GET /channeltypes``: the types in use and the built-in ones."""
    used = {channel.data["type"] for channel in site.world.channels.values()}
    types = sorted(used | {"messaging", "livestream", "team", "gaming", "commerce"})
    return answer({"channel_types": {name: channel_config(name, site.options) for name in types}})


def get_app(site: Site, _: Request) -> Answer:
    """``GET /app``: a few facts of the app."""
    return answer({"app": {"name": "demo", "id": 1, "suspended": site.options.suspended, "region": "us-east"}})
