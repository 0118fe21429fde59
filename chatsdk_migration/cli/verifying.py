"""``verify``: the checks of a finished migration as a run of the project's own job, and what they found as a table.

Here: what is asked, and how it is said. Not here: the comparison (``reconcile/``), the checks (``checks/``).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
from dagster import DagsterEventType
from dagster._core.events.log import EventLogEntry
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from chatsdk_migration.checks.content import VERDICT
from chatsdk_migration.cli.session import opened_instance, require_credentials
from chatsdk_migration.definitions import build_definitions
from chatsdk_migration.errors import PermanentError
from chatsdk_migration.instance import launch
from chatsdk_migration.jobs import check_load as check_load_job
from chatsdk_migration.jobs import verify_channels, verify_migration
from chatsdk_migration.progress import duration
from chatsdk_migration.reconcile.verdict import CATEGORIES, EXPLANATIONS
from chatsdk_migration.settings import Settings
from chatsdk_migration.words import counted

LISTED = 20
"""Differences, channels and fields printed; the JSON file has more."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the operator asked for; ``sample`` as typed, ``json_file`` gets everything that was found."""

    channels: tuple[str, ...] = ()
    sample: str = "100%"
    from_ledger: bool = False
    repair: bool = False
    json_file: Path | None = None


@dataclass(slots=True)
class Watch:
    """What the events of the run say: each check's result, the verdict, and why the run broke off."""

    passed: dict[str, bool] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)
    found: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    advice: list[str] = field(default_factory=list)
    verdict: dict[str, Any] = field(default_factory=dict)
    reason: str = ""

    def note(self, entry: EventLogEntry) -> None:
        """Take one event."""
        event = entry.dagster_event
        if event is None:
            return
        if event.event_type is DagsterEventType.ASSET_CHECK_EVALUATION:
            self._evaluation(event.asset_check_evaluation_data)
        elif event.event_type is DagsterEventType.STEP_FAILURE:
            self.reason = self.reason or launch.step_reason(event.step_failure_data, entry.run_id)

    def _evaluation(self, found: dg.AssetCheckEvaluation) -> None:
        self.passed[found.check_name] = found.passed
        self.said[found.check_name] = found.description or ""
        verdict = found.metadata.get(VERDICT)
        if isinstance(verdict, dg.JsonMetadataValue) and isinstance(verdict.value, dict):
            self.verdict = dict(verdict.value)
            return
        table, advice = found.metadata.get("differences"), found.metadata.get("advice")
        if isinstance(table, dg.TableMetadataValue):
            self.found[found.check_name] = [dict(record.data) for record in table.records]
        if isinstance(advice, dg.JsonMetadataValue) and isinstance(advice.value, list):
            self.advice += [str(one) for one in advice.value]


def run_verify(console: Console, wanted: Wanted) -> bool:
    """Compare, print, and say whether everything is as it ought to be.

    Raises:
        PermanentError: Bad input or configuration, or nothing could be compared.
    """
    require_credentials(Settings.load())
    with opened_instance() as instance, console.status("Comparing…"):
        watch = compare(instance, wanted)
    watch.verdict["checks"] = {
        name: {"passed": passed, "says": watch.said[name], "differences": watch.found.get(name, [])}
        for name, passed in watch.passed.items()
    }
    if wanted.json_file is not None:
        wanted.json_file.write_text(json.dumps(watch.verdict, ensure_ascii=False, indent=2) + "\n")
    print_verdict(console, watch.verdict)
    _print_checks(console, watch)
    return all(watch.passed.values())


def compare(instance: dg.DagsterInstance, wanted: Wanted) -> Watch:
    """Run the job that compares; give what its events say.

    Raises:
        PermanentError: Nothing could be compared.
        KeyboardInterrupt: Somebody ended it.
    """
    config = {"ops": {"reconciliation": {"config": _config(wanted)}}}
    job, watch = verify_channels if wanted.channels else verify_migration, Watch()
    finished = launch.run_in_process(instance, build_definitions(), job.name, run_config=config, on_event=watch.note)
    if finished.interrupted:
        raise KeyboardInterrupt
    if not watch.verdict:
        raise PermanentError(f"run {finished.run.run_id}", watch.reason.rstrip("."), "Put it right, then run again.")
    return watch


def check_load(console: Console, instance: dg.DagsterInstance, definitions: dg.Definitions) -> bool:
    """Make the checks that must hold after a load; print those that failed, and say whether all passed."""
    watch = Watch()
    with console.status("Checking…"):
        finished = launch.run_in_process(instance, definitions, check_load_job.name, on_event=watch.note)
    if finished.interrupted:
        raise KeyboardInterrupt
    if not watch.passed:
        raise PermanentError(f"run {finished.run.run_id}", watch.reason.rstrip("."), "Put it right, then run verify.")
    for name in (name for name, passed in watch.passed.items() if not passed):
        console.print(f"Check {name} [bold red]failed[/]: {escape(watch.said[name])}", highlight=False)
        _print_found(console, watch.found.get(name, []))
    return all(watch.passed.values())


def _config(wanted: Wanted) -> dict[str, Any]:
    return {
        "channels": list(wanted.channels),
        "sample_percent": percent(wanted.sample),
        "from_ledger": wanted.from_ledger,
        "repair": wanted.repair,
    }


