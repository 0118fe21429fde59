"""Whatever the mapping counts or rejects can be explained to the operator."""

from __future__ import annotations

import re
from pathlib import Path

from chatsdk_migration import losses, records, transform
from chatsdk_migration.transform import channels, messages, users

SOURCES = "".join(path.read_text() for path in Path(transform.__file__).parent.glob("*.py"))


def test_every_kind_counted_is_in_the_catalogue() -> None:
    counted = set(re.findall(r'lose\(\s*(?:Entity\.\w+|entity),\s*"(\w+)"', SOURCES))
    assert len(counted) > 30
    assert counted <= losses.CATALOG.keys()
    for table in (users.WITHOUT_HOME, messages.WITHOUT_HOME, channels._STATES_WITHOUT_EFFECT):
        assert set(table.values()) <= losses.CATALOG.keys()


def test_every_kind_in_the_catalogue_is_counted_somewhere() -> None:
    package = Path(transform.__file__).parent.parent
    sources = [path for path in package.rglob("*.*") if path.suffix in {".py", ".sql"} and path.name != "losses.py"]
    used = "".join(path.read_text().replace("'", '"') for path in sources)
    used += '"user_deactivated" "user_deleted"'  # composed from the state's name
    left_to_the_loader = {"parent_not_carried", "quote_not_carried"}
    assert {code for code in losses.CATALOG if f'"{code}"' not in used} <= left_to_the_loader


def test_every_reject_code_is_explained() -> None:
    raised = set(re.findall(r'RecordError\(\s*"(\w+)"', SOURCES)) | {records.BAD_SHAPE, "bad_timestamp"}
    assert raised == losses.REJECT_REASONS.keys()


def test_kinds_are_sentences_and_codes_are_unique() -> None:
    listed = [kind for group in vars(losses).values() if isinstance(group, tuple) for kind in group]
    assert len([kind for kind in listed if isinstance(kind, losses.LossKind)]) == len(losses.CATALOG)
    for kind in losses.CATALOG.values():
        assert kind.says.endswith(".")
        assert kind.advice == "" or kind.advice.endswith(".")
