"""``sync``: follow Stream, once or again and again, as runs of the project's own job.

Here: the interval, the cost said beforehand, what is said after each sync. Not here: the sync (``sync/``), the job
(``jobs.py``).
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import dagster as dg
import typer
from dagster import DagsterEventType
from dagster._core.events.log import EventLogEntry
from rich.console import Console

from chatsdk_migration.cli.exclusive import alone
from chatsdk_migration.cli.session import opened_instance, require_credentials
from chatsdk_migration.definitions import build_definitions
from chatsdk_migration.errors import PermanentError
from chatsdk_migration.instance import launch, owner
from chatsdk_migration.jobs import incremental_sync
from chatsdk_migration.settings import Settings
from chatsdk_migration.sync import Cost, Sweep, cost, open_migration

_INTERVAL = re.compile(r"(\d+)\s*([smh]?)")
_SECONDS = {"": 60, "s": 1, "m": 60, "h": 3600}
EXIT_INTERRUPTED = 130
_IN_THE_MIDDLE = "Interrupted in the middle of a sync. What is done is kept, and the next sync does the rest."
_BETWEEN = "Stopped between two syncs: nothing is left half done. `chatsdk-migrate sync` goes on from here."
T = TypeVar("T")
DEFAULT_INTERVAL_SECONDS = 600
"""For the share of the limits that is printed; the interval of the schedule."""


def run_sync(console: Console, every: str | None, *, sweep: bool) -> bool:
    """Sync; say whether some channels failed (of the last sync, with ``every``).

    Raises:
        PermanentError: Bad input or configuration, or nothing further can succeed.
    """
    interval = None if every is None else seconds_of(every)
    chosen = Sweep.ALL if sweep else Sweep.RECENT
    settings = require_credentials(Settings.load())
    with opened_instance() as instance, alone():
        owner.claim(instance, settings)
        _say_cost(console, settings, chosen, interval)
        definitions = build_definitions()
        while True:
            began = time.monotonic()
            failed = _undisturbed(console, lambda: _sync(console, instance, definitions, chosen), _IN_THE_MIDDLE)
            if interval is None:
                return failed
            wait = max(0.0, interval - (time.monotonic() - began))
            console.print(f"Next sync in {round(wait)} s; Ctrl-C ends.", highlight=False)
            _undisturbed(console, partial(time.sleep, wait), _BETWEEN)


def _undisturbed(console: Console, work: Callable[[], T], when_interrupted: str) -> T:
    try:
        return work()
    except KeyboardInterrupt:
        console.print(when_interrupted, highlight=False)
        raise typer.Exit(EXIT_INTERRUPTED) from None


def seconds_of(interval: str) -> int:
    """Read ``10m``, ``30s``, ``1h``; a bare number counts minutes.

    Raises:
        PermanentError: It is none of these.
    """
    match = _INTERVAL.fullmatch(interval.strip())
    if match is None or not int(match[1]):
        raise PermanentError("reading --every", f"{interval!r} is no interval", "Give one such as 30s, 10m or 1h.")
    return int(match[1]) * _SECONDS[match[2]]


def _say_cost(console: Console, settings: Settings, sweep: Sweep, interval: int | None) -> None:
    with open_migration(settings) as migration:
        expected = cost(migration, sweep=sweep, interval_seconds=interval or DEFAULT_INTERVAL_SECONDS)
    console.print(cost_line(expected), highlight=False)


def cost_line(expected: Cost) -> str:
    """Say in a line what a sync will need."""
    calls = ", ".join(f"{name} {number:,}" for name, number in expected.calls.items() if number)
    line = f"A sync needs about {expected.total:,} calls ({calls}) and what the changes themselves need"
    if not expected.limits:
        return f"{line}; Stream does not tell its limits."
    return (
        f"{line}: {expected.used_share:.1%} of the tightest limit at this interval, at most "
        f"{expected.share:.0%} of the limits at any moment."
    )


def _sync(console: Console, instance: dg.DagsterInstance, definitions: dg.Definitions, sweep: Sweep) -> bool:
    """Run the job once; say whether some channels failed."""
    report: dict[str, Any] = {}

    def note(entry: EventLogEntry) -> None:
        event = entry.dagster_event
        if event is not None and event.event_type is DagsterEventType.STEP_OUTPUT:
            value = event.step_output_data.metadata["report"].value
            report.update(value if isinstance(value, dict) else {})

    config = {"ops": {"sync_changes": {"config": {"sweep": sweep.value}}}}
    finished = launch.run_in_process(instance, definitions, incremental_sync.name, run_config=config, on_event=note)
    if finished.interrupted:
        raise KeyboardInterrupt
    if not finished.succeeded:
        console.print(f"Not complete: {launch.failure_reason(instance, finished)}", style="bold red", markup=False)
        return True
    console.print(report_line(report), highlight=False, markup=False)
    return False


def report_line(report: dict[str, Any]) -> str:
    """Say in a line what a sync did."""
    applied = ", ".join(f"{kind} {number:,}" for kind, number in sorted(report["applied"].items())) or "nothing"
    return (
        f"Synced to {report['started']}: {report['channels_looked_at']:,} channels looked at, "
        f"{report['channels_changed']:,} changed ({applied}); {report['conflicts']:,} conflicts stand; "
        f"{report['api_calls']:,} calls.{_feed_words(report)}"
    )


def _feed_words(report: dict[str, Any]) -> str:
    """Say what the queue of Stream's events brought."""
    feed = report.get("feed")
    if feed is None:
        return ""
    said = f" Queue: {feed['received']:,} messages for {feed['channels']:,} channels"
    said += ", all channels looked at" if report["looked_at_all"] else ", only those looked at"
    if feed["unreadable"]:
        said += f"; {feed['unreadable']:,} could not be read"
    return f"{said}; {feed['problem']}" if feed.get("problem") else f"{said}."
