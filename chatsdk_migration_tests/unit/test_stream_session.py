"""Connections of plain calls: shared while they hold, never used again after half an answer."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from chatsdk_migration.stream.session import NETWORK_ERRORS, Session

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-RateLimit-Limit: 60\r\nx-ratelimit-limit: 70\r\n"


@contextmanager
def scripted(*connections: list[bytes]) -> Iterator[tuple[str, list[bytes], threading.Event]]:
    """A server that gives each connection its answers, one a call, and closes it: its URL, the calls, the first end."""
    calls: list[bytes] = []
    closed = threading.Event()

    def serve() -> None:
        for answers in connections:
            with listener.accept()[0] as connection:
                for answer in answers:
                    calls.append(connection.recv(65536))
                    connection.sendall(answer)
            closed.set()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(5)
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", calls, closed
        thread.join()


def test_calls_share_a_connection_until_the_server_closes_it() -> None:
    whole = HEAD + b"\r\n{}"
    with scripted([whole, whole], [whole]) as (url, calls, closed), Session(url, 1) as session:
        for _ in range(2):
            assert session.get(f"{url}/users", params={"a": "ä&"}, timeout=5).content == b"{}"
        assert closed.wait(5)
        assert session.get(f"{url}/users", params={"a": "ä&"}, timeout=5).content == b"{}"
    assert len(calls) == 3
    assert all(call.startswith(b"GET /users?a=%C3%A4%26 HTTP/1.1") for call in calls)


def test_a_connection_that_broke_is_not_used_again() -> None:
    whole = HEAD + b"\r\n{}"
    with scripted([HEAD], [whole]) as (url, _, closed), Session(url, 1) as session:
        with pytest.raises(NETWORK_ERRORS):
            session.get(url, timeout=5)
        assert closed.wait(5)
        assert session.get(url, timeout=5).content == b"{}"
