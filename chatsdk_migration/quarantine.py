"""Rejected records and what can be done with them: look at them, load them after all, give them up.

Here: the replay: the stored originals are mapped again under the present settings, channel by channel, and added to
what is there. Not here: how rows join a channel (``postgres/replay.py``), the table (``postgres/quarantine.py``),
anything of Dagster.

A replay works from the originals as they were rejected. Stream is asked for what they do not hold (all reactions and
votes of a message, read positions of a member), and whether a message or a membership still exists: what was deleted
there meanwhile must not come back.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from chatsdk_migration import identity
from chatsdk_migration.errors import ChannelError, GoneFromSourceError, RecordError
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
    UserRow,
    VoteRow,
)
from chatsdk_migration.postgres.channels import load_channels
from chatsdk_migration.postgres.people import load_users
from chatsdk_migration.postgres.quarantine import (
    Entry,
    Selection,
    Settlement,
    State,
    discard,
    entries,
    open_ids,
    settle,
)
from chatsdk_migration.postgres.replay import Attempt, ReplayStage, judged, present
from chatsdk_migration.records import StreamMessage, parse
from chatsdk_migration.storable import REPLACEMENT
from chatsdk_migration.stream.answers import SourceAnswerError
from chatsdk_migration.stream.channels import read_channel
from chatsdk_migration.stream.client import StreamClient
from chatsdk_migration.stream.endpoints import Endpoint, path
from chatsdk_migration.stream.members import member_id, walk_members
from chatsdk_migration.stream.messages import complete
from chatsdk_migration.stream.polls import fetch_votes
from chatsdk_migration.stream.reactions import embedded
from chatsdk_migration.transfer import Migration
from chatsdk_migration.transform.channels import map_channel
from chatsdk_migration.transform.context import ChannelContext
from chatsdk_migration.transform.members import map_members
from chatsdk_migration.transform.mentions import map_mentions
from chatsdk_migration.transform.messages import map_message
from chatsdk_migration.transform.pins import map_pin
from chatsdk_migration.transform.polls import map_poll, map_vote
from chatsdk_migration.transform.reactions import map_reactions
from chatsdk_migration.transform.users import map_listed_user, map_user

__all__ = ["Entry", "Replayed", "Selection", "State", "discard", "entries", "open_ids", "replay"]

RECORDS_AT_A_TIME = 500
"""Originals held in memory together, and loaded in one pass over their channel."""

GONE = ("gone_from_source", "Stream has deleted it since it was rejected. Discard it.")
NO_MESSAGE = ("message_missing", "The message it belongs to is not in the target. Replay or import that first.")
NO_MAPPING = ("not_replayable", "Nothing in ChatSDK could hold it.")

_ROWS: dict[str, tuple[type[Any], str]] = {
    Entity.USER: (UserRow, "users"),
    Entity.CHANNEL: (ChannelRow, "channels"),
    Entity.MEMBER: (MemberRow, "members"),
    Entity.MESSAGE: (MessageRow, "messages"),
    Entity.REACTION: (ReactionRow, "reactions"),
    Entity.MENTION: (MentionRow, "mentions"),
    Entity.PIN: (PinRow, "pins"),
    Entity.POLL: (PollRow, "polls"),
    Entity.VOTE: (VoteRow, "votes"),
}
"""The row of each entity, and where a batch keeps it."""
_JSON_COLUMNS = frozenset({"attachments", "options", "custom_data", "config"})


@dataclass(slots=True)
class Replayed:
    """What a replay did.

    Attributes:
        loaded: Records that are in the target now, by channel (empty: users and channels) and entity.
        failed: Those that were tried and are not, by channel and entity.
        still_open: Code and sentence of these, by record number.
        channels: cids of channels that came into being: their content is still to be carried.
        problems: Channels whose records could not be tried, by cid.
    """

    loaded: dict[str, Counter[str]] = field(default_factory=dict)
    failed: dict[str, Counter[str]] = field(default_factory=dict)
    still_open: dict[int, tuple[str, str]] = field(default_factory=dict)
    channels: list[str] = field(default_factory=list)
    problems: dict[str, ChannelError] = field(default_factory=dict)

    def add(self, cid: str, tried: Sequence[Entry], done: Settlement) -> None:
        """Take the outcome for some records of a channel."""
        self.loaded.setdefault(cid, Counter()).update(one.entity for one in done.replayed)
        failed = [one for one in tried if one.id in done.failed]
        self.failed.setdefault(cid, Counter()).update(one.entity for one in failed)
        self.still_open |= done.failed
        self.channels += [one.stream_id for one in done.replayed if one.entity == Entity.CHANNEL]

    @property
    def total(self) -> int:
        """Records loaded."""
        return sum(sum(counts.values()) for counts in self.loaded.values())


def replay(migration: Migration, selection: Selection) -> Replayed:
    """Try the chosen open records again; those that are in the target afterwards are marked as replayed.

    Raises:
        TransientError: The database connection broke: what was marked stays marked, the rest is open.
        PermanentError: Nothing further can succeed.
    """
    report = Replayed()
    for cid, ids in open_ids(migration.target, selection).items():
        try:
            for place in range(0, len(ids), RECORDS_AT_A_TIME):
                some = ids[place : place + RECORDS_AT_A_TIME]
                tried, done = _of_channel(migration, cid, some) if cid else _of_app(migration, some)
                report.add(cid, tried, done)
        except ChannelError as problem:
            report.problems[cid] = problem
    return report


# ---- users and channels


def _of_app(migration: Migration, ids: Sequence[int]) -> tuple[list[Entry], Settlement]:
    """Replay records that belong to no channel, in the order of their numbers: users come before channels."""
    tried = _read(migration, ids)
    attempts = [_app_attempt(migration, entry) for entry in tried]
    for one in attempts:
        if one.failure is None:
            _store(migration, one)
    parameters = {"app": migration.target.app_id, "channel": None}
    with migration.target.transaction() as conn:
        done = judged(attempts, present(conn, parameters, attempts), {})
        settle(conn, migration.target.app_id, "", done)
    return tried, done


def _read(migration: Migration, ids: Sequence[int]) -> list[Entry]:
    """Read those records that are still open, in the given order."""
    found = {one.id: one for one in entries(migration.target, Selection(ids=tuple(ids)))}
    return [found[number] for number in ids if number in found]


def _app_attempt(migration: Migration, entry: Entry) -> Attempt:
    if entry.mapped:
        return _as_it_was(entry)
    one, rules = Attempt(entry), migration.settings.mapping
    if entry.entity == Entity.USER:
        map_listed_user(entry.record, rules, one.batch, now=migration.began)
    elif entry.entity == Entity.CHANNEL:
        try:
            state = read_channel(migration.source, entry.stream_id)
        except GoneFromSourceError:
            one.failure = GONE
            return one
        map_channel(state | {"channel": entry.record}, migration.settings.app_id, rules, one.batch, migration.began)
    return _found_out(one)


def _store(migration: Migration, one: Attempt) -> None:
    """Commit one user, or one channel and who created it."""
    size = migration.settings.user_batch_size
    people = load_users(migration.target, one.batch.users.values(), size, one.batch)
    channels = load_channels(migration.target, one.batch.channels, size, one.batch)
    for problem in channels.problems.values():
        one.failure = ("cid_taken", f"{problem.found}. {problem.next_step}")
    for refused in (*people.rejects, *channels.rejects):
        if refused.entity == one.entry.entity:
            one.failure = (refused.code, refused.reason)


# ---- what lies in a channel


def _of_channel(migration: Migration, cid: str, ids: Sequence[int]) -> tuple[list[Entry], Settlement]:
    """Replay some records of one channel, under the lock that keeps other loads of it away."""
    channel_id = identity.channel_id(migration.settings.app_id, cid)
    with ReplayStage(migration.target, migration.preflight, channel_id, cid, migration.run_id) as stage:
        tried = _read(migration, ids)
        if not tried:
            return [], Settlement()
        attempts = list(_Mapping(migration, cid, channel_id, stage, tried).attempts())
        return tried, stage.replay(attempts)


class _Mapping:
    """Maps the records of one channel once more."""

    def __init__(
        self, migration: Migration, cid: str, channel_id: str, stage: ReplayStage, tried: Sequence[Entry]
    ) -> None:
        settings = migration.settings
        self._source: StreamClient = migration.source
        self._context = ChannelContext(settings.app_id, cid, channel_id, settings.mapping, migration.began)
        self._tried = tried
        self._state: Json | None = None
        self._people: frozenset[str] = frozenset()
        self._messages = stage.messages({one.message_stream_id or one.stream_id for one in tried})
        parents = (_parent(one) for one in tried if one.entity == Entity.MESSAGE)
        self._context.withheld.update(stage.withheld(parent for parent in parents if parent))
        votes = [self._poll_id(one) for one in tried if one.entity == Entity.VOTE]
        self._options = stage.poll_options(votes) if votes else {}
        self._by_entity: dict[str, Callable[[Attempt], None]] = {
            Entity.USER: self._user,
            Entity.MEMBER: self._member,
            Entity.REACTION: self._reaction,
            Entity.MENTION: self._mention,
            Entity.PIN: self._pin,
            Entity.POLL: self._poll,
            Entity.VOTE: self._vote,
        }

    def attempts(self) -> Iterator[Attempt]:
        """Give an attempt for each record: messages first, for what hangs on them."""
        messages = [one for one in self._tried if one.entity == Entity.MESSAGE]
        messages.sort(key=lambda one: bool(_parent(one)))  # a withheld parent withholds its replies
        for one in self._message_attempts(messages):
            if isinstance(one.row, MessageRow):
                self._messages.setdefault(one.row.stream_id, one.row)
            yield one
        for entry in self._tried:
            if entry.entity != Entity.MESSAGE:
                by_row = entry.mapped and entry.entity != Entity.POLL
                yield _as_it_was(entry) if by_row else self._attempt(entry)

    def _attempt(self, entry: Entry) -> Attempt:
        one = Attempt(entry)
        mapping = self._by_entity.get(entry.entity)
        if mapping is None:
            one.failure = NO_MAPPING
            return one
        try:
            mapping(one)
        except RecordError as error:
            one.failure = (error.code, error.reason)
        return _found_out(one)

    def _message_attempts(self, tried: Sequence[Entry]) -> Iterator[Attempt]:
        """Map messages with all their reactions and votes; what Stream has deleted meanwhile stays away."""
        now = self._source.together(self._in_stream, [one.stream_id for one in tried])
        chosen = [(one, _chosen(one, raw)) for one, raw in zip(tried, now, strict=True) if raw is not None]
        originals = [raw for _, raw in chosen if raw is not None]
        fetched = iter(self._completed(originals))
        for entry, raw in chosen:
            yield _as_it_was(entry) if raw is None else self._message_attempt(entry, next(fetched))
        yield from (Attempt(one, failure=GONE) for one, raw in zip(tried, now, strict=True) if raw is None)

    def _message_attempt(self, entry: Entry, fetched: FetchedMessage) -> Attempt:
        one = Attempt(entry, Batch(sources=[fetched]))
        map_message(fetched, self._context, one.batch)
        return _found_out(one)

    def _in_stream(self, stream_id: str) -> Json | None:
        """Read a message as it is now; None when Stream no longer has it, empty when it cannot be asked for."""
        try:
            place = path("messages", stream_id)
        except ChannelError:
            return {}
        try:
            answer = self._source.get(place, endpoint=Endpoint.GET_MESSAGE, optional=True)
        except SourceAnswerError as error:
            if error.status == 404 and REPLACEMENT not in stream_id:  # else it is not the id Stream knows
                return None
            return {}
        message = answer.get("message")
        return message if isinstance(message, dict) else {}

    def _completed(self, rows: list[Json]) -> list[FetchedMessage]:
        """Add reactions and votes; a record without a readable id has none that could be asked for."""
        named = [isinstance(row.get("id"), str) and bool(row["id"]) for row in rows]
        asked = [row for row, has_id in zip(rows, named, strict=True) if has_id]
        whole = iter(complete(self._source, asked, reactions=True))
        pairs = zip(rows, named, strict=True)
        return [next(whole) if has_id else FetchedMessage(row, embedded(row)) for row, has_id in pairs]

    def _message(self, one: Attempt) -> MessageRow:
        """Give the message a record belongs to.

        Raises:
            RecordError: It is not in the target, or only its tombstone is.
        """
        message = self._messages.get(one.entry.message_stream_id or one.entry.stream_id)
        if message is None:
            raise RecordError(*NO_MESSAGE)
        return message

    def _living_message(self, one: Attempt) -> MessageRow:
        message = self._message(one)
        if message.deleted_at is not None:
            raise RecordError("message_deleted", "The message it belongs to is deleted. Discard it.")
        return message

    def _user(self, one: Attempt) -> None:
        map_user(one.entry.record, self._context.rules, one.batch, self._context.now)

    def _member(self, one: Attempt) -> None:
        if self._state is None:
            self._state = read_channel(self._source, self._context.cid)
            listed = walk_members(self._source, self._state)
            self._people = frozenset(member_id(member) for page in listed for member in page)
        person = one.entry.stream_id
        if person and person not in self._people and REPLACEMENT not in person:
            raise RecordError(*GONE)
        reads: list[Json] = self._state.get("read") or []
        creator = (self._state["channel"].get("created_by") or {}).get("id")
        one.batch.sources = [one.entry.record]
        rules, now = self._context.rules, self._context.now
        map_members(self._context.cid, [one.entry.record], reads, rules, one.batch, created_by=creator, now=now)

    def _reaction(self, one: Attempt) -> None:
        fetched = FetchedMessage({}, [one.entry.record])
        map_reactions(fetched, self._message(one), self._context, one.batch)

    def _mention(self, one: Attempt) -> None:
        record = one.entry.record
        mentioned = record["value"] if record.keys() == {"value"} else record
        map_mentions([mentioned], self._living_message(one), self._context, one.batch)

    def _pin(self, one: Attempt) -> None:
        record = one.entry.record
        map_pin(parse(record, StreamMessage), record, self._living_message(one), self._context, one.batch)

    def _poll(self, one: Attempt) -> None:
        record = one.entry.record
        if one.entry.mapped:  # its votes went with it: Stream is asked for both
            record = (self._in_stream(one.entry.message_stream_id) or {}).get("poll") or {}
        if not record:
            raise RecordError(*GONE)
        votes = fetch_votes(self._source, {"poll": record}).rows
        map_poll(record, votes, self._living_message(one), self._context, one.batch)

    def _vote(self, one: Attempt) -> None:
        options = self._options.get(self._poll_id(one.entry))
        if options is None:
            raise RecordError("poll_missing", "Its poll is not in the target. Replay or import that first.")
        map_vote(one.entry.record, one.entry.stream_id, options, self._context, one.batch)

    def _poll_id(self, entry: Entry) -> str:
        return identity.poll_id(self._context.app_id, entry.stream_id)


def _chosen(entry: Entry, now: Json) -> Json | None:
    """Give what is to be mapped: the original, or the tombstone it has become; None when neither is to be had.

    Where only the row was kept, what hung on the message was not: Stream is asked for all of it.
    """
    is_deleted = now.get("type") == "deleted" or bool(now.get("deleted_at"))
    if is_deleted or not entry.mapped:
        return now if is_deleted else entry.record
    return now or None


def _parent(entry: Entry) -> str:
    found = entry.record.get("parent_stream_id" if entry.mapped else "parent_id")
    return found if isinstance(found, str) else ""


def _found_out(one: Attempt) -> Attempt:
    """Settle what mapping a record has shown: rejected again, mapped, or a loss by now."""
    again = [rejected for rejected in one.batch.rejects if rejected.entity == one.entry.entity]
    if one.failure is None and again:
        one.failure = (again[0].code, again[0].reason)
    if one.failure is None:
        one.row = _own_row(one)
    return one


def _own_row(one: Attempt) -> Any:
    _, place = _ROWS[one.entry.entity]
    rows = getattr(one.batch, place)
    if one.entry.entity == Entity.USER:
        return rows.get(one.entry.stream_id)
    return rows[0] if rows else None


def _as_it_was(entry: Entry) -> Attempt:
    """Take the row as it had been mapped: its original is not known, and only what it refers to was missing."""
    one = Attempt(entry)
    kind, place = _ROWS[entry.entity]
    one.row = kind(**{name: _column(name, entry.record.get(name)) for name in kind._fields})
    if entry.entity == Entity.USER:
        one.batch.users[one.row.id] = one.row
    else:
        getattr(one.batch, place).append(one.row)
    return one


def _column(name: str, value: Any) -> Any:
    is_json = name in _JSON_COLUMNS and not isinstance(value, str)
    return json.dumps(value, ensure_ascii=False) if is_json else value
