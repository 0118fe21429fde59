"""Traps inside messages: threads, quotes, deletions, authors, ids, texts, times, custom fields, attachments.

Here: one channel a trap, named after it. Not here: reactions and polls (``hard_reactions.py``), members and
channels (``hard_people.py``), page sizes (``hard_paging.py``).
"""

from __future__ import annotations

import random
import unicodedata
from typing import Any, Final

from chatsdk_migration.demo import attachments
from chatsdk_migration.demo.clock import DAY, MILLISECOND, ns, rfc3339
from chatsdk_migration.demo.traps import FRIENDS, START, Expected, Hand, Outcome, Trap, crowd
from chatsdk_migration.models import Json

LONGEST_TEXT: Final = 20_000
"""Characters; Stream's upper limit of ``max_message_length``."""
MOST_ATTACHMENTS: Final = 30
LONGEST_ID: Final = 255


def _threads(hand: Hand, cid: str) -> None:
    hand.channel(cid)
    for parent, replies in (("thread-of-1", 1), ("thread-of-10", 10), ("thread-of-350", 350)):
        hand.say(cid, parent, f"a thread of {replies}")
        _reply(hand, cid, parent, replies)


def _reply(hand: Hand, cid: str, parent: str, count: int, **fields: Any) -> None:
    for number in range(count):
        hand.say(cid, f"{parent}-reply-{number:03d}", f"reply {number}", parent_id=parent, **fields)


def _reply_ties(hand: Hand, cid: str) -> None:
    hand.channel(cid)
    hand.say(cid, "tied-parent")
    _reply(hand, cid, "tied-parent", 295)
    at = hand.time()
    for number in range(20):
        hand.say(cid, f"tied-reply-{number:02d}", parent_id="tied-parent", at=at)
    for number in range(20):
        hand.say(cid, f"late-reply-{number:02d}", parent_id="tied-parent")


def _shown_in_channel(hand: Hand, cid: str) -> None:
    hand.channel(cid)
    hand.say(cid, "shown-parent")
    for number in range(12):
        hand.say(cid, f"shown-reply-{number:02d}", parent_id="shown-parent", show_in_channel=number % 3 == 0)


def _wrong_reply_count(hand: Hand, cid: str) -> None:
    hand.channel(cid)
    for parent, told in (("count-too-high", 9), ("count-too-low", 1)):
        hand.say(cid, parent)
        _reply(hand, cid, parent, 3)
        hand.world.edit_message(parent, at=hand.time(), reply_count=told)
    hand.world.soft_delete_message("count-too-high-reply-001", at=hand.time())


def _deleted_parent(hand: Hand, cid: str) -> None:
    hand.channel(cid)
    hand.say(cid, "deleted-parent", "secret that was taken back")
    _reply(hand, cid, "deleted-parent", 4)
    hand.world.soft_delete_message("deleted-parent", at=hand.time())
    hand.say(cid, "buried-parent")
    _reply(hand, cid, "buried-parent", 2, show_in_channel=True)
    hand.world.hard_delete_message("buried-parent")


def _reply_before_parent(hand: Hand, cid: str) -> None:
    hand.channel(cid)
    hand.say(cid, "young-parent")
    hand.say(cid, "old-reply", parent_id="young-parent", at=rfc3339(START - DAY))


def _quotes(hand: Hand, cid: str) -> None:
    hand.channel(cid)
    hand.say(cid, "quoted-oldest", "said long ago")
    for kind in ("deleted", "buried", "thread-parent"):
        hand.say(cid, f"quoted-{kind}", "said once")
    hand.say(cid, "quoted-reply", "said in a thread", parent_id="quoted-thread-parent")
    hand.say_many(cid, 320)
    for kind in ("oldest", "deleted", "buried", "reply"):
        hand.say(cid, f"quotes-{kind}", "as said", quoted_message_id=f"quoted-{kind}")
    hand.say(cid, "quotes-a-quote", quoted_message_id="quotes-oldest")
    hand.say(cid, "quotes-another-channel", quoted_message_id="threads-elsewhere")
    hand.say(cid, "reply-that-quotes", parent_id="quoted-thread-parent", quoted_message_id="quoted-oldest")
    hand.world.soft_delete_message("quoted-deleted", at=hand.time())
    hand.world.hard_delete_message("quoted-buried")


def _quoted_elsewhere(hand: Hand, cid: str) -> None:
    hand.channel(cid)
    hand.say(cid, "threads-elsewhere", "quoted from another channel")


