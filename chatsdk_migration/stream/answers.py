"""What an answer of Stream's API means: good, worth another try, about one record, or the end of the run.

Here: decoding of bodies, and the table from HTTP status and Stream's error code to an error type.
Not here: making the calls and trying again (``client``).
Rules from Stream's error table and SDKs: 408, 413, 429 and 5xx may pass; 401 and 403 concern key, secret or app;
any other 4xx concerns the call itself. Messages name the endpoint, never the URL: it carries the API key.
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass
from typing import Any

import msgspec
from stream_chat.types.stream_response import StreamResponse

from chatsdk_migration.errors import (
    AGAIN,
    STOP_AT_ONCE_HTTP_STATUSES,
    TRANSIENT_HTTP_STATUSES,
    ChannelError,
    MigrationError,
    PermanentError,
    TransientError,
)
from chatsdk_migration.models import Json
from chatsdk_migration.stream.session import Received

NOT_FOUND_CODE = 16
INPUT_ERROR_CODE = 4
FEATURE_OFF_CODE = 19
"""Stream's codes for: does not exist; bad input; the channel type has the feature switched off."""
TOO_MANY_CONNECTIONS_CODE = 71
COOLDOWN_CODE = 60
PASSING_CODES = frozenset({TOO_MANY_CONNECTIONS_CODE, COOLDOWN_CODE})
"""Answered as 403, yet Stream's own SDKs try them again."""
MESSAGE_SHOWN_CHARACTERS = 300
"""Enough of Stream's explanation to act on, little enough for an event log."""
MOST_LEVELS = 500
"""Of arrays and objects in one another, where a page holds a value too deep to decode; Python's own limit is 1000."""
_TOO_DEEP_KEY = "chatsdk_migration: nested too deeply"
_STRINGS_AND_BRACKETS = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}]', re.DOTALL)

_ADVICE = {
    2: "Check the API key: Stream does not know it.",
    5: "Check that the API secret belongs to this API key.",
    17: "Give the key server-side permission for this call in Stream's dashboard.",
    40: "Check that the API secret belongs to this API key.",
    41: "Set this machine's clock: Stream says the token is not valid yet.",
    42: "Set this machine's clock: Stream says the token was used before it was issued.",
    43: "Check the API secret: Stream could not verify the signature.",
    69: "Set STREAM_CHAT_URL to the region of the app.",
    99: f"Stream has suspended the app: have it reinstated, then run {AGAIN}.",
}
_ADVICE_BY_STATUS = {
    401: "Check STREAM_API_KEY and STREAM_API_SECRET.",
    403: "Check in Stream's dashboard that the app is active and the key may make server-side calls.",
}


class SourceAnswerError(ChannelError):
    """Stream refused one call for a reason of its own (400, 404 and the like); another try would change nothing.

    Attributes:
        status: HTTP status.
        code: Stream's error code, or None when the body did not say.
        endpoint: The name Stream's rate limit table gives the call.
    """

    def __init__(self, endpoint: str, status: int, code: int | None, message: str) -> None:
        self.endpoint, self.status, self.code, self.message = endpoint, status, code, message
        found = Refusal(status, code, message).text
        super().__init__(f"calling Stream's {endpoint}", found, f"Run {AGAIN}; if it stays, report it.")

    def __reduce__(self) -> tuple[type[MigrationError], Any]:
        return type(self), (self.endpoint, self.status, self.code, self.message)


class SourceUnavailableError(TransientError, ChannelError):
    """Stream gave no usable answer within the bounds of trying.

    Both at once on purpose: whoever handles a channel sees a channel that failed and goes on with the next; whoever
    looks for what may pass sees that a later run may succeed.
    """


class StoppedError(PermanentError):
    """The run is being stopped; nothing was asked of Stream."""


class AnotherTryError(Exception):
    """Inside this package only: the call may succeed when repeated.

    Attributes:
        found: What came back, without secrets.
        wait_seconds: How long Stream asks to wait, or None to back off.
        limited: The answer was a rate limit, which says nothing about Stream's health.
    """

    def __init__(self, found: str, wait_seconds: float | None = None, *, limited: bool = False) -> None:
        super().__init__(found)
        self.found, self.wait_seconds, self.limited = found, wait_seconds, limited


class Answer(StreamResponse):  # type: ignore[misc, unused-ignore]
    """The SDK's response with headers whose case does not matter, also for refusals.

    Attributes:
        status: HTTP status.
        head: Headers by lower-case name.
        readable: The body was one JSON object.
    """

    def __init__(self, response: Received) -> None:
        body = decode(response.content)
        super().__init__(body or {}, {}, response.status_code)
        self.status: int = response.status_code
        self.head = response.headers
        self.readable = body is not None


