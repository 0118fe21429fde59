"""What `deploy/` says still fits the program: its command, its variables, the time a stop takes."""

from __future__ import annotations

import re
import shlex
from configparser import ConfigParser
from pathlib import Path

from typer.main import get_command

from chatsdk_migration.cli import app
from chatsdk_migration.cli.session import HEARTBEAT_SECONDS
from chatsdk_migration.cli.ui import STOP_SECONDS
from chatsdk_migration.instance.home import StorageLocation
from chatsdk_migration.settings import Settings

DEPLOY = Path(__file__).parents[2] / "deploy"


def service() -> dict[str, str]:
    unit = ConfigParser(interpolation=None, strict=False)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(DEPLOY / "chatsdk-migration.service")
    return dict(unit["Service"])


def test_the_service_starts_a_command_that_exists_with_options_it_has() -> None:
    program, name, *options = shlex.split(service()["ExecStart"])
    assert Path(program).name == "chatsdk-migrate"
    command = get_command(app).commands[name]  # type: ignore[attr-defined]
    assert command.make_context(name, options).params["port"] == 3000


def test_the_service_gives_the_program_time_to_end_and_its_daemon_to_be_forgotten() -> None:
    assert int(service()["TimeoutStopSec"]) > STOP_SECONDS
    assert int(service()["RestartSec"]) > HEARTBEAT_SECONDS


def test_every_variable_of_the_environment_file_is_read() -> None:
    named = re.findall(r"^#?([A-Z_]+)=", (DEPLOY / "chatsdk-migration.env").read_text("utf-8"), re.MULTILINE)
    aliases = {str(field.validation_alias) for field in Settings.model_fields.values()}
    records = StorageLocation("", 0, "", "", "").environment()
    assert set(named) <= aliases | set(records) | {"CHATSDK_MIGRATION_CONFIG"}
