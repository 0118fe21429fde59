"""The sample workspace: two years of Kaffeehaus Roasters, a small company with cafés in seven cities.

Here: the rooms and how talk, threads, reactions, edits and deletions come about. Not here: the words
(``texts.py``), the people (``people.py``), the hand-made single events (``sample_events.py``).
Everything follows from the seed; nothing reads a clock or the network.
"""

from __future__ import annotations

import base64
import hashlib
import random
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from chatsdk_migration.demo import attachments, people, texts
from chatsdk_migration.demo.clock import DAY, SECOND, ns, rfc3339, working_moment
from chatsdk_migration.demo.sample_events import add_events
from chatsdk_migration.demo.world import World
from chatsdk_migration.models import Json

FOUNDED: Final = ns(2023, 10, 2, 8)
"""First message, nanoseconds since 1970."""
TODAY: Final = ns(2025, 9, 30, 19)
"""End of the history; fixed, so that two builds are equal."""

LEFT: Final = {person.id: TODAY - 90 * DAY for person in people.DEACTIVATED} | {
    person.id: TODAY - 200 * DAY for person in people.DELETED
}
"""When those who are gone stopped writing, nanoseconds since 1970."""

EMOJI_TYPES: Final = ("like", "love", "haha", "wow", "sad", "fire", "clap", "coffee")


@dataclass(frozen=True, slots=True)
class Room:
    """One channel to be filled: ``messages`` is about how many; times are nanoseconds since 1970."""

    cid: str
    dialogues: tuple[texts.Dialogue, ...]
    members: tuple[str, ...]
    messages: int
    start: int = FOUNDED
    end: int = TODAY
    fields: Json = field(default_factory=dict)
    listeners: tuple[str, ...] = ()
    """Members who read and seldom write."""

    @property
    def everybody(self) -> tuple[str, ...]:
        """Give all members."""
        return (*self.members, *self.listeners)


def distinct_cid(members: Sequence[str]) -> str:
    """Give the cid of the distinct channel of these people: ``!members-`` and 43 base64url characters."""
    digest = hashlib.sha256(",".join(sorted(members)).encode()).digest()
    return "messaging:!members-" + base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _avatar(user_id: str) -> str:
    return f"https://avatars.kaffeehaus.example/{user_id}.png"


def add_people(world: World) -> None:
    """Put everybody into the world: staff, guests, deactivated, deleted and banned."""
    for number, person in enumerate((*people.STAFF, *people.GUESTS, people.BOT)):
        world.add_user(person.id, created_at=rfc3339(FOUNDED - DAY + number * 7_310_000_123), **_profile(person))
    for person in people.DEACTIVATED:
        left: Json = {"deactivated_at": rfc3339(LEFT[person.id])}
        world.add_user(person.id, created_at=rfc3339(FOUNDED), deactivated=True, **_profile(person), **left)
    for person in people.DELETED:
        gone: Json = {"deleted_at": rfc3339(LEFT[person.id])}
        world.add_user(person.id, created_at=rfc3339(FOUNDED), listed=False, **_profile(person), **gone)
    for person in (people.BANNED, people.SHADOW_BANNED):
        world.add_user(person.id, created_at=rfc3339(TODAY - 60 * DAY), **_profile(person))


def _profile(person: people.Person) -> Json:
    profile: Json = {"role": person.role, "language": person.language, "desk": person.desk}
    if person.name:
        profile |= {"name": person.name, "image": _avatar(person.id)}
    if person.role != "guest":
        profile |= {"teams": ["kaffeehaus"], "last_active": rfc3339(TODAY - len(person.id) * 3_600_123_456_789)}
    return profile


def rooms() -> list[Room]:
    """Give all rooms but the direct messages, the largest included."""
    return [*_company_rooms(), *_cafe_rooms(), *_special_rooms()]


def _company_rooms() -> list[Room]:
    office = people.at_desks("office", "finance", "marketing")
    makers = people.at_desks("roastery", "buying")
    moving = people.at_desks("logistics")
    shop = people.at_desks("shop")
    gone = tuple(person.id for person in (*people.DELETED, *people.DEACTIVATED))
    lists: list[tuple[str, str, tuple[texts.Dialogue, ...], Sequence[str], int]] = [
        ("team:all-hands", "All hands", texts.OFFICE, [person.id for person in people.STAFF], 320),
        ("team:roastery", "Roastery", texts.ROASTING, (*makers, *gone), 420),
        ("team:green-buying", "Green buying", texts.ROASTING, people.at_desks("buying", "roastery"), 120),
        ("team:logistics", "Logistics 🚚", texts.LOGISTICS, (*moving, *makers, gone[1]), 300),
        ("team:web-shop", "Web shop", texts.SHOP, (*shop, gone[3]), 420),
        ("team:incidents", "Incidents", texts.SHOP, shop, 90),
        ("team:marketing", "Marketing", texts.MARKETING, people.at_desks("marketing", "shop"), 200),
        ("team:finance", "Finance", texts.FINANCE, people.at_desks("finance", "office"), 110),
        ("messaging:lunch", "Lunch", texts.OFFICE, office, 130),
        ("messaging:random", "random 🎲", (*texts.OFFICE, *texts.PRIVATE), office + shop, 180),
    ]
    return [Room(cid, talk, tuple(members), size, fields={"name": name}) for cid, name, talk, members, size in lists]


