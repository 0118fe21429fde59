"""What the ``quarantine`` commands do: read the quarantine, submit the replay as a job, give records up.

Here: choosing and printing. Not here: the options (``quarantine.py``), the replay itself
(``chatsdk_migration/quarantine.py``).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from chatsdk_migration.cli.session import opened_instance, require_credentials
from chatsdk_migration.definitions import build_definitions
from chatsdk_migration.errors import PermanentError
from chatsdk_migration.instance import launch, owner
from chatsdk_migration.jobs import replay_quarantine
from chatsdk_migration.postgres import ledger, quarantine
from chatsdk_migration.postgres.quarantine import Entry, Selection, State
from chatsdk_migration.postgres.target import Target
from chatsdk_migration.settings import Settings
from chatsdk_migration.words import are, counted

SHOWN_STILL_OPEN = 20
SHOWN_CHARACTERS = 80
EVERY_STATE = "all"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the operator chose; a channel may be named by its bare id."""

    ids: tuple[int, ...] = ()
    entity: str | None = None
    code: str | None = None
    channel: str | None = None

    @property
    def is_everything(self) -> bool:
        """Say whether nothing was chosen."""
        return not (self.ids or self.entity or self.code or self.channel)

    def selection(self, target: Target) -> Selection:
        """Give it with the channel's cid.

        Raises:
            PermanentError: No channel of that id has rejected records, or several have.
        """
        return Selection(self.ids, self.entity, self.code, self.channel and _cid(target, self.channel))


def print_list(console: Console, wanted: Wanted, state: str, limit: int, *, as_json: bool) -> None:
    """Print rejected records.

    Raises:
        PermanentError: There is no such state or channel, or the database is not as it should be.
    """
    states = _states(state)
    with _target() as target:
        found = quarantine.entries(target, wanted.selection(target), states, limit + 1)
    shown = found[:limit]
    if as_json:
        sys.stdout.write(json.dumps([_plain(one) for one in shown], ensure_ascii=False, indent=2) + "\n")
        return
    if not shown:
        console.print("Quarantine: nothing." if state == EVERY_STATE else f"Quarantine: no record is {state}.")
        return
    console.print(_table(shown))
    if len(found) > limit:
        console.print(f"There are more: raise --limit ({limit}), or choose by --entity, --code, --channel.")


def print_one(console: Console, number: int) -> None:
    """Print everything about one record.

    Raises:
        PermanentError: There is none of that number.
    """
    with _target() as target:
        found = quarantine.entries(target, Selection((number,)), tuple(State))
    if not found:
        raise PermanentError(
            "looking into the quarantine", f"there is no record {number}", "See chatsdk-migrate quarantine list."
        )
    fields = _plain(found[0])
    record = fields.pop("record")
    for name, value in fields.items():
        if value not in (None, ""):
            console.print(f"{name:18}{value}", highlight=False, markup=False, soft_wrap=True)
    console.print("the row it was mapped to:" if found[0].mapped else "original:")
    sys.stdout.write(json.dumps(record, ensure_ascii=False, indent=2) + "\n")


def replay(console: Console, wanted: Wanted) -> int:
    """Replay records in a run of job ``replay_quarantine``; give the number of those still rejected.

    Raises:
        PermanentError: Bad configuration, or nothing further can succeed.
    """
    settings = require_credentials(Settings.load())
    with _target() as target:
        chosen = wanted.selection(target)
        before = _numbers(target, chosen)
        if not before:
            console.print("Nothing to replay: no open record was chosen.")
            return 0
        reason = _run(settings, chosen)
        left = _numbers(target, Selection(tuple(before)))
        still = quarantine.entries(target, Selection(tuple(left)), limit=SHOWN_STILL_OPEN) if left else []
    console.print(f"{len(before) - len(left):,} of {len(before):,} rejected records are loaded now.", highlight=False)
    if still:
        console.print(_table(still))
        told = f"{len(left):,} {are(len(left))} still rejected: mend a setting or the target and replay again"
        console.print(f"{told}, or discard (`quarantine discard`).", highlight=False)
    if reason:
        raise PermanentError("replaying rejected records", reason.rstrip("."), "Put it right, then replay again.")
    return len(left)


