"""What changed in Stream since a moment, as far as Stream can be asked.

Here: messages by search, people by ``updated_at``, messages by id. Not here: what Stream does not tell (deletions,
back-dated messages): those are found by reading history again (``messages.walk_messages``).

Search looks into 500 channels at most, leaves out system and deleted messages, lags behind, and can be off for a type
of channel; a group of channels it did not search is given back as not searched.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from chatsdk_migration.models import Json
from chatsdk_migration.stream.answers import NOT_FOUND_CODE, SourceAnswerError
from chatsdk_migration.stream.channels import gone, split_cid
from chatsdk_migration.stream.client import StreamClient, unreadable
from chatsdk_migration.stream.endpoints import Endpoint, path
from chatsdk_migration.stream.times import instant
from chatsdk_migration.stream.users import users_page

SEARCHED_CHANNELS = 500
"""The most channels Stream searches at once."""
SEARCH_PAGE = 100
POLLS_PAGE = 100
LONGEST_CIDS_CHARACTERS = 4_000
"""Of cids in one search, which is a GET: servers refuse lines beyond 8 KB, and quoting makes them longer."""
MANY = 50
"""The most ids of one GetManyMessages."""


@dataclass(slots=True)
class Found:
    """What search found: ids of changed messages by cid, and the channels that were not, or not wholly, searched.

    ``newest`` is the time of the newest change by cid, as served.
    """

    changed: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    newest: dict[str, str] = field(default_factory=dict)
    not_searched: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Place:
    """A channel as a search names it: immutable keys only."""

    cid: str
    created_at: str


def search_changed(client: StreamClient, places: Iterable[Place], since: str) -> Found:
    """Find the messages of these channels with ``updated_at`` at or after ``since``.

    Many channels are named by type and range of creation time, which is short however many they are; where Stream does
    not take that, or says that it did not search all, by their cids, as are those that one search can name.
    """
    found = Found()
    for group in _groups(places):
        by_cid = list(_by_cid(group))
        if len(by_cid) == 1 or not _search(client, _by_time(group), since, {place.cid for place in group}, found):
            for some in by_cid:
                if not _search(client, {"cid": {"$in": some}}, since, set(some), found):
                    found.not_searched.update(some)
    return found


def _groups(places: Iterable[Place]) -> Iterator[list[Place]]:
    """Give groups of one type, at most 500 channels, in order of creation; equal times are not parted."""
    ordered = sorted(places, key=lambda place: (split_cid(place.cid)[0], instant(place.created_at) or 0))
    for _, same_type in groupby(ordered, key=lambda place: split_cid(place.cid)[0]):
        group: list[Place] = []
        for _, same_time in groupby(same_type, key=lambda place: instant(place.created_at)):
            together = list(same_time)
            if group and len(group) + len(together) > SEARCHED_CHANNELS:
                yield group
                group = []
            group += together
        if group:
            yield group


def _by_time(group: Sequence[Place]) -> Json:
    kind = split_cid(group[0].cid)[0]
    return {"type": {"$eq": kind}, "created_at": {"$gte": group[0].created_at, "$lte": group[-1].created_at}}


def _by_cid(group: Sequence[Place]) -> Iterator[list[str]]:
    cids: list[str] = []
    for place in group:
        if cids and (len(cids) == SEARCHED_CHANNELS or sum(map(len, cids)) + len(place.cid) > LONGEST_CIDS_CHARACTERS):
            yield cids
            cids = []
        cids.append(place.cid)
    yield cids


def _search(client: StreamClient, channels: Json, since: str, wanted: set[str], found: Found) -> bool:
    """Search to the end; say whether all of these channels were searched."""
    payload: Json = {
        "filter_conditions": channels,
        "message_filter_conditions": {"updated_at": {"$gte": since}},
        "sort": [{"field": "updated_at", "direction": 1}],
        "limit": SEARCH_PAGE,
    }
    cursors: set[str] = set()
    while True:
        try:
            answer = client.get("search", {"payload": payload}, endpoint=Endpoint.SEARCH, optional=True)
        except SourceAnswerError:
            return False  # search is off for this type, or this filter is not taken
        for row in answer.get("results") or []:
            message = row.get("message") or {}
            cid = message.get("cid") or (message.get("channel") or {}).get("cid")
            if cid in wanted:
                found.changed[cid].add(str(message["id"]))
                if message.get("updated_at"):
                    found.newest[cid] = str(message["updated_at"])  # the search is sorted by it
        if answer.get("results_warning"):
            return False
        following = answer.get("next")
        if not following:
            return True
        if following in cursors:
            raise unreadable("the changed messages", "search gave the same page again")
        cursors.add(following)
        payload = payload | {"next": following}


def read_many(client: StreamClient, cid: str, ids: Collection[str]) -> list[Json]:
    """Read messages by id, as they are now; those that are gone are absent.

    Raises:
        GoneFromSourceError: The channel is gone; and all of ``client``'s errors.
    """
    plain = [one for one in ids if "," not in one]
    chunks = [plain[start : start + MANY] for start in range(0, len(plain), MANY)]
    pages = client.together(lambda some: _read_chunk(client, cid, some), chunks)
    singles = [_read_one(client, one) for one in ids if "," in one]
    return [row for page in pages for row in page] + [row for row in singles if row is not None]


def _read_chunk(client: StreamClient, cid: str, ids: list[str]) -> list[Json]:
    place = path("channels", *split_cid(cid), "messages")
    try:
        answer = client.get(place, {"ids": ",".join(ids)}, endpoint=Endpoint.GET_MANY_MESSAGES)
    except SourceAnswerError as error:
        if error.code == NOT_FOUND_CODE:
            raise gone(cid) from error
        raise
    rows: list[Json] = answer.get("messages") or []
    return rows


def _read_one(client: StreamClient, message_id: str) -> Json | None:
    try:
        answer = client.get(path("messages", message_id), endpoint=Endpoint.GET_MESSAGE)
    except SourceAnswerError as error:
        if error.status == 404:
            return None
        raise
    message: Json | None = answer.get("message")
    return message


def changed_polls(client: StreamClient, since: str) -> set[str]:
    """Give the ids of polls whose record changed at or after ``since``: a question, an option, that one was closed.

    Whether a vote changes the record, Stream's docs do not say. Where Stream does not list polls, there are none.
    """
    found: set[str] = set()
    body: Json = {"filter": {"updated_at": {"$gte": since}}, "limit": POLLS_PAGE}
    while True:
        try:
            answer = client.post(path("polls", "query"), body, endpoint=Endpoint.QUERY_POLLS, optional=True)
        except SourceAnswerError:
            return set()
        fresh = {str(poll["id"]) for poll in answer.get("polls") or []} - found
        found |= fresh
        if not fresh or not answer.get("next"):
            return found
        body = body | {"next": answer["next"]}


def walk_changed_users(client: StreamClient, since: str) -> Iterator[list[Json]]:
    """Give the listed users whose record changed at or after ``since``, new ones too, in pages.

    Raises:
        ChannelError: A page repeats; and all of ``client``'s errors.
    """
    last: str | None = None
    while page := users_page(client, last, {"updated_at": {"$gte": since}}):
        yield page
        if str(page[-1]["id"]) == last:
            raise unreadable("the changed users", f"the page after {last!r} came again")
        last = str(page[-1]["id"])
