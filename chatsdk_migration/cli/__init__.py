"""``chatsdk-migrate``: the command line.

Here: the commands and their options, nothing else. Each command fills the environment in and submits the same Dagster
jobs to the same instance as the web UI, so every run shows there. Not here: what the commands do
(a module for each) and the settings' meaning (``settings.py``).

Exit codes: 0 all done, 1 some channels failed or something differs (named), 2 bad input or configuration, or a
database is gone, 3 a defect of this tool, 130 interrupted.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from typer.core import TyperGroup

from chatsdk_migration.cli import options, quarantine, quiet
from chatsdk_migration.errors import MigrationError, PermanentError

EXIT_FAILED_CHANNELS = 1
EXIT_BAD_INPUT = 2
EXIT_DEFECT = 3
EXIT_INTERRUPTED = 130
"""What shells give a program that Ctrl-C ended."""


class Commands(TyperGroup):
    """The commands; Ctrl-C in any of them is an interrupt and not, as by default, a failure."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command; those whose interrupt needs more words say them themselves."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            complain("Interrupted.")
            raise typer.Exit(EXIT_INTERRUPTED) from None


app = typer.Typer(
    name="chatsdk-migrate",
    cls=Commands,
    help="Move a Stream Chat app into ChatSDK's database. Start with `validate`, then `import-stream`.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # rich tracebacks print local variables, secrets among them
)
PLAIN_WIDTH = 140
"""Columns of tables in a log or a pipe, which would otherwise be cut at 80."""
console = Console(width=None if sys.stdout.isatty() else PLAIN_WIDTH, emoji=False)
"""Without emoji codes: the end of a cid such as ``team:fire`` would become one."""


@app.command()
@options.taking(options.SOURCE)
def validate() -> None:
    """Check the Stream credentials and say what a full migration will need."""
    from chatsdk_migration.cli.validating import validate_source

    validate_source(console)


@app.command("import-stream")
@options.taking(options.SOURCE, options.TARGET, options.LOAD)
def import_stream(
    channels: Annotated[
        list[str] | None, typer.Option("--channels", metavar="ID...", help="Only these channels: bare ids or cids.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read, map and check everything; write nothing.")] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Only what is failed or missing, from Dagster's records.")
    ] = False,
    new_key: Annotated[
        bool, typer.Option("--new-key", help="The same Stream app has a new API key since the last run.")
    ] = False,
) -> None:
    """Migrate everything, or the given channels, or what an earlier run left."""
    from chatsdk_migration.cli import importing

    wanted = importing.Wanted(channels=channels or [], resume=resume, new_key=new_key)
    with resumable():
        failed = importing.rehearse(console, wanted) if dry_run else importing.run_import(console, wanted)
    raise typer.Exit(EXIT_FAILED_CHANNELS if failed else 0)


@app.command()
@options.taking(options.SOURCE, options.TARGET)
def verify(
    channels: Annotated[
        list[str] | None, typer.Option("--channels", metavar="ID...", help="Only these channels: bare ids or cids.")
    ] = None,
    sample: Annotated[
        str, typer.Option("--sample", metavar="N%", help="Only that share of the channels, the same at every run.")
    ] = "100%",
    from_ledger: Annotated[
        bool, typer.Option("--from-ledger", help="Against what the loads recorded; does not read Stream.")
    ] = False,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write all that was found to this file.")
    ] = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Put right what nothing explains; what people did in ChatSDK stays.")
    ] = False,
) -> None:
    """Read Stream again and hold the target against it, record by record; exit code 1 on unexplained differences."""
    from chatsdk_migration.cli import verifying

    wanted = verifying.Wanted(tuple(channels or ()), sample, from_ledger, repair, json_file)
    raise typer.Exit(0 if verifying.run_verify(console, wanted) else EXIT_FAILED_CHANNELS)


app.add_typer(quarantine.app, name="quarantine")


@app.command()
@options.taking(options.TARGET)
def status() -> None:
    """Say what is done, failed and missing, how fast it goes and how long it will still take."""
    from chatsdk_migration.cli.status import show_status

    show_status(console)


@app.command()
@options.taking(options.TARGET)
def report(
    output: Annotated[
        Path | None, typer.Option("--output", metavar="DIR", help="Folder for the files [DAGSTER_HOME/reports].")
    ] = None,
) -> None:
    """Write down what was imported, changed, withheld, rejected and is missing, with numbers and plots."""
    from chatsdk_migration.cli.report import make_report

    make_report(console, output)


