"""The switch: whether everything is ready for it, and the guided way through it.

Here: the rule of readiness (``readiness.py``), the steps (``engine.py``) and what they rest on: what was verified when
(``history.py``), how far a cutover is (``state.py``), whether Stream is still written (``looking.py``). Not here:
Dagster (``assets/cutover_readiness.py``), the terminal (``cli/cutover.py``), syncing (``sync/``), comparing
(``reconcile/``).

Nothing here writes to Stream: freezing it is the operator's, and a look shows whether it holds.
"""

from chatsdk_migration.cutover.engine import run
from chatsdk_migration.cutover.model import (
    CutoverReport,
    Options,
    Question,
    Readiness,
    Step,
    Unread,
    Written,
)
from chatsdk_migration.cutover.readiness import assess, judge
from chatsdk_migration.cutover.state import end

__all__ = [
    "CutoverReport",
    "Options",
    "Question",
    "Readiness",
    "Step",
    "Unread",
    "Written",
    "assess",
    "end",
    "judge",
    "run",
]