def _cafe_rooms() -> list[Room]:
    cafes = [
        ("wien", "Café Wien", texts.CAFE_WIEN, 210),
        ("istanbul", "Kahve İstanbul", texts.CAFE_ISTANBUL, 150),
        ("tel-aviv", "קפה תל אביב", texts.CAFE_TEL_AVIV, 130),
        ("beirut", "مقهى بيروت", texts.CAFE_BEIRUT, 130),
        ("tokyo", "喫茶 東京", texts.CAFE_TOKYO, 130),
        ("lisbon", "Café Lisboa", texts.CAFE_LISBON, 110),
    ]
    managers = ("amelie.huber", "emre.yilmaz")
    return [
        Room(
            f"messaging:cafe-{desk}",
            talk,
            tuple(people.at_desks(desk)),
            size,
            fields={"name": name, "city": desk},
            listeners=managers,
        )
        for desk, name, talk, size in cafes
    ]


def _special_rooms() -> list[Room]:
    audience = tuple(person.id for person in people.GUESTS)
    live = (*audience, people.BANNED.id, people.SHADOW_BANNED.id, *people.at_desks("marketing"))
    project = people.at_desks("shop", "marketing")
    show = ns(2025, 8, 14, 16)
    return [
        Room("livestream:latte-art-live", texts.LIVESTREAM, live, 160, show, show + DAY, {"name": "Latte art live"}),
        Room(
            "shift-plan:wien", texts.CAFE_WIEN, tuple(people.at_desks("wien")), 80, fields={"name": "Dienstplan Wien"}
        ),
        Room(
            "team:loyalty-card",
            texts.QUIET_PROJECT,
            tuple(project),
            40,
            FOUNDED,
            FOUNDED + 120 * DAY,
            {"name": "Loyalty card (archive)", "frozen": True, "description": "Stopped in 2024"},
        ),
        Room(
            "messaging:new-flavours",
            (),
            tuple(people.at_desks("roastery")),
            0,
            TODAY - DAY,
            TODAY,
            {"name": "New flavours"},
        ),
    ]


def direct_messages(chance: random.Random) -> list[Room]:
    """Give the private conversations: ten of two people, one of three, one whose other half was deleted."""
    pairs = [tuple(chance.sample([person.id for person in people.STAFF], 2)) for _ in range(10)]
    trio = ("amelie.huber", "jonas.weber", "priya.raman")
    left = ("ingrid.moser", people.DELETED[0].id)
    return [
        Room(distinct_cid(members), texts.PRIVATE, members, chance.randrange(12, 60))
        for members in (*pairs, trio, left)
    ]


