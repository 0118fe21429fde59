"""Our storage against the stock one: the same records, whoever wrote them."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa
from dagster import AssetPartitionStatus, DagsterEventType
from dagster._core.events import AssetMaterializationPlannedData, DagsterEvent, StepMaterializationData
from dagster._core.events.log import EventLogEntry
from dagster_postgres import PostgresEventLogStorage

from chatsdk_migration.instance import storage as ours
from chatsdk_migration.instance.home import StorageLocation
from chatsdk_migration.instance.storage import (
    BatchingEventLogStorage,
    EventsNotStoredError,
    PooledPostgresStorage,
    fits,
)
from chatsdk_migration.partitions import CHANNELS, add_channels

MESSAGES, MEMBERS = dg.AssetKey("messages"), dg.AssetKey("members")
CIDS = [f"messaging:{number}" for number in range(5)]
RUN_ID = "00000000-0000-4000-8000-000000000001"


def url(location: StorageLocation) -> str:
    return (
        f"postgresql+psycopg2://{location.user}:{location.password}@{location.host}:{location.port}/{location.db_name}"
    )


def entry(event: DagsterEvent, timestamp: float) -> EventLogEntry:
    return EventLogEntry(  # type: ignore[no-untyped-call]
        None, "info", "", RUN_ID, timestamp, None, "migrate_channel_range", event
    )


def planned(asset: dg.AssetKey, cid: str) -> DagsterEvent:
    data = AssetMaterializationPlannedData(asset, partition=cid, partitions_subset=None)
    return DagsterEvent.build_asset_materialization_planned_event("migrate_channel_range", "channel_content", data)


def materialized(asset: dg.AssetKey, cid: str) -> DagsterEvent:
    materialization = dg.AssetMaterialization(asset, partition=cid, metadata={"rows": 3}, tags={"kind": "test"})
    return DagsterEvent(
        DagsterEventType.ASSET_MATERIALIZATION.value,
        "migrate_channel_range",
        event_specific_data=StepMaterializationData(materialization),
    )


def events() -> list[EventLogEntry]:
    pairs = [(asset, cid) for cid in CIDS for asset in (MEMBERS, MESSAGES)]
    return [entry(make(*pair), 1_700_000_000.0) for make in (planned, materialized) for pair in pairs]


TABLES = ("event_logs", "asset_keys", "asset_event_tags")


def contents(database: str) -> dict[str, list[Any]]:
    engine = sa.create_engine(database)
    with engine.connect() as connection:
        found = {
            # create_timestamp is the clock's, everything else must be equal
            name: [
                tuple(value for column, value in row._mapping.items() if column != "create_timestamp")
                for row in connection.execute(sa.text(f"SELECT * FROM {name} ORDER BY 1"))
            ]
            for name in TABLES
        }
    engine.dispose()
    return found


@pytest.fixture
def two_locations(cluster: Any) -> Iterator[tuple[StorageLocation, StorageLocation]]:
    names = ["dagster_stock", "dagster_ours"]
    for name in names:
        cluster.ensure_database(name)
    first, second = (StorageLocation(cluster.host, cluster.port, n, cluster.superuser, cluster.password) for n in names)
    yield first, second
    with cluster.connect() as conn:
        for name in names:
            conn.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_the_stock_class_is_the_one_we_know() -> None:
    assert fits()


def test_batches_leave_what_the_stock_class_leaves_event_by_event(
    two_locations: tuple[StorageLocation, StorageLocation],
) -> None:
    stock_url, our_url = map(url, two_locations)
    stock, batching = PostgresEventLogStorage(stock_url), BatchingEventLogStorage(our_url)
    for event in events():
        stock.store_event(event)
    batching.store_event_batch(events())
    assert contents(our_url) == contents(stock_url)
    assert len(contents(our_url)["event_logs"]) == 4 * len(CIDS)


def test_single_events_too(two_locations: tuple[StorageLocation, StorageLocation]) -> None:
    stock_url, our_url = map(url, two_locations)
    for storage in (PostgresEventLogStorage(stock_url), BatchingEventLogStorage(our_url)):
        for event in events():
            storage.store_event(event)
    assert contents(our_url) == contents(stock_url)


def test_a_batch_is_stored_whole_or_not_at_all(location: StorageLocation, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = BatchingEventLogStorage(url(location))

    def refuse(*_: Any) -> None:
        raise sa.exc.OperationalError("UPDATE", {}, Exception("connection lost"))

    monkeypatch.setattr(storage, "_store_asset_event", refuse)
    with pytest.raises(EventsNotStoredError):
        storage.store_event_batch(events())
    assert contents(url(location))["event_logs"] == []


def test_ids_become_visible_in_their_order(location: StorageLocation, monkeypatch: pytest.MonkeyPatch) -> None:
    """While one writer holds ids that are not yet visible, no other may take higher ones."""
    slow, fast = BatchingEventLogStorage(url(location)), BatchingEventLogStorage(url(location))
    first_inserted, let_go = threading.Event(), threading.Event()
    store_asset_event = slow._store_asset_event

    def wait_before_commit(*arguments: Any) -> None:
        first_inserted.set()
        assert let_go.wait(timeout=60)
        store_asset_event(*arguments)

    monkeypatch.setattr(slow, "_store_asset_event", wait_before_commit)
    one = threading.Thread(target=slow.store_event_batch, args=[events()[:2]])
    two = threading.Thread(target=fast.store_event_batch, args=[events()[2:4]])
    one.start()
    assert first_inserted.wait(timeout=60)
    two.start()
    wait_for_a_waiting_lock(url(location))
    assert contents(url(location))["event_logs"] == []
    let_go.set()
    one.join()
    two.join()
    assert [row[0] for row in contents(url(location))["event_logs"]] == [1, 2, 3, 4]


def wait_for_a_waiting_lock(database: str) -> None:
    engine = sa.create_engine(database, isolation_level="AUTOCOMMIT")
    question = sa.text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
    with engine.connect() as connection:
        while not connection.execute(question).scalar():
            pass
    engine.dispose()


def test_an_unknown_release_falls_back_to_the_stock_behaviour(
    location: StorageLocation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ours, "_RELIED_ON", {"prepare_insert_event_batch": ["self", "something", "else"]})
    with pytest.warns(UserWarning, match="unknown"):
        storage = PooledPostgresStorage.from_config_value(None, {"postgres_url": url(location)})
    assert not isinstance(storage.event_log_storage, BatchingEventLogStorage)
    storage.event_log_storage.store_event_batch(events()[:2])
    assert len(contents(url(location))["event_logs"]) == 2


def test_the_instance_uses_it_and_batches(instance: dg.DagsterInstance) -> None:
    assert isinstance(instance.event_log_storage, BatchingEventLogStorage)
    assert instance._is_batch_writing_enabled()


def test_statuses_follow_batched_events(instance: dg.DagsterInstance) -> None:
    add_channels(instance, CIDS)
    statements = count_inserts(instance.event_log_storage, events())
    assert statements == 2  # one for the plans, one for the materializations
    statuses = instance.get_status_by_partition(MESSAGES, CIDS, CHANNELS)
    assert statuses == dict.fromkeys(CIDS, AssetPartitionStatus.MATERIALIZED)


def count_inserts(storage: Any, entries: Sequence[EventLogEntry]) -> int:
    seen: list[str] = []

    def remember(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("INSERT INTO event_logs"):
            seen.append(statement)

    sa.event.listen(storage._engine, "before_cursor_execute", remember)
    half = len(entries) // 2
    storage.store_event_batch(entries[:half])
    storage.store_event_batch(entries[half:])
    sa.event.remove(storage._engine, "before_cursor_execute", remember)
    return len(seen)
