"""A load that is cut off at any statement is completed by the next one, as if nothing had happened."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from chatsdk_migration.demo.target import live_send
from chatsdk_migration.errors import TransientError
from chatsdk_migration.postgres.target import Target
from chatsdk_migration_tests.conftest import APP_ID, Role, TargetDatabase
from chatsdk_migration_tests.postgres.load_support import CHANNEL_ID, MESSAGES, carry, empty, picture, prepare

BACKEND_GONE_MILLISECONDS = 10_000


class Axe:
    """Ends the session of a load after its n-th statement, as a killed process or server would."""

    def __init__(self, database: TargetDatabase, role: Role) -> None:
        self.count = 0
        self.fall_after = -1
        self._admin = database.superuser()
        self.cursor = self._cursor_class()
        self.settings = database.settings(role, message_batch_size=4)

    def _cursor_class(axe) -> type[psycopg.Cursor[Any]]:  # noqa: N805 - the cursor below has the name self
        class Counting(psycopg.Cursor[Any]):
            def execute(self, *args: Any, **kwargs: Any) -> Any:
                result = super().execute(*args, **kwargs)
                axe.count += 1
                if axe.count == axe.fall_after:
                    pid = self.connection.info.backend_pid
                    axe._admin.execute("SELECT pg_terminate_backend(%s, %s)", [pid, BACKEND_GONE_MILLISECONDS])
                return result

        return Counting

    def load(self, fall_after: int = -1) -> None:
        target = Target(self.settings, cursor_factory=self.cursor)
        try:
            ready = prepare(target)
            self.count, self.fall_after = 0, fall_after
            carry(target, ready)
        finally:
            self.fall_after = -1
            target.close()


@pytest.mark.parametrize(("role", "step"), [("loader", 1), ("ordinary", 3)])
def test_killed_after_any_statement(target: TargetDatabase, role: Role, step: int) -> None:
    axe = Axe(target, role)
    with target.superuser() as admin:
        axe.load()
        undisturbed, statements = picture(admin), axe.count
        assert statements > 50
        # The last two, on the way to the disk and giving the lock back, find everything committed.
        for number in range(1, statements - 1, step):
            empty(admin)
            with pytest.raises(TransientError):
                axe.load(fall_after=number)
            axe.load()
            assert picture(admin) == undisturbed, f"killed after statement {number}"


def test_after_a_kill_ours_go_on_behind_the_live_messages(target: TargetDatabase) -> None:
    axe = Axe(target, "loader")
    with target.superuser() as admin:
        axe.load()
        statements = axe.count
        empty(admin)
        with pytest.raises(TransientError):
            axe.load(fall_after=statements // 2)
        before = admin.execute("SELECT count(*) FROM message").fetchone()
        assert before is not None
        assert 0 < before[0] < MESSAGES
        live = live_send(admin, APP_ID, CHANNEL_ID, "ann", "live")
        axe.load()
        rows = admin.execute(
            "SELECT m.seq, k.stream_id FROM message m LEFT JOIN chatsdk_migration.message_map k ON k.message_id = m.id"
            " ORDER BY m.seq"
        ).fetchall()
    assert live.seq == before[0] + 1
    assert [seq for seq, _ in rows] == list(range(1, MESSAGES + 2))
    assert [stream_id for _, stream_id in rows if stream_id] == [f"m{i}" for i in range(MESSAGES)]
