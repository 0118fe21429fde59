"""The comparison names every damage precisely and nothing else, explains what people did, and repairs what it may.

Here: damage by damage, on the sample workspace (``damages.py``), and undamaged workspaces. Not here: the command
(``test_reconcile_command.py``).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from chatsdk_migration.demo import target as chatsdk
from chatsdk_migration.demo.server import StreamServer
from chatsdk_migration.demo.workspaces import hard_workspace, sample_workspace
from chatsdk_migration.postgres.embedded import EmbeddedServer
from chatsdk_migration.reconcile import target_side
from chatsdk_migration.reconcile.app import Scope, sample, verify
from chatsdk_migration.reconcile.channel import verify_channel
from chatsdk_migration.reconcile.verdict import Verdict
from chatsdk_migration.settings import MappingRules
from chatsdk_migration.transfer import Migration
from chatsdk_migration_tests.conftest import Role, Serve, TargetDatabase, empty_of_people, fresh_target
from chatsdk_migration_tests.end_to_end import damages
from chatsdk_migration_tests.end_to_end.damages import DAMAGES, PLAIN, Connection, Damage, Named, one
from chatsdk_migration_tests.end_to_end.driver import migrate

Contents = dict[str, list[str]]


@dataclass(frozen=True)
class Migrated:
    """The sample workspace's server, and a database into which it was migrated, to copy."""

    target: TargetDatabase
    url: str


@pytest.fixture(scope="module")
def migrated(cluster: EmbeddedServer) -> Iterator[Migrated]:
    with StreamServer(sample_workspace()) as stream, fresh_target(cluster) as target:
        assert migrate(stream.url, target.settings()).problems == {}
        with target.superuser() as conn:
            rows = conn.execute("SELECT cid, updated_at FROM channel WHERE app_id = %s", [target.app_id])
            damages.ORIGINAL_UPDATES.update(dict(rows.fetchall()))
            conn.execute(
                """GRANT DELETE ON message, channel_member, reaction, mention, pinned_message, poll_vote, user_message
                   TO loader"""
            )
            conn.execute("ANALYZE")  # the damages are chosen by queries that need seconds without statistics
        empty_of_people(cluster, target.name)
        yield Migrated(target, stream.url)
        assert stream.writes == []


@pytest.fixture
def database(migrated: Migrated) -> Iterator[TargetDatabase]:
    """A copy of the migrated database, to damage."""
    with fresh_target(migrated.target.server, migrated.target.name) as copy:
        yield copy


@contextmanager
def opened(migrated: Migrated, database: TargetDatabase, **changes: Any) -> Iterator[Migration]:
    with Migration(database.settings(stream_chat_url=migrated.url, **changes)) as migration:
        yield migration


def named(verdict: Verdict, *, explained: bool = False) -> list[Named]:
    """What a verdict names, by category, kind, field and Stream id."""
    assert verdict.problems == {}
    chosen = [one for one in verdict.differences if (one.explained_by is not None) is explained]
    assert len(verdict.differences) == sum(verdict.tallies.values())
    return sorted((one.category, one.kind, one.field, one.stream_id) for one in chosen)


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.name)
def test_a_damage_is_named_and_healed(migrated: Migrated, database: TargetDatabase, damage: Damage) -> None:
    with database.superuser() as conn:
        harm = damage.do(conn)
    with opened(migrated, database) as migration:
        verdict = verify_channel(migration, harm.cid)
        assert named(verdict) == sorted(harm.named)
        assert verdict.explained == 0
        assert verify_channel(migration, harm.cid, mend=True).is_clean is damage.heals
        again = verify_channel(migration, harm.cid)
        assert named(again) == ([] if damage.heals else sorted(harm.named))
        assert again.explained == 0


def test_all_damages_together_are_named_and_healed(migrated: Migrated, database: TargetDatabase) -> None:
    """Everything at once over the whole app: no damage hides another, and nothing that is whole is named."""
    wanted: set[Named] = set()
    with database.superuser() as conn:
        for damage in [one for one in DAMAGES if one.name in TOGETHER]:
            wanted |= damage.do(conn).named
        conn.execute(
            "UPDATE app_user SET name = 'Somebody' WHERE id = (SELECT min(id) FROM app_user WHERE app_id = %s)",
            [database.app_id],
        )
    with opened(migrated, database) as migration:
        verdict = verify(migration, Scope())
        found = set(named(verdict))
        assert {one for one in found if one[0] != "users"} == wanted | {("messages", "extra", "", "")}
        assert {one[:3] for one in found if one[0] == "users"} == {("users", "different", "name")}
        assert verdict.failing_channels() != []
        verify(migration, Scope(mend=True))
        assert named(verify(migration, Scope())) == []


