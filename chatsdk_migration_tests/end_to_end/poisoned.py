"""Worlds in which some records cannot be carried: one with them, and the same one without.

Here: the data, and a replay in a process of its own (``python -m``) that may be killed. Not here: any check.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from typing import Any

from chatsdk_migration import quarantine
from chatsdk_migration.demo.sizes import Scale, build_scale
from chatsdk_migration.demo.world import World
from chatsdk_migration.settings import Settings
from chatsdk_migration.transfer import Migration
from chatsdk_migration_tests.end_to_end import driver

SCALE = Scale(users=120, channels=8, messages=4_000)
POISONED_MESSAGES = 24
POISONED_REACTIONS = 16
LONG_ID = "u" * 300
LONG_TYPE = "party-" * 12
"""72 characters, as a reaction's type; ChatSDK's column holds 50."""
LONG_OPTION = "o" * 60
MEND = {LONG_TYPE: "🎉"}
"""The mapping setting that makes the long reactions fit."""


@dataclass
class Poison:
    """A world, and what of it cannot be carried: (entity, Stream id, code)."""

    world: World
    records: set[tuple[str, str, str]] = field(default_factory=set)


def build(*, poison: bool, long_reactions: bool | None = None) -> Poison:
    """Build the world, with or without what cannot be carried; ``long_reactions`` are those a setting makes fit."""
    out = Poison(build_scale(SCALE))
    out.world.add_user("guest", name="Guest", created_at="2023-01-01T00:00:00Z")
    if poison:
        _users_and_members(out)
        _messages(out)
        _parts(out)
    _voted_poll(out, poison=poison)
    if poison if long_reactions is None else long_reactions:
        _long_reactions(out)
    return out


def _users_and_members(out: Poison) -> None:
    world, cids = out.world, list(out.world.channels)
    world.add_user(LONG_ID, name="Long")
    out.records.add(("user", LONG_ID, "id_too_long"))
    world.add_user("odd", role=5)
    out.records.add(("user", "odd", "bad_shape"))
    world.add_member(cids[0], LONG_ID)
    out.records.add(("member", LONG_ID, "id_too_long"))
    world.add_member(cids[1], "guest", channel_role=7)
    out.records.add(("member", "guest", "bad_shape"))


def _messages(out: Poison) -> None:
    """Add messages of three kinds of badness, spread over the channels and over time."""
    world, cids = out.world, list(out.world.channels)
    bad: list[tuple[dict[str, Any], str]] = [
        ({"message_text_updated_at": "yesterday"}, "bad_timestamp"),
        ({"attachments": "none"}, "bad_shape"),
        ({"user": {"id": LONG_ID}}, "id_too_long"),
    ]
    for number in range(POISONED_MESSAGES):
        fields, code = bad[number % len(bad)]
        cid = cids[number % len(cids)]
        author = next(iter(world.channels[cid].members))
        name = f"bad-{number}"
        world.add_message(cid, name, user_id=author, text="?", at=f"2024-{number % 12 + 1:02}-10T10:00:00.5Z", **fields)
        out.records.add(("message", name, code))


def _parts(out: Poison) -> None:
    """Spoil a mention, a pin, a poll and a reaction of messages that are good."""
    world, cid = out.world, list(out.world.channels)[2]
    ids = [message["id"] for message in world.messages_of(cid, include_replies=False)]
    world.edit_message(ids[10], mentioned_users=[None])
    out.records.add(("mention", ids[10], "bad_shape"))
    world.edit_message(ids[11], pinned=True, pinned_at="2024-06-01T00:00:00Z", pinned_by={"id": LONG_ID})
    out.records.add(("pin", ids[11], "id_too_long"))
    world.add_poll(ids[12], {"id": "bad-poll", "name": 7, "options": [{"id": "a", "text": "A"}]})
    out.records.add(("poll", "bad-poll", "bad_shape"))
    world.add_reaction(ids[13], LONG_ID, "like", at="2024-06-01T00:00:00Z")
    out.records.add(("reaction", ids[13], "id_too_long"))


def _voted_poll(out: Poison, *, poison: bool) -> None:
    world, cid = out.world, list(out.world.channels)[3]
    message = world.messages_of(cid, include_replies=False)[5]
    members = list(world.channels[cid].members)
    options = [{"id": "yes", "text": "Yes"}, {"id": LONG_OPTION, "text": "Long"}]
    world.add_poll(message["id"], {"id": "poll", "name": "Lunch?", "options": options})
    world.add_vote("poll", option_id="yes", user_id=members[0], created_at="2024-06-01T00:00:00Z")
    if poison:
        world.add_vote("poll", option_id=LONG_OPTION, user_id=members[1], created_at="2024-06-01T00:00:01Z")
        out.records.add(("vote", "poll", "option_id_too_long"))


def _long_reactions(out: Poison) -> None:
    world, cids = out.world, list(out.world.channels)
    for number in range(POISONED_REACTIONS):
        channel = world.channels[cids[number % len(cids)]]
        good = [message for message in world.messages_of(channel.cid) if not message["id"].startswith("bad-")]
        message = good[20 + number]
        who = list(channel.members)[number % 5]
        world.add_reaction(message["id"], who, LONG_TYPE, at=f"2025-01-01T00:00:{number:02}Z")
        out.records.add(("reaction", message["id"], "emoji_too_long"))


def main() -> int:
    """Replay everything, as the environment says."""
    if driver.KILL_AFTER_STATEMENTS in os.environ:
        driver.die_after_statements(int(os.environ[driver.KILL_AFTER_STATEMENTS]))
    with Migration(Settings.load()) as migration:
        quarantine.replay(migration, quarantine.Selection())
    return 0


if __name__ == "__main__":
    sys.exit(main())