def _deleted(hand: Hand, cid: str) -> None:
    hand.channel(cid)
    chance = random.Random(3)  # noqa: S311 - sample data, not secrets
    picture = attachments.image(chance, START)
    hand.say(cid, "deleted-plain", "the password is hunter2")
    hand.say(cid, "deleted-with-picture", "look", attachments=[picture])
    hand.say(cid, "deleted-pinned", "pinned once", pinned=True, pinned_at=hand.time(), pinned_by="owner")
    hand.say(cid, "deleted-mention", "@friend-1 forget it", mentioned_users=["friend-1"])
    hand.say(cid, "deleted-with-reactions")
    hand.react("deleted-with-reactions", FRIENDS)
    hand.say(cid, "deleted-reply", parent_id="deleted-plain")
    for message_id in DELETED_IDS:
        hand.world.soft_delete_message(message_id, at=hand.time())
    hand.say(cid, "still-here")


DELETED_IDS: Final = (
    "deleted-plain",
    "deleted-with-picture",
    "deleted-pinned",
    "deleted-mention",
    "deleted-with-reactions",
    "deleted-reply",
)


def _kinds(hand: Hand, cid: str) -> None:
    hand.channel(cid)
    hand.say(cid, "system-with-author", "owner changed the name", type="system")
    hand.say(cid, "system-without-author", "somebody joined", type="system", user_id=None)
    hand.say(cid, "giphy-command", "/giphy hi", command="giphy", args="hi", attachments=[attachments.giphy("hi")])
    hand.say(cid, "silent", "nobody is notified", silent=True)
    hand.say(cid, "translated", "Guten Tag", i18n={"language": "de", "de_text": "Guten Tag", "en_text": "Good day"})
    hand.say(cid, "edited", "first words")
    hand.world.edit_message("edited", at=hand.time(), text="second words")
    hand.say(cid, "reacted-not-edited", "never edited")
    hand.react("reacted-not-edited", FRIENDS)


def _private_messages(hand: Hand, cid: str) -> None:
    hand.channel(cid)
    hand.say(cid, "shadowed", "only its author sees this", shadowed=True)
    hand.say(cid, "restricted", "only friend-1 sees this", restricted_visibility=["friend-1"])
    hand.say(cid, "reply-to-shadowed", parent_id="shadowed")
    hand.say(cid, "quotes-shadowed", "see above", quoted_message_id="shadowed")
    hand.say(cid, "for-everybody")


def _pins(hand: Hand, cid: str) -> None:
    hand.channel(cid)
    for number in range(30):
        hand.say(cid, f"pinned-{number:02d}", pinned=True, pinned_at=hand.time(), pinned_by="friend-1")
    past, future = rfc3339(START + 3 * DAY), rfc3339(ns(2061))
    hand.say(cid, "pin-expired", pinned=True, pinned_at=hand.time(), pinned_by="owner", pin_expires=past)
    hand.say(cid, "pin-expires-late", pinned=True, pinned_at=hand.time(), pinned_by="owner", pin_expires=future)
    hand.say(cid, "pin-without-person", pinned=True, pinned_at=hand.time())


def _authors(hand: Hand, cid: str) -> None:
    hand.channel(cid)
    for author in ("deactivated-author", "deleted-author", "guest-author", "hard-deleted-author", "friend-3"):
        hand.say(cid, f"by-{author}", user_id=author)
    hand.say(cid, "by-nobody", user_id=None)
    hand.say(cid, "mentions-the-gone", mentioned_users=["deleted-author", "mentioned-only", "deactivated-author"])
    hand.say(cid, "deleted-by-nobody", user_id=None)
    hand.world.soft_delete_message("deleted-by-nobody", at=hand.time())
    hand.say(cid, "mentions-a-hundred", mentioned_users=crowd(100))
    hand.say(cid, "mentions-one-twice", mentioned_users=["friend-1", "friend-1"])
    hand.say(cid, "mentions-nobody", mentioned_users=["friend-2", None])
    hand.say(cid, "pinned-by-the-gone", pinned=True, pinned_at=hand.time(), pinned_by="pinner-only")


