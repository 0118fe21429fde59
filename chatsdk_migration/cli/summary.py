"""What the command line says when a run has ended: what arrived, what was lost on the way, what failed and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from chatsdk_migration import losses
from chatsdk_migration.postgres import ledger
from chatsdk_migration.postgres.target import Target
from chatsdk_migration.postgres.totals import totals
from chatsdk_migration.progress import Snapshot, duration
from chatsdk_migration.settings import Settings
from chatsdk_migration.words import are, counted

LISTED_FAILURES = 20
WIDTH_FOR_EXAMPLES = 100
"""Columns of a terminal below which examples would only make everything narrow; the report has them."""


def print_summary(console: Console, settings: Settings, snapshot: Snapshot, failed: Mapping[str, str]) -> None:
    """Print what the target holds, the losses by kind, and every failed channel's reason."""
    target = Target(settings)
    try:
        console.print(_arrived(target))
        _print_losses(console, target)
        _print_rejects(console, target)
    finally:
        target.close()
    done = snapshot.channels_total - len(failed)
    rate = f"{snapshot.messages_per_second:,.0f} messages/s"
    console.print(
        f"{done:,} of {snapshot.channels_total:,} channels in {duration(snapshot.seconds)} ({rate})."
        if snapshot.channels_total
        else "Stream lists no channel.",
        highlight=False,
    )
    _print_failures(console, failed)
    console.print("`chatsdk-migrate report` writes all of this down, with examples, advice and plots.", highlight=False)


def _arrived(target: Target) -> Table:
    table = Table(title="In ChatSDK now", title_justify="left")
    table.add_column("what")
    table.add_column("number", justify="right")
    for name, number in totals(target).items():
        table.add_row(name, f"{number:,}")
    return table


def _print_losses(console: Console, target: Target) -> None:
    noted = ledger.noted_losses(target)
    if not noted:
        console.print("Losses: nothing was changed, degraded, withheld or left without a home.")
        return
    table = Table(title="Changed, degraded, withheld or without a home", title_justify="left")
    with_examples = console.width >= WIDTH_FOR_EXAMPLES
    for name in ("what", "kind", "number", "example")[: None if with_examples else -1]:
        table.add_column(name, justify="right" if name == "number" else "left")
    for loss in sorted(noted, key=lambda noted: -noted.number):
        kind = losses.CATALOG.get(loss.kind)
        says = kind.says if kind else loss.kind
        example = [escape(loss.example[:60])] if with_examples else []
        table.add_row(loss.entity, escape(says), f"{loss.number:,}", *example)
    console.print(table)


def _print_rejects(console: Console, target: Target) -> None:
    rejects = ledger.noted_rejects(target)
    if not rejects:
        console.print("Quarantine: no record was rejected.")
        return
    table = Table(title="Rejected records, kept in chatsdk_migration.quarantine", title_justify="left")
    for name in ("what", "code", "number", "example"):
        table.add_column(name)
    for reject in rejects:
        table.add_row(reject.entity, reject.kind, f"{reject.number:,}", escape(reject.example[:80]))
    console.print(table)


def _print_failures(console: Console, failed: Mapping[str, str]) -> None:
    if not failed:
        return
    told = f"{counted(len(failed), 'channel')} {are(len(failed))} not complete:"
    console.print(f"[bold red]{told}[/]")
    print_reasons(console, failed)
    console.print("Follow each reason's advice, then run the same command with --resume.")


def print_rehearsal(console: Console, report: Mapping[str, Any]) -> None:
    """Print what a real run would do; ``report`` is ``rehearsal.Report.as_json()``."""
    table = Table(title="Dry run: nothing was written", title_justify="left")
    for name in ("asset", "would be written", "already there"):
        table.add_column(name, justify="left" if name == "asset" else "right")
    for asset in ("users", "channels", "members", "messages", "reactions"):
        table.add_row(asset, f"{report['would_write'].get(asset, 0):,}", f"{report['already_there'].get(asset, 0):,}")
    console.print(table)
    _print_rehearsed_losses(console, report["losses"])
    console.print(f"Records that would be rejected: {report['rejects']:,}.", highlight=False)
    expected = report["read_seconds"] + report["load_seconds"]
    console.print(
        f"{report['api_calls']:,} calls to Stream in {duration(report['read_seconds'])}; "
        f"a real run: about {duration(expected)}.",
        highlight=False,
    )
    if report["gone"]:
        console.print(f"Gone from the source meanwhile: {', '.join(report['gone'])}", highlight=False, markup=False)
    _print_failures(console, report["problems"])


def _print_rehearsed_losses(console: Console, found: Mapping[str, int]) -> None:
    if not found:
        console.print("Losses: nothing would be changed, degraded, withheld or left without a home.")
        return
    table = Table(title="Would be changed, degraded, withheld or without a home", title_justify="left")
    table.add_column("kind")
    table.add_column("number", justify="right")
    for code, number in sorted(found.items(), key=lambda item: -item[1]):
        kind = losses.CATALOG.get(code)
        table.add_row(escape(kind.says if kind else code), f"{number:,}")
    console.print(table)


def print_reasons(console: Console, failed: Mapping[str, str]) -> None:
    """Print each reason once, with the channels it concerns; ``failed`` is reason by cid."""
    concerned: dict[str, list[str]] = {}
    for cid, reason in failed.items():
        concerned.setdefault(reason.replace(cid, "the channel"), []).append(cid)
    for cids in concerned.values():
        named = ", ".join(cids[:LISTED_FAILURES])
        more = f" and {len(cids) - LISTED_FAILURES:,} more" if len(cids) > LISTED_FAILURES else ""
        console.print(f"  {named}{more}: {failed[cids[0]]}", highlight=False, markup=False)
