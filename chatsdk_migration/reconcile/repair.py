"""Putting right what a comparison of one channel found, and nothing else.

Here: which repairs there are, in which order, and what keeps one from being done. Not here: the comparison
(``comparison.py``), the statements (``sql/mend_*.sql``).

The rule: a repair acts only on a difference that nothing explains. What is missing comes back under the same id, and
under its old number when that is known and free. A wrong value is set back unless a person in ChatSDK has edited or
deleted that very record. A row too many goes only when the map shows that we brought it or when it copies one of
ours, and never when a person in ChatSDK has answered, quoted, edited or reacted to it. Nothing that a person did in
ChatSDK is undone: their edits, deletions, reactions, votes, pins, joining and leaving are explained, and stay.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from chatsdk_migration.models import ChannelRow
from chatsdk_migration.postgres.channels import load_channels
from chatsdk_migration.postgres.merge import LARGEST_TRIGGERED_CHUNK
from chatsdk_migration.postgres.target import Target
from chatsdk_migration.reconcile.comparison import ComparisonStage
from chatsdk_migration.reconcile.verdict import Tally

_SINGLE_RECORDS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "polls": (("mend_polls_missing", "missing", ""), ("mend_polls_different", "different", "")),
    "reactions": (
        ("mend_reactions_missing", "missing", ""),
        ("mend_reactions_different", "different", "UPDATE reaction"),
        ("mend_reactions_extra", "extra", "DELETE reaction"),
    ),
    "mentions": (
        ("mend_mentions_missing", "missing", ""),
        ("mend_mentions_different", "different", "UPDATE mention"),
        ("mend_mentions_extra", "extra", "DELETE mention"),
    ),
    "pins": (
        ("mend_pins_missing", "missing", ""),
        ("mend_pins_different", "different", "UPDATE pinned_message"),
        ("mend_pins_extra", "extra", "DELETE pinned_message"),
    ),
    "votes": (
        ("mend_votes_missing", "missing", ""),
        ("mend_votes_different", "different", "UPDATE poll_vote"),
        ("mend_votes_extra", "extra", "DELETE poll_vote"),
    ),
    "read_positions": (("mend_positions", "different", ""),),
    "unread_counts": (("mend_unread", "different", ""),),
    "message_state": (
        ("mend_states_missing", "missing", ""),
        ("mend_states_different", "different", "UPDATE user_message"),
    ),
}
"""By category: the statement, the kind of difference it puts right, and the privilege it needs beyond a load's."""
_RECORDED_WITH = ("members", "messages", "reactions", "mentions", "pins", "votes")
"""Repairs that may change what a load has on record by channel: reactions, mentions, pins and votes."""


@dataclass(slots=True)
class Mended:
    """What one round of repairs did: rows by category, and what the role lacks for the rest."""

    numbers: Counter[str] = field(default_factory=Counter)
    advice: list[str] = field(default_factory=list)


def repair(stage: ComparisonStage, target: Target, row: ChannelRow | None) -> Mended:
    """Put right what the last comparison found; compare again to see what is left.

    Args:
        stage: After ``compare``.
        target: For a channel that is missing altogether.
        row: The channel as it ought to be.
    """
    return _Repair(stage).run(target, row)


