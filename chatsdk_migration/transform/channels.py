"""Channels: Stream channel states become ``channel`` rows.

Here: the channel's type, its cid, and what is kept under ``config.custom``. Not here: members, messages, counters.

The type decides who may look inside. In ChatSDK ``team`` and ``public`` channels are open to every user of the app,
so neither is ever given unless the operator's own table says so; ``messaging`` means exactly two people.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

import msgspec

from chatsdk_migration import identity, records
from chatsdk_migration.errors import RecordError
from chatsdk_migration.models import Batch, ChannelRow, Entity, Json
from chatsdk_migration.records import StreamChannel, StreamMember
from chatsdk_migration.settings import ChannelType, MappingRules
from chatsdk_migration.transform import counted, members, tables, text, times, users

DISTINCT_PREFIX = "!members-"
"""Stream's ids of channels found by their set of members; nobody else can create such an id."""
CERTAINLY_WHOLE = 2
"""A state lists at least 3 members where there are 3, so this few rows are all there are."""
MAY_BE_CUT_SHORT = 10
"""So many rows are as many as the list of channels asks for (``stream.channels.MEMBERS_TO_TELL_A_PAIR``): others may
follow, whatever the channel's count says, which Stream may have wrong in either direction."""

_STATES_WITHOUT_EFFECT = {
    "frozen": "channel_frozen",
    "disabled": "channel_disabled",
    "cooldown": "channel_cooldown",
    "team": "channel_team",
    "auto_translation_enabled": "channel_auto_translation",
}
"""Kept as data under ``config.custom``, but ChatSDK does not act on them."""
_KEPT_IN_CUSTOM = (*_STATES_WITHOUT_EFFECT, "auto_translation_language", "filter_tags", "truncated_at")


def map_channel(
    state: Json, app_id: str, rules: MappingRules, out: Batch, now: datetime | None = None
) -> ChannelRow | None:
    """Add a channel and the person who created it.

    Args:
        state: One element of ``channels`` of QueryChannels, asked for at least ``MAY_BE_CUT_SHORT`` members.
        app_id: The target app.
        rules: The mapping rules.
        out: Gets the row, the losses or the reject.
        now: An app-wide ban of its creator that expired before it is no ban; without it every ban holds.

    Returns:
        The row, or None when the channel is withheld or rejected.
    """
    raw = state.get("channel")
    try:
        channel = records.parse(raw, StreamChannel)
        if times.is_set(channel.deleted_at):
            out.lose(Entity.CHANNEL, "channel_deleted", channel.cid or "")
            return None
        row = _row(channel, state, app_id, rules, out)
        row = row._replace(created_by=_creator(channel, row.stream_cid, rules, out, now))
    except RecordError as error:
        out.reject(Entity.CHANNEL, counted.shown_id(raw, "cid"), error.code, error.reason, counted.as_object(raw))
        return None
    out.channels.append(row)
    return row


def _row(channel: StreamChannel, state: Json, app_id: str, rules: MappingRules, out: Batch) -> ChannelRow:
    """Give the row of a channel, without its creator."""
    stream_cid = _cid(channel)
    created = times.parse(channel.created_at)
    updated = times.parse_optional(channel.updated_at) or created
    people = _active_people(state)
    kind = _channel_type(stream_cid, rules, out, two=_are_two(people, state, channel))
    has_dm_cid = rules.dm_cid == "chatsdk" and kind == "messaging"
    cid = _direct_cid(stream_cid, people, state, out) if has_dm_cid else stream_cid
    return ChannelRow(
        identity.channel_id(app_id, stream_cid),
        cid,
        stream_cid,
        kind,
        _name(channel, stream_cid, out),
        counted.link(channel.image, Entity.CHANNEL, stream_cid, out),
        _config(channel, state["channel"], stream_cid, out, moved=cid != stream_cid),
        None,
        created.text,
        updated.text,
    )


def _cid(channel: StreamChannel) -> str:
    """Give Stream's cid, ``type:id``.

    Raises:
        RecordError: ``empty_id``, ``id_too_long``, ``bad_id``.
    """
    cid = text.check_id(channel.cid or f"{channel.type or ''}:{channel.id or ''}", "channel")
    kind, _, name = cid.partition(":")
    if not kind or not name:
        raise RecordError("bad_id", f"A cid is type:id, found {cid!r}.")
    return cid


def _active_people(state: Json) -> frozenset[str]:
    """Give the ids of those listed who are members: no open or declined invitation, no deleted row."""
    found = set()
    for raw in state.get("members") or []:
        try:
            member = records.parse(raw, StreamMember)
        except RecordError:
            continue  # rejected, with its reason, when the channel's members are read
        person = members.person_of(member)
        if person and members.standing(member) is None:
            found.add(person)
    return frozenset(found)


