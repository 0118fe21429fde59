"""A small report for the tests of its rendering."""

from __future__ import annotations

from typing import Any

from chatsdk_migration.report.document import AppFacts, Numbers, Report


def report(**changes: Any) -> Report:
    """Nothing was carried and nothing lost, except as told."""
    values: dict[str, Any] = {
        "made_at": "2024-05-06T07:08:09Z",
        "app": AppFacts("0b8ac3f4-5c0e-4d8e-9a53-2f6f2d3b7a10", "Tests", "localhost:5432/chatsdk"),
        "versions": {"Python": "3.11"},
        "imported": {"users": 0, "messages": 0},
        "total": Numbers(channels=0),
    }
    return Report(**(values | changes))
