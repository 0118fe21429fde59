"""What a load asks of the database: how much it reads, how large its transactions are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from chatsdk_migration import identity
from chatsdk_migration.models import Batch, MentionRow, PollRow, ReactionRow, VoteRow
from chatsdk_migration.postgres import channels, ledger, merge, people, preflight
from chatsdk_migration.postgres.preflight import Preflight
from chatsdk_migration.postgres.stage import ChannelStage
from chatsdk_migration.postgres.target import Target
from chatsdk_migration.settings import MappingRules
from chatsdk_migration_tests.conftest import APP_ID, Role, TargetDatabase
from chatsdk_migration_tests.postgres.load_support import PEOPLE, at, batch, channel, member, message, user

ROLES: tuple[Role, ...] = ("loader", "ordinary")
READ = (
    "SELECT relname, coalesce(idx_tup_fetch, 0) + seq_tup_read FROM pg_stat_user_tables"
    " WHERE schemaname IN ('public', 'chatsdk_migration')"
)
TRANSACTIONS = (
    "SELECT m.channel_id::text, m.xmin::text, count(*) FROM message m GROUP BY 1, 2",
    "SELECT m.channel_id::text, u.xmin::text, count(*) FROM user_message u JOIN message m ON m.id = u.message_id"
    " GROUP BY 1, 2",
)


@pytest.fixture
def admin(target: TargetDatabase) -> Iterator[psycopg.Connection[Any]]:
    with target.superuser() as conn:
        yield conn


def ready_for(target: Target) -> Preflight:
    ready = preflight.check(target)
    ledger.install(target)
    people.load_users(target, [user(name) for name in PEOPLE], 500)
    return ready


def load(target: Target, ready: Preflight, cid: str, content: Batch) -> str:
    """Load one channel of its own, to the end; give its id."""
    row = channel(cid)
    channels.load_channels(target, [row], 100)
    with ChannelStage(target, ready, row.id, cid) as stage:
        stage.add(content)
        stage.refresh_members()
        stage.load_members()
        stage.load_messages()
        stage.load_reactions()
        stage.finish()
    return row.id


def busy(name: str, number: int) -> Batch:
    """Messages that each have a poll, a vote, a reaction and a mention, half of them in threads."""
    out = batch()
    out.members = [member(one, last_read=number / 2) for one in PEOPLE]
    for i in range(number):
        poll = identity.poll_id(APP_ID, f"{name}{i}")
        changes = {"parent_stream_id": f"{name}{i - 1}"} if i % 2 else {"quoted_stream_id": f"{name}{max(0, i - 10)}"}
        row = message(f"{name}{i}", i, poll_id=poll, **changes)
        out.messages.append(row)
        out.mentions.append(MentionRow(identity.mention_id(APP_ID, row.id, "ann"), row.id, "ann", row.user_id, at(i)))
        out.reactions.append(ReactionRow(row.id, "bob", "👍", at(i)))
        out.polls.append(PollRow(poll, row.id, "?", '[{"id": "a", "text": "A"}]', False, False, 1, None, "ann", at(i)))
        out.votes.append(VoteRow(poll, "cy", "a", at(i)))
    return out


@pytest.mark.parametrize("analyzed", [False, True])
@pytest.mark.parametrize("role", ROLES)
def test_a_channel_reads_no_more_of_a_fuller_app(
    target: TargetDatabase, admin: psycopg.Connection[Any], role: Role, analyzed: bool
) -> None:
    """Neither with statistics that know no row nor with those of the first channel."""

    def read_by(cid: str) -> Counter[str]:
        admin.execute("SELECT pg_stat_reset()")
        loading = Target(target.settings(role))
        load(loading, ready_for(loading), cid, busy(cid, 400))
        loading.close()
        backends = "SELECT count(*) FROM pg_stat_activity WHERE usename = %s AND datname = current_database()"
        while admin.execute(backends, [role]).fetchone() != (0,):  # a session hands its numbers in when it ends
            pass
        return Counter(dict(admin.execute(READ).fetchall()))

    first = read_by("messaging:one")
    if analyzed:
        admin.execute("ANALYZE")
    for number in range(3):
        later = read_by(f"messaging:later{number}")
    more = {table: (first[table], rows) for table, rows in later.items() if rows > 3 * first[table] + 2_000}
    assert not more
    assert max(later.values()) < 400 * 60, later


@pytest.mark.parametrize(
    ("role", "members", "messages", "expected"),
    [
        ("ordinary", 4, 700, [100, 300, 300]),
        ("ordinary", 20, 250, [50, 100, 100]),
        ("loader", 4, 10_500, [500, 5_000, 5_000]),
        ("loader", 40, 3_000, [500, 2_500]),
    ],
)
def test_transactions_hold_few_messages_and_few_rows_of_people(  # noqa: PLR0917 - a table of cases
    target: TargetDatabase,
    admin: psycopg.Connection[Any],
    role: Role,
    members: int,
    messages: int,
    expected: list[int],
) -> None:
    """Live senders of the channel wait for the end of each: 300 messages and 2,000 rows with row-by-row checks on."""
    rules = MappingRules(user_message="all")
    loading = Target(target.settings(role, mapping=rules, message_batch_size=merge.LARGEST_CHUNK))
    names = [f"person{number}" for number in range(members)]
    content = batch((message(f"m{i}", i, user_id=names[i % members]) for i in range(messages)), [*PEOPLE, *names])
    content.members = [member(name) for name in names]

    channel_id = load(loading, ready_for(loading), "messaging:large", content)

    found: list[list[int]] = []
    for query in TRANSACTIONS:
        rows = admin.execute(query).fetchall()
        assert {channel for channel, _, _ in rows} == {channel_id}
        found.append(sorted(number for _, _, number in rows))
    assert found == [expected, [members * number for number in expected]]
    loading.close()