class Chronicle:
    """Fills one room with talk, oldest first."""

    def __init__(self, world: World, room: Room, chance: random.Random) -> None:
        self._world = world
        self._room = room
        self._chance = chance
        self._recent: list[Json] = []
        self._told: list[texts.Dialogue] = []
        self._clock = room.start

    def write(self) -> None:
        """Write about as many messages as the room asks for."""
        conversations = self._room.messages * 2 // 7
        span = (self._room.start, max(self._room.end, self._room.start + DAY))
        for moment in sorted(working_moment(self._chance, *span) for _ in range(conversations)):
            self._converse(max(moment, self._clock + 30 * SECOND))

    def _converse(self, moment: int) -> None:
        self._clock = moment
        lines = self._fresh_dialogue()
        present = [member for member in self._room.members if LEFT.get(member, TODAY) > moment + DAY]
        speakers = self._chance.sample(present, min(3, len(present)))
        opener = self._say(speakers[0], lines[0])
        thread = opener["id"] if len(lines) > 2 and self._chance.random() < 0.25 else None
        for turn, line in enumerate(lines[1:], start=1):
            self._say(speakers[turn % len(speakers)], line, thread)
        if self._chance.random() < 0.35:
            self._say(speakers[-1], self._chance.choice(texts.REMARKS), thread)

    def _fresh_dialogue(self) -> texts.Dialogue:
        """Pick a dialogue that was not among the last ones."""
        heard = self._told[-len(self._room.dialogues) // 2 :]
        lines = self._chance.choice([lines for lines in self._room.dialogues if lines not in heard])
        self._told.append(lines)
        return lines

    def _say(self, speaker: str, line: str, thread: str | None = None) -> Json:
        self._clock += self._chance.randrange(8 * SECOND, 400 * SECOND) // 1000 * 1000
        token = uuid.UUID(int=self._chance.getrandbits(128), version=4)
        extras = self._extras(line)
        if thread:
            extras |= {"parent_id": thread, "show_in_channel": self._chance.random() < 0.1}
        message = self._world.add_message(
            self._room.cid, f"{speaker}-{token}", user_id=speaker, at=rfc3339(self._clock), **extras
        )
        self._recent = [*self._recent[-19:], message]
        self._live_on(message, speaker)
        return message

    def _extras(self, line: str) -> Json:
        someone = self._chance.choice(self._room.members)
        name = self._name_of(someone)
        extras: Json = {"text": fill(line, name, self._chance)}
        if self._chance.random() < 0.05:
            extras |= {"text": f"@{name} {extras['text']}", "mentioned_users": [someone]}
        if self._chance.random() < 0.05:
            extras["attachments"] = [self._chance.choice(UPLOADS)(self._chance, self._clock)]
        if self._recent and self._chance.random() < 0.05:
            extras["quoted_message_id"] = self._chance.choice(self._recent)["id"]
        return extras

    def _name_of(self, user_id: str) -> str:
        return str(self._world.users[user_id].get("name") or user_id).split(" ")[0]

    def _live_on(self, message: Json, speaker: str) -> None:
        later = rfc3339(self._clock + self._chance.randrange(20, 90) * SECOND)
        fate = self._chance.random()
        if fate < 0.2:
            self._react(message["id"])
        elif fate < 0.23:
            self._world.edit_message(
                message["id"], at=later, text=message["text"] + " (edit: typo)", message_text_updated_at=later
            )
        elif fate < 0.245:
            self._world.soft_delete_message(message["id"], at=later)
        elif fate < 0.252:
            self._world.edit_message(message["id"], at=later, pinned=True, pinned_at=later, pinned_by=speaker)

    def _react(self, message_id: str) -> None:
        present = [member for member in self._room.everybody if LEFT.get(member, TODAY) > self._clock + DAY]
        wanted = min(len(present), self._chance.choice((1, 1, 1, 2, 2, 3, 5, 14)))
        for number, user in enumerate(self._chance.sample(present, wanted)):
            at = rfc3339(self._clock + (number + 1) * 7_654_321_000)
            self._world.add_reaction(message_id, user, self._chance.choice(EMOJI_TYPES), at=at)


def _giphy(_: random.Random, __: int) -> Json:
    return attachments.giphy()


def _link(_: random.Random, __: int) -> Json:
    return attachments.link()


UPLOADS: Final[tuple[Callable[[random.Random, int], Json], ...]] = (
    attachments.image,
    attachments.file,
    attachments.voice,
    attachments.video,
    _giphy,
    _link,
)


def fill(line: str, someone: str, chance: random.Random) -> str:
    """Fill the marks of a line: ``{someone}`` with a name, the others at random."""
    if "{" not in line:
        return line
    words = {slot: chance.choice(choices) for slot, choices in texts.SLOTS.items()}
    return line.format_map(words | {"someone": someone})


def _add_reads(world: World, room: Room, chance: random.Random) -> None:
    written = world.messages_of(room.cid, include_replies=False)
    if not written:
        return
    for member in room.everybody:
        if chance.random() < 0.08:  # never opened the channel
            continue
        unread = min(len(written) - 1, chance.choice((0, 0, 0, 0, 1, 2, 5, 17)))
        last = written[len(written) - 1 - unread]
        world.set_read(
            room.cid, member, last_read=last["created_at"], unread_messages=unread, last_read_message_id=last["id"]
        )


def build(seed: int = 20251) -> World:
    """Build the sample workspace."""
    chance = random.Random(seed)  # noqa: S311 - sample data, not secrets
    world = World(seed=seed)
    add_people(world)
    for number, room in enumerate([*rooms(), *direct_messages(chance)]):
        opened = rfc3339(room.start - 3_600 * SECOND + number * 1_234_567)
        world.add_channel(room.cid, created_by=room.members[0], created_at=opened, **room.fields)
        for place, member in enumerate(room.everybody):
            joined = rfc3339(room.start - 1800 * SECOND + place * 11_000_000)
            world.add_member(room.cid, member, created_at=joined, **({"role": "owner"} if place == 0 else {}))
        Chronicle(world, room, chance).write()
        _add_reads(world, room, chance)
    add_events(world, chance, FOUNDED, TODAY)
    return world
