"""All votes and answers of a message's poll.

Here: the cursor walk. Not here: the poll itself, which its message embeds.
"""

from __future__ import annotations

from dataclasses import dataclass

from chatsdk_migration.models import Json
from chatsdk_migration.stream.answers import SourceAnswerError
from chatsdk_migration.stream.client import StreamClient, unreadable
from chatsdk_migration.stream.endpoints import Endpoint, path

PAGE = 100
"""Stream's maximum."""


def poll_id_of(message: Json) -> str | None:
    """Give the id of a message's poll, or None."""
    poll: Json = message.get("poll") or {}
    found = message.get("poll_id") or poll.get("id")
    return str(found) if found else None


@dataclass(frozen=True, slots=True)
class Votes:
    """All votes and answers known of one poll, and how many Stream counts beyond them."""

    rows: list[Json]
    missing: int = 0


def fetch_votes(client: StreamClient, message: Json) -> Votes:
    """Fetch all votes of a message's poll; where Stream does not list them, those embedded (ten an option).

    Anonymous votes come without a user.
    """
    poll_id = poll_id_of(message)
    try:
        return Votes([] if poll_id is None else _by_cursor(client, poll_id))
    except SourceAnswerError:
        rows = embedded_votes(message)
        poll: Json = message.get("poll") or {}
        counted = (poll.get("vote_count") or 0) + (poll.get("answers_count") or 0)
        return Votes(rows, max(counted - len(rows), 0))


def embedded_votes(message: Json) -> list[Json]:
    """Give the votes and answers inside the message's poll."""
    poll: Json = message.get("poll") or {}
    by_option: dict[str, list[Json] | None] = poll.get("latest_votes_by_option") or {}
    answers: list[Json] = poll.get("latest_answers") or []
    return [vote for votes in by_option.values() for vote in votes or []] + answers


def _by_cursor(client: StreamClient, poll_id: str) -> list[Json]:
    votes: list[Json] = []
    seen: set[str] = set()
    body: Json = {"limit": PAGE, "sort": [{"field": "created_at", "direction": 1}]}
    while True:
        place = path("polls", poll_id, "votes")
        answer = client.post(place, body, endpoint=Endpoint.QUERY_POLL_VOTES, optional=True)
        page, cursor = answer.get("votes") or [], answer.get("next")
        votes += page
        if not cursor or not page:
            return votes
        if cursor in seen:
            raise unreadable(f"the votes of poll {poll_id}", "the cursor came again")
        seen.add(cursor)
        body = body | {"next": cursor}
