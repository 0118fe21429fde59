"""Answers about people: users, members of a channel, bans.

Here: QueryUsers, QueryMembers, QueryBannedUsers. Not here: members inside a channel state (``rendering.py``).
"""

from __future__ import annotations

from typing import Any

from chatsdk_migration.demo.encoding import array
from chatsdk_migration.demo.site import Site
from chatsdk_migration.demo.wire import Answer, Request, bad_input, checked, conditions, flag, sorting
from chatsdk_migration.models import Json

MAX_USERS = 100
MAX_USERS_OFFSET = 1000
DEFAULT_USERS = 30
MAX_BANS = 300
MAX_BANS_OFFSET = 10_000

_MEMBERS_KEYSET = {
    f"{field}_{name}": (field, operator)
    for field in ("user_id", "created_at")
    for name, operator in {
        "gt": "$gt",
        "gte": "$gte",
        "lt": "$lt",
        "lte": "$lte",
        "after": "$gt",
        "after_or_equal": "$gte",
        "before": "$lt",
        "before_or_equal": "$lte",
    }.items()
}


def query_users(site: Site, request: Request) -> Answer:
    """``GET /users``: listed users; deactivated ones only when asked for; deleted ones never."""
    body = request.body
    if not body:
        raise bad_input("invalid json data")
    limit = checked(body, "limit", DEFAULT_USERS, MAX_USERS)
    offset = checked(body, "offset", 0, MAX_USERS_OFFSET)
    wanted = site.filter(conditions(body), _field)
    sort = sorting(body) or [("created_at", -1)]
    deactivated = flag(body, "include_deactivated_users")
    unlisted = site.world.unlisted
    view = site.view(
        ("users", deactivated),
        site.world.users_version,
        lambda: [
            user
            for user in site.world.users.values()
            if user["id"] not in unlisted and (deactivated or "deactivated_at" not in user)
        ],
        _field,
        sort,
    )
    found = view.page(wanted, offset, limit)
    return Answer(b'{"users":' + array([site.renderer.full_user(user) for user in found]) + b"}")


def _field(record: Json, name: str) -> Any:
    return record.get(name)


def query_members(site: Site, request: Request) -> Answer:
    """``GET /members``: members of one channel."""
    body = request.body
    if not body.get("type") or not body.get("id"):
        raise bad_input("channel type and id are required")
    channel = site.channel(f"{body['type']}:{body['id']}")
    limit = checked(body, "limit", min(100, site.options.members_limit), site.options.members_limit)
    offset = checked(body, "offset", 0, site.options.members_offset)
    asked = conditions(body)
    if "cid" in asked:
        raise bad_input("cannot search by cid")
    if site.options.members_keyset:
        asked = {"$and": [asked, *_keyset(body)]} if _keyset(body) else asked
    sort = sorting(body, most=1) or [("created_at", 1)]
    version = (id(channel), channel.members_version)
    view = site.view(("members", channel.cid), version, channel.members.values, _member_field, sort)
    found = view.page(site.filter(asked, _member_field), offset, limit)
    return Answer(b'{"members":' + array([site.renderer.member(member) for member in found]) + b"}")


def _keyset(body: Json) -> list[Json]:
    return [{field: {operator: body[name]}} for name, (field, operator) in _MEMBERS_KEYSET.items() if body.get(name)]


def _member_field(member: Json, name: str) -> Any:
    if name == "id":
        return member.get("user_id")
    if name == "name":
        return (member.get("user") or {}).get("name")
    return member.get(name)


def query_banned_users(site: Site, request: Request) -> Answer:
    """``GET /query_banned_users``: bans of the app and of channels."""
    body = request.body
    limit = checked(body, "limit", 100, MAX_BANS)
    offset = checked(body, "offset", 0, MAX_BANS_OFFSET)
    wanted = site.filter(conditions(body), _ban_field)
    sort = sorting(body) or [("created_at", 1)]
    view = site.view("bans", len(site.world.bans), lambda: site.world.bans, _ban_field, sort)
    found = view.page(wanted, offset, limit)
    return Answer(b'{"bans":' + array([site.renderer.ban(ban) for ban in found]) + b"}")


def _ban_field(ban: Json, name: str) -> Any:
    if name in {"user_id", "banned_by_id"}:
        return (ban.get("user" if name == "user_id" else "banned_by") or {}).get("id")
    return ban.get(name)
