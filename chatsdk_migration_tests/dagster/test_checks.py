"""The checks of a finished migration as Dagster makes them: which run makes which, and what a failed one says."""

from __future__ import annotations

import dagster as dg
import pytest

from chatsdk_migration.definitions import build_definitions
from chatsdk_migration.instance.launch import Finished, run_in_process
from chatsdk_migration.partitions import CONTENT, add_channels
from chatsdk_migration.reconcile.app import Scope
from chatsdk_migration.reconcile.verdict import Difference, Verdict
from chatsdk_migration_tests.dagster.memory import World, memory_migration

CIDS = [f"messaging:room-{number:02}" for number in range(4)]
WRONG = Difference("channel", "different", CIDS[0], CIDS[0], "id", "type", "group", "public")


@pytest.fixture
def world(instance: dg.DagsterInstance) -> World:
    add_channels(instance, CIDS)
    return World(list(CIDS))


def evaluations(instance: dg.DagsterInstance, run: dg.DagsterRun) -> dict[str, dg.AssetCheckEvaluation]:
    records = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    found = [record.get_dagster_event().asset_check_evaluation_data for record in records]
    return {one.check_name: one for one in found}


def test_assets_loaded_from_their_page_do_not_read_everything_again(instance: dg.DagsterInstance, world: World) -> None:
    """The page offers to materialize an asset with its checks: over a range, that must not compare the whole app."""
    definitions = build_definitions(overrides={"migration": memory_migration(world)})
    finished = run_in_process(instance, definitions, "__ASSET_JOB", assets=CONTENT, partition_range=(CIDS[0], CIDS[-1]))
    assert finished.succeeded
    assert world.asked_cids == CIDS
    assert evaluations(instance, finished.run) == {}


def verify(instance: dg.DagsterInstance, world: World, job: str = "verify_migration", **config: object) -> Finished:
    definitions = build_definitions(overrides={"migration": memory_migration(world)})
    run_config = {"ops": {"reconciliation": {"config": config}}}
    return run_in_process(instance, definitions, job, run_config=run_config)


def failed_verdict() -> Verdict:
    verdict = Verdict(channels=4)
    verdict.add([WRONG], 10)
    return verdict


def carried(instance: dg.DagsterInstance, world: World) -> None:
    definitions = build_definitions(overrides={"migration": memory_migration(world)})
    assert run_in_process(instance, definitions, "migrate_channel_range", partition_range=(CIDS[0], CIDS[-1])).succeeded


def test_all_four_pass_and_the_comparison_gets_what_was_asked(instance: dg.DagsterInstance, world: World) -> None:
    carried(instance, world)
    finished = verify(instance, world, sample_percent=25, repair=True)
    assert finished.succeeded
    assert {name: one.passed for name, one in evaluations(instance, finished.run).items()} == dict.fromkeys(
        ("content", "completeness", "integrity", "privacy"), True
    )
    assert world.compared == [Scope((), 25.0, from_ledger=False, mend=True, beside=False)]


@pytest.mark.parametrize("name", ["integrity", "privacy"])
def test_a_failed_blocking_check_fails_the_run(instance: dg.DagsterInstance, world: World, name: str) -> None:
    carried(instance, world)
    world.verdicts[name] = failed_verdict()
    finished = verify(instance, world)
    assert not finished.succeeded
    found = evaluations(instance, finished.run)
    assert {one for one, evaluation in found.items() if not evaluation.passed} == {name}
    metadata = found[name].metadata
    assert metadata["failing_channels"].value == [CIDS[0]]
    assert metadata["differences_by_category"].value == {"channel different": 1}
    (record,) = metadata["differences"].records  # type: ignore[attr-defined]
    assert record.data["expected"] == "group"


def test_different_content_is_told_and_blocks_nothing(instance: dg.DagsterInstance, world: World) -> None:
    carried(instance, world)
    world.verdicts["content"] = failed_verdict()
    finished = verify(instance, world)
    assert finished.succeeded
    found = evaluations(instance, finished.run)
    assert not found["content"].passed
    assert found["content"].description == ("4 channels compared, 1 difference that nothing explains, 0 explained.")


def test_a_channel_that_was_not_carried_is_not_complete(instance: dg.DagsterInstance, world: World) -> None:
    found = evaluations(instance, verify(instance, world).run)
    assert not found["completeness"].passed
    assert found["completeness"].metadata["problems"].value.keys() == set(CIDS)  # type: ignore[union-attr]


def test_after_a_load_only_what_blocks_is_checked(instance: dg.DagsterInstance, world: World) -> None:
    finished = verify(instance, world, job="check_load")
    assert evaluations(instance, finished.run).keys() == {"integrity", "privacy"}
    assert world.compared == []
