"""Traps of members, read states, channels and users.

Here: big and odd memberships, odd channels, odd people. Not here: the plain crowd (``hard_paging.py``).
"""

from __future__ import annotations

from typing import Any, Final

from chatsdk_migration.demo.clock import DAY, SECOND, rfc3339
from chatsdk_migration.demo.traps import FRIENDS, OWNER, START, Expected, Hand, Outcome, Trap, crowd
from chatsdk_migration.models import Json

DISTINCT: Final = "messaging:!members-kPXoVxWk0cXYF2oXhC6MkOfvLJvHc3bJYbfcIGmFZRs"
SOLO: Final = "messaging:!members-0aZPfBzYOqHi8qsCzZ5kEwPmLx0VYbdMyI1mA6bLkDI"
TRIO: Final = "messaging:!members-Qm3vE0h5cB3bT1ilbJ8gHzcU0n8yL4a3D5UuWnXjT_4"
LARGEST: Final = 10_001
"""One member more than QueryMembers reaches by offset."""


def _cast(hand: Hand, _: str) -> None:
    for person in (*FRIENDS, "friend-3"):
        hand.user(person, language="en")
    hand.user("guest-author", role="guest")
    hand.user("deactivated-author", deactivated=True, deactivated_at=hand.time())
    hand.user("deleted-author", listed=False, deleted_at=hand.time())
    for unseen in ("mentioned-only", "pinner-only", "reactor-only"):
        hand.user(unseen, listed=False, deleted_at=hand.time())


def _odd_users(hand: Hand, _: str) -> None:
    world, at = hand.world, hand.time
    world.add_user("odd-no-name", created_at=at())
    hand.user("odd-empty-name", name="")
    hand.user("odd-null-name", name=None, image=None)
    hand.user("odd-long-name", name="Ω" * 300)
    hand.user("odd-nul-name", name="nul\x00name", note="\x00")
    hand.user("odd-emoji-name", name="👩‍👩‍👧 عائلة")
    hand.user("Odd-Case")
    hand.user("odd-case")
    hand.user("odd@example.com")
    hand.user("@" * 255)
    hand.user("odd-teams", teams=["red", "blue"], teams_role={"red": "admin"})
    hand.user("odd-custom", email="odd@example.com", custom={"custom": 1}, big=2**63 + 1, none=None, app_id="x")
    hand.user("odd-admin", is_admin="true")
    hand.user("odd-admin-bool", is_admin=True, role="admin")
    hand.user("odd-banned-field", ban_expires=rfc3339(START + DAY), banned=True)
    hand.user("odd-last-active", last_active=rfc3339(START + 123_456_789))
    hand.user("odd-created-offset", created_at="2024-01-01T02:00:00.5+02:00")
    world.add_ban("odd-case", banned_by=OWNER, reason="app-wide", created_at=at(), expires=rfc3339(START + 9 * DAY))


def _members(count: int, *, large: bool = False) -> Trap:
    cid = f"messaging:members-{count:05d}"

    def lay(hand: Hand, cid: str) -> None:
        missing = [person for person in crowd(count) if person not in hand.world.users]
        for person in missing:
            hand.user(person)
        hand.channel(cid, members=crowd(count))
        hand.say(cid, f"to-{count}-members")

    why = "The channel's state embeds the newest 100; the query refuses big limits and offsets."
    return Trap(cid, f"{count} members", why, lay, large=large)


def _tied_members(hand: Hand, cid: str) -> None:
    hand.channel(cid, members=())
    at = hand.time()
    for person in crowd(250):
        hand.world.add_member(cid, person, created_at=at)
    hand.say(cid, "to-tied-members")


def _member_count(hand: Hand, cid: str) -> None:
    hand.channel(cid, member_count=99)
    hand.say(cid, "to-three-members")


def _odd_members(hand: Hand, cid: str) -> None:
    hand.channel(cid, members=())
    members: dict[str, Json] = {
        "owner": {"role": "owner"},
        "friend-1": {"role": "admin"},
        "friend-2": {"channel_role": "channel_moderator", "is_moderator": True},
        "friend-3": {"channel_role": "barista"},
        "odd-no-name": {"notifications_muted": True},
        "odd-empty-name": {"pinned_at": hand.time(), "archived_at": hand.time()},
        "odd-teams": {"banned": True, "ban_expires": rfc3339(START + DAY)},
        "odd-custom": {"shadow_banned": True},
        "odd-admin": {"nickname": "boss", "seq": 5},
        "deleted-author": {},
        "deactivated-author": {},
        "member-without-user": {"user": None},
        "member-never-added": {},
        "invited-accepted": {"invited": True, "status": "member", "invite_accepted_at": hand.time()},
        **PENDING,
    }
    for user_id, fields in members.items():
        hand.world.add_member(cid, user_id, created_at=hand.time(), **fields)
    hand.say(cid, "to-odd-members", mentioned_users=["invited-pending"])
    hand.world.add_ban("friend-3", cid, banned_by=OWNER, created_at=hand.time(), reason="one channel only")


