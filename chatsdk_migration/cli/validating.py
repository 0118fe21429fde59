"""``validate``: are the credentials good, and what will a full run need? Not here: the arithmetic (``plan.py``)."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from chatsdk_migration.cli.session import require_credentials
from chatsdk_migration.progress import duration
from chatsdk_migration.settings import Settings
from chatsdk_migration.stream.client import StreamClient
from chatsdk_migration.stream.plan import Plan, estimate


def validate_source(console: Console) -> None:
    """Read what is needed for an estimate, and print it.

    Raises:
        PermanentError: Stream refuses the credentials.
    """
    settings = require_credentials(Settings.load())
    with StreamClient(settings) as client:
        plan = estimate(client, concurrency=settings.channels_in_flight, share=settings.rate_limit_share)
    console.print("Credentials: accepted by Stream.")
    console.print(_sizes(plan))
    console.print(_calls(plan))
    at_least = "at least " if plan.lower_bound else ""
    console.print(f"A full run: {at_least}{plan.total_calls:,} calls, {at_least}{duration(plan.seconds)} of reading.")
    for note in plan.notes:
        console.print(note, highlight=False)
    console.print("Next: `chatsdk-migrate import-stream --dry-run` reads and maps everything, and writes nothing.")


def _sizes(plan: Plan) -> Table:
    table = Table("users", "channels", "members", "messages")
    messages = f"{plan.messages:,}" if not plan.channels_without_count else f"{plan.messages:,} or more"
    if plan.channels_without_count == plan.channels > 0:
        messages = "not told"
    table.add_row(f"{plan.users:,}", f"{plan.channels:,}", f"{plan.members:,}", messages)
    return table


def _calls(plan: Plan) -> Table:
    table = Table("endpoint", "calls", "limit a minute")
    for endpoint, calls in plan.calls.items():
        table.add_row(endpoint, f"{calls:,}", f"{plan.limits[endpoint]:,}" if endpoint in plan.limits else "not told")
    return table
