"""People: Stream users become ``app_user`` rows.

Here: whoever Stream lists, whoever it only embeds in other records (deleted people, guests), whoever is known by id
alone, and the synthetic authors of messages without one. Not here: channel roles (``members.py``).

``custom_data`` holds the customer's own fields and nothing that Stream itself names. ChatSDK's server gives meaning
to three of its keys: ``email`` is shown, and is carried when the customer had it; ``is_admin`` makes an
administrator, and is withheld in every spelling; ``banned`` is an app-wide ban, and is written by this module alone.
Our own markers, all only informative: ``stream_deactivated``, ``stream_deleted``, ``stream_ban_expires``,
``stream_unlisted`` (known by id alone), ``stream_synthetic``. ChatSDK has no state that keeps a deactivated or deleted
person from logging in: whoever issues tokens must; they are counted.

A bad time on a person never costs the person: their messages would be lost with them.
"""

from __future__ import annotations

import unicodedata
from datetime import datetime

import msgspec

from chatsdk_migration import records
from chatsdk_migration.errors import RecordError
from chatsdk_migration.models import Batch, Entity, Json, UserRow
from chatsdk_migration.records import StreamUser
from chatsdk_migration.settings import MappingRules
from chatsdk_migration.transform import counted, tables, text, times

_MARKERS = frozenset(
    {"banned", "stream_deactivated", "stream_deleted", "stream_ban_expires", "stream_unlisted", "stream_synthetic"}
)
"""Keys of ``custom_data`` that only this module writes."""

WITHOUT_HOME = {
    "blocked_user_ids": "user_blocks",
    "devices": "user_devices",
    "mutes": "user_mutes",
    "channel_mutes": "user_channel_mutes",
    "privacy_settings": "user_preferences",
    "push_notifications": "user_preferences",
    "push_preferences": "user_preferences",
    "latest_hidden_channels": "user_hidden_channels",
    "language": "user_language",
    "teams": "user_teams",
}
"""Stream's fields that say something ChatSDK has no place for, and the loss each one is counted as."""


def map_listed_user(raw: Json, rules: MappingRules, out: Batch, now: datetime | None = None) -> str | None:
    """Add a user Stream lists, in place of an embedded copy; what is lost is counted here.

    Args:
        raw: One element of ``users`` of QueryUsers.
        rules: The mapping rules.
        out: Gets the row, or the reject.
        now: A ban that expired before it is no ban; without it every ban holds.

    Returns:
        The user id, or None when the record was rejected.
    """
    try:
        user = _parse(raw)
        out.users[user.id] = _row(raw, user, out, now)
    except RecordError as error:
        out.reject(Entity.USER, counted.shown_id(raw), error.code, error.reason, counted.as_object(raw))
        return None
    return user.id


def map_user(raw: Json, rules: MappingRules, out: Batch, now: datetime | None = None) -> str:
    """Add a user embedded in another record, unless the person is already there; give the id.

    What the person loses is kept apart, in ``Batch.embedded_losses``: whether it is counted already, with the list of
    users or where the person was met before, only the target can tell.

    Raises:
        RecordError: ``bad_shape``, ``empty_id``, ``id_too_long``, ``bad_id``, ``bad_json``: the record around it cannot
            be carried either.
    """
    known = raw.get("id")
    if isinstance(known, str) and known in out.users:
        return known
    user = _parse(raw)
    apart = Batch()
    out.users[user.id] = _row(raw, user, apart, now)
    out.embedded_losses += apart.losses
    return user.id


def map_vanished_user(
    user_id: str, raw: Json | None, rules: MappingRules, out: Batch, now: datetime | None = None
) -> None:
    """Add somebody whom Stream's list showed once and shows no more, as a record embeds them, or else by id alone."""
    try:
        map_person(raw if raw and raw.get("id") == user_id else None, user_id, rules, out, now)
    except RecordError:
        map_person(None, user_id, rules, out)


def map_person(
    user: Json | None, user_id: str | None, rules: MappingRules, out: Batch, now: datetime | None = None
) -> str | None:
    """Add the person a record names by an embedded user, or by id alone; None when it names nobody.

    Where both are there and differ, the id decides: it is what Stream's own keys are made of.

    Raises:
        RecordError: As ``map_user``.
    """
    embedded = user.get("id") if user else None
    if user and embedded and user_id in {None, "", embedded}:
        return map_user(user, rules, out, now)
    if not user_id:
        return None
    if user_id not in out.users:
        out.users[text.check_id(user_id, "user")] = _marked_row(user_id, user_id, "stream_unlisted")
    return user_id


