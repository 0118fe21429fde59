"""What a worker process met reaches the run's process, whatever it was."""

from __future__ import annotations

import threading
from multiprocessing import Pipe
from typing import Any, cast

from chatsdk_migration.crew import _serve
from chatsdk_migration.transfer import ALL_PARTS, Migration

PATIENCE_SECONDS = 20.0


class _FailingMigration:
    """Fails at the first look, with an error that cannot be pickled."""

    @property
    def settings(self) -> Any:
        """Raise."""

        class HereOnlyError(Exception):
            """A class inside a function has no name by which another process could find it."""

        raise HereOnlyError


def test_an_error_that_cannot_be_pickled_is_an_answer_and_not_a_silence() -> None:
    ours, theirs = Pipe()
    server = threading.Thread(target=_serve, args=(cast("Migration", _FailingMigration()), theirs), daemon=True)
    server.start()
    for _ in range(2):  # the place goes on working
        ours.send(("messaging:general", ALL_PARTS))
        assert ours.poll(PATIENCE_SECONDS), "the run's process would wait for ever"
        answer = ours.recv()
        assert isinstance(answer, RuntimeError)
        assert "HereOnlyError" in answer.__notes__[0]
        assert any("settings" in note for note in answer.__notes__), "where it happened"
    ours.close()
    server.join(PATIENCE_SECONDS)
    assert theirs.closed
