"""``sync``: follow Stream, once or again and again, as runs of the project's own job.

Here: the interval, the cost said beforehand, what is said after each sync. Not here: the sync (``sync/``), the job
(``jobs.py``).
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeVar

import dagster as dg
import typer
from rich.console import Console

from chatsdk_migration.cli.exclusive import alone
from chatsdk_migration.cli.session import opened_instance, require_credentials
from chatsdk_migration.definitions import build_definitions
from chatsdk_migration.errors import PermanentError
from chatsdk_migration.instance import launch, owner
from chatsdk_migration.jobs import incremental_sync
from chatsdk_migration.progress import duration
from chatsdk_migration.settings import Settings
from chatsdk_migration.sync import Cost, Sweep, cost, open_migration
from chatsdk_migration.words import counted, moment

_INTERVAL = re.compile(r"(\d+)\s*([smh]?)")
_SECONDS = {"": 60, "s": 1, "m": 60, "h": 3600}
EXIT_INTERRUPTED = 130
_IN_THE_MIDDLE = "Interrupted in the middle of a sync. What is done is kept, and the next sync does the rest."
_BETWEEN = "Stopped between two syncs: nothing is left half done. `chatsdk-migrate sync` goes on from here."
T = TypeVar("T")
DEFAULT_INTERVAL_SECONDS = 600
"""What the cost of a single sync is computed for; the interval of the schedule."""
LEAST_SAID_SHARE = 0.0005
"""Below it the share would be printed as 0.0%."""


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
            _undisturbed(console, partial(_wait, console, wait), _BETWEEN)


def _wait(console: Console, seconds: float) -> None:
    then = moment(datetime.now(UTC) + timedelta(seconds=seconds))
    console.print(f"Next sync in {duration(seconds)}, at {then}; Ctrl-C ends.", highlight=False)
    time.sleep(seconds)


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
    console.print(cost_line(expected, repeated=interval is not None), highlight=False)


def cost_line(expected: Cost, *, repeated: bool = True) -> str:
    """Say in a line what a sync will need, and its share of Stream's limits."""
    calls = ", ".join(f"{name} {number:,}" for name, number in expected.calls.items() if number)
    line = f"A sync needs about {counted(expected.total, 'call')} ({calls}) and what the changes themselves need"
    if not expected.limits:
        return f"{line}; Stream does not tell its limits."
    at_most = f"at most {expected.share:.0%} of Stream's limits at any moment"
    if not repeated:
        return f"{line}; {at_most}."
    used = "less than 0.1%" if expected.used_share < LEAST_SAID_SHARE else f"{expected.used_share:.1%}"
    return f"{line}; one every {duration(expected.interval_seconds)} takes {used} of the tightest limit, {at_most}."


def _sync(console: Console, instance: dg.DagsterInstance, definitions: dg.Definitions, sweep: Sweep) -> bool:
    """Run the job once; say whether some channels failed."""
    report: dict[str, Any] = {}

    config = {"ops": {"sync_changes": {"config": {"sweep": sweep.value}}}}
    finished = launch.run_in_process(
        instance, definitions, incremental_sync.name, run_config=config, on_event=launch.report_into(report)
    )
    if finished.interrupted:
        raise KeyboardInterrupt
    if not finished.succeeded:
        console.print(f"Not complete: {launch.failure_reason(instance, finished)}", style="bold red", markup=False)
        return True
    console.print(report_line(report), highlight=False, markup=False)
    return False


def report_line(report: dict[str, Any]) -> str:
    """Say in a line what a sync did."""
    applied = ", ".join(f"{kind} {number:,}" for kind, number in sorted(report["applied"].items()))
    changed = f"{report['channels_changed']:,} changed" + (f" ({applied})" if applied else "")
    waiting = report["quarantined"]
    rejected = f"{counted(waiting, 'rejected record')} in quarantine (`quarantine list`); " if waiting else ""
    stand = "stands" if report["conflicts"] == 1 else "stand"
    return (
        f"Synced to {moment(datetime.fromisoformat(report['started']))}: "
        f"{counted(report['channels_looked_at'], 'channel')} looked at, {changed}; "
        f"{counted(report['conflicts'], 'conflict')} {stand}; {rejected}"
        f"{counted(report['api_calls'], 'call')} to Stream.{_feed_words(report)}"
    )


def _feed_words(report: dict[str, Any]) -> str:
    """Say what the queue of Stream's events brought."""
    feed = report.get("feed")
    if feed is None:
        return ""
    said = f" Queue: {counted(feed['received'], 'message')} for {counted(feed['channels'], 'channel')}"
    said += ", all channels looked at" if report["looked_at_all"] else ", only those looked at"
    if feed["unreadable"]:
        said += f"; {feed['unreadable']:,} could not be read"
    return f"{said}; {feed['problem']}" if feed.get("problem") else f"{said}."
