"""``verify`` as a stranger uses it: the real program, its table, its file, its exit codes, and the checks in Dagster.

Not here: what a comparison finds in detail (``test_reconcile.py``).
"""

from __future__ import annotations

import json

import dagster as dg
import pytest

from chatsdk_migration.definitions import defs
from chatsdk_migration.demo.world import World
from chatsdk_migration_tests.end_to_end.damages import DAMAGES
from chatsdk_migration_tests.end_to_end.program import Program, program, world

__all__ = ["program", "world"]  # fixtures


def test_verify_finds_nothing_then_a_damage_then_heals_it(program: Program) -> None:
    program.run("import-stream")
    program.forget_calls()
    said = program.run("verify")
    assert "0 differences that nothing explains" in said
    assert "Check integrity: passed" in said
    assert "Check privacy: passed" in said
    assert program.calls("QueryChannels") > 0
    with program.target.superuser() as conn:
        harm = next(one for one in DAMAGES if one.name == "text changed by one character").do(conn)
        (stream_id,) = {one[3] for one in harm.named}
    said = program.run("verify", "--channels", harm.cid, "--json", "found.json", expect=1)
    assert stream_id in said
    found = json.loads((program.home / "found.json").read_text())
    assert [(one["category"], one["field"], one["stream_id"]) for one in found["differences"]] == [
        ("messages", "text", stream_id)
    ]
    program.forget_calls()
    assert stream_id in program.run("verify", "--from-ledger", expect=1)
    assert program.calls("QueryChannels") == 0
    assert "Repaired: 1 messages" in program.run("verify", "--channels", harm.cid.partition(":")[2], "--repair")
    assert "0 differences that nothing explains" in program.run("verify", "--sample", "20%")
    with program.target.superuser() as conn:
        harm = next(one for one in DAMAGES if one.name == "channel made public").do(conn)
    said = program.run("import-stream", expect=1)
    assert "Check privacy failed" in said
    assert harm.cid in said


def test_bad_input_is_one_message_and_exit_code_two(program: Program, world: World) -> None:
    program.run("import-stream")
    assert "is no share" in program.run("verify", "--sample", "all", expect=2)
    said = program.run("verify", "--channels", "nowhere", expect=2)
    assert "nowhere" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("name", "asset", "blocking"),
    [
        ("completeness", "channels", False),
        ("content", "messages", False),
        ("integrity", "messages", True),
        ("privacy", "channels", True),
    ],
)
def test_the_checks_are_where_an_operator_looks_for_them(name: str, asset: str, blocking: bool) -> None:
    spec = defs.resolve_asset_graph().get_check_spec(dg.AssetCheckKey(dg.AssetKey(asset), name))
    assert spec.blocking is blocking
    assert spec.description
