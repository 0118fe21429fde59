"""Text and ids on their way into columns.

Here: cutting to a column's width, JSON text for ``jsonb`` columns, and the check of ids. Not here: which characters
cannot be stored (``storable.py``), and any change of content; text is never normalised, trimmed or re-encoded.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import msgspec

from chatsdk_migration.errors import RecordError
from chatsdk_migration.storable import is_storable, repair_value

LONGEST_NAME = 255
"""Characters of ``varchar(255)``: names, user ids and cids. PostgreSQL and Python both count code points."""

_JSON = msgspec.json.Encoder()
_ESCAPED_NUL = b"\\u0000"


class Repaired(NamedTuple):
    """A text, and whether anything in it had to be replaced."""

    text: str
    changed: bool


def cut(text: str, longest: int = LONGEST_NAME) -> str:
    """Cut to a column's width; gives the same object when it fits."""
    return text if len(text) <= longest else text[:longest]


def json_text(value: object) -> Repaired:
    """Write a value as JSON text that a ``jsonb`` column accepts.

    Integers keep all their digits; other numbers are doubles, of which a NaN or one beyond the largest becomes null.

    Raises:
        RecordError: ``bad_json``, when it is nested too deeply to be written.
    """
    try:
        return _json_text(value)
    except RecursionError:
        raise RecordError("bad_json", "A custom value is nested too deeply.") from None


def _json_text(value: object) -> Repaired:
    try:
        encoded = _JSON.encode(value)
    except UnicodeEncodeError:
        return Repaired(_JSON.encode(repair_value(value)).decode(), changed=True)
    if _ESCAPED_NUL not in encoded:
        return Repaired(encoded.decode(), changed=False)
    repaired = _JSON.encode(repair_value(value))
    return Repaired(repaired.decode(), changed=repaired != encoded)  # the text may spell \u0000 out, which is fine


def has_lost_number(value: object) -> bool:
    """Say whether a decoded JSON value holds a number no double can, which ``json_text`` writes as null."""
    if isinstance(value, float):
        return not math.isfinite(value)
    if isinstance(value, dict):
        return any(map(has_lost_number, value.values()))
    return isinstance(value, list) and any(map(has_lost_number, value))


def check_id(value: str | None, what: str, longest: int | None = LONGEST_NAME) -> str:
    """Give the id back when it can be stored unchanged: an id is never repaired, it would name somebody else.

    Raises:
        RecordError: ``empty_id``, ``id_too_long`` or ``bad_id``.
    """
    if not value:
        raise RecordError("empty_id", f"The {what} id is empty.")
    if longest is not None and len(value) > longest:
        raise RecordError("id_too_long", f"The {what} id has {len(value)} characters; ChatSDK holds {longest}.")
    if not is_storable(value):
        raise RecordError("bad_id", f"The {what} id holds a character PostgreSQL cannot store.")
    return value