def to_discard(wanted: Wanted, *, everything: bool) -> list[Entry]:
    """Give the open records that are to be discarded.

    Raises:
        PermanentError: Nothing was chosen.
    """
    if wanted.is_everything and not everything:
        raise PermanentError(
            "discarding rejected records",
            "none was chosen",
            "Give their numbers, --entity, --code, --channel or --all.",
        )
    with _target() as target:
        return quarantine.entries(target, wanted.selection(target))


def discard(console: Console, found: Sequence[Entry]) -> None:
    """Give records up."""
    with _target() as target:
        number = quarantine.discard(target, found) if found else 0
    told = f"{counted(number, 'record')} discarded"
    console.print(f"{told}; `quarantine list --state discarded` shows those that are.", highlight=False)


def _run(settings: Settings, chosen: Selection) -> str | None:
    """Execute the job; give the reason when it failed.

    Raises:
        KeyboardInterrupt: Somebody interrupted it.
    """
    config = {
        "ids": list(chosen.ids),
        "entity": chosen.entity or "",
        "code": chosen.code or "",
        "channel": chosen.cid or "",
    }
    with opened_instance() as instance:
        owner.claim(instance, settings)
        run_config = {"ops": {"replay_rejected_records": {"config": config}}}
        finished = launch.run_in_process(instance, build_definitions(), replay_quarantine.name, run_config=run_config)
        if finished.interrupted:
            raise KeyboardInterrupt
        return None if finished.succeeded else launch.failure_reason(instance, finished)


def _numbers(target: Target, chosen: Selection) -> list[int]:
    return [number for ids in quarantine.open_ids(target, chosen).values() for number in ids]


@contextmanager
def _target() -> Iterator[Target]:
    """Open the target; its quarantine is there afterwards, in the present form.

    Raises:
        PermanentError: Nothing was ever migrated into it, or it cannot be used.
    """
    target = Target(Settings.load())
    try:
        with target.connection() as conn:
            version = ledger.installed_version(conn)
        if not version:
            raise PermanentError(
                "opening the quarantine", "nothing has been migrated into this database", "Run import-stream first."
            )
        if version < ledger.VERSION:
            ledger.install(target)
        yield target
    finally:
        target.close()


def _states(state: str) -> tuple[State, ...]:
    if state == EVERY_STATE:
        return tuple(State)
    try:
        return (State(state),)
    except ValueError:
        known = ", ".join((*State, EVERY_STATE))
        raise PermanentError(
            "listing the quarantine", f"there is no state {state!r}", f"Give one of {known}."
        ) from None


def _cid(target: Target, channel: str) -> str:
    if ":" in channel:
        return channel
    fitting = [cid for cid in quarantine.channels(target) if cid.partition(":")[2] == channel]
    if len(fitting) == 1:
        return fitting[0]
    found = f"several channels have it: {', '.join(fitting)}" if fitting else "no rejected record is of such a channel"
    raise PermanentError(f"choosing the channel {channel}", found, "Give the cid, type:id.")


def _plain(one: Entry) -> dict[str, Any]:
    fields = {"state": one.state.value} | one._asdict()
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in fields.items()}


def _table(found: Sequence[Entry]) -> Table:
    table = Table()
    for name in ("id", "what", "channel", "of", "code", "reason"):
        table.add_column(name, overflow="fold")  # a cut cid or code could not be given to --channel or --code
    for one in found:
        of, reason = one.stream_id[:SHOWN_CHARACTERS], one.reason[:SHOWN_CHARACTERS]
        table.add_row(str(one.id), one.entity, escape(one.cid), escape(of), one.code, escape(reason))
    return table