TOGETHER = {
    "message removed",
    "text changed by one character",
    "one microsecond off",
    "sequence gap",
    "duplicate of a message",
    "message moved to another channel",
    "parent swapped",
    "quote lost",
    "tombstone with text",
    "reaction moved to another person",
    "mention lost",
    "pin lost",
    "vote doubled",
    "member with a higher role",
    "channel made public",
    "reply count off by one",
    "state of a message lost",
}


@pytest.mark.parametrize("policy", ["all", "unread_and_mentions", "none"])
@pytest.mark.parametrize("role", ["loader", "ordinary"])
def test_an_undamaged_sample_is_clean(migrated: Migrated, target: TargetDatabase, policy: str, role: Role) -> None:
    settings = target.settings(role, mapping=MappingRules(user_message=policy), stream_chat_url=migrated.url)  # type: ignore[arg-type]
    assert migrate(migrated.url, settings).problems == {}
    with Migration(settings) as migration:
        verdict = verify(migration, Scope())
        assert named(verdict) == []
        assert verdict.explained == 0
        assert verdict.unaccounted == {}
        assert verdict.compared["messages"] > 3_000
        assert verdict.compared["users"] > 20
        rules = migration.settings.mapping
        for look in (target_side.integrity, target_side.privacy, target_side.completeness):
            assert look(migration.target, rules).tallies == {}
        assert verify(migration, Scope(from_ledger=True)).tallies == {}


def test_the_hard_workspace_is_clean_but_for_channels_that_cannot_be_read(
    target: TargetDatabase, stream: Serve
) -> None:
    server = stream(hard_workspace())
    settings = target.settings(stream_chat_url=server.url)
    failed = migrate(server.url, settings).problems
    with Migration(settings) as migration:
        verdict = verify(migration, Scope())
        assert verdict.problems.keys() <= failed.keys()
        assert [one for one in verdict.differences if one.explained_by is None] == []
        assert verify(migration, Scope(from_ledger=True)).unexplained == 0
        assert target_side.integrity(migration.target, settings.mapping).tallies == {}
        assert target_side.privacy(migration.target, settings.mapping).tallies == {}


def test_what_people_do_in_chatsdk_is_explained_and_stays(migrated: Migrated, database: TargetDatabase) -> None:
    """Every kind of live use; nothing of it is a fault, and a repair leaves every row of it as it is."""
    with database.superuser() as conn:
        cid, before = live_use(conn, database)
    with opened(migrated, database) as migration:
        verdict = verify_channel(migration, cid)
        assert named(verdict) == []
        assert verdict.explained >= 10
        assert {one.explained_by for one in verdict.differences} == {"live", "edited_live", "deleted_live"}
        mended = verify(migration, Scope(mend=True))
        assert mended.is_clean
        assert mended.repaired == {}
        assert verify(migration, Scope(from_ledger=True)).tallies.keys() >= {("messages", "extra", "live")}
    with database.superuser() as conn:
        assert contents(conn) == before


def live_use(conn: Connection, database: TargetDatabase) -> tuple[str, Contents]:
    """Do in one channel what ChatSDK's server does for people; give the channel and everything as it then is."""
    chosen = one(
        conn,
        """SELECT c.id::text AS id, k.cid FROM channel c
           JOIN chatsdk_migration.channel_map k ON k.app_id = c.app_id AND k.channel_id = c.id
           WHERE EXISTS (SELECT FROM pinned_message p WHERE p.channel_id = c.id) AND c.member_count > 5
           ORDER BY c.message_count DESC LIMIT 1""",
    )
    channel = chosen["id"]
    people = [
        row[0] for row in conn.execute("SELECT user_id FROM channel_member WHERE channel_id = %s ORDER BY 1", [channel])
    ]
    app = {"app": database.app_id, "channel": channel, "me": people[0], "you": people[1]}
    for person in people[:3]:
        chatsdk.live_send(conn, database.app_id, channel, person, "sent in ChatSDK")
    READER[chosen["cid"]] = people[1]
    for statement in LIVE_STATEMENTS:
        assert conn.execute(statement, app).rowcount >= 1, statement
    return chosen["cid"], contents(conn)


