"""Acts on people: users, bans, members of channels, read positions.

Here: the part of ``World`` about people. Not here: channels and messages (``world.py``).
"""

from __future__ import annotations

from typing import Any

from chatsdk_migration.demo.times import stamp
from chatsdk_migration.demo.world_state import Moment, WorldState, touch_members, with_stamps
from chatsdk_migration.models import Json


class PeopleActs(WorldState):
    """Users, bans, members, read positions."""

    def add_user(
        self,
        id: str,  # noqa: A002 -- Stream's own word
        *,
        created_at: Moment | None = None,
        listed: bool = True,
        deactivated: bool = False,
        deleted_at: Moment | None = None,
        **fields: Any,
    ) -> Json:
        """Add or replace a user; ``listed=False`` is a deleted one, who is embedded but returned by no list."""
        with self.lock:
            created = stamp(created_at or self.clock())
            fresh: Json = {"id": id, "created_at": created, "updated_at": created, **with_stamps(fields)}
            if deactivated:
                fresh.setdefault("deactivated_at", created)
            if deleted_at is not None:
                fresh["deleted_at"] = stamp(deleted_at)
            self._list_user(id, listed=listed and deleted_at is None)
            return self._store_user(id, fresh)

    def update_user(self, id: str, at: Moment | None = None, **changes: Any) -> Json:  # noqa: A002
        """Change fields of a user."""
        with self.lock:
            return self._store_user(id, {**self.users[id], **changes, "updated_at": stamp(at or self.clock())})

    def deactivate_user(self, id: str, at: Moment | None = None) -> Json:  # noqa: A002
        """Deactivate a user: listed only when asked for."""
        return self.update_user(id, at, deactivated_at=stamp(at or self.clock()))

    def delete_user(self, id: str, at: Moment | None = None) -> Json:  # noqa: A002
        """Soft-delete a user: never listed again, but embedded with ``deleted_at``."""
        with self.lock:
            self._list_user(id, listed=False)
            return self._store_user(id, {**self.users[id], "deleted_at": stamp(at or self.clock())})

    def _store_user(self, id: str, fresh: Json) -> Json:  # noqa: A002
        """Change the stored dict in place: messages hold it by reference."""
        known = self.users.get(id)
        self.users_version += 1
        if known is None:
            self.users[id] = fresh
            return fresh
        known.clear()
        known.update(fresh)
        self.forget_rendered()
        return known

    def _list_user(self, id: str, *, listed: bool) -> None:  # noqa: A002
        if listed:
            self.unlisted.discard(id)
        else:
            self.unlisted.add(id)

    def add_ban(self, user_id: str, channel_cid: str | None = None, **fields: Any) -> Json:
        """Ban a user, app-wide without a cid; ``banned_by`` may be given as an id."""
        with self.lock:
            ban: Json = {"user": self.user(user_id), "created_at": stamp(self.clock()), **with_stamps(fields)}
            if channel_cid is not None:
                ban["channel_cid"] = channel_cid
                self._mark_member_banned(channel_cid, user_id)
            elif user_id in self.users:
                self._store_user(user_id, {**self.users[user_id], "banned": True})
            if isinstance(ban.get("banned_by"), str):
                ban["banned_by"] = self.user(ban["banned_by"])
            self.bans.append(ban)
            return ban

    def _mark_member_banned(self, cid: str, user_id: str) -> None:
        channel = self.channels[cid]
        if user_id in channel.members:
            channel.members[user_id]["banned"] = True
            touch_members(channel)

    # ---- members and read state

    def add_member(self, cid: str, user_id: str, *, created_at: Moment | None = None, **fields: Any) -> Json:
        """Add or replace a member; ``user=None`` makes a member whose user Stream no longer names."""
        with self.lock:
            channel = self.channels[cid]
            joined = stamp(created_at or channel.data["created_at"])
            member: Json = {"user_id": user_id, "user": self.user(user_id), "created_at": joined, "updated_at": joined}
            member.update(with_stamps(fields))
            channel.members[user_id] = member
            touch_members(channel)
            return member

    def remove_member(self, cid: str, user_id: str) -> Json:
        """Take a member out; the read state goes with it."""
        with self.lock:
            channel = self.channels[cid]
            channel.reads.pop(user_id, None)
            touch_members(channel)
            return channel.members.pop(user_id)

    def set_read(
        self,
        cid: str,
        user_id: str,
        *,
        last_read: Moment,
        unread_messages: int = 0,
        last_read_message_id: str | None = None,
    ) -> Json:
        """Set a read position."""
        with self.lock:
            channel = self.channels[cid]
            read: Json = {"user": self.user(user_id), "last_read": stamp(last_read), "unread_messages": unread_messages}
            if last_read_message_id is not None:
                read["last_read_message_id"] = last_read_message_id
            channel.reads[user_id] = read
            channel.rendered.clear()
            return read
