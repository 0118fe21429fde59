"""Exports: a task that ripens while it is polled, and the file it gives.

Here: ExportChannels, its status, the file of the first version (one JSON array). Not here: sending it (``server.py``).
"""

from __future__ import annotations

from collections.abc import Iterator
from secrets import token_urlsafe
from time import time

from chatsdk_migration.demo.site import ExportTask, Site
from chatsdk_migration.demo.wire import Answer, ApiError, Request, answer, bad_input, date_ns, flag, not_found
from chatsdk_migration.demo.world import Channel, key_of
from chatsdk_migration.models import Json

STAGES = ("waiting", "pending", "running")
EXPIRED = 403
MESSAGES_A_CHUNK = 500


def export_channels(site: Site, request: Request) -> Answer:
    """``POST /export_channels``: refuses the whole request for one unknown channel."""
    body = request.body
    wanted = body.get("channels")
    if not isinstance(wanted, list) or not wanted:
        raise bad_input("channels is a required field")
    if len(wanted) > site.options.export_channels:
        raise bad_input(f"channels must contain at most {site.options.export_channels} items")
    for one in wanted:
        _window(one)
        _exported(site, _cid(one), body)
    task_id = token_urlsafe(16)
    site.tasks[task_id] = ExportTask(body)
    return answer({"task_id": task_id}, 201)


def _cid(one: Json) -> str:
    return str(one.get("cid") or f"{one.get('type')}:{one.get('id')}")


def _exported(site: Site, cid: str, body: Json) -> Channel:
    channel = site.world.channels.get(cid)
    if channel is None and flag(body, "include_soft_deleted_channels"):
        channel = site.world.deleted_channels.get(cid)
    if channel is None:
        raise not_found(f"Can't find channel with id {cid}")
    return channel


def task_status(site: Site, request: Request) -> Answer:
    """``GET /export_channels/{task}`` and ``GET /tasks/{id}``: a new download link with every poll."""
    task_id = request.ids["task_id"]
    task = site.tasks.get(task_id)
    if task is None:
        raise not_found(f"Can't find task with id {task_id}")
    task.polls += 1
    if task.polls <= site.options.export_polls:
        return answer({"task_id": task_id, "status": STAGES[min(task.polls, len(STAGES)) - 1]})
    if site.options.export_error is not None:
        error = {"type": "ExportError", "description": site.options.export_error}
        return answer({"task_id": task_id, "status": "failed", "error": error})
    token = token_urlsafe(16)
    site.links[token] = (task_id, time() + site.options.export_url_seconds)
    link = f"{site.url}/exports/{token}?Expires={int(site.links[token][1])}&Signature={token}"
    return answer({"task_id": task_id, "status": "completed", "result": {"url": link}})


def exported_file(site: Site, token: str) -> Iterator[bytes]:
    """Yield the file behind a link.

    Raises:
        ApiError: 403 when the link is unknown or has expired.
    """
    task_id, until = site.links.get(token, ("", 0.0))
    if time() >= until:
        raise ApiError(EXPIRED, -1, "Access Denied")
    return _pieces(site, site.tasks[task_id].body)


def _pieces(site: Site, body: Json) -> Iterator[bytes]:
    yield b"["
    for number, one in enumerate(body["channels"]):
        yield b"," if number else b""
        with site.world.lock:
            channel = _exported(site, _cid(one), body)
            head = site.renderer.channel(channel)
            members = site.renderer.members(channel, len(channel.members))
            messages = _messages(site, channel, one, body)
        yield b'{"channel":' + head + b',"members":' + members + b',"messages":['
        for at in range(0, len(messages), MESSAGES_A_CHUNK):
            with site.world.lock:
                shown = [_shown(site, message, body) for message in messages[at : at + MESSAGES_A_CHUNK]]
            yield (b"," if at else b"") + b",".join(shown)
        yield b"]}"
    yield b"]"


def _shown(site: Site, message: Json, body: Json) -> bytes:
    shown = site.renderer.shown_message(message)
    if message["type"] == "deleted" and flag(body, "clear_deleted_message_text"):
        shown.update(text="", html="")
    return site.renderer.encoded(shown)


def _messages(site: Site, channel: Channel, one: Json, body: Json) -> list[Json]:
    since, until = _window(one)
    found = [site.world.messages[message_id] for _, message_id in channel.everything]
    if flag(body, "include_truncated_messages"):
        found = sorted(channel.truncated + found, key=key_of)
    return [message for message in found if since <= key_of(message)[0] <= until]


def _window(one: Json) -> tuple[int, float]:
    since, until = date_ns(one, "messages_since"), date_ns(one, "messages_until")
    return since if since is not None else -(10**30), until if until is not None else float("inf")