@app.command()
@options.taking(options.SOURCE, options.TARGET)
def sync(
    once: Annotated[bool, typer.Option("--once", help="One sync (the default).")] = False,
    every: Annotated[
        str | None, typer.Option("--every", metavar="INTERVAL", help="Again and again, such as 10m, until Ctrl-C.")
    ] = None,
    sweep: Annotated[bool, typer.Option("--sweep", help="Read all history again, for every deletion.")] = False,
) -> None:
    """Follow Stream after the first load; what people did in ChatSDK since stays."""
    from chatsdk_migration.cli import syncing

    if once and every is not None:
        raise PermanentError("reading the command line", "--once and --every were given", "Leave one of them out.")
    failed = syncing.run_sync(console, every, sweep=sweep)
    raise typer.Exit(EXIT_FAILED_CHANNELS if failed else 0)


@app.command()
@options.taking(options.SOURCE, options.TARGET)
def cutover(  # noqa: PLR0913 - its switches
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Rehearse what only reads, with timings; change nothing, ask nothing.")
    ] = False,
    sample: Annotated[
        str, typer.Option("--sample", metavar="N%", help="Share of the channels a --dry-run compares.")
    ] = "5%",
    yes: Annotated[bool, typer.Option("--yes", help="Writes in Stream are frozen already; ask nothing.")] = False,
    repair: Annotated[bool, typer.Option("--repair", help="With --yes: put right what nothing explains.")] = False,
    skip_readiness: Annotated[bool, typer.Option("--skip-readiness", help="Go on although not ready.")] = False,
    skip_freeze_check: Annotated[
        bool, typer.Option("--skip-freeze-check", help="Do not look whether Stream is still being written.")
    ] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget a cutover that was begun, and begin anew.")] = False,
    thaw: Annotated[
        bool, typer.Option("--thaw", help="Stream is thawed: end the cutover under way, and say how to go on.")
    ] = False,
) -> None:
    """Switch to ChatSDK: freeze, final sync, comparison, proof; interrupted, it goes on where it was."""
    from chatsdk_migration.cli.cutover import Wanted, run_cutover

    wanted = Wanted(
        dry_run,
        sample,
        yes=yes,
        repair=repair,
        skip_readiness=skip_readiness,
        skip_freeze_check=skip_freeze_check,
        fresh=fresh,
        thaw=thaw,
    )
    try:
        equal = run_cutover(console, wanted)
    except KeyboardInterrupt:
        complain("Interrupted. What is done is kept: run the same command again to go on.")
        raise typer.Exit(EXIT_INTERRUPTED) from None
    raise typer.Exit(0 if equal else EXIT_FAILED_CHANNELS)


@app.command()
def ui(
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="Port of the web UI.")] = 3000,
    host: Annotated[str, typer.Option("--host", help="Address it listens on.")] = "127.0.0.1",
    demo: Annotated[bool, typer.Option("--demo", help="On the sample workspace, with its Stream server.")] = False,
) -> None:
    """Open Dagster's web UI on the same assets, runs and history."""
    from chatsdk_migration.cli.ui import open_ui

    raise typer.Exit(open_ui(console, host=host, port=port, demo=demo))


@app.command()
def stop() -> None:
    """End the PostgreSQL that other commands started for Dagster's records; any command starts it again."""
    from chatsdk_migration.cli.session import stop_postgres

    stop_postgres(console)


@app.command()
def demo() -> None:
    """Migrate a sample workspace from a local Stream server into an embedded ChatSDK database."""
    from chatsdk_migration.cli.world import run_demo

    raise typer.Exit(EXIT_FAILED_CHANNELS if run_demo(console) else 0)


def complain(message: str) -> None:
    """Print an error, as it is, on standard error."""
    Console(stderr=True, soft_wrap=True, emoji=False).print(
        f"Error: {message}", style="red", markup=False, highlight=False
    )


def main() -> None:
    """Run the command line; an error of ours is one readable message and exit code 2, never a traceback."""
    quiet.keep_libraries_quiet(complain)
    try:
        options.read_environment_file()
        app(options.spread_variadic(sys.argv[1:], "--channels"))
    except MigrationError as error:
        complain(str(error))
        raise SystemExit(EXIT_BAD_INPUT) from None
    except Exception as error:  # noqa: BLE001 - the last resort: a traceback could quote private data
        raise SystemExit(_crashed(error)) from None


def _crashed(error: Exception) -> int:
    """Say what nobody expected in one line; give the exit code."""
    from chatsdk_migration.instance.trouble import understand

    known = understand(error)
    if known is not None:
        complain(str(known))
        return EXIT_BAD_INPUT
    complain(
        f"a defect of this tool ({type(error).__name__}). The trace is in {quiet.keep_trace(error)}; "
        "it may quote private data. Report it. What is done is kept: the same command goes on from there "
        "(import-stream with --resume)."
    )
    return EXIT_DEFECT


@contextmanager
def resumable() -> Iterator[None]:
    """Say after Ctrl-C that nothing done is lost."""
    try:
        yield
    except KeyboardInterrupt:
        complain("Interrupted. What is done is kept: run the same command with --resume to go on.")
        raise typer.Exit(EXIT_INTERRUPTED) from None
