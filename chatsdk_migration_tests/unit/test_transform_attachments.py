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


LINK, THUMB, GIF, PAGE = "https://x/u", "https://x/t", "https://x/g", "https://x/p"


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        (
            {"type": "image", "image_url": LINK, "fallback": "a.png", "original_width": 4, "original_height": 3},
            {"type": "image", "url": LINK, "name": "a.png", "width": 4, "height": 3},
        ),
        (
            {"type": "video", "asset_url": LINK, "thumb_url": THUMB, "title": "v.mp4", "duration": 1.5},
            {"type": "video", "url": LINK, "name": "v.mp4", "title": "v.mp4", "thumbnailUrl": THUMB, "duration": 1.5},
        ),
        (
            {"type": "file", "asset_url": LINK, "title": "ü.pdf", "file_size": 0, "mime_type": "application/pdf"},
            {"type": "file", "url": LINK, "name": "ü.pdf", "title": "ü.pdf", "size": 0, "fileSize": 0,
             "mimeType": "application/pdf"},
        ),
        (
            {"type": "voiceRecording", "asset_url": LINK, "duration": 2, "waveform_data": [0, 0.5, 1]},
            {"type": "voicenote", "url": LINK, "duration": 2, "waveform": [0, 0.5, 1]},
        ),
        (
            {"type": "giphy", "thumb_url": THUMB, "title_link": PAGE, "giphy": {"original": {"url": GIF}}},
            {"type": "giphy", "url": GIF, "thumbnailUrl": THUMB},
        ),
        ({"type": "giphy", "thumb_url": THUMB}, {"type": "giphy", "url": THUMB, "thumbnailUrl": THUMB}),
        ({"type": "audio", "asset_url": LINK}, {"type": "audio", "url": LINK}),
        (
            {"type": "file", "asset_url": LINK, "file_size": "123"},
            {"type": "file", "url": LINK, "size": 123, "fileSize": 123},
        ),
        (
            {"type": "file", "asset_url": LINK, "file_size": -1, "mime_type": 5, "original_width": True, "title": ""},
            {"type": "file", "url": LINK},
        ),
    ],
)  # fmt: skip
def test_an_attachment_takes_chatsdks_names_and_keeps_the_original(source: Json, shown: Json) -> None:
    assert mapped(source) == ([shown | {"stream": source}], [])


def test_an_unknown_type_becomes_a_file_and_keeps_its_own_type() -> None:
    source = {"type": "hotel", "stars": 4, "url": "https://x/u"}
    assert mapped(source) == ([{"type": "file", "url": "https://x/u", "stream": source}], ["attachment_type_unknown"])


def test_a_link_preview_is_carried_and_counted() -> None:
    source = {"type": "image", "og_scrape_url": "https://page", "title": "Page", "image_url": "https://x/pic"}
    rows, lost = mapped(source, {"og_scrape_url": "https://page"})
    assert [(row["type"], row["url"]) for row in rows] == [("image", "https://x/pic"), ("file", "https://page")]
    assert lost == ["link_preview", "link_preview"]


def test_a_signed_link_is_counted_and_its_signature_stays_out_of_the_loss() -> None:
    out = carry(message(attachments=[{"type": "image", "image_url": SIGNED, "thumb_url": SIGNED}]))
    assert kinds(out) == ["signed_link"]
    assert "topsecret" not in repr(out.losses)
    assert kinds(carry(message(attachments=[{"type": "image", "image_url": "https://x/Expires=1.png"}]))) == []


def test_thirty_attachments_keep_their_order() -> None:
    rows, _ = mapped(*({"type": "file", "asset_url": f"https://x/{n}"} for n in range(30)))
    assert [row["url"] for row in rows] == [f"https://x/{n}" for n in range(30)]


def test_an_attachment_without_a_link_keeps_its_data() -> None:
    source = {"type": "file", "title": "lost.pdf", "fields": [{"title": "a"}]}
    rows, lost = mapped(source)
    assert rows[0]["stream"] == source
    assert lost == ["attachment_without_url"]


def test_what_is_no_attachment_costs_only_itself() -> None:
    rows, lost = mapped(None, "x", {"type": "file", "asset_url": "https://x/u"})
    assert len(rows) == 1
    assert lost == ["attachment_unreadable"] * 2


@pytest.mark.parametrize("value", [5, None, ["a"], {"a": 1}, True, "", float("inf")])
def test_a_field_of_any_shape_is_survived(value: object) -> None:
    names = ("type", "title", "image_url", "asset_url", "thumb_url", "file_size", "duration", "waveform_data", "giphy")
    out = carry(message(attachments=[dict.fromkeys(names, value), {"type": "giphy", "giphy": {"original": value}}]))
    assert codes(out) == []
    assert len(json.loads(out.messages[0].attachments)) == 2


def test_unstorable_text_in_an_attachment_is_repaired_and_counted() -> None:
    rows, lost = mapped({"type": "file", "asset_url": "https://x/u", "title": "a\x00", "x\ud800": 1})
    assert rows[0]["title"] == "a\ufffd"
    assert rows[0]["stream"]["x\ufffd"] == 1
    assert lost == ["text_repaired"]


@pytest.mark.parametrize("link", ["javascript:alert(1)", " JavaScript:alert(1)", "data:text/html,x", "vbscript:x"])
def test_a_link_that_a_client_might_run_is_not_carried(link: str) -> None:
    rows, counted = mapped({"type": "file", "asset_url": link, "thumb_url": "https://x/y"})
    assert "url" not in rows[0]
    assert rows[0]["thumbnailUrl"] == "https://x/y"
    assert counted == ["attachment_link_unsafe"]


UPLOAD = "/api/uploads/content?key=apps/a/channels/c/2024/01/02/secret.png"


@pytest.mark.parametrize(
    "link",
    [
        UPLOAD,
        f"https://chat.example.com{UPLOAD}",
        f"https://chat.example.com/x/..{UPLOAD}",
        "https://chat.example.com/API/Uploads//content?key=k",
        "https://chat.example.com/api%2Fuploads/%63ontent?key=k",
        "https://chat.example.com/api%252fuploads%252fcontent?key=k",
        "//chat.example.com/x.png",
        "x.png",
        "https:/x.png",
        "https:\\\\chat.example.com",
    ],
)
def test_a_link_into_chatsdk_itself_is_not_carried(link: str) -> None:
    """ChatSDK signs a link to its own uploads for whoever reads it: one written by hand opens anybody's file."""
    rows, counted = mapped({"type": "image", "image_url": link, "thumb_url": link})
    assert not {"url", "thumbnailUrl"} & rows[0].keys()
    assert counted == ["attachment_link_unsafe"]


@pytest.mark.parametrize("link", ["https://x/uploads/a.png", "HTTP://x/a%20b.png", " https://x/y", "https://x/content"])
def test_an_ordinary_link_is_carried_as_it_is(link: str) -> None:
    rows, counted = mapped({"type": "image", "image_url": link})
    assert (rows[0]["url"], counted) == (link, [])
