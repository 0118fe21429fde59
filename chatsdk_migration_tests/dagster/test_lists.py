"""Users and channels, the partitions they discover, and what follows from them."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg
import pytest

from chatsdk_migration.definitions import build_definitions
from chatsdk_migration.errors import PermanentError
from chatsdk_migration.instance import owner
from chatsdk_migration.instance.launch import Finished, run_in_process
from chatsdk_migration.partitions import add_channels, all_channels, unfinished_channels, unfinished_lists
from chatsdk_migration.sensors import migrate_discovered_channels
from chatsdk_migration.settings import Settings
from chatsdk_migration_tests.dagster.conftest import DATABASE_PASSWORD, STREAM_SECRET
from chatsdk_migration_tests.dagster.memory import World, memory_migration
from chatsdk_migration_tests.dagster.test_channel_content import failure_of, run_list, run_range

CIDS = [f"messaging:room-{number}" for number in (9, 2, 7, 4, 1, 8, 3)]
"""In the order of discovery, which is not that of the alphabet."""


def full_migration(instance: dg.DagsterInstance, world: World, refusal: PermanentError | None = None) -> Finished:
    definitions = build_definitions(overrides={"migration": memory_migration(world, refusal)})
    return run_in_process(instance, definitions, "full_migration")


def test_channels_become_partitions_in_the_order_of_discovery(instance: dg.DagsterInstance) -> None:
    world = World(list(CIDS))
    assert unfinished_lists(instance) == [dg.AssetKey("users"), dg.AssetKey("channels")]
    assert full_migration(instance, world).succeeded
    assert all_channels(instance) == unfinished_channels(instance) == CIDS
    assert unfinished_lists(instance) == []
    assert (world.opened, world.closed) == (1, 1)


def test_rows_come_before_partitions(instance: dg.DagsterInstance) -> None:
    """The second page holds an impossible key: its rows are in, its partitions are not, and it says which."""
    world = World([*CIDS[:3], "messaging:a,b", *CIDS[3:]])
    finished = full_migration(instance, world)
    assert "messaging:a,b" in str(failure_of(instance, finished.run).step_failure_data.error)
    assert all_channels(instance) == CIDS[:3]
    assert world.stored == [*CIDS[:3], "messaging:a,b", *CIDS[3:5]]


def test_a_list_reports_its_numbers(instance: dg.DagsterInstance) -> None:
    world = World(list(CIDS))
    full_migration(instance, world)
    full_migration(instance, world)
    event = instance.get_latest_materialization_event(dg.AssetKey("channels"))
    assert event is not None
    assert event.asset_materialization is not None
    metadata = {key: entry.value for key, entry in event.asset_materialization.metadata.items()}
    assert metadata["dagster/row_count"] == metadata["already_there"] == len(CIDS)
    assert metadata["losses"] == {"muted_channel": 3}


def test_a_refused_preflight_says_what_to_do_and_is_not_retried(instance: dg.DagsterInstance) -> None:
    refusal = PermanentError("looking for the target app", "App not found: 12", "Create it with POST /admin/apps.")
    finished = full_migration(instance, World(list(CIDS)), refusal)
    failure = failure_of(instance, finished.run).step_failure_data
    assert failure.user_failure_data is not None
    assert failure.user_failure_data.metadata["remedy"].value == "Create it with POST /admin/apps."
    assert finished.run.tags["dagster/max_retries"] == "0"


def test_the_preflight_check_shows_its_advice(instance: dg.DagsterInstance) -> None:
    full_migration(instance, World(list(CIDS)))
    (evaluation,) = [
        entry.get_dagster_event().asset_check_evaluation_data
        for entry in instance.all_logs(
            instance.get_runs()[0].run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION
        )
    ]
    assert evaluation.passed
    assert "GRANT SET ON PARAMETER" in str(evaluation.metadata["advice"].value)


def requests(instance: dg.DagsterInstance, run: dg.DagsterRun) -> list[dg.RunRequest]:
    (event,) = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.RUN_SUCCESS)
    context = dg.build_run_status_sensor_context(
        "migrate_discovered_channels", event.get_dagster_event(), instance, run
    )
    asked = migrate_discovered_channels(context)
    assert isinstance(asked, Iterator)
    return [item for item in asked if isinstance(item, dg.RunRequest)]


def without_command_line(instance: dg.DagsterInstance, run: dg.DagsterRun) -> dg.DagsterRun:
    """The same run as the web UI would have made it; its tags may come from a command line's run."""
    return run.with_tags({**run.tags, "chatsdk_migration/launched_by": "command-line:another run"})


