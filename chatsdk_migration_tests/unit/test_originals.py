"""Refused rows: their originals are found, and no more of them is kept than may be."""

from __future__ import annotations

import json

from chatsdk_migration.models import Batch, Entity, FetchedMessage
from chatsdk_migration.rejected import of_row
from chatsdk_migration.transform.messages import map_message
from chatsdk_migration_tests.unit.mapping import LATER, context, message, user

SECRET = "what nobody may read again"


def test_the_original_of_a_refused_tombstone_is_kept_without_its_text() -> None:
    fetched = FetchedMessage(message(type="deleted", deleted_at=LATER, text=SECRET, html=SECRET, note=SECRET), [])
    out = Batch(sources=[fetched])
    map_message(fetched, context(), out)
    rejected = of_row(Entity.MESSAGE.value, out.messages[0], "unloadable", "reason", out)
    assert not rejected.mapped
    assert rejected.record["id"] == "m1"
    assert SECRET not in json.dumps(rejected.record)


def test_the_original_of_a_refused_person_is_kept_without_devices() -> None:
    fetched = FetchedMessage(message(user=user(devices=[{"id": SECRET}])), [])
    out = Batch(sources=[fetched])
    map_message(fetched, context(), out)
    rejected = of_row(Entity.USER.value, out.users["alice"], "unloadable", "reason", out)
    assert rejected.record == user()
