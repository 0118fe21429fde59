"""``report``: makes the loss report and says where it is. Not here: the report (``report/``), the run's asset."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import dagster as dg
from rich.console import Console

from chatsdk_migration.assets.migration_report import REPORT_ASSET
from chatsdk_migration.cli.session import opened_instance
from chatsdk_migration.definitions import build_definitions
from chatsdk_migration.errors import PermanentError
from chatsdk_migration.instance import launch
from chatsdk_migration.jobs import report_migration
from chatsdk_migration.settings import Settings


def make_report(console: Console, output: Path | None) -> None:
    """Make the report as a run of the job ``report_migration``.

    Raises:
        PermanentError: The run failed.
    """
    _ = Settings.load().app_id
    place = {"directory": str(output.expanduser().resolve())} if output is not None else {}
    with opened_instance() as instance:
        config = {"ops": {REPORT_ASSET: {"config": place}}}
        finished = launch.run_in_process(instance, build_definitions(), report_migration.name, run_config=config)
        if finished.interrupted:
            raise KeyboardInterrupt
        if not finished.succeeded:
            found = launch.failure_reason(instance, finished).rstrip(".")
            raise PermanentError("making the report", found, "Put it right and run it again.")
        metadata = _metadata(instance, finished.run)
    _print(console, metadata)


def _metadata(instance: dg.DagsterInstance, run: dg.DagsterRun) -> dict[str, Any]:
    """Give the metadata that this very run recorded."""
    for entry in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION):
        materialization = entry.asset_materialization
        if materialization is not None:
            return {name: value.value for name, value in materialization.metadata.items()}
    return {}


def _print(console: Console, found: dict[str, Any]) -> None:
    report = json.loads(Path(found["json_file"]).read_text("utf-8"))
    sums: dict[str, int] = {}
    for line in report["losses"]:
        sums[line["severity"]] = sums.get(line["severity"], 0) + line["number"]
    words = [f"{name.replace('no_home', 'without a home')} {sums[name]:,}" for name in sorted(sums)]
    console.print(
        f"{found['messages']:,} messages from Stream are in ChatSDK. "
        f"Noted on the way: {'; '.join(words) if words else 'nothing'}. Rejected: {found['rejected']:,}. "
        f"Channels not complete: {found['unfinished_channels']:,}.",
        highlight=False,
        soft_wrap=True,
    )
    console.print(f"Report: {found['markdown_file']}\n        {found['json_file']}", highlight=False, soft_wrap=True)
