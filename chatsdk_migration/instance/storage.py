"""Dagster's Postgres storage with a small connection pool and asset events written many at a time.

Here: the storage class that our ``dagster.yaml`` names. Not here: where the database is (``home.py``).

The stock class opens a connection for each statement and asks whether a table exists before each tagged event, so
an event costs 20 ms and a run over thousands of channels minutes. This class leans on internals of the pinned
release; ``fits`` checks them, and the stock behaviour takes over when they have changed.
"""

from __future__ import annotations

import inspect
import os
import warnings
from collections.abc import Sequence
from typing import Any, Self

from dagster import DagsterEventType
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log import SqlEventLogStorageTable
from dagster._serdes import ConfigurableClassData
from dagster_postgres import DagsterPostgresStorage, PostgresEventLogStorage
from dagster_postgres.utils import create_pg_engine, get_token_provider_from_config, pg_url_from_config
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

EVENT_BATCH_SIZE = 1000
"""Events in one INSERT; above it the statement's text costs more than the round trips it saves."""
EVENT_BATCH_VARIABLE = "DAGSTER_EVENT_BATCH_SIZE"
"""Dagster's own switch; every process that creates or executes runs must have it set."""

POOL_SIZE = 1
"""Connections kept open by each of the three storages; most processes use one at a time."""
POOL_OVERFLOW = 20
"""Connections opened on demand, for the webserver's and the daemon's threads."""
POOL_RECYCLE_SECONDS = 3600

ASSET_EVENTS_LOCK = 7_242_031_907
"""Advisory lock (a number of our own) held from taking event ids until they are visible."""

COLLECTED = frozenset({DagsterEventType.ASSET_MATERIALIZATION_PLANNED, DagsterEventType.ASSET_MATERIALIZATION})

_RELIED_ON = {
    "prepare_insert_event_batch": ["self", "events"],
    "_store_asset_event_tags": ["self", "conn", "events", "event_ids"],
    "_store_asset_event": ["self", "conn", "event", "event_id"],
    "index_transaction": ["self"],
    "has_table": ["self", "table_name"],
}
"""Methods of the stock class and their parameters, as of dagster-postgres 0.29.27."""


def fits(stock: type = PostgresEventLogStorage) -> bool:
    """Say whether the stock class still has the methods that the batching relies on."""
    return all(
        hasattr(stock, name) and list(inspect.signature(getattr(stock, name)).parameters) == parameters
        for name, parameters in _RELIED_ON.items()
    )


class EventsNotStoredError(Exception):
    """A batch of events was not stored; the text names the driver's error and nothing else."""


class BatchingEventLogStorage(PostgresEventLogStorage):
    """Writes planned and materialization events in one transaction, whatever their number."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self._known_tables: set[str] = set()
        super().__init__(*args, **options)

    def has_table(self, table_name: str) -> bool:
        """Remember the tables that exist; none is dropped while we run."""
        if table_name not in self._known_tables and super().has_table(table_name):
            self._known_tables.add(table_name)
        return table_name in self._known_tables

    def store_event(self, event: EventLogEntry) -> None:
        """Store one event."""
        if _all_collected([event]):
            self._store_together([event])
        else:
            super().store_event(event)

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store many events."""
        try:
            if events and _all_collected(events):
                self._store_together(events)
            else:
                super().store_event_batch(events)
        except DBAPIError as error:
            # Dagster prints this text before it tries them one by one; the driver's own quotes the events.
            raise EventsNotStoredError(type(error.orig).__name__) from None

    def _store_together(self, events: Sequence[EventLogEntry]) -> None:
        """Store events and what is derived from them at once.

        The lock makes ids visible in their order. Without it a reader may cache statuses up to an id while lower
        ids are still being committed by another process, and never look at those again.
        """
        insert = self.prepare_insert_event_batch(events).returning(SqlEventLogStorageTable.c.id)
        with self.index_transaction() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ASSET_EVENTS_LOCK})
            ids = [int(row[0]) for row in connection.execute(insert)]
            self._store_asset_event_tags(connection, events, ids)
            for event, event_id in _last_of_each(events, ids):
                self._store_asset_event(connection, event, event_id)


def _all_collected(events: Sequence[EventLogEntry]) -> bool:
    return all(event.is_dagster_event and event.get_dagster_event().event_type in COLLECTED for event in events)


def _last_of_each(events: Sequence[EventLogEntry], ids: Sequence[int]) -> list[tuple[EventLogEntry, int]]:
    """Pick the last event of each asset and kind: the asset's row remembers no more than that."""
    last = {}
    for event, event_id in zip(events, ids, strict=True):
        dagster_event = event.get_dagster_event()
        last[dagster_event.asset_key, dagster_event.event_type] = (event, event_id)
    return list(last.values())


class PooledPostgresStorage(DagsterPostgresStorage):
    """The storage that ``dagster.yaml`` names; takes the same configuration as the stock class."""

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> Self:
        """Build it, or one that behaves like the stock class when the internals do not fit."""
        url, token_provider = pg_url_from_config(config_value), get_token_provider_from_config(config_value)
        autocreate = config_value.get("should_autocreate_tables", True)
        self = cls(url, autocreate, inst_data, token_provider)
        if not fits():
            warnings.warn("This release of dagster-postgres is unknown: events are written one by one.", stacklevel=2)
            return self
        os.environ.setdefault(EVENT_BATCH_VARIABLE, str(EVENT_BATCH_SIZE))
        # The stock one above has created the tables.
        self._event_log_storage = BatchingEventLogStorage(url, False, token_provider=token_provider)  # noqa: FBT003
        for storage in (self._run_storage, self._event_log_storage, self._schedule_storage):
            storage._engine = create_pg_engine(
                url,
                token_provider,
                isolation_level="AUTOCOMMIT",
                pool_size=POOL_SIZE,
                max_overflow=POOL_OVERFLOW,
                pool_recycle=POOL_RECYCLE_SECONDS,
                pool_pre_ping=True,  # a restarted database must not fail the next statement
            )
        return self
