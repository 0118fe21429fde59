"""Faults the local Stream server makes on purpose, the same ones for the same seed.

Here: which call gets which fault. Not here: what each fault does on the wire (``server.py``).
"""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import Literal, get_args

Kind = Literal[
    "429",  # the ordinary one: code 9, no Retry-After, nothing remaining, reset soon
    "429_burst",  # the per-second one: something remaining, reset at the end of the minute
    "429_retry_after",  # the query budget's one, Retry-After: 1
    "400",  # code 4
    "401",  # code 5
    "403",  # code 17
    "404",  # code 16
    "408",  # code 23
    "500",  # code -1, JSON
    "502",  # HTML
    "503",  # HTML
    "503_retry_after",  # HTML, Retry-After: 1
    "504",  # HTML
    "500_empty",  # status 500, nothing else
    "empty",  # status 200, nothing else
    "truncated",  # status 200, JSON cut in the middle, lengths agree
    "cut",  # status 200, connection closed in the middle of the body
    "html",  # status 200, HTML labelled as JSON
    "drop_before",  # connection closed, request not processed
    "drop_after",  # connection closed, request processed
    "slow",  # a right answer after ServerOptions.slow_seconds
]
KINDS: tuple[str, ...] = get_args(Kind)

TRANSIENT_MIX: tuple[Kind, ...] = ("429", "500", "502", "503", "504", "empty", "truncated", "cut", "drop_before")
"""Faults a patient reader gets over."""

ANY = "*"
"""Every endpoint."""


@dataclass(slots=True)
class _Plan:
    endpoint: str
    kind: Kind
    times: int
    after: int


@dataclass(slots=True)
class Faults:
    """Chooses faults; safe to change while the server runs.

    Attributes:
        seed: Same seed, same n-th call of an endpoint, same fault.
        happened: How often each (endpoint, kind) struck.
    """

    seed: int = 0
    happened: Counter[tuple[str, str]] = field(default_factory=Counter)
    _plans: list[_Plan] = field(default_factory=list)
    _rates: dict[tuple[str, Kind], float] = field(default_factory=dict)
    _seen: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def plan(self, endpoint: str, kind: Kind, times: int = 1, *, after: int = 0) -> None:
        """Give the next ``times`` calls of an endpoint this fault, once ``after`` calls of it have passed."""
        _check(kind)
        with self._lock:
            self._plans.append(_Plan(endpoint, kind, times, after))

    def rate(self, kind: Kind, fraction: float, *, endpoint: str = ANY) -> None:
        """Give this share of all calls this fault; rates of several kinds add up."""
        _check(kind)
        with self._lock:
            self._rates[endpoint, kind] = fraction

    def mix(self, fraction: float, kinds: tuple[Kind, ...] = TRANSIENT_MIX) -> None:
        """Give this share of all calls one of several faults, evenly."""
        for kind in kinds:
            self.rate(kind, fraction / len(kinds))

    def clear(self) -> None:
        """Make no more faults; ``happened`` stays."""
        with self._lock:
            self._plans.clear()
            self._rates.clear()

    def choose(self, endpoint: str) -> Kind | None:
        """Choose the fault of this call, or none."""
        with self._lock:
            number = self._seen[endpoint]
            self._seen[endpoint] += 1
            kind = self._planned(endpoint) or self._drawn(endpoint, number)
            if kind is not None:
                self.happened[endpoint, kind] += 1
            return kind

    def _planned(self, endpoint: str) -> Kind | None:
        for plan in self._plans:
            if plan.endpoint not in {endpoint, ANY}:
                continue
            if plan.after > 0:
                plan.after -= 1
                continue
            plan.times -= 1
            if plan.times <= 0:
                self._plans.remove(plan)
            return plan.kind
        return None

    def _drawn(self, endpoint: str, number: int) -> Kind | None:
        if not self._rates:
            return None
        digest = hashlib.blake2b(f"{self.seed}:{endpoint}:{number}".encode(), digest_size=8).digest()
        draw = int.from_bytes(digest) / 2**64
        for (where, kind), fraction in self._rates.items():
            if where in {endpoint, ANY}:
                draw -= fraction
                if draw < 0:
                    return kind
        return None


def _check(kind: str) -> None:
    if kind not in KINDS:
        raise ValueError(f"no fault {kind!r}; there are {', '.join(KINDS)}")
