"""The cutover from its first step to its proof; each step is safe to repeat, and an interrupted cutover goes on.

Here: the order of the steps, when one need not be repeated, what sends it back to the freeze. Not here: the work
(``hands.py``), what a quick look sees (``looking.py``), the words (``freezing.py``, ``proof.py``), the rehearsal
(``rehearsing.py``).

What is done counts for the present freeze only. When something was written in Stream after it, the freeze is asked for
again and everything after it is done again. The newest look is what the proof rests on: looks are never skipped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from chatsdk_migration.cutover import expected, freezing, proof, state
from chatsdk_migration.cutover.combining import combined, failing_channels, is_complete
from chatsdk_migration.cutover.counters import repair_counters
from chatsdk_migration.cutover.hands import Compared, Hands, OwnHands
from chatsdk_migration.cutover.looking import Looked, look
from chatsdk_migration.cutover.model import (
    STEPS,
    Answers,
    CutoverReport,
    Options,
    Question,
    Say,
    Step,
    Unread,
    Written,
)
from chatsdk_migration.cutover.readiness import NOT_MIGRATED, assess, some
from chatsdk_migration.cutover.rehearsing import rehearse
from chatsdk_migration.cutover.state import Standing
from chatsdk_migration.errors import PermanentError
from chatsdk_migration.postgres.ledger import WHOLE_APP
from chatsdk_migration.settings import Settings
from chatsdk_migration.stream import plan
from chatsdk_migration.sync import Sweep, conflicts
from chatsdk_migration.sync.engine import require_privileges
from chatsdk_migration.transfer import Migration

MOST_ROUNDS = 10
"""Freezes in one run that turned out not to hold; beyond it somebody answers without looking."""
CLOCK = timedelta(seconds=2)
"""Stream's clock is read in whole seconds, and an answer is older than its reading: what was written up to here may
have been written before the freeze. The final sync begins after it, and carries it in either case."""

Result = dict[str, Any]


class _StoppedError(Exception):
    """The cutover ends here, and goes on when it is run again."""


def run(  # noqa: PLR0913 - what to do it with, and how
    where: Settings | Migration,
    *,
    answers: Answers,
    say: Say,
    dry_run: bool = False,
    options: Options | None = None,
    hands: Hands | None = None,
    unfinished: tuple[str, ...] = (),
) -> CutoverReport:
    """Lead through a cutover, or rehearse it.

    Args:
        where: Where from and where to; of an open migration only the settings are used.
        answers: Asked what only a person can say.
        say: Told what happens, a line at a time.
        dry_run: Do what only reads, with timings; ask nothing, change nothing.
        options: How it is done.
        hands: Who syncs and verifies; this process when not given.
        unfinished: Channels that Dagster's records show as failed or missing.

    Raises:
        PermanentError: Nothing further can succeed: another cutover or sync is under way, a privilege is missing.
        MigrationError: Stream or the database cannot be reached now.
    """
    settings = where.settings if isinstance(where, Migration) else where
    chosen = options or Options()
    if dry_run:
        return rehearse(settings, say=say, options=chosen, unfinished=unfinished)
    with Migration(settings) as migration, state.alone(migration.target):
        require_privileges(migration.target)
        if chosen.fresh:
            state.end(migration.target, "forgotten")
        return _Cutover(migration, answers, say, chosen, hands or OwnHands(settings), unfinished).run()


class _Cutover:
    """One run of a cutover, from wherever an earlier one was left."""

    def __init__(  # noqa: PLR0913, PLR0917 - all of it is needed by some step
        self,
        migration: Migration,
        answers: Answers,
        say: Say,
        options: Options,
        hands: Hands,
        unfinished: tuple[str, ...],
    ) -> None:
        self._migration, self._target, self._source = migration, migration.target, migration.source
        self._settings, self._hands, self._options = migration.settings, hands, options
        self._answers, self._say = answers, say
        plan.read_limits(self._source)  # the first answer sets the clock
        self._report = CutoverReport(assess(self._target, self._settings, self._now(), unfinished=unfinished))
        self._compared = Compared({})

    def run(self) -> CutoverReport:
        self._require_something()
        self._standing = self._opened()
        try:
            self._step("readiness", self._readiness, again=True)
            self._until_it_holds()
            self._step("proof", self._proof, again=True)
        except _StoppedError as reason:
            self._report.stopped = str(reason)
            self._say(f"Stopped: {reason}")
            self._say("Nothing is lost: what is done is kept, and run again it goes on from there.")
        self._report.frozen_at = self._standing.frozen_at
        return self._report

    def _require_something(self) -> None:
        if NOT_MIGRATED in self._report.readiness.reasons or not self._report.readiness.channels:
            raise PermanentError("starting the cutover", "nothing has been migrated", "Run import-stream first.")

    def _opened(self) -> Standing:
        before = state.current(self._target)
        standing = state.opened(self._target)
        if before is not None and before.id == standing.id:
            self._say(f"Going on with the cutover begun {_minute(standing.began_at)}.")
        elif before is not None and before.outcome == "equal" and before.ended_at is not None:
            self._say(f"An earlier cutover ended with equal sides {_minute(before.ended_at)}; this is a new one.")
        return standing

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._source.server_time, UTC)

    def _step(self, name: str, work: Callable[[], tuple[bool, Result]], *, again: bool = False) -> Result:
        """Do a step, unless it was done and still holds; keep when it began and ended, and what came of it."""
        self._options.at_step(name)
        if not again and (old := self._still_holds(name)) is not None:
            self._report.steps.append(old)
            self._say(f"{_title(name)}: done {_minute(old.ended)}, and still good.")
            return old.result
        self._say(_title(name))
        number, began = state.begin_step(self._target, self._standing, name)
        ok, result = work()
        ended = state.end_step(self._target, number, ok=ok, result=result)
        self._report.steps.append(Step(name, began, ended, ok, result=result))
        return result

    def _still_holds(self, name: str) -> Step | None:
        return state.done(self._target, self._standing, name, 60 * self._settings.cutover_step_max_age_minutes)

    def _ask(self, kind: Any, text: str, otherwise: str) -> None:
        """Ask, and end here when the answer is no."""
        if not self._answers(Question(kind, text)):
            raise _StoppedError(otherwise)

    def _readiness(self) -> tuple[bool, Result]:
        found = self._report.readiness
        for line in proof.readiness_lines(found):
            self._say(line)
        if not found.ready and not self._options.skip_readiness and self._standing.frozen_at is None:
            self._ask("not_ready", "Not ready. Go on all the same?", "not ready")
        self._say(expected.expect(self._migration).sentence())
        return True, {"ready": found.ready, "reasons": found.reasons}

    def _until_it_holds(self) -> None:
        """Freeze, sync, verify, repair, until a look at the end shows that nothing was written meanwhile."""
        for _ in range(MOST_ROUNDS):
            self._freeze()
            self._step("final_sync", self._final_sync)
            if self._written("look"):
                continue
            self._verified()
            if not self._written("last_look"):
                return
        raise _StoppedError(f"writes in Stream were said to be frozen {MOST_ROUNDS} times, and were not")

    def _freeze(self) -> None:
        if self._standing.frozen_at is not None and self._still_holds("freeze") is not None:
            self._step("freeze", lambda: (True, {}))
            return
        at = self._standing.frozen_at
        self._say(_title("freeze"))
        for line in freezing.freeze_lines() if at is None else [f"Writes in Stream were frozen {_minute(at)}."]:
            self._say(line)
        self._options.at_step("freeze")
        question = "Are writes in Stream frozen?" if at is None else "Are writes in Stream still frozen?"
        self._ask("freeze", question, "writes in Stream are not frozen")
        self._frozen(at)

    def _frozen(self, since: datetime | None) -> None:
        """Note a freeze: a new one from now on, or one that has lasted since then."""
        plan.read_limits(self._source)  # a question may have stood for hours
        state.freeze(self._target, self._standing, since or self._now() + CLOCK)
        number, began = state.begin_step(self._target, self._standing, "freeze")
        ended = state.end_step(self._target, number, ok=True, result={})
        self._report.steps.append(Step("freeze", began, ended, ok=True))

    def _final_sync(self) -> tuple[bool, Result]:
        self._say("What changed, and all recent history again for deletions …")
        result = self._hands.sync(Sweep.HOT)
        self._say(proof.sync_line(result))
        self._require_followed(result)
        return True, {name: result[name] for name in ("started", "finished", "applied", "api_calls") if name in result}

    def _require_followed(self, result: Mapping[str, Any]) -> None:
        problems: Mapping[str, str] = result.get("problems") or {}
        if WHOLE_APP in problems:
            raise _StoppedError(f"the sync did not end well: {problems[WHOLE_APP]}")
        if problems:
            cid, why = next(iter(problems.items()))
            raise _StoppedError(f"the sync could not follow {some(list(problems))}; {cid}: {why}")

    def _written(self, name: str) -> bool:
        """Look whether something was written since the freeze; if so, ask for it anew."""
        if self._options.skip_freeze_check:
            self._report.unread = None
            return False
        written: list[Written] = []
        self._step(name, lambda: self._look(written), again=True)
        self._report.written = written
        if not written:
            return False
        for one in written:
            self._say(f"  {one.cid}: {one.what}, {one.at}")
        text = "Stream is still being written. Is it stopped now, so that the final sync may be done again?"
        self._ask(
            "still_written",
            text,
            f"{written[0].cid} was written at {written[0].at}, after the freeze. Stop who writes there; then run the "
            "cutover in a terminal and say so, or with --yes --fresh",
        )
        self._frozen(None)
        return True

    def _look(self, written: list[Written]) -> tuple[bool, Result]:
        assert self._standing.frozen_at is not None, "the freeze comes first"
        seen = look(self._source, self._target, self._standing.frozen_at)
        if seen.read_on and not seen.written:
            seen = self._read_on(seen, self._standing.frozen_at)
        written += seen.written
        self._report.unread = seen.unread
        some_written = "something was written" if written else "nothing was written"
        self._say(
            f"A look at {seen.channels:,} channels in Stream: {some_written} since {_second(self._standing.frozen_at)}."
        )
        return not written, {"written": [one._asdict() for one in written], "read_on": len(seen.read_on)}

    def _read_on(self, seen: Looked, since: datetime) -> Looked:
        """Carry the read positions of those who have read since the freeze: reading is no writing."""
        self._require_followed(self._hands.sync(Sweep.RECENT, seen.read_on))
        self._say(f"People have read on in {some(seen.read_on)}: their read positions were carried.")
        return look(self._source, self._target, since)

    def _verified(self) -> None:
        """Compare everything, put right what may be, and compare that again."""
        held = self._step("verify", self._verify)
        self._compared = Compared(held["verdict"], held["faults"])
        mended = self._step("repair", self._repair)
        self._compared = Compared(mended["verdict"], mended["faults"])
        self._report.verdict, self._report.faults = self._compared.verdict, self._compared.faults

    def _verify(self) -> tuple[bool, Result]:
        self._say("Comparing both sides, record by record …")
        found = self._hands.verify()
        self._say(proof.verdict_line(found))
        return True, {"verdict": found.verdict, "faults": found.faults}

    def _repair(self) -> tuple[bool, Result]:
        """Set the counters; follow Stream once more where sides differ; then repair what is left, with consent."""
        found, counters = self._compared, repair_counters(self._target)
        if counters:
            self._say(f"Counters set right in {some(list(counters))}.")
        if not found.verdict["clean"]:
            found = self._followed_again(found)
        elif counters or found.faults:
            found = Compared(found.verdict, self._hands.faults())
        if not found.verdict["clean"]:
            found = self._mended(found)
        self._say(proof.verdict_line(found) if found is not self._compared else "Nothing to put right.")
        equal = bool(found.verdict["clean"]) and not found.faults
        return equal, {"verdict": found.verdict, "faults": found.faults, "counters": counters}

    def _followed_again(self, found: Compared) -> Compared:
        """Sync the channels that differ, all of their history, and compare them again."""
        cids = failing_channels(found.verdict)
        if not cids:
            return found
        self._say(f"Sides differ in {some(cids)}: reading all of it again …")
        self._require_followed(self._hands.sync(Sweep.ALL, cids))
        repair_counters(self._target)
        return self._again(found, cids, mend=False)

    def _mended(self, found: Compared) -> Compared:
        for line in proof.difference_lines(found.verdict):
            self._say(line)
        number = found.verdict["unexplained"]
        text = f"{number:,} differences that nothing explains. Put them right? What people did in ChatSDK stays."
        if not self._answers(Question("repair", text)):
            return found
        return self._again(found, failing_channels(found.verdict), mend=True)

    def _again(self, found: Compared, cids: list[str], *, mend: bool) -> Compared:
        """Compare again what differs: some channels, or everything where that does not tell it all."""
        if not cids or not is_complete(found.verdict, cids):
            return self._hands.verify(mend=mend)
        again = self._hands.verify(cids, mend=mend)
        return Compared(combined(found.verdict, again.verdict, cids), self._hands.faults())

    def _proof(self) -> tuple[bool, Result]:
        report = self._report
        report.conflicts = conflicts(self._target)
        report.equal = bool(self._compared.verdict["clean"]) and not self._compared.faults and not report.written
        report.finished = True
        for line in proof.proof_lines(report, self._target):
            self._say(line)
        for line in freezing.switch_lines() if report.equal else []:
            self._say(line)
        for line in freezing.thaw_lines():
            self._say(line)
        if report.equal:
            state.end(self._target, state.EQUAL)
        return report.equal, {"equal": report.equal, "unread": _plain(report.unread)}


_TITLES = (
    "Readiness",
    "Freeze",
    "Final sync",
    "Is Stream quiet?",
    "Comparison of both sides",
    "Counters and repairs",
    "Is Stream still quiet?",
    "Proof",
)
"""As ``STEPS``."""


def _title(name: str) -> str:
    number = STEPS.index(name)
    return f"[{number + 1}/{len(STEPS)}] {_TITLES[number]}"


def _plain(unread: Unread | None) -> dict[str, int] | None:
    return None if unread is None else unread._asdict()


def _minute(at: datetime) -> str:
    return f"on {at.astimezone(UTC):%d %b at %H:%M} UTC"


def _second(at: datetime) -> str:
    return f"{at.astimezone(UTC):%d %b %H:%M:%S} UTC"
