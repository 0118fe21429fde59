"""The report as files: Markdown with its pictures beside it, and JSON. Not here: what is in them."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from chatsdk_migration.errors import PermanentError
from chatsdk_migration.report.document import Report
from chatsdk_migration.report.markdown import markdown

FOLDER = "reports"
"""Inside DAGSTER_HOME; below it one folder for each app."""


class Written(NamedTuple):
    """Where the report is."""

    markdown: Path
    json: Path
    pictures: dict[str, Path]


def write(report: Report, pictures: Mapping[str, bytes], folder: Path) -> Written:
    """Write the report under the time it was made at; an earlier one stays.

    Raises:
        PermanentError: The folder cannot be written.
    """
    stem = _free_stem(folder, re.sub(r"[^0-9TZ]", "", report.made_at))
    written = Written(
        folder / f"{stem}.md",
        folder / f"{stem}.json",
        {name: folder / f"{stem}-{name.replace('_', '-')}.png" for name in pictures},
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, path in written.pictures.items():
            path.write_bytes(pictures[name])
        links = {name: path.name for name, path in written.pictures.items()}
        written.markdown.write_text(markdown(report, links), "utf-8")
        written.json.write_text(json.dumps(report.as_json(), indent=2, ensure_ascii=False) + "\n", "utf-8")
    except OSError as error:
        raise PermanentError(
            f"writing the report to {folder}", error.strerror or "", "Choose a folder that can be written."
        ) from None
    return written


def _free_stem(folder: Path, stem: str) -> str:
    """Give a name that no report of the same second has."""
    taken = {path.stem for path in folder.glob("*.md")} if folder.is_dir() else set()
    return next(name for name in (stem, *(f"{stem}-{number}" for number in range(2, 1000))) if name not in taken)


def inline(pictures: Mapping[str, bytes]) -> dict[str, str]:
    """Give pictures as ``data:`` URIs, which Dagster's UI shows in Markdown."""
    return {name: f"data:image/png;base64,{base64.b64encode(png).decode()}" for name, png in pictures.items()}