def decode(content: bytes) -> Json | None:
    """Decode one JSON object, or give None when it is none.

    msgspec is strict and fast; what it refuses and Stream may send (lone surrogates, NaN, numbers beyond a double,
    bytes that are not UTF-8) goes through the json module, with bad bytes as lone surrogates that the mapping
    repairs and counts.
    """
    body = decode_any(content)
    return body if isinstance(body, dict) else None


def decode_any(content: bytes) -> object:
    """Decode any JSON value in the same way, or give None."""
    try:
        return msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _decode_leniently(content)


def _decode_leniently(content: bytes) -> object:
    text = content.decode("utf-8", "surrogateescape")
    try:
        return json.loads(text)
    except RecursionError:
        return _decode_flattened(text)
    except ValueError:
        return None


def _decode_flattened(text: str) -> object:
    """Decode a page of which some record is nested deeper than a decoder goes: the rest of the page stays readable.

    What lies too deep becomes ``TOO_DEEP``, so that the mapping rejects that record alone, as it does with any value it
    cannot write.
    """
    try:
        return json.loads(_flattened(text), object_hook=lambda found: TOO_DEEP if _TOO_DEEP_KEY in found else found)
    except (ValueError, RecursionError):
        return None


def _flattened(text: str) -> str:
    """Put a mark in the place of every array and object below ``MOST_LEVELS`` of them."""
    pieces, kept, depth = list[str](), 0, 0
    for token in _STRINGS_AND_BRACKETS.finditer(text):
        mark = token[0]
        if mark in "[{":
            depth += 1
            if depth == MOST_LEVELS + 1:
                pieces += text[kept : token.start()], f'{{"{_TOO_DEEP_KEY}":0}}'
        elif mark in "]}":
            if depth == MOST_LEVELS + 1:
                kept = token.end()
            depth -= 1
    return "".join([*pieces, text[kept:]])


def _nested(levels: int) -> list[object]:
    value: list[object] = []
    for _ in range(levels):
        value = [value]
    return value


TOO_DEEP = _nested(10 * sys.getrecursionlimit())
"""Stands for a value nested too deeply to be read; no encoder writes it."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refusal in Stream's words: status, Stream's error code and message, both absent from HTML answers."""

    status: int
    code: int | None
    message: str

    @property
    def text(self) -> str:
        """Say it in one clause."""
        code = f" code {self.code}" if self.code is not None else ""
        return f"HTTP {self.status}{code}" + (f": {self.message}" if self.message else "")


def refusal(answer: Answer, secrets: tuple[str, ...]) -> Refusal:
    """Read a refusal, with anything secret struck out of its message."""
    code, message = answer.get("code"), str(answer.get("message") or "")
    for secret in filter(None, secrets):
        message = message.replace(secret, "…")
    return Refusal(answer.status, code if isinstance(code, int) else None, message[:MESSAGE_SHOWN_CHARACTERS])


def judge(answer: Answer, endpoint: str, secrets: tuple[str, ...], *, optional: bool) -> Json:
    """Give the body of a good answer.

    Args:
        answer: What came back.
        endpoint: Stream's name of the call.
        secrets: Texts that must not be repeated in an error.
        optional: The caller can do without: a 403 is then about this endpoint, not about the run.

    Raises:
        AnotherTryError: The same call may succeed later.
        PermanentError: Key, secret or app are refused.
        SourceAnswerError: The call itself is refused.
    """
    if answer.status < 300 and answer.readable:
        return answer
    why = refusal(answer, secrets)
    if answer.status < 300:
        raise AnotherTryError(f"HTTP {answer.status} with a body that is not the promised JSON")
    if _may_pass(answer, why):
        raise AnotherTryError(why.text, limited=answer.status == 429)
    if answer.status == 401 or (answer.status in STOP_AT_ONCE_HTTP_STATUSES and not optional):
        advice = _ADVICE.get(why.code or 0) or _ADVICE_BY_STATUS[answer.status]
        raise PermanentError(f"calling Stream's {endpoint}", why.text, advice)
    raise SourceAnswerError(endpoint, why.status, why.code, why.message)


def _may_pass(answer: Answer, why: Refusal) -> bool:
    """Say whether a refusal may pass; a 400 in HTML comes from something between us and Stream."""
    if answer.status in TRANSIENT_HTTP_STATUSES or answer.status >= 500:
        return True
    return why.code in PASSING_CODES or (answer.status == 400 and not answer.readable)
