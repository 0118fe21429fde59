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
TARGET_KEY = "chatsdk_migration/target"
FINGERPRINT_DIGITS = 16
"""Enough to tell two API keys apart; the key itself is not stored."""


def fingerprint(settings: Settings) -> dict[str, str]:
    """Give what identifies a migration: a digest of the Stream API key, and the target app's id."""
    digest = hashlib.sha256(settings.stream_api_key.encode()).hexdigest()[:FINGERPRINT_DIGITS]
    return {"stream": digest, "app_id": settings.app_id}


def claim(instance: dg.DagsterInstance, settings: Settings, *, new_key: bool = False) -> None:
    """Take the instance for this migration, or find it already taken by it.

    Args:
        instance: Whose records these are.
        settings: Of this migration.
        new_key: The operator says that the same Stream app has a new API key.

    Raises:
        PermanentError: The instance belongs to another Stream app or another target app.
    """
    storage, mine = instance.run_storage, fingerprint(settings)
    taken = storage.get_cursor_values({OWNER_KEY}).get(OWNER_KEY)
    if not taken:
        storage.set_cursor_values({OWNER_KEY: json.dumps(mine)})
        return
    theirs = json.loads(taken)
    if new_key and theirs["app_id"] == mine["app_id"]:
        storage.set_cursor_values({OWNER_KEY: json.dumps(mine)})
    elif theirs != mine:
        raise PermanentError("opening the Dagster instance", _difference(theirs, mine), _ADVICE)


def claim_target(instance: dg.DagsterInstance, migration_id: str) -> None:
    """Check that the target is the database these records were made with, by the id that it keeps.

    Raises:
        PermanentError: It is another one, or it was created anew: channels shown as done are not in it.
    """
    storage = instance.run_storage
    taken = storage.get_cursor_values({TARGET_KEY}).get(TARGET_KEY)
    if not taken:
        storage.set_cursor_values({TARGET_KEY: migration_id})
    elif taken != migration_id:
        raise PermanentError(
            "opening the target database",
            "it is not the database that this Dagster instance has migrated into, or it was created anew",
            "Point DB_* at the first one, or set DAGSTER_HOME to an empty folder to migrate into this one anew.",
        )


def require_app(instance: dg.DagsterInstance, settings: Settings) -> None:
    """Check, for what needs no Stream API key, that the instance does not hold another app's migration.

    Raises:
        PermanentError: It does.
    """
    taken = instance.run_storage.get_cursor_values({OWNER_KEY}).get(OWNER_KEY)
    theirs, mine = json.loads(taken) if taken else {}, fingerprint(settings)
    if theirs and theirs["app_id"] != mine["app_id"]:
        raise PermanentError("opening the Dagster instance", _difference(theirs, mine), _ADVICE)


_ADVICE = (
    "Set DAGSTER_HOME to an empty folder and DAGSTER_PG_DB to a database of its own for this migration, "
    "or go back to the settings the instance was made with."
)


def _difference(theirs: dict[str, str], mine: dict[str, str]) -> str:
    if theirs["app_id"] != mine["app_id"]:
        return f"it holds the migration into app {theirs['app_id']}, not into {mine['app_id']}"
    return "it holds the migration of another Stream API key (when the same app got a new key: import-stream --new-key)"
