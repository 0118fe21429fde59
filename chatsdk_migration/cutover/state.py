"""How far a cutover is: which step began and ended when and with what result, in the tool's own schema.

Here: reading and writing it, and keeping a second cutover out. Not here: what the steps do (``engine.py``). A step that
was killed has begun and not ended: it is done again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from chatsdk_migration.cutover.model import Step
from chatsdk_migration.errors import PermanentError
from chatsdk_migration.postgres.sql import statement
from chatsdk_migration.postgres.target import Target

EQUAL = "equal"
"""How a cutover ends that proved both sides equal."""


@dataclass(slots=True)
class Standing:
    """The newest cutover of the app; ``ended_at`` is None while it is under way."""

    id: int
    began_at: datetime
    frozen_at: datetime | None
    ended_at: datetime | None
    outcome: str | None


def current(target: Target) -> Standing | None:
    """Give the newest cutover, under way or ended."""
    with target.transaction(read_only=True) as conn:
        row = conn.execute(statement("cutover_current"), {"app": target.app_id}).fetchone()
    return Standing(*row) if row else None


def opened(target: Target) -> Standing:
    """Give the cutover under way; begin one when there is none."""
    with target.transaction() as conn:
        conn.execute(statement("cutover_begin"), {"app": target.app_id})
    standing = current(target)
    assert standing is not None, "begun or already there"
    return standing


def freeze(target: Target, standing: Standing, at: datetime) -> None:
    """Note when, by Stream's clock, writing stopped there: what was done before has to be done again."""
    with target.transaction() as conn:
        conn.execute(statement("cutover_frozen"), {"cutover": standing.id, "at": at})
    standing.frozen_at = at


def end(target: Target, outcome: str) -> bool:
    """End the cutover under way; say whether there was one."""
    with target.transaction() as conn:
        return conn.execute(statement("cutover_end"), {"app": target.app_id, "outcome": outcome}).rowcount > 0


def begin_step(target: Target, standing: Standing, name: str) -> tuple[int, datetime]:
    """Note that a step begins; give its number and the time."""
    given = {"cutover": standing.id, "step": name, "frozen_at": standing.frozen_at}
    with target.transaction() as conn:
        row = conn.execute(statement("cutover_step_begin"), given).fetchone()
    assert row is not None, "an insert gives its row"
    return row[0], row[1]


def end_step(target: Target, number: int, *, ok: bool, result: Mapping[str, Any]) -> datetime:
    """Note that a step has ended, and with what; give the time."""
    given = {"id": number, "ok": ok, "result": Jsonb(dict(result))}
    with target.transaction() as conn:
        row = conn.execute(statement("cutover_step_end"), given).fetchone()
    assert row is not None, "the step was begun"
    ended: datetime = row[0]
    return ended


def done(target: Target, standing: Standing, name: str, max_age_seconds: float) -> Step | None:
    """Give the newest attempt at a step, if it succeeded, under the present freeze, and not too long ago."""
    given = {"cutover": standing.id, "step": name}
    with target.transaction(read_only=True) as conn:
        row = conn.execute(statement("cutover_step_newest"), given).fetchone()
    if row is None:
        return None
    frozen_at, began, ended, ok, result, age = row
    if not ok or ended is None or frozen_at != standing.frozen_at or age > max_age_seconds:
        return None
    return Step(name, began, ended, ok=True, skipped=True, result=result)


@contextmanager
def alone(target: Target) -> Iterator[None]:
    """Keep a second cutover of the app out, by a lock of a session: a killed one loses it.

    Raises:
        PermanentError: Another one is under way.
    """
    with target.connection() as conn:
        key = f"{target.app_id} cutover"
        row = conn.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [key]).fetchone()
        if row != (True,):
            raise PermanentError("starting the cutover", "another cutover of this app is under way", "Let it end.")
        try:
            yield
        finally:
            if not conn.closed:
                conn.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [key])
