"""The state of an imaginary Stream Chat app, held in memory, without any HTTP.

Here: users, channels, members, messages, reactions, polls, bans, and the acts that change them.
Not here: how a state is shown (``rendering.py``), asked for (``answers_*.py``) or served (``server.py``).

Records are plain dicts with the keys Stream's first-generation REST API uses, custom keys at top level. They are
sparse: what Stream fills with a default (``attachments: []``, ``silent: false``) is absent unless it was given.
An embedded user is the very dict of ``World.users``, not a copy. Reactions, votes and reply lists are kept beside
the messages and only put into them when shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from time import monotonic
from typing import Any
from uuid import UUID

from chatsdk_migration.demo.times import parse_ns, stamp
from chatsdk_migration.demo.world_people import PeopleActs
from chatsdk_migration.demo.world_state import (
    Channel,
    Key,
    Moment,
    insert_key,
    key_of,
    move_updated_at,
    remove_key,
    with_stamps,
)
from chatsdk_migration.models import Json

__all__ = ["Channel", "Key", "Moment", "World", "key_of"]


class World(PeopleActs):
    """A Stream Chat app; every method is safe to call from any thread and returns the stored record.

    Attributes:
        users: All user records by id, also those no list returns.
        unlisted: Ids of users no list returns (deleted ones, and authors nobody ever added).
        channels: Living channels by cid.
        deleted_channels: Soft-deleted channels by cid.
        messages: All messages by id, also soft-deleted ones (``type: "deleted"``, their content kept).
        buried: Hard-deleted messages by id; only quotes of them may still show them.
        replies: Keys of the replies by parent id.
        reactions: Reactions of a message by (user id, type), in the order they were given.
        polls: Poll records by id. votes: vote records of a poll by vote id. poll_messages: its message's id.
        bans: Ban records.
        hidden_replies_move_channel: Whether a reply not shown in the channel moves ``last_message_at``; Stream does
            not document it.

    Args:
        seed: Makes the ids of messages that get none reproducible.
        clock: Used where the caller gives no time.
    """

    # ---- channels

    def add_channel(
        self,
        cid: str,
        *,
        created_by: str | None = None,
        created_at: Moment,
        members: Iterable[str] = (),
        **fields: Any,
    ) -> Json:
        """Add a channel with members who joined when it was created."""
        with self.lock:
            kind, _, channel_id = cid.partition(":")
            created = stamp(created_at)
            data: Json = {"id": channel_id, "type": kind, "cid": cid, "created_at": created, "updated_at": created}
            if created_by is not None:
                data["created_by"] = self.user(created_by)
            data.update(with_stamps(fields))
            self.channels[cid] = Channel(data)
            self.deleted_channels.pop(cid, None)
            self.channels_version += 1
            for user_id in members:
                self.add_member(cid, user_id)
            return data

    def update_channel(self, cid: str, at: Moment | None = None, **changes: Any) -> Json:
        """Change fields of a channel."""
        with self.lock:
            channel = self.channels[cid]
            channel.data.update(with_stamps(changes), updated_at=stamp(at or self.clock()))
            channel.rendered.clear()
            return channel.data

    def delete_channel(self, cid: str, hard: bool = False, at: Moment | None = None) -> Json:  # noqa: FBT001, FBT002
        """Delete a channel; a soft-deleted one is still exported on request."""
        with self.lock:
            channel = self.channels.pop(cid)
            self.channels_version += 1
            channel.data["deleted_at"] = stamp(at or self.clock())
            channel.rendered.clear()
            if hard:
                for _, message_id in channel.everything:
                    self._forget_message(message_id)
            else:
                self.deleted_channels[cid] = channel
            return channel.data

    def revive_channel(self, cid: str) -> Channel:
        """Bring a soft-deleted channel back, empty, as creating it again does."""
        with self.lock:
            channel = self.deleted_channels.pop(cid)
            channel.data.pop("deleted_at", None)
            channel.data.pop("last_message_at", None)
            self.channels[cid] = Channel(channel.data)
            self.channels_version += 1
            return self.channels[cid]

    def truncate_channel(self, cid: str, at: Moment) -> Json:
        """Take messages before a time out of the lists; only an export with a flag still shows them."""
        with self.lock:
            channel = self.channels[cid]
            limit = parse_ns(stamp(at))
            for _, message_id in [key for key in channel.everything if key[0] < limit]:
                if message_id in self.messages:
                    channel.truncated.append(self.messages[message_id])
                    self._remove_message(self.messages[message_id])
            channel.data["truncated_at"] = stamp(at)
            channel.rendered.clear()
            return channel.data

    # ---- messages

    def add_message(  # noqa: PLR0913 -- the facts of a message
        self,
        cid: str,
        id: str | None = None,  # noqa: A002
        *,
        user_id: str | None,
        text: str = "",
        at: Moment,
        type: str = "regular",  # noqa: A002
        parent_id: str | None = None,
        show_in_channel: bool = False,
        quoted_message_id: str | None = None,
        **fields: Any,
    ) -> Json:
        """Add a message, at any time (an import is back-dated).

        ``mentioned_users`` and ``pinned_by`` may be given as ids; ``reply_count``, ``reaction_counts`` and the like,
        if given, are shown instead of the true ones.
        """
        with self.lock:
            created = stamp(at)
            message_id = id if id is not None else self._new_id(user_id)
            message: Json = {"id": message_id, "cid": cid, "type": type, "text": text, "user": self.user(user_id)}
            message["created_at"] = message["updated_at"] = created
            if parent_id is not None:
                message["type"] = "reply" if type == "regular" else type
                message["parent_id"] = parent_id
                message["show_in_channel"] = show_in_channel
            if quoted_message_id is not None:
                message["quoted_message_id"] = quoted_message_id
            if fields:
                message.update(self._linked(fields))
            self._index_message(message, (parse_ns(created), message_id))
            return message

    def _new_id(self, user_id: str | None) -> str:
        return f"{user_id or 'system'}-{UUID(int=self.random.getrandbits(128), version=4)}"

    def _linked(self, fields: Json) -> Json:
        """Turn ids of users into users, datetimes into text."""
        linked = with_stamps(fields)
        if isinstance(linked.get("pinned_by"), str):
            linked["pinned_by"] = self.user(linked["pinned_by"])
        if "mentioned_users" in linked:
            mentioned = linked["mentioned_users"] or []
            linked["mentioned_users"] = [self.user(who) if isinstance(who, str) else who for who in mentioned]
        return linked

    def _index_message(self, message: Json, key: Key) -> None:
        if message["id"] in self.messages:
            raise ValueError(f"message id {message['id']!r} is taken")
        channel = self.channels[message["cid"]]
        self.messages[message["id"]] = message
        insert_key(channel.everything, key)
        parent_id = message.get("parent_id")
        in_list = parent_id is None or message["show_in_channel"]
        if in_list:
            insert_key(channel.listed, key)
        if parent_id is not None:
            self._count_reply(parent_id, message, key)
        if "quoted_message_id" in message:
            self.quoted_by.setdefault(message["quoted_message_id"], []).append(message["id"])
        if message.get("pinned"):
            channel.pins.add(message["id"])
        self._move_channel(channel, message, key[0], moves=in_list or self.hidden_replies_move_channel)
        self.note_change(message["id"])

    def _count_reply(self, parent_id: str, reply: Json, key: Key) -> None:
        insert_key(self.replies.setdefault(parent_id, []), key)
        parent = self.messages.get(parent_id)
        if parent is not None:
            parent["reply_count"] = parent.get("reply_count", 0) + 1
            move_updated_at(parent, reply["created_at"], key[0])
            self.note_change(parent_id)

    def _move_channel(self, channel: Channel, message: Json, ns: int, *, moves: bool) -> None:
        if channel.rendered:
            channel.rendered.clear()
        if moves and (channel.last_ns is None or ns > channel.last_ns):
            channel.last_ns = ns
            channel.data["last_message_at"] = message["created_at"]

    def edit_message(self, id: str, at: Moment | None = None, **changes: Any) -> Json:  # noqa: A002
        """Change a message; ``updated_at`` moves, ``message_text_updated_at`` only when the text changed.

        Raises:
            ValueError: ``created_at``, ``cid`` and ``parent_id`` cannot change.
        """
        with self.lock:
            if changes.keys() & {"id", "cid", "created_at", "parent_id", "show_in_channel"}:
                raise ValueError("the place of a message cannot be edited")
            message, when = self.messages[id], stamp(at or self.clock())
            if "text" in changes and changes["text"] != message["text"]:
                message["message_text_updated_at"] = when
            message["updated_at"] = when
            message.update(self._linked(changes))
            self._repin(message)
            self.note_change(id)
            return message

    def _repin(self, message: Json) -> None:
        channel = self.channels.get(message["cid"])
        if channel is not None:
            (channel.pins.add if message.get("pinned") else channel.pins.discard)(message["id"])
            channel.rendered.clear()

    def soft_delete_message(self, id: str, at: Moment | None = None) -> Json:  # noqa: A002
        """Mark a message deleted: ``updated_at`` does not move, its content is kept."""
        with self.lock:
            message = self.messages[id]
            message["type"] = "deleted"
            message["deleted_at"] = stamp(at or self.clock())
            self.channels[message["cid"]].pins.discard(id)
            self.channels[message["cid"]].rendered.clear()
            self.note_change(id)
            if "parent_id" in message:
                self.note_change(message["parent_id"])
            return message

    def hard_delete_message(self, id: str) -> Json:  # noqa: A002
        """Remove a message with its reactions and all its replies; the id may be used again."""
        with self.lock:
            message = self.messages[id]
            parent = self.messages.get(message.get("parent_id", ""))
            if parent is not None:
                parent["reply_count"] = max(0, parent.get("reply_count", 0) - 1)
                self.note_change(parent["id"])
            self._remove_message(message)
            return message

    def _remove_message(self, message: Json) -> None:
        for _, reply_id in list(self.replies.get(message["id"], ())):
            if reply_id in self.messages:
                self._remove_message(self.messages[reply_id])
        channel, key = self.channels[message["cid"]], key_of(message)
        remove_key(channel.listed, key)
        remove_key(channel.everything, key)
        remove_key(self.replies.get(message.get("parent_id", ""), []), key)
        channel.pins.discard(message["id"])
        channel.rendered.clear()
        self._forget_message(message["id"])

    def _forget_message(self, message_id: str) -> None:
        message = self.messages.pop(message_id, None)
        if message is None:
            return
        self.buried[message_id] = message
        self.replies.pop(message_id, None)
        self.reactions.pop(message_id, None)
        self.note_change(message_id)

    # ---- reactions and polls

    def add_reaction(
        self,
        message_id: str,
        user_id: str,
        type: str,  # noqa: A002
        *,
        score: int = 1,
        at: Moment | None = None,
        **fields: Any,
    ) -> Json:
        """Add a reaction, or replace the one of the same user and type; moves the message's ``updated_at``."""
        with self.lock:
            when = stamp(at or self.clock())
            reaction: Json = {
                "message_id": message_id,
                "user_id": user_id,
                "user": self.user(user_id),
                "type": type,
                "score": score,
                "created_at": when,
                "updated_at": when,
                **with_stamps(fields),
            }
            self.reactions.setdefault(message_id, {})[user_id, type] = reaction
            move_updated_at(self.messages[message_id], when, parse_ns(when))
            self.note_change(message_id)
            return reaction

    def remove_reaction(self, message_id: str, user_id: str, type: str, at: Moment | None = None) -> Json:  # noqa: A002
        """Take a reaction away; moves the message's ``updated_at``."""
        with self.lock:
            reaction = self.reactions[message_id].pop((user_id, type))
            when = stamp(at or self.clock())
            move_updated_at(self.messages[message_id], when, parse_ns(when))
            self.note_change(message_id)
            return reaction

    def add_poll(self, message_id: str, poll: Json) -> Json:
        """Attach a poll; ``poll`` needs ``id``, ``name`` and ``options`` (a list of ``{id, text}``)."""
        with self.lock:
            message = self.messages[message_id]
            created = message["created_at"]
            stored: Json = {
                "created_at": created,
                "updated_at": created,
                "created_by": message["user"],
                **with_stamps(poll),
            }
            if isinstance(stored.get("created_by"), str):
                stored["created_by"] = self.user(stored["created_by"])
            message["poll_id"] = stored["id"]
            self.polls[stored["id"]] = stored
            self.votes[stored["id"]] = {}
            self.poll_messages[stored["id"]] = message_id
            self.note_change(message_id)
            return stored

    def add_vote(self, poll_id: str, **vote: Any) -> Json:
        """Add a vote: ``option_id`` or ``answer_text``, ``user_id`` (never shown when anonymous), ``created_at``."""
        with self.lock:
            when = stamp(vote.pop("created_at", None) or self.clock())
            vote_id = vote.pop("id", None) or str(UUID(int=self.random.getrandbits(128), version=4))
            stored: Json = {
                "id": vote_id,
                "poll_id": poll_id,
                "created_at": when,
                "updated_at": when,
                **with_stamps(vote),
            }
            if "answer_text" in stored:
                stored.setdefault("is_answer", True)
            if "user_id" in stored:
                stored.setdefault("user", self.user(stored["user_id"]))
            self.votes[poll_id][vote_id] = stored
            self.note_change(self.poll_messages[poll_id])
            return stored

    def remove_vote(self, poll_id: str, vote_id: str) -> Json:
        """Take a vote back; nothing else moves."""
        with self.lock:
            vote = self.votes[poll_id].pop(vote_id)
            self.note_change(self.poll_messages[poll_id])
            return vote

    # ---- looking

    def messages_of(self, cid: str, include_replies: bool = True) -> list[Json]:  # noqa: FBT001, FBT002
        """Return a channel's messages in time order, soft-deleted ones included."""
        with self.lock:
            channel = self.channels[cid]
            keys = channel.everything if include_replies else channel.listed
            return [self.messages[message_id] for _, message_id in keys]

    def replies_of(self, parent_id: str) -> list[Json]:
        """Return the replies of a message in time order."""
        with self.lock:
            return [self.messages[reply_id] for _, reply_id in self.replies.get(parent_id, ())]

    def reactions_of(self, message_id: str) -> list[Json]:
        """Return a message's reactions, oldest first."""
        with self.lock:
            found = self.reactions.get(message_id, {}).values()
            return sorted(found, key=lambda reaction: parse_ns(reaction["created_at"]))

    def recently_changed(self, seconds: float) -> Iterator[str]:
        """Ids of messages changed within the last seconds."""
        limit = monotonic() - seconds
        return (message_id for at, message_id in self.recent if at >= limit)
