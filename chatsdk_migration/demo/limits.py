"""Rate limits as Stream keeps them: per endpoint, a minute's window, a thirtieth in any second, a query budget.

Here: counting and the headers that tell of it. Not here: which limit an endpoint has (``options.py``).
"""

from __future__ import annotations

import math
import threading
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from time import time

from chatsdk_migration.demo.options import UNLIMITED, ServerOptions

SECONDS_SHARE = 2
"""A second may take ``limit * 2 / window``: a thirtieth of a minute's limit."""
DEFAULT_LIMIT = 300
BUDGETED = "QueryChannels"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the counters say of one request."""

    allowed: bool
    limit: int
    remaining: int
    reset: int
    retry_after: int | None = None
    budget_used: int | None = None


@dataclass(slots=True)
class Limiter:
    """Counts requests; safe to call from any thread."""

    options: ServerOptions
    clock: Callable[[], float] = time
    _window: float = -1.0
    _second: int = -1
    _in_window: Counter[str] = field(default_factory=Counter)
    _in_second: Counter[str] = field(default_factory=Counter)
    _spent: deque[tuple[float, int]] = field(default_factory=deque)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def take(self, endpoint: str) -> Verdict:
        """Count one request and say whether it is allowed."""
        with self._lock:
            now = self.clock()
            self._turn(now)
            limit = self.limit(endpoint)
            if not self.options.rate_limits:
                return self._budgeted(endpoint, now, Verdict(True, limit, limit - 1, self._reset()))  # noqa: FBT003
            a_second = max(1, int(limit * SECONDS_SHARE / self.options.window_seconds))
            allowed = self.remaining(endpoint) > 0 and self._in_second[endpoint] < a_second
            if allowed:
                self._in_window[endpoint] += 1
                self._in_second[endpoint] += 1
            verdict = Verdict(allowed, limit, self.remaining(endpoint), self._reset())
            return self._budgeted(endpoint, now, verdict) if allowed else verdict

    def peek(self, endpoint: str) -> Verdict:
        """Say how an endpoint stands without counting."""
        with self._lock:
            self._turn(self.clock())
            return Verdict(True, self.limit(endpoint), self.remaining(endpoint), self._reset())  # noqa: FBT003

    def limit(self, endpoint: str) -> int:
        """Requests a window."""
        return self.options.limits.get(endpoint, DEFAULT_LIMIT) if self.options.rate_limits else UNLIMITED

    def remaining(self, endpoint: str) -> int:
        """Requests left in this window, after what the customer's other backends took."""
        limit = self.limit(endpoint)
        others = int(limit * self.options.others_share) if self.options.rate_limits else 0
        return max(0, limit - others - self._in_window[endpoint])

    def _reset(self) -> int:
        return math.ceil(self._window + self.options.window_seconds)

    def _turn(self, now: float) -> None:
        window = math.floor(now / self.options.window_seconds) * self.options.window_seconds
        if window != self._window:
            self._window = window
            self._in_window.clear()
        if int(now) != self._second:
            self._second = int(now)
            self._in_second.clear()

    def _budgeted(self, endpoint: str, now: float, verdict: Verdict) -> Verdict:
        budget = self.options.budget_ms
        if endpoint != BUDGETED or budget is None:
            return verdict
        while self._spent and self._spent[0][0] <= now - self.options.window_seconds:
            self._spent.popleft()
        used = sum(cost for _, cost in self._spent)
        allowed = used + self.options.budget_cost_ms <= budget
        if allowed:
            self._spent.append((now, self.options.budget_cost_ms))
            used += self.options.budget_cost_ms
        wait = None if allowed else max(1, math.ceil(self._spent[0][0] + self.options.window_seconds - now))
        return Verdict(allowed, verdict.limit, verdict.remaining, verdict.reset, wait, used)


def headers(verdict: Verdict, options: ServerOptions) -> dict[str, str]:
    """Write the headers of an answer, in the case asked for."""
    if options.header_case == "none":
        return {}
    found = {
        "x-ratelimit-limit": str(verdict.limit),
        "x-ratelimit-remaining": str(verdict.remaining),
        "x-ratelimit-reset": str(verdict.reset),
    }
    if verdict.retry_after is not None:
        found["retry-after"] = str(verdict.retry_after)
    if verdict.budget_used is not None and options.budget_ms is not None:
        found["x-budget-used-ms"] = str(verdict.budget_used)
        found["x-budget-limit-ms"] = str(options.budget_ms)
        found["x-budget-remaining-ms"] = str(max(0, options.budget_ms - verdict.budget_used))
    if options.header_case == "title":
        return {name.title(): value for name, value in found.items()}
    return found
