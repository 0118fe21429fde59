"""What Dagster shows of each channel, and what a re-run does."""

from __future__ import annotations

from collections.abc import Mapping

import dagster as dg
import pytest
from dagster import AssetPartitionStatus
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import execute_run_iterator

from chatsdk_migration.definitions import build_definitions
from chatsdk_migration.instance import launch
from chatsdk_migration.instance.launch import Finished, run_in_process
from chatsdk_migration.partitions import (
    CHANNELS,
    CONTENT,
    add_channels,
    all_channels,
    failed_channels,
    unfinished_channels,
)
from chatsdk_migration.transfer import ALL_PARTS, Part
from chatsdk_migration_tests.dagster.memory import PRIVATE_WORDS, ROWS_OF_A_PART, World, memory_migration

CIDS = [f"messaging:room-{number:02}" for number in range(12)]
MATERIALIZED, FAILED = AssetPartitionStatus.MATERIALIZED, AssetPartitionStatus.FAILED


def statuses(instance: dg.DagsterInstance, asset: str) -> Mapping[str, AssetPartitionStatus | None]:
    return instance.get_status_by_partition(dg.AssetKey(asset), all_channels(instance), CHANNELS) or {}


def with_status(instance: dg.DagsterInstance, asset: str, status: AssetPartitionStatus | None) -> list[str]:
    return [cid for cid, found in statuses(instance, asset).items() if found is status]


def run_range(
    instance: dg.DagsterInstance, world: World, start: str = CIDS[0], end: str = CIDS[-1], **options: object
) -> Finished:
    definitions = build_definitions(overrides={"migration": memory_migration(world)})
    return run_in_process(instance, definitions, "migrate_channel_range", partition_range=(start, end), **options)  # type: ignore[arg-type]


def run_list(instance: dg.DagsterInstance, world: World, *cids: str) -> Finished:
    definitions = build_definitions(overrides={"migration": memory_migration(world)})
    config = {"ops": {"migrate_selected_channels": {"config": {"channels": list(cids)}}}}
    return run_in_process(instance, definitions, "migrate_channels", run_config=config)


def failure_of(instance: dg.DagsterInstance, run: dg.DagsterRun) -> dg.DagsterEvent:
    events = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
    assert len(events) == 1
    return events[0].get_dagster_event()


@pytest.fixture
def world(instance: dg.DagsterInstance) -> World:
    add_channels(instance, CIDS)
    return World(list(CIDS))


def test_only_the_failed_channels_fail(instance: dg.DagsterInstance, world: World) -> None:
    world.failing = {CIDS[3]: Part.MESSAGES, CIDS[7]: Part.REACTIONS}
    finished = run_range(instance, world)
    assert finished.run.status is dg.DagsterRunStatus.FAILURE
    assert with_status(instance, "members", MATERIALIZED) == CIDS
    assert with_status(instance, "messages", FAILED) == [CIDS[3]]
    assert with_status(instance, "reactions", FAILED) == [CIDS[3], CIDS[7]]
    assert len(with_status(instance, "reactions", MATERIALIZED)) == 10
    assert unfinished_channels(instance) == failed_channels(instance) == [CIDS[3], CIDS[7]]


def test_a_channel_is_materialized_once_with_its_numbers(instance: dg.DagsterInstance, world: World) -> None:
    assert run_range(instance, world).succeeded
    page = instance.fetch_materializations(dg.AssetKey("messages"), limit=100)
    assert sorted(str(record.partition_key) for record in page.records) == CIDS
    materialization = page.records[0].asset_materialization
    assert materialization is not None
    numbers = {key: entry.value for key, entry in materialization.metadata.items()}
    assert numbers["dagster/row_count"] == ROWS_OF_A_PART + 1
    assert numbers["already_there"] == 1
    assert numbers["rows_per_second"] == ROWS_OF_A_PART / 0.5
    assert numbers["api_calls"] == 2
    assert numbers["losses"] == {"score": 3}
    assert numbers["rejects"] == 1


