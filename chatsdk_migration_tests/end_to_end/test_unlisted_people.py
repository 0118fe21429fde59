"""What people lose whom no list names is counted once, where they come from, and not again."""

from __future__ import annotations

from typing import Any

from chatsdk_migration.demo.world import World
from chatsdk_migration_tests.conftest import Serve, TargetDatabase
from chatsdk_migration_tests.end_to_end.driver import migrate

CIDS = ("messaging:first", "messaging:second")
AT = "2024-01-02T03:04:05Z"


def unlisted() -> World:
    world = World()
    world.add_user("listed", created_at=AT, teams=["red"])
    world.add_user("ghost", created_at=AT, listed=False, is_admin=True, teams=["red"])
    world.add_user("founder", created_at=AT, listed=False, is_admin=True)
    world.add_user("banned", created_at=AT, listed=False, banned=True, ban_expires="2024-02-01T00:00:00Z")
    world.add_user("gone", created_at=AT, deleted_at="2024-03-01T00:00:00Z", teams=["red"])
    for cid in CIDS:
        world.add_channel(cid, created_by="founder", created_at=AT, members=("listed", "ghost"))
        world.add_message(cid, user_id="ghost", text="boo", at=AT)
        world.add_message(cid, user_id="banned", text="sorry", at=AT)
        world.add_message(cid, user_id="gone", text="bye", at=AT)
    return world


def told(target: TargetDatabase) -> list[tuple[Any, ...]]:
    with target.superuser() as conn:
        query = """SELECT stream_id, kind, sum(occurrences) FROM chatsdk_migration.loss
                   WHERE entity = 'user' AND cid <> '' GROUP BY stream_id, kind ORDER BY stream_id, kind"""
        return conn.execute(query).fetchall()


def test_people_no_list_names_lose_nothing_silently(target: TargetDatabase, stream: Serve) -> None:
    server = stream(unlisted())
    for _ in range(2):
        assert migrate(server.url, target.settings()).problems == {}
        assert told(target) == [
            ("founder", "is_admin_withheld", 1),
            ("ghost", "is_admin_withheld", 1),
            ("ghost", "user_teams", 1),
            ("gone", "user_deleted", 1),
            ("gone", "user_teams", 1),
        ]
    with target.superuser() as conn:
        banned = conn.execute("SELECT custom_data FROM app_user WHERE id = 'banned'").fetchone()
    assert banned == ({},), "an expired ban is none"