PENDING: Final[dict[str, Json]] = {
    "invited-pending": {"invited": True, "status": "pending"},
    "invited-invited": {"invited": True, "status": "invited"},
    "invited-rejected": {"invited": True, "status": "rejected", "invite_rejected_at": rfc3339(START)},
}
"""Members by Stream's table only: they have not said yes."""


def _reads(hand: Hand, cid: str) -> None:
    hand.channel(cid, members=crowd(8))
    start = rfc3339(START - 400 * DAY)
    hand.say_many(cid, 30)
    last = hand.world.messages_of(cid, include_replies=True)[20]
    world = hand.world
    world.set_read(cid, "crowd-00000", last_read=start, unread_messages=30)
    world.set_read(cid, "crowd-00001", last_read=last["created_at"], last_read_message_id=last["id"], unread_messages=9)
    world.set_read(cid, "crowd-00002", last_read=rfc3339(hand.moment() + 123_456_789), unread_messages=0)
    world.set_read(cid, "crowd-00003", last_read=start, unread_messages=0)
    world.set_read(cid, "crowd-00004", last_read=hand.time(), unread_messages=500)
    world.set_read(cid, "crowd-00005", last_read=last["created_at"], last_read_message_id="no-such-message")
    world.set_read(cid, "crowd-00900", last_read=hand.time(), unread_messages=3)


def _many_reads(hand: Hand, cid: str) -> None:
    hand.channel(cid, members=crowd(140))
    hand.say_many(cid, 4)
    for person in crowd(140):
        hand.world.set_read(cid, person, last_read=hand.time(), unread_messages=0)


def _distinct(hand: Hand, cid: str) -> None:
    members = {DISTINCT: FRIENDS[:2], SOLO: FRIENDS[:1], TRIO: FRIENDS}[cid]
    hand.channel(cid, members=members, name="")
    hand.say(cid, f"private-between-{len(members)}")


def _distinct_two(hand: Hand, cid: str) -> None:
    hand.channel(cid, members=FRIENDS[:2])
    hand.say(cid, "two-in-a-named-channel")


def _channel(hand: Hand, cid: str, **fields: Any) -> None:
    hand.channel(cid, **fields)
    hand.say(cid, f"in-{cid}")


def _team(hand: Hand, cid: str) -> None:
    _channel(hand, cid, team="red", description="members only", custom={"x": 1}, member_limit=5)


def _cooling(hand: Hand, cid: str) -> None:
    _channel(hand, cid, frozen=True, disabled=True, cooldown=30, hidden=True, image="https://elsewhere.example/c.png")


def _nameless(hand: Hand, cid: str) -> None:
    hand.world.add_channel(cid, created_at=hand.time())
    hand.world.add_member(cid, OWNER, created_at=hand.time())


def _names(hand: Hand, cid: str) -> None:
    name = {"empty": "", "long": "N" * 400, "nul": "a\x00b", "number": 42}[cid.rpartition("-")[2]]
    _channel(hand, cid, name=name)


def _truncated(hand: Hand, cid: str) -> None:
    hand.channel(cid)
    hand.say(cid, "before-truncation")
    hand.world.truncate_channel(cid, hand.time())
    hand.say(cid, "after-truncation")


def _deleted(hand: Hand, cid: str) -> None:
    _channel(hand, cid)
    hand.world.delete_channel(cid, at=hand.time())


def _memberless(hand: Hand, cid: str) -> None:
    hand.channel(cid, members=())
    for number, person in enumerate(crowd(30)):
        hand.say(cid, f"audience-{number:02d}", user_id=person)


def _creator_gone(hand: Hand, cid: str) -> None:
    _channel(hand, cid, created_by="creator-never-listed", created_at=rfc3339(START - 9 * DAY + 5 * SECOND))


