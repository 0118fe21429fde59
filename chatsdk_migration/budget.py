"""How many rejected records a run may meet before it stops taking new channels.

Here: counting and judging. Not here: what a run does then (``assets/channel_content.py``).

A mapping that does not fit the data rejects record after record; better to see that after some channels than after all.
Channels in flight are finished, those not begun stay as they are: a resume takes them once the cause is mended or the
budget raised. What was replayed or discarded before counts no more.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from chatsdk_migration.errors import PermanentError
from chatsdk_migration.settings import Settings

FEWEST_RECORDS = 10_000
"""Records read before a percentage is judged: at the default of 0.1 % that is more than ten rejects, while in the first
thousand two of them would end a migration of millions."""


class BudgetExceededError(PermanentError):
    """More records were rejected than the settings allow; raised when the channels in flight are done."""


@dataclass(slots=True)
class Budget:
    """Counts the records of a run; safe to use from many threads.

    Attributes:
        most: Rejects allowed; None for any number.
        percent: Rejects allowed, in percent of the records read.
        read: Members, messages and reactions read so far, rejected ones included.
        rejected: Those that went to quarantine.
    """

    most: int | None
    percent: float
    read: int = 0
    rejected: int = 0
    _is_exceeded: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def of(cls, settings: Settings) -> Budget:
        """Give the budget of the present run: the one it shares with others, or a fresh one."""
        return _shared[-1] if _shared else cls(settings.max_rejects, settings.max_rejects_percent)

    def count(self, read: int, rejected: int) -> None:
        """Add records."""
        with self._lock:
            self.read += read
            self.rejected += rejected
            # For good: a share that falls again must not let the run end as if it had taken every channel.
            self._is_exceeded |= self._over_most() or self._over_percent()

    def is_exceeded(self) -> bool:
        """Say whether too many were rejected, now or at any time before."""
        return self._is_exceeded

    def error(self, begun: int, total: int) -> BudgetExceededError:
        """Say what was found and what to do."""
        return BudgetExceededError(
            "keeping within the error budget",
            f"{self.rejected:,} of {self.read:,} records were rejected, more than {self._allowed()}; the channels in "
            f"flight were finished, and no new one was taken after {begun:,} of {total:,}",
            "See chatsdk-migrate quarantine list; mend the cause (a mapping setting), or raise --max-rejects or "
            "--max-rejects-percent, then run again with --resume, and chatsdk-migrate quarantine replay",
        )

    def _over_most(self) -> bool:
        return self.most is not None and self.rejected > self.most

    def _over_percent(self) -> bool:
        return self.read >= FEWEST_RECORDS and self.rejected * 100 > self.percent * self.read

    def _allowed(self) -> str:
        return f"{self.most:,}" if self._over_most() else f"{self.percent:g} %"


_shared: list[Budget] = []


@contextmanager
def shared(settings: Settings) -> Iterator[Budget]:
    """Let all runs of this process within the block spend one budget: to the operator they are one migration."""
    budget = Budget(settings.max_rejects, settings.max_rejects_percent)
    _shared.append(budget)
    try:
        yield budget
    finally:
        _shared.remove(budget)
