"""Too many rejected records end a run early: what was begun is finished, the rest waits for a resume."""

from __future__ import annotations

import dagster as dg
import pytest

from chatsdk_migration.budget import FEWEST_RECORDS, Budget
from chatsdk_migration.partitions import add_channels, unfinished_channels
from chatsdk_migration_tests.dagster.memory import World
from chatsdk_migration_tests.dagster.test_channel_content import (
    CIDS,
    MATERIALIZED,
    failure_of,
    run_list,
    run_range,
    with_status,
)

REJECTS_OF_A_CHANNEL = 3
"""Of the carrier in memory: one of each part."""


@pytest.fixture
def world(instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("CHATSDK_MIGRATION_CHANNELS_IN_FLIGHT", "1")
    add_channels(instance, CIDS)
    return World(list(CIDS))


def test_a_run_over_budget_takes_no_new_channel_and_says_so(
    instance: dg.DagsterInstance, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHATSDK_MIGRATION_MAX_REJECTS", str(2 * REJECTS_OF_A_CHANNEL))
    finished = run_range(instance, world)
    assert finished.run.status is dg.DagsterRunStatus.FAILURE
    assert world.asked_cids == CIDS[:3], "the third channel was the first above the budget"
    assert with_status(instance, "reactions", MATERIALIZED) == CIDS[:3]
    assert unfinished_channels(instance) == CIDS[3:]
    failure = failure_of(instance, finished.run).step_failure_data.user_failure_data
    assert failure is not None
    assert "9 of 81 records were rejected, more than 6" in str(failure.description)
    assert "3 of 12" in str(failure.description)
    assert failure.metadata["kind"].value == "BudgetExceededError"
    assert "--resume" in str(failure.metadata["remedy"].value)
    retried = instance.get_run_by_id(finished.run.run_id)
    assert retried is not None
    assert retried.tags["dagster/max_retries"] == "0", "the daemon would meet the same records again"


def test_the_rest_is_taken_once_the_budget_was_raised(
    instance: dg.DagsterInstance, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHATSDK_MIGRATION_MAX_REJECTS", "0")
    assert not run_list(instance, world).succeeded
    assert world.asked_cids == CIDS[:1]
    world.asked.clear()
    monkeypatch.setenv("CHATSDK_MIGRATION_MAX_REJECTS", "1000")
    assert run_list(instance, world).succeeded
    assert world.asked_cids == CIDS[1:]
    assert unfinished_channels(instance) == []


def test_channels_in_flight_are_finished(
    instance: dg.DagsterInstance, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHATSDK_MIGRATION_CHANNELS_IN_FLIGHT", "4")
    monkeypatch.setenv("CHATSDK_MIGRATION_MAX_REJECTS", "0")
    assert not run_range(instance, world).succeeded
    assert with_status(instance, "reactions", MATERIALIZED) == world.asked_cids
    assert not world.stopped.is_set(), "nothing in flight was broken off"
    assert len(world.asked_cids) < len(CIDS)


def test_a_share_is_judged_from_enough_records_on_and_for_good() -> None:
    budget = Budget(None, 0.1)
    budget.count(FEWEST_RECORDS - 1, 500)
    assert not budget.is_exceeded()
    budget.count(1, 0)
    assert budget.is_exceeded()
    budget.count(10_000_000, 0)
    assert budget.is_exceeded(), "channels have been left out meanwhile"


def test_the_default_share_lets_a_thousandth_pass() -> None:
    budget = Budget(None, 0.1)
    budget.count(FEWEST_RECORDS, FEWEST_RECORDS // 1000)
    assert not budget.is_exceeded()
    budget.count(0, 1)
    assert budget.is_exceeded()
