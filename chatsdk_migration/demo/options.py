"""How the local Stream server behaves where the real one may vary: every switch in one place.

Here: switches and their defaults, changeable while the server runs. Not here: faults (``faults.py``).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

STANDARD_LIMITS: dict[str, int] = {
    "GetOrCreateChannel": 10_000,
    "QueryChannels": 10_000,
    "GetApp": 10_000,
    "QueryUsers": 1_000,
    "GetMessage": 1_000,
    "GetManyMessages": 1_000,
    "GetReactions": 1_000,
    "GetReplies": 1_000,
    "GetChannel": 1_000,
    "QueryReactions": 1_000,
    "GetPinnedMessages": 1_000,
    "QueryThreads": 1_000,
    "QueryPolls": 1_000,
    "QueryPollVotes": 1_000,
    "QueryMembers": 300,
    "Search": 300,
    "QueryBannedUsers": 300,
    "GetRateLimits": 300,
    "GetTask": 300,
    "ExportChannels": 60,
    "GetExportChannelsStatus": 60,
    "ListChannelTypes": 60,
}
"""Requests a minute of a self-serve app (Stream's docs); names absent from the docs are set like their neighbours."""

UNLIMITED = 10_000_000
"""The limit announced when rate limits are switched off: nothing that paces itself by it waits."""


@dataclass(slots=True)
class ServerOptions:
    r"""Switches; the defaults suit tests: nothing waits, nothing fails.

    Attributes:
        ties: Whether id anchors compare by time alone ("strict": messages of the anchor's instant vanish) or by
            time, then id ("stable").
        rate_limits: Count requests, answer 429 beyond the limit a minute and beyond a thirtieth of it in one second.
        limits: Requests a window by endpoint.
        window_seconds: Length of a window; Stream's is a minute, tests may want less.
        others_share: Share of every window another backend of the customer uses up.
        budget_ms: Query budget of QueryChannels in a window, None for none; each query costs ``budget_cost_ms``.
        header_case: How rate limit headers are written, "none" leaves them out.
        fault_reset_seconds: How far off the reset of a 429 made on purpose is.
        latency_seconds: Added to every answer; ``slow_seconds`` is what the fault "slow" adds.
        deleted_text: What a soft-deleted message shows.
        deleted_replies: "hidden" leaves soft-deleted replies out of reply lists and of ``reply_count``.
        deleted_reply_count: Whether ``deleted_reply_count`` is counted or stuck at zero.
        unknown_anchor: The answer to an anchor id that no longer exists.
        message_limit_zero: What ``message_limit: 0`` of QueryChannels means.
        get_or_create_deleted: What GetOrCreate does with a soft-deleted channel when no creator is named.
        query_reactions: Off on older apps. get_channel: likewise.
        reactions_wall: What ``offset`` over 1000 of GetReactions gives.
        members_limit: Highest ``limit`` of QueryMembers; the documents say 100 and 300. members_offset: 1000 or 10000.
        members_keyset: Whether QueryMembers still knows ``user_id_gt``, ``created_at_after`` and the like.
        quoted_hard_deleted: Whether a quote of a hard-deleted message still shows it.
        empty_counts: What ``reaction_counts`` of a message without reactions is.
        id_order: How ids are compared by ``$gt`` and sorting: by code point, or letters first regardless of case.
        unlisted_fields: Put keys no document lists into answers and channel states.
        escape_html: Write ``<``, ``>`` and ``&`` as ``\\u003c``, as Stream's encoder does.
        gzip, chunked: How bodies are sent.
        suspended, refuse: 403 code 99; a given refusal for every request.
        export_channels: Most channels of one export. export_polls: polls before it is done. export_error: it fails so.
        export_url_seconds: Life of a download link. export_cut: cut the file short.
        search_channels: Most channels one search looks into. search_lag_seconds: age before a change is found.
        search_off_types: Channel types without search.
        reactions_off_types: Channel types without reactions. replies_off_types: without threads.
    """

    ties: Literal["strict", "stable"] = "strict"
    rate_limits: bool = False
    limits: dict[str, int] = field(default_factory=lambda: dict(STANDARD_LIMITS))
    window_seconds: float = 60.0
    others_share: float = 0.0
    budget_ms: int | None = None
    budget_cost_ms: int = 20
    header_case: Literal["lower", "title", "none"] = "lower"
    fault_reset_seconds: int = 1
    latency_seconds: float = 0.0
    slow_seconds: float = 7.0
    deleted_text: Literal["original", "placeholder"] = "original"
    deleted_replies: Literal["listed", "hidden"] = "listed"
    deleted_reply_count: Literal["counted", "zero"] = "zero"
    unknown_anchor: Literal["400", "404", "empty"] = "400"
    message_limit_zero: Literal["none", "default"] = "none"
    get_or_create_deleted: Literal["refuse", "revive"] = "refuse"
    query_reactions: bool = True
    get_channel: bool = True
    reactions_wall: Literal["error", "same_page"] = "error"
    members_limit: int = 100
    members_offset: int = 1000
    members_keyset: bool = False
    quoted_hard_deleted: Literal["vanishes", "persists"] = "vanishes"
    empty_counts: Literal["null", "empty"] = "null"
    id_order: Literal["binary", "letters"] = "binary"
    unlisted_fields: bool = True
    escape_html: bool = True
    gzip: bool = False
    chunked: bool = False
    suspended: bool = False
    refuse: tuple[int, int, str] | None = None
    export_channels: int = 25
    export_polls: int = 2
    export_error: str | None = None
    export_url_seconds: float = 86_400.0
    export_cut: bool = False
    search_channels: int = 500
    search_lag_seconds: float = 0.0
    search_off_types: frozenset[str] = frozenset({"gaming"})
    reactions_off_types: frozenset[str] = frozenset()
    replies_off_types: frozenset[str] = frozenset()

    def rendering_key(self) -> tuple[object, ...]:
        """Everything encoded records depend on."""
        return (
            self.deleted_text,
            self.deleted_replies,
            self.deleted_reply_count,
            self.quoted_hard_deleted,
            self.empty_counts,
            self.unlisted_fields,
            self.escape_html,
        )