def test_discovered_channels_are_started_in_ranges(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    cids = [f"messaging:{number}" for number in range(1100)]
    run = full_migration(instance, World([])).run
    add_channels(instance, cids)
    asked = requests(instance, without_command_line(instance, run))
    ranges = [
        (request.tags["dagster/asset_partition_range_start"], request.tags["dagster/asset_partition_range_end"])
        for request in asked
    ]
    assert ranges == [(cids[0], cids[499]), (cids[500], cids[999]), (cids[1000], cids[1099])]
    assert {request.job_name for request in asked} == {"migrate_channel_range"}
    assert len({request.run_key for request in asked}) == 3


def test_scattered_channels_are_gathered_into_one_run(instance: dg.DagsterInstance) -> None:
    world = World(list(CIDS))
    run = full_migration(instance, world).run
    run_list(instance, world, *CIDS[::2])
    (request,) = requests(instance, without_command_line(instance, run))
    assert request.job_name == "migrate_channels"
    assert request.run_config["ops"]["migrate_selected_channels"]["config"]["channels"] == CIDS[1::2]


def test_a_command_line_goes_on_by_itself(instance: dg.DagsterInstance) -> None:
    run = full_migration(instance, World(list(CIDS))).run
    assert requests(instance, run) == []


def test_nothing_is_started_when_all_is_done(instance: dg.DagsterInstance) -> None:
    world = World(list(CIDS))
    run = full_migration(instance, world).run
    run_range(instance, world, CIDS[0], CIDS[-1])
    assert requests(instance, without_command_line(instance, run)) == []


def test_an_instance_serves_one_migration(instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    owner.claim(instance, Settings.load())
    owner.claim(instance, Settings.load())
    monkeypatch.setenv("CHATSDK_APP_ID", "d1f0a6a2-7b1c-4f0e-8a4e-6f4b9a3c5e21")
    with pytest.raises(PermanentError, match="0b8ac3f4"):
        owner.claim(instance, Settings.load())
    world = World(list(CIDS))
    finished = full_migration(instance, world)
    assert "DAGSTER_HOME" in str(failure_of(instance, finished.run).step_failure_data.error)
    assert world.opened == 0


def test_a_new_key_of_the_same_app_is_taken_when_the_operator_says_so(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner.claim(instance, Settings.load())
    monkeypatch.setenv("STREAM_API_KEY", "the-new-one")
    with pytest.raises(PermanentError, match="--new-key"):
        owner.claim(instance, Settings.load())
    owner.claim(instance, Settings.load(), new_key=True)
    owner.claim(instance, Settings.load())
    monkeypatch.setenv("CHATSDK_APP_ID", "d1f0a6a2-7b1c-4f0e-8a4e-6f4b9a3c5e21")
    with pytest.raises(PermanentError, match="0b8ac3f4"):
        owner.claim(instance, Settings.load(), new_key=True)


def test_a_target_made_anew_is_not_taken_for_the_migrated_one(instance: dg.DagsterInstance) -> None:
    owner.claim_target(instance, "the first")
    owner.claim_target(instance, "the first")
    with pytest.raises(PermanentError, match="created anew"):
        owner.claim_target(instance, "the second")


def test_no_secret_is_recorded(instance: dg.DagsterInstance) -> None:
    world = World(list(CIDS))
    world.locked_out_at = CIDS[2]
    full_migration(instance, world)
    run_range(instance, world, CIDS[0], CIDS[-1])
    recorded = [str(record.dagster_run) for record in instance.get_run_records()]
    recorded += [str(entry) for run in instance.get_runs() for entry in instance.all_logs(run.run_id)]
    recorded.append(str(instance.run_storage.get_cursor_values({owner.OWNER_KEY})))
    text = "\n".join(recorded)
    assert len(recorded) > 20
    assert STREAM_SECRET not in text
    assert DATABASE_PASSWORD not in text


def test_runs_made_here_can_be_re_executed_in_the_web_ui(instance: dg.DagsterInstance) -> None:
    origin = full_migration(instance, World(list(CIDS))).run.remote_job_origin
    assert origin is not None
    assert origin.location_name == "chatsdk_migration.definitions"
    assert (origin.repository_origin.repository_name, origin.job_name) == ("__repository__", "full_migration")


def test_events_reach_the_command_line_while_the_run_goes_on(instance: dg.DagsterInstance) -> None:
    world, seen = World(list(CIDS)), list[str]()
    add_channels(instance, CIDS)

    def on_event(entry: object) -> None:
        seen.append(str(entry))

    run_range(instance, world, CIDS[0], CIDS[-1], on_event=on_event)
    assert sum("ASSET_MATERIALIZATION'" in text for text in seen) >= 3 * len(CIDS)