AWKWARD_IDS: Final = (
    "with space",
    "with/slash",
    "with?question=mark&more",
    "with#hash",
    "with:colon@at+plus",
    "with\"quote'and\\backslash",
    "ünïcödé-é-日本-🙂",
    unicodedata.normalize("NFD", "ünïcödé-é-日本-🙂"),
    "Twin-ID",
    "twin-id",
    "d5f3a1de-7a34-4f0c-9d3a-1c5f3f6a2b10",
    "D5F3A1DE-7A34-4F0C-9D3A-1C5F3F6A2B10",
    "0",
    "null",
    " leading and trailing ",
    "tab\tand\nnewline",
    "semi;colon|pipe",
    "x" * LONGEST_ID,
)
"""Every character Stream allows in a message id (all but comma and percent), each with replies and 12 reactions."""


def _ids(hand: Hand, cid: str) -> None:
    hand.channel(cid)
    for number, message_id in enumerate(AWKWARD_IDS):
        hand.say(cid, message_id, f"id number {number}")
        hand.say(cid, f"reply-to-awkward-{number:02d}", parent_id=message_id)
        hand.react(message_id, crowd(12))


def _dot_ids(hand: Hand, cid: str) -> None:
    hand.channel(cid)
    for message_id in (".", ".."):
        hand.say(cid, message_id, "my id is a path step")
        hand.say(cid, f"reply-to-dots-{len(message_id)}", parent_id=message_id)


def _reused_id(hand: Hand, cid: str) -> None:
    hand.channel(cid)
    hand.say(cid, "used-twice", "the first life")
    hand.world.hard_delete_message("used-twice")
    hand.say(cid, "used-twice", "the second life")


TEXTS: Final[dict[str, str]] = {
    "empty": "",
    "spaces": "   ",
    "zwj": "family 👨‍👩‍👧‍👦, engineer 👩🏽‍💻, flag 🏴󠁧󠁢󠁷󠁬󠁳󠁿 and rainbow 🏳️‍🌈",
    "rtl": "مرحبا بالعالم \u202eabc\u202c שלום עולם",
    "nfc": unicodedata.normalize("NFC", "Ångström café Việt"),
    "nfd": unicodedata.normalize("NFD", "Ångström café Việt"),
    "long": "ä" * LONGEST_TEXT,
    "line-ends": "one\r\ntwo\rthree\nfour\u2028five\u0085six",
    "backslashes": "C:\\new\\table \\N \\. \\t \\\\ \\x00 \\u0041",
    "html": "<script>alert('x')</script> &amp; \u003cb\u003e",
    "copy-end": "\\.",
    "copy-null": "\\N",
    "tabs": "a\tb\tc\n\\.\nd",
    "quotes": 'it\'s "quoted" $$dollar$$ %s %(name)s {brace} ; DROP TABLE message; --',
    "controls": "bell\x07 escape\x1b[31m delete\x7f form\x0c",
    "bom": "\ufeffstarts with a mark, ends with a noncharacter \uffff",
    "astral": "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 \U0010fffd",
}

BROKEN_TEXTS: Final[dict[str, str]] = {
    "nul": "before\x00after",
    "only-nul": "\x00",
    "lone-surrogate": "cut emoji \ud83d end",
    "low-surrogate": "\udc00 first",
}
"""Texts PostgreSQL cannot hold; JSON carries them as escapes."""


def _texts(hand: Hand, cid: str) -> None:
    hand.channel(cid)
    for name, text in {**TEXTS, **BROKEN_TEXTS}.items():
        hand.say(cid, f"text-{name}", text)
    hand.say(
        cid, "nul-in-custom", "fine", note={"deep": ["a\x00b"]}, attachments=[{"type": "file", "title": "x\x00.pdf"}]
    )


TIMES: Final[dict[str, str]] = {
    "0-digits": "2024-06-01T10:00:00Z",
    "1-digit": "2024-06-01T10:00:00.5Z",
    "3-digits": "2024-06-01T10:00:00.123Z",
    "4-digits": "2024-06-01T10:00:00.1234Z",
    "6-digits": "2024-06-01T10:00:00.123456Z",
    "9-digits": "2024-06-01T10:00:00.123456789Z",
    "rounds-up": "2024-06-01T10:00:00.9999999Z",
    "offset": "2024-06-01T12:00:01.25+02:00",
    "negative-offset": "2024-06-01T04:30:02-05:30",
    "leap-day": "2024-02-29T23:59:59.999999Z",
    "epoch": "1970-01-01T00:00:00Z",
    "after-2038": "2041-07-05T12:00:00.000001Z",
    "far-future": "2262-04-11T23:47:16Z",
}


