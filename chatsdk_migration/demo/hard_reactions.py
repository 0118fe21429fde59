"""Traps of reactions and polls.

Here: more reactions or votes than Stream embeds, and awkward ones. Not here: the messages around them.
"""

from __future__ import annotations

import uuid
from typing import Final

from chatsdk_migration.demo.clock import DAY, rfc3339
from chatsdk_migration.demo.traps import FRIENDS, START, Expected, Hand, Outcome, Trap, crowd
from chatsdk_migration.models import Json

LONG_TYPE: Final = "a-reaction-type-with-more-than-fifty-characters-in-its-name"

ANONYMOUS: Final = tuple(f"vote-anonymous-{number:02d}" for number in range(15))


def _reacted(count: int) -> Trap:
    cid = f"messaging:reactions-{count:04d}"

    def lay(hand: Hand, cid: str) -> None:
        hand.channel(cid)
        message_id = f"with-{count}-reactions"
        hand.say(cid, message_id)
        hand.react(message_id, crowd(count))

    why = "A message embeds ten; GET reaches about 1,300; only the query's cursor reaches all."
    return Trap(cid, f"a message with {count} reactions", why, lay)


def _hidden_type(hand: Hand, cid: str) -> None:
    hand.channel(cid)
    hand.say(cid, "old-type-hidden")
    hand.react("old-type-hidden", crowd(3), "wow")
    hand.react("old-type-hidden", crowd(40, 10), "like")


def _null_counts(hand: Hand, cid: str) -> None:
    hand.channel(cid)
    hand.say(cid, "counts-null", reaction_counts=None, reaction_scores=None)
    hand.say(cid, "counts-null-but-reacted", reaction_counts=None, reaction_scores=None)
    hand.react("counts-null-but-reacted", FRIENDS)


def _kinds(hand: Hand, cid: str) -> None:
    hand.channel(cid)
    hand.say(cid, "reaction-kinds")
    hand.world.add_reaction("reaction-kinds", "friend-1", "clap", score=37, at=hand.time())
    for kind in ("like", "love", "haha", "wow", "sad", "+1", "👩🏽‍💻", "party:parrot", "LIKE"):
        hand.world.add_reaction("reaction-kinds", "friend-2", kind, at=hand.time())
    hand.world.add_reaction("reaction-kinds", "deleted-author", "like", at=hand.time())
    hand.world.add_reaction("reaction-kinds", "reactor-only", "love", at=hand.time())
    hand.world.add_reaction("reaction-kinds", "owner", "like", at=hand.time(), reason="custom data", weight=2)
    hand.world.add_reaction("reaction-kinds", "owner", LONG_TYPE, at=hand.time())


def _same_emoji(hand: Hand, cid: str) -> None:
    hand.channel(cid)
    hand.say(cid, "same-emoji")
    hand.world.add_reaction("same-emoji", "friend-1", "like", at=hand.time())
    hand.world.add_reaction("same-emoji", "friend-1", "👍", at=hand.time())


def _tied(hand: Hand, cid: str) -> None:
    hand.channel(cid)
    hand.say(cid, "reactions-tied")
    at = hand.time()
    for person in crowd(130):
        hand.world.add_reaction("reactions-tied", person, "like", at=at)


def _poll(name: str, options: dict[str, str], **fields: object) -> Json:
    return {
        "id": str(uuid.uuid5(uuid.NAMESPACE_URL, name)),
        "name": name,
        "options": [{"id": key, "text": text} for key, text in options.items()],
        "voting_visibility": "public",
        **fields,
    }


def _polls(hand: Hand, cid: str) -> None:
    hand.channel(cid)
    big = _poll("Which way?", {"left": "Left", "right": "Right", "up": "Up"}, enforce_unique_vote=True)
    hand.say(cid, "poll-of-250-votes", "")
    hand.world.add_poll("poll-of-250-votes", big)
    for number, person in enumerate(crowd(250)):
        option = ("left", "right", "up")[number % 3]
        hand.world.add_vote(big["id"], option_id=option, user_id=person, created_at=hand.time())
    _other_polls(hand, cid)


