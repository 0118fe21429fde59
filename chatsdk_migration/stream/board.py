"""What several processes of one machine know together of Stream's limits: one small file in DAGSTER_HOME.

Here: places of a record each, read and written under a file lock that dies with its process. Not here: what the
numbers mean (``pacing``). Processes on other machines are met only through what Stream says is left of a limit.
"""

from __future__ import annotations

import os
import struct
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: each process keeps its own pace
    fcntl = None  # type: ignore[assignment]

_RECORD = struct.Struct("=4d")
Record = tuple[float, float, float, float]


class Board:
    """Records of four numbers, shared by the processes that open the same file.

    Args:
        file: Created when it is missing; may be deleted while nobody uses it.

    Raises:
        OSError: The file cannot be used.
    """

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._fd = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        weakref.finalize(self, os.close, self._fd)  # not by hand: threads may still be on their way out
        with self.held():  # a file system without locks says so here, and not in the middle of a run
            pass

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep all other processes out; threads of this one have a lock of their own."""
        fcntl.flock(self._fd, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._fd, fcntl.LOCK_UN)

    def read(self, place: int) -> Record | None:
        """Give a record, None when nobody wrote it yet; only while ``held``."""
        found = os.pread(self._fd, _RECORD.size, place * _RECORD.size)
        record: Record = _RECORD.unpack(found) if len(found) == _RECORD.size else (0.0, 0.0, 0.0, 0.0)
        return record if any(record) else None

    def write(self, place: int, record: Record) -> None:
        """Replace a record; only while ``held``."""
        os.pwrite(self._fd, _RECORD.pack(*record), place * _RECORD.size)


def open_board(home: Path | None, name: str) -> Board | None:
    """Give the board of one Stream app; None where there is no DAGSTER_HOME, or where it cannot be kept."""
    if home is None or fcntl is None:
        return None
    try:
        return Board(home / "paces" / name)
    except OSError:
        return None
