"""Ready or not, because …: the rule, over numbers.

Here: what makes a switch not ready, and what is said. Not here: gathering the numbers (``postgres/``, ``end_to_end/``).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chatsdk_migration.cutover import Readiness, judge
from chatsdk_migration.cutover.combining import combined, failing_channels, is_complete
from chatsdk_migration.cutover.history import Outcome
from chatsdk_migration.cutover.proof import both_sides
from chatsdk_migration.cutover.readiness import ago, plain, still_failing
from chatsdk_migration.settings import Settings

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = 3600.0
GOOD = Readiness(
    NOW,
    lag_seconds=300.0,
    worst=[("team:slow", 300.0)],
    differences=0,
    verified_at=NOW - timedelta(hours=5),
    verified_seconds_ago=5 * HOUR,
    channels=3,
)


def settings(**changes: Any) -> Settings:
    return Settings(_env_file=None, **changes)  # type: ignore[call-arg]


def test_ready_when_nothing_stands_in_the_way() -> None:
    assert judge(GOOD, settings()) == []
    assert GOOD.ready


@pytest.mark.parametrize(
    ("change", "said", "next_step"),
    [
        ({"channels": 0}, "no channel has been carried", "import-stream"),
        ({"unfinished": ["a:b"]}, "1 channel is failed or missing (a:b)", "import-stream --resume"),
        ({"never_synced": ["a:b", "a:c"], "lag_seconds": None}, "2 channels were never synced (a:b, a:c)", "sync"),
        ({"sync_problems": {"a:b": "no answer."}}, "could not follow 1 channel (a:b: no answer)", "sync"),
        ({"lag_seconds": 2 * HOUR}, "2 hours behind Stream, most of all team:slow; the limit is 1 hour", "sync"),
        ({"verified_seconds_ago": None, "differences": None}, "never verified", "verify"),
        ({"verified_seconds_ago": 72 * HOUR}, "was 3 days ago; the limit is 48 hours", "verify"),
        ({"differences": 2, "failing": {"a:b": 2}}, "2 differences that nothing explains are open in a:b", "sync"),
        ({"quarantined": 1}, "1 rejected record is in quarantine", "quarantine list"),
    ],
)
def test_each_reason_is_said_with_its_next_step(change: dict[str, Any], said: str, next_step: str) -> None:
    (reason,) = judge(replace(GOOD, **change), settings())
    assert said in reason
    assert f"`chatsdk-migrate {next_step}" in reason


def test_the_channels_that_differ_are_named_for_the_next_verification() -> None:
    (reason,) = judge(replace(GOOD, differences=2, failing={"a:b": 1, "a:c": 1}), settings())
    assert "verify --channels a:b a:c`" in reason


def test_the_limits_are_settings() -> None:
    bad = replace(
        GOOD,
        lag_seconds=2 * HOUR,
        verified_seconds_ago=72 * HOUR,
        differences=2,
        failing={"a:b": 2},
        quarantined=3,
        conflicts=9,
    )
    generous = settings(
        cutover_max_lag_seconds=2 * HOUR,
        cutover_max_verify_age_hours=72,
        cutover_max_differences=2,
        cutover_max_quarantined=3,
    )
    assert judge(bad, generous) == []
    assert len(judge(bad, settings())) == 4
    assert "9 conflicts" in judge(replace(GOOD, conflicts=9), settings(cutover_max_conflicts=8))[0]


def test_with_a_queue_channels_without_events_may_wait_for_the_next_look_at_all() -> None:
    waiting = replace(GOOD, lag_seconds=1.5 * HOUR)
    queue = {"sync_queue_url": "https://queue.example/1"}
    assert judge(waiting, settings()) != []
    assert judge(waiting, settings(**queue)) == []
    assert judge(waiting, settings(**queue, sync_full_look_minutes=30)) != []


def test_the_numbers_for_plots_tell_unknown_from_none() -> None:
    assert plain(GOOD)["ready"] == 1
    never = plain(Readiness(NOW, ["why"]))
    assert (never["ready"], never["lag_seconds"], never["open_differences"]) == (0, -1, -1)


@pytest.mark.parametrize(
    ("seconds", "said"), [(1, "1 second"), (59, "59 seconds"), (60, "1 minute"), (5400, "2 hours"), (90000, "1 day")]
)
def test_spans_of_time(seconds: float, said: str) -> None:
    assert ago(seconds) == said


def outcome(extent: Any, failing: dict[str, int], cids: list[str] | None = None, **more: Any) -> Outcome:
    return Outcome("verification", extent, NOW, NOW, failing=failing, cids=cids, **more)


def test_a_later_verification_of_some_channels_counts_for_those_alone() -> None:
    whole = outcome("whole", {"a:b": 2, "a:c": 1, "": 1})
    assert still_failing(whole, [outcome("some", {}, ["b"])]) == {"a:c": 1, "": 1}
    assert still_failing(whole, [outcome("some", {"a:d": 3}, ["a:c", "a:d"])]) == {"a:b": 2, "": 1, "a:d": 3}
    found = still_failing(whole, [outcome("sampled", {"a:x": 9}), outcome("ledger", {})])
    assert found == {"a:b": 2, "a:c": 1, "": 1, "a:x": 9}, "a sample takes nothing away, and what it found is open"


def test_what_could_not_be_compared_is_open() -> None:
    assert still_failing(outcome("whole", {}, problems={"a:b": "no answer"}), []) == {"a:b": 1}


def difference(cid: str, why: str | None = None, kind: str = "different") -> dict[str, Any]:
    words = {"stream_id": "", "target_id": "", "field": "text", "expected": "x", "found": "y"}
    return {"category": "messages", "kind": kind, "cid": cid, "explained_by": why} | words


def verdict(*differences: dict[str, Any], **more: Any) -> dict[str, Any]:
    tallies: dict[tuple[str, str, str | None], int] = {}
    for one in differences:
        key = (one["category"], one["kind"], one["explained_by"])
        tallies[key] = tallies.get(key, 0) + 1
    wrong = sum(one["explained_by"] is None for one in differences)
    return {
        "clean": not wrong,
        "unexplained": wrong,
        "explained": len(differences) - wrong,
        "channels": 3,
        "seconds": 1.0,
        "api_calls": 5,
        "compared": {"messages": 10},
        "tallies": [
            {"category": c, "kind": k, "explained_by": w, "number": number} for (c, k, w), number in tallies.items()
        ],
        "differences": list(differences),
        "problems": {},
        "repaired": {},
        "advice": [],
    } | more


def test_what_was_compared_again_replaces_what_was_found_before() -> None:
    whole = verdict(difference("a:b"), difference("a:c"), difference("a:b", "live"))
    assert failing_channels(whole) == ["a:b", "a:c"]
    again = combined(whole, verdict(), ["a:b", "a:c"])
    assert again["clean"]
    assert again["unexplained"] == 0
    assert again["explained"] == 1
    half = combined(whole, verdict(difference("a:c", kind="missing")), ["a:b", "a:c"])
    assert not half["clean"]
    assert half["unexplained"] == 1
    assert failing_channels(half) == ["a:c"]


def test_a_channel_that_could_be_compared_at_last_is_no_problem_any_more() -> None:
    whole = verdict(problems={"a:b": "no answer"}, clean=False)
    assert failing_channels(whole) == ["a:b"]
    assert combined(whole, verdict(), ["a:b"])["clean"]


def test_differences_that_are_only_counted_or_of_the_whole_app_need_a_whole_comparison() -> None:
    assert is_complete(verdict(difference("a:b")), ["a:b"])
    assert not is_complete(verdict(difference("")), ["a:b"])
    assert not is_complete(verdict(difference("a:b"), unexplained=2), ["a:b"])


def test_the_numbers_of_both_sides() -> None:
    rows = verdict(difference("a:b"), difference("a:b", "live", "extra"), difference("a:b", "live", "missing"))
    assert list(both_sides(rows)) == [("messages", 10, 8, 2, 1)]
