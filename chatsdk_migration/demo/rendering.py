"""How records of the world look on the wire: Stream's defaults filled in, parts embedded, encoded once.

Here: stored dicts to JSON bytes, kept until they change. Not here: which records a request gets (``answers_*.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from msgspec import Raw

from chatsdk_migration.demo.encoding import array, encode, escape_html
from chatsdk_migration.demo.options import ServerOptions
from chatsdk_migration.demo.times import parse_ns, stamp
from chatsdk_migration.demo.world import Channel, World
from chatsdk_migration.models import Json

LATEST_REACTIONS = 10
STATE_MEMBERS = 100
STATE_READS = 100
STATE_PINS = 10
LATEST_VOTES = 10
THREAD_PARTICIPANTS = 10
PARTICIPANTS_LOOKED_AT = 100
PLACEHOLDER = "This message was deleted."
MAX_KEPT_BYTES = 600_000_000
"""Encoded messages kept in memory before all are dropped and made again as needed."""

_USER: Json = {"role": "user", "language": "", "teams": [], "banned": False, "online": False, "invisible": False}
_FULL_USER: Json = {
    "mutes": [],
    "channel_mutes": [],
    "unread_count": 0,
    "total_unread_count": 0,
    "unread_channels": 0,
    "unread_threads": 0,
    "shadow_banned": False,
    "blocked_user_ids": [],
    "devices": [],
}
_UNLISTED_USER: Json = {"last_engaged_at": "2024-01-01T00:00:00Z", "staff_user": False, "dashboard_user": False}
"""Keys of real payloads that no document lists: they are not the customer's custom fields."""
_MESSAGE: Json = {
    "id": "",
    "text": "",
    "html": "",
    "type": "regular",
    "user": None,
    "attachments": [],
    "latest_reactions": [],
    "own_reactions": [],
    "reaction_counts": None,
    "reaction_scores": None,
    "reaction_groups": None,
    "reply_count": 0,
    "deleted_reply_count": 0,
    "cid": "",
    "created_at": "",
    "updated_at": "",
    "shadowed": False,
    "mentioned_users": [],
    "mentioned_channel": False,
    "mentioned_here": False,
    "silent": False,
    "pinned": False,
    "pinned_at": None,
    "pinned_by": None,
    "pin_expires": None,
    "restricted_visibility": [],
}
_MEMBER: Json = {
    "channel_role": "channel_member",
    "role": "member",
    "status": "member",
    "banned": False,
    "shadow_banned": False,
    "notifications_muted": False,
}
_CONFIG: Json = {
    "typing_events": True,
    "read_events": True,
    "connect_events": True,
    "search": True,
    "reactions": True,
    "replies": True,
    "quotes": True,
    "mutes": True,
    "uploads": True,
    "url_enrichment": True,
    "polls": True,
    "max_message_length": 5000,
    "automod": "disabled",
    "commands": [{"name": "giphy", "description": "Post a random gif to the channel", "args": "[text]"}],
}


def channel_config(channel_type: str, options: ServerOptions) -> Json:
    """Return the configuration of a channel type."""
    return {
        **_CONFIG,
        "name": channel_type,
        "search": channel_type not in options.search_off_types,
        "reactions": channel_type not in options.reactions_off_types,
        "replies": channel_type not in options.replies_off_types,
    }


