"""Text that PostgreSQL can hold.

Here: finding and replacing the two things it cannot: the NUL character, refused in ``text`` and in ``jsonb``, and half
a surrogate pair, which is not UTF-8. Each becomes U+FFFD, the replacement character, one for one, so that lengths and
positions stay. Not here: counting repairs (``transform/counted.py``).
"""

from __future__ import annotations

import re
from typing import Any

REPLACEMENT = "\ufffd"

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def is_storable(text: str) -> bool:
    """Say whether PostgreSQL can hold the text as it is."""
    return "\x00" not in text and (text.isascii() or _UNSTORABLE.search(text) is None)


def repair(text: str) -> str:
    """Replace what PostgreSQL cannot hold; gives the same object when there is nothing to replace."""
    return text if is_storable(text) else _UNSTORABLE.sub(REPLACEMENT, text)


def repair_value(value: Any) -> Any:
    """Repair every text of a decoded JSON value, keys included."""
    if isinstance(value, str):
        return repair(value)
    if isinstance(value, dict):
        return {repair(key): repair_value(item) for key, item in value.items()}
    return [repair_value(item) for item in value] if isinstance(value, list) else value


def repair_record(record: dict[str, Any]) -> dict[str, Any]:
    """Repair a whole record; one nested too deeply to walk keeps its plain fields only."""
    try:
        return {repair(key): repair_value(item) for key, item in record.items()}
    except RecursionError:
        return {repair(key): repair_value(item) for key, item in record.items() if not isinstance(item, dict | list)}
