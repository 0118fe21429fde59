"""Attachments: Stream's names become ChatSDK's, the original stays beside them.

Here: the JSON text of a message's ``attachments`` column. Not here: copying files.

Each attachment keeps the whole of Stream's object under the key ``stream``, so that nothing of it is lost. A link
signed by Stream's CDN dies 14 days after it was read; such an attachment is carried and counted.

A link is carried when it is an absolute one to the web and does not name ChatSDK's own upload endpoint: ChatSDK signs
such a link for whoever reads the message, so that one written by hand would open files of other channels.
"""

from __future__ import annotations

import math
import re
from typing import Any
from urllib.parse import unquote

from chatsdk_migration import records
from chatsdk_migration.models import Batch, Entity, Json
from chatsdk_migration.records import StreamAttachment
from chatsdk_migration.transform import counted, tables

NONE = "[]"
"""A message without attachments."""

_LONGEST_DIGITS = 18
"""Digits of a number sent as text that surely fit a 64-bit integer."""
_WEB_LINK = re.compile(r"[\x00-\x20]*https?://[^/\\]", re.IGNORECASE)
_UPLOADS = "apiuploadscontent"
"""The path of ChatSDK's upload endpoint, ``/api/uploads/content``, by its letters alone."""
_MOST_ENCODINGS = 3
"""How often a path may be percent-encoded and still be looked through; nobody needs more than one."""
_PICTURE_LINKS = ("image_url", "asset_url", "url", "thumb_url")
_FILE_LINKS = ("asset_url", "url", "image_url", "og_scrape_url", "title_link", "thumb_url")
_LINKS = ("image_url", "asset_url", "thumb_url", "url")


def map_attachments(items: list[Any], custom: Json, stream_id: str, out: Batch) -> str:
    """Give the ``attachments`` column of one message.

    Args:
        items: Stream's attachments.
        custom: Custom fields of the message to keep here, in an attachment of type ``custom``; empty for none.
        stream_id: The message.
        out: Gets the losses.

    Raises:
        RecordError: ``bad_json``.
    """
    if not items and not custom:
        return NONE
    rows = [_attachment(item, stream_id, out) for item in items if _is_readable(item, stream_id, out)]
    if custom:
        rows.append({"type": "custom", "custom": custom})
    return counted.json_text(rows, Entity.MESSAGE, stream_id, "attachments", out)


def _is_readable(item: object, stream_id: str, out: Batch) -> bool:
    if isinstance(item, dict):
        return True
    out.lose(Entity.MESSAGE, "attachment_unreadable", stream_id, type(item).__name__)
    return False


def _attachment(raw: Json, stream_id: str, out: Batch) -> Json:
    """Give one attachment under ChatSDK's names, without the names it has no value for."""
    source = records.parse(raw, StreamAttachment)
    kind = _kind(source, stream_id, out)
    links = {"url": _url(source, kind), "thumbnailUrl": _thumbnail(source, kind)}
    unsafe = [name for name, link in links.items() if link is not None and not _is_safe_link(link)]
    links |= dict.fromkeys(unsafe)
    if unsafe:
        out.lose(Entity.MESSAGE, "attachment_link_unsafe", stream_id, ", ".join(unsafe))
    elif links["url"] is None:
        out.lose(Entity.MESSAGE, "attachment_without_url", stream_id, kind)
    if any(counted.is_signed(link) for name in _LINKS if isinstance(link := raw.get(name), str)):
        out.lose(Entity.MESSAGE, "signed_link", stream_id, kind)
    title = _text(source.title)
    size = _whole(source.file_size)
    row = {
        "type": kind,
        "url": links["url"],
        "name": _text(source.name) or title or _text(source.fallback),
        "title": title,
        "size": size,
        "fileSize": size,
        "mimeType": _text(source.mime_type),
        "width": _whole(source.original_width),
        "height": _whole(source.original_height),
        "duration": _number(source.duration),
        "waveform": source.waveform_data if isinstance(source.waveform_data, list) else None,
        "thumbnailUrl": links["thumbnailUrl"],
    }
    return {name: value for name, value in row.items() if value is not None} | {"stream": raw}


def _kind(source: StreamAttachment, stream_id: str, out: Batch) -> str:
    """Give ChatSDK's type; link previews and unknown types are counted."""
    said = _text(source.type) or ""
    kind = tables.ATTACHMENT_TYPES.get(said)
    if _text(source.og_scrape_url):
        out.lose(Entity.MESSAGE, "link_preview", stream_id, said)
    elif kind is None:
        out.lose(Entity.MESSAGE, "attachment_type_unknown", stream_id, said[:50])
    return kind or "file"


def _url(source: StreamAttachment, kind: str) -> str | None:
    """Give where the content is; for a giphy the picture in its original size."""
    if kind == "giphy" and isinstance(source.giphy, dict) and isinstance(source.giphy.get("original"), dict):
        original = _text(source.giphy["original"].get("url"))
        if original:
            return original
    names = _PICTURE_LINKS if kind in {"image", "giphy"} else _FILE_LINKS
    return next((link for name in names if (link := _text(getattr(source, name)))), None)


def _is_safe_link(link: str) -> bool:
    """Say whether a link leads to the web and nowhere into ChatSDK; ``javascript:`` would be run by a client."""
    return _WEB_LINK.match(link) is not None and not _names_uploads(link)


def _names_uploads(link: str) -> bool:
    """Say whether a link names ChatSDK's upload endpoint, however it is spelled."""
    for _ in range(_MOST_ENCODINGS):
        if "%" not in link:
            break
        link = unquote(link)
    if "ploads" not in link.casefold():  # true of almost every link, and quick
        return False
    return _UPLOADS in "".join(letter for letter in link.casefold() if letter.isalnum())


def _thumbnail(source: StreamAttachment, kind: str) -> str | None:
    return _text(source.thumb_url) or (_text(source.image_url) if kind == "video" else None)


def _text(value: object) -> str | None:
    """Give a text that is one and not empty."""
    return value if isinstance(value, str) and value else None


def _number(value: object) -> int | float | None:
    """Give a number that is none below 0; clients send some as text."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= _LONGEST_DIGITS:
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return value if value >= 0 else None


def _whole(value: object) -> int | None:
    """Give a number of bytes or pixels."""
    number = _number(value)
    return None if number is None else int(number)
