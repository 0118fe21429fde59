"""Pages of messages: anchors by id and by time, always ascending.

Here: which keys of a sorted list a request gets. Not here: showing them (``rendering.py``).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass

from chatsdk_migration.demo.options import ServerOptions
from chatsdk_migration.demo.wire import ApiError, bad_input, date_ns, not_found
from chatsdk_migration.demo.world import Key, World, key_of
from chatsdk_migration.models import Json

MAX_MESSAGES = 300
_TIME_ANCHORS = {
    "created_at_before": "lt",
    "created_at_before_or_equal": "lte",
    "created_at_after": "gt",
    "created_at_after_or_equal": "gte",
    "created_at_around": "around",
}


class NothingFound(Exception):  # noqa: N818 -- an outcome, not an error
    """The anchor is unknown and the server answers with an empty page."""


@dataclass(slots=True)
class Window:
    """The part of a list between anchors; ``forward`` takes its oldest end, else the newest end is taken."""

    first: int
    last: int
    forward: bool = False
    around: int | None = None

    def slice(self, limit: int) -> tuple[int, int]:
        """Bounds of a page."""
        if self.around is not None:
            start = max(self.first, self.around - limit // 2)
            return start, min(self.last, start + limit)
        if self.forward:
            return self.first, min(self.last, self.first + limit)
        return max(self.first, self.last - limit), self.last

    def narrow(self, kind: str, at: tuple[int, int]) -> None:
        """Apply one anchor that lies between two places of the list (before and after what equals it)."""
        before, after = at
        match kind:
            case "lt":
                self.last = min(self.last, before)
            case "lte":
                self.last = min(self.last, after)
            case "gt":
                self.first, self.forward = max(self.first, after), True
            case "gte":
                self.first, self.forward = max(self.first, before), True
            case _:
                self.around = before


def page(  # noqa: PLR0913 -- a list, what is asked of it, and whose rules hold
    keys: list[Key], asked: Json, limit: int, *, world: World, options: ServerOptions, prefix: str = ""
) -> list[str]:
    """Return the message ids of one page, oldest first.

    Args:
        keys: The list, in time order.
        asked: May hold ``id_lt``, ``id_lte``, ``id_gt``, ``id_gte``, ``id_around`` and, unless the caller took them
            out, ``created_at_before`` and its kin.
        limit: Rows, already checked or clamped.
        world: Knows the time of an anchor.
        options: How ties and unknown anchors are treated.
        prefix: Written before a field's name in errors: ``"messages."``.
    """
    window = Window(0, len(keys))
    try:
        for kind in ("lt", "lte", "gt", "gte", "around"):
            _narrow_by_id(window, kind, asked.get(f"id_{kind}"), keys, world, options)
    except NothingFound:
        return []
    for name, kind in _TIME_ANCHORS.items():
        ns = date_ns(asked, name, prefix)
        if ns is not None:
            window.narrow(kind, _instant(keys, ns))
    start, end = window.slice(limit)
    return [message_id for _, message_id in keys[start : max(start, end)]]


def _instant(keys: list[Key], ns: int) -> tuple[int, int]:
    return bisect_left(keys, (ns, "")), bisect_left(keys, (ns + 1, ""))


def _narrow_by_id(  # noqa: PLR0913, PLR0917 -- one anchor against one list under the server's rules
    window: Window, kind: str, anchor: object, keys: list[Key], world: World, options: ServerOptions
) -> None:
    if anchor is None or anchor == "":
        return
    message = world.messages.get(str(anchor))
    if message is None:
        raise _unknown(str(anchor), options)
    key = key_of(message)
    if options.ties == "strict" and kind != "around":
        window.narrow(kind, _instant(keys, key[0]))
    else:
        window.narrow(kind, (bisect_left(keys, key), bisect_right(keys, key)))


def _unknown(anchor: str, options: ServerOptions) -> ApiError | NothingFound:
    if options.unknown_anchor == "empty":
        return NothingFound()
    text = f"message with id {anchor} not found"
    return not_found(text) if options.unknown_anchor == "404" else bad_input(text)
