"""A day of syncs, one every ten minutes, in an app where hardly anything happens: nothing may grow with the syncs.

Here: memory, threads, connections and files of the syncing process, rows of every table of the migration, Dagster's
partitions and events. Not here: what a sync does (``test_sync.py``, ``test_week.py``).
"""

from __future__ import annotations

import gc
import os
import threading
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from psycopg import sql

from chatsdk_migration import sync
from chatsdk_migration.definitions import build_definitions
from chatsdk_migration.demo.server import StreamServer
from chatsdk_migration.demo.world import World
from chatsdk_migration.instance.home import StorageLocation, open_instance, prepare_home
from chatsdk_migration.partitions import add_channels, all_channels
from chatsdk_migration_tests.conftest import TargetDatabase, fresh_database
from chatsdk_migration_tests.end_to_end.driver import environment, migrate
from chatsdk_migration_tests.end_to_end.week import Clock, start_of_week

SYNCS = 144
MINUTES = 10
WARM_UP = 12
"""Syncs after which everything that is made once and kept has been made."""
RUNS = 24
CHANGES = {30: "edit", 36: "message", 42: "channel"}
"""Syncs of the day before which something happens; between them nothing does."""
SETTLED = 84
"""Syncs after which bounded caches (psycopg's of the statements of each connection, above all) have had everything."""
KEPT_BYTES = 30_000
"""What the process may hold more of at the end of the day than after ``SETTLED`` syncs: 500 bytes a sync."""
Facts = tuple[bool, int]
"""Of one sync: whether it changed anything, and its calls. Whole reports would be the growth that is looked for."""
LAZY = 8
"""Threads, connections, files that pools may still open up to their bounds; a leak of one a sync is far beyond it."""
GRANTS = b"GRANT DELETE ON channel_member, reaction, mention, pinned_message, poll_vote, user_message TO loader"
ROOMS = [f"team:room-{number}" for number in range(4)]


def build(clock: Clock) -> World:
    world = World(seed=5, clock=clock)
    for who in ("ann", "bob", "cy"):
        world.add_user(who, name=who.title(), created_at=clock())
    for cid in ROOMS:
        world.add_channel(cid, created_by="ann", created_at=clock(), members=("ann", "bob", "cy"), name=cid)
        for number in range(5):
            message = world.add_message(cid, f"{cid} {number}", user_id="ann", text="hello", at=clock.move(seconds=5))
        world.add_reaction(message["id"], "bob", "love", at=clock())
        world.add_message(cid, user_id="bob", text="re", parent_id=message["id"], at=clock.move(seconds=5))
        world.set_read(cid, "cy", last_read=clock())
    return world


def happen(world: World, what: str) -> None:
    """One of the few things of the day."""
    if what == "edit":
        world.edit_message(f"{ROOMS[0]} 1", text="other words")
    elif what == "message":
        world.add_message(ROOMS[1], "new", user_id="cy", text="news", at=world.clock())
    else:
        world.add_channel("team:late", created_by="cy", created_at=world.clock(), members=("cy", "ann"), name="Late")
        world.add_message("team:late", "first", user_id="cy", text="first", at=world.clock())


@pytest.fixture
def clock() -> Clock:
    return Clock(start_of_week())


@pytest.fixture
def server(target: TargetDatabase, clock: Clock) -> Iterator[StreamServer]:
    with target.superuser() as conn:
        conn.execute(GRANTS)
    with StreamServer(build(clock)) as server:
        assert migrate(server.url, target.settings()).problems == {}
        yield server
        assert server.writes == []


def rows(target: TargetDatabase) -> dict[str, int]:
    """Count the rows of every table that the migration may write, ChatSDK's and its own."""
    with target.superuser() as conn:
        tables = conn.execute(
            """SELECT schemaname, tablename FROM pg_tables WHERE schemaname IN ('public', 'chatsdk_migration')
               AND tablename <> 'version' ORDER BY 1, 2"""
        ).fetchall()
        counted = {}
        for schema, name in tables:
            query = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(schema, name))
            ((counted[f"{schema}.{name}"],),) = conn.execute(query).fetchall()
        return counted


def live_size(target: TargetDatabase) -> int:
    """Bytes of all tables and indexes once what is dead has been cleared."""
    with target.superuser() as conn:
        for (table,) in conn.execute(
            """SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
               WHERE c.relkind = 'r' AND n.nspname IN ('public', 'chatsdk_migration')
                 AND pg_relation_size(c.oid) > 0"""
        ).fetchall():
            conn.execute(sql.SQL("VACUUM FULL {}").format(sql.SQL(table)))
        ((size,),) = conn.execute(
            """SELECT sum(pg_total_relation_size(c.oid)) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
               WHERE c.relkind = 'r' AND n.nspname IN ('public', 'chatsdk_migration')"""
        ).fetchall()
        return int(size)