def percent(text: str) -> float:
    """Read ``5%`` or ``5``.

    Raises:
        PermanentError: It is no share.
    """
    try:
        percent = float(text.strip().removesuffix("%"))
    except ValueError:
        percent = 0.0
    if not 0 < percent <= 100:
        raise PermanentError("reading --sample", f"{text!r} is no share of the channels", "Give for example 5%.")
    return percent


def print_verdict(console: Console, verdict: Mapping[str, Any]) -> None:
    """Print what was compared and what differs; ``verdict`` is ``Verdict.as_json()``."""
    console.print(_summary(verdict))
    for one in [one for one in verdict["differences"] if one["explained_by"] is None][:LISTED]:
        console.print(f"  {_sentence(one)}", highlight=False, markup=False, soft_wrap=True)
    if verdict["unexplained"] > LISTED:
        console.print(f"  and {verdict['unexplained'] - LISTED:,} more; --json FILE writes them down.", highlight=False)
    _print_more(console, verdict)
    console.print(
        f"{counted(verdict['channels'], 'channel')} compared in {duration(verdict['seconds'])} with "
        f"{counted(verdict['api_calls'], 'call')} to Stream: {counted(verdict['unexplained'], 'difference')} that "
        f"nothing explains, {verdict['explained']:,} explained.",
        highlight=False,
        style="green" if verdict["clean"] else "bold red",
    )
    if verdict["unexplained"] and not verdict["repaired"]:
        console.print("`sync` brings what changed in Stream; `verify --repair` puts the rest right.", highlight=False)


def _summary(verdict: Mapping[str, Any]) -> Table:
    table = Table(title="Stream and ChatSDK, record by record", title_justify="left")
    for name in ("what", "compared", "missing", "extra", "different", "explained", ""):
        table.add_column(name, justify="left" if name in {"what", ""} else "right")
    for category in CATEGORIES:
        numbers = {kind: _number(verdict, category, kind) for kind in ("missing", "extra", "different")}
        explained = _number(verdict, category)
        compared = verdict["compared"].get(category)
        if compared is None and not any(numbers.values()) and not explained:
            continue
        cells = ["" if compared is None else f"{compared:,}", *(f"{number:,}" for number in numbers.values())]
        says = "[bold red]differs[/]" if any(numbers.values()) else "[green]equal[/]"
        table.add_row(
            "channels" if category == "channel" else category.replace("_", " "), *cells, f"{explained:,}", says
        )
    return table


def _number(verdict: Mapping[str, Any], category: str, kind: str | None = None) -> int:
    """Count unexplained differences of a kind; without a kind the explained ones."""
    chosen = (
        tally
        for tally in verdict["tallies"]
        if tally["category"] == category
        and (tally["explained_by"] is not None if kind is None else tally["explained_by"] is None)
        and kind in {None, tally["kind"]}
    )
    return sum(tally["number"] for tally in chosen)


def _sentence(one: Mapping[str, Any]) -> str:
    where = " ".join(part for part in (one["cid"], one["stream_id"]) if part)
    what = f"{one['category'].replace('_', ' ')} {one['kind']}" + (f", {one['field']}" if one["field"] else "")
    values = f": expected {one['expected']!r}, found {one['found']!r}" if one["kind"] == "different" else ""
    shown = one["expected"] or one["found"]
    if not values and shown:
        values = f": {shown!r}"
    return f"{where}: {what}{values} (ChatSDK id {one['target_id']})"


def _print_more(console: Console, verdict: Mapping[str, Any]) -> None:
    for why, number in _explanations(verdict).items():
        console.print(f"Explained: {number:,} {EXPLANATIONS.get(why, why)}.", highlight=False, markup=False)
    if verdict["repaired"]:
        told = ", ".join(f"{number:,} {name.replace('_', ' ')}" for name, number in verdict["repaired"].items())
        console.print(f"Repaired: {told}.", highlight=False, markup=False)
    for cid, problem in list(verdict["problems"].items())[:LISTED]:
        console.print(f"Not compared: {cid}: {problem}", highlight=False, markup=False, soft_wrap=True)
    for name, number in list(verdict["unaccounted"].items())[:LISTED]:
        console.print(f"Not accounted for: {name}, on {number:,} records.", highlight=False, markup=False)
    for advice in verdict["advice"]:
        console.print(f"Advice: {advice}", highlight=False, markup=False)


def _explanations(verdict: Mapping[str, Any]) -> dict[str, int]:
    found: dict[str, int] = {}
    for tally in verdict["tallies"]:
        if tally["explained_by"] is not None:
            found[tally["explained_by"]] = found.get(tally["explained_by"], 0) + tally["number"]
    return found


def _print_checks(console: Console, watch: Watch) -> None:
    for name, passed in watch.passed.items():
        if name != "content":
            says = "[green]passed[/]" if passed else "[bold red]failed[/]"
            console.print(f"Check {name}: {says}. {escape(watch.said[name])}", highlight=False)
            _print_found(console, watch.found.get(name, []))
    for advice in dict.fromkeys(watch.advice):
        console.print(f"Advice: {advice}", highlight=False, markup=False)


def _print_found(console: Console, rows: Sequence[Mapping[str, Any]]) -> None:
    """Print what a check of the target itself found, from its table."""
    for row in rows[:LISTED]:
        where = " ".join(str(row[name]) for name in ("channel", "Stream id") if row[name])
        console.print(
            f"  {where}: {row['field'] or row['kind']}: expected {row['expected']!r}, found {row['found']!r} "
            f"(ChatSDK id {row['ChatSDK id']})",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )
