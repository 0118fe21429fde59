"""What the answers of the local Stream server share: the world, the switches, what is remembered between calls.

Here: the site and its books (calls seen, forbidden writes). Not here: any answer (``answers_*.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from chatsdk_migration.demo.filters import Filter, Getter, View
from chatsdk_migration.demo.options import ServerOptions
from chatsdk_migration.demo.rendering import Renderer
from chatsdk_migration.demo.wire import Request, not_found
from chatsdk_migration.demo.world import Channel, World
from chatsdk_migration.models import Json


class Write(NamedTuple):
    """A request a reader must never make."""

    endpoint: str
    method: str
    path: str
    reason: str


@dataclass(slots=True)
class ExportTask:
    """An export under way: its file is made when it is asked for, its status ripens with each poll."""

    body: Json
    polls: int = 0


@dataclass(slots=True)
class Site:
    """One app behind one server.

    Attributes:
        seen: cids that a channel query has returned.
        writes: Forbidden requests. races: GetOrCreate on a channel that was seen and disappeared since.
    """

    world: World
    options: ServerOptions
    renderer: Renderer
    url: str = ""
    seen: set[str] = field(default_factory=set)
    writes: list[Write] = field(default_factory=list)
    races: list[Write] = field(default_factory=list)
    tasks: dict[str, ExportTask] = field(default_factory=dict)
    links: dict[str, tuple[str, float]] = field(default_factory=dict)
    _views: dict[object, tuple[object, View]] = field(default_factory=dict)

    def note(self, book: list[Write], request: Request, reason: str) -> None:
        """Write a request down."""
        book.append(Write(request.endpoint, request.method, request.path, reason))

    def channel(self, cid: str) -> Channel:
        """Return a living channel, or 404."""
        channel = self.world.channels.get(cid)
        if channel is None:
            raise not_found(f"Can't find channel with id {cid}")
        return channel

    def message(self, message_id: str) -> Json:
        """Return a message of a living channel, or 404."""
        message = self.world.messages.get(message_id)
        if message is None or message["cid"] not in self.world.channels:
            raise not_found(f"message with id {message_id} not found")
        return message

    def filter(self, conditions: Json, get: Getter) -> Filter:
        """Parse a filter under this server's collation."""
        return Filter(conditions, get, self.options.id_order)

    def view(
        self,
        name: object,
        version: object,
        records: Callable[[], Iterable[Any]],
        get: Getter,
        sort: list[tuple[str, int]],
    ) -> View:
        """Return an ordered view, the kept one while the version stands."""
        key, stand = (name, tuple(sort)), (version, self.options.id_order)
        known = self._views.get(key)
        if known is None or known[0] != stand:
            known = self._views[key] = (stand, View(records(), get, sort, self.options.id_order))
        return known[1]
