"""What a request and an answer are inside the local Stream server, and the rules for their numbers.

Here: requests taken apart, answers, errors, limits checked or clamped. Not here: HTTP itself (``server.py``).
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from typing import Any

import msgspec

from chatsdk_migration.demo.encoding import encode
from chatsdk_migration.demo.times import parse_ns
from chatsdk_migration.models import Json

INPUT_ERROR = 4
NOT_FOUND = 16
NOT_ALLOWED = 17
FEATURE_OFF = 19
MAX_SORT = 5


class ApiError(Exception):
    """An error answer: HTTP status, Stream's code, and the message without the operation's name."""

    def __init__(self, status: int, code: int, message: str, headers: dict[str, str] | None = None) -> None:
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or {}
        super().__init__(message)


def bad_input(message: str) -> ApiError:
    """400 code 4."""
    return ApiError(400, INPUT_ERROR, message)


def not_found(message: str) -> ApiError:
    """404 code 16."""
    return ApiError(404, NOT_FOUND, message)


@dataclass(frozen=True, slots=True)
class Request:
    """One request, taken apart.

    Attributes:
        endpoint: Stream's name of the operation, for example ``"QueryChannels"``.
        ids: What the path names: ``type``, ``id``, ``cid``, ``message_id``, ``poll_id``, ``task_id``.
        query: Query parameters, without key and payload.
        body: The JSON body, or the JSON of the query parameter ``payload``.
    """

    endpoint: str
    method: str
    path: str
    ids: dict[str, str] = field(default_factory=dict)
    query: dict[str, str] = field(default_factory=dict)
    body: Json = field(default_factory=dict)

    def as_json(self) -> Json:
        """Everything asked for in one dict, for hooks: path ids, query parameters, body."""
        return {**self.query, **self.body, **self.ids}


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: a status and the encoded body without its ``duration``; ``b"{...}"``."""

    body: bytes
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    raw: bool = False
    """The body is not a JSON object of the API: send it as it is."""


def answer(payload: Json, status: int = 200) -> Answer:
    """Encode a JSON object as an answer."""
    return Answer(encode(payload), status)


def number(source: Json, name: str, default: int, field_name: str | None = None) -> int:
    """Read a whole number of zero or more; text is accepted because query parameters are text."""
    value = source.get(name)
    label = field_name or name
    if value is None or value == "":
        return default
    try:
        found = int(value)
    except (TypeError, ValueError):
        raise bad_input(f'expected number for field "{label}" but got "{value}"') from None
    if found < 0:
        raise bad_input(f"{label} must be 0 or greater")
    return found


def checked(source: Json, name: str, default: int, most: int) -> int:
    """Read a number Stream validates: beyond its maximum is an error."""
    found = number(source, name, default)
    if found > most:
        raise bad_input(f"{name} must be {most} or less")
    return found


def clamped(source: Json, name: str, default: int, most: int, field_name: str | None = None) -> int:
    """Read a number Stream silently cuts to its maximum."""
    return min(number(source, name, default, field_name), most)


def flag(source: Json, name: str, *, default: bool = False) -> bool:
    """Read a truth value; text is accepted because query parameters are text."""
    value = source.get(name, default)
    return value if isinstance(value, bool) else str(value).lower() in {"true", "1"}


def sorting(source: Json, most: int = MAX_SORT) -> list[tuple[str, int]]:
    """Read ``sort``: pairs of field and direction (1 or -1)."""
    given = source.get("sort") or []
    if isinstance(given, str):
        given = decode_json(given)
    if not isinstance(given, list) or any(not isinstance(part, dict) or "field" not in part for part in given):
        raise bad_input("sort must be a list of objects with field and direction")
    if len(given) > most:
        raise bad_input(f"sort cannot contain more than {most} fields")
    return [(str(part["field"]), -1 if part.get("direction") == -1 else 1) for part in given]


def conditions(source: Json, name: str = "filter_conditions", *, required: bool = True) -> Json:
    """Read a filter; an empty one is allowed, an absent one only where not required."""
    found = source.get(name)
    if found is None and not required:
        return {}
    if not isinstance(found, dict):
        raise bad_input(f'"{name}" is required and must be an object')
    return found


def decode_json(text: str | bytes) -> Any:
    """Decode JSON of a request."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise bad_input("invalid json data") from None


def date_ns(source: Json, name: str, prefix: str = "") -> int | None:
    """Read a date as nanoseconds."""
    value = source.get(name)
    if value is None:
        return None
    try:
        return parse_ns(value)
    except (TypeError, ValueError):
        raise bad_input(f'expected date for field "{prefix}{name}" but got "{value}"') from None


def to_cursor(place: list[Any]) -> str:
    """Write a place in a listing as an opaque cursor."""
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).decode()


def from_cursor(cursor: str) -> list[Any]:
    """Read a cursor back."""
    try:
        return list(msgspec.json.decode(base64.urlsafe_b64decode(cursor)))
    except (msgspec.DecodeError, binascii.Error, ValueError, TypeError):
        raise bad_input("invalid cursor") from None
