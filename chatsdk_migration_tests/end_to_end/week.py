"""A believable week in a Stream app: thousands of acts of every kind, one after the other, by a seed.

Here: the clock, the app as it is when the week begins, and what its people do (``Life``), between syncs and, through
the server's hook, during them. Not here: what people do in ChatSDK meanwhile (``week_live.py``), the comparison
(``week_judge.py``).

Each act is made at the clock's time and moves it on, so one seed gives one week. Nothing here depends on how long
anything takes.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from chatsdk_migration.demo.world import World
from chatsdk_migration.models import Json

DAYS = 7
PEOPLE = 24
CROWD = 150
"""People who hardly do more than react: enough for a message whose reactions take two pages."""
OLD_THREAD = "thread-of-two-years-ago"
CROWDED = "crowded"
"""A message with more reactions than one page holds."""
QUIET = "team:quiet"
"""A channel that nobody touches."""
GOSSIP = "gossip:kitchen"
"""Of a type whose messages cannot be searched."""
KINDS = ("like", "love", "haha", "wow", "sad", "party-time")
FIRST_CHANNELS = (
    *(f"messaging:room-{number}" for number in range(5)),
    *(f"team:team-{number}" for number in range(4)),
    "livestream:stage",
    GOSSIP,
)


class Clock:
    """The time in Stream; it moves only when told, and never back."""

    def __init__(self, start: datetime) -> None:
        self._now, self._lock = start, threading.Lock()

    def __call__(self) -> datetime:
        return self._now

    def move(self, **by: float) -> datetime:
        """Move on and give the new time."""
        with self._lock:
            self._now += timedelta(**by)
            return self._now


def build(clock: Clock) -> World:
    """Give the app as it is at the beginning of the week: two years of history, thinly."""
    chance, world = Random(11), World(seed=11, clock=clock)
    now = clock()
    old = now - timedelta(days=740)
    for number in range(PEOPLE):
        world.add_user(f"u{number}", name=f"User {number}", created_at=old, title="engineer")
    for number in range(CROWD):
        world.add_user(f"fan{number}", name=f"Fan {number}", created_at=old)
    for number, cid in enumerate((*FIRST_CHANNELS, QUIET)):
        people = [f"u{(number * 3 + step) % PEOPLE}" for step in range(4 + number % 5)]
        world.add_channel(cid, created_by=people[0], created_at=old, members=people, name=cid.title(), topic="all")
        for place in range(60):
            at = now - timedelta(days=730 - place * 12.1, seconds=chance.randrange(80_000))
            message = world.add_message(cid, user_id=chance.choice(people), text=f"history {place}", at=at)
            if place % 5 == 0:
                world.add_reaction(message["id"], people[1], chance.choice(KINDS), at=at + timedelta(minutes=5))
            if place % 9 == 0:
                reply = at + timedelta(hours=3)
                world.add_message(cid, user_id=people[2], text="re", parent_id=message["id"], at=reply)
        for who in people[:-1]:  # one has no read state at all
            world.set_read(cid, who, last_read=now - timedelta(hours=1))
    _build_room(world, now)
    return world


def _build_room(world: World, now: datetime) -> None:
    room, two_years = FIRST_CHANNELS[0], now - timedelta(days=730)
    world.add_message(room, OLD_THREAD, user_id="u0", text="who remembers?", at=two_years)
    for number in range(12):
        at = two_years + timedelta(hours=number + 1)
        world.add_message(room, f"old-{number}", user_id="u1", text="me", parent_id=OLD_THREAD, at=at)
    world.add_message(room, CROWDED, user_id="u0", text="we won", at=now - timedelta(days=2))
    for number in range(CROWD):
        at = now - timedelta(days=2) + timedelta(seconds=number)
        world.add_reaction(CROWDED, f"fan{number}", "love", at=at)


class Life:
    """What Stream's people do: ``act`` once, at random; ``done`` counts what was done.

    Attributes:
        untouchable: Members (cid, user id) and channels that people in ChatSDK decided about: Stream's people leave
            them alone where two decisions would depend on the moment of a sync.
        hidden_deletes: Whether messages older than any window are deleted too, or voted about, which only a full sweep
            can find.
    """

    def __init__(self, world: World, clock: Clock, seed: int) -> None:
        self.world, self.clock = world, clock
        self.chance = Random(seed)
        self.done: Counter[str] = Counter()
        self.untouchable: set[Any] = {QUIET}
        self.hidden_deletes = True
        self.truncated_during = 0
        self._number = 0
        self._recent: dict[str, list[str]] = {}
        acts: list[tuple[int, Callable[[], object]]] = [
            (60, self.new_message),
            (25, self.new_reply),
            (3, self.old_thread_reply),
            (6, self.back_dated),
            (6, self.system_message),
            (10, self.mentioning),
            (4, self.quoting),
            (24, self.edit),
            (3, self.edit_attachments),
            (3, self.edit_mentions),
            (30, self.react),
            (12, self.unreact),
            (8, self.react_otherwise),
            (10, self.soft_delete),
            (3, self.undelete),
            (6, self.hard_delete),
            (2, self.hard_delete_thread),
            (2, self.delete_history),
            (5, self.pin),
            (4, self.unpin),
            (3, self.new_poll),
            (12, self.vote),
            (5, self.unvote),
            (3, self.close_poll),
            (4, self.join),
            (3, self.leave),
            (2, self.promote),
            (3, self.mute),
            (25, self.read),
            (3, self.new_user),
            (4, self.profile),
            (1, self.deactivate),
            (2, self.new_channel),
            (2, self.rename),
            (1, self.truncate),
            (1, self.delete_channel),
        ]
        self._acts = [act for _, act in acts]
        self._weights = [weight for weight, _ in acts]

    @property
    def kinds(self) -> set[str]:
        """Names of all acts there are."""
        return {act.__name__ for act in self._acts}

    def act(self) -> str:
        """Do one thing; what does not fit just now is drawn again, and what was never done yet gets its chance."""
        with self.world.lock:
            rare = [one for one in self._acts if not self.done[one.__name__]] if self.done.total() % 20 == 19 else []
            self.chance.shuffle(rare)
            while True:
                act = rare.pop() if rare else self.chance.choices(self._acts, self._weights)[0]
                if act() is not None:
                    self.done[act.__name__] += 1
                    return act.__name__

    # ---- choosing

    def channel(self) -> str:
        return self.chance.choice(sorted(cid for cid in self.world.channels if cid != QUIET))

    def member(self, cid: str) -> str | None:
        members = sorted(self.world.channels[cid].members)
        return self.chance.choice(members) if members else None

    def message(self, *, alive: bool = True) -> Json | None:
        """A message, mostly one of the last days."""
        cid = self.channel()
        recent = [one for one in self._recent.get(cid, [])[-60:] if one in self.world.messages]
        if recent and self.chance.random() < 0.85:
            found = self.world.messages[self.chance.choice(recent)]
        else:
            everything = self.world.messages_of(cid)
            if not everything:
                return None
            found = self.chance.choice(everything)
        return found if not alive or found["type"] != "deleted" else None

    def _id(self, kind: str) -> str:
        self._number += 1
        return f"{kind}-{self._number}"

    # ---- messages

    def send(self, cid: str, who: str, at: datetime | None = None, **fields: Any) -> Json:
        """Send a message as a client does: others have one unread more, the sender has read everything."""
        at = at or self.clock()
        message = self.world.add_message(cid, self._id("m"), user_id=who, at=at, **fields)
        self._recent.setdefault(cid, []).append(message["id"])
        if "parent_id" in message and not message["show_in_channel"]:
            return message
        for reader, state in list(self.world.channels[cid].reads.items()):
            if reader == who:
                self.world.set_read(cid, who, last_read=at)
            else:
                unread = state["unread_messages"] + 1
                self.world.set_read(cid, reader, last_read=state["last_read"], unread_messages=unread)
        return message

    def new_message(self) -> Json | None:
        cid = self.channel()
        who = self.member(cid)
        text = self.chance.choice(("hello", "on my way", "👍🏽 done", "שלום", "line\nline", "tab\t\\N"))
        return self.send(cid, who, text=f"{text} {self._number}") if who else None

    def new_reply(self) -> Json | None:
        parent = self.message(alive=False)
        if parent is None or "parent_id" in parent:
            return None
        who = self.member(parent["cid"])
        shown = self.chance.random() < 0.25
        return self.send(parent["cid"], who, text="re", parent_id=parent["id"], show_in_channel=shown) if who else None

    def old_thread_reply(self) -> Json | None:
        if OLD_THREAD not in self.world.messages:
            return None
        return self.send(FIRST_CHANNELS[0], "u2", text="still here", parent_id=OLD_THREAD)

    def back_dated(self) -> Json | None:
        cid = self.channel()
        who = self.member(cid)
        at = self.clock() - timedelta(hours=self.chance.randrange(2, 100))
        if who is None or "truncated_at" in self.world.channels[cid].data:
            return None  # what a truncation took cannot be imported behind it
        return self.world.add_message(cid, self._id("late"), user_id=who, text="imported", at=at)

    def system_message(self) -> Json:
        return self.world.add_message(
            self.channel(), self._id("sys"), user_id=None, type="system", text="somebody joined", at=self.clock()
        )

    def mentioning(self) -> Json | None:
        cid = self.channel()
        who, other = self.member(cid), self.member(cid)
        return self.send(cid, who, text=f"@{other}", mentioned_users=[other]) if who and other else None

    def quoting(self) -> Json | None:
        quoted = self.message()
        who = self.member(quoted["cid"]) if quoted else None
        return self.send(quoted["cid"], who, text="that", quoted_message_id=quoted["id"]) if quoted and who else None

    def edit(self) -> Json | None:
        message = self.message()
        return self.world.edit_message(message["id"], text=f"edited {self._id('e')}") if message else None

    def edit_attachments(self) -> Json | None:
        message = self.message()
        links = [{"type": "image", "image_url": f"https://cdn.test/{self._id('i')}.png"}]
        return self.world.edit_message(message["id"], attachments=links) if message else None

    def edit_mentions(self) -> Json | None:
        message = self.message()
        who = self.member(message["cid"]) if message else None
        if message is None or who is None:
            return None
        mentioned = [] if message.get("mentioned_users") else [who]
        return self.world.edit_message(message["id"], text=f"now {self._id('e')}", mentioned_users=mentioned)

    def soft_delete(self) -> Json | None:
        message = self.message()
        if message is None or message["id"] == CROWDED:
            return None
        return self.world.soft_delete_message(message["id"])

    def undelete(self) -> Json | None:
        deleted = [one for one in self.world.messages_of(self.channel()) if one["type"] == "deleted"]
        if not deleted:
            return None
        message = self.chance.choice(deleted)
        del message["deleted_at"]
        kind = "reply" if "parent_id" in message else "regular"
        return self.world.edit_message(message["id"], type=kind, pinned=False, pinned_at=None, pinned_by=None)

    def hard_delete(self) -> Json | None:
        message = self.message(alive=False)
        if message is None or message["id"] in {OLD_THREAD, CROWDED}:
            return None
        if not self.hidden_deletes and not self._is_recent(message):
            return None
        return self.world.hard_delete_message(message["id"])

    def _is_recent(self, message: Json) -> bool:
        since = (self.clock() - timedelta(days=3)).isoformat()
        return bool(message["created_at"] > since)

    def hard_delete_thread(self) -> Json | None:
        message = self.message(alive=False)
        if message is None or not self.world.replies.get(message["id"]) or message["id"] == OLD_THREAD:
            return None
        if not self.hidden_deletes and not self._is_recent(message):
            return None
        return self.world.hard_delete_message(message["id"])

    def delete_history(self) -> Json | None:
        """Delete something older than any window."""
        messages = [one for one in self.world.messages_of(self.channel())[:40] if one["type"] != "deleted"]
        if not self.hidden_deletes or not messages:
            return None
        message = self.chance.choice(messages)
        if message["id"] in {OLD_THREAD, CROWDED}:
            return None
        if self.chance.random() < 0.5:
            return self.world.soft_delete_message(message["id"])
        return self.world.hard_delete_message(message["id"])

    # ---- what hangs on messages

    def react(self) -> Json | None:
        message = self.message()
        who = self.member(message["cid"]) if message else None
        return self.world.add_reaction(message["id"], who, self.chance.choice(KINDS)) if message and who else None

    def _reaction(self) -> Json | None:
        cid = self.channel()
        known = [one for one in self.world.messages_of(cid) if self.world.reactions.get(one["id"])]
        alive = [one for one in known if one["type"] != "deleted"]
        if not alive:
            return None
        message = self.chance.choice(alive[-20:])
        return self.chance.choice(self.world.reactions_of(message["id"]))

    def unreact(self) -> Json | None:
        one = self._reaction()
        return self.world.remove_reaction(one["message_id"], one["user_id"], one["type"]) if one else None

    def react_otherwise(self) -> Json | None:
        one = self._reaction()
        if one is None:
            return None
        self.world.remove_reaction(one["message_id"], one["user_id"], one["type"])
        return self.world.add_reaction(one["message_id"], one["user_id"], self.chance.choice(KINDS))

    def pin(self) -> Json | None:
        message = self.message()
        who = self.member(message["cid"]) if message else None
        if message is None or who is None or message.get("pinned"):
            return None
        return self.world.edit_message(message["id"], pinned=True, pinned_at=self.clock(), pinned_by=who)

    def unpin(self) -> Json | None:
        pinned = sorted(one for channel in self.world.channels.values() for one in channel.pins)
        if not pinned:
            return None
        return self.world.edit_message(self.chance.choice(pinned), pinned=False, pinned_at=None, pinned_by=None)

    def new_poll(self) -> Json | None:
        cid = self.channel()
        who = self.member(cid)
        if who is None:
            return None
        message = self.send(cid, who, text="vote")
        options = [{"id": f"o{number}", "text": f"option {number}"} for number in range(3)]
        return self.world.add_poll(message["id"], {"id": self._id("p"), "name": "Lunch?", "options": options})

    def _poll(self) -> tuple[str, str] | None:
        polls = {poll: self.world.messages.get(message) for poll, message in self.world.poll_messages.items()}
        alive = sorted(
            poll
            for poll, message in polls.items()
            if message and message["type"] != "deleted" and message["cid"] in self.world.channels
            if self.hidden_deletes or self._is_recent(message)  # votes move nothing that a sync would see
        )
        if not alive:
            return None
        poll = self.chance.choice(alive)
        who = self.member(self.world.messages[self.world.poll_messages[poll]]["cid"])
        return (poll, who) if who else None

    def vote(self) -> Json | None:
        if (found := self._poll()) is None:
            return None
        poll, who = found
        if any(vote["user_id"] == who for vote in self.world.votes[poll].values()):
            return None
        return self.world.add_vote(poll, option_id=f"o{self.chance.randrange(3)}", user_id=who, id=self._id("v"))

    def unvote(self) -> Json | None:
        if (found := self._poll()) is None or not self.world.votes[found[0]]:
            return None
        return self.world.remove_vote(found[0], self.chance.choice(sorted(self.world.votes[found[0]])))

    def close_poll(self) -> Json | None:
        if (found := self._poll()) is None:
            return None
        poll = self.world.polls[found[0]]
        poll.update(is_closed=True, name=f"Lunch? {self._id('closed')}")
        return self.world.edit_message(self.world.poll_messages[found[0]], text=f"closed {self._number}")

    # ---- people

    def _membership(self) -> tuple[str, str] | None:
        cid = self.channel()
        who = self.member(cid)
        return (cid, who) if who and (cid, who) not in self.untouchable else None

    def join(self) -> Json | None:
        cid, who = self.channel(), f"u{self.chance.randrange(PEOPLE)}"
        if who in self.world.channels[cid].members or (cid, who) in self.untouchable:
            return None
        self.world.set_read(cid, who, last_read=self.clock())  # as Stream does: who joins has nothing unread
        return self.world.add_member(cid, who, created_at=self.clock())

    def leave(self) -> Json | None:
        found = self._membership()
        if found is None or len(self.world.channels[found[0]].members) < 4:
            return None
        return self.world.remove_member(*found)

    def promote(self) -> Json | None:
        if (found := self._membership()) is None:
            return None
        known = self.world.channels[found[0]].members[found[1]]
        role = "channel_moderator" if known.get("channel_role") != "channel_moderator" else "channel_member"
        return self._change_member(found, channel_role=role)

    def change_role(self, found: tuple[str, str], was: str) -> None:
        """Give somebody another role than they had in ChatSDK, once and for all."""
        with self.world.lock:
            if found[1] in self.world.channels[found[0]].members:
                self._change_member(found, channel_role="channel_moderator" if was == "member" else "channel_member")
            self.untouchable.add(found)

    def mute(self) -> Json | None:
        if (found := self._membership()) is None:
            return None
        muted = self.world.channels[found[0]].members[found[1]].get("notifications_muted")
        return self._change_member(found, notifications_muted=not muted)

    def _change_member(self, found: tuple[str, str], **changes: Any) -> Json:
        known = self.world.channels[found[0]].members[found[1]]
        kept = {name: known[name] for name in ("channel_role", "notifications_muted") if name in known}
        return self.world.add_member(*found, created_at=known["created_at"], **(kept | changes))

    def read(self) -> Json | None:
        cid = self.channel()
        who = self.member(cid)
        listed = [one for one in self.world.messages_of(cid, include_replies=False) if one["type"] != "deleted"]
        if who is None or not listed:
            return None
        place = self.chance.randrange(max(len(listed) - 12, 0), len(listed)) if self.chance.random() < 0.4 else -1
        known, message = self.world.channels[cid].reads.get(who), listed[place]
        if known is None or known["last_read"] >= message["created_at"]:
            return None
        unread = sum((one.get("user") or {}).get("id") != who for one in listed[place:][1:])
        at = self.clock() if place == -1 else message["created_at"]
        return self.world.set_read(cid, who, last_read=at, unread_messages=unread)

    def new_user(self) -> Json:
        return self.world.add_user(self._id("new"), name="New", created_at=self.clock())

    def profile(self) -> Json:
        who = f"u{self.chance.randrange(PEOPLE)}"
        return self.world.update_user(who, name=f"Renamed {self._id('n')}", title=f"title {self._number}")

    def deactivate(self) -> Json:
        return self.world.deactivate_user(f"fan{self.chance.randrange(CROWD)}")

    # ---- channels

    def new_channel(self) -> Json:
        who = self.chance.randrange(PEOPLE)
        people = [f"u{(who + step) % PEOPLE}" for step in range(self.chance.randrange(2, 6))]
        cid = f"{self.chance.choice(('messaging', 'team'))}:{self._id('new')}"
        data = self.world.add_channel(cid, created_by=people[0], created_at=self.clock(), members=people, name="New")
        for one in people:
            self.world.set_read(cid, one, last_read=self.clock())
        self.send(cid, people[0], text="first")
        return data

    def rename(self) -> Json:
        return self.world.update_channel(self.channel(), name=f"Renamed {self._id('c')}", topic=f"topic {self._number}")

    def truncate(self) -> Json | None:
        late = self._late_channels()
        return self.world.truncate_channel(self.chance.choice(late), self.clock()) if late else None

    def delete_channel(self) -> Json | None:
        late = [cid for cid in self._late_channels() if cid not in self.untouchable]
        return self.world.delete_channel(self.chance.choice(late), hard=self.chance.random() < 0.5) if late else None

    def _late_channels(self) -> list[str]:
        """All but the first, which have the history that everything else needs."""
        return sorted(self.world.channels.keys() - {*FIRST_CHANNELS, QUIET})


class Meddler:
    """The server's hook: changes the very things that a sync is about to be given.

    Attributes:
        done: What it did, by kind.
    """

    def __init__(self, life: Life, live: Callable[[], object]) -> None:
        self._life, self._live = life, live
        self.done: Counter[str] = Counter()

    def __call__(self, endpoint: str, asked: Json) -> None:
        life = self._life
        life.clock.move(seconds=1)
        draw = life.chance.random()
        with life.world.lock:
            if endpoint == "QueryReactions":
                self._between_reaction_pages(asked)
            elif endpoint == "GetOrCreateChannel" and draw < 0.25:
                self._while_read(str(asked.get("cid")))
            elif endpoint in {"Search", "GetManyMessages"} and draw < 0.15:
                self._delete_a_channel()
            elif draw > 0.9:
                life.act()
                self.done["act"] += 1
        if draw > 0.97:
            self._live()
            self.done["live act"] += 1

    def _between_reaction_pages(self, asked: Json) -> None:
        world, message = self._life.world, asked["message_id"]
        reactions = world.reactions_of(message)
        if asked.get("next") and reactions:
            one = self._life.chance.choice(reactions)
            world.remove_reaction(message, one["user_id"], one["type"])
            self.done["reaction removed between pages"] += 1

    def _while_read(self, cid: str) -> None:
        life = self._life
        channel = life.world.channels.get(cid)
        if channel is None or not channel.listed or cid == QUIET:
            return
        message = life.world.messages[channel.listed[-1][1]]
        draw = life.chance.random()
        if cid not in FIRST_CHANNELS and (draw > 0.9 or not self.done["truncated while read"]):
            life.world.truncate_channel(cid, life.clock())
            self.done["truncated while read"] += 1
        elif draw < 0.5 and message["type"] != "deleted":
            life.world.edit_message(message["id"], text=f"edited while read {life.chance.random()}")
            self.done["edit while read"] += 1
        elif draw < 0.7:
            life.world.hard_delete_message(message["id"])
            self.done["hard delete while read"] += 1
        elif who := life.member(cid):
            life.send(cid, who, text="while you read")
            self.done["sent while read"] += 1

    def _delete_a_channel(self) -> None:
        """In the middle of a sync: one that was listed and is about to be read."""
        with suppress(IndexError):
            life = self._life
            new = sorted(cid for cid in life.world.channels if cid not in FIRST_CHANNELS and cid != QUIET)
            cid = life.chance.choice([cid for cid in new if cid not in life.untouchable])
            life.world.delete_channel(cid, hard=life.chance.random() < 0.5)
            self.done["channel deleted in the middle"] += 1


def start_of_week() -> datetime:
    """Now, to the second: the first load, which the database dates, comes before what live people do in the week."""
    return datetime.now(UTC).replace(microsecond=0)
