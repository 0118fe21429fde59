"""What the tests of reading share: a server over a world, a client for it, times, and what came back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from pydantic import SecretStr

from chatsdk_migration.demo.options import ServerOptions
from chatsdk_migration.demo.server import StreamServer
from chatsdk_migration.demo.world import World
from chatsdk_migration.models import FetchedMessage, Json
from chatsdk_migration.settings import Settings
from chatsdk_migration.stream.channels import read_channel
from chatsdk_migration.stream.client import Bounds, StreamClient
from chatsdk_migration.stream.messages import walk_messages

SECRET = "a-secret-of-at-least-thirty-two-characters"
KEY = "k3y-of-the-app"
CID = "messaging:general"
START = datetime(2024, 1, 1, tzinfo=UTC)
QUICK = Bounds(first_wait_seconds=0.01, longest_wait_seconds=0.05)


def at(seconds: float) -> str:
    """Give the moment so many seconds after the start of the world, microseconds kept, trailing zeros trimmed."""
    text = (START + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.%f").rstrip("0").rstrip(".")
    return f"{text}Z"


def settings_for(server: StreamServer, **changes: object) -> Settings:
    values: dict[str, object] = {
        "stream_api_key": KEY,
        "stream_api_secret": SecretStr(SECRET),
        "stream_chat_url": server.url,
        "request_timeout_seconds": 5.0,
    }
    return Settings(**(values | changes))  # type: ignore[arg-type]


@contextmanager
def serving(
    world: World, *, bounds: Bounds = QUICK, races: int = 0, **options: object
) -> Iterator[tuple[StreamServer, StreamClient]]:
    """Serve a world and give a client; afterwards the server must have seen no write and no failure of its own.

    ``races`` is how many queries of a channel deleted at that very moment the test brings about.
    """
    with (
        StreamServer(world, api_key=KEY, api_secret=SECRET, options=ServerOptions(**options)) as server,  # type: ignore[arg-type]
        StreamClient(settings_for(server), bounds) as client,
    ):
        yield server, client
        assert server.writes == []
        assert len(server.races) == races
        assert server.failures == []


def channel_world(cid: str = CID) -> World:
    world = World()
    for name in ("ann", "bob"):
        world.add_user(name, created_at=at(-10))
    world.add_channel(cid, created_by="ann", created_at=at(-5), members=("ann", "bob"))
    return world


def read_all(client: StreamClient, cid: str = CID) -> list[FetchedMessage]:
    read_channel(client, cid)
    return [message for page in walk_messages(client, cid) for message in page]


def ids_of(messages: list[FetchedMessage]) -> list[str]:
    return [message.raw["id"] for message in messages]


def stored_ids(world: World, cid: str = CID) -> list[str]:
    return sorted(message["id"] for message in world.messages_of(cid))


def flat(pages: Iterator[list[Json]]) -> list[Json]:
    return [row for page in pages for row in page]
