"""What the runs cost and how fast they went, from what they recorded."""

from __future__ import annotations

import pytest

from chatsdk_migration.report.facts import Run, RunFacts, Stint
from chatsdk_migration.report.pace import MOST_STEPS, by_asset, by_run, once, pace


def stint(asset: str, ended: float, seconds: float, rows: int, run_id: str = "first") -> Stint:
    return Stint(asset, "team:a", run_id, ended, seconds, rows, api_calls=2)


def test_rows_are_spread_over_the_time_they_took() -> None:
    work = [stint("messages", 100, 100, 1000), stint("reactions", 100, 50, 100)]
    curve = pace(RunFacts([Run("first", "j", "success", 0, 100)], work), work)
    assert len(curve.rates["messages"]) == MOST_STEPS
    assert all(rate == pytest.approx(10, abs=0.01) for rate in curve.rates["messages"])
    assert curve.rates["reactions"][: MOST_STEPS // 2 - 1] == [0] * (MOST_STEPS // 2 - 1)
    assert curve.rates["reactions"][-1] == pytest.approx(2, abs=0.01)


def test_no_row_is_lost_on_the_curve() -> None:
    """Work recorded without a length, before the run's start or after its end still counts."""
    work = [stint("users", 0, 0, 7), stint("messages", 30, 45, 1001), stint("members", 70, 0.001, 13)]
    curve = pace(RunFacts([Run("first", "j", "success", 0, 60)], work), work)
    drawn = {asset: sum(rates) * curve.step_seconds for asset, rates in curve.rates.items()}
    assert drawn["users"] == pytest.approx(7, abs=0.1)
    assert drawn["messages"] == pytest.approx(1001, abs=1)
    assert drawn["members"] == pytest.approx(13, abs=0.1)


def test_pauses_between_runs_are_cut_out() -> None:
    runs = [Run("first", "j", "success", 0, 100), Run("second", "j", "success", 100_000, 100_100)]
    work = [stint("messages", 100, 100, 1000), stint("messages", 100_100, 100, 1000, "second")]
    curve = pace(RunFacts(runs, work), work)
    assert curve.seconds == pytest.approx(200)
    assert curve.run_starts == [0, 100]
    assert all(rate == pytest.approx(10, abs=0.01) for rate in curve.rates["messages"])


def test_runs_side_by_side_add_up() -> None:
    runs = [Run("first", "j", "success", 0, 100), Run("second", "j", "started", 0)]
    work = [stint("messages", 100, 100, 1000), stint("messages", 100, 100, 1000, "second")]
    curve = pace(RunFacts(runs, work), work)
    assert curve.seconds == pytest.approx(100)
    assert all(rate == pytest.approx(20, abs=0.01) for rate in curve.rates["messages"])


def test_what_a_retry_records_again_counts_once() -> None:
    work = [stint("messages", 10, 3.25, 100), stint("messages", 50, 3.25, 100, "retry"), stint("messages", 60, 3.5, 0)]
    kept = once(work)
    assert [(each.run_id, each.rows) for each in kept] == [("first", 100), ("first", 0)]
    facts = RunFacts([Run("first", "j", "failure", 0, 20), Run("retry", "j", "success", 40, 70)], work)
    assert [(line.run_id, line.rows, line.api_calls) for line in by_run(facts, kept)] == [("first", 100, 4)]
    assert [(line.asset, line.recorded, line.rows) for line in by_asset(kept) if line.recorded] == [
        ("messages", 2, 100)
    ]


def test_no_run_has_no_pace() -> None:
    assert pace(RunFacts(), []).seconds == 0
    assert by_run(RunFacts(), []) == []