def _other_polls(hand: Hand, cid: str) -> None:
    anonymous = _poll("Between us?", {"yes": "Yes", "no": "No"}, voting_visibility="anonymous")
    hand.say(cid, "poll-anonymous", "")
    hand.world.add_poll("poll-anonymous", anonymous)
    for number, person in enumerate(crowd(15)):
        about = {"id": ANONYMOUS[number], "option_id": "yes" if number % 2 else "no"}
        hand.world.add_vote(anonymous["id"], **about, user_id=person, created_at=hand.time())
    answers = _poll("What else?", {"nothing": "Nothing"}, allow_answers=True, is_closed=True, max_votes_allowed=3)
    hand.say(cid, "poll-with-answers", "")
    hand.world.add_poll("poll-with-answers", answers)
    hand.world.add_vote(answers["id"], option_id="nothing", user_id="friend-1", created_at=hand.time())
    hand.world.add_vote(
        answers["id"], id="vote-answer", answer_text="more coffee", user_id="friend-2", created_at=hand.time()
    )
    long_id = "o" * 60  # ChatSDK keeps 50 characters of an option's id
    odd = _poll("Odd ids?", {long_id: "Long id", "": "Empty id"})
    hand.say(cid, "poll-odd-options", "")
    hand.world.add_poll("poll-odd-options", odd)
    hand.world.add_vote(odd["id"], id="vote-long-option", option_id=long_id, user_id="friend-1", created_at=hand.time())
    _closed_poll(hand, cid)


def _closed_poll(hand: Hand, cid: str) -> None:
    poll = _poll("Deleted?", {"a": "A"}, is_closed=True, created_at=rfc3339(START - DAY))
    hand.say(cid, "poll-deleted", "")
    hand.world.add_poll("poll-deleted", poll)
    hand.world.add_vote(poll["id"], option_id="a", user_id="deleted-author", created_at=hand.time())
    hand.world.soft_delete_message("poll-deleted", at=hand.time())


TRAPS: Final[tuple[Trap, ...]] = (
    *(_reacted(count) for count in (10, 11, 100, 301, 1310)),
    Trap(
        "messaging:reaction-type-hidden",
        "three old reactions of a type no embedded reaction has",
        "latest_reactions holds the newest ten over all types; a type can be wholly absent.",
        _hidden_type,
    ),
    Trap(
        "messaging:reaction-counts-null",
        "reaction_counts null, on a message without and on one with reactions",
        "null is not zero.",
        _null_counts,
    ),
    Trap(
        "messaging:reaction-kinds",
        "scores over 1, many types of one person, custom data, deleted and unlisted reactors, a type too long",
        "ChatSDK has one emoji of at most 50 characters, no score, no custom data.",
        _kinds,
        (
            Expected(Outcome.DEGRADED, "reaction", ("reaction-kinds/friend-1/clap", "reaction-kinds/owner/like")),
            Expected(Outcome.REJECTED, "reaction", (f"reaction-kinds/owner/{LONG_TYPE}",)),
        ),
    ),
    Trap(
        "messaging:reactions-of-one-emoji",
        "one person reacted with like and with the emoji it becomes",
        "Two source rows are one row in ChatSDK.",
        _same_emoji,
        (Expected(Outcome.CHANGED, "reaction", ("same-emoji/friend-1/👍",)),),
    ),
    Trap(
        "messaging:reaction-ties",
        "130 reactions of one instant",
        "Paging reactions by time alone loses those beyond the edge.",
        _tied,
    ),
    Trap(
        "messaging:polls",
        "polls of 250 votes, anonymous ones, with answers, odd option ids, deleted",
        "A message embeds ten votes an option; anonymous votes name nobody.",
        _polls,
        (
            Expected(Outcome.TOMBSTONE, "message", ("poll-deleted",)),
            Expected(Outcome.NO_HOME, "vote", (*ANONYMOUS, "vote-answer")),
            Expected(Outcome.REJECTED, "vote", ("vote-long-option",)),
        ),
    ),
)