def _times(hand: Hand, cid: str) -> None:
    hand.channel(cid)
    for name, at in TIMES.items():
        hand.say(cid, f"time-{name}", name, at=at)
    hand.say(cid, "time-updated-before-created", updated_at="2020-01-01T00:00:00Z")
    hand.say(cid, "time-edited-before-created", message_text_updated_at="2020-01-01T00:00:00Z")
    base = hand.moment(MILLISECOND)
    for number in range(5):
        hand.say(cid, f"time-nanoseconds-{number}", at=rfc3339(base + number))


CUSTOM: Final[Json] = {
    "status": "mine",
    "seq": 9_007_199_254_740_993,
    "app_id": "not-yours",
    "custom": {"custom": {"deep": [1, [2, [3]]]}},
    "nothing": None,
    "big": 2**63 + 1,
    "huge": 10**40,
    "tiny": 1.5e-310,
    "negative_zero": -0.0,
    "flag": True,
    "empty_key": {"": "", " ": " "},
    "channel_id": ["wrong"],
    "deleted_by": "nobody",
    "ключ": "значение",
}


def _custom(hand: Hand, cid: str) -> None:
    hand.channel(cid)
    hand.say(cid, "custom-names-like-ours", "custom", **CUSTOM)
    hand.say(cid, "custom-five-kilobytes", "custom", blob="k" * 5_000)
    hand.say(cid, "custom-none", "plain")


def _files(hand: Hand, cid: str) -> None:
    hand.channel(cid)
    chance = random.Random(5)  # noqa: S311 - sample data, not secrets
    at = hand.moment()
    same = attachments.file(chance, at, "same.pdf")
    lists: dict[str, list[Json]] = {
        "thirty": [attachments.image(chance, at) for _ in range(MOST_ATTACHMENTS)],
        "signed": [attachments.file(chance, at, "Zählliste ☕ (final) v2.pdf")],
        "external": [{"type": "image", "image_url": "https://elsewhere.example/cat.png", "title": "cat"}],
        "missing": [
            {"type": "file", "asset_url": f"{attachments.CDN}/attachments/gone.pdf?Expires=1", "title": "gone"}
        ],
        "without-link": [{"type": "file", "title": "no link"}],
        "without-type": [{"title": "what am I", "asset_url": "https://elsewhere.example/blob"}],
        "giphy": [attachments.giphy()],
        "voice": [attachments.voice(chance, at)],
        "video": [attachments.video(chance, at)],
        "preview": [attachments.link()],
        "twice": [same, same],
        "nothing-in-it": [{**attachments.file(chance, at, "empty.txt"), "file_size": 0}],
        "huge": [{**attachments.video(chance, at), "file_size": 5 * 2**40}],
        "size-as-text": [{**attachments.image(chance, at), "file_size": "1024", "original_width": "640"}],
        "custom-kind": [{"type": "payment", "amount": 12.5, "currency": "EUR", "lines": [{"sku": "A1", "n": 2}]}],
        "with-actions": [{"type": "image", "actions": [{"name": "go", "text": "Go", "type": "button", "value": "1"}]}],
        "javascript": [{"type": "file", "asset_url": "javascript:alert(1)", "title": "click me"}],
    }
    for name, files in lists.items():
        hand.say(cid, f"files-{name}", "" if name == "voice" else name, attachments=files)
    hand.say(cid, "files-null", "null", attachments=None)