def test_the_failure_names_channel_reason_and_remedy(instance: dg.DagsterInstance, world: World) -> None:
    world.failing = {CIDS[3]: Part.MESSAGES}
    event = failure_of(instance, run_range(instance, world).run)
    assert event.step_failure_data.user_failure_data is not None
    metadata = event.step_failure_data.user_failure_data.metadata
    assert metadata["failed_channels"].value == [CIDS[3]]
    page = instance.fetch_observations(dg.AssetKey("messages"), limit=10)
    assert [record.partition_key for record in page.records] == [CIDS[3]]
    assert page.records[0].asset_observation is not None
    said = page.records[0].asset_observation.metadata
    assert said["reason"].value == "more than a page in one instant"
    assert said["remedy"].value == "Ask support about it."


def test_failed_and_missing_are_finished_in_one_run(instance: dg.DagsterInstance, world: World) -> None:
    world.failing = {CIDS[3]: Part.MESSAGES, CIDS[7]: Part.MEMBERS}
    run_range(instance, world, CIDS[0], CIDS[8])
    world.failing.clear()
    world.asked.clear()
    before = instance.get_runs_count()
    assert run_list(instance, world).succeeded
    assert instance.get_runs_count() == before + 1
    assert world.asked_cids == [CIDS[3], CIDS[7], *CIDS[9:]]
    assert unfinished_channels(instance) == []


def test_nothing_to_finish_is_a_success(instance: dg.DagsterInstance, world: World) -> None:
    run_range(instance, world)
    world.asked.clear()
    assert run_list(instance, world).succeeded
    assert world.asked == []


def test_scattered_channels_fail_alone_too(instance: dg.DagsterInstance, world: World) -> None:
    world.failing = {CIDS[5]: Part.MESSAGES}
    assert not run_list(instance, world, CIDS[1], CIDS[5], CIDS[9]).succeeded
    assert with_status(instance, "messages", FAILED) == [CIDS[5]]
    assert with_status(instance, "messages", MATERIALIZED) == [CIDS[1], CIDS[9]]
    assert with_status(instance, "members", MATERIALIZED) == [CIDS[1], CIDS[5], CIDS[9]]
    assert len(unfinished_channels(instance)) == len(CIDS) - 2


def test_an_unknown_channel_is_refused_by_name(instance: dg.DagsterInstance, world: World) -> None:
    event = failure_of(instance, run_list(instance, world, "messaging:nobody").run)
    assert "messaging:nobody" in str(event.step_failure_data.error)
    assert world.asked == []


def test_a_reversed_range_is_refused(instance: dg.DagsterInstance, world: World) -> None:
    finished = run_range(instance, world, CIDS[5], CIDS[2])
    assert not finished.succeeded
    assert world.asked == []


def test_one_partition_can_be_materialized_alone(instance: dg.DagsterInstance, world: World) -> None:
    definitions = build_definitions(overrides={"migration": memory_migration(world)})
    tags = {"dagster/partition": CIDS[4]}
    assert run_in_process(instance, definitions, "migrate_channel_range", tags=tags).succeeded
    assert world.asked_cids == with_status(instance, "reactions", MATERIALIZED) == [CIDS[4]]


def test_a_run_without_partitions_is_refused(instance: dg.DagsterInstance, world: World) -> None:
    definitions = build_definitions(overrides={"migration": memory_migration(world)})
    finished = run_in_process(instance, definitions, "migrate_channel_range")
    assert "the range of partitions is empty" in launch.failure_reason(instance, finished)
    assert world.asked == []


def test_chosen_channels_may_be_named_by_bare_ids(instance: dg.DagsterInstance, world: World) -> None:
    assert run_list(instance, world, "room-03", CIDS[7]).succeeded
    assert with_status(instance, "reactions", MATERIALIZED) == [CIDS[3], CIDS[7]]


