"""Traps of paging: page limits, ties at page edges, sizes around a page.

Here: many users, many channels, channels of every awkward size. Not here: awkward records.
"""

from __future__ import annotations

from typing import Final

from chatsdk_migration.demo.clock import SECOND, rfc3339
from chatsdk_migration.demo.traps import OWNER, START, Expected, Hand, Outcome, Trap, crowd

PEOPLE: Final = 1_320
"""More than QueryUsers reaches by offset, and enough for 1,310 reactors."""
TINY_CHANNELS: Final = 1_040
"""More than the 1,030 that limit 30 and offset 1,000 reach."""
PAGE: Final = 300
"""Stream's largest page of messages."""


def _people(hand: Hand, _: str) -> None:
    for number, person in enumerate(crowd(PEOPLE)):
        at = rfc3339(START) if number < 250 else hand.time()  # 250 of them were imported in one instant
        hand.user(person, created_at=at)


def _tiny_channels(hand: Hand, _: str) -> None:
    for number in range(TINY_CHANNELS):
        cid = f"messaging:tiny-{number:04d}"
        hand.channel(cid, members=crowd(1 + number % 2, number))
        if number % 4 == 0:
            hand.say(cid, f"tiny-{number:04d}-only", user_id=f"crowd-{number:05d}")


def _same_instant(hand: Hand, _: str) -> None:
    at = hand.time()
    for number in range(40):
        cid = f"messaging:same-instant-{number:02d}"
        hand.channel(cid, members=("owner", "friend-1"), created_at=at)
        hand.say(cid, f"same-instant-{number:02d}-only")


def _sized(size: int) -> Trap:
    cid = f"messaging:messages-{size:03d}"

    def lay(hand: Hand, cid: str) -> None:
        hand.channel(cid)
        hand.say_many(cid, size)

    why = "An empty last page, or a last page exactly full, ends a naive loop too early or never."
    return Trap(cid, f"exactly {size} messages", why, lay)


def _instant(hand: Hand, cid: str, before: int, together: int, after: int) -> None:
    hand.channel(cid)
    hand.say_many(cid, before)
    hand.say_many(cid, together, at=hand.time())
    hand.say_many(cid, after)


def _more_than_a_page(hand: Hand, cid: str) -> None:
    _instant(hand, cid, 5, PAGE + 50, 5)


def _exactly_a_page(hand: Hand, cid: str) -> None:
    _instant(hand, cid, 0, PAGE, 20)


def _almost_a_page(hand: Hand, cid: str) -> None:
    _instant(hand, cid, 150, PAGE - 1, 150)


def _ten_ties(hand: Hand, cid: str) -> None:
    _instant(hand, cid, PAGE - 5, 10, PAGE - 10)
    hand.say_many(cid, 10, at=hand.time())
    hand.say_many(cid, 40)


def _whole_seconds(hand: Hand, cid: str) -> None:
    hand.channel(cid)
    for _ in range(110):
        hand.say_many(cid, 7, at=hand.time())


def _nanosecond_ties(hand: Hand, cid: str) -> None:
    hand.channel(cid)
    base = hand.moment()
    for number in range(40):
        hand.say(cid, f"nanosecond-{39 - number:02d}", f"number {number}", at=rfc3339(base + number * 25))


def _back_dated(hand: Hand, cid: str) -> None:
    hand.channel(cid)
    hand.say_many(cid, 3)
    for number in range(3):
        at = rfc3339(START - (90 - number) * 86_400 * SECOND)
        hand.say(cid, f"imported-{number}", "older than the channel itself", at=at)
    hand.world.add_reaction("imported-0", OWNER, "like", at=hand.time())


_LOUD: Final = (Expected(Outcome.WHOLE_OR_LOUD, "channel", ("messaging:350-in-one-instant",)),)
_LOUD_300: Final = (Expected(Outcome.WHOLE_OR_LOUD, "channel", ("messaging:300-in-one-instant",)),)

TRAPS: Final[tuple[Trap, ...]] = (
    Trap(
        "crowd-*",
        f"{PEOPLE} users, the first 250 created in one instant",
        "QueryUsers refuses limits over 100 and offsets over 1,000.",
        _people,
    ),
    Trap(
        "messaging:tiny-*",
        f"{TINY_CHANNELS} tiny channels",
        "QueryChannels gives 30 a page whatever is asked, and the same page for ever beyond offset 1,000.",
        _tiny_channels,
    ),
    Trap(
        "messaging:same-instant-*",
        "40 channels with one created_at",
        "A keyset on created_at that is not inclusive loses those beyond the page edge.",
        _same_instant,
    ),
    *(_sized(size) for size in (0, 1, 299, 300, 301, 600)),
    Trap(
        "messaging:350-in-one-instant",
        "350 messages with one created_at",
        "No time anchor can step through more than a page of one instant.",
        _more_than_a_page,
        _LOUD,
    ),
    Trap(
        "messaging:300-in-one-instant",
        "a page exactly full of one instant, then 20 more",
        "An inclusive anchor gives the same full page again; the rest looks like nothing new.",
        _exactly_a_page,
        _LOUD_300,
    ),
    Trap(
        "messaging:299-in-one-instant",
        "299 messages of one instant between 150 others",
        "The instant lies across a page edge but fits a page: an inclusive anchor must get through.",
        _almost_a_page,
    ),
    Trap(
        "messaging:ten-ties-across-a-page-edge",
        "ten messages of one instant across the first and the second page edge",
        "Anchors compare by time: an exclusive one drops the ties on the far side.",
        _ten_ties,
    ),
    Trap(
        "messaging:whole-second-imports",
        "770 messages, always seven to a second",
        "Imports have whole seconds: every page edge cuts a tie.",
        _whole_seconds,
    ),
    Trap(
        "messaging:nanosecond-ties",
        "40 messages 25 ns apart, ids in the opposite order",
        "Cut to microseconds they are equal; sorted by id they come out reversed.",
        _nanosecond_ties,
    ),
    Trap(
        "messaging:back-dated",
        "messages older than their channel, stored after newer ones",
        "The order of arrival is not the order of time.",
        _back_dated,
    ),
)