TRAPS: Final[tuple[Trap, ...]] = (
    Trap(
        "messaging:quoted-elsewhere",
        "a message quoted from another channel",
        "Its quote lies elsewhere.",
        _quoted_elsewhere,
    ),
    Trap("messaging:threads", "threads of 1, 10 and 350 replies", "Replies are not in the channel's list.", _threads),
    Trap(
        "messaging:reply-ties",
        "20 replies of one instant across the page edge of a thread of 335",
        "Replies page by time like messages.",
        _reply_ties,
    ),
    Trap(
        "messaging:replies-shown-in-channel",
        "a third of the replies is also shown in the channel",
        "They are in both lists and must arrive once.",
        _shown_in_channel,
    ),
    Trap(
        "messaging:reply-count-wrong",
        "parents that tell a wrong reply_count",
        "The true count is the rows; a deleted reply counts or not.",
        _wrong_reply_count,
        (Expected(Outcome.TOMBSTONE, "message", ("count-too-high-reply-001",)),),
    ),
    Trap(
        "messaging:deleted-parent",
        "a soft-deleted parent with living replies, a hard-deleted one without",
        "Replies of a deleted parent are still fetchable and need their parent's row.",
        _deleted_parent,
        (
            Expected(Outcome.TOMBSTONE, "message", ("deleted-parent",)),
            Expected(
                Outcome.ABSENT, "message", ("buried-parent", "buried-parent-reply-000", "buried-parent-reply-001")
            ),
        ),
    ),
    Trap(
        "messaging:reply-before-parent",
        "a reply older than its parent",
        "In time order the parent's row does not exist yet.",
        _reply_before_parent,
    ),
    Trap(
        "messaging:quotes",
        "quotes of old, deleted, hard-deleted, threaded, quoting and foreign messages",
        "The quoted message is on another page, later deleted, or nowhere.",
        _quotes,
        (
            Expected(Outcome.TOMBSTONE, "message", ("quoted-deleted",)),
            Expected(Outcome.ABSENT, "message", ("quoted-buried",)),
            Expected(Outcome.DEGRADED, "message", ("quotes-buried",)),
        ),
    ),
    Trap(
        "messaging:deleted-messages",
        "soft-deleted messages whose content Stream may still show",
        "A deleted message's content must not come back.",
        _deleted,
        (Expected(Outcome.TOMBSTONE, "message", DELETED_IDS),),
    ),
    Trap(
        "messaging:message-kinds",
        "system messages, commands, silent and translated ones, a true edit and a false one",
        "updated_at moves by reactions too; system messages may have no author.",
        _kinds,
        (Expected(Outcome.CHANGED, "message", ("system-without-author",)),),
    ),
    Trap(
        "messaging:private-messages",
        "shadowed and restricted messages, a reply to and a quote of one",
        "ChatSDK does not filter by them: carried, everybody would read them.",
        _private_messages,
        (
            Expected(Outcome.WITHHELD, "message", ("shadowed", "restricted", "reply-to-shadowed")),
            Expected(Outcome.DEGRADED, "message", ("quotes-shadowed",)),
        ),
    ),
    Trap(
        "messaging:pins",
        "32 pins, an expired one, one without a pinner",
        "Stream's state shows 10; an expired pin is no pin.",
        _pins,
        (Expected(Outcome.NO_HOME, "pin", ("pin-expired",)),),
    ),
    Trap(
        "messaging:authors",
        "authors deactivated, deleted, hard-deleted, guests, strangers, nobody",
        "No user list returns them, yet every row needs its user.",
        _authors,
        (
            Expected(Outcome.CHANGED, "message", ("by-nobody",)),
            Expected(Outcome.TOMBSTONE, "message", ("deleted-by-nobody",)),
            Expected(Outcome.REJECTED, "mention", ("mentions-nobody/",)),
        ),
    ),
    Trap(
        "messaging:message-ids",
        "message ids with every allowed character, twins but for case or normal form, 255 long",
        "Ids go into paths and keys.",
        _ids,
    ),
    Trap(
        "messaging:dot-ids",
        "messages whose id is . and ..",
        "HTTP clients fold such path steps away.",
        _dot_ids,
        (Expected(Outcome.WHOLE_OR_LOUD, "channel", ("messaging:dot-ids",)),),
    ),
    Trap(
        "messaging:reused-id",
        "an id used again after a hard delete",
        "A cache by id would bring the first life back.",
        _reused_id,
    ),
    Trap(
        "messaging:texts",
        "texts with everything a terminal, JSON, COPY or SQL may trip over",
        "NUL and lone surrogates cannot be stored; all else must arrive byte for byte.",
        _texts,
        (Expected(Outcome.CHANGED, "message", (*(f"text-{name}" for name in BROKEN_TEXTS), "nul-in-custom")),),
    ),
    Trap(
        "messaging:times",
        "timestamps of 0 to 9 digits, offsets, 1970, after 2038",
        "PostgreSQL rounds to microseconds, Python cuts; order is by nanosecond.",
        _times,
    ),
    Trap(
        "messaging:custom-fields",
        "custom fields named like ours, null, beyond 2^53 and 2^64",
        "They stand at top level beside the known ones and have no column.",
        _custom,
        (Expected(Outcome.DEGRADED, "message", ("custom-names-like-ours", "custom-five-kilobytes")),),
    ),
    Trap(
        "messaging:attachments",
        "every kind of attachment, thirty at once, without link, with hostile link",
        "ChatSDK reads other names than Stream's.",
        _files,
    ),
)