class Renderer:
    """Encodes records of one world under one set of options. Call it with ``world.lock`` held."""

    def __init__(self, world: World, options: ServerOptions) -> None:
        self.world = world
        self.options = options
        self._key = options.rendering_key()
        self._kept_bytes = 0

    def refresh(self) -> None:
        """Drop what was encoded under other options."""
        if self._key != self.options.rendering_key():
            self._key = self.options.rendering_key()
            self.world.forget_rendered()

    def encoded(self, value: Any) -> bytes:
        """Encode a value as Stream's encoder does."""
        encoded = encode(value)
        return escape_html(encoded) if self.options.escape_html else encoded

    # ---- people

    def user(self, user: Json | None) -> Raw:
        """Encode an embedded user."""
        if user is None:
            return Raw(b"null")
        known = self.world.rendered_users.get(user["id"])
        if known is None:
            full = {**_USER, **user} if "created_at" in user else user
            known = self.world.rendered_users[user["id"]] = self.encoded(full)
        return Raw(known)

    def full_user(self, user: Json) -> bytes:
        """Encode a user as QueryUsers lists it."""
        unlisted = _UNLISTED_USER if self.options.unlisted_fields else {}
        return self.encoded({**_USER, **_FULL_USER, **unlisted, **user})

    def _with_users(self, record: Json, *names: str) -> Json:
        return {**record, **{name: self.user(record[name]) for name in names if name in record}}

    def member(self, member: Json) -> bytes:
        """Encode a channel member."""
        return self.encoded({**_MEMBER, **self._with_users(member, "user")})

    def read(self, read: Json) -> bytes:
        """Encode a read state."""
        return self.encoded(self._with_users(read, "user"))

    def ban(self, ban: Json) -> bytes:
        """Encode a ban; its channel is embedded."""
        row = self._with_users(ban, "user", "banned_by")
        cid = row.pop("channel_cid", None)
        if cid in self.world.channels:
            row["channel"] = Raw(self.channel(self.world.channels[cid]))
        return self.encoded(row)

    # ---- reactions and polls

    def reaction(self, reaction: Json) -> bytes:
        """Encode a reaction."""
        return self.encoded(self._with_users(reaction, "user"))

    def _reaction_parts(self, message_id: str) -> Json:
        newest_first = self.world.reactions_of(message_id)[::-1]
        if not newest_first:
            return {} if self.options.empty_counts == "null" else {"reaction_counts": {}, "reaction_scores": {}}
        counts: dict[str, int] = {}
        scores: dict[str, int] = {}
        groups: dict[str, Json] = {}
        for reaction in newest_first:
            kind = reaction["type"]
            counts[kind] = counts.get(kind, 0) + 1
            scores[kind] = scores.get(kind, 0) + (reaction["score"] or 0)
            group = groups.setdefault(kind, {"last_reaction_at": reaction["created_at"]})
            group.update(count=counts[kind], sum_scores=scores[kind], first_reaction_at=reaction["created_at"])
        return {
            "latest_reactions": [self._with_users(one, "user") for one in newest_first[:LATEST_REACTIONS]],
            "reaction_counts": counts,
            "reaction_scores": scores,
            "reaction_groups": groups,
        }

    def vote(self, poll: Json, vote: Json) -> Json:
        """Show a vote; an anonymous poll names nobody."""
        if poll.get("voting_visibility") == "anonymous":
            return {name: value for name, value in vote.items() if name not in {"user", "user_id"}}
        return self._with_users(vote, "user")

    def poll(self, poll: Json) -> Json:
        """Show a poll with its counts and newest votes."""
        votes = sorted(self.world.votes[poll["id"]].values(), key=lambda vote: parse_ns(vote["created_at"]))[::-1]
        counts: dict[str, int] = {}
        latest: dict[str, list[Json]] = {}
        answers = [self.vote(poll, vote) for vote in votes if vote.get("is_answer")]
        for vote in votes:
            option = vote.get("option_id")
            if option is not None and not vote.get("is_answer"):
                counts[option] = counts.get(option, 0) + 1
                shown = latest.setdefault(option, [])
                if len(shown) < LATEST_VOTES:
                    shown.append(self.vote(poll, vote))
        return {
            "description": "",
            "voting_visibility": "public",
            "enforce_unique_vote": False,
            "allow_answers": False,
            "allow_user_suggested_options": False,
            "is_closed": False,
            **self._with_users(poll, "created_by"),
            "vote_count": sum(counts.values()),
            "vote_counts_by_option": counts,
            "latest_votes_by_option": latest,
            "answers_count": len(answers),
            "latest_answers": answers[:LATEST_VOTES],
            "own_votes": [],
        }

    # ---- messages

    def messages(self, message_ids: Iterable[str]) -> bytes:
        """Encode messages as an array."""
        kept = self.world.rendered
        return array([kept.get(message_id) or self._keep(message_id) for message_id in message_ids])

    def message(self, message_id: str) -> bytes:
        """Encode one message."""
        return self.world.rendered.get(message_id) or self._keep(message_id)

    def _keep(self, message_id: str) -> bytes:
        encoded = self.encoded(self.shown_message(self.world.messages[message_id]))
        self._kept_bytes += len(encoded)
        if self._kept_bytes > MAX_KEPT_BYTES:
            self.world.rendered.clear()
            self._kept_bytes = len(encoded)
        self.world.rendered[message_id] = encoded
        return encoded

    def shown_message(self, message: Json, *, with_quote: bool = True, reveal: bool = False) -> Json:
        """Show a message; ``reveal`` gives the original content of a deleted one."""
        message_id = message["id"]
        parts = self._reaction_parts(message_id) if message_id in self.world.reactions else self._reaction_parts("")
        shown = {**_MESSAGE, **parts, **message, "user": self.user(message["user"])}
        if shown["text"] and not shown["html"]:
            shown["html"] = f"<p>{shown['text']}</p>\n"
        if shown["mentioned_users"]:
            shown["mentioned_users"] = [self.user(one) for one in shown["mentioned_users"]]
        if isinstance(shown["pinned_by"], dict):
            shown["pinned_by"] = self.user(shown["pinned_by"])
        self._add_thread(shown)
        self._add_relations(shown, with_quote=with_quote)
        if message["type"] == "deleted" and self.options.deleted_text == "placeholder" and not reveal:
            shown.update(text=PLACEHOLDER, html=f"<p>{PLACEHOLDER}</p>\n", attachments=[], mentioned_users=[])
        return shown

    def _add_thread(self, shown: Json) -> None:
        keys = self.world.replies.get(shown["id"])
        if not keys:
            return
        deleted = sum(self.world.messages[reply]["type"] == "deleted" for _, reply in keys)
        if self.options.deleted_replies == "hidden":
            shown["reply_count"] = max(0, shown["reply_count"] - deleted)
        if self.options.deleted_reply_count == "counted":
            shown["deleted_reply_count"] = deleted
        participants = {
            user["id"]: self.user(user)
            for _, reply in islice(keys, PARTICIPANTS_LOOKED_AT)
            if (user := self.world.messages[reply]["user"]) is not None
        }
        shown.setdefault("thread_participants", list(participants.values())[:THREAD_PARTICIPANTS])

    def _add_relations(self, shown: Json, *, with_quote: bool) -> None:
        quoted_id, poll_id = shown.get("quoted_message_id"), shown.get("poll_id")
        if quoted_id is not None and with_quote and "quoted_message" not in shown:
            quoted = self.world.messages.get(quoted_id)
            if quoted is None and self.options.quoted_hard_deleted == "persists":
                quoted = self.world.buried.get(quoted_id)
            if quoted is not None:
                shown["quoted_message"] = self.shown_message(quoted, with_quote=False)
        if poll_id in self.world.polls:
            shown["poll"] = self.poll(self.world.polls[poll_id])
        user = self.world.messages.get(shown["id"], {}).get("user")
        channel = self.world.channels.get(shown["cid"])
        if user is not None and channel is not None and user["id"] in channel.members:
            shown["member"] = {"channel_role": channel.members[user["id"]].get("channel_role", "channel_member")}

    # ---- channels

    def channel(self, channel: Channel) -> bytes:
        """Encode a channel record."""
        return self._part(channel, "channel", lambda: self.encoded(self.shown_channel(channel)))

    def shown_channel(self, channel: Channel) -> Json:
        """Show a channel record; a stored ``member_count`` is shown instead of the true one."""
        record = self._with_users(channel.data, "created_by", "truncated_by")
        shown: Json = {"frozen": False, "disabled": False, "member_count": len(channel.members), **record}
        shown.setdefault("config", channel_config(channel.data["type"], self.options))
        return shown

    def members(self, channel: Channel, limit: int, offset: int = 0) -> bytes:
        """Encode the most recently added members, newest first."""

        def build() -> bytes:
            newest = sorted(channel.members.values(), key=_joined_ns, reverse=True)
            return array([self.member(member) for member in newest[offset : offset + limit]])

        return self._part(channel, ("members", limit, offset), build)

    def reads(self, channel: Channel) -> bytes:
        """Encode at most 100 read states."""
        return self._part(
            channel,
            "reads",
            lambda: array([self.read(read) for read in islice(channel.reads.values(), STATE_READS)]),
        )

    def pins(self, channel: Channel) -> list[str]:
        """Ids of pinned messages, newest pin first; expired pins and deleted messages are none."""
        if not channel.pins:
            return []
        now = parse_ns(stamp(datetime.now(UTC)))
        pinned = [self.world.messages[message_id] for message_id in channel.pins]
        living = [one for one in pinned if not one.get("pin_expires") or parse_ns(one["pin_expires"]) > now]
        return [one["id"] for one in sorted(living, key=pinned_ns, reverse=True)]

    def state(self, channel: Channel, message_ids: Iterable[str], members: bytes | None, *, full: bool = True) -> bytes:
        """Encode a channel state; ``full=False`` gives the channel alone, as ``state: false`` does."""
        head = b'{"channel":' + self.channel(channel)
        if not full:
            return head + b',"messages":[],"pinned_messages":[],"members":[],"threads":[]}'
        pins = self.messages(self.pins(channel)[:STATE_PINS]) if channel.pins else b"[]"
        parts = [
            head,
            b',"messages":',
            self.messages(message_ids),
            b',"pinned_messages":',
            pins,
            b',"members":',
            members if members is not None else self.members(channel, STATE_MEMBERS),
            b',"read":',
            self.reads(channel),
            b',"watcher_count":0,"threads":[],"pending_messages":[],"active_live_locations":[]',
            b',"push_preferences_v9":null}' if self.options.unlisted_fields else b"}",
        ]
        return b"".join(parts)

    def _part(self, channel: Channel, name: object, build: Callable[[], bytes]) -> bytes:
        known = channel.rendered.get(name)
        if known is None:
            known = channel.rendered[name] = build()
        return known


def _joined_ns(member: Json) -> int:
    return parse_ns(member["created_at"])


def pinned_ns(message: Json) -> int:
    """When a message was pinned, in nanoseconds."""
    return parse_ns(message.get("pinned_at") or message["created_at"])
