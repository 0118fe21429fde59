"""From the stage of one channel into ChatSDK's tables, in small transactions that each leave a consistent channel.

Here: the order of the statements, what each transaction holds, what is done again after a crash (everything: each
step adds only what is missing). Not here: the statements (``sql/``), the connection and the stage (``stage.py``).

What a later run may do, the rule of every statement here: what was carried once is not carried again; what the
migration left and nobody touched may be refreshed by a later run of the same channel; what people changed or removed in
ChatSDK stays so. The ledger remembers what was carried, in the transaction that carries it: people in ``carried_user``,
members in ``read_position`` (with what their rows said), messages in ``message_map``, reactions, mentions, pins and
votes as digests in ``carried``. Bringing something back on purpose is another matter: ``restore`` of ``store_users``
and of ``people.load_users``, and the repairs of a comparison (``reconcile/``), which have statements of their own.

Locks are taken in the order of ChatSDK's live server: the sequence row, then the channel row. Nothing above
ROW EXCLUSIVE is taken on any table.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

from psycopg import Cursor

from chatsdk_migration.errors import AGAIN, ChannelError, TransientError
from chatsdk_migration.models import LoadCounts
from chatsdk_migration.postgres import ledger
from chatsdk_migration.postgres.sql import statement
from chatsdk_migration.postgres.target import Connection

LARGEST_CHUNK = 5_000
"""Messages in a transaction: live senders of the channel wait for its end."""
LARGEST_TRIGGERED_CHUNK = 300
"""Messages in a transaction with the trigger on: it rewrites the channel's row for each, walking all versions."""
LARGEST_FAN_OUT = 100_000
"""Rows of ``user_message`` in a transaction: a channel with thousands of members gets smaller chunks."""
LARGEST_TRIGGERED_FAN_OUT = 2_000
"""The same where each row's foreign keys are checked one by one, while live senders of the channel wait."""
MEMBERS_AT_A_TIME = 2_000
"""Members in a transaction, which holds the channel's row."""
LARGE_STAGE = 2_000
"""Rows from which a stage is worth statistics."""
MOST_PLANS = 3
"""How often to plan anew because somebody deleted a user or a message between plan and load."""
PARENTS_AT_A_TIME = 1_000
"""Thread parents locked together while their replies are counted."""

EMBEDDED_USER = "embedded_user"
"""Marks staged losses of people met inside other records: they count only where such a person is inserted."""

Found = Counter[tuple[str, str]]
"""Numbers by (entity, kind of loss) or, for rejects, by (entity, "")."""


@dataclass(slots=True)
class Outcome:
    """What one step did: rows, and what the database itself found lost or not loadable."""

    counts: LoadCounts = field(default_factory=LoadCounts)
    losses: Found = field(default_factory=Counter)
    rejects: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class Progress:
    """What a load has found out on its way.

    Attributes:
        alone: This very load has brought all messages of the channel: they are the plan, numbered by their ranks.
        linked: And all at once, so that no link is left to make.
        polled: A staged message has a poll.
        uncounted: The unread messages of a staged member are to be counted.
    """

    alone: bool = False
    linked: bool = False
    polled: bool = False
    uncounted: bool = False


