"""Keeping within Stream's limits: how fast each endpoint may be called from this process.

Here: one pace an endpoint, learnt from the headers of each answer, and the waiting. Not here: what to do with a
refusal (``answers``), repeating a call (``client``).

Stream's rate limit rules: a window of one minute an endpoint, shared with the customer's own backend, and no more
than limit/30 within one second. So calls start evenly spaced a little below limit/30; once half the window is used
(by whomever) what remains is spread over the time to its end; when it is used up everybody waits for the reset.
A 429 in spite of that lowers the pace, and good answers raise it again. Where answers carry no limit, there is no
pacing. Several runs and processes on one machine stand in the same row (``board``), so that together they keep to what
one may do; those on different machines meet only in what Stream says is left of the minute.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from chatsdk_migration.models import Json
from chatsdk_migration.stream.board import Board, Record
from chatsdk_migration.stream.endpoints import Endpoint

SECONDS_OF_LIMIT_PER_SECOND = 30
"""In one second Stream serves at most a thirtieth of the minute's limit."""
SAFETY = 0.9
"""Below the per-second rule, as the server's seconds do not begin with ours."""
FIRST_CALLS_PER_SECOND = 10.0
"""Before an endpoint's first answer: the lowest per-second limit of the calls a migration leans on (300/min)."""
BURST_SECONDS = 0.1
"""Calls may come this much early, so that threads waking late do not lose pace."""
LONGEST_PAUSE_SECONDS = 120.0
"""Twice the window: a reset further ahead is a clock error, not a limit."""
SLOWER, FASTER, SLOWEST = 0.7, 0.01, 0.1
"""Factor on a 429, step on a good answer, floor of the factor."""
_PLACES = {endpoint.value: place for place, endpoint in enumerate(Endpoint)}


@dataclass(slots=True)
class Pace:
    """The pace of one endpoint; times are of the monotonic clock, in seconds.

    Attributes:
        per_second: Calls a second now; None: no pacing.
        full: Calls a second from ``resets_at`` on, when the window that is short of calls has ended.
        factor: Lowered by refusals.
        next_at: The first place in the row that is free.
        blocked_until: Nobody calls before.
        resets_at: The end of a window whose remaining calls are spread; 0: none.
        slowed_at: When the factor was last lowered.
    """

    per_second: float | None = FIRST_CALLS_PER_SECOND
    full: float = FIRST_CALLS_PER_SECOND
    factor: float = 1.0
    next_at: float = 0.0
    blocked_until: float = 0.0
    resets_at: float = 0.0
    slowed_at: float = 0.0

    def reserve(self, now: float) -> float:
        """Take the next place in the row and give the seconds until it."""
        start = max(now, self.blocked_until)
        if self.per_second is None:
            return start - now
        place = max(start, self.next_at)
        if place < self.resets_at:  # what is short now is not short in the next window
            self.next_at = min(place + 1 / (self.per_second * self.factor), self.resets_at)
        else:
            self.next_at = place + 1 / (self.full * self.factor)
        return max(start, place - BURST_SECONDS) - now

    def shared(self) -> Record:
        """Give what all processes share: the row, the block, and how refusals slowed it down."""
        return self.next_at, self.blocked_until, self.factor, self.slowed_at

    def share(self, record: Record, now: float) -> None:
        """Take over what another process left; void is what a restart of the machine's clock or a broken file left."""
        next_at, blocked_until, factor, slowed_at = record
        times = (next_at, blocked_until, slowed_at)
        if all(0 <= at <= now + LONGEST_PAUSE_SECONDS for at in times) and SLOWEST <= factor <= 1:  # NaN is neither
            self.next_at, self.blocked_until, self.factor, self.slowed_at = next_at, blocked_until, factor, slowed_at

    def run_at(self, full: float) -> None:
        """Take the full pace; places that a window short of calls had put off are free again."""
        if self.resets_at:
            self.next_at = self.resets_at = 0.0
        self.per_second = self.full = full

    def spread(self, calls: float, now: float, seconds: float) -> None:
        """Spread the few calls left in a window over the seconds to its end."""
        self.per_second, self.resets_at = min(self.full, calls / seconds), now + seconds

    def slow_down(self, now: float) -> None:
        """Lower the pace, once a second at most: the refusals of one burst are one event."""
        if now - self.slowed_at >= 1.0:
            self.factor, self.slowed_at = max(SLOWEST, self.factor * SLOWER), now

    def speed_up(self) -> None:
        """Come back towards the full pace."""
        self.factor = min(1.0, self.factor + FASTER)


