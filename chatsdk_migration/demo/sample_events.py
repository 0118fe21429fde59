"""The single events of the sample workspace that chance would not bring about.

Here: announcements, a long thread, polls, system and bot messages, invitations, bans, what only some may see.
Not here: everyday talk (``sample.py``).
"""

from __future__ import annotations

import random
import uuid
from typing import Final

from chatsdk_migration.demo import attachments, people, texts
from chatsdk_migration.demo.clock import DAY, SECOND, rfc3339
from chatsdk_migration.demo.world import World
from chatsdk_migration.models import Json

HOUR: Final = 3_600 * SECOND
ANNOUNCEMENTS: Final = "announcement:company"
LONG_THREAD: Final = "grinder-question"
"""Id of the message with the longest thread."""
LONG_THREAD_REPLIES: Final = 64


def add_events(world: World, chance: random.Random, founded: int, today: int) -> None:
    """Add all single events to a world that already holds the rooms; times are nanoseconds since 1970."""
    _announcements(world, chance, founded, today)
    _long_thread(world, chance, today - 40 * DAY)
    _outing_poll(world, today - 20 * DAY)
    _anonymous_poll(world, today - 12 * DAY)
    _system_messages(world, today - 30 * DAY)
    _roast_reports(world, chance, today - 10 * DAY)
    _photos(world, chance, today - 5 * DAY)
    _invitations(world, today - 3 * DAY)
    _hidden_from_some(world, today - 2 * DAY)
    _bans(world, today - DAY)
    _cleaned_up(world, founded, today)
    _translated(world, today - 6 * DAY)


def _announcements(world: World, chance: random.Random, founded: int, today: int) -> None:
    staff = [person.id for person in people.STAFF]
    world.add_channel(ANNOUNCEMENTS, created_by="amelie.huber", created_at=rfc3339(founded), name="Announcements 📣")
    for place, member in enumerate(staff):
        role = {"role": "owner"} if member == "amelie.huber" else {}
        world.add_member(ANNOUNCEMENTS, member, created_at=rfc3339(founded + place * SECOND), **role)
    for number, at in enumerate(range(founded + 9 * HOUR, today, 16 * DAY)):
        words = {slot: chance.choice(choices) for slot, choices in texts.SLOTS.items()}
        text = texts.ANNOUNCEMENTS[number % len(texts.ANNOUNCEMENTS)].format_map(words | {"someone": "Greta"})
        message = world.add_message(
            ANNOUNCEMENTS, f"announcement-{number:03d}", user_id="amelie.huber", text=text, at=rfc3339(at)
        )
        for place, member in enumerate(chance.sample(staff, 4 + number % 23)):
            world.add_reaction(
                message["id"], member, chance.choice(("love", "clap", "like")), at=rfc3339(at + place * SECOND)
            )
    world.edit_message(
        "announcement-000",
        at=rfc3339(founded + DAY),
        pinned=True,
        pinned_at=rfc3339(founded + DAY),
        pinned_by="amelie.huber",
    )


def _long_thread(world: World, chance: random.Random, at: int) -> None:
    makers = people.at_desks("roastery", "buying")
    world.add_message(
        "team:roastery",
        LONG_THREAD,
        user_id=makers[0],
        text="Which grinder for the new lab? Opinions, please 🧵",
        at=rfc3339(at),
    )
    for number in range(LONG_THREAD_REPLIES):
        at += chance.randrange(20, 900) * SECOND
        world.add_message(
            "team:roastery",
            f"grinder-answer-{number:02d}",
            user_id=makers[number % len(makers)],
            text=texts.REMARKS[number % len(texts.REMARKS)].format(someone="Hanna", time="11:30", day="Friday"),
            at=rfc3339(at),
            parent_id=LONG_THREAD,
            show_in_channel=number == 63,
        )
    world.soft_delete_message("grinder-answer-07", at=rfc3339(at))


def _poll(name: str, author: str, options: list[str], at: int, **fields: object) -> Json:
    return {
        "id": str(uuid.uuid5(uuid.NAMESPACE_DNS, name)),
        "name": name,
        "description": "",
        "options": [{"id": str(uuid.uuid5(uuid.NAMESPACE_DNS, name + text)), "text": text} for text in options],
        "voting_visibility": "public",
        "enforce_unique_vote": True,
        "allow_answers": False,
        "allow_user_suggested_options": False,
        "is_closed": False,
        "created_by_id": author,
        "created_at": rfc3339(at),
        "updated_at": rfc3339(at),
        **fields,
    }


def _outing_poll(world: World, at: int) -> None:
    options = ["Wachau by bike 🚲", "Museum of coffee, Trieste", "Rafting", "Stay home with cake 🍰"]
    poll = _poll("Where do we go this year?", "greta.lang", options, at, max_votes_allowed=2, enforce_unique_vote=False)
    world.add_message("team:all-hands", "outing-poll", user_id="greta.lang", text="Vote until Friday!", at=rfc3339(at))
    world.add_poll("outing-poll", poll)
    for number, person in enumerate(people.STAFF[:31]):
        for choice in {number % 4, (number * 3) % 4}:
            _vote(world, poll, choice, at + (number + 1) * 61 * SECOND, user_id=person.id)


def _anonymous_poll(world: World, at: int) -> None:
    options = ["Falafel", "Schnitzel", "Ramen"]
    poll = _poll("Lunch, honestly?", "jonas.weber", options, at, voting_visibility="anonymous")
    world.add_message("messaging:lunch", "lunch-poll", user_id="jonas.weber", text="", at=rfc3339(at))
    world.add_poll("lunch-poll", poll)
    for number in range(7):
        _vote(world, poll, number % 3, at + (number + 1) * 47 * SECOND)


