"""What a full run will need: users, channels, members, messages, calls and time, before anything is carried.

Here: counting by walking (Stream has no count endpoint), a small sample, and arithmetic. Not here: showing it.

Stream gives ``message_count`` only for channel types that have it switched on; elsewhere it is unknown, and every
number that rests on it is a lower bound and says so.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice

from chatsdk_migration.errors import ChannelError
from chatsdk_migration.models import Json
from chatsdk_migration.stream import channels, members, messages, users
from chatsdk_migration.stream.answers import SourceAnswerError
from chatsdk_migration.stream.channels import cid_of, split_cid
from chatsdk_migration.stream.client import StreamClient
from chatsdk_migration.stream.endpoints import Endpoint, path
from chatsdk_migration.stream.reactions import are_complete
from chatsdk_migration.stream.replies import is_parent

SAMPLED_CHANNELS = 5
SAMPLED_MESSAGES = 100
"""A handful of newest pages tells the share of threads and long reaction lists well enough for an estimate."""
MOST_PAGES = 4000
"""Pages of one list that are counted at most: 400,000 users, 120,000 channels; beyond it a lower bound will do."""
SECONDS_IN_A_WINDOW = 60
FALLBACK_LATENCY_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Plan:
    """The size of a migration.

    Attributes:
        users, channels: Counted; ``lower_bound`` when not all pages were read.
        members: Sum of the channels' own counts, which may differ from the rows.
        messages: Sum of ``message_count`` where channels have it.
        channels_without_count: Channels whose number of messages is unknown.
        calls: Estimated calls by endpoint.
        seconds: Estimated duration: the slowest endpoint at its limit, or the round trips at the given concurrency.
        limits: Calls a minute by endpoint, as Stream gives them; empty when it does not.
        lower_bound: At least one number is a lower bound.
        notes: Why, in sentences for the operator.
    """

    users: int = 0
    channels: int = 0
    members: int = 0
    messages: int = 0
    channels_without_count: int = 0
    calls: Mapping[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    limits: Mapping[str, int] = field(default_factory=dict)
    lower_bound: bool = False
    notes: tuple[str, ...] = ()

    @property
    def total_calls(self) -> int:
        """Give all calls together."""
        return sum(self.calls.values())


@dataclass(slots=True)
class _Tally:
    """What the channel walk adds up; ``parents`` and ``reacted`` are shares of sampled messages."""

    channels: int = 0
    members: int = 0
    messages: int = 0
    message_pages: int = 0
    member_pages: int = 0
    uncounted: int = 0
    parents: float = 0.0
    reacted: float = 0.0
    sample: list[str] = field(default_factory=list)

    def add(self, state: Json) -> None:
        channel = state["channel"]
        held, count = _number(channel.get("member_count")) or 0, _number(channel.get("message_count"))
        self.channels += 1
        self.members += held
        self.messages += count or 0
        self.uncounted += count is None
        self.message_pages += (count or 0) // messages.PAGE + 2  # one more to see that nothing follows
        self.member_pages += math.ceil(held / members.PAGE) + 1 if held >= channels.MEMBERS_IN_STATE else 0
        if len(self.sample) < SAMPLED_CHANNELS and count != 0:
            self.sample.append(cid_of(state))


def _number(value: object) -> int | None:
    """Give a count of Stream's; what is none is not known."""
    return value if isinstance(value, int) else None


def estimate(client: StreamClient, *, full: bool = True, concurrency: int = 8, share: float = 1.0) -> Plan:
    """Estimate a full run.

    Args:
        client: Where to ask.
        full: Count by reading all pages of users and channels; False reads one of each and gives lower bounds.
        concurrency: Channels read side by side.
        share: Part of the limits that may be used.

    Raises:
        PermanentError: The credentials are refused; and all of ``client``'s errors.
    """
    limits = read_limits(client)
    pages = MOST_PAGES if full else 1
    began, before = time.monotonic(), sum(client.calls.values())
    user_count, users_cut = _count(users.walk_users(client), pages, users.PAGE)
    tally, channels_cut = _tally(channels.walk_channels(client), pages)
    latency = (time.monotonic() - began) / max(sum(client.calls.values()) - before, 1)
    _sample(client, tally)
    plan = Plan(
        users=user_count,
        channels=tally.channels,
        members=tally.members,
        messages=tally.messages,
        channels_without_count=tally.uncounted,
        calls=_calls(user_count, tally),
        limits=limits,
        lower_bound=users_cut or channels_cut or tally.uncounted > 0,
        notes=tuple(_notes(tally, cut=users_cut or channels_cut)),
    )
    return replace(plan, seconds=_seconds(plan.calls, limits, share, latency / concurrency))


