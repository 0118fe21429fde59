"""A believable week on both sides while syncs run, and what must be true when it is over.

Here: the week against the strict server, with live ChatSDK users on the other side, up to the freeze and the cutover.
Not here: what happens in the week (``week.py``, ``week_live.py``), what must be true (``week_judge.py``).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from chatsdk_migration import cutover, sync
from chatsdk_migration.cutover import CutoverReport, Options, Question
from chatsdk_migration.demo.server import StreamServer
from chatsdk_migration.demo.world import World
from chatsdk_migration.reconcile.channel import verify_channel
from chatsdk_migration.sync import Sweep, SyncReport
from chatsdk_migration.transfer import Migration
from chatsdk_migration_tests.conftest import TargetDatabase
from chatsdk_migration_tests.end_to_end.driver import migrate
from chatsdk_migration_tests.end_to_end.week import DAYS, QUIET, Clock, Life, Meddler, build, start_of_week
from chatsdk_migration_tests.end_to_end.week_judge import Judge
from chatsdk_migration_tests.end_to_end.week_live import LiveUsers

SYNCS = 24
ACTS_BETWEEN = 170
LIVE_ACTS_BETWEEN = 14
MEDDLED = {
    "act",
    "channel deleted in the middle",
    "edit while read",
    "hard delete while read",
    "live act",
    "sent while read",
    "truncated while read",
}
"""What must have been done in the middle of syncs, beside what does not come about in every week."""
SHOWN = 40
GRANTS = b"GRANT DELETE ON channel_member, reaction, mention, pinned_message, poll_vote, user_message TO loader"


@dataclass
class Week:
    """Both sides of a week under way."""

    world: World
    clock: Clock
    life: Life
    live: LiveUsers
    meddler: Meddler
    server: StreamServer
    target: TargetDatabase
    said: list[str] = field(default_factory=list)

    def settings(self, **changes: Any) -> Any:
        """One channel at a time, so that what is done in the middle of a sync is done at the same place each time."""
        values: dict[str, Any] = {"stream_chat_url": self.server.url, "channels_in_flight": 1} | changes
        return self.target.settings(**values)

    def sync(self, sweep: Sweep = Sweep.RECENT, *, meddle: bool = True, **changes: Any) -> SyncReport:
        self.server.before_answer = self.meddler if meddle else None
        try:
            with sync.open_migration(self.settings(**changes)) as migration:
                report = sync.sync_once(migration, sweep=sweep)
        finally:
            self.server.before_answer = None
        assert report.problems == {}
        assert self.server.failures == []
        return report

    def cut_over(self) -> CutoverReport:
        """Cut over; the freeze is asked for when nobody writes any more."""

        def answer(question: Question) -> bool:
            self.clock.move(minutes=1)
            return question.kind != "still_written"

        options = Options(skip_readiness=True)
        return cutover.run(self.settings(), answers=answer, say=self.said.append, options=options)

    def live_on(self, acts: int, live_acts: int) -> None:
        """Let both sides go on for a seventh of ``SYNCS`` of the week."""
        pause = DAYS * 86_400 / SYNCS / acts
        for number in range(acts):
            self.life.act()
            self.clock.move(seconds=pause * (0.5 + self.life.chance.random()))
            if number % (acts // live_acts) == 0:
                self.live.act()


@contextmanager
def begun(target: TargetDatabase, seed: int) -> Iterator[Week]:
    """A week whose first load is done, while things went on."""
    clock = Clock(start_of_week())
    world = build(clock)
    with target.superuser() as conn:
        conn.execute(GRANTS)
    life = Life(world, clock, seed)
    live = LiveUsers(target, life, seed)
    with StreamServer(world) as server:
        meddler = Meddler(life, lambda: None)
        week = Week(world, clock, life, live, meddler, server, target)
        server.before_answer = meddler
        assert migrate(server.url, week.settings()).problems == {}
        server.before_answer = None
        week.meddler = Meddler(life, live.act)
        try:
            yield week
        finally:
            live.close()
        assert server.writes == []


def rows_of(target: TargetDatabase, cid: str) -> list[Any]:
    """Where the rows of a channel lie: an UPDATE, even one that changes nothing, moves them."""
    with target.superuser() as conn:
        return conn.execute(
            """WITH one AS (SELECT channel_id AS id FROM chatsdk_migration.channel_map WHERE cid = %s)
               SELECT 'channel', c.xmin::text, c.ctid::text FROM channel c JOIN one ON one.id = c.id
               UNION ALL SELECT 'seq', c.xmin::text, c.ctid::text FROM channel_seq c JOIN one ON one.id = c.channel_id
               UNION ALL SELECT 'member', c.xmin::text, c.ctid::text FROM channel_member c
                         JOIN one ON one.id = c.channel_id
               UNION ALL SELECT 'message', c.xmin::text, c.ctid::text FROM message c JOIN one ON one.id = c.channel_id
               UNION ALL SELECT 'state', u.xmin::text, u.ctid::text FROM user_message u
                         JOIN message c ON c.id = u.message_id JOIN one ON one.id = c.channel_id
               UNION ALL SELECT 'reaction', u.xmin::text, u.ctid::text FROM reaction u
                         JOIN message c ON c.id = u.message_id JOIN one ON one.id = c.channel_id
               UNION ALL SELECT 'map', c.xmin::text, c.ctid::text FROM chatsdk_migration.message_map c
                         JOIN one ON one.id = c.channel_id
               ORDER BY 1, 2, 3""",
            [cid],
        ).fetchall()


def verified(week: Week) -> list[Any]:
    """What a comparison record by record finds and nothing explains."""
    with Migration(week.settings()) as migration:
        return [
            difference
            for cid in sorted(week.world.channels)
            for difference in verify_channel(migration, cid).differences
            if difference.explained_by is None
        ]


@pytest.mark.parametrize("seed", [20])
def test_a_week_of_changes_on_both_sides_ends_with_equal_sides(target: TargetDatabase, seed: int) -> None:
    with begun(target, seed) as week:
        week.sync(meddle=False)
        quiet = rows_of(target, QUIET)
        for number in range(SYNCS):
            week.live_on(ACTS_BETWEEN, LIVE_ACTS_BETWEEN)
            week.server.options.search_lag_seconds = 3600 if number % 6 == 2 else 0
            week.sync(Sweep.ALL if number in {11, SYNCS - 2} else Sweep.RECENT)
            week.life.hidden_deletes = number < SYNCS - 2
        week.server.options.search_lag_seconds = 0
        report = week.cut_over()
        faults = Judge(week.world, target, week.live.touched).faults()
        assert not faults, "\n".join([f"{len(faults)} faults", *faults[:SHOWN]])
        assert (report.stopped, report.finished, report.equal) == ("", True, True), "\n".join(week.said[-SHOWN:])
        assert week.sync(Sweep.ALL, meddle=False).applied == {}
        assert rows_of(target, QUIET) == quiet
        assert verified(week) == []
        assert week.life.done.keys() == week.life.kinds
        assert week.live.done.keys() == week.live.kinds
        assert week.meddler.done.keys() >= MEDDLED
        assert week.life.done.total() > 4_000