class _Repair:
    """One round of repairs of one channel."""

    def __init__(self, stage: ComparisonStage) -> None:
        self._stage = stage
        self._tallies = stage.tallies()
        self._mended = Mended()
        self._lacking: set[str] = set()

    def run(self, target: Target, row: ChannelRow | None) -> Mended:
        if not any(tally.explained_by is None for tally in self._tallies):
            return self._mended
        self._lacking = {" ".join(pair) for pair in self._stage.run("missing_privileges")}
        self._mended.advice = [
            f"Run: GRANT {one.replace(' ', ' ON ')} TO the role; a repair needs it." for one in sorted(self._lacking)
        ]
        if self._has("channel", "missing"):
            loaded = load_channels(target, [row], 1) if row else None
            self._mended.numbers["channel"] += loaded.counts.written if loaded else 0
            return self._mended
        self._stage.store_people()
        for step in (self._channel, self._members, self._remove, self._restore, self._messages, self._records):
            step()
        self._counters()
        return self._mended

    def _has(self, category: str, *kinds: str) -> bool:
        return any(self._tallies[Tally(category, kind, None)] for kind in kinds)  # type: ignore[arg-type]

    def _do(self, category: str, name: str, privilege: str = "", **more: Any) -> list[UUID]:
        """Run one repair in a transaction of its own; give the ids it returns."""
        if privilege in self._lacking:
            return []
        with self._held():
            cursor = self._stage.run(name, **more)
            self._mended.numbers[category] += max(cursor.rowcount, 0)
            return [found[0] for found in cursor] if cursor.description else []

    @contextmanager
    def _held(self) -> Iterator[str]:
        """Hold the channel against live senders; give its time of change."""
        with self._stage.changing():
            yield str(self._stage.row("hold")[1])

    def _channel(self) -> None:
        if self._has("channel", "different"):
            self._do("channel", "mend_channel")

    def _members(self) -> None:
        if self._has("members", "missing"):
            self._do("members", "mend_members_missing")
        if self._has("members", "different"):
            self._do("members", "mend_members_different")
        if self._has("members", "missing", "different"):
            self._stage.run("mend_members_remember")
        if self._has("members", "extra"):
            self._unseat()

    def _unseat(self) -> None:
        """Take out people who are no members any more, and what the channel showed them."""
        if self._lacking & {"DELETE channel_member", "DELETE user_message", "DELETE mention"}:
            return
        with self._held():
            left = [found[0] for found in self._stage.run("mend_members_extra")]
            self._stage.forget_states(left)
        self._mended.numbers["members"] += len(left)

    def _remove(self) -> None:
        """Take away messages that are ours or copies of ours, and no longer Stream's."""
        if not self._has("messages", "extra") or "DELETE message" in self._lacking:
            return
        with self._held():
            ids, mapped = self._stage.row("removable")
            if ids:
                self._stage.run("mend_messages_unlink", ids=ids)
                self._mended.numbers["messages"] += self._stage.run("mend_messages_extra", ids=ids).rowcount
                self._stage.run("mend_map_removed", ids=mapped or [])

    def _restore(self) -> None:
        """Bring back messages that the map knows, then load those it does not know."""
        if not self._has("messages", "missing"):
            return
        self._do("messages", "mend_messages_moved")
        while self._restore_some():
            pass
        self._mended.numbers["messages"] += self._stage.load_unmapped()

    def _restore_some(self) -> int:
        """Bring back some messages: few at a time, as the trigger is on."""
        with self._held() as updated_at:
            missing, unnumbered = self._stage.row("restorable", rows=LARGEST_TRIGGERED_CHUNK)
            if not missing:
                return 0
            before = self._stage.take_numbers(unnumbered)
            cursor = self._stage.run("mend_messages_missing", before=before, rows=LARGEST_TRIGGERED_CHUNK)
            ids = [found[0] for found in cursor]
            self._stage.run("mend_map", ids=ids, anew=True)
            fields = ["message_count", "last_message_at"]
            self._stage.run("mend_counters", fields=fields, updated_at=updated_at)
        self._mended.numbers["messages"] += len(ids)
        return len(ids)

    def _messages(self) -> None:
        """Set single values of messages back."""
        categories = ("messages", "attachments", "threads", "quotes", "polls", "sequence")
        if any(self._has(category, "different") for category in categories):
            with self._held():
                ids = [found[0] for found in self._stage.run("mend_messages_different")]
                self._stage.run("mend_map", ids=ids, anew=False)
            self._mended.numbers["messages"] += len(ids)

    def _records(self) -> None:
        for category, repairs in _SINGLE_RECORDS.items():
            for name, kind, privilege in repairs:
                if self._has(category, kind):
                    self._do(category, name, privilege)
        if any(self._mended.numbers[one] for one in _RECORDED_WITH):
            with self._stage.changing():
                self._stage.run("mend_forget_records")

    def _counters(self) -> None:
        """Count anew what is wrong, and what the repairs before have moved."""
        (fields,) = self._stage.row("wrong_counters")
        fields = set(fields)
        if self._mended.numbers["messages"]:
            fields |= {"message_count", "last_message_at"}
        if self._mended.numbers["members"]:
            fields |= {"member_count"}
        for name, statement in (("reply_count", "mend_reply_counts"), ("total_votes", "mend_poll_totals")):
            if name in fields:
                self._do("counters", statement)
        with self._held() as updated_at:
            if "current_seq" in fields:
                self._mended.numbers["counters"] += self._stage.run("mend_current_seq").rowcount
            channel_fields = sorted(fields & {"message_count", "last_message_at", "member_count"})
            if channel_fields:
                self._stage.run("mend_counters", fields=channel_fields, updated_at=updated_at)
                self._mended.numbers["counters"] += len(channel_fields)