def read_limits(client: StreamClient) -> dict[str, int]:
    """Read this app's calls a minute by endpoint, and pace by them; empty where Stream does not tell."""
    try:
        answer = client.get("rate_limits", {"server_side": True}, endpoint=Endpoint.RATE_LIMITS, optional=True)
    except SourceAnswerError:
        return {}
    limits: dict[str, Json] = answer.get("server_side") or {}
    client.pacer.expect(limits)
    return {name: limit["limit"] for name, limit in limits.items() if isinstance(limit.get("limit"), int)}


def _count(pages: Iterator[list[Json]], most: int, full: int) -> tuple[int, bool]:
    """Count rows of at most so many pages, and say whether that may be fewer than all."""
    sizes = [len(page) for page in islice(pages, most)]
    return sum(sizes), len(sizes) == most and sizes[-1] >= full


def _tally(pages: Iterable[list[Json]], most: int) -> tuple[_Tally, bool]:
    tally, sizes = _Tally(), []
    for page in islice(pages, most):
        sizes.append(len(page))
        for state in page:
            tally.add(state)
    return tally, len(sizes) == most and sizes[-1] >= channels.PAGE - 1


def _sample(client: StreamClient, tally: _Tally) -> None:
    """Learn the shares of thread parents and of long reaction lists from the newest messages of a few channels."""
    rows: list[Json] = []
    for cid in tally.sample:
        place = path("channels", *split_cid(cid), "query")
        body = {"state": True, "messages": {"limit": SAMPLED_MESSAGES}, "members": {"limit": 1}}
        try:
            before = partial(channels.confirm, client, cid)
            rows += client.post(place, body, endpoint=Endpoint.QUERY_CHANNEL, before=before).get("messages") or []
        except ChannelError:
            continue  # gone since the walk, or refused: a sample does without it
    if rows:
        tally.parents = sum(map(is_parent, rows)) / len(rows)
        tally.reacted = sum(not are_complete(row) for row in rows) / len(rows)


def _calls(user_count: int, tally: _Tally) -> dict[str, int]:
    return {
        Endpoint.QUERY_USERS.value: user_count // users.PAGE + 2,
        Endpoint.QUERY_CHANNELS.value: tally.channels // channels.PAGE + 2 + tally.channels,
        Endpoint.QUERY_CHANNEL.value: tally.message_pages,
        Endpoint.QUERY_MEMBERS.value: tally.member_pages,
        Endpoint.GET_REPLIES.value: math.ceil(tally.messages * tally.parents),
        Endpoint.QUERY_REACTIONS.value: math.ceil(tally.messages * tally.reacted),
    }


def _seconds(calls: Mapping[str, int], limits: Mapping[str, int], share: float, seconds_per_call: float) -> float:
    """Give the longer of: the slowest endpoint at its limit, all round trips side by side."""
    limited = [calls[name] / (limits[name] * share) * SECONDS_IN_A_WINDOW for name in calls if limits.get(name)]
    return max([*limited, sum(calls.values()) * (seconds_per_call or FALLBACK_LATENCY_SECONDS)])


def _notes(tally: _Tally, *, cut: bool) -> Iterator[str]:
    if cut:
        yield "Not all users and channels were counted: their numbers are lower bounds."
    if tally.uncounted:
        yield (
            f"Stream does not say how many messages {tally.uncounted} of {tally.channels} channels hold "
            "(their types do not count messages): messages, calls and time are lower bounds."
        )