@dataclass(frozen=True, slots=True)
class Scope:
    """One channel's load: the connection that holds its stage, and the ids every statement is confined to.

    Attributes:
        privileged: The role may switch triggers and row-by-row foreign key checks off for its own transaction.
        chunk: Messages in one transaction.
        user_message: Which per-user rows to write (``MappingRules.user_message``).
        staged: Rows copied into each stage table so far; what is empty is not merged.
        progress: What the steps before have found out.
    """

    conn: Connection
    app_id: UUID
    channel_id: UUID
    cid: str
    privileged: bool
    chunk: int
    user_message: str
    run_id: str
    staged: Counter[str]
    progress: Progress = field(default_factory=Progress)

    def run(self, name: str, **more: Any) -> Cursor[Any]:
        """Run one statement with the channel's ids and more.

        What parsing and planning cost is much for a small channel, so they are kept there; a large one is planned for
        itself. Switching row-by-row checks off and on makes PostgreSQL forget all plans: nothing is to be kept then.
        """
        parameters = {"app": self.app_id, "channel": self.channel_id, "cid": self.cid} | more
        kept = not self.privileged and self.staged["stage_message"] < LARGE_STAGE
        return self.conn.execute(statement(name), parameters, prepare=kept)

    def row(self, name: str, **more: Any) -> tuple[Any, ...]:
        """Run a statement that gives exactly one row."""
        found: tuple[Any, ...] | None = self.run(name, **more).fetchone()
        assert found is not None, f"{name} gives one row"
        return found

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Run a transaction on the stage's connection, whose session is this tenant's."""
        with self.conn.transaction():
            yield

    @contextmanager
    def set_based_checks(self) -> Iterator[None]:
        """Switch triggers and foreign key checks off where allowed: the caller holds the rows referred to."""
        if self.privileged:
            self.conn.execute("SET LOCAL session_replication_role = replica")
        yield
        if self.privileged:
            self.conn.execute("SET LOCAL session_replication_role = origin")

    def analyze(self, table: bytes, rows: int) -> None:
        """Gather statistics of a large stage; autovacuum never sees temporary tables."""
        if rows >= LARGE_STAGE:
            self.conn.execute(b"ANALYZE " + table)


def store_users(scope: Scope, *, restore: bool = False) -> Outcome:
    """Insert people met for the first time; what belongs to those deleted in ChatSDK since leaves the stage.

    Args:
        scope: The channel.
        restore: Bring back those who were deleted.
    """
    outcome = Outcome()
    with scope.transaction():
        if scope.staged.pop(EMBEDDED_USER, 0):
            scope.run("hold_people_losses")
            _note_losses(outcome, scope.run("keep_people_losses"))
        scope.run("insert_staged_users", restore=restore)
    with scope.transaction():
        _note_losses(outcome, scope.run("drop_removed_people"))
    return outcome


def refresh_members(scope: Scope) -> None:
    """Bring members whose rows are as they were carried up to date; those who left in Stream go.

    Raises:
        ChannelError: Somebody has to go, and the role may not.
    """
    with scope.transaction():
        require_channel(scope)
        if scope.row("members_carried") == (False,):
            return
        scope.conn.execute("SET LOCAL enable_nestloop = off")
        scope.run("refresh_members")
        leavers, may_remove = scope.row("find_leavers")
    if not leavers:
        return
    if not may_remove:
        raise ChannelError(
            f"loading {scope.cid}",
            f"{len(leavers)} members whom an earlier run carried have left in Stream since, and would read on here",
            f"GRANT DELETE ON channel_member TO the role, then run {AGAIN}.",
        )
    with scope.transaction():
        scope.run("remove_leavers", people=leavers)


def load_members(scope: Scope) -> Outcome:
    """Insert members who were never carried, remember their read times, raise the channel's member count."""
    outcome = Outcome()
    with scope.transaction():
        require_channel(scope)
        _note_rejects(outcome, scope.run("reject_members"))
        _note_losses(outcome, scope.run("group_unless_two"))
        (carried,) = scope.row("count_members")
    written, arriving = 0, MEMBERS_AT_A_TIME
    while arriving == MEMBERS_AT_A_TIME:
        with scope.transaction():
            inserted, arriving = scope.row("insert_members", rows=MEMBERS_AT_A_TIME)
        written += inserted
    outcome.counts = LoadCounts(written, carried - written)
    return outcome


def load_messages(scope: Scope) -> Outcome:
    """Insert messages in time order, chunk by chunk, then link what pointed forward.

    Raises:
        ChannelError: The channel is not in the target, or people keep vanishing from it.
    """
    outcome = Outcome()
    written = _load_all_chunks(scope, outcome)
    if not scope.progress.linked:
        _link(scope)
    with scope.transaction():
        (carried,) = _one(scope.conn.execute("SELECT count(*) FROM stage_known WHERE line IS NOT NULL"))
        if not scope.progress.alone:
            scope.run("map_known_messages")
        if carried < scope.staged["stage_message"]:
            _note_rejects(outcome, scope.run("reject_messages"))
        _note_losses(outcome, scope.run("lose_references"))
    outcome.counts = LoadCounts(written, carried - written)
    return outcome


def _link(scope: Scope) -> None:
    """Make the links that pointed forward, and those a killed run left open."""
    with scope.transaction():
        links = scope.run("find_links").rowcount
    size = min(scope.chunk, LARGEST_CHUNK)
    for after in range(0, links, size):
        with scope.transaction():
            scope.run("link_messages", after=after, upto=after + size)


def _load_all_chunks(scope: Scope, outcome: Outcome) -> int:
    written = 0
    for number in range(MOST_PLANS):
        if number:
            scope.conn.execute("TRUNCATE stage_known, stage_plan, stage_reader")
        plan = _plan(scope, outcome)
        scope.progress.alone = number == 0 and plan.messages > 0
        loaded = _load_chunks(scope, plan)
        written += loaded
        if loaded == plan.messages:
            scope.progress.linked = scope.progress.alone and loaded <= chunk_size(scope, plan.readers)
            return written
    raise TransientError(
        f"loading messages of {scope.cid}",
        "users or messages referred to were deleted in the target while loading, again and again",
        f"Run {AGAIN} when that has ended.",
    )


