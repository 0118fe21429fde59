"""The asset ``migration_report``: what was carried, lost and refused, as a document, in the UI and as files.

Here: the asset and its metadata. Not here: what the report says (``report/``), reading Dagster's records
(``run_facts.py``).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field

from chatsdk_migration.assets.channels import channels
from chatsdk_migration.assets.metadata import GROUP, OWNERS
from chatsdk_migration.assets.people import users
from chatsdk_migration.assets.run_facts import run_facts
from chatsdk_migration.partitions import CONTENT
from chatsdk_migration.report import files
from chatsdk_migration.report.document import Report
from chatsdk_migration.report.gather import gather
from chatsdk_migration.report.markdown import MONTHS_PICTURE, PACE_PICTURE, markdown
from chatsdk_migration.reporting import as_failures
from chatsdk_migration.resources import MigrationResource

REPORT_ASSET = "migration_report"
SHOWN_UNFINISHED = 100
"""Unfinished channels in the JSON of the UI; the file has all."""


class ReportPlace(dg.Config):
    """Where the files go."""

    directory: str = Field(default="", description="Folder for the files. Empty: reports/<app id> in DAGSTER_HOME.")


@dg.asset(
    name=REPORT_ASSET,
    group_name=GROUP,
    owners=OWNERS,
    kinds={"postgres", "markdown"},
    # The content assets are partitioned and this one is not: it follows all of their partitions.
    deps=[users, channels, *CONTENT],
    description="What was imported, changed, degraded, withheld, had no home, is missing and was rejected: numbers, "
    "examples and advice, with two plots. Materialize it at any time: it only reads.",
)
def migration_report(
    context: dg.AssetExecutionContext, config: ReportPlace, migration: MigrationResource
) -> dg.MaterializeResult[None]:
    """Make the report of what the target holds now."""
    with as_failures(context.instance, context.run.run_id):
        with migration.looking(context) as target:
            report = gather(target, run_facts(context.instance))
        pictures = _pictures(report)
        written = files.write(report, pictures, _folder(context.instance, config, report.app.id))
    return dg.MaterializeResult(metadata=_metadata(report, pictures, written))


def _pictures(report: Report) -> dict[str, bytes]:
    from chatsdk_migration.report import plots  # noqa: PLC0415 - matplotlib would cost every process half a second

    return {MONTHS_PICTURE: plots.months_picture(report.months), PACE_PICTURE: plots.pace_picture(report.pace)}


def _folder(instance: dg.DagsterInstance, config: ReportPlace, app_id: str) -> Path:
    return Path(config.directory) if config.directory else Path(instance.root_directory) / files.FOLDER / app_id


def _metadata(
    report: Report, pictures: Mapping[str, bytes], written: files.Written
) -> dict[str, dg.MetadataValue[Any] | int]:
    places = files.inline(pictures)
    plain = report.as_json() | {"unfinished": dict(list(report.unfinished.items())[:SHOWN_UNFINISHED])}
    return {
        "report": dg.MetadataValue.md(markdown(report, places)),
        **{name: dg.MetadataValue.md(f"![{name}]({place})") for name, place in places.items()},
        "json": dg.MetadataValue.json(plain),
        "markdown_file": dg.MetadataValue.path(str(written.markdown)),
        "json_file": dg.MetadataValue.path(str(written.json)),
        "messages": report.total.carried,
        "losses": sum(line.number for line in report.losses),
        "rejected": sum(line.number for line in report.rejected),
        "unfinished_channels": len(report.unfinished),
    }
