"""What an operator finds in the web UI, by name."""

from __future__ import annotations

import os
from pathlib import Path

import dagster as dg
import pytest

from chatsdk_migration.definitions import defs
from chatsdk_migration.errors import PermanentError
from chatsdk_migration.instance.home import StorageLocation, packaged_config, prepare_home

WHERE = StorageLocation("127.0.0.1", 5433, "dagster", "dagster", "not shown")


def test_assets_and_what_they_need() -> None:
    specs = {spec.key.path[-1]: spec for spec in defs.resolve_all_asset_specs()}
    needs = {name: sorted(dep.asset_key.path[-1] for dep in spec.deps) for name, spec in specs.items()}
    assert needs == {
        "users": [],
        "channels": ["users"],
        "members": ["channels", "users"],
        "messages": ["members"],
        "reactions": ["messages"],
        "migration_report": ["channels", "members", "messages", "reactions", "users"],
        "cutover_readiness": ["channels", "members", "messages", "reactions", "users"],
    }
    for spec in specs.values():
        assert spec.description
        assert spec.owners
        assert spec.group_name == "chat"
        if spec.key.path[-1] not in {"migration_report", "cutover_readiness"}:
            assert spec.metadata["dagster/column_schema"].columns


def test_jobs_sensors_and_schedules() -> None:
    repository = defs.get_repository_def()
    assert {name for name in repository.job_names if not name.startswith("__")} == {
        "dry_run",
        "full_migration",
        "migrate_channel_range",
        "migrate_channels",
        "replay_quarantine",
        "report_migration",
        "verify_migration",
        "verify_channels",
        "check_load",
        "incremental_sync",
        "assess_readiness",
    }
    assert {sensor.name: sensor.default_status for sensor in repository.sensor_defs} == {
        "migrate_discovered_channels": dg.DefaultSensorStatus.RUNNING,
        "check_finished_load": dg.DefaultSensorStatus.RUNNING,
        "tell_when_ready": dg.DefaultSensorStatus.RUNNING,
    }
    assert {schedule.name: schedule.default_status for schedule in repository.schedule_defs} == {
        "retry_unfinished_channels": dg.DefaultScheduleStatus.STOPPED,
        "verify_daily": dg.DefaultScheduleStatus.STOPPED,
        "sync_every_ten_minutes": dg.DefaultScheduleStatus.STOPPED,
        "assess_hourly": dg.DefaultScheduleStatus.STOPPED,
    }


def test_the_three_content_assets_can_be_chosen_alone_and_run_as_ranges() -> None:
    node = defs.resolve_asset_graph().get(dg.AssetKey("messages"))
    assert node.backfill_policy == dg.BackfillPolicy.multi_run(500)
    assert node.assets_def.can_subset
    assert node.pools == {"stream_api"}


def test_no_resource_is_configured_with_a_secret() -> None:
    repository = defs.get_repository_def()
    fields = {name: str(value.config_schema) for name, value in repository.get_top_level_resources().items()}
    assert set(fields) >= {"migration", "io_manager"}
    assert not any("secret" in text or "password" in text for text in fields.values())


@pytest.fixture
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    for name in ("DAGSTER_HOME", *WHERE.environment()):
        monkeypatch.setenv(name, "")
    return tmp_path


def test_an_empty_home_becomes_ours(clean: Path) -> None:
    prepare_home(clean / "new" / "home", WHERE)
    assert (clean / "new" / "home" / "dagster.yaml").read_text() == packaged_config()
    assert os.environ["DAGSTER_HOME"] == str(clean / "new" / "home")
    assert os.environ["DAGSTER_PG_PORT"] == "5433"
    assert "not shown" not in repr(WHERE)


def test_an_operators_own_dagster_yaml_is_kept(clean: Path) -> None:
    (clean / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    prepare_home(clean)
    assert (clean / "dagster.yaml").read_text() == "telemetry: {enabled: false}\n"
    assert os.listdir(clean) == ["dagster.yaml"]


def test_a_home_that_cannot_be_made_is_named(clean: Path) -> None:
    (clean / "file").write_text("")
    with pytest.raises(PermanentError, match="DAGSTER_HOME"):
        prepare_home(clean / "file" / "home")
