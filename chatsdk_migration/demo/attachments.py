"""Attachments as Stream stores them, with signed CDN links.

Here: one function a kind; the links look real, expire like real ones, and lead nowhere.
Not here: which message carries them (``sample.py``, ``hard_messages.py``).
"""

from __future__ import annotations

import random
import uuid
from typing import Final

from chatsdk_migration.demo.clock import DAY, SECOND
from chatsdk_migration.models import Json

CDN: Final = "https://dublin.stream-io-cdn.com/1209384"
LINK_LIFE: Final = 14 * DAY
"""Stream's CDN links are signed for 14 days."""


def signed(chance: random.Random, kind: str, filename: str, at: int) -> str:
    """Give a CDN link of a file (kind "images" or "attachments"), signed until 14 days after ``at`` nanoseconds."""
    token = uuid.UUID(int=chance.getrandbits(128), version=4)
    expires = (at + LINK_LIFE) // SECOND
    signature = f"{chance.getrandbits(160):040x}"
    return f"{CDN}/{kind}/{token}.{filename}?Key-Pair-Id=APKAIHG36VEWPDULE23Q&Signature={signature}&Expires={expires}"


def image(chance: random.Random, at: int, filename: str = "latte-art.jpg") -> Json:
    """Give an uploaded picture."""
    return {
        "type": "image",
        "fallback": filename,
        "image_url": signed(chance, "images", filename, at) + "&oh=1200&ow=1600",
        "original_width": 1600,
        "original_height": 1200,
        "file_size": chance.randrange(80_000, 4_000_000),
        "mime_type": "image/jpeg",
    }


def file(chance: random.Random, at: int, filename: str = "Zählliste Lager.pdf") -> Json:
    """Give an uploaded document."""
    return {
        "type": "file",
        "title": filename,
        "asset_url": signed(chance, "attachments", filename, at),
        "file_size": chance.randrange(10_000, 900_000),
        "mime_type": "application/pdf",
    }


def video(chance: random.Random, at: int) -> Json:
    """Give an uploaded video with its still."""
    return {
        "type": "video",
        "title": "pour-over.mp4",
        "asset_url": signed(chance, "attachments", "pour-over.mp4", at),
        "thumb_url": signed(chance, "images", "pour-over.jpg", at),
        "file_size": 18_240_113,
        "mime_type": "video/mp4",
    }


def voice(chance: random.Random, at: int) -> Json:
    """Give a voice recording with its waveform."""
    return {
        "type": "voiceRecording",
        "title": "recording.aac",
        "asset_url": signed(chance, "attachments", "recording.aac", at),
        "duration": round(chance.uniform(2, 90), 3),
        "file_size": chance.randrange(20_000, 500_000),
        "mime_type": "audio/aac",
        "waveform_data": [round(chance.random(), 3) for _ in range(40)],
    }


def giphy(title: str = "coffee time") -> Json:
    """Give the result of a ``/giphy`` command; not hosted by Stream."""
    base = "https://media.giphy.com/media/3o7TKUZfJKUKuSWgZG"
    size = {"url": f"{base}/200.gif", "width": "356", "height": "200", "size": "482113", "frames": "25"}
    return {
        "type": "giphy",
        "title": title,
        "title_link": "https://giphy.com/gifs/coffee-3o7TKUZfJKUKuSWgZG",
        "thumb_url": f"{base}/giphy.gif",
        "giphy": {"fixed_height": size, "original": {**size, "url": f"{base}/giphy.gif"}},
    }


def link(url: str = "https://roasting.example/guide", title: str = "A guide to home roasting") -> Json:
    """Give a scraped link preview."""
    return {
        "og_scrape_url": url,
        "title": title,
        "title_link": url,
        "text": "Beans, heat, patience. Everything you need to know.",
        "image_url": f"{url}/og.png",
        "thumb_url": f"{url}/og.png",
        "type": "image",
        "author_name": "Roasting Example",
    }
