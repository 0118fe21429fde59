"""Loads rejected records of one channel after all, beside what is there.

Here: the stage that adds to a channel instead of carrying it whole, and what late records need that a whole load gets
by itself: polls of messages that are there, links of replies that came first, states of a late member.
Not here: mapping the records (``chatsdk_migration/quarantine.py``).

Every step adds only what is missing, and the records are marked in the last transaction: after a kill at any point they
are still open, and the next replay finds their rows there and marks them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from chatsdk_migration import losses
from chatsdk_migration.errors import ChannelError
from chatsdk_migration.models import Batch, Entity, MessageRow, Rejected
from chatsdk_migration.postgres import merge, quarantine
from chatsdk_migration.postgres.copying import UNLOADABLE
from chatsdk_migration.postgres.failures import explained
from chatsdk_migration.postgres.quarantine import Entry, Settlement
from chatsdk_migration.postgres.sql import statement
from chatsdk_migration.postgres.stage import ChannelStage
from chatsdk_migration.postgres.target import Connection
from chatsdk_migration.rejected import key_of

NOT_LOADED = ("not_loaded", "It was mapped, but is not in the target: what it refers to is missing there.")
"""Code and reason of a record of which nothing better is known."""

_KEYS: dict[Entity, Callable[[Any], tuple[str, ...]]] = {
    Entity.USER: lambda row: (row.id,),
    Entity.CHANNEL: lambda row: (row.stream_cid,),
    Entity.MESSAGE: lambda row: (row.id,),
    Entity.MEMBER: lambda row: (row.user_id,),
    Entity.REACTION: lambda row: (row.message_id, row.user_id, row.emoji),
    Entity.MENTION: lambda row: (row.id,),
    Entity.PIN: lambda row: (row.message_id,),
    Entity.POLL: lambda row: (row.id,),
    Entity.VOTE: lambda row: (row.poll_id, row.user_id, row.option_id),
}
"""By which of its columns a row is found in the target, as ``quarantine_present.sql`` asks."""
_MOST_PARTS = 3


@dataclass(slots=True)
class Attempt:
    """One record on its way.

    Attributes:
        entry: The record as it lies in the quarantine.
        batch: Everything it was mapped to.
        row: Its own row; None for one that needs none (a loss by now) or that failed.
        failure: Why it cannot be mapped, code and sentence.
    """

    entry: Entry
    batch: Batch = field(default_factory=Batch)
    row: Any = None
    failure: tuple[str, str] | None = None

    @property
    def keys(self) -> set[tuple[str, str]]:
        """The keys under which its own rejection, if any, is staged."""
        keys = {(self.entry.entity, self.entry.key)}
        if self.row is not None:
            mapped = Rejected(self.entry.entity, self.entry.stream_id, "", "", self.row._asdict())
            keys.add((self.entry.entity, key_of(mapped)))
        return keys


def present(conn: Connection, parameters: dict[str, Any], attempts: Sequence[Attempt]) -> set[int]:
    """Give the places of those attempts whose rows are in the target; ``parameters`` name app and channel."""
    sought = [(place, one) for place, one in enumerate(attempts) if one.row is not None]
    parts = [_padded(_KEYS[Entity(one.entry.entity)](one.row)) for _, one in sought]
    columns = {name: [part[place] for part in parts] for place, name in enumerate(("first", "second", "third"))}
    numbers = {"numbers": [place for place, _ in sought], "entities": [one.entry.entity for _, one in sought]}
    found = conn.execute(statement("quarantine_present"), parameters | columns | numbers)
    return {place for (place,) in found}


def _padded(parts: tuple[str, ...]) -> tuple[str | None, ...]:
    return (*parts, *[None] * (_MOST_PARTS - len(parts)))


def judged(attempts: Sequence[Attempt], there: set[int], reasons: dict[tuple[str, str], tuple[str, str]]) -> Settlement:
    """Say what became of each attempt.

    Args:
        attempts: The records.
        there: Places of those whose rows are in the target.
        reasons: Code and sentence of what was rejected on the way, by entity and key.
    """
    done = Settlement()
    for place, one in enumerate(attempts):
        if one.failure is not None:
            done.failed[one.entry.id] = one.failure
        elif one.row is None or place in there:
            done.replayed.append(one.entry)
            done.losses += one.batch.losses
        else:
            said = [reasons[key] for key in one.keys if key in reasons]
            done.failed[one.entry.id] = said[0] if said else NOT_LOADED
    return done


def _regained(attempts: Sequence[Attempt], done: Settlement) -> int:
    """Count the reactions to loaded messages that had been rejected after mapping, when reactions were counted lost."""
    replayed = {one.id for one in done.replayed}
    return sum(
        len(one.batch.reactions)
        for one in attempts
        if one.entry.entity == Entity.MESSAGE
        and one.entry.id in replayed
        and (one.entry.mapped or one.entry.code == UNLOADABLE)
    )


class ReplayStage(ChannelStage):
    """A load that adds single records to a channel and leaves the notes on all others alone.

    ``messages``, ``withheld`` and ``poll_options`` say what became of other records, ``replay`` does everything.

    Raises:
        ChannelError: From any method: this channel cannot be loaded now.
        TransientError: From any method: the connection broke; the records stay open.
    """

    def messages(self, stream_ids: Iterable[str]) -> dict[str, MessageRow]:
        """Give carried messages by Stream id: ids, author, times and poll; everything else is empty."""
        with self._reading() as scope:
            found = scope.run("replay_messages", stream_ids=list(stream_ids)).fetchall()
        return {
            stream_id: MessageRow(stream_id, id_, author, None, "[]", None, None, poll, created, 0, None, deleted)
            for stream_id, id_, author, poll, created, deleted in found
        }

    def withheld(self, stream_ids: Iterable[str]) -> set[str]:
        """Give those of these messages that were withheld: replies in their threads are withheld too."""
        with self._reading() as scope:
            found = scope.run("replay_withheld", kinds=losses.WITHHELD, stream_ids=list(stream_ids))
            return {one for (one,) in found}

    def poll_options(self, polls: Iterable[str]) -> dict[str, dict[str, str]]:
        """Give the options of polls that are in the target, text by id."""
        with self._reading() as scope:
            found = scope.run("replay_poll_options", polls=list(polls)).fetchall()
        return {poll: {option["id"]: option["text"] for option in options} for poll, options in found}

    def replay(self, attempts: Sequence[Attempt]) -> Settlement:
        """Load what was mapped, and mark each record by what is in the target then."""
        members = [row.user_id for one in attempts for row in one.batch.members]
        for one in attempts:
            if one.failure is None:
                self.add(one.batch)
        self.load_members()
        self.load_messages()
        self.load_reactions()
        with explained(f"finishing the replay into {self.cid}", ChannelError):
            self._complete(members)
            return self._settled_now(attempts)

    def _note_losses(self, batch: Batch) -> None:
        """Keep them with their records: only those of loaded ones count."""

    def _complete(self, members: Sequence[str]) -> None:
        scope = self._scope
        with scope.transaction():
            scope.run("replay_polls")
            scope.run("replay_poll_links")
        merge.attach_to_messages(scope)
        with scope.transaction():
            scope.run("replay_links")
        self._fill_states(members)
        merge.count_replies(scope)
        merge.place_readers(scope)
        merge.audit(scope)

    def _fill_states(self, members: Sequence[str]) -> None:
        """Write the states that late members and late mentions ask for, a transaction a member."""
        scope = self._scope
        if scope.user_message == "none":
            return
        for user in dict.fromkeys(members):
            with scope.transaction():
                scope.run("replay_readers", user=user, everything=scope.user_message == "all")
        with scope.transaction():
            scope.run("replay_mentions")
            if scope.row("replay_may_flag") == (True,):
                scope.run("replay_mention_flags")

    def _settled_now(self, attempts: Sequence[Attempt]) -> Settlement:
        """Mark the records, and note what was lost of them and which of their parts were rejected."""
        scope = self._scope
        own = [key for one in attempts for key in one.keys]
        with scope.transaction():
            there = present(scope.conn, {"app": scope.app_id, "channel": scope.channel_id}, attempts)
            done = judged(attempts, there, self._reasons())
            quarantine.settle(scope.conn, scope.app_id, scope.cid, done)
            scope.run("replay_regain", number=_regained(attempts, done))
            scope.run("replay_forget_empty")
            scope.run("replay_forget_links")
            scope.run("replay_keep_losses")
            scope.run(
                "replay_keep_rejects",
                run=scope.run_id or None,
                entities=[entity for entity, _ in own],
                keys=[key for _, key in own],
            )
        return done

    def _reasons(self) -> dict[tuple[str, str], tuple[str, str]]:
        query = "SELECT entity, record_key, code, reason FROM pg_temp.stage_reject"
        return {(entity, key): (code, reason) for entity, key, code, reason in self._scope.conn.execute(query)}

    @contextmanager
    def _reading(self) -> Iterator[merge.Scope]:
        with explained(f"looking up messages of {self.cid}", ChannelError), self._scope.transaction():
            yield self._scope
