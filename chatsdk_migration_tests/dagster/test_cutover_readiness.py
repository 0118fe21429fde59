"""Readiness for the switch in Dagster: the asset with its numbers, who refreshes it, the sensor that tells once.

Here: runs in this process against a real database and the local Stream server. Not here: the rule
(``unit/test_cutover_readiness.py``).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest

from chatsdk_migration.cutover import Readiness, assess, history
from chatsdk_migration.definitions import build_definitions
from chatsdk_migration.demo.server import StreamServer
from chatsdk_migration.demo.world import World
from chatsdk_migration.instance.launch import run_in_process
from chatsdk_migration.partitions import CONTENT, add_channels
from chatsdk_migration.postgres.target import Target
from chatsdk_migration.readiness_record import READINESS
from chatsdk_migration.sensors import tell_when_ready
from chatsdk_migration_tests.conftest import TargetDatabase
from chatsdk_migration_tests.dagster.test_sync_job import GENERAL, OTHER, small_world
from chatsdk_migration_tests.end_to_end.driver import environment, migrate
from chatsdk_migration_tests.end_to_end.test_sync import GRANTS


@pytest.fixture
def world(target: TargetDatabase, monkeypatch: pytest.MonkeyPatch, instance: dg.DagsterInstance) -> Iterator[World]:
    """A migrated world, in Dagster's records too; the environment leads to its server and to its target."""
    world = small_world()
    with target.superuser() as conn:
        conn.execute(GRANTS)
    add_channels(instance, [GENERAL, OTHER])
    for asset in CONTENT:
        for cid in (GENERAL, OTHER):
            instance.report_runless_asset_event(dg.AssetMaterialization(asset, partition=cid))
    with StreamServer(world) as server:
        assert migrate(server.url, target.settings()).problems == {}
        for name, value in environment(server.url, target.settings()).items():
            monkeypatch.setenv(name, value)
        yield world


def run(instance: dg.DagsterInstance, job: str, **config: Any) -> bool:
    return run_in_process(instance, build_definitions(), job, run_config=config or None).succeeded


def verify(instance: dg.DagsterInstance, **config: Any) -> bool:
    return run(instance, "verify_migration", ops={"reconciliation": {"config": config}})


def newest(instance: dg.DagsterInstance) -> dict[str, Any]:
    event = instance.get_latest_materialization_event(READINESS)
    assert event is not None
    assert event.asset_materialization is not None
    return {name: value.value for name, value in event.asset_materialization.metadata.items()}


def assessed(target: TargetDatabase) -> Readiness:
    opened = Target(target.settings())
    try:
        return assess(opened, target.settings())
    finally:
        opened.close()


def test_the_asset_gives_numbers_to_plot_and_the_reasons(
    world: World, target: TargetDatabase, instance: dg.DagsterInstance
) -> None:
    assert run(instance, "assess_readiness")
    found = newest(instance)
    assert (found["ready"], found["quarantined"], found["conflicts"]) == (0, 0, 0)
    assert "open_differences" not in found, "never counted, which a plot would show as the best number"
    assert found["lag_seconds"] >= 0
    assert "never verified. Run `chatsdk-migrate verify`" in found["reasons"]


def test_a_sync_and_a_verification_refresh_it(world: World, instance: dg.DagsterInstance) -> None:
    assert run(instance, "incremental_sync")
    assert newest(instance)["ready"] == 0
    assert verify(instance)
    found = newest(instance)
    assert (found["ready"], found["open_differences"]) == (1, 0)
    assert "**Ready for the switch.**" in found["reasons"]


def test_a_channel_that_is_missing_makes_it_not_ready(world: World, instance: dg.DagsterInstance) -> None:
    assert verify(instance) is True
    add_channels(instance, ["team:new"])
    assert run(instance, "assess_readiness")
    assert "1 channel is failed or missing (team:new)" in newest(instance)["reasons"]


def test_verifications_of_different_extent_are_told_apart(
    world: World, target: TargetDatabase, instance: dg.DagsterInstance
) -> None:
    verify(instance, sample_percent=50)
    verify(instance, from_ledger=True)
    assert assessed(target).verified_at is None
    world.edit_message("first of general", text="changed in Stream since")
    verify(instance)
    found = assessed(target)
    assert found.verified_at is not None
    assert found.failing == {GENERAL: found.differences}
    assert run(instance, "incremental_sync")
    assert not assessed(target).ready
    some = {"reconciliation": {"config": {"channels": ["general"]}}}
    assert run(instance, "verify_channels", ops=some)
    assert assessed(target).reasons == []
    opened = Target(target.settings())
    extents = [one.extent for one in history.since(opened, "verification", 0)]
    opened.close()
    assert extents == ["sampled", "ledger", "whole", "some"]


def test_a_fault_of_the_target_by_itself_is_an_open_difference(
    world: World, target: TargetDatabase, instance: dg.DagsterInstance
) -> None:
    with target.superuser() as conn:
        conn.execute("UPDATE app_user SET custom_data = '{\"is_admin\": \"true\"}' WHERE id = 'ann'")
    assert not verify(instance)
    differences = assessed(target).differences
    assert differences is not None
    assert differences > 0


def test_only_the_newest_outcomes_are_kept(world: World, target: TargetDatabase, instance: dg.DagsterInstance) -> None:
    assert run(instance, "incremental_sync")
    opened = Target(target.settings())
    one = history.newest(opened, "sync", "recent")
    assert one is not None
    for _ in range(history.KEPT + 5):
        history.note(opened, one)
    assert len(history.since(opened, "sync", 0)) == history.KEPT
    opened.close()


def test_the_sensor_does_not_call_an_old_judgement_ready(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    instance.report_runless_asset_event(dg.AssetMaterialization(READINESS, metadata={"ready": 1}))
    monkeypatch.setenv("CHATSDK_MIGRATION_CUTOVER_MAX_LAG_SECONDS", "0")
    context = dg.build_sensor_context(instance=instance, cursor="ready")
    reason = tell_when_ready(context)
    assert isinstance(reason, dg.SkipReason)
    assert "too long ago" in str(reason.skip_message)
    assert context.cursor == "not ready"


def test_the_sensor_tells_once_that_it_turned_ready(instance: dg.DagsterInstance) -> None:
    cursor: str | None = None

    def tick() -> str:
        nonlocal cursor
        context = dg.build_sensor_context(instance=instance, cursor=cursor)
        reason = tell_when_ready(context)
        cursor = context.cursor
        assert isinstance(reason, dg.SkipReason)
        return str(reason.skip_message)

    def judged(ready: int) -> None:
        instance.report_runless_asset_event(dg.AssetMaterialization(READINESS, metadata={"ready": ready}))

    assert "not been judged" in tick()
    judged(0)
    assert "Not ready" in tick()
    judged(1)
    assert "Has become ready" in tick()
    assert "Still ready" in tick()
    judged(1)
    assert "Still ready" in tick()
    judged(0)
    assert "Not ready" in tick()
    judged(1)
    assert "Has become ready" in tick()
