"""The README stays true: every command, option, variable and job it should name is in it, and no other."""

from __future__ import annotations

import re
from pathlib import Path

from typer.main import get_command

from chatsdk_migration.cli import app
from chatsdk_migration.cli.options import VARIABLES
from chatsdk_migration.definitions import defs

README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
COMMANDS = get_command(app).commands  # type: ignore[attr-defined]


def test_every_command_is_explained() -> None:
    missing = [name for name in COMMANDS if f"chatsdk-migrate {name}" not in README]
    assert missing == []


def test_every_option_of_the_import_is_explained() -> None:
    options = {option for parameter in COMMANDS["import-stream"].params for option in parameter.opts}
    missing = [option for option in options - {"--help"} if f"`{option}" not in README and f" `{option}" not in README]
    assert missing == []


def test_no_command_is_explained_that_does_not_exist() -> None:
    named = set(re.findall(r"chatsdk-migrate ([a-z][a-z-]+)", README))
    assert named <= COMMANDS.keys()


def test_every_variable_with_a_name_of_its_own_is_explained() -> None:
    own = {name for name in VARIABLES.values() if not name.startswith("CHATSDK_MIGRATION_")}
    assert [name for name in own if name not in README] == []


def test_every_job_it_names_exists() -> None:
    jobs = {job.name for job in defs.resolve_all_job_defs()}
    named = set(re.findall(r"[Jj]ob \*\*([a-z_]+)\*\*", README))
    assert named <= jobs
    assert {"full_migration", "migrate_channels"} <= named
