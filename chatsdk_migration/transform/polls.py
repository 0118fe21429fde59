"""Polls: Stream's polls and votes become ``poll`` and ``poll_vote`` rows.

Here: one poll with all its votes. Not here: fetching the votes (``stream/``).

ChatSDK's vote belongs to a person and an option: votes of an anonymous poll, whether or not Stream names the person,
and free-text answers have no home. ``total_votes`` counts the distinct people among the votes that are carried.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from chatsdk_migration import identity, records
from chatsdk_migration.errors import RecordError
from chatsdk_migration.models import Batch, Entity, Json, MessageRow, PollRow, VoteRow
from chatsdk_migration.records import StreamPoll, StreamVote
from chatsdk_migration.transform import counted, text, times, users
from chatsdk_migration.transform.context import ChannelContext

LONGEST_OPTION_ID = 50
"""Characters of ``poll_vote.option_id``."""


class _Place(NamedTuple):
    """Where votes go: the poll's two ids, its options' texts by id, its message, and whether votes name people."""

    stream_id: str
    poll_id: str
    options: dict[str, str]
    message_stream_id: str
    is_anonymous: bool


def map_poll(
    raw: Json, votes: list[Json] | None, message: MessageRow, context: ChannelContext, out: Batch
) -> str | None:
    """Add the poll of one message with its votes.

    Args:
        raw: The poll as embedded in the message.
        votes: All its votes; None takes the few that are embedded in the poll.
        message: The message it belongs to.
        context: Its channel.
        out: Gets rows, losses, rejects.

    Returns:
        The poll's target id, or None when it was rejected and the message goes without.
    """
    try:
        poll = records.parse(raw, StreamPoll)
        stream_id = text.check_id(poll.id, "poll", longest=None)
        place = _place(poll, stream_id, message, context)
        row = _row(poll, place, message, context, out)
    except RecordError as error:
        shown, kept = counted.shown_id(raw), counted.as_object(raw)
        out.reject(Entity.POLL, shown, error.code, error.reason, kept, message.stream_id)
        return None
    known_votes = _embedded_votes(poll) if votes is None else votes
    carried = _map_votes(known_votes, place, context, out)
    out.votes.extend(carried)
    out.polls.append(row._replace(total_votes=len({vote.user_id for vote in carried})))
    _count_without_home(poll, raw, known_votes, out)
    return place.poll_id


def map_vote(raw: Json, stream_poll_id: str, options: dict[str, str], context: ChannelContext, out: Batch) -> None:
    """Add one vote that was rejected before, to a poll that was carried; ``options`` are the poll's, text by id.

    No vote of an anonymous poll is ever rejected: it is counted as such before anything else of it is read.
    """
    poll_id = identity.poll_id(context.app_id, stream_poll_id)
    place = _Place(stream_poll_id, poll_id, options, "", is_anonymous=False)
    out.votes.extend(_map_votes([raw], place, context, out))


def _place(poll: StreamPoll, stream_id: str, message: MessageRow, context: ChannelContext) -> _Place:
    poll_id = identity.poll_id(context.app_id, stream_id)
    return _Place(stream_id, poll_id, _options(poll), message.stream_id, _is_anonymous(poll))


def _is_anonymous(poll: StreamPoll) -> bool:
    return poll.voting_visibility == "anonymous"


def _row(poll: StreamPoll, place: _Place, message: MessageRow, context: ChannelContext, out: Batch) -> PollRow:
    """Give the poll's row, without its number of votes."""
    options = [{"id": option_id, "text": shown} for option_id, shown in place.options.items()]
    created = times.parse_optional(poll.created_at)
    updated = times.parse_optional(poll.updated_at) or created
    closed = updated.text if updated else message.created_at
    creator = users.map_person(poll.created_by, poll.created_by_id, context.rules, out, context.now)
    return PollRow(
        id=place.poll_id,
        message_id=message.id,
        question=counted.storable(poll.name or "", Entity.POLL, poll.id, "question", out),
        options=counted.json_text(options, Entity.POLL, poll.id, "options", out),
        is_anonymous=_is_anonymous(poll),
        is_multi_choice=not poll.enforce_unique_vote and poll.max_votes_allowed != 1,
        total_votes=0,
        ends_at=closed if poll.is_closed else None,  # ChatSDK closes by time; a past one keeps a closed poll closed
        created_by=creator or message.user_id,
        created_at=created.text if created else message.created_at,
    )


