"""One bad row among 5,000 costs that row, whatever it is a row of, and its original is kept.

Not here: records that the mapping itself rejects (``end_to_end/test_quarantine.py``).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from chatsdk_migration import identity
from chatsdk_migration.models import (
    Batch,
    FetchedMessage,
    Json,
    MentionRow,
    PinRow,
    PollRow,
    ReactionRow,
    VoteRow,
)
from chatsdk_migration.postgres import channels, people
from chatsdk_migration.postgres.stage import ChannelStage
from chatsdk_migration.postgres.target import Target
from chatsdk_migration_tests.conftest import APP_ID, TargetDatabase
from chatsdk_migration_tests.postgres.load_support import (
    CHANNEL_ID,
    CID,
    at,
    channel,
    member,
    message,
    prepare,
    user,
)

ROWS = 5_000
BAD = 3_217
"""Place of the bad row."""
NO_TIME = "soon"
LONG = "x" * 60


@pytest.fixture
def loader(target: TargetDatabase) -> Iterator[Target]:
    loading = Target(target.settings())
    yield loading
    loading.close()


@pytest.fixture
def admin(target: TargetDatabase) -> Iterator[psycopg.Connection[Any]]:
    with target.superuser() as conn:
        yield conn


def target_id(number: int) -> str:
    return identity.message_id(APP_ID, f"m{number}", number)


def carried(loader: Target, batch: Batch) -> None:
    ready = prepare(loader)
    with ChannelStage(loader, ready, CHANNEL_ID, CID, "run-1") as stage:
        stage.add(batch)
        stage.load_members()
        stage.load_messages()
        stage.load_reactions()
        stage.finish()


def everything() -> Batch:
    """5,000 of each kind, the messages with their originals."""
    people_ = {name: user(name) for name in ("ann", "bob", *(f"u{n}" for n in range(ROWS)))}
    poll = identity.poll_id(APP_ID, "poll")
    out = Batch(users=people_)
    out.messages = [message(f"m{n}", 1)._replace(id=target_id(n), created_at=at(n), user_id="ann") for n in range(ROWS)]
    out.members = [member(f"u{n}", reads_all=True) for n in range(ROWS)]
    out.reactions = [ReactionRow(target_id(n), "bob", "👍", at(n)) for n in range(ROWS)]
    out.mentions = [
        MentionRow(identity.mention_id(APP_ID, target_id(n), "bob"), target_id(n), "bob", "ann", at(n))
        for n in range(ROWS)
    ]
    out.pins = [PinRow(target_id(n), "ann", at(n)) for n in range(ROWS)]
    out.polls = [
        PollRow(identity.poll_id(APP_ID, f"p{n}"), target_id(n), "?", "[]", False, False, 0, None, "ann", at(n))
        for n in range(1, ROWS)
    ]
    out.polls.insert(0, PollRow(poll, target_id(0), "?", "[]", False, False, 0, None, "ann", at(0)))
    for n, one in enumerate(out.polls):
        out.messages[n] = out.messages[n]._replace(poll_id=one.id)
    out.votes = [VoteRow(poll, f"u{n}", "a", at(n)) for n in range(ROWS)]
    votes = [{"user_id": f"u{n}", "option_id": "a", "poll_id": "poll"} for n in range(ROWS)]
    out.sources = [
        FetchedMessage(
            {
                "id": f"m{n}",
                "original": n,
                "mentioned_users": [{"id": "bob", "original": n}],
                "poll": {"id": f"p{n}" if n else "poll", "original": n},
            },
            [{"user_id": "bob", "type": "like", "original": n}],
            votes=votes if n == 0 else [],
        )
        for n in range(ROWS)
    ]
    return out


SPOILED: dict[str, tuple[str, str, dict[str, Any]]] = {
    "message": ("messages", "message", {"edited_at": NO_TIME}),
    "reaction": ("reactions", "reaction", {"emoji": LONG}),
    "mention": ("mentions", "mention", {"created_at": NO_TIME}),
    "pin": ("pins", "pinned_message", {"pinned_at": NO_TIME}),
    "poll": ("polls", "poll", {"options": "{"}),
    "vote": ("votes", "poll_vote", {"option_id": LONG}),
    "member": ("members", "channel_member", {"unread_count": 2**40}),
}
KEYS = {
    "message": (f"m{BAD}", ""),
    "reaction": (f"m{BAD}", f"m{BAD}"),
    "mention": (f"m{BAD}", f"m{BAD}"),
    "pin": (f"m{BAD}", f"m{BAD}"),
    "poll": (f"p{BAD}", f"m{BAD}"),
    "member": (f"u{BAD}", ""),
}
"""Stream id, and that of the message."""


@pytest.mark.parametrize("entity", [*KEYS])
def test_one_bad_row_among_thousands(loader: Target, admin: psycopg.Connection[Any], entity: str) -> None:
    place, table, spoiled = SPOILED[entity]
    batch = everything()
    if entity == "member":  # without messages, as every member gets a row for every message
        members = [{"user_id": f"u{n}", "user": {"id": f"u{n}"}, "original": n} for n in range(ROWS)]
        batch = Batch(users=batch.users, members=batch.members, sources=members)
    else:
        batch.members = [*batch.members[:3], member("bob", reads_all=True)]  # only members are mentioned
    rows = getattr(batch, place)
    rows[BAD] = rows[BAD]._replace(**spoiled)

    carried(loader, batch)

    kept = admin.execute(
        "SELECT entity, stream_id, message_stream_id, cid, run_id, record->>'original', mapped"
        " FROM chatsdk_migration.quarantine"
    ).fetchall()
    assert kept == [(entity, *KEYS[entity], CID, "run-1", str(BAD), False)]
    assert admin.execute(f"SELECT count(*) FROM {table}").fetchone() == (len(rows) - 1,)  # type: ignore[arg-type]


def test_one_bad_vote_among_thousands(loader: Target, admin: psycopg.Connection[Any]) -> None:
    batch = everything()
    batch.members, batch.reactions, batch.mentions = [], [], []
    batch.votes[BAD] = batch.votes[BAD]._replace(voted_at=NO_TIME)
    carried(loader, batch)
    kept = admin.execute(
        "SELECT entity, stream_id, message_stream_id, record->>'user_id', mapped FROM chatsdk_migration.quarantine"
    ).fetchall()
    assert kept == [("vote", "poll", "m0", f"u{BAD}", False)]
    assert admin.execute("SELECT count(*) FROM poll_vote").fetchone() == (ROWS - 1,)


def test_one_bad_user_and_one_bad_channel_among_thousands(loader: Target, admin: psycopg.Connection[Any]) -> None:
    prepare(loader)
    origin = Batch(sources=[{"id": f"u{n}", "original": n} for n in range(ROWS)])
    persons = [user(f"u{n}") for n in range(ROWS)]
    persons[BAD] = persons[BAD]._replace(last_active_at=NO_TIME)
    load = people.load_users(loader, persons, ROWS, origin)
    assert [(one.stream_id, one.record, one.mapped) for one in load.rejects] == [
        (f"u{BAD}", {"id": f"u{BAD}", "original": BAD}, False)
    ]
    states: list[Json] = [{"channel": {"cid": f"team:c{n}", "original": n}} for n in range(ROWS)]
    rows = [channel(f"team:c{n}") for n in range(ROWS)]
    rows[BAD] = rows[BAD]._replace(created_at=NO_TIME)
    carried_ = channels.load_channels(loader, rows, ROWS, Batch(sources=states))
    assert [(one.stream_id, one.record["original"]) for one in carried_.rejects] == [(f"team:c{BAD}", BAD)]
    counts = admin.execute("SELECT (SELECT count(*) FROM app_user), (SELECT count(*) FROM channel)").fetchone()
    assert counts == (ROWS - 1 + 2, ROWS - 1 + 1)