def test_only_the_selected_part_is_carried(instance: dg.DagsterInstance, world: World) -> None:
    assert run_range(instance, world, assets=[dg.AssetKey("messages")]).succeeded
    assert {parts for _, parts in world.asked} == {frozenset({Part.MESSAGES})}
    assert with_status(instance, "messages", MATERIALIZED) == CIDS
    assert with_status(instance, "members", MATERIALIZED) == []


def test_a_channel_gone_from_the_source_is_done_and_says_so(instance: dg.DagsterInstance, world: World) -> None:
    world.gone = {CIDS[4]}
    assert run_range(instance, world).succeeded
    records = instance.fetch_materializations(dg.AssetRecordsFilter(dg.AssetKey("messages"), [CIDS[4]]), limit=1)
    assert records.records[0].asset_materialization is not None
    assert records.records[0].asset_materialization.metadata["outcome"].value == "gone from the source"


def test_a_defect_fails_its_channel_and_keeps_private_words_private(instance: dg.DagsterInstance, world: World) -> None:
    world.defects = {CIDS[2]}
    finished = run_range(instance, world)
    assert unfinished_channels(instance) == [CIDS[2]]
    assert PRIVATE_WORDS not in "".join(str(entry) for entry in instance.all_logs(finished.run.run_id))


def test_a_permanent_error_stops_everything_and_is_not_retried(instance: dg.DagsterInstance, world: World) -> None:
    world.locked_out_at = CIDS[0]
    world.before = lambda cid: None if cid == CIDS[0] else assert_true(world.stopped.wait(timeout=30))
    finished = run_range(instance, world)
    assert len(world.asked) <= 4  # those in flight
    assert finished.run.tags["dagster/max_retries"] == "0"
    assert "Check the key and the secret." in str(failure_of(instance, finished.run).step_failure_data.error)
    assert CIDS[0] in unfinished_channels(instance)


def assert_true(condition: bool) -> None:
    assert condition


def retry(instance: dg.DagsterInstance, world: World, parent: dg.DagsterRun) -> dg.DagsterRun:
    """Execute what the retry daemon or "re-execute from failure" make of a run: same range, same lineage."""
    definitions = build_definitions(overrides={"migration": memory_migration(world)})
    job = definitions.resolve_job_def("migrate_channel_range")
    tags = {key: value for key, value in parent.tags.items() if key.startswith("dagster/asset_partition_range")}
    run = instance.create_run_for_job(
        job, tags=tags, parent_run_id=parent.run_id, root_run_id=parent.root_run_id or parent.run_id
    )

    list(execute_run_iterator(InMemoryJob(job), run, instance))
    again = instance.get_run_by_id(run.run_id)
    assert again is not None
    return again


def test_a_retry_asks_only_for_what_is_missing(instance: dg.DagsterInstance, world: World) -> None:
    world.failing = {CIDS[3]: Part.MESSAGES, CIDS[7]: Part.MEMBERS}
    first = run_range(instance, world)
    world.asked.clear()
    world.failing = {CIDS[7]: Part.MEMBERS}
    second = retry(instance, world, first.run)
    assert dict(world.asked) == {CIDS[3]: frozenset({Part.MESSAGES, Part.REACTIONS}), CIDS[7]: ALL_PARTS}
    assert unfinished_channels(instance) == [CIDS[7]]
    world.asked.clear()
    world.failing.clear()
    assert retry(instance, world, second).is_success
    assert world.asked_cids == [CIDS[7]]
    assert unfinished_channels(instance) == []


def test_re_executing_a_successful_run_does_everything_again(instance: dg.DagsterInstance, world: World) -> None:
    first = run_range(instance, world)
    world.asked.clear()
    assert retry(instance, world, first.run).is_success
    assert world.asked_cids == CIDS


def test_the_source_is_opened_once_and_closed_with_the_run(instance: dg.DagsterInstance, world: World) -> None:
    run_range(instance, world)
    assert (world.opened, world.closed) == (1, 1)


def test_content_is_three_assets() -> None:
    assert [key.path[-1] for key in CONTENT] == list(Part)