READER: dict[str, str] = {}
"""Who has read everything in ChatSDK, by channel."""
OURS = (
    "SELECT m.id FROM message m JOIN chatsdk_migration.message_map k ON k.message_id = m.id"
    " WHERE m.channel_id = %(channel)s"
)
LIVE_STATEMENTS: list[Any] = [
    f"""UPDATE message SET text = 'edited in ChatSDK', edited_at = now()
        WHERE id = ({OURS} AND m.deleted_at IS NULL AND m.parent_id IS NULL ORDER BY m.seq LIMIT 1)""",
    f"""UPDATE message SET text = NULL, attachments = '[]', deleted_at = now(), deleted_by = user_id
        WHERE id = ({OURS} AND m.deleted_at IS NULL AND m.parent_id IS NULL ORDER BY m.seq LIMIT 1 OFFSET 1)""",
    f"""INSERT INTO reaction (message_id, app_id, user_id, emoji)
        VALUES (({OURS} ORDER BY m.seq LIMIT 1 OFFSET 3), %(app)s, %(me)s, '🦖')""",
    f"""DELETE FROM reaction WHERE ctid = (SELECT min(r.ctid) FROM reaction r WHERE r.user_id = %(me)s AND
       r.message_id IN ({OURS}))""",
    f"""INSERT INTO message (id, channel_id, app_id, user_id, seq, text, parent_id)
        VALUES (gen_random_uuid(), %(channel)s, %(app)s, %(me)s, public.next_channel_seq(%(channel)s), 'a live reply',
                ({OURS} AND m.reply_count > 0 ORDER BY m.seq LIMIT 1))""",
    "UPDATE message SET reply_count = reply_count + 1"
    f" WHERE id = ({OURS} AND m.reply_count > 0 ORDER BY m.seq LIMIT 1)",
    f"""INSERT INTO pinned_message (channel_id, message_id, app_id, pinned_by)
        VALUES (%(channel)s, ({OURS} AND m.id NOT IN (SELECT message_id FROM pinned_message) ORDER BY m.seq
        LIMIT 1 OFFSET 5),
                %(app)s, %(me)s)""",
    """UPDATE channel_member SET last_read_seq = q.current_seq, unread_count = 0
       FROM channel_seq q WHERE q.channel_id = %(channel)s AND channel_member.channel_id = %(channel)s AND
       user_id = %(you)s""",
    f"UPDATE user_message SET flags = flags | 1 WHERE user_id = %(you)s AND message_id IN ({OURS})",
    "UPDATE channel_member SET muted = NOT muted WHERE channel_id = %(channel)s AND user_id = %(me)s",
    "UPDATE app_user SET last_active_at = now() WHERE app_id = %(app)s AND id IN (%(me)s, %(you)s)",
    """WITH left_us AS (DELETE FROM channel_member WHERE channel_id = %(channel)s AND user_id = %(me)s RETURNING 1)
       UPDATE channel SET member_count = member_count - 1 WHERE id = %(channel)s""",
    """WITH newcomer AS (
           INSERT INTO channel_member (channel_id, app_id, user_id)
           SELECT %(channel)s, %(app)s, min(u.id) FROM app_user u WHERE u.app_id = %(app)s
           AND NOT EXISTS (SELECT FROM channel_member m WHERE m.channel_id = %(channel)s AND m.user_id = u.id)
           RETURNING 1)
       UPDATE channel SET member_count = member_count + 1 WHERE id = %(channel)s""",
    "UPDATE channel SET name = 'renamed in ChatSDK', updated_at = now() WHERE id = %(channel)s",
]
TABLES = (
    "message",
    "channel_member",
    "reaction",
    "pinned_message",
    "mention",
    "user_message",
    "poll_vote",
    "channel",
    "channel_seq",
)


def contents(conn: Connection) -> Contents:
    """Every row of what people change."""
    return {
        table: [row for (row,) in conn.execute(f"SELECT to_jsonb(t)::text FROM {table} t ORDER BY 1")]  # type: ignore[arg-type]
        for table in TABLES
    }


