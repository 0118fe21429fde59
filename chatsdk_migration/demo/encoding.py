"""JSON as Stream's encoder writes it, fast, also for values the fast encoder refuses.

Here: objects to bytes. Not here: what the objects are (``rendering.py``).
"""

from __future__ import annotations

import json
from typing import Any

import msgspec

_encoder = msgspec.json.Encoder()


def encode(value: Any) -> bytes:
    """Encode; ``msgspec.Raw`` parts are copied as they are."""
    try:
        return _encoder.encode(value)
    except (UnicodeEncodeError, OverflowError, msgspec.MsgspecError):
        # Lone surrogates and integers over 64 bits: rare, and the standard library writes both.
        return json.dumps(value, default=_plain).encode()


def _plain(value: Any) -> Any:
    if isinstance(value, msgspec.Raw):
        return json.loads(bytes(value))
    raise TypeError(f"cannot encode {type(value).__name__}")


def escape_html(encoded: bytes) -> bytes:
    r"""Write ``<``, ``>``, ``&`` as ``\u003c`` and so on, as Go's encoder does; they only occur inside strings."""
    if b"<" in encoded:
        encoded = encoded.replace(b"<", b"\\u003c")
    if b">" in encoded:
        encoded = encoded.replace(b">", b"\\u003e")
    if b"&" in encoded:
        encoded = encoded.replace(b"&", b"\\u0026")
    return encoded


def array(parts: list[bytes]) -> bytes:
    """Join encoded values to an array."""
    return b"[" + b",".join(parts) + b"]"