def _vote(world: World, poll: Json, choice: int, at: int, **fields: str) -> None:
    name = f"{poll['id']}-{choice}-{at}"
    world.add_vote(
        poll["id"],
        id=str(uuid.uuid5(uuid.NAMESPACE_DNS, name)),
        option_id=poll["options"][choice]["id"],
        created_at=rfc3339(at),
        updated_at=rfc3339(at),
        **fields,
    )


def _system_messages(world: World, at: int) -> None:
    for number, (cid, author, text) in enumerate(
        (
            ("team:all-hands", "amelie.huber", "Amélie Huber changed the channel name to All hands"),
            ("team:web-shop", None, "This channel now keeps its history for ever"),
            ("messaging:cafe-wien", "sabine.pichler", "Sabine Pichler joined the channel"),
        )
    ):
        world.add_message(
            cid, f"system-{number}", user_id=author, text=text, at=rfc3339(at + number * HOUR), type="system"
        )


def _roast_reports(world: World, chance: random.Random, at: int) -> None:
    for number in range(12):
        batch = 6100 + number
        world.add_message(
            "team:roastery",
            f"roast-report-{batch}",
            user_id=people.BOT.id,
            text=f"Batch #{batch} finished",
            at=rfc3339(at + number * 5 * HOUR),
            silent=True,
            batch={"number": batch, "drop_celsius": 204.5, "weight_loss": round(chance.uniform(0.13, 0.17), 4)},
        )


def _photos(world: World, chance: random.Random, at: int) -> None:
    album = [attachments.image(chance, at, f"صورة-{number}.jpg") for number in range(6)]
    world.add_message(
        "messaging:cafe-beirut",
        "beirut-album",
        user_id="layla.haddad",
        text="الافتتاح 🎉",
        at=rfc3339(at),
        attachments=album,
    )
    world.add_message(
        "messaging:random",
        "giphy-of-jonas",
        user_id="jonas.weber",
        text="/giphy coffee time",
        at=rfc3339(at + HOUR),
        command="giphy",
        args="coffee time",
        attachments=[attachments.giphy()],
    )
    voice = attachments.voice(chance, at)
    world.add_message(
        "messaging:cafe-istanbul", "voice-of-elif", user_id="elif.sahin", text="", at=rfc3339(at), attachments=[voice]
    )


def _invitations(world: World, at: int) -> None:
    invited = {"invited": True, "status": "invited"}
    world.add_member("team:finance", "tom_baker", created_at=rfc3339(at), **invited)
    rejected = {"invited": True, "status": "rejected", "invite_rejected_at": rfc3339(at + HOUR)}
    world.add_member("team:finance", "rui.almeida", created_at=rfc3339(at + SECOND), **rejected)
    accepted = {"invited": True, "status": "member", "invite_accepted_at": rfc3339(at + HOUR)}
    world.add_member("team:finance", "kofi.mensah", created_at=rfc3339(at + 2 * SECOND), **accepted)
    world.add_member(
        "team:logistics",
        "amelie.huber",
        created_at=rfc3339(at),
        channel_role="channel_moderator",
        notifications_muted=True,
    )


def _hidden_from_some(world: World, at: int) -> None:
    live = "livestream:latte-art-live"
    world.add_message(
        live, "shadowed-rant", user_id=people.SHADOW_BANNED.id, text="worst stream ever", at=rfc3339(at), shadowed=True
    )
    world.add_message(
        "team:all-hands",
        "only-for-finance",
        user_id="priya.raman",
        text="Salary review numbers, only for the two of you",
        at=rfc3339(at + HOUR),
        restricted_visibility=["amelie.huber", "jonas.weber"],
    )


def _bans(world: World, at: int) -> None:
    live = "livestream:latte-art-live"
    ban = {"banned_by": "claire.dubois", "created_at": rfc3339(at), "reason": "spam"}
    world.add_ban(people.BANNED.id, **ban)
    world.add_ban(people.SHADOW_BANNED.id, live, shadow=True, **ban)


def _cleaned_up(world: World, founded: int, today: int) -> None:
    world.add_channel("messaging:old-rota", created_by="stefan.bauer", created_at=rfc3339(founded), name="Old rota")
    for name, at in (("old-rota-1", founded + DAY), ("old-rota-2", today - 50 * DAY)):
        world.add_message(
            "messaging:old-rota", name, user_id="stefan.bauer", text="Dienstplan hängt aus", at=rfc3339(at)
        )
    world.add_member("messaging:old-rota", "stefan.bauer", created_at=rfc3339(founded))
    world.truncate_channel("messaging:old-rota", rfc3339(today - 60 * DAY))
    world.add_channel("messaging:mistake", created_by="rui.almeida", created_at=rfc3339(today - 70 * DAY), name="asdf")
    world.delete_channel("messaging:mistake", at=rfc3339(today - 69 * DAY))


def _translated(world: World, at: int) -> None:
    world.add_message(
        "messaging:random",
        "translated",
        user_id="claire.dubois",
        text="Bonne journée à tous !",
        at=rfc3339(at),
        i18n={"language": "fr", "fr_text": "Bonne journée à tous !", "en_text": "Have a nice day, everyone!"},
    )
    expired: Json = {"pinned_at": rfc3339(at), "pin_expires": rfc3339(at + DAY), "pinned_by": "claire.dubois"}
    world.edit_message("translated", at=rfc3339(at), pinned=True, **expired)