class Plan(NamedTuple):
    """How many messages are new, and how many people get a row for each."""

    messages: int
    readers: int


def _plan(scope: Scope, outcome: Outcome) -> Plan:
    """Decide what is new and in which order it comes."""
    staged = scope.staged["stage_message"]
    scope.analyze(b"stage_message", staged)
    with scope.transaction():
        require_channel(scope)
        if scope.staged["stage_poll"]:
            _note_rejects(outcome, scope.run("reject_polls"))
        if scope.progress.polled:
            scope.run("detach_polls")
        scope.run("know_messages")
        scope.run("know_references")
        scope.analyze(b"stage_known", staged)
        messages = scope.run("plan_messages").rowcount
        readers = scope.run("plan_readers").rowcount if scope.user_message != "none" else 0
    if messages:
        with scope.transaction():
            scope.run("catch_up_numbers")
    scope.analyze(b"stage_plan", messages)
    return Plan(messages, readers)


def require_channel(scope: Scope) -> None:
    """Check that the channel is in the target.

    Raises:
        ChannelError: It is not.
    """
    if scope.run("find_channel").fetchone() is None:
        raise ChannelError(
            f"loading {scope.cid}",
            f"the target has no channel {scope.channel_id}",
            "Materialize the asset channels first; if that names a conflict with an existing channel, solve it.",
        )


def _load_chunks(scope: Scope, plan: Plan) -> int:
    """Load the plan chunk by chunk; give how many messages were loaded before something referred to was gone."""
    size = chunk_size(scope, plan.readers)
    for after in range(0, plan.messages, size):
        if not _load_chunk(scope, after, min(after + size, plan.messages)):
            return after
    return plan.messages


