"""What a run that failed says of it in a line, to the command line.

Guards: our own words, and none of what an exception that nobody expected may quote.
"""

from __future__ import annotations

import dagster as dg
import pytest

from chatsdk_migration.errors import PermanentError
from chatsdk_migration.instance import launch

PRIVATE = "the text of somebody's message"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError(PRIVATE), "a defect of this tool (ValueError); the log of run "),
        (dg.Failure("said on purpose"), "said on purpose"),
        (PermanentError("reading", "nothing there", "Look again."), "reading: nothing there. Look again."),
    ],
)
def test_the_reason_of_a_failure(instance: dg.DagsterInstance, error: Exception, said: str) -> None:
    @dg.op
    def breaks() -> None:
        raise error

    @dg.job(executor_def=dg.in_process_executor)
    def broken() -> None:
        breaks()

    finished = launch.run_in_process(instance, dg.Definitions(jobs=[broken]), "broken")
    reason = launch.failure_reason(instance, finished)
    assert reason.startswith(said)
    assert PRIVATE not in reason