def test_a_repair_beside_live_use_heals_damage_only(migrated: Migrated, database: TargetDatabase) -> None:
    """The same channel damaged and used: what people did stays, to the last row."""
    with database.superuser() as conn:
        cid, before = live_use(conn, database)
        lost = one(
            conn,
            f"""SELECT m.id FROM message m JOIN chatsdk_migration.channel_map c ON c.channel_id = m.channel_id
                WHERE c.cid = %s AND m.seq > 30 AND {PLAIN} ORDER BY m.seq LIMIT 1""",
            cid,
        )["id"]
        conn.execute("DELETE FROM message WHERE id = %s", [lost])
        conn.execute(
            "UPDATE message SET text = 'x' WHERE id = (SELECT id FROM message WHERE channel_id = (SELECT channel_id "
            "FROM chatsdk_migration.channel_map WHERE cid = %s) AND seq > 40 AND deleted_at IS NULL"
            " ORDER BY seq LIMIT 1)",
            [cid],
        )
    with opened(migrated, database) as migration:
        assert sorted(kind for _, kind, _, _ in named(verify_channel(migration, cid))) == ["different", "missing"]
        assert verify_channel(migration, cid, mend=True).is_clean
    with database.superuser() as conn:
        after = contents(conn)
        state = conn.execute(
            "SELECT bool_and(flags & 1 = 1) FROM user_message WHERE message_id = %s AND user_id = %s",
            [lost, READER[cid]],
        )
        assert state.fetchone() == (True,)
    gone = str(lost)  # the states of the message that was lost went with it, those of people who had left for good
    assert {table for table in before if kept(before[table], gone) != kept(after[table], gone)} == set()


def kept(rows: list[str], lost: str) -> list[str]:
    return [row for row in rows if '"flags"' not in row or lost not in row]


def test_a_role_that_may_not_delete_is_told_what_to_grant(migrated: Migrated, database: TargetDatabase) -> None:
    with database.superuser() as conn:
        conn.execute("REVOKE DELETE ON reaction FROM loader")
        harm = next(one for one in DAMAGES if one.name == "reaction moved to another person").do(conn)
    with opened(migrated, database) as migration:
        verdict = verify_channel(migration, harm.cid, mend=True)
    assert verdict.repaired == {"reactions": 1}
    assert [kind for _, kind, _, _ in named(verdict)] == ["extra"]
    assert verdict.advice == ["Run: GRANT DELETE ON reaction TO the role; a repair needs it."]


@pytest.mark.parametrize(
    "name",
    [
        "message removed",
        "text changed by one character",
        "another author",
        "one microsecond off",
        "sequence gap",
        "message that nobody ever wrote",
        "parent swapped",
        "reaction moved to another person",
        "mention lost",
        "pin lost",
        "vote doubled",
        "member with a higher role",
        "member lost",
    ],
)
def test_the_ledger_alone_notices(migrated: Migrated, database: TargetDatabase, name: str) -> None:
    """Without reading a single channel from Stream."""
    with database.superuser() as conn:
        harm = next(one for one in DAMAGES if one.name == name).do(conn)
    with opened(migrated, database) as migration:
        verdict = verify(migration, Scope(from_ledger=True))
        assert migration.source.calls == {}
    categories = {"threads": "messages"}
    assert {categories.get(one[0], one[0]) for one in named(verdict)} == {
        categories.get(one[0], one[0]) for one in harm.named
    }
    assert {one.cid for one in verdict.differences} == {harm.cid}


INTEGRITY_DAMAGES = {
    "sequence gap",
    "sequence number given twice",
    "message that nobody ever wrote",
    "tombstone with text",
    "message_count off by one",
    "member_count off by one",
    "last_message_at off by one",
    "sequence counter behind",
    "reply count off by one",
    "total of votes off by one",
}
PRIVACY_DAMAGES = {"channel made public", "member with a higher role", "member too many"}


@pytest.mark.parametrize("name", sorted(INTEGRITY_DAMAGES | PRIVACY_DAMAGES))
def test_integrity_and_privacy_of_the_target_alone(migrated: Migrated, database: TargetDatabase, name: str) -> None:
    with database.superuser() as conn:
        harm = next(one for one in DAMAGES if one.name == name).do(conn)
    with opened(migrated, database) as migration:
        rules = migration.settings.mapping
        found = {
            "integrity": target_side.integrity(migration.target, rules).differences,
            "privacy": target_side.privacy(migration.target, rules).differences,
        }
    noticed = "integrity" if name in INTEGRITY_DAMAGES else "privacy"
    assert found[noticed] != []
    assert {one.cid or harm.cid for one in found[noticed]} == {harm.cid}
    if noticed == "integrity":
        assert found["privacy"] == []


