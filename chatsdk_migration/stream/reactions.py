"""All reactions of a message.

Here: deciding whether those embedded are all, and fetching the rest. Not here: their mapping.
A message embeds its newest ten over all types. QueryReactions reaches all by cursor but is missing on older servers;
GET with offset ends at about 1,300. What no route returns is counted, never passed over.
"""

from __future__ import annotations

from dataclasses import dataclass

from chatsdk_migration.errors import ChannelError
from chatsdk_migration.models import Json
from chatsdk_migration.stream.answers import FEATURE_OFF_CODE, SourceAnswerError
from chatsdk_migration.stream.client import StreamClient, unreadable
from chatsdk_migration.stream.endpoints import Endpoint, path

EMBEDDED = 10
"""The most reactions a message embeds."""
CURSOR_PAGE = 100
OFFSET_PAGE = 300
OFFSETS = (0, 300, 600, 900, 1000)
"""Stream's documented maxima: limit 300, offset 1000."""
_MISSING_STATUSES = frozenset({403, 404, 405})
"""An older server does not know QueryReactions, or a key may not use it."""
REFUSALS_BELIEVED = 5
"""Messages for which QueryReactions was refused while GetReactions answered, before it is given up for the run."""


@dataclass(frozen=True, slots=True)
class Reactions:
    """All reactions known of one message, how many Stream counts beyond them, and why they are missing."""

    rows: list[Json]
    missing: int = 0
    problem: str | None = None


def embedded(message: Json) -> list[Json]:
    """Give the reactions inside the message."""
    rows: list[Json] = message.get("latest_reactions") or []
    return rows


def counted(message: Json) -> int:
    """Give how many reactions Stream counts; either of its two tallies may be null."""
    counts: Json = message.get("reaction_counts") or {}
    groups: Json = message.get("reaction_groups") or {}
    if not counts and not groups:
        return 0
    return max(sum(_whole(n) for n in counts.values()), sum(_whole(g.get("count")) for g in groups.values()))


def are_complete(message: Json) -> bool:
    """Say whether the message embeds all its reactions; ten without any tally may be ten of many."""
    held, tally = len(embedded(message)), counted(message)
    return tally <= held and (tally > 0 or held < EMBEDDED)


def fetch_reactions(client: StreamClient, message: Json) -> Reactions:
    """Fetch all reactions of a message whose embedded ones are not all; a vanished message keeps what is known."""
    known = {_key(row): row for row in embedded(message)}
    try:
        found, whole = _by_best_route(client, str(message["id"]))
    except SourceAnswerError as error:
        found, whole, problem = [], False, _why(error)
    except ChannelError as error:
        if type(error) is not ChannelError:
            raise
        found, whole, problem = [], False, error.found
    else:
        problem = "Stream's lists hold fewer reactions than it counts"
        if whole:
            known = {}  # a complete list also tells which of the embedded ones were taken back since
    rows = list((known | {_key(row): row for row in found}).values())
    missing = max(counted(message) - len(rows), 0)
    return Reactions(rows, missing, problem if missing else None)


def _by_best_route(client: StreamClient, message_id: str) -> tuple[list[Json], bool]:
    """Give the reactions, and whether the route reaches all of them."""
    if Endpoint.QUERY_REACTIONS in client.unavailable:
        return _by_offset(client, message_id), False
    try:
        return _by_cursor(client, message_id), True
    except SourceAnswerError as error:
        rows = _by_offset(client, message_id)  # fails as well when it is the message that is missing
        _note_refusal(client, message_id, error)
        return rows, False


def _note_refusal(client: StreamClient, message_id: str, error: SourceAnswerError) -> None:
    """Give the endpoint up when it is missing; another refusal may concern its one message, until others follow."""
    refusing = client.refusing[Endpoint.QUERY_REACTIONS]
    refusing.add(message_id)
    if error.status in _MISSING_STATUSES or len(refusing) >= REFUSALS_BELIEVED:
        client.unavailable.add(Endpoint.QUERY_REACTIONS)


def _by_cursor(client: StreamClient, message_id: str) -> list[Json]:
    rows: list[Json] = []
    body: Json = {"limit": CURSOR_PAGE, "sort": [{"field": "created_at", "direction": 1}]}
    cursors: set[str] = set()
    while True:
        answer = client.post(
            path("messages", message_id, "reactions"), body, endpoint=Endpoint.QUERY_REACTIONS, optional=True
        )
        page, cursor = answer.get("reactions") or [], answer.get("next")
        rows += page
        if not cursor or not page:
            return rows
        if cursor in cursors:
            raise unreadable(f"the reactions of message {message_id}", "the cursor came again")
        cursors.add(cursor)
        body = body | {"next": cursor}


def _by_offset(client: StreamClient, message_id: str) -> list[Json]:
    """Read as far as offset reaches; rows that moved between pages come twice and are told apart by the caller."""
    rows: list[Json] = []
    place = path("messages", message_id, "reactions")
    for offset in OFFSETS:
        answer = client.get(
            place, {"limit": OFFSET_PAGE, "offset": offset}, endpoint=Endpoint.GET_REACTIONS, optional=True
        )
        page = answer.get("reactions") or []
        rows += page
        if not page:
            break
    return rows


def _why(error: SourceAnswerError) -> str:
    if error.code == FEATURE_OFF_CODE:
        return "reactions are switched off for this channel type in Stream"
    if error.status == 404:
        return "the message was deleted in Stream while it was being read"
    return f"Stream refused to list them: {error.found}"


def _key(reaction: Json) -> tuple[str, str]:
    """Identify a reaction within its message: it has no id of its own."""
    user: Json = reaction.get("user") or {}
    return str(reaction.get("user_id") or user.get("id") or ""), str(reaction.get("type"))


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0
