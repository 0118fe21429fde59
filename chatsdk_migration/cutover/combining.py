"""A verification of everything, brought up to date by a later one of some of its channels. Pure; on plain JSON.

Here: which channels differ, and the sum of the two. Not here: comparing (``reconcile/``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Any

Json = Mapping[str, Any]
_Key = tuple[str, str, str | None]


def failing_channels(verdict: Json) -> list[str]:
    """Give the channels that differ, or could not be compared, among what the verdict names."""
    return sorted({one["cid"] for one in _unexplained(verdict) if one["cid"]} | set(verdict["problems"]))


def is_complete(verdict: Json, cids: Collection[str]) -> bool:
    """Say whether comparing these channels again tells all: each difference is named, and lies in one of them."""
    named = _unexplained(verdict)
    return len(named) == verdict["unexplained"] and all(one["cid"] in cids for one in named)


def combined(whole: Json, again: Json, cids: Collection[str]) -> dict[str, Any]:
    """Give the whole with what a later comparison of these channels found in place of what it said of them.

    What a rule explains is taken from the whole.
    """
    tallies = Counter[_Key]({_key(one): one["number"] for one in whole["tallies"]})
    tallies.subtract(_key(one) for one in _unexplained(whole) if one["cid"] in cids)
    tallies.update({_key(one): one["number"] for one in again["tallies"] if one["explained_by"] is None})
    differences = [one for one in whole["differences"] if one["explained_by"] is not None or one["cid"] not in cids]
    problems = {cid: why for cid, why in whole["problems"].items() if cid not in cids} | dict(again["problems"])
    unexplained = sum(number for (_, _, why), number in tallies.items() if why is None)
    return {
        **whole,
        "clean": not problems and unexplained == 0,
        "unexplained": unexplained,
        "differences": [*_unexplained(again), *differences],
        "tallies": [
            {"category": category, "kind": kind, "explained_by": why, "number": number}
            for (category, kind, why), number in tallies.items()
            if number > 0
        ],
        "problems": problems,
        "seconds": whole["seconds"] + again["seconds"],
        "api_calls": whole["api_calls"] + again["api_calls"],
        "repaired": dict(Counter(whole["repaired"]) + Counter(again["repaired"])),
        "advice": list(dict.fromkeys([*whole["advice"], *again["advice"]])),
    }


def _unexplained(verdict: Json) -> list[Any]:
    differences: Iterable[Any] = verdict["differences"]
    return [one for one in differences if one["explained_by"] is None]


def _key(one: Json) -> _Key:
    return (one["category"], one["kind"], one["explained_by"])
