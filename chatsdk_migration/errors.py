"""What can go wrong, as types that say what to do next.

Here: the error kinds and the one table that maps an HTTP status and a SQLSTATE to them.
Not here: retrying (``stream/client.py``), Dagster failures (``assets/``).

The hierarchy::

    MigrationError
     +-- TransientError     worth another try, within bounds
     +-- PermanentError     stop the whole run at once; the operator must act
     +-- ChannelError       this channel cannot be completed now; its neighbours can
     |    +-- GoneFromSourceError     the channel left Stream while we were reading
     |    +-- SourceChangedError      what was read of it is void: it has to be read from its beginning again
     +-- RecordError        one record cannot be carried; it goes to quarantine
"""

from __future__ import annotations

TRANSIENT_HTTP_STATUSES = frozenset({408, 413, 429, 500, 502, 503, 504})
"""Statuses worth another try. 413 is listed because Stream's edge answers it with ``Retry-After`` under load."""

STOP_AT_ONCE_HTTP_STATUSES = frozenset({401, 403})
"""Wrong key, wrong secret, suspended app: every further call would fail the same way."""

TRANSIENT_SQLSTATE_CLASSES = frozenset({"08", "40", "53", "57"})
"""Connection lost, deadlock or serialization, out of resources, shutdown or cancel (PostgreSQL appendix A)."""


AGAIN = "again (import-stream with --resume)"
"""How a next step names the command that goes on from what is done, whichever it was."""


class MigrationError(Exception):
    """Base of all errors raised on purpose.

    Args:
        tried: What was attempted, as a clause: ``"reading messages of messaging:general"``.
        found: What came back instead.
        next_step: What the engineer should do now.
    """

    def __init__(self, tried: str, found: str, next_step: str) -> None:
        self.tried = tried
        self.found = found
        self.next_step = next_step
        super().__init__(f"{tried}: {found}. {next_step}")

    def __reduce__(self) -> tuple[type[MigrationError], tuple[str, str, str]]:
        return type(self), (self.tried, self.found, self.next_step)


class TransientError(MigrationError):
    """Worth another try: the same call may succeed later."""


class PermanentError(MigrationError):
    """Nothing in this run can succeed until the operator acts."""


class ChannelError(MigrationError):
    """One channel cannot be completed; the run goes on with the others."""


class GoneFromSourceError(ChannelError):
    """The channel was deleted in Stream between its discovery and its reading."""


class SourceChangedError(ChannelError):
    """The channel was emptied, truncated or made anew in Stream between two pages: read it from its beginning again."""


class RecordError(MigrationError):
    """One record cannot be carried as it is.

    Args:
        code: Stable reason code, for example ``"bad_timestamp"``.
        reason: The sentence for the operator.
    """

    def __init__(self, code: str, reason: str) -> None:
        self.code = code
        self.reason = reason
        super().__init__("mapping a record", reason, "See it with its original in chatsdk_migration.quarantine.")

    def __reduce__(self) -> tuple[type[RecordError], tuple[str, str]]:  # type: ignore[override]
        return type(self), (self.code, self.reason)


def is_transient_sqlstate(sqlstate: str | None) -> bool:
    """Say whether a database error is worth another try; a missing SQLSTATE means the connection broke."""
    return sqlstate is None or sqlstate[:2] in TRANSIENT_SQLSTATE_CLASSES
