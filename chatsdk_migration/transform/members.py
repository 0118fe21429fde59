"""Membership: Stream's member rows and read rows become ``channel_member`` rows.

Here: who is a member, with which role, and how far each has read. Not here: sequence numbers, which only the
database knows (``postgres/``).

A member row in ChatSDK lets a person read. So people whose invitation is open or declined get none.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chatsdk_migration import records
from chatsdk_migration.errors import RecordError
from chatsdk_migration.models import Batch, Entity, Json, MemberRow
from chatsdk_migration.records import StreamMember, StreamRead
from chatsdk_migration.settings import MappingRules, MemberRole
from chatsdk_migration.transform import counted, tables, times, users

LARGEST_INTEGER = 2**31 - 1
"""Of PostgreSQL's ``integer``, the type of ``unread_count``."""

_PENDING_STATUSES = frozenset({"invited", "pending"})


@dataclass(frozen=True, slots=True)
class Position:
    """How far one person has read: up to which time, and how many messages are unread."""

    last_read: str | None
    unread: int


@dataclass(frozen=True, slots=True)
class _Channel:
    """What the members of one channel have in common."""

    cid: str
    positions: dict[str, Position]
    rules: MappingRules
    created_by: str | None
    now: datetime | None


def map_members(  # noqa: PLR0913 - the creator is known to the channel only
    cid: str,
    members: list[Json],
    reads: list[Json],
    rules: MappingRules,
    out: Batch,
    *,
    created_by: str | None = None,
    now: datetime | None = None,
) -> None:
    """Add the members of one channel, each once, with their read positions.

    Args:
        cid: Stream's cid.
        members: Member rows, all or a page of them; a person already in ``out.members`` is not added again.
        reads: Read rows of the channel state; Stream gives at most 100.
        rules: The mapping rules.
        out: Gets rows, people, losses and rejects of this one channel.
        created_by: The channel's creator, who is an owner when a member.
        now: An app-wide ban that expired before it is no ban; without it every ban holds.
    """
    channel = _Channel(cid, _positions(cid, reads, out), rules, created_by, now)
    seen = {row.user_id for row in out.members}
    for raw in members:
        try:
            row = _row(raw, channel, seen, out)
        except RecordError as error:
            shown = counted.shown_id(raw, "user_id")
            out.reject(Entity.MEMBER, shown, error.code, error.reason, counted.as_object(raw))
            continue
        if row is not None:
            seen.add(row.user_id)
            out.members.append(row)


def _row(raw: Json, channel: _Channel, seen: set[str], out: Batch) -> MemberRow | None:
    """Give the row of one member, or None for somebody who is none or has one already."""
    member = records.parse(raw, StreamMember)
    named = person_of(member) or ""
    withheld = standing(member)
    if withheld is not None:
        out.lose(Entity.MEMBER, withheld, named, channel.cid)
        return None
    person = users.map_person(member.user, named, channel.rules, out, channel.now)
    if person is None:
        raise RecordError("empty_id", "The member row names nobody.")
    if person in seen:
        return None
    joined = _joined_at(member)
    _count_without_home(member, raw, person, out)
    position = channel.positions.get(person)
    if position is None:
        out.lose(Entity.MEMBER, "read_state_unknown", person, channel.cid)
    return MemberRow(
        person,
        _role(member, person, channel, out),
        bool(member.notifications_muted),
        joined,
        _unread(position, channel.rules),
        position.last_read if position else None,
        position is None and channel.rules.members_without_read_state == "read",
    )


def _unread(position: Position | None, rules: MappingRules) -> int | None:
    """Give Stream's count; without read state nobody knows it, and the operator chose between none and all."""
    if position is not None:
        return position.unread
    return 0 if rules.members_without_read_state == "read" else None


def person_of(member: StreamMember) -> str | None:
    """Give the id of the person a member row is about; the embedded user may be null."""
    embedded = (member.user or {}).get("id")
    return member.user_id or (embedded if isinstance(embedded, str) else None)


def standing(member: StreamMember) -> str | None:
    """Give None for a member, or the loss kind under which somebody who is none is counted."""
    if times.is_set(member.deleted_at):
        return "member_deleted"
    if member.status == "rejected" or _declined_last(member):
        return "invite_rejected"
    is_invited = member.invited or member.status in _PENDING_STATUSES
    return "invite_pending" if is_invited and not times.is_set(member.invite_accepted_at) else None


def _declined_last(member: StreamMember) -> bool:
    """Say whether an invitation was declined and not accepted after that."""
    if not times.is_set(member.invite_rejected_at):
        return False
    if not times.is_set(member.invite_accepted_at):
        return True
    try:
        return times.parse(member.invite_rejected_at)[1:] >= times.parse(member.invite_accepted_at)[1:]
    except RecordError:
        return True  # no access on a date nobody can read


def _joined_at(member: StreamMember) -> str:
    """Give when the person became a member.

    Raises:
        RecordError: ``bad_timestamp``.
    """
    joined = times.parse_optional(member.created_at) or times.parse_optional(member.invite_accepted_at)
    return joined.text if joined else times.UNKNOWN


def _role(member: StreamMember, person: str, channel: _Channel, out: Batch) -> MemberRole:
    """Give the role: owners first, then the operator's table, then the strongest of what Stream says."""
    if member.role == "owner" or person == channel.created_by:
        return "owner"
    if member.channel_role in channel.rules.roles:
        return channel.rules.roles[member.channel_role]
    if member.channel_role and member.channel_role not in tables.CHANNEL_ROLES:
        out.lose(Entity.MEMBER, "role_unknown", person, member.channel_role)
    said = [tables.CHANNEL_ROLES.get(word or "", "member") for word in (member.channel_role, member.role)]
    said.append("moderator" if member.is_moderator else "member")
    return max(said, key=tables.ROLE_RANK.__getitem__)


def _count_without_home(member: StreamMember, raw: Json, person: str, out: Batch) -> None:
    """Count what a member row says that ChatSDK has no place for."""
    facts = {
        "channel_ban": member.banned,
        "channel_shadow_ban": member.shadow_banned,
        "member_pinned": times.is_set(member.pinned_at),
        "member_archived": times.is_set(member.archived_at),
        "future_ban": raw.get("ban_from_future_channels"),
        "hidden_history": times.is_set(raw.get("hide_messages_before")),
    }
    for kind, is_so in facts.items():
        if is_so:
            out.lose(Entity.MEMBER, kind, person)
    custom = records.custom_names(raw, records.MEMBER_FIELDS)
    if custom:
        out.lose(Entity.MEMBER, "member_custom", person, ", ".join(custom))


def _positions(cid: str, reads: list[Json], out: Batch) -> dict[str, Position]:
    """Give the read position of each person; the later one when Stream lists somebody twice."""
    found: dict[str, Position] = {}
    for raw in reads:
        try:
            person, position = _position(raw)
        except RecordError as error:
            out.lose(Entity.MEMBER, "read_state_unreadable", cid, error.reason)
            continue
        if person not in found or (found[person].last_read or "") < (position.last_read or ""):
            found[person] = position
    return found


def _position(raw: Any) -> tuple[str, Position]:
    read = records.parse(raw, StreamRead)
    person = (read.user or {}).get("id") or read.user_id
    if not isinstance(person, str):
        raise RecordError("empty_id", "The read row names nobody.")
    last_read = times.parse_optional(read.last_read)
    unread = min(max(read.unread_messages or 0, 0), LARGEST_INTEGER)
    return person, Position(last_read.text if last_read else None, unread)
