"""The dry run: the whole road, read-only. What would arrive, what would be lost, what it would cost.

Here: the walk over everything and the report. Not here: the steps themselves (``transfer.py``, with its target in
read-only transactions), Dagster (``jobs.py``), printing (``cli/``).
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, fields
from typing import Any

from chatsdk_migration.errors import PermanentError
from chatsdk_migration.models import Batch, LoadCounts
from chatsdk_migration.settings import Settings
from chatsdk_migration.transfer import (
    ALL_PARTS,
    Migration,
    Part,
    PartResult,
    carry_channel,
    carry_channels,
    carry_users,
    store_channels,
    store_users,
)

LOAD_SECONDS_PER_ROW: Mapping[str, float] = {"messages": 20e-6, "user_message": 6e-6, "reactions": 15e-6}
"""What storing a row costs beside reading it, measured on 2 cores; reading has been timed for real."""


@dataclass(slots=True)
class Report:
    """What a real run would do.

    Attributes:
        would_write: Rows by asset.
        already_there: Rows that an earlier run has written, by asset.
        losses: Numbers by kind of loss.
        rejects: Records that would go to quarantine.
        problems: Why a channel could not be carried, by cid.
        gone: Channels that left Stream meanwhile.
        api_calls: Calls made.
        read_seconds: How long reading and mapping took.
        load_seconds: How long storing would take on top, estimated.
    """

    would_write: Counter[str] = field(default_factory=Counter)
    already_there: Counter[str] = field(default_factory=Counter)
    losses: Counter[str] = field(default_factory=Counter)
    rejects: int = 0
    problems: dict[str, str] = field(default_factory=dict)
    gone: list[str] = field(default_factory=list)
    api_calls: int = 0
    read_seconds: float = 0.0
    load_seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """Give the report as plain JSON values."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: dict(value) if isinstance(value, Counter) else value for name, value in values.items()}

    def add_list(self, name: str, counts: LoadCounts, batch: Batch) -> None:
        """Add one page of users or channels."""
        self.would_write[name] += counts.written
        self.already_there[name] += counts.already_there
        self.losses.update(loss.kind for loss in batch.losses)
        self.rejects += len(batch.rejects)

    def add_channel(self, cid: str, results: Mapping[Part, PartResult]) -> None:
        """Add one channel."""
        for part, result in results.items():
            self.would_write[part.value] += result.rows
            self.already_there[part.value] += result.already_there
            self.losses.update(result.losses)
            self.rejects += result.rejects
            if result.problem is not None:
                self.problems.setdefault(cid, str(result.problem))
        if any(result.gone for result in results.values()):
            self.gone.append(cid)


def rehearse(settings: Settings, cids: Sequence[str] = ()) -> Report:
    """Read, map and check everything, or only these channels, inside read-only transactions.

    Raises:
        PermanentError: The preflight failed, the credentials are refused, or some channels do not exist.
    """
    report, began = Report(), time.monotonic()
    with Migration(settings, dry_run=True) as migration:
        for batch in carry_users(migration):
            report.add_list("users", store_users(migration, batch), batch)
        found: list[str] = []
        for batch in carry_channels(migration):
            report.add_list("channels", store_channels(migration, batch), batch)
            found += [row.stream_cid for row in batch.channels]
        wanted = choose(found, cids) if cids else found
        fan_out = _rehearse_channels(migration, wanted, report)
        report.api_calls = sum(migration.source.calls.values())
    report.read_seconds = time.monotonic() - began
    rows = report.would_write + Counter({"user_message": fan_out})
    report.load_seconds = sum(rows[name] * seconds for name, seconds in LOAD_SECONDS_PER_ROW.items())
    return report


def _rehearse_channels(migration: Migration, cids: Sequence[str], report: Report) -> int:
    """Rehearse channels side by side; give how many per-user rows a real run would add."""
    fan_out = 0
    with ThreadPoolExecutor(migration.settings.channels_in_flight) as pool:
        try:
            for cid, results in zip(cids, pool.map(lambda cid: carry_channel(migration, cid), cids), strict=True):
                report.add_channel(cid, results)
                fan_out += _fan_out(migration.settings, results)
        except BaseException:
            migration.source.stop()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return fan_out


def _fan_out(settings: Settings, results: Mapping[Part, PartResult]) -> int:
    if settings.mapping.user_message != "all" or not results.keys() >= ALL_PARTS:
        return 0
    members = results[Part.MEMBERS]
    return results[Part.MESSAGES].rows * (members.rows + members.already_there)


_SPELLING = "Give bare ids or cids (type:id), separated by blanks, of channels that Stream lists."


def choose(keys: Sequence[str], names: Sequence[str]) -> list[str]:
    """Find the cids that bare ids or cids name.

    Raises:
        PermanentError: Some name no channel, or a bare id names channels of several types.
    """
    known, by_id = set(keys), dict[str, list[str]]()
    for key in keys:
        by_id.setdefault(key.partition(":")[2], []).append(key)
    found = {name: [name] if name in known else by_id.get(name, []) for name in names}
    if unknown := [name for name, cids in found.items() if not cids]:
        raise PermanentError("choosing channels", f"nothing known as {', '.join(map(repr, unknown))}", _SPELLING)
    if doubtful := [f"{name} ({', '.join(cids)})" for name, cids in found.items() if len(cids) > 1]:
        raise PermanentError("choosing channels", f"not one channel: {'; '.join(doubtful)}", "Give the cid, type:id.")
    return list(dict.fromkeys(cids[0] for cids in found.values()))
