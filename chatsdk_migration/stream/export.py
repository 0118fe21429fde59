"""The messages of one instant of one channel, by Stream's export: the way around a page that holds only one instant.

Here: starting the task, waiting for it, reading its file. Not here: using the export as the main road, whose
completeness in reactions and replies Stream does not promise.
"""

from __future__ import annotations

import msgspec

from chatsdk_migration.errors import AGAIN, ChannelError
from chatsdk_migration.models import Json
from chatsdk_migration.stream.answers import decode_any
from chatsdk_migration.stream.channels import split_cid
from chatsdk_migration.stream.client import StreamClient, unreadable
from chatsdk_migration.stream.endpoints import Endpoint, path
from chatsdk_migration.stream.session import NETWORK_ERRORS, Session
from chatsdk_migration.stream.times import instant, second_after, second_before

FIRST_POLL_SECONDS, LONGEST_POLL_SECONDS = 0.2, 10.0
LONGEST_WAIT_SECONDS = 1800.0
"""Exports of one window take seconds; half an hour means the task is lost."""
DOWNLOAD_ATTEMPTS = 4
"""The link lives a day and is renewed by each poll, so another try starts with another poll."""
DOWNLOAD_TIMEOUT_SECONDS = 60.0
"""From byte to byte."""
LONGEST_DOWNLOAD_SECONDS = 1800.0


def export_instant(client: StreamClient, cid: str, at: str) -> list[Json]:
    """Give all messages the channel's list holds at one instant.

    The window asked for is wider than the instant, as Stream does not say which of its ends are inside.

    Raises:
        ChannelError: The export failed, did not end, or could not be read; and all of ``client``'s errors.
    """
    goal = instant(at)
    if goal is None:
        raise unreadable(f"channel {cid}", f"{at!r} is no time")
    kind, name = split_cid(cid)
    window = {"type": kind, "id": name, "messages_since": second_before(goal), "messages_until": second_after(goal)}
    started = client.post(
        "export_channels", {"channels": [window], "version": "v1"}, endpoint=Endpoint.EXPORT_CHANNELS, optional=True
    )
    channels = _read(client, cid, str(started.get("task_id")))
    messages = [message for channel in channels for message in channel.get("messages") or []]
    return [message for message in messages if instant(message.get("created_at")) == goal and _is_listed(message)]


def _is_listed(message: Json) -> bool:
    """Say whether the channel's own list holds the message: replies come with their thread."""
    return not message.get("parent_id") or bool(message.get("show_in_channel"))


def _read(client: StreamClient, cid: str, task_id: str) -> list[Json]:
    found = "nothing was tried"
    for _ in range(DOWNLOAD_ATTEMPTS):
        content, found = _download(client, _wait_for_link(client, cid, task_id))
        channels = decode_any(content) if content is not None else None
        if isinstance(channels, list):
            return channels
        client.sleep(FIRST_POLL_SECONDS)
    raise _failed(cid, found)


def _wait_for_link(client: StreamClient, cid: str, task_id: str) -> str:
    waited, pause = 0.0, FIRST_POLL_SECONDS
    while waited < LONGEST_WAIT_SECONDS:
        task = client.get(path("export_channels", task_id), endpoint=Endpoint.EXPORT_STATUS, optional=True)
        url = (task.get("result") or {}).get("url")
        if task.get("status") == "completed" and url:
            return str(url)
        if task.get("status") == "failed" or task.get("error"):
            raise _failed(cid, f"its task failed: {msgspec.json.encode(task.get('error')).decode()}")
        client.sleep(pause)
        waited, pause = waited + pause, min(pause * 2, LONGEST_POLL_SECONDS)
    raise _failed(cid, f"its task did not end within {LONGEST_WAIT_SECONDS:.0f} seconds")


def _download(client: StreamClient, url: str) -> tuple[bytes | None, str]:
    """Fetch the file without our credentials: its link is signed, and belongs to another host."""
    with Session(url, 1, client.has_stopped, LONGEST_DOWNLOAD_SECONDS) as session:
        try:
            response = session.get(url, timeout=DOWNLOAD_TIMEOUT_SECONDS)
        except NETWORK_ERRORS as error:
            return None, f"its file could not be fetched ({type(error).__name__})"
    client.raise_if_stopped()
    if response.status_code != 200:
        return None, f"its file could not be fetched (HTTP {response.status_code})"
    return response.content, "its file is not the promised JSON"


def _failed(cid: str, found: str) -> ChannelError:
    return ChannelError(
        f"reading channel {cid}, where more messages share one instant than a page holds, by Stream's export",
        found,
        f"Run {AGAIN}; if it stays, ask Stream's support why the channel cannot be exported.",
    )