class Pacer:
    """The paces of all endpoints, shared by all threads of a process, and by all processes with the same board.

    Args:
        share: Part of each limit that may be used, 0 to 1.
        stopped: Set when the run stops; nobody sleeps on after that.
        board: Where processes of one Stream app meet.
    """

    def __init__(self, share: float, stopped: threading.Event, board: Board | None = None) -> None:
        self._share, self._stopped, self._board = share, stopped, board
        self._lock = threading.Lock()
        self._paces: dict[str, Pace] = {}
        self._ahead = 0.0

    def wait(self, endpoint: str) -> None:
        """Wait for this call's turn, or until the run stops."""
        with self._held(endpoint) as pace:
            delay = pace.reserve(time.monotonic())
        while delay > 0 and not self._stopped.is_set():
            self.sleep(delay)
            with self._held(endpoint) as pace:  # a refusal may have blocked the endpoint while this thread slept
                now = time.monotonic()
                delay = pace.reserve(now) if pace.blocked_until > now else 0.0

    def sleep(self, seconds: float) -> None:
        """Sleep, or until the run stops."""
        if seconds > 0:
            self._stopped.wait(seconds)

    def server_now(self) -> float:
        """Give Stream's clock, in seconds since 1970, as of the last answer that carried a date."""
        return time.time() + self._ahead

    def learn(self, endpoint: str, status: int, head: Mapping[str, str]) -> float | None:
        """Take in the headers (lower-case names) of one answer.

        Returns:
            After a 429 the seconds to wait before trying again, else None.
        """
        with self._held(endpoint) as pace:
            self._learn_clock(head)
            now = time.monotonic()
            limit, remaining = _number(head, "x-ratelimit-limit"), _number(head, "x-ratelimit-remaining")
            to_reset = self._seconds_to_reset(head)
            if status == 429:
                return self._refused(pace, now, _retry_after(head), remaining, to_reset)
            if limit is not None or status < 300:  # a gateway's error page knows no limits, which does not lift ours
                self._adapt(pace, now, limit, remaining, to_reset)
            return None

    def expect(self, limits: Mapping[str, Json]) -> None:
        """Take in the limits that ``GET /rate_limits`` lists, before the endpoints are called."""
        with self._lock:
            for endpoint, limit in limits.items():
                cap = self._cap(float(limit["limit"])) if isinstance(limit.get("limit"), int) else None
                if endpoint not in self._paces and cap is not None:
                    self._pace(endpoint).run_at(cap)

    @contextmanager
    def _held(self, endpoint: str) -> Iterator[Pace]:
        """Hold one pace, as the last process to do so left it."""
        with self._lock:
            pace, board, place = self._pace(endpoint), self._board, _PLACES.get(endpoint)
            if board is None or place is None or pace.per_second is None:  # without limits nobody waits
                yield pace
                return
            with board.held():
                if left := board.read(place):
                    pace.share(left, time.monotonic())
                yield pace
                board.write(place, pace.shared())

    def _pace(self, endpoint: str) -> Pace:
        return self._paces.setdefault(endpoint, Pace())

    def _cap(self, limit: float) -> float | None:
        return limit / SECONDS_OF_LIMIT_PER_SECOND * SAFETY * self._share if limit > 0 else None

    def _learn_clock(self, head: Mapping[str, str]) -> None:
        try:
            self._ahead = parsedate_to_datetime(head["date"]).timestamp() - time.time()
        except (KeyError, ValueError, TypeError):
            return

    def _seconds_to_reset(self, head: Mapping[str, str]) -> float | None:
        reset = _number(head, "x-ratelimit-reset")
        seconds = None if reset is None else reset - self.server_now()
        return seconds if seconds is not None and 0 <= seconds <= LONGEST_PAUSE_SECONDS else None

    def _refused(
        self, pace: Pace, now: float, asked: float | None, remaining: float | None, to_reset: float | None
    ) -> float:
        pace.slow_down(now)
        wait = asked if asked is not None else 1.0
        if asked is None and not remaining and to_reset is not None:
            wait = max(to_reset, 1.0)
        wait = min(wait, LONGEST_PAUSE_SECONDS)
        pace.blocked_until = max(pace.blocked_until, now + wait)
        return wait

    def _adapt(
        self, pace: Pace, now: float, limit: float | None, remaining: float | None, to_reset: float | None
    ) -> None:
        pace.speed_up()
        cap = None if limit is None else self._cap(limit)
        if cap is None or limit is None:
            pace.per_second = None
            return
        known = remaining is not None and to_reset is not None
        ours = (remaining or 0.0) - limit * (1 - self._share) if known else limit
        if ours < 1:  # a fraction of a call is none; waiting for it would outlast the window
            pace.run_at(cap)
            pace.blocked_until = max(pace.blocked_until, now + (to_reset or 0.0))
        elif ours < limit * self._share / 2 and to_reset:
            pace.full = cap
            pace.spread(ours, now, to_reset)
        else:
            pace.run_at(cap)


def _number(head: Mapping[str, str], name: str) -> float | None:
    """Read a header that counts; a proxy may have joined several values with commas."""
    try:
        return float(head[name].split(",")[0])
    except (KeyError, ValueError):
        return None


def _retry_after(head: Mapping[str, str]) -> float | None:
    """Read Retry-After: seconds, or a date (which is taken as: now known, wait a little)."""
    if "retry-after" not in head:
        return None
    seconds = _number(head, "retry-after")
    return max(seconds, 0.0) if seconds is not None else 1.0
