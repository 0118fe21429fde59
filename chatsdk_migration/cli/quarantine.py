"""``quarantine list | show | replay | discard``: rejected records, from the command line.

Here: the commands and their options. Not here: what they do (``rejects.py``).
"""

from __future__ import annotations

from typing import Annotated

import typer

from chatsdk_migration.cli import options

app = typer.Typer(help="Rejected records: look at them, load them after all, give them up.", no_args_is_help=True)

Ids = Annotated[list[int] | None, typer.Argument(metavar="[ID]...", help="Their numbers, as `list` shows them.")]
EntityOption = Annotated[
    str | None, typer.Option("--entity", help="Only this kind: message, reaction, member, user and so on.")
]
CodeOption = Annotated[str | None, typer.Option("--code", help="Only with this reason code, e.g. bad_timestamp.")]
ChannelOption = Annotated[str | None, typer.Option("--channel", help="Only of this channel: a bare id or a cid.")]
DEFAULT_LIMIT = 100
STATES = "open, replayed, discarded or all"


@app.callback()
@options.taking(options.TARGET)
def target() -> None:
    """Rejected records: look at them, load them after all, give them up."""


@app.command("list")
def list_(
    entity: EntityOption = None,
    code: CodeOption = None,
    channel: ChannelOption = None,
    state: Annotated[str, typer.Option("--state", help=f"Which: {STATES}.")] = "open",
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many.")] = DEFAULT_LIMIT,
    as_json: Annotated[bool, typer.Option("--json", help="Everything, originals included, as JSON.")] = False,
) -> None:
    """List rejected records, oldest first."""
    from chatsdk_migration.cli import console, rejects

    rejects.print_list(console, rejects.Wanted((), entity, code, channel), state, limit, as_json=as_json)


@app.command()
def show(id: Annotated[int, typer.Argument(help="Its number, as `list` shows it.")]) -> None:
    """Print one record: the reason, and the original as Stream sent it."""
    from chatsdk_migration.cli import console, rejects

    rejects.print_one(console, id)


@app.command()
def replay(
    ids: Ids = None, entity: EntityOption = None, code: CodeOption = None, channel: ChannelOption = None
) -> None:
    """Map open records again under the present settings and load them; without any choice, all of them.

    Exit code 1 when some are still rejected.
    """
    from chatsdk_migration.cli import console, rejects

    still_open = rejects.replay(console, rejects.Wanted(tuple(ids or ()), entity, code, channel))
    raise typer.Exit(1 if still_open else 0)


@app.command()
def discard(
    ids: Ids = None,
    entity: EntityOption = None,
    code: CodeOption = None,
    channel: ChannelOption = None,
    everything: Annotated[bool, typer.Option("--all", help="All open records.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Give open records up: they stay listed under --state discarded and are not rejected anew."""
    from chatsdk_migration.cli import console, rejects

    wanted = rejects.Wanted(tuple(ids or ()), entity, code, channel)
    found = rejects.to_discard(wanted, everything=everything)
    if found and not yes:
        typer.confirm(f"Discard {len(found):,} rejected records?", abort=True)
    rejects.discard(console, found)
