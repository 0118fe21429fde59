"""The job that syncs: what it records, and what it refuses to run beside.

Here: runs in this process against a real database and the local Stream server. Not here: what a sync does
(``end_to_end/test_sync.py``).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg
import pytest

from chatsdk_migration.cli.syncing import cost_line, seconds_of
from chatsdk_migration.definitions import build_definitions
from chatsdk_migration.demo.server import StreamServer
from chatsdk_migration.demo.world import World
from chatsdk_migration.errors import PermanentError
from chatsdk_migration.instance.beside import in_the_way_of_a_sync
from chatsdk_migration.partitions import add_channels, all_channels, unfinished_channels
from chatsdk_migration.schedules import sync_every_ten_minutes
from chatsdk_migration.sync import Cost
from chatsdk_migration_tests.conftest import TargetDatabase
from chatsdk_migration_tests.end_to_end.driver import environment, migrate

GENERAL, OTHER = "team:general", "team:other"


def small_world() -> World:
    now = datetime.now(UTC)
    world = World()
    world.add_user("ann", created_at=now)
    for cid in (GENERAL, OTHER):
        world.add_channel(cid, created_by="ann", created_at=now, members=("ann",))
        world.add_message(cid, f"first of {cid[5:]}", user_id="ann", text="hello", at=now)
    return world


@pytest.fixture
def world(target: TargetDatabase, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A migrated world; the environment leads to its server and to its target."""
    world = small_world()
    with target.superuser() as conn:
        conn.execute(
            "GRANT DELETE ON channel_member, reaction, mention, pinned_message, poll_vote, user_message TO loader"
        )
    with StreamServer(world) as server:
        assert migrate(server.url, target.settings()).problems == {}
        for name, value in environment(server.url, target.settings()).items():
            monkeypatch.setenv(name, value)
        yield world


@pytest.fixture(autouse=True)
def partitions(instance: dg.DagsterInstance) -> None:
    add_channels(instance, [GENERAL, OTHER])


def run(instance: dg.DagsterInstance, **config: object) -> dg.ExecuteInProcessResult:
    job = build_definitions().resolve_job_def("incremental_sync")
    given = {"ops": {"sync_changes": {"config": config}}}
    return job.execute_in_process(instance=instance, run_config=given, raise_on_error=False)


def materialized(instance: dg.DagsterInstance, result: dg.ExecuteInProcessResult) -> set[tuple[str, str | None]]:
    entries = instance.all_logs(result.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION)
    events = [entry.dagster_event for entry in entries if entry.dagster_event is not None]
    return {(event.asset_key.path[-1], event.partition) for event in events if event.asset_key and event.partition}


def test_changed_channels_get_materializations_and_new_ones_partitions(
    world: World, instance: dg.DagsterInstance
) -> None:
    assert run(instance).success
    world.edit_message("first of general", text="other words")
    world.add_reaction("first of general", "ann", "love")
    world.add_channel("team:new", created_by="ann", created_at=world.clock(), members=("ann",))
    result = run(instance)
    assert result.success
    whole = {(asset, "team:new") for asset in ("members", "messages", "reactions")}
    assert materialized(instance, result) == {("messages", GENERAL), ("reactions", GENERAL)} | whole
    assert all_channels(instance) == [GENERAL, OTHER, "team:new"]
    assert materialized(instance, run(instance)) == set()


def test_a_new_channel_that_cannot_be_carried_is_rejected_and_no_partition(
    world: World, instance: dg.DagsterInstance
) -> None:
    world.add_channel("team:odd", created_by="ann", created_at=world.clock(), members=("ann",))
    world.update_channel("team:odd", disabled="soon")
    result = run(instance)
    assert result.success
    assert materialized(instance, result) == set()
    assert all_channels(instance) == [GENERAL, OTHER]


def test_no_sync_beside_a_load(world: World, instance: dg.DagsterInstance) -> None:
    load = build_definitions().resolve_job_def("full_migration")
    instance.create_run_for_job(load, status=dg.DagsterRunStatus.STARTED)
    assert in_the_way_of_a_sync(instance) == "full_migration"
    assert not run(instance).success
    context = dg.build_schedule_context(instance=instance)
    assert isinstance(sync_every_ten_minutes(context), dg.SkipReason)


def test_a_sweep_that_does_not_exist_is_refused(world: World, instance: dg.DagsterInstance) -> None:
    result = run(instance, sweep="deep")
    assert not result.success


@pytest.mark.parametrize(("text", "seconds"), [("10m", 600), ("30s", 30), ("1h", 3600), ("5", 300)])
def test_intervals(text: str, seconds: int) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "0m", "soon", "-1m"])
def test_what_is_no_interval(text: str) -> None:
    with pytest.raises(PermanentError):
        seconds_of(text)


def test_the_cost_is_said_with_its_share_of_the_limits() -> None:
    line = cost_line(Cost({"QueryChannels": 167, "Search": 10}, {"QueryChannels": 10_000, "Search": 300}, 0.5))
    assert "177 calls" in line
    assert "0.3%" in line
    assert "50%" in line


@pytest.mark.parametrize("status", [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED])
def test_no_load_beside_a_sync(world: World, instance: dg.DagsterInstance, status: dg.DagsterRunStatus) -> None:
    definitions = build_definitions()
    running = instance.create_run_for_job(definitions.resolve_job_def("incremental_sync"), status=status)
    assert not run(instance).success
    load = definitions.resolve_job_def("migrate_channels")
    refused = load.execute_in_process(instance=instance, raise_on_error=False)
    assert not refused.success
    assert "a sync is under way" in str(refused.all_events)
    whole = definitions.resolve_job_def("full_migration")
    assert not whole.execute_in_process(instance=instance, raise_on_error=False).success
    instance.report_run_failed(running)
    assert load.execute_in_process(instance=instance, raise_on_error=False).success


def test_a_materialization_from_the_graph_is_a_load(world: World, instance: dg.DagsterInstance) -> None:
    job = build_definitions().resolve_implicit_global_asset_job_def()
    selection = frozenset({dg.AssetKey("messages")})
    load = instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED, asset_selection=selection)
    assert in_the_way_of_a_sync(instance) == "materialize"
    instance.report_run_failed(load)
    look = frozenset({dg.AssetKey("migration_report")})
    instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED, asset_selection=look)
    assert in_the_way_of_a_sync(instance) is None


def test_a_channel_whose_load_was_cut_off_is_completed_and_recorded(
    world: World, instance: dg.DagsterInstance, target: TargetDatabase
) -> None:
    with target.superuser() as conn:
        conn.execute("DELETE FROM chatsdk_migration.watermark WHERE cid = %s", [OTHER])
    assert run(instance).success
    assert OTHER not in unfinished_channels(instance)
