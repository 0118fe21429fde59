"""Rejected records: which record it is whenever it is met again, and where the original of a refused row is.

Here: pure functions over a record, a row and the batch the row came in. Not here: storing (``postgres/``), replaying
(``quarantine.py``).

The key of a record must not change with what changes around it: Stream embeds the whole user, counts and newest
reactions in each message, so a digest of the record would differ from one reading to the next.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from chatsdk_migration.models import (
    Batch,
    ChannelRow,
    Entity,
    FetchedMessage,
    Json,
    MemberRow,
    MentionRow,
    MessageRow,
    PinRow,
    PollRow,
    ReactionRow,
    Rejected,
    UserRow,
    VoteRow,
)
from chatsdk_migration.originals import kept
from chatsdk_migration.storable import repair

BETWEEN = " / "
"""Stands between the parts of a key; the statements ``reject_*.sql`` write the same."""
DIGEST_CHARACTERS = 16

_IN_MESSAGE = frozenset({Entity.REACTION.value, Entity.MENTION.value, Entity.VOTE.value})
"""Entities of which one message or poll has many, so that its id alone does not name one."""
_PERSON_FIELDS = frozenset({"user", "created_by", "pinned_by", "mentioned_users"})


def key_of(rejected: Rejected) -> str:
    """Give the key of a rejected record, the same for the original and for a row mapped from it where that can be."""
    if rejected.stream_id and rejected.entity not in _IN_MESSAGE:
        return rejected.stream_id
    own = _own_parts(rejected.entity, rejected.record)
    if not all(own):
        own = (_digest(rejected.record),)
    return BETWEEN.join((rejected.stream_id, *map(repair, own)))


def _own_parts(entity: str, record: Json) -> tuple[str, ...]:
    """Give what names a record within its message or poll."""
    if entity == Entity.REACTION:
        return _person(record), _text(record.get("type") or record.get("emoji"))
    if entity == Entity.VOTE:
        return _person(record), _text(record.get("option_id"))
    if entity == Entity.MENTION:
        return (_text(record.get("mentioned_user_id") or record.get("id") or record.get("value")),)
    return ("",)


def _person(record: Json) -> str:
    user = record.get("user")
    return _text(record.get("user_id")) or _text(user.get("id") if isinstance(user, dict) else None)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _digest(record: Json) -> str:
    written = json.dumps(record, sort_keys=True, default=str)
    return hashlib.sha256(written.encode("utf-8", "surrogatepass")).hexdigest()[:DIGEST_CHARACTERS]


def of_row(entity: str, row: Any, code: str, reason: str, batch: Batch | None = None) -> Rejected:
    """Make the rejected record of a row the database refused: with its original, when the batch still has it."""
    stream_id, message = _ids(row, batch)
    original = _original(row, message, batch) if batch is not None else None
    if isinstance(original, dict):
        known = _poll_id(row, original) or stream_id
        return Rejected(entity, known, code, reason, kept(entity, original), _message_id(row, message))
    as_dict = getattr(row, "_asdict", None)
    record: Json = as_dict() if as_dict else {"row": list(row)}
    return Rejected(entity, stream_id, code, reason, record, _message_id(row, message), mapped=True)


def _message_id(row: Any, message: MessageRow | None) -> str:
    return message.stream_id if message is not None and not isinstance(row, MessageRow) else ""


def _poll_id(row: Any, original: Json) -> str:
    """Give Stream's id of the poll a row is about: the row has only the target's."""
    field = {PollRow: "id", VoteRow: "poll_id"}.get(type(row))
    return _text(original.get(field)) if field else ""


def _ids(row: Any, batch: Batch | None) -> tuple[str, MessageRow | None]:
    """Give the Stream id under which a refused row is quarantined, and the message it belongs to."""
    message = _message_of(row, batch) if batch is not None else None
    if isinstance(row, MessageRow):
        return row.stream_id, row
    if isinstance(row, ChannelRow):
        return row.stream_cid, None
    if message is not None and not isinstance(row, PollRow | VoteRow):
        return message.stream_id, message
    return str(row[0]), message


def _message_of(row: Any, batch: Batch) -> MessageRow | None:
    if isinstance(row, VoteRow):
        return next((one for one in batch.messages if one.poll_id == row.poll_id), None)
    target_id = getattr(row, "message_id", None)
    return next((one for one in batch.messages if one.id == target_id), None)


def _original(row: Any, message: MessageRow | None, batch: Batch) -> Any:
    """Find what a row was mapped from; slow, as only refused rows are looked up."""
    if isinstance(row, UserRow):
        return next((person for person in _people(list(batch.sources)) if person.get("id") == row.id), None)
    if isinstance(row, ChannelRow):
        return next((raw for raw in _channels(batch) if raw.get("cid") == row.stream_cid), None)
    if isinstance(row, MemberRow):
        members = [raw for raw in batch.sources if isinstance(raw, dict)]
        return next((raw for raw in members if _person(raw) == row.user_id), None)
    fetched = _fetched(message, batch) if message is not None else None
    return _part(row, fetched) if fetched is not None else None


def _fetched(message: MessageRow, batch: Batch) -> FetchedMessage | None:
    found = (one for one in batch.sources if isinstance(one, FetchedMessage))
    return next((one for one in found if one.raw.get("id") == message.stream_id), None)


def _part(row: Any, fetched: FetchedMessage) -> Any:
    """Give the part of a message from which a row was mapped."""
    if isinstance(row, MessageRow | PinRow):
        return fetched.raw
    if isinstance(row, PollRow):
        return fetched.raw.get("poll")
    if isinstance(row, MentionRow):
        mentioned = [one for one in fetched.raw.get("mentioned_users") or [] if isinstance(one, dict)]
        return next((one for one in mentioned if one.get("id") == row.mentioned_user_id), None)
    if isinstance(row, VoteRow):
        votes = [vote for vote in fetched.votes or [] if _person(vote) == row.user_id]
        return next((vote for vote in votes if vote.get("option_id") == row.option_id), None)
    return _reaction(row, fetched) if isinstance(row, ReactionRow) else None


def _reaction(row: ReactionRow, fetched: FetchedMessage) -> Json | None:
    """Give the person's reaction; among several only one whose type is the emoji itself is certain."""
    own = [reaction for reaction in fetched.reactions if _person(reaction) == row.user_id]
    if len(own) > 1:
        own = [reaction for reaction in own if reaction.get("type") == row.emoji]
    return own[0] if own else None


def _channels(batch: Batch) -> Iterator[Json]:
    for state in batch.sources:
        raw = state.get("channel") if isinstance(state, dict) else None
        if isinstance(raw, dict):
            yield raw


def _people(values: list[Any]) -> Iterator[Json]:
    """Give every user object in these records: listed ones, and those embedded at any depth."""
    yield from (value for value in values if isinstance(value, dict) and "user" not in value)
    waiting = [part for value in values for part in (_parts(value) if isinstance(value, FetchedMessage) else [value])]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting += value
        elif isinstance(value, dict):
            for name, inner in value.items():
                people = inner if isinstance(inner, list) else [inner]
                if name in _PERSON_FIELDS:
                    yield from (person for person in people if isinstance(person, dict))
                waiting.append(inner)


def _parts(fetched: FetchedMessage) -> list[Any]:
    return [fetched.raw, fetched.reactions, fetched.votes or []]
