"""The loss report of real migrations, made as an operator makes it: a run of the job, or the command.

Here: that its numbers are those of the database and of the source, that it says "Nothing." where nothing was lost, and
that nothing private is in it. Not here: its layout and its pictures (``unit/test_report_*.py``).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from rich.console import Console

from chatsdk_migration import losses
from chatsdk_migration.cli.report import make_report
from chatsdk_migration.definitions import build_definitions
from chatsdk_migration.demo.server import StreamServer
from chatsdk_migration.demo.workspaces import sample_workspace
from chatsdk_migration.demo.world import World
from chatsdk_migration.errors import PermanentError
from chatsdk_migration.instance import owner
from chatsdk_migration.instance.launch import run_in_process
from chatsdk_migration.postgres import ledger
from chatsdk_migration.postgres.target import Target
from chatsdk_migration.report.markdown import NOTHING
from chatsdk_migration.transfer import Part
from chatsdk_migration_tests.conftest import ROLE_PASSWORDS, TargetDatabase, target_variables
from chatsdk_migration_tests.dagster import memory

STREAM_KEY, STREAM_SECRET = "key", "secret-of-this-test"
ROOM = "team:room"
WORDS = "see you at the clinic on Thursday"
LEAST_TEXT = 12
"""Characters from which a text is a sentence somebody wrote, and not by chance a word of the report."""


@pytest.fixture
def surroundings(target: TargetDatabase, home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The environment of an operator whose target is this test's; gives DAGSTER_HOME."""
    credentials = {"STREAM_API_KEY": STREAM_KEY, "STREAM_API_SECRET": STREAM_SECRET}
    variables = credentials | target_variables(target.settings())
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return home


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Start a Stream server on a world and point the environment at it."""
    running: list[StreamServer] = []

    def start(world: World) -> None:
        server = StreamServer(world, api_key=STREAM_KEY, api_secret=STREAM_SECRET)
        running.append(server.__enter__())
        monkeypatch.setenv("STREAM_CHAT_URL", server.url)

    yield start
    for server in running:
        server.__exit__(None, None, None)


def small_world() -> World:
    world = World()
    world.add_user("ana", name="Ana", language="pt")
    world.add_user("ben", name="Ben")
    world.add_channel(ROOM, created_by="ana", created_at="2024-01-01T00:00:00Z", members=["ana", "ben"])
    for number in range(3):
        world.add_message(
            ROOM, f"jan-{number}", user_id="ana", text=f"{WORDS} {number}", at=f"2024-01-0{number + 2}T00:00:00Z"
        )
    world.add_message(ROOM, "feb-0", user_id="ben", text=WORDS, at="2024-03-01T00:30:00+02:00")
    world.add_message(ROOM, "mar-0", user_id="ben", text=WORDS, at="2024-03-02T00:00:00Z", shadowed=True)
    return world


def migrate(instance: dg.DagsterInstance, definitions: dg.Definitions | None = None) -> None:
    definitions = definitions or build_definitions()
    assert run_in_process(instance, definitions, "full_migration").succeeded
    run_in_process(instance, definitions, "migrate_channels")


def carry_again(instance: dg.DagsterInstance, cid: str, parts: list[str] | None = None) -> None:
    config = {"channels": [cid]} | ({"parts": parts} if parts else {})
    ops = {"migrate_selected_channels": {"config": config}}
    assert run_in_process(instance, build_definitions(), "migrate_channels", run_config={"ops": ops}).succeeded


def made(instance: dg.DagsterInstance, definitions: dg.Definitions | None = None) -> dict[str, Any]:
    """Run the job and give the metadata of the materialization."""
    finished = run_in_process(instance, definitions or build_definitions(), "report_migration")
    assert finished.succeeded
    event = instance.get_latest_materialization_event(dg.AssetKey("migration_report"))
    assert event is not None
    assert event.asset_materialization is not None
    assert event.run_id == finished.run.run_id
    return dict(event.asset_materialization.metadata)


def texts_of(world: World) -> set[str]:
    """What people wrote: messages, the titles of attachments, questions of polls."""
    found: set[str] = set()
    for cid in world.channels:
        for message in world.messages_of(cid):
            found.add(message.get("text") or "")
            found |= {str(one.get("title") or "") for one in message.get("attachments") or []}
            found.add(str((message.get("poll") or {}).get("name") or ""))
    return {text for text in found if len(text) >= LEAST_TEXT}


def assert_nothing_private(text: str, world: World) -> None:
    assert [each for each in texts_of(world) if each in text] == []
    for secret in (STREAM_SECRET, *ROLE_PASSWORDS.values()):
        assert secret not in text


def test_the_sample_workspaces_report_agrees_with_the_database_and_the_source(
    surroundings: Path, serve: Any, instance: dg.DagsterInstance, target: TargetDatabase
) -> None:
    world = sample_workspace()
    assert len(texts_of(world)) > 1000
    serve(world)
    migrate(instance)
    metadata = made(instance)
    report = metadata["json"].value
    text = Path(metadata["markdown_file"].value).read_text()

    with target.superuser() as conn:
        noted = conn.execute(
            "SELECT entity, kind, sum(occurrences) FROM chatsdk_migration.loss GROUP BY 1, 2"
        ).fetchall()
        (messages,) = conn.execute("SELECT count(*) FROM message").fetchone() or ()
        months = conn.execute(
            "SELECT to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM'), count(*) FROM message GROUP BY 1"
        )
        here = dict(months.fetchall())
    assert len(noted) > 15
    assert {(line["entity"], line["kind"]): line["number"] for line in report["losses"]} == {
        (entity, kind): number for entity, kind, number in noted
    }
    for entity, kind, number in noted:
        assert f"| {losses.CATALOG[kind].says} | {entity} | {number:,} |" in text
    assert all(line["example"] for line in report["losses"])

    read = Counter(
        str(message["created_at"])[:7] for cid in world.channels for message in world.messages_of(cid)
    )  # the sample's times are all in UTC
    assert {line["month"]: line["stream"] for line in report["months"]} == read
    assert {line["month"]: line["chatsdk"] for line in report["months"]} == here
    total = report["total"]
    assert (total["read"], total["carried"]) == (read.total(), messages)
    assert total["read"] == total["carried"] + total["withheld"] + total["rejected"]
    assert len(report["busiest"]) == 20
    assert sum(line["numbers"]["carried"] for line in report["channel_types"]) == messages
    assert {line["stream_type"] for line in report["channel_types"]} == {cid.split(":")[0] for cid in world.channels}
    assert {line["asset"]: line["rows"] for line in report["assets"]}["messages"] == messages
    assert [line["job"] for line in report["runs"]] == ["full_migration", "migrate_channels"]
    assert all(line["api_calls"] > 0 for line in report["runs"])

    assert_nothing_private(text + json.dumps(report, ensure_ascii=False) + metadata["report"].value, world)
    for name in ("messages_by_month", "rows_per_second"):
        assert metadata[name].value.startswith(f"![{name}](data:image/png;base64,")
        assert metadata[name].value[len(f"![{name}]") + 1 : -1] in metadata["report"].value
    folder = surroundings / "reports" / target.app_id
    assert sorted(path.suffix for path in folder.iterdir()) == [".json", ".md", ".png", ".png"]


def test_an_empty_app_lost_nothing(surroundings: Path, instance: dg.DagsterInstance) -> None:
    text = Path(made(instance)["markdown_file"].value).read_text()
    sections = [part for part in text.split("\n## ") if part.startswith("What ")]
    assert len(sections) == 7
    assert [part.splitlines()[0] for part in sections if not part.strip().endswith(NOTHING)] == []


def test_a_channel_that_is_loaded_again_replaces_what_was_read_of_it(
    surroundings: Path, serve: Any, instance: dg.DagsterInstance
) -> None:
    world = small_world()
    serve(world)
    migrate(instance)
    assert months_of(made(instance)) == {"2024-01": (3, 3), "2024-02": (1, 1), "2024-03": (1, 0)}
    carry_again(instance, ROOM)
    assert months_of(made(instance)) == {"2024-01": (3, 3), "2024-02": (1, 1), "2024-03": (1, 0)}

    world.hard_delete_message("jan-0")
    world.hard_delete_message("feb-0")
    world.add_message(ROOM, "apr-0", user_id="ben", text=WORDS, at="2024-04-02T00:00:00Z")
    carry_again(instance, ROOM, ["members", "reactions"])
    assert months_of(made(instance)) == {"2024-01": (3, 3), "2024-02": (1, 1), "2024-03": (1, 0)}
    carry_again(instance, ROOM)
    assert months_of(made(instance)) == {"2024-01": (2, 3), "2024-02": (0, 1), "2024-03": (1, 0), "2024-04": (1, 1)}

    world.delete_channel(ROOM)
    carry_again(instance, ROOM)  # gone from the source: what was read last is still what was read last
    assert months_of(made(instance))["2024-01"] == (2, 3)


def months_of(metadata: dict[str, Any]) -> dict[str, tuple[int, int]]:
    return {line["month"]: (line["stream"], line["chatsdk"]) for line in metadata["json"].value["months"]}


def test_messages_of_live_users_are_told_apart(
    surroundings: Path, serve: Any, instance: dg.DagsterInstance, target: TargetDatabase
) -> None:
    serve(small_world())
    migrate(instance)
    with target.superuser() as conn:
        conn.execute(
            "INSERT INTO message (id, app_id, channel_id, user_id, seq, text, created_at)"
            " SELECT gen_random_uuid(), app_id, id, 'ana', 99, 'hello', now() FROM channel"
        )
    metadata = made(instance)
    total = metadata["json"].value["total"]
    assert (total["carried"], total["own"]) == (4, 1)
    assert sum(here for _, here in months_of(metadata).values()) == 4


def test_details_that_may_quote_people_stay_in_the_database(
    surroundings: Path, instance: dg.DagsterInstance, target: TargetDatabase
) -> None:
    """Kinds whose detail is a bad value as it came, a kind nobody knows, and a rejected record with its reason."""
    ledger_installed(target)
    with target.superuser() as conn:
        for kind, stream_id, detail in (
            ("read_state_unreadable", "team:a", f"Not a timestamp: '{WORDS}'."),
            ("attachment_type_unknown", "", f"m|1: {WORDS}"),
            ("invented_later", "m2", WORDS),
        ):
            conn.execute(
                "INSERT INTO chatsdk_migration.loss VALUES (%s, 'team:a', 'message', %s, %s, 2, %s)",
                [target.app_id, kind, stream_id, detail],
            )
        conn.execute(
            "INSERT INTO chatsdk_migration.quarantine (app_id, entity, stream_id, cid, code, reason, record)"
            " VALUES (%s, 'message', 'm3', 'team:a', 'bad_shape', %s, %s)",
            [target.app_id, WORDS, json.dumps({"text": WORDS})],
        )
        conn.execute(
            "INSERT INTO chatsdk_migration.quarantine"
            " (app_id, entity, stream_id, cid, code, reason, record, discarded_at, replayed_at) VALUES"
            " (%(app)s, 'vote', 'p1', 'team:a', 'no_user', 'Nobody.', '{}', now(), NULL),"
            " (%(app)s, 'message', 'm4', 'team:a', 'bad_shape', 'Healed.', '{}', NULL, now())",
            {"app": target.app_id},
        )
    metadata = made(instance)
    text = Path(metadata["markdown_file"].value).read_text()
    assert WORDS not in text + json.dumps(metadata["json"].value)
    assert "`m\\|1 in team:a`" in text
    assert "`m3 in team:a`" in text
    assert {(line["code"], line["number"], line["discarded"]) for line in metadata["json"].value["rejected"]} == {
        ("bad_shape", 1, 0),
        ("no_user", 1, 1),
    }
    assert metadata["rejected"].value == 2
    assert metadata["losses"].value == 6


def ledger_installed(target: TargetDatabase) -> None:
    opened = Target(target.settings())
    ledger.install(opened)
    opened.close()


def test_channels_that_failed_are_missing_with_their_reason(surroundings: Path, instance: dg.DagsterInstance) -> None:
    world = memory.World(["team:good", "team:bad"], failing={"team:bad": Part.MESSAGES})
    definitions = build_definitions(overrides={"migration": memory.memory_migration(world)})
    migrate(instance, definitions)
    metadata = made(instance, definitions)
    report = metadata["json"].value
    assert list(report["unfinished"]) == ["team:bad"]
    assert "more than a page in one instant" in report["unfinished"]["team:bad"]
    assert metadata["unfinished_channels"].value == 1
    assert "1 of 2 channels are not complete" in metadata["report"].value


def test_another_apps_runs_are_not_reported_as_this_ones(
    surroundings: Path, instance: dg.DagsterInstance, target: TargetDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Channels are kept by cid alone: numbers of another app's runs would stand beside this one's losses."""
    owner.claim(instance, target.settings())
    monkeypatch.setenv("STREAM_API_KEY", "")
    made(instance)  # needs no key
    monkeypatch.setenv("CHATSDK_APP_ID", target.other_app_id)
    with pytest.raises(PermanentError, match=f"it holds the migration into app {target.app_id}"):
        make_report(Console(file=StringIO()), None)


def test_the_command_writes_where_it_is_told(
    surroundings: Path, serve: Any, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    serve(small_world())
    migrate(instance)
    out = StringIO()
    make_report(Console(file=out, width=500), tmp_path / "elsewhere")
    (document,) = (tmp_path / "elsewhere").glob("*.md")
    assert str(document) in out.getvalue()
    assert "4 messages from Stream are in ChatSDK" in out.getvalue()
    assert "withheld 1" in out.getvalue()
    assert not (surroundings / "reports").exists()
    runs = instance.get_runs(dg.RunsFilter(job_name="report_migration"))
    assert [run.status for run in runs] == [dg.DagsterRunStatus.SUCCESS]
