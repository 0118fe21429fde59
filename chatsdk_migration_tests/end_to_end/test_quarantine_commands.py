"""``quarantine list | show | replay | discard`` and the error budget, by the real program and through Dagster."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chatsdk_migration.demo.world import World
from chatsdk_migration.settings import MappingRules
from chatsdk_migration_tests.end_to_end import poisoned
from chatsdk_migration_tests.end_to_end.checking import assert_equal_sides
from chatsdk_migration_tests.end_to_end.poisoned import POISONED_REACTIONS
from chatsdk_migration_tests.end_to_end.program import Program, program
from chatsdk_migration_tests.end_to_end.test_quarantine import HISTORY, MENDED

__all__ = ["program"]  # a fixture

MEND_IN_ENVIRONMENT = {"CHATSDK_MIGRATION_MAPPING__EMOJI": json.dumps(poisoned.MEND)}


@pytest.fixture
def poison() -> poisoned.Poison:
    return poisoned.build(poison=True)


@pytest.fixture
def world(poison: poisoned.Poison) -> World:
    return poison.world


def listed(program: Program, *options: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(program.run("quarantine", "list", "--json", "--limit", "1000", *options))
    return found


def test_from_the_first_look_to_an_empty_quarantine(program: Program, poison: poisoned.Poison) -> None:
    assert "nothing has been migrated" in program.run("quarantine", "list", expect=2)
    program.run("import-stream")
    assert len(listed(program)) == len(poison.records)
    assert "emoji_too_long" in program.run("quarantine", "list", "--entity", "reaction")
    (vote,) = listed(program, "--entity", "vote")
    shown = program.run("quarantine", "show", str(vote["id"]))
    assert "option_id_too_long" in shown
    assert poisoned.LONG_OPTION in shown
    assert "there is no record 999999" in program.run("quarantine", "show", "999999", expect=2)

    said = program.run("quarantine", "replay", "--code", "emoji_too_long", **MEND_IN_ENVIRONMENT)
    assert f"{POISONED_REACTIONS} of {POISONED_REACTIONS} rejected records are loaded now" in said
    assert "no open record was chosen" in program.run("quarantine", "replay", "--code", "emoji_too_long")
    assert_equal_sides(poisoned.build(poison=False, long_reactions=True).world, program.target, MENDED, skip=HISTORY)
    with program.dagster() as conn:
        seen = conn.execute(
            "SELECT count(*) FROM event_logs WHERE dagster_event_type = 'ASSET_OBSERVATION'"
            " AND asset_key LIKE '%reactions%'"
        ).fetchone()
    assert seen == (len(poison.world.channels),), "each channel's page says what was replayed"

    assert "none was chosen" in program.run("quarantine", "discard", expect=2)
    assert "still rejected" in program.run("quarantine", "replay", str(vote["id"]), expect=1)
    assert "1 record discarded" in program.run("quarantine", "discard", str(vote["id"]), "--yes")
    assert [one["id"] for one in listed(program, "--state", "discarded")] == [vote["id"]]
    program.run("quarantine", "discard", "--all", "--yes")
    assert "no record is open" in program.run("quarantine", "list")
    assert "Quarantine: no record was rejected." in program.run("import-stream", **MEND_IN_ENVIRONMENT)


def test_over_budget_the_import_ends_early_and_is_resumed_after_it_was_raised(
    program: Program, poison: poisoned.Poison
) -> None:
    said = program.run("import-stream", "--max-rejects", "0", expect=1, CHATSDK_MIGRATION_CHANNELS_IN_FLIGHT="1")
    assert "Stopped: " in said
    assert "more than 0" in said
    assert "not begun" in said
    assert program.calls("GetOrCreateChannel") > 0
    with program.target.superuser() as conn:
        filled = conn.execute("SELECT count(*) FROM channel WHERE message_count > 0").fetchone()
    assert filled == (1,)

    said = program.run("import-stream", "--resume", "--max-rejects", "1000")
    assert "Stopped" not in said
    assert_equal_sides(poisoned.build(poison=False).world, program.target, MappingRules(), skip=HISTORY)
    assert len(listed(program)) == len(poison.records)