def _are_two(people: frozenset[str], state: Json, channel: StreamChannel) -> bool:
    """Say whether exactly two people are members; a list that may be cut short says no, which gives a group."""
    listed = _listed(state)
    is_whole = listed <= CERTAINLY_WHOLE or (channel.member_count or 0) <= listed < MAY_BE_CUT_SHORT
    return len(people) == 2 and is_whole


def _listed(state: Json) -> int:
    """Count the member rows of any standing: members, invited, deleted."""
    return len(state.get("members") or [])


def _channel_type(cid: str, rules: MappingRules, out: Batch, *, two: bool) -> ChannelType:
    """Give ChatSDK's type: the operator's table, else the rule that keeps private things private."""
    stream_type = cid.partition(":")[0]
    chosen = tables.mapped_channel_type(stream_type, rules)
    if chosen is None:
        chosen = _safe_type(cid, two=two)
        if chosen == "group" and stream_type not in tables.UNCHANGED_CHANNEL_TYPES:
            out.lose(Entity.CHANNEL, "channel_type_flattened", cid, stream_type)
    elif chosen == "messaging" and not two:
        out.lose(Entity.CHANNEL, "channel_not_two_people", cid, stream_type)
        return "group"
    return chosen


def _safe_type(cid: str, *, two: bool) -> ChannelType:
    stream_type = cid.partition(":")[0]
    if two and (stream_type == "messaging" or is_distinct(cid)):
        return "messaging"
    return "livestream" if stream_type == "livestream" else "group"


def is_distinct(cid: str) -> bool:
    """Say whether Stream finds the channel by its members: there is one for a type and a set of people."""
    return cid.partition(":")[2].startswith(DISTINCT_PREFIX)


def _direct_cid(cid: str, people: frozenset[str], state: Json, out: Batch) -> str:
    """Give the cid under which ChatSDK finds a direct message, where only one channel can claim it.

    Two people may have several channels of an ordinary id, or of another type; those keep Stream's cid. So do channels
    that list others beside the two: they were made for a larger set of people, and the two may have one of their own.
    """
    if cid.startswith(f"messaging:{DISTINCT_PREFIX}") and _listed(state) == len(people):
        return direct_message_cid(people)
    out.lose(Entity.CHANNEL, "dm_cid_kept", cid)
    return cid


def direct_message_cid(people: frozenset[str]) -> str:
    """Give the cid under which ChatSDK's server looks up the direct message of two people.

    SHA-256 of the JSON array, without spaces, of the ids sorted as JavaScript sorts: by UTF-16 code units.
    """
    ordered = sorted(people, key=lambda person: person.encode("utf-16-be"))
    return f"messaging:dm:{hashlib.sha256(msgspec.json.encode(ordered)).hexdigest()}"


def _name(channel: StreamChannel, cid: str, out: Batch) -> str | None:
    if not isinstance(channel.name, str) or not channel.name:
        return None
    return counted.name(channel.name, Entity.CHANNEL, cid, out)


def _config(channel: StreamChannel, raw: Json, cid: str, out: Batch, *, moved: bool) -> str:
    """Give ``config``: the customer's fields and Stream's states under ``custom``, Stream's cid when it changed."""
    custom: dict[str, Any] = records.custom_fields(raw, records.CHANNEL_FIELDS)
    custom |= {name: raw[name] for name in _KEPT_IN_CUSTOM if raw.get(name)}
    custom |= {name: raw[name] for name in ("name", "image") if raw.get(name) and not isinstance(raw[name], str)}
    for name, kind in _STATES_WITHOUT_EFFECT.items():
        if raw.get(name):
            out.lose(Entity.CHANNEL, kind, cid, str(raw[name]))
    if raw.get("config_overrides"):
        out.lose(Entity.CHANNEL, "channel_settings", cid)
    config = ({"custom": custom} if custom else {}) | ({"stream_cid": cid} if moved else {})
    return counted.json_text(config, Entity.CHANNEL, cid, "custom fields", out)


def _creator(channel: StreamChannel, cid: str, rules: MappingRules, out: Batch, now: datetime | None) -> str | None:
    """Give the creator's id; one who cannot be carried is counted, the channel goes on without."""
    try:
        return users.map_person(channel.created_by, None, rules, out, now)
    except RecordError as error:
        out.lose(Entity.CHANNEL, "channel_creator_unknown", cid, error.reason)
        return None
