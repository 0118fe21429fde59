"""Remembers which migration an instance belongs to, and refuses another one.

Here: the guard. Not here: opening the instance (``home.py``).
Partitions and their states are kept by cid alone. A second Stream app, or a second target, in the same instance
would find its channels "done" by the first.
"""

from __future__ import annotations

import hashlib
import json

import dagster as dg

from chatsdk_migration.errors import PermanentError
from chatsdk_migration.settings import Settings

OWNER_KEY = "chatsdk_migration/owner"
FINGERPRINT_DIGITS = 16
"""Enough to tell two API keys apart; the key itself is not stored."""


def fingerprint(settings: Settings) -> dict[str, str]:
    """Give what identifies a migration: a digest of the Stream API key, and the target app's id."""
    digest = hashlib.sha256(settings.stream_api_key.encode()).hexdigest()[:FINGERPRINT_DIGITS]
    return {"stream": digest, "app_id": settings.app_id}


def claim(instance: dg.DagsterInstance, settings: Settings) -> None:
    """Take the instance for this migration, or find it already taken by it.

    Raises:
        PermanentError: The instance belongs to another Stream app or another target app.
    """
    storage, mine = instance.run_storage, fingerprint(settings)
    taken = storage.get_cursor_values({OWNER_KEY}).get(OWNER_KEY)
    if not taken:
        storage.set_cursor_values({OWNER_KEY: json.dumps(mine)})
        return
    if (theirs := json.loads(taken)) != mine:
        raise PermanentError("opening the Dagster instance", _difference(theirs, mine), _ADVICE)


def release(instance: dg.DagsterInstance) -> None:
    """Forget the owner, for example after the Stream API key of the same app was replaced."""
    instance.run_storage.set_cursor_values({OWNER_KEY: ""})


_ADVICE = (
    "Set DAGSTER_HOME to an empty folder and DAGSTER_PG_DB to a database of its own for this migration, "
    "or go back to the settings the instance was made with."
)


def _difference(theirs: dict[str, str], mine: dict[str, str]) -> str:
    if theirs["app_id"] != mine["app_id"]:
        return f"it holds the migration into app {theirs['app_id']}, not into {mine['app_id']}"
    return "it holds the migration of another Stream API key"
