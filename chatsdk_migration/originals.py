"""What of a rejected record may lie in quarantine.

Here: the one rule, applied wherever a ``Rejected`` is made. Not here: which records are rejected, and storing them.

A quarantine is read by whoever repairs a migration, and it is kept. So it holds what a replay needs and not more:

- of a deleted message or channel only what its tombstone is made of, whatever the payload still shows;
- of a quoted message, which has a record of its own, only the id;
- of a person nothing that reaches their devices;
- of an anonymous poll nobody who voted.

Shadowed messages and those for some members only are withheld, not rejected (``transform/messages.py``): one is found
here only where the operator's rules show it to the whole channel anyway.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_Json = dict[str, Any]

_OF_DELETED = frozenset(
    {"id", "cid", "type", "created_at", "updated_at", "deleted_at", "user", "user_id", "created_by"}
    | {"parent_id", "show_in_channel", "quoted_message_id", "quoted_message", "shadowed", "restricted_visibility"}
)
"""What is kept of a deleted message or channel: what its row is mapped from, and why it might be withheld."""
_OF_QUOTED = frozenset({"id"})
_OF_DEVICES = frozenset({"devices", "push_notifications", "push_preferences"})
_WHO_VOTED = frozenset({"latest_votes_by_option", "latest_answers", "own_votes", "votes"})

_PERSON_FIELDS = frozenset(
    {"user", "created_by", "pinned_by", "mentioned_users", "thread_participants", "banned_by", "mutes", "target"}
)
_REACTION_FIELDS = ("latest_reactions", "own_reactions")
_ZERO_TIME = "0001-01-01"
"""How Stream's server may write a time that is not set."""


def kept(entity: str, record: _Json) -> _Json:
    """Give what of a record may be kept in quarantine; the record itself stays as it is.

    Args:
        entity: An ``Entity`` value.
        record: The original as Stream sent it.
    """
    return _RULES.get(entity, _with_people)(record)


def _message(record: _Json) -> _Json:
    """Of a message (or of a pin, whose original is the message)."""
    shown = _named(record, _OF_DELETED) if _is_deleted(record) else dict(record)
    inner: dict[str, Callable[[Any], Any]] = {
        "quoted_message": lambda quoted: _named(quoted, _OF_QUOTED),
        "poll": _poll,
        **dict.fromkeys(_REACTION_FIELDS, _with_people),
    }
    return _with_people(shown | {name: _each(shown[name], rule) for name, rule in inner.items() if name in shown})


def _channel(record: _Json) -> _Json:
    return _with_people(_named(record, _OF_DELETED) if _is_deleted(record) else record)


def _poll(record: _Json) -> _Json:
    is_anonymous = record.get("voting_visibility") == "anonymous"
    return _with_people(_without(record, _WHO_VOTED) if is_anonymous else record)


def _reaction(record: _Json) -> _Json:
    """Without the message it may carry along, which has a record of its own."""
    return _with_people(_without(record, frozenset({"message"})))


def _person(record: _Json) -> _Json:
    return _without(record, _OF_DEVICES)


def _with_people(record: _Json) -> _Json:
    """Give the record with less of the people it embeds."""
    return {name: _each(value, _person) if name in _PERSON_FIELDS else value for name, value in record.items()}


def _each(value: Any, rule: Callable[[_Json], _Json]) -> Any:
    """Apply a rule to an object or to those of a list; anything else is no record and stays."""
    if isinstance(value, list):
        return [rule(one) if isinstance(one, dict) else one for one in value]
    return rule(value) if isinstance(value, dict) else value


def _is_deleted(record: _Json) -> bool:
    deleted = record.get("deleted_at")
    return record.get("type") == "deleted" or (bool(deleted) and not str(deleted).startswith(_ZERO_TIME))


def _named(record: _Json, names: frozenset[str]) -> _Json:
    return {name: value for name, value in record.items() if name in names}


def _without(record: _Json, names: frozenset[str]) -> _Json:
    return {name: value for name, value in record.items() if name not in names}


_RULES: dict[str, Callable[[_Json], _Json]] = {
    "user": _person,
    "mention": _person,
    "channel": _channel,
    "message": _message,
    "pin": _message,
    "poll": _poll,
    "reaction": _reaction,
}
"""By ``Entity`` value; members and votes embed people only."""
