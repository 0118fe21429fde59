"""Doing a channel's work again, within bounds: because its source changed meanwhile, or because the database went away.

Here: how often, and what is raised in the end. Not here: calls to Stream, repeated in ``stream/client.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from chatsdk_migration.errors import ChannelError, PermanentError, SourceChangedError, TransientError

DATABASE_ATTEMPTS = 6
"""Times a channel is begun again after its database connection broke: a restart of PostgreSQL takes seconds."""
LONGEST_DATABASE_WAIT_SECONDS = 15.0
CHANNEL_READINGS = 3
"""Times a channel is read from its beginning because it was truncated or made anew in Stream while it was read."""

T = TypeVar("T")


def afresh(work: Callable[[], T]) -> T:
    """Do the work again while what was read becomes void; nothing of it has been stored then.

    Raises:
        SourceChangedError: The channel did not come to rest.
    """
    for _ in range(CHANNEL_READINGS - 1):
        try:
            return work()
        except SourceChangedError:
            continue
    return work()


def patiently(work: Callable[[], T]) -> T:
    """Do the work again while the database comes and goes.

    Raises:
        PermanentError: The database stayed away; every other channel would meet the same.
    """
    retrying = Retrying(
        retry=retry_if_exception(_may_begin_again),
        stop=stop_after_attempt(DATABASE_ATTEMPTS),
        wait=wait_random_exponential(max=LONGEST_DATABASE_WAIT_SECONDS),
        reraise=True,
    )
    try:
        return retrying(work)
    except ChannelError:
        raise
    except TransientError as error:
        raise PermanentError(error.tried, f"{error.found}, {DATABASE_ATTEMPTS} times", error.next_step) from None


def _may_begin_again(error: BaseException) -> bool:
    """A broken database connection, yes; a source that gave no answer has been asked often enough already."""
    return isinstance(error, TransientError) and not isinstance(error, ChannelError)
