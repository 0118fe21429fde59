"""Repairs that are counted: the rules of ``text.py`` applied to one field of one record.

Here: names, texts, links and JSON values on their way into a row, and what is shown of a rejected record.
Not here: the repairs themselves (``text.py``).
"""

from __future__ import annotations

import re

from chatsdk_migration.models import Batch, Entity, Json
from chatsdk_migration.storable import repair
from chatsdk_migration.transform import text

_SIGNED = re.compile(r"[?&]Expires=")
"""The mark of Stream's signed CDN links, which die 14 days after the message was read."""


def storable(value: str, entity: Entity, stream_id: str, what: str, out: Batch) -> str:
    """Give a text PostgreSQL can hold, counting a repair; ``what`` names the field."""
    repaired = repair(value)
    if repaired is not value:
        out.lose(entity, "text_repaired", stream_id, what)
    return repaired


def name(value: str, entity: Entity, stream_id: str, out: Batch) -> str:
    """Give a name that fits ``varchar(255)``, counting what had to change."""
    repaired = storable(value, entity, stream_id, "name", out)
    fits = text.cut(repaired)
    if fits is not repaired:
        out.lose(entity, "name_cut", stream_id, f"{len(repaired)} characters")
    return fits


def link(value: object, entity: Entity, stream_id: str, out: Batch) -> str | None:
    """Give an image's URL, or None for anything else; a link that will expire is carried and counted."""
    if not isinstance(value, str) or not value:
        return None
    if is_signed(value):
        out.lose(entity, "signed_link", stream_id, "image")
    return storable(value, entity, stream_id, "image", out)


def is_signed(url: str) -> bool:
    """Say whether a URL carries an expiring signature."""
    return _SIGNED.search(url) is not None


def json_text(value: object, entity: Entity, stream_id: str, what: str, out: Batch) -> str:
    """Give JSON text for a ``jsonb`` column, counting a repair; ``what`` names the field.

    Raises:
        RecordError: ``bad_json``.
    """
    written = text.json_text(value)
    if written.changed:
        out.lose(entity, "text_repaired", stream_id, what)
    if "null" in written.text and text.has_lost_number(value):
        out.lose(entity, "number_unreadable", stream_id, what)
    return written.text


def shown_id(raw: object, field: str = "id") -> str:
    """Give what can be shown as the id of a rejected record, whatever it is."""
    found = raw.get(field) if isinstance(raw, dict) else None
    return repair(found) if isinstance(found, str) else ""


def as_object(raw: object) -> Json:
    """Give a rejected record as a JSON object, whatever it was."""
    return raw if isinstance(raw, dict) else {"value": raw}
