"""``chatsdk-migrate``: the command line.

Here: the commands and their options, nothing else. Each command fills the environment in and submits the same Dagster
jobs to the same instance as the web UI, so every run shows there. Not here: what the commands do
(``importing.py``, ``status.py``, ``world.py``, ``ui.py``) and the settings' meaning (``settings.py``).

Exit codes: 0 all migrated, 1 some channels failed (named), 2 bad input or configuration, 130 interrupted.
"""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from dotenv import load_dotenv
from rich.console import Console

from chatsdk_migration.cli import options
from chatsdk_migration.errors import MigrationError

EXIT_FAILED_CHANNELS = 1
EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = 130
"""What shells give a program that Ctrl-C ended."""

app = typer.Typer(
    name="chatsdk-migrate",
    help="Move a Stream Chat app into ChatSDK's database. Start with `validate`, then `import-stream`.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # rich tracebacks print local variables, secrets among them
)
PLAIN_WIDTH = 140
"""Columns of tables in a log or a pipe, which would otherwise be cut at 80."""
console = Console(width=None if sys.stdout.isatty() else PLAIN_WIDTH)


@app.command()
def validate(api_key: options.ApiKey = None, secret: options.Secret = None) -> None:
    """Check the Stream credentials and say what a full migration will need."""
    options.into_environment(api_key=api_key, secret=secret)
    from chatsdk_migration.cli.validating import validate_source

    validate_source(console)


@app.command("import-stream")
def import_stream(  # noqa: PLR0913 - the options of the tool this one replaces
    api_key: options.ApiKey = None,
    secret: options.Secret = None,
    target_app_id: options.TargetAppId = None,
    db_host: options.DbHost = None,
    db_port: options.DbPort = None,
    db_name: options.DbName = None,
    db_user: options.DbUser = None,
    db_password: options.DbPassword = None,
    db_ssl: options.DbSsl = None,
    db_ssl_ca: options.DbSslCa = None,
    user_batch_size: options.UserBatchSize = None,
    channel_batch_size: options.ChannelBatchSize = None,
    message_batch_size: options.MessageBatchSize = None,
    channels: Annotated[
        list[str] | None, typer.Option("--channels", metavar="ID...", help="Only these channels: bare ids or cids.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read, map and check everything; write nothing.")] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Only what is failed or missing, from Dagster's records.")
    ] = False,
) -> None:
    """Migrate everything, or the given channels, or what an earlier run left."""
    options.into_environment(
        api_key=api_key,
        secret=secret,
        target_app_id=target_app_id,
        db_host=db_host,
        db_port=db_port,
        db_name=db_name,
        db_user=db_user,
        db_password=db_password,
        db_ssl=db_ssl,
        db_ssl_ca=db_ssl_ca,
        user_batch_size=user_batch_size,
        channel_batch_size=channel_batch_size,
        message_batch_size=message_batch_size,
    )
    from chatsdk_migration.cli import importing

    wanted = importing.Wanted(channels=channels or [], resume=resume)
    with resumable():
        failed = importing.rehearse(console, wanted) if dry_run else importing.run_import(console, wanted)
    raise typer.Exit(EXIT_FAILED_CHANNELS if failed else 0)


@app.command()
def status() -> None:
    """Say what is done, failed and missing, how fast it goes and how long it will still take."""
    from chatsdk_migration.cli.status import show_status

    show_status(console)


@app.command()
def report(
    output: Annotated[
        Path | None, typer.Option("--output", metavar="DIR", help="Folder for the files [DAGSTER_HOME/reports].")
    ] = None,
) -> None:
    """Write down what was imported, changed, withheld, rejected and is missing, with numbers and plots."""
    from chatsdk_migration.cli.report import make_report

    make_report(console, output)


@app.command()
def ui(
    port: Annotated[int, typer.Option("--port", help="Port of the web UI.")] = 3000,
    host: Annotated[str, typer.Option("--host", help="Address it listens on.")] = "127.0.0.1",
    demo: Annotated[bool, typer.Option("--demo", help="On the sample workspace, with its Stream server.")] = False,
) -> None:
    """Open Dagster's web UI on the same assets, runs and history."""
    from chatsdk_migration.cli.ui import open_ui

    open_ui(console, host=host, port=port, demo=demo)


@app.command()
def demo() -> None:
    """Migrate a sample workspace from a local Stream server into an embedded ChatSDK database."""
    from chatsdk_migration.cli.world import run_demo

    raise typer.Exit(EXIT_FAILED_CHANNELS if run_demo(console) else 0)


def complain(message: str) -> None:
    """Print an error, as it is, on standard error."""
    Console(stderr=True, soft_wrap=True).print(f"Error: {message}", style="red", markup=False, highlight=False)


def main() -> None:
    """Run the command line; an error of ours is one readable message and exit code 2, never a traceback."""
    load_dotenv(".env")
    _keep_libraries_quiet()
    arguments = options.spread_variadic(sys.argv[1:], "--channels")
    try:
        app(arguments)
    except MigrationError as error:
        complain(str(error))
        raise SystemExit(EXIT_BAD_INPUT) from None


@contextmanager
def resumable() -> Iterator[None]:
    """Say after Ctrl-C that nothing done is lost."""
    try:
        yield
    except KeyboardInterrupt:
        complain("Interrupted. What is done is kept: run the same command with --resume to go on.")
        raise typer.Exit(EXIT_INTERRUPTED) from None


def _keep_libraries_quiet() -> None:
    """Leave the terminal to the commands; what Dagster says is in its event log all the same."""
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    for name in ("dagster", "psycopg.pool"):
        logging.getLogger(name).setLevel(logging.ERROR)
