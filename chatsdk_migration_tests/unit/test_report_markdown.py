"""The report as a reader gets it: nothing hidden, nothing claimed, no layout broken by what people call things."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from chatsdk_migration.errors import PermanentError
from chatsdk_migration.report import files
from chatsdk_migration.report.document import LossLine, RejectLine
from chatsdk_migration.report.markdown import NOTHING, code, duration, markdown
from chatsdk_migration_tests.unit.report_values import report

SECTIONS = [
    "What was imported",
    "What was changed",
    "What was degraded",
    "What was withheld",
    "What had no home",
    "What is missing",
    "What was rejected",
]


def section(text: str, title: str) -> str:
    return text.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]


def loss(severity: str, example: str = "somebody") -> LossLine:
    return LossLine("a_kind", severity, "user", 1234, 2, example, "It happened.", "Undo it.")


@pytest.mark.parametrize("title", SECTIONS)
def test_an_empty_report_says_nothing_in_every_section(title: str) -> None:
    assert section(markdown(report(), {}), title).strip().endswith(NOTHING)


@pytest.mark.parametrize(
    ("severity", "title"),
    list(zip(["changed", "degraded", "withheld", "no_home", "missing"], SECTIONS[1:6], strict=True)),
)
def test_a_loss_is_listed_under_its_severity_with_number_example_and_advice(severity: str, title: str) -> None:
    text = markdown(report(losses=[loss(severity)]), {})
    row = "| It happened. | user | 1,234 | 2 | `somebody` | Undo it. |"
    assert row in section(text, title)
    assert text.count(row) == 1
    assert sum(NOTHING in section(text, other) for other in SECTIONS) == len(SECTIONS) - 1


def test_rejects_and_unfinished_channels_are_told() -> None:
    rejected = [RejectLine("no_user", "reaction", 3, 2, 1, "m1", "It names nobody.", "Replay it.")]
    text = markdown(report(rejected=rejected, unfinished={"team:a": "Read | by <b>"}, known_channels=7), {})
    assert "| It names nobody. | reaction | 3 | 2 | 1 | `m1` | Replay it. |" in section(text, "What was rejected")
    assert "| `team:a` | Read \\| by \\<b\\> |" in section(text, "What is missing")
    assert "1 of 7 channels" in text


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("plain-1", "`plain-1`"),
        ("a|b", "`a\\|b`"),
        ("tick`s", "`tick's`"),
        ("two\nlines\r\n| x |", "`two�lines�\\| x \\|`"),
        ("turned \u202e round", "`turned � round`"),
        ("<img src=x>", "`<img src=x>`"),
        ("", ""),
    ],
)
def test_an_id_stays_in_its_cell(name: str, shown: str) -> None:
    assert code(name) == shown


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.04, "0.0 s"), (59.96, "60.0 s"), (61, "1 min 01 s"), (90000, "25 h 00 min")]
)
def test_durations(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def test_files_stand_beside_each_other_and_an_earlier_report_stays(tmp_path: Path) -> None:
    pictures = {"messages_by_month": b"png"}
    first = files.write(report(), pictures, tmp_path / "reports")
    second = files.write(report(undated=5), pictures, tmp_path / "reports")
    assert first.markdown.name == "20240506T070809Z.md"
    assert second.markdown.name == "20240506T070809Z-2.md"
    assert json.loads(first.json.read_text())["undated"] == 0
    assert json.loads(second.json.read_text())["undated"] == 5
    picture = second.pictures["messages_by_month"]
    assert picture.read_bytes() == b"png"
    assert f"({picture.name})" in second.markdown.read_text()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PermanentError, match="file"):
        files.write(report(), {}, tmp_path / "file" / "reports")


def test_the_shape_of_the_json_is_relied_upon() -> None:
    """Whoever reads the JSON breaks when a key goes: add keys, and count ``SCHEMA`` up."""
    assert report().as_json().keys() == {
        *("made_at", "app", "versions", "imported", "total", "losses", "rejected", "channel_types", "busiest"),
        *("months", "undated", "known_channels", "unfinished", "assets", "runs", "pace", "schema"),
    }
    assert report().schema == 1
    assert report().as_json()["total"].keys() == {
        *("channels", "members", "read", "carried", "own", "withheld", "rejected", "reactions"),
    }
    assert report(losses=[loss("changed")]).as_json()["losses"][0].keys() == {
        *("kind", "severity", "entity", "number", "channels", "example", "says", "advice"),
    }
