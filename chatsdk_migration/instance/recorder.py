"""Records what became of channels in Dagster's event log, many at a time and from many threads.

Here: materializations, plans and observations of single partitions. Not here: when to record (``assets/``), how a
batch is stored (``storage.py``).

``context.log_event`` costs 4 to 7 ms each. The recorder lets whoever finds the log free write everything that has
gathered meanwhile: alone it writes at once, under load in batches. It leans on internals of the pinned release and
falls back to ``context.log_event`` when they do not fit.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from uuid import uuid4

import dagster as dg
from dagster._core.events import (
    AssetMaterializationPlannedData,
    DagsterEvent,
    DagsterEventBatchMetadata,
)

Context = dg.OpExecutionContext | dg.AssetExecutionContext
Writer = Callable[[Sequence[dg.AssetMaterialization]], None]


class Recorder:
    """Writes materializations in batches; safe to use from many threads."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._write = _batch_writer(context) or _single_writer(context)
        self._waiting: list[dg.AssetMaterialization] = []
        self._waiting_lock = threading.Lock()
        self._log_lock = threading.Lock()

    def add(self, materialization: dg.AssetMaterialization) -> None:
        """Record one materialization, now or with the batch that another thread is about to write."""
        with self._waiting_lock:
            self._waiting.append(materialization)
        # Whoever is writing looks again after letting go, so nothing stays behind.
        while self._waiting and self._log_lock.acquire(blocking=False):
            try:
                self._drain()
            finally:
                self._log_lock.release()

    def flush(self) -> None:
        """Return when everything added so far is stored."""
        with self._log_lock:
            self._drain()

    def observe(self, observation: dg.AssetObservation) -> None:
        """Record one observation at once."""
        with self._log_lock:
            self._context.log_event(observation)

    def _drain(self) -> None:
        while True:
            with self._waiting_lock:
                batch, self._waiting = self._waiting, []
            if not batch:
                return
            self._write(batch)


def _single_writer(context: Context) -> Writer:
    def write(batch: Sequence[dg.AssetMaterialization]) -> None:
        for materialization in batch:
            context.log_event(materialization)

    return write


def _batch_writer(context: Context) -> Writer | None:
    try:
        op_context = getattr(context, "op_execution_context", context)
        step = op_context._step_execution_context
        _ = (step.step.handle, step.job_name, step.log.log_dagster_event)
    except AttributeError:
        return None

    def write(batch: Sequence[dg.AssetMaterialization]) -> None:
        batch_id = str(uuid4())
        for index, materialization in enumerate(batch):
            ends = index == len(batch) - 1
            DagsterEvent.asset_materialization(step, materialization, DagsterEventBatchMetadata(batch_id, ends))

    return write


def plan_partitions(
    instance: dg.DagsterInstance, run: dg.DagsterRun, step_key: str, pairs: Iterable[tuple[dg.AssetKey, str]]
) -> None:
    """Announce that this run will materialize these (asset, partition) pairs.

    Dagster does so itself for runs over a range. A partition that was announced and not materialized when its run
    fails is shown as failed.
    """
    events = [
        DagsterEvent.build_asset_materialization_planned_event(
            run.job_name, step_key, AssetMaterializationPlannedData(asset, partition=key, partitions_subset=None)
        )
        for asset, key in pairs
    ]
    batch_id = str(uuid4())
    for index, event in enumerate(events):
        batch = DagsterEventBatchMetadata(batch_id, index == len(events) - 1)
        instance.report_dagster_event(event, run.run_id, logging.DEBUG, batch_metadata=batch)