def connections(target: TargetDatabase) -> int:
    with target.superuser() as conn:
        ((number,),) = conn.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = 'loader'"
        ).fetchall()
        return int(number)


def held(target: TargetDatabase) -> dict[str, int]:
    """What the process holds besides memory."""
    gc.collect()
    return {
        "threads": threading.active_count(),
        "files": len(list(Path(f"/proc/{os.getpid()}/fd").iterdir())),
        "connections": connections(target),
    }


def traced() -> int:
    """Bytes that Python objects hold."""
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def _assert_held(now: dict[str, int], before: dict[str, int]) -> None:
    grown = {name: number - before[name] for name, number in now.items() if number > before[name] + LAZY}
    assert grown == {}


def test_a_day_of_syncs_leaves_nothing_behind(target: TargetDatabase, server: StreamServer, clock: Clock) -> None:
    """One migration held open all day, as ``sync --every 10m`` does."""
    # One connection at a time: each has caches of its own, and which takes its turn when is chance.
    settings = target.settings(stream_chat_url=server.url, channels_in_flight=1)
    tracemalloc.start()
    with sync.open_migration(settings) as migration:

        def once(number: int) -> Facts:
            clock.move(minutes=MINUTES)
            if number in CHANGES:
                happen(server.world, CHANGES[number])
            report = sync.sync_once(migration)
            assert report.problems == {}
            return bool(report.applied), report.api_calls

        reports = [once(number) for number in range(WARM_UP)]
        before, holding, size = rows(target), held(target), live_size(target)
        reports += [once(number) for number in range(WARM_UP, 30)]
        assert rows(target) == before  # nothing changed, nothing was kept
        assert live_size(target) == size
        reports += [once(number) for number in range(30, SETTLED)]
        settled = traced()
        reports += [once(number) for number in range(SETTLED, SYNCS)]
        kept = traced() - settled
        tracemalloc.stop()
        _assert_held(held(target), holding)
    assert {number for number, (changed, _) in enumerate(reports) if changed} <= {0, *CHANGES}
    assert all(reports[number][0] for number in CHANGES)
    assert _grown(before, rows(target)) == EXPECTED_GROWTH
    assert len({calls for _, calls in reports[-30:]}) == 1
    assert kept < KEPT_BYTES


EXPECTED_GROWTH = frozenset(
    {
        "public.channel",
        "public.channel_member",
        "public.channel_seq",
        "public.message",
        "public.user_message",
        "chatsdk_migration.channel_load",
        "chatsdk_migration.channel_map",
        "chatsdk_migration.loss",
        "chatsdk_migration.message_map",
        "chatsdk_migration.numbering",
        "chatsdk_migration.read_position",
        "chatsdk_migration.source_month",
        "chatsdk_migration.watermark",
    }
)
"""What one new message and one new channel add rows to."""


def _grown(before: dict[str, int], after: dict[str, int]) -> frozenset[str]:
    return frozenset(name for name in after if after[name] != before[name])


# ---- the same through Dagster


@pytest.fixture
def instance(
    records_template: str,
    target: TargetDatabase,
    server: StreamServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[dg.DagsterInstance]:
    """An instance of our own whose runs lead to the server and the target."""
    cluster = target.server
    with fresh_database(cluster, "dagster", records_template) as name:
        location = StorageLocation(cluster.host, cluster.port, name, cluster.superuser, cluster.password)
        variables = environment(server.url, target.settings()) | location.environment()
        for key, value in (variables | {"DAGSTER_HOME": "", "DAGSTER_EVENT_BATCH_SIZE": "1000"}).items():
            monkeypatch.setenv(key, value)
        monkeypatch.chdir(tmp_path)
        prepare_home(tmp_path / "home", location)
        with open_instance() as opened:
            add_channels(opened, ROOMS)
            yield opened


def test_runs_of_the_job_record_changes_and_nothing_else(
    target: TargetDatabase, server: StreamServer, clock: Clock, instance: dg.DagsterInstance
) -> None:
    job = build_definitions().resolve_job_def("incremental_sync")
    events: list[int] = []
    materialized: dict[int, set[Any]] = {}
    for number in range(RUNS):
        clock.move(minutes=MINUTES)
        if number == 12:
            happen(server.world, "edit")
        result = job.execute_in_process(instance=instance)
        assert result.success
        entries = instance.all_logs(result.run_id)
        events.append(len(entries))
        found = [
            one.dagster_event for one in entries if one.dagster_event and one.dagster_event.is_step_materialization
        ]
        materialized[number] = {
            (one.asset_key.path[-1], one.partition) for one in found if one.asset_key and one.partition
        }
        if number == 2:
            holding = held(target)
    assert {number: found for number, found in materialized.items() if found} == {12: {("messages", ROOMS[0])}}
    assert len({events[number] for number in range(2, RUNS) if number != 12}) == 1
    assert all_channels(instance) == ROOMS
    _assert_held(held(target), holding)
