"""The comparison of a whole app, or of some of its channels.

Here: which comparisons make it up, channels side by side, the sample. Not here: one channel (``channel.py``), the
statements over the whole app (``target_side.py``).
"""

from __future__ import annotations

import hashlib
import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import islice

from chatsdk_migration.errors import PermanentError, TransientError
from chatsdk_migration.models import Batch, UserRow
from chatsdk_migration.postgres import ledger, watermarks
from chatsdk_migration.postgres.people import load_users
from chatsdk_migration.reconcile import target_side
from chatsdk_migration.reconcile.accounting import Accounting
from chatsdk_migration.reconcile.channel import verify_channel
from chatsdk_migration.reconcile.comparison import MOST_KEPT
from chatsdk_migration.reconcile.verdict import Verdict
from chatsdk_migration.rehearsal import choose
from chatsdk_migration.stream.channels import cid_of, walk_channels
from chatsdk_migration.stream.users import walk_users
from chatsdk_migration.transfer import Migration
from chatsdk_migration.transform.users import map_listed_user

Progress = Callable[[int, int], None]
"""Told how many channels are compared, and of how many."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What to compare.

    Attributes:
        channels: Bare ids or cids; empty: everything, people included.
        sample_percent: Share of the channels that are compared, the same ones at every repetition.
        from_ledger: Compare with what the loads recorded; Stream is not asked.
        mend: Repair what may be repaired, and compare again.
        beside: Look also for what no comparison of a channel can see; not needed beside the check of integrity.
    """

    channels: Sequence[str] = ()
    sample_percent: float = 100.0
    from_ledger: bool = False
    mend: bool = False
    beside: bool = True


def verify(migration: Migration, scope: Scope, progress: Progress = lambda done, total: None) -> Verdict:
    """Compare, and repair when asked.

    Raises:
        PermanentError: Bad input, or nothing can be compared at all.
    """
    started, calls = time.monotonic(), sum(migration.source.calls.values())
    verdict = _with_ledger(migration, scope) if scope.from_ledger else _with_source(migration, scope, progress)
    verdict.seconds = time.monotonic() - started
    verdict.api_calls = sum(migration.source.calls.values()) - calls
    return verdict


def _with_ledger(migration: Migration, scope: Scope) -> Verdict:
    known = target_side.mapped_channels(migration.target)
    cids = sample(choose(known, scope.channels) if scope.channels else known, scope.sample_percent)
    rules = migration.settings.mapping
    verdict = target_side.with_ledger(migration.target, rules, cids)
    verdict.channels = len(cids)
    if scope.beside and not scope.channels:
        for other in (
            target_side.integrity(migration.target, rules, target_side.BESIDE_CHANNELS),
            target_side.privacy(migration.target, rules, target_side.ADMINISTRATORS),
        ):
            verdict.merge(other, MOST_KEPT)
    return verdict


def _with_source(migration: Migration, scope: Scope, progress: Progress) -> Verdict:
    verdict = Verdict()
    listed = [cid_of(state) for page in walk_channels(migration.source) for state in page]
    mapped = target_side.mapped_channels(migration.target)
    known = list(dict.fromkeys([*listed, *mapped]))
    cids = sample(choose(known, scope.channels) if scope.channels else known, scope.sample_percent)
    if not scope.channels:
        verdict.merge(_people(migration, mend=scope.mend), MOST_KEPT)
    for one in _channels(migration, cids, scope, progress):
        verdict.merge(one, MOST_KEPT)
    if scope.beside and not scope.channels:
        _merge_beside(migration, verdict)
    return verdict


def _merge_beside(migration: Migration, verdict: Verdict) -> None:
    """Add what no comparison of a channel can see; an administrator is named once, as a person or as a fault."""
    rules = migration.settings.mapping
    named = {one.target_id for one in verdict.differences if one.category == "users"}
    verdict.merge(target_side.integrity(migration.target, rules, target_side.BESIDE_CHANNELS), MOST_KEPT)
    private = target_side.privacy(migration.target, rules, target_side.ADMINISTRATORS)
    fresh = Verdict(advice=private.advice)
    fresh.add((one for one in private.differences if one.target_id not in named), MOST_KEPT)
    verdict.merge(fresh, MOST_KEPT)


def sample(cids: Sequence[str], percent: float) -> list[str]:
    """Choose that share of the channels by a hash of their cids, at least one."""
    if percent >= 100:
        return list(cids)
    number = math.ceil(len(cids) * percent / 100)
    chosen = set(sorted(cids, key=lambda cid: hashlib.sha256(cid.encode()).digest())[:number])
    return [cid for cid in cids if cid in chosen]


def _people(migration: Migration, *, mend: bool) -> Verdict:
    accounting = Accounting()

    def compare() -> Verdict:
        refused: list[str] = []
        pages = _mapped_people(migration, accounting, refused)
        return target_side.people(migration.target, migration.settings.mapping, pages, refused)

    verdict = compare()
    missing = {one.stream_id for one in verdict.differences if one.kind == "missing" and one.explained_by is None}
    wrong = [one for one in verdict.differences if one.kind == "different" and one.explained_by is None]
    if mend and (missing or wrong):
        wanted = missing | {one.stream_id for one in wrong}
        rows = {row.id: row for page in _mapped_people(migration, accounting, []) for row in page if row.id in wanted}
        lost = [rows[one] for one in missing if one in rows]
        repaired = load_users(migration.target, lost, len(missing) or 1)
        number = repaired.counts.written + target_side.mend_people(migration.target, wrong, rows)
        verdict = compare()
        verdict.repaired["users"] += number
    verdict.unaccounted = accounting.unaccounted
    return verdict


def _mapped_people(migration: Migration, accounting: Accounting, refused: list[str]) -> Iterator[list[UserRow]]:
    """Read and map the people Stream lists; ``refused`` gets those whose record cannot be carried."""
    # Bans that ran out are followed by each sync that looks at everything.
    followed = watermarks.load(migration.target).get(ledger.WHOLE_APP, watermarks.Watermark()).scanned_at
    now = followed or target_side.moment(target_side.first_load(migration.target), migration.began)
    for page in walk_users(migration.source):
        out = Batch()
        for raw in page:
            accounting.user(raw)
            map_listed_user(raw, migration.settings.mapping, out, now=now)
        refused += [one.stream_id for one in out.rejects]
        yield list(out.users.values())


def _channels(migration: Migration, cids: Sequence[str], scope: Scope, progress: Progress) -> Iterator[Verdict]:
    """Compare channels side by side, never holding more verdicts than channels in flight."""
    remaining, done, stop = iter(cids), 0, threading.Event()
    with ThreadPoolExecutor(migration.settings.channels_in_flight, thread_name_prefix="verify") as pool:

        def begin(number: int) -> set[Future[Verdict]]:
            return {pool.submit(_one, migration, cid, scope, stop) for cid in islice(remaining, number)}

        running = begin(migration.settings.channels_in_flight * 2)
        try:
            while running:
                ended, running = wait(running, return_when=FIRST_COMPLETED)
                running |= begin(len(ended))
                for future in ended:
                    done += 1
                    progress(done, len(cids))
                    yield future.result()
        except BaseException:
            stop.set()
            migration.source.stop()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _one(migration: Migration, cid: str, scope: Scope, stop: threading.Event) -> Verdict:
    if stop.is_set():
        return Verdict()
    try:
        return verify_channel(migration, cid, mend=scope.mend)
    except PermanentError:
        raise
    except TransientError as problem:
        return Verdict(problems={cid: str(problem)}, channels=1)