def _options(poll: StreamPoll) -> dict[str, str]:
    """Give the options' texts by id.

    Raises:
        RecordError: ``bad_shape``.
    """
    options = poll.options or []
    if not all(isinstance(option.get("id"), str) for option in options):
        raise RecordError(records.BAD_SHAPE, "An option of the poll has no id.")
    return {option["id"]: str(option.get("text") or "") for option in options}


def _embedded_votes(poll: StreamPoll) -> list[Any]:
    """Give the latest votes of each option, at most 10 each."""
    return [vote for votes in (poll.latest_votes_by_option or {}).values() for vote in votes or []]


def _map_votes(votes: list[Json], place: _Place, context: ChannelContext, out: Batch) -> list[VoteRow]:
    """Give the rows of the votes that can be carried, one for each person and option."""
    rows: dict[tuple[str, str], VoteRow] = {}
    for raw in votes:
        try:
            row = _vote(raw, place, context, out)
        except RecordError as error:
            kept = counted.as_object(raw)
            out.reject(Entity.VOTE, place.stream_id, error.code, error.reason, kept, place.message_stream_id)
            continue
        if row is not None:
            rows.setdefault((row.user_id, row.option_id), row)
    return list(rows.values())


def _vote(raw: Json, place: _Place, context: ChannelContext, out: Batch) -> VoteRow | None:
    """Give the row of one vote, or None for a vote that was counted as a loss.

    Stream's server-side answers may name the voters of an anonymous poll; that must not be written down.
    """
    if place.is_anonymous and not _is_answer(raw):
        out.lose(Entity.VOTE, "vote_anonymous", place.stream_id)
        return None
    vote = records.parse(raw, StreamVote)
    if vote.is_answer or vote.answer_text:
        out.lose(Entity.VOTE, "poll_answer", place.stream_id)
        return None
    option = text.check_id(vote.option_id, "option", longest=None)
    if len(option) > LONGEST_OPTION_ID:
        reason = f"The option id has {len(option)} characters; ChatSDK holds {LONGEST_OPTION_ID}."
        raise RecordError("option_id_too_long", reason)
    if option not in place.options:
        out.lose(Entity.VOTE, "vote_for_removed_option", place.stream_id, option)
        return None
    voted = times.parse(vote.created_at)
    person = users.map_person(vote.user, vote.user_id, context.rules, out, context.now)
    if person is None:
        out.lose(Entity.VOTE, "vote_anonymous", place.stream_id, option)
        return None
    return VoteRow(place.poll_id, person, option, voted.text)


def _is_answer(raw: object) -> bool:
    return isinstance(raw, dict) and bool(raw.get("is_answer") or raw.get("answer_text"))


def _count_without_home(poll: StreamPoll, raw: Json, votes: list[Json], out: Batch) -> None:
    """Count what a poll says that ChatSDK has no place for, and votes no route returned."""
    facts = {
        "poll_description": poll.description,
        "poll_open_to_answers": poll.allow_answers,
        "poll_open_to_suggestions": poll.allow_user_suggested_options,
        "poll_custom": records.custom_names(raw, records.POLL_FIELDS),
    }
    for kind, is_so in facts.items():
        if is_so:
            out.lose(Entity.POLL, kind, poll.id)
    known = sum(1 for vote in votes if isinstance(vote, dict) and not vote.get("is_answer"))
    if (poll.vote_count or 0) > known:
        out.lose(Entity.POLL, "votes_missing", poll.id, f"{(poll.vote_count or 0) - known} missing")