def chunk_size(scope: Scope, readers: int) -> int:
    """Give the number of messages in a transaction."""
    if scope.privileged:
        largest, fan_out = LARGEST_CHUNK, LARGEST_FAN_OUT
    else:
        largest, fan_out = LARGEST_TRIGGERED_CHUNK, LARGEST_TRIGGERED_FAN_OUT
    return max(1, min(scope.chunk, largest, fan_out // max(1, readers)))


def _load_chunk(scope: Scope, after: int, upto: int) -> bool:
    """Load the messages of one range of ranks with all that belongs to them, or nothing."""
    span = {"after": after, "upto": upto}
    with scope.transaction():
        (missing,) = scope.row("hold_references", fan_out=scope.user_message != "none", **span)
        if missing:
            return False
        if scope.staged["stage_poll"]:
            scope.run("insert_polls", **span)
        if scope.privileged:
            _insert_checked(scope, span)
        else:
            _insert_triggered(scope, span)
        if scope.staged["stage_poll"]:
            scope.run("attach_polls", **span)
    return True


def _insert_checked(scope: Scope, span: dict[str, int]) -> None:
    rows = span["upto"] - span["after"]
    with scope.set_based_checks():
        # First what takes longest: from the sequence row on, live senders of this channel wait for our commit.
        _fan_out(scope, span)
        scope.run("map_messages", **span)
        before = _take_numbers(scope, span)
        scope.run("insert_messages", before=before, **span)
        scope.run("remember_numbers", shift=before - span["after"])
    scope.run("count_messages", rows=rows, **span)


def _insert_triggered(scope: Scope, span: dict[str, int]) -> None:
    scope.run("map_messages", **span)
    before = _take_numbers(scope, span)
    scope.run("remember_numbers", shift=before - span["after"])
    last_message_at, updated_at = scope.row("remember_times")
    scope.run("insert_messages", before=before, **span)
    _fan_out(scope, span)
    scope.run("repair_times", last_message_at=last_message_at, updated_at=updated_at, **span)


def _take_numbers(scope: Scope, span: dict[str, int]) -> int:
    """Take the numbers of a range of ranks; give the one before them."""
    before: int = scope.row("take_numbers", rows=span["upto"] - span["after"])[0]
    if before != span["after"]:  # somebody's messages are in the channel already
        scope.progress.alone = False
    return before


def _fan_out(scope: Scope, span: dict[str, int]) -> None:
    if scope.user_message != "none":
        scope.run("insert_user_messages", everything=scope.user_message == "all", **span)


def load_reactions(scope: Scope) -> Outcome:
    """Insert reactions to messages that are in the target; the others are counted as lost."""
    outcome = Outcome()
    if not scope.staged["stage_reaction"]:
        return outcome
    (last,) = _one(scope.conn.execute("SELECT coalesce(max(line), 0) FROM stage_reaction"))
    scope.analyze(b"stage_reaction", last)
    size = min(scope.chunk, LARGEST_CHUNK)
    for after in range(0, last, size):
        with scope.transaction(), scope.set_based_checks():
            written, arriving = scope.row("insert_reactions", after=after, upto=after + size)
        outcome.counts += LoadCounts(written, arriving - written)
    if outcome.counts.written + outcome.counts.already_there < scope.staged["stage_reaction"]:
        with scope.transaction():
            _note_rejects(outcome, scope.run("reject_reactions"))
            _note_losses(outcome, scope.run("lose_reactions"))
    return outcome


def attach_to_messages(scope: Scope) -> Outcome:
    """Insert mentions, pins and votes, each in a transaction of its own, and count the voters again."""
    outcome = Outcome()
    merges = {"stage_mention": "insert_mentions", "stage_pin": "insert_pins", "stage_vote": "insert_votes"}
    wanted = [name for table, name in merges.items() if scope.staged[table]]
    for name in wanted:
        with scope.transaction():
            scope.run(name)
    if scope.staged["stage_vote"]:
        with scope.transaction():
            scope.run("hold_polls")
            scope.run("count_voters")
    if wanted or not scope.progress.alone:  # what a message mentions no more is not kept for anybody
        with scope.transaction():
            _note_rejects(outcome, scope.run("reject_attachments"))
            _note_losses(outcome, scope.run("lose_mentions"))
    return outcome


def count_replies(scope: Scope) -> None:
    """Set ``reply_count`` of thread parents to their rows; only a crash or a quarantined reply leaves it wrong."""
    if scope.progress.alone:  # counted in the plan, from the very replies that were inserted
        return
    parents: list[UUID] = []
    while parents := _wrong_parents(scope, parents[-1] if parents else None):
        with scope.transaction():
            scope.run("hold_parents", parents=parents)
            scope.run("repair_reply_counts", parents=parents)


def _wrong_parents(scope: Scope, after: UUID | None) -> list[UUID]:
    with scope.transaction():
        scope.conn.execute("SET LOCAL enable_nestloop = off")
        (parents,) = scope.row("wrong_reply_counts", rows=PARENTS_AT_A_TIME, after=after)
    return parents or []


def place_readers(scope: Scope) -> None:
    """Turn read times into sequence numbers for members who have none yet."""
    with scope.transaction():
        # Without statistics of a table just filled, the planner would take 10,000 members for one.
        scope.conn.execute("SET LOCAL enable_nestloop = off")
        scope.run("place_first_readers" if scope.progress.alone else "place_readers")
        if scope.progress.uncounted:
            scope.run("count_unread")


def audit(scope: Scope) -> None:
    """Compare the counters with the rows and repair them.

    Raises:
        ChannelError: A message has a higher number than the live server will give out next.
    """
    with scope.transaction():
        require_channel(scope)
        counters_right, sequence_right = scope.row("audit_channel")
    if not sequence_right:
        raise ChannelError(
            f"checking {scope.cid}",
            "channel_seq.current_seq is below the highest seq of its messages",
            "Set current_seq to max(seq) of the channel: clients would miss the next messages.",
        )
    if not counters_right:
        with scope.transaction():
            scope.run("hold_channel")
            scope.run("repair_counters")


def record_categories(scope: Scope, categories: Collection[str]) -> None:
    """Note number and digest of what hangs on the channel's messages, for comparisons without the source."""
    if categories:
        with scope.transaction():
            scope.conn.execute("SET LOCAL enable_seqscan = off")  # few rows of tables whose statistics lag behind
            scope.run("record_categories", categories=list(categories))


def keep_notes(scope: Scope, entities: Collection[str], *, rejects: bool = True) -> None:
    """Replace what an earlier run noted about these entities of the channel: losses and (where found) rejects."""
    about = {"entities": list(entities)}
    with scope.transaction():
        scope.run("forget_losses", **about)
        scope.run("forget_quarantine", **about)
        scope.run("keep_losses", summed=ledger.summed_kinds(), **about)
        if rejects:
            scope.run("keep_quarantine", run=scope.run_id or None, **about)


def _note_rejects(outcome: Outcome, found: Cursor[Any]) -> None:
    for entity, number in found:
        outcome.rejects[entity] += number


def _note_losses(outcome: Outcome, found: Cursor[Any]) -> None:
    for entity, kind, number in found:
        outcome.losses[entity, kind] += number


def _one(cursor: Cursor[Any]) -> tuple[Any, ...]:
    row: tuple[Any, ...] | None = cursor.fetchone()
    assert row is not None, "an aggregate gives one row"
    return row
