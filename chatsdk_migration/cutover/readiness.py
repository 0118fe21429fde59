"""Ready for the switch, or not ready because …: one rule over numbers that are at hand.

Here: gathering the numbers from the target, and the rule. Not here: showing them (``cli/status.py``,
``assets/cutover_readiness.py``). Stream is not asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

from chatsdk_migration import sync
from chatsdk_migration.cutover import history
from chatsdk_migration.cutover.history import Outcome
from chatsdk_migration.cutover.model import Readiness
from chatsdk_migration.errors import PermanentError
from chatsdk_migration.postgres import ledger
from chatsdk_migration.postgres.target import Target
from chatsdk_migration.settings import Settings
from chatsdk_migration.sync.engine import require_privileges
from chatsdk_migration.words import are, counted

WORST = 5
"""Channels furthest behind that are named."""
NAMED = 3
"""Channels named in a reason."""
SECONDS_IN_AN_HOUR = 3600
NOT_MIGRATED = (
    "nothing has been migrated into this app yet (or by an older version). Run `chatsdk-migrate import-stream`."
)


def assess(
    target: Target, settings: Settings, at: datetime | None = None, *, unfinished: Sequence[str] = ()
) -> Readiness:
    """Say whether the switch can be made.

    Args:
        target: The database.
        settings: Whose ``cutover_...`` limits hold.
        at: Stream's clock; ours when not given.
        unfinished: Channels that Dagster's records show as failed or missing.

    Raises:
        MigrationError: The database cannot be asked.
    """
    found = Readiness(at or datetime.now(UTC), unfinished=list(unfinished))
    if not history.has_tables(target):
        found.reasons = [NOT_MIGRATED]
        return found
    _lag(target, found)
    _verification(target, found)
    _counts(target, found)
    found.reasons = [*judge(found, settings), *_lacking(target)]
    return found


def _lag(target: Target, found: Readiness) -> None:
    lag = sync.lag(target, found.at)
    known = {cid: seconds for cid, seconds in lag.channels.items() if seconds is not None}
    found.channels, found.lag_seconds = len(lag.channels), lag.app
    found.worst = sorted(known.items(), key=lambda item: (-item[1], item[0]))[:WORST]
    found.never_synced = sorted(lag.channels.keys() - known.keys())


def _verification(target: Target, found: Readiness) -> None:
    whole = history.newest(target, "verification", "whole")
    if whole is None:
        return
    found.verified_at = whole.ended_at
    found.verified_seconds_ago = max((datetime.now(UTC) - whole.ended_at).total_seconds(), 0.0)
    found.failing = still_failing(whole, history.since(target, "verification", whole.id))
    found.differences = sum(found.failing.values())


def still_failing(whole: Outcome, later: Iterable[Outcome]) -> dict[str, int]:
    """Give the open differences by cid: those of the whole verification, but for channels that were compared since.

    What a sample or a comparison with the ledger found since is added, and takes nothing away.
    """
    failing = _open(whole)
    for one in later:
        chosen = set(one.cids or ())
        for cid in [cid for cid in failing if cid and (cid in chosen or cid.partition(":")[2] in chosen)]:
            del failing[cid]
        failing |= _open(one)
    return failing


def _open(one: Outcome) -> dict[str, int]:
    """Give the differences by cid; a channel that could not be compared counts as one."""
    return dict.fromkeys(one.problems, 1) | {cid: number for cid, number in one.failing.items() if number}


def _counts(target: Target, found: Readiness) -> None:
    found.quarantined = ledger.open_rejects(target)
    found.conflicts = len(sync.conflicts(target))
    last = history.newest(target, "sync", "recent", "hot", "all")
    found.sync_problems = dict(last.problems) if last else {}


def _lacking(target: Target) -> list[str]:
    try:
        require_privileges(target)
    except PermanentError as error:
        return [f"{error.found}. {error.next_step}"]
    return []


def judge(found: Readiness, settings: Settings) -> list[str]:
    """Give the reasons against the switch, each with its next step; none: ready."""
    return [
        *_missing(found),
        *_behind(found, largest_lag(settings)),
        *_differing(found, settings),
        *_set_aside(found, settings),
    ]


def largest_lag(settings: Settings) -> float:
    """Give the seconds a channel may be behind; one that no event names is looked at only with all others."""
    if settings.sync_queue_url is None:
        return settings.cutover_max_lag_seconds
    return max(settings.cutover_max_lag_seconds, 2 * 60 * settings.sync_full_look_minutes)


def _missing(found: Readiness) -> Iterator[str]:
    if not found.channels:
        yield "no channel has been carried. Run `chatsdk-migrate import-stream`."
    if found.unfinished:
        yield (
            f"{_are(len(found.unfinished))} failed or missing ({some(found.unfinished)}). "
            "Run `chatsdk-migrate import-stream --resume`."
        )
    if left := sorted(set(found.never_synced) - set(found.unfinished)):
        yield f"{_were(len(left))} never synced ({some(left)}). Run `chatsdk-migrate sync`."
    if found.sync_problems:
        cid, why = next(iter(found.sync_problems.items()))
        yield (
            f"the last sync could not follow {_channels(len(found.sync_problems))} ({cid}: {why.rstrip('.')}). "
            "Put it right, then run `chatsdk-migrate sync`."
        )


def _behind(found: Readiness, limit: float) -> Iterator[str]:
    if found.lag_seconds is not None and found.lag_seconds > limit:
        worst = f", most of all {found.worst[0][0]}" if found.worst else ""
        yield (
            f"ChatSDK is {ago(found.lag_seconds)} behind Stream{worst}; the limit is {ago(limit)} "
            "(cutover_max_lag_seconds). Run `chatsdk-migrate sync`, or turn its schedule on."
        )


def _differing(found: Readiness, settings: Settings) -> Iterator[str]:
    if found.verified_seconds_ago is None or found.differences is None:
        yield "the whole was never verified. Run `chatsdk-migrate verify`."
        return
    if found.verified_seconds_ago / SECONDS_IN_AN_HOUR > settings.cutover_max_verify_age_hours:
        yield (
            f"the last whole verification was {ago(found.verified_seconds_ago)} ago; the limit is "
            f"{settings.cutover_max_verify_age_hours:g} hours (cutover_max_verify_age_hours). "
            "Run `chatsdk-migrate verify`."
        )
    if found.differences > settings.cutover_max_differences:
        cids = [cid for cid in found.failing if cid]
        some_of_them = f"verify --channels {' '.join(cids)}" if 0 < len(cids) <= NAMED else "verify"
        where = f" in {some(cids)}" if cids else ""
        yield (
            f"{counted(found.differences, 'difference')} that nothing explains {are(found.differences)} open{where}. "
            f"Run `chatsdk-migrate sync`, then `chatsdk-migrate {some_of_them}`; what is still there after that, "
            "--repair puts right."
        )


def _set_aside(found: Readiness, settings: Settings) -> Iterator[str]:
    if found.quarantined > settings.cutover_max_quarantined:
        yield (
            f"{counted(found.quarantined, 'rejected record')} {are(found.quarantined)} in quarantine, of which "
            f"{settings.cutover_max_quarantined} may be (cutover_max_quarantined). See `chatsdk-migrate quarantine "
            "list`, then replay or discard them."
        )
    most = settings.cutover_max_conflicts
    if most is not None and found.conflicts > most:
        yield (
            f"{counted(found.conflicts, 'conflict')} {are(found.conflicts)} listed, of which {most} may be "
            "(cutover_max_conflicts). See chatsdk_migration.conflict."
        )


def some(cids: Sequence[str]) -> str:
    """Name the first few."""
    rest = f" and {len(cids) - NAMED:,} more" if len(cids) > NAMED else ""
    return ", ".join(cids[:NAMED]) + rest


def ago(seconds: float) -> str:
    """Say a span of time in its largest fitting unit."""
    for unit, size in (("day", 86_400), ("hour", SECONDS_IN_AN_HOUR), ("minute", 60)):
        if seconds >= size:
            return counted(round(seconds / size), unit)
    return counted(round(seconds), "second")


def plain(found: Readiness) -> Mapping[str, float]:
    """Give the numbers, by name, for plots: a lag of -1 is unknown, differences of -1 were never counted."""
    return {
        "ready": int(found.ready),
        "lag_seconds": round(found.lag_seconds, 1) if found.lag_seconds is not None else -1.0,
        "open_differences": found.differences if found.differences is not None else -1,
        "quarantined": found.quarantined,
        "conflicts": found.conflicts,
        "unfinished_channels": len(found.unfinished),
        "never_synced_channels": len(found.never_synced),
        "sync_problems": len(found.sync_problems),
    }


def _channels(number: int) -> str:
    return counted(number, "channel")


def _are(number: int) -> str:
    return f"{_channels(number)} {are(number)}"


def _were(number: int) -> str:
    return f"{_channels(number)} {'was' if number == 1 else 'were'}"
