"""Keeps figures: JSON for machines, a Markdown table for people, both under ``benchmarks/results/``.

One entry for each benchmark and its options; a new run takes the place of the old one.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

FOLDER = Path(__file__).parent / "results"
STORE, TABLE = FOLDER / "results.json", FOLDER / "results.md"

HIDDEN = frozenset({"series"})
"""Figures for the plots."""

median = statistics.median


def described(asked: argparse.Namespace) -> str:
    """Name a migration by its options."""
    how = f"{asked.size}, {asked.user_message}" + (", ordinary role" if asked.unprivileged else "")
    how += f", {asked.latency * 1000:.0f} ms" if asked.latency else ""
    how += ", Stream's limits" if asked.rate_limits else ""
    return how + (f", {asked.workers} workers" if asked.workers else "")


def middle(runs: Sequence[dict[str, Any]], by: str) -> dict[str, Any]:
    """Give the run in the middle, by one of its figures; of an even number the slower one."""
    return dict(sorted(runs, key=lambda run: run[by])[(len(runs) - 1) // 2])


def keep(benchmark: str, how: str, figures: dict[str, Any]) -> None:
    """Print figures, and write them to both files."""
    FOLDER.mkdir(exist_ok=True)
    known = json.loads(STORE.read_text()) if STORE.exists() else {}
    at = time.strftime("%Y-%m-%d %H:%M")
    known.setdefault(benchmark, {})[how] = figures | {"at": at, "machine": machine()}
    STORE.write_text(json.dumps(known, indent=2, sort_keys=True) + "\n")
    TABLE.write_text(_table(known))
    print(f"{benchmark}, {how}")
    for name, value in figures.items():
        if name not in HIDDEN:
            print(f"  {name}: {_shown(value)}")


def machine() -> str:
    """Say what it was measured on, and how busy that was."""
    memory = psutil.virtual_memory().total / 2**30
    cores = psutil.cpu_count()
    return f"{cores} cores, {memory:.0f} GiB, Python {platform.python_version()}, load {os.getloadavg()[1]:.1f}"


def _table(known: dict[str, dict[str, dict[str, Any]]]) -> str:
    lines = [
        "# Benchmarks",
        "",
        "Written by `make bench`; everything shares one machine. Load is the 5 minutes' average.",
    ]
    for benchmark, entries in sorted(known.items()):
        names = [name for name in dict.fromkeys(n for one in entries.values() for n in one) if name not in HIDDEN]
        lines += ["", f"## {benchmark}", "", f"| what | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
        for how, figures in sorted(entries.items()):
            lines.append(f"| {how} | {' | '.join(_shown(figures.get(name)) for name in names)} |")
    return "\n".join(lines) + "\n"


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_shown(one)}" for name, one in value.items())
    if isinstance(value, list):
        return ", ".join(_shown(one) for one in value)
    return f"{value:,}" if isinstance(value, int) else str("" if value is None else value)
