"""What libraries may say on the terminal: next to nothing. What Dagster says is in its event log all the same.

Here: silencing them, one line in place of a database's many retries, the trace of a crash in a file. Not here: errors
on purpose, which are messages already (``errors.py``).
"""

from __future__ import annotations

import logging
import os
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path

QUIET_LOGGERS = ("dagster", "psycopg.pool")
SILENT_LOGGERS = ("sqlalchemy", "alembic")
"""Their errors come with traces and statements; each is raised as an exception too, which we explain."""
RETRYING = "Retrying failed database"
"""How dagster-postgres begins its warnings, which it writes to the root logger with the exception in them."""
REPEAT_SECONDS = 30.0


class DatabaseRetries(logging.Filter):
    """Drops dagster-postgres' warnings of retries, and says once in a while that it waits.

    Args:
        say: Prints a line.
        clock: Gives seconds.
    """

    def __init__(self, say: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._say = say
        self._clock = clock
        self._said = -REPEAT_SECONDS

    def filter(self, record: logging.LogRecord) -> bool:
        """Let all other records pass."""
        if not str(record.msg).startswith(RETRYING):
            return True
        now = self._clock()
        if "connection" in str(record.msg) and now - self._said >= REPEAT_SECONDS:
            self._said = now
            host, port = os.environ.get("DAGSTER_PG_HOST", "?"), os.environ.get("DAGSTER_PG_PORT", "?")
            self._say(f"Dagster's own database at {host}:{port} does not answer; trying again.")
        return False


def keep_libraries_quiet(say: Callable[[str], None]) -> None:
    """Leave the terminal to the commands."""
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    for name in QUIET_LOGGERS:
        logging.getLogger(name).setLevel(logging.ERROR)
    for name in SILENT_LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    root = logging.getLogger()
    root.addFilter(DatabaseRetries(say))
    quiet = logging.StreamHandler()  # else the first warning of any library makes one that prints them all
    quiet.setLevel(logging.ERROR)
    root.addHandler(quiet)


def keep_trace(error: BaseException) -> Path:
    """Write an exception's trace to a file that only its owner may read, and give its path."""
    trace = "".join(traceback.format_exception(error))
    home = os.environ.get("DAGSTER_HOME")
    for folder in ([home] if home else []) + [tempfile.gettempdir()]:
        try:
            descriptor, name = tempfile.mkstemp(prefix="chatsdk-migrate-", suffix=".trace", dir=folder, text=True)
            with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
                file.write(trace)
        except OSError:
            continue
        return Path(name)
    return Path(os.devnull)