def test_privacy_notices_an_administrator_and_an_event(migrated: Migrated, database: TargetDatabase) -> None:
    with database.superuser() as conn:
        conn.execute("GRANT SELECT ON event_outbox TO loader")
        conn.execute(
            'UPDATE app_user SET custom_data = custom_data || \'{"is_admin": "true"}\''
            " WHERE id = (SELECT min(id) FROM app_user)"
        )
        conn.execute(
            """INSERT INTO event_outbox (app_id, aggregate_type, aggregate_id, event_type, channels, payload)
               SELECT app_id, 'message', message_id::text, 'message.new', '{}', '{}' FROM
               chatsdk_migration.message_map LIMIT 1"""
        )
    with opened(migrated, database) as migration:
        found = target_side.privacy(migration.target, migration.settings.mapping)
        assert sorted(one.field for one in found.differences) == ["event_outbox", "is_admin"]
        whole = verify(migration, Scope())
        assert sorted((one.category, one.field) for one in whole.differences) == [
            ("privacy", "event_outbox"),
            ("users", "custom_data"),
        ]


def test_orphans_are_named(migrated: Migrated, database: TargetDatabase) -> None:
    with database.superuser() as conn:
        person = one(conn, "SELECT min(id) AS id FROM app_user WHERE app_id = %s", database.app_id)["id"]
        conn.execute("SET session_replication_role = replica")
        conn.execute(
            "INSERT INTO reaction (message_id, app_id, user_id, emoji) VALUES (gen_random_uuid(), %s, %s, '👍')",
            [database.app_id, person],
        )
    with opened(migrated, database) as migration:
        verdict = verify(migration, Scope())
    assert [(one.category, one.field, one.found) for one in verdict.differences] == [
        ("integrity", "orphan reaction", f"{person} 👍")
    ]


def test_what_stream_changed_since_is_a_difference_that_a_repair_carries(target: TargetDatabase, stream: Serve) -> None:
    world = sample_workspace()
    server = stream(world)
    settings = target.settings(stream_chat_url=server.url)
    assert migrate(server.url, settings).problems == {}
    cid = next(iter(world.channels))
    author = next(iter(world.channels[cid].members))
    world.add_message(cid, "sent-later", user_id=author, text="after the migration", at="2026-10-01T10:00:00Z")
    with Migration(settings) as migration:
        assert named(verify_channel(migration, cid)) == [("messages", "missing", "", "sent-later")]
        assert verify_channel(migration, cid, mend=True).is_clean
        assert named(verify_channel(migration, cid)) == []


def test_a_field_nobody_accounts_for_is_reported(migrated: Migrated, database: TargetDatabase, stream: Serve) -> None:
    world = sample_workspace()
    cid = next(iter(world.channels))
    reader = next(iter(world.channels[cid].members))
    world.set_read(cid, reader, last_read="2026-01-01T00:00:00Z")
    world.channels[cid].reads[reader]["last_delivered_at"] = "2026-01-01T00:00:00Z"
    server = stream(world)
    with Migration(database.settings(stream_chat_url=server.url)) as migration:
        assert verify_channel(migration, cid).unaccounted == {"read.last_delivered_at": 1}


def test_a_sample_is_the_same_at_every_repetition() -> None:
    cids = [f"messaging:{number}" for number in range(200)]
    assert sample(cids, 100) == cids
    assert sample(cids, 5) == sample(cids, 5)
    assert len(sample(cids, 5)) == 10
    assert sample(cids[:3], 1) != []


def test_people_deleted_in_chatsdk_are_explained_and_stay_deleted(target: TargetDatabase, stream: Serve) -> None:
    world = sample_workspace()
    world.add_user("lurker", name="Lurker", created_at="2024-01-01T00:00:00Z")
    cid = "team:finance"
    world.add_member(cid, "lurker", created_at="2024-01-02T00:00:00Z")
    server = stream(world)
    settings = target.settings(stream_chat_url=server.url)
    assert migrate(server.url, settings).problems == {}
    with target.superuser() as conn:
        conn.execute("DELETE FROM app_user WHERE id = 'lurker'")
        conn.execute("UPDATE channel SET member_count = member_count - 1 WHERE cid = %s", [cid])
    with Migration(settings) as migration:
        verdict = verify(migration, Scope(mend=True))
    assert named(verdict) == []
    assert set(named(verdict, explained=True)) == {
        ("users", "missing", "", "lurker"),
        ("members", "missing", "", "lurker"),
    }
    assert {one.explained_by for one in verdict.differences} == {"person_removed"}
    with target.superuser() as conn:
        assert conn.execute("SELECT count(*) FROM app_user WHERE id = 'lurker'").fetchone() == (0,)