USERS: Final[tuple[Trap, ...]] = (
    Trap(
        "friend-*",
        "the usual people, a guest, a deactivated one, deleted ones",
        "Deactivated people need a flag, deleted ones no list returns.",
        _cast,
    ),
    Trap(
        "odd-*",
        "people without, with empty, too long or broken names, twins but for case, 255-character ids",
        "Custom fields stand at top level; is_admin would make an administrator of the app.",
        _odd_users,
        (
            Expected(Outcome.CHANGED, "user", ("odd-long-name", "odd-nul-name")),
            Expected(Outcome.DEGRADED, "user", ("odd-admin", "odd-admin-bool")),
        ),
    ),
)
"""People come first: the other traps use them."""

TRAPS: Final[tuple[Trap, ...]] = (
    *(_members(count) for count in (100, 101, 301, 1_150)),
    _members(LARGEST, large=True),
    Trap(
        "messaging:member-ties",
        "250 members added in one instant",
        "A keyset on created_at that is not inclusive loses some.",
        _tied_members,
    ),
    Trap(
        "messaging:member-count-wrong",
        "member_count 99 with three members",
        "The count decides nothing; the rows do.",
        _member_count,
    ),
    Trap(
        "messaging:odd-members",
        "every role, banned, muted, archived, invited; a member without user",
        "A pending or rejected invitee must not be able to read.",
        _odd_members,
        (
            Expected(Outcome.WITHHELD, "member", tuple(PENDING)),
            Expected(
                Outcome.DEGRADED, "member", ("friend-3", "odd-empty-name", "odd-teams", "odd-custom", "odd-admin")
            ),
        ),
    ),
    Trap(
        "messaging:read-states",
        "reads before the first message, inconsistent counts, unknown last message, a non-member's read",
        "Read positions become sequence numbers.",
        _reads,
    ),
    Trap(
        "messaging:many-reads",
        "140 members, all with a read state",
        "Stream's state shows at most 100 of them.",
        _many_reads,
    ),
    Trap(DISTINCT, "a distinct channel of two", "It is the only kind that is a direct message.", _distinct),
    Trap(SOLO, "a distinct channel of one", "Not a direct message between two.", _distinct),
    Trap(TRIO, "a distinct channel of three", "Distinct, yet no direct message between two.", _distinct),
    Trap(
        "messaging:two-members",
        "a named channel of two",
        "Two members make it a direct message by default.",
        _distinct_two,
    ),
    Trap(
        "team:team-channel", "a team channel", "ChatSDK's team is open to everybody of the app; Stream's is not.", _team
    ),
    Trap("livestream:audience", "a livestream without members", "Authors need not be members.", _memberless),
    Trap("gaming:gaming", "a gaming channel", "ChatSDK has no such type.", _channel),
    Trap("support-desk:custom-type", "a channel of a custom type", "ChatSDK has no such type.", _channel),
    Trap("messaging:same-id", "an id used under two types", "Only the cid tells them apart.", _channel),
    Trap("team:same-id", "an id used under two types", "Only the cid tells them apart.", _channel),
    Trap("messaging:CASE-of-id", "ids equal but for case", "Keys must not fold case.", _channel),
    Trap("messaging:case-of-id", "ids equal but for case", "Keys must not fold case.", _channel),
    Trap(f"messaging:{'i' * 64}", "a 64-character id", "The longest id Stream allows.", _channel),
    Trap(
        "messaging:frozen-disabled-hidden", "frozen, disabled, cooling down, hidden", "No columns for them.", _cooling
    ),
    Trap("messaging:no-creator", "no creator, no name, no message", "Nothing but id and time is certain.", _nameless),
    Trap("messaging:creator-gone", "a creator no list returns", "created_by needs a user.", _creator_gone),
    Trap("messaging:name-empty", "an empty name", "Empty is not absent.", _names),
    Trap(
        "messaging:name-long",
        "a name of 400 characters",
        "ChatSDK keeps 255.",
        _names,
        (Expected(Outcome.CHANGED, "channel", ("messaging:name-long",)),),
    ),
    Trap(
        "messaging:name-nul",
        "a NUL in the name",
        "PostgreSQL cannot hold it.",
        _names,
        (Expected(Outcome.CHANGED, "channel", ("messaging:name-nul",)),),
    ),
    Trap("messaging:name-number", "a name that is a number", "Custom keys have no type.", _names),
    Trap(
        "messaging:truncated",
        "messages cut off by a truncation",
        "Only an export still shows them.",
        _truncated,
        (Expected(Outcome.ABSENT, "message", ("before-truncation",)),),
    ),
    Trap(
        "messaging:soft-deleted",
        "a deleted channel",
        "Asking for it the wrong way brings it back to life.",
        _deleted,
        (Expected(Outcome.ABSENT, "channel", ("messaging:soft-deleted",)),),
    ),
)
