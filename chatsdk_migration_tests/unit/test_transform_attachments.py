"""Attachments show in ChatSDK, and nothing of Stream's own object is lost."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chatsdk_migration.models import Json
from chatsdk_migration_tests.unit.mapping import carry, codes, kinds, message

SIGNED = "https://eu.stream-io-cdn.com/1/a.png?Key-Pair-Id=K&Policy=P&Signature=topsecret&Expires=1700000000"


def mapped(*attachments: Any) -> tuple[list[Json], list[str]]:
    out = carry(message(attachments=list(attachments)))
    assert not out.rejects
    return json.loads(out.messages[0].attachments), kinds(out)


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        (
            {"type": "image", "image_url": "u", "fallback": "a.png", "original_width": 4, "original_height": 3},
            {"type": "image", "url": "u", "name": "a.png", "width": 4, "height": 3},
        ),
        (
            {"type": "video", "asset_url": "u", "thumb_url": "t", "title": "v.mp4", "duration": 1.5},
            {"type": "video", "url": "u", "name": "v.mp4", "title": "v.mp4", "thumbnailUrl": "t", "duration": 1.5},
        ),
        (
            {"type": "file", "asset_url": "u", "title": "ü.pdf", "file_size": 0, "mime_type": "application/pdf"},
            {"type": "file", "url": "u", "name": "ü.pdf", "title": "ü.pdf", "size": 0, "fileSize": 0,
             "mimeType": "application/pdf"},
        ),
        (
            {"type": "voiceRecording", "asset_url": "u", "duration": 2, "waveform_data": [0, 0.5, 1]},
            {"type": "voicenote", "url": "u", "duration": 2, "waveform": [0, 0.5, 1]},
        ),
        (
            {"type": "giphy", "thumb_url": "t", "title_link": "p", "giphy": {"original": {"url": "g"}}},
            {"type": "giphy", "url": "g", "thumbnailUrl": "t"},
        ),
        ({"type": "giphy", "thumb_url": "t"}, {"type": "giphy", "url": "t", "thumbnailUrl": "t"}),
        ({"type": "audio", "asset_url": "u"}, {"type": "audio", "url": "u"}),
        (
            {"type": "file", "asset_url": "u", "file_size": "123"},
            {"type": "file", "url": "u", "size": 123, "fileSize": 123},
        ),
        (
            {"type": "file", "asset_url": "u", "file_size": -1, "mime_type": 5, "original_width": True, "title": ""},
            {"type": "file", "url": "u"},
        ),
    ],
)  # fmt: skip
def test_an_attachment_takes_chatsdks_names_and_keeps_the_original(source: Json, shown: Json) -> None:
    assert mapped(source) == ([shown | {"stream": source}], [])


def test_an_unknown_type_becomes_a_file_and_keeps_its_own_type() -> None:
    source = {"type": "hotel", "stars": 4, "url": "u"}
    assert mapped(source) == ([{"type": "file", "url": "u", "stream": source}], ["attachment_type_unknown"])


def test_a_link_preview_is_carried_and_counted() -> None:
    source = {"type": "image", "og_scrape_url": "https://page", "title": "Page", "image_url": "pic"}
    rows, lost = mapped(source, {"og_scrape_url": "https://page"})
    assert [(row["type"], row["url"]) for row in rows] == [("image", "pic"), ("file", "https://page")]
    assert lost == ["link_preview", "link_preview"]


def test_a_signed_link_is_counted_and_its_signature_stays_out_of_the_loss() -> None:
    out = carry(message(attachments=[{"type": "image", "image_url": SIGNED, "thumb_url": SIGNED}]))
    assert kinds(out) == ["signed_link"]
    assert "topsecret" not in repr(out.losses)
    assert kinds(carry(message(attachments=[{"type": "image", "image_url": "https://x/Expires=1.png"}]))) == []


def test_thirty_attachments_keep_their_order() -> None:
    rows, _ = mapped(*({"type": "file", "asset_url": str(n)} for n in range(30)))
    assert [row["url"] for row in rows] == [str(n) for n in range(30)]


def test_an_attachment_without_a_link_keeps_its_data() -> None:
    source = {"type": "file", "title": "lost.pdf", "fields": [{"title": "a"}]}
    rows, lost = mapped(source)
    assert rows[0]["stream"] == source
    assert lost == ["attachment_without_url"]


def test_what_is_no_attachment_costs_only_itself() -> None:
    rows, lost = mapped(None, "x", {"type": "file", "asset_url": "u"})
    assert len(rows) == 1
    assert lost == ["attachment_unreadable"] * 2


@pytest.mark.parametrize("value", [5, None, ["a"], {"a": 1}, True, "", float("inf")])
def test_a_field_of_any_shape_is_survived(value: object) -> None:
    names = ("type", "title", "image_url", "asset_url", "thumb_url", "file_size", "duration", "waveform_data", "giphy")
    out = carry(message(attachments=[dict.fromkeys(names, value), {"type": "giphy", "giphy": {"original": value}}]))
    assert codes(out) == []
    assert len(json.loads(out.messages[0].attachments)) == 2


def test_unstorable_text_in_an_attachment_is_repaired_and_counted() -> None:
    rows, lost = mapped({"type": "file", "asset_url": "u", "title": "a\x00", "x\ud800": 1})
    assert rows[0]["title"] == "a\ufffd"
    assert rows[0]["stream"]["x\ufffd"] == 1
    assert lost == ["text_repaired"]