def is_deleted(row: UserRow) -> bool:
    """Say whether a row is somebody whom Stream has deleted."""
    return '"stream_deleted"' in row.custom_data and "stream_deleted" in msgspec.json.decode(row.custom_data)


def add_synthetic(user_id: str, name: str, out: Batch) -> str:
    """Add a person who stands in for an author Stream does not name; give the id."""
    if user_id not in out.users:
        out.users[user_id] = _marked_row(user_id, name, "stream_synthetic")
    return user_id


def _parse(raw: Json) -> StreamUser:
    user = records.parse(raw, StreamUser)
    text.check_id(user.id, "user")
    return user


def _row(raw: Json, user: StreamUser, out: Batch, now: datetime | None) -> UserRow:
    """Give the row of a user and count what it loses."""
    created = _time(user.created_at, "created_at", user.id, out)
    updated = _time(user.updated_at, "updated_at", user.id, out)
    active = _time(user.last_active, "last_active", user.id, out)
    _count_without_home(raw, user, out)
    return UserRow(
        user.id,
        _name(user, out),
        counted.link(user.image, Entity.USER, user.id, out),
        _custom_data(raw, user, out, now),
        active,
        created or times.UNKNOWN,
        updated or created or times.UNKNOWN,
    )


def _marked_row(user_id: str, name: str, marker: str) -> UserRow:
    return UserRow(user_id, name, None, f'{{"{marker}":true}}', None, times.UNKNOWN, times.UNKNOWN)


def _name(user: StreamUser, out: Batch) -> str:
    """Give the display name, or the id for people without one."""
    if not isinstance(user.name, str) or not user.name:
        return user.id
    return counted.name(user.name, Entity.USER, user.id, out)


def _custom_data(raw: Json, user: StreamUser, out: Batch, now: datetime | None) -> str:
    """Give ``custom_data`` as JSON text."""
    custom = records.custom_fields(raw, records.USER_FIELDS)
    if user.name and not isinstance(user.name, str):
        custom["name"] = user.name
    data = {key: value for key, value in custom.items() if _may_enter(key, user.id, out)}
    data |= _states(user, out, now)
    return counted.json_text(data, Entity.USER, user.id, "custom fields", out) if data else "{}"


def _may_enter(key: str, user_id: str, out: Batch) -> bool:
    """Say whether a customer's key may enter ``custom_data``; count it when not."""
    if means_admin(key):
        out.lose(Entity.USER, "is_admin_withheld", user_id, key)
        return False
    if key in _MARKERS:
        out.lose(Entity.USER, "reserved_field_withheld", user_id, key)
        return False
    return True


def means_admin(key: str) -> bool:
    """Say whether a key is ``is_admin`` in any spelling: case, width, separators and invisible characters aside."""
    plain = unicodedata.normalize("NFKC", key).casefold()
    return "".join(letter for letter in plain if letter.isalnum()) == "isadmin"


def _states(user: StreamUser, out: Batch, now: datetime | None) -> Json:
    """Give our own keys of ``custom_data``: the ban, and what became of the account in Stream."""
    states: Json = {}
    if user.banned and not _expired(user.ban_expires, now):
        states["banned"] = True
        if user.ban_expires:
            states["stream_ban_expires"] = user.ban_expires
            out.lose(Entity.USER, "ban_expiry", user.id, user.ban_expires)
    if user.shadow_banned:
        out.lose(Entity.USER, "user_shadow_banned", user.id)
    for state, since in (("deactivated", user.deactivated_at), ("deleted", user.deleted_at)):
        if times.is_set(since):
            states[f"stream_{state}"] = True
            out.lose(Entity.USER, f"user_{state}", user.id, since or "")
    return states


def _expired(ban_expires: str | None, now: datetime | None) -> bool:
    """Say whether a ban is over; one whose end cannot be read is not."""
    if now is None or not times.is_set(ban_expires):
        return False
    try:
        return times.parse(ban_expires).us <= times.microseconds(now)
    except RecordError:
        return False


def _time(value: str | None, what: str, user_id: str, out: Batch) -> str | None:
    """Read a time of a person; a bad one is counted and left out."""
    try:
        found = times.parse_optional(value)
    except RecordError:
        out.lose(Entity.USER, "user_time_unreadable", user_id, what)
        return None
    return found.text if found else None


def _count_without_home(raw: Json, user: StreamUser, out: Batch) -> None:
    for name in WITHOUT_HOME.keys() & raw.keys():
        if raw[name]:
            out.lose(Entity.USER, WITHOUT_HOME[name], user.id, name)
    if user.role and user.role not in tables.ORDINARY_USER_ROLES:
        out.lose(Entity.USER, "user_role", user.id, user.role)
