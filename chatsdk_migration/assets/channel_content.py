"""Members, messages and reactions of channels, and the walk over channels that carries them.

Here: the three partitioned assets, and ``carry_channels``, which the job for scattered channels uses too.
Not here: how one channel is carried (``transfer.py``), how it is recorded (``instance/recorder.py``).

The three are one multi-asset. As separate assets, one failed messages partition would keep the reactions of all
channels of the run from being carried; and a result that is yielded would mark the whole range as materialized.
So the step yields nothing: it records each partition the moment it is committed, and fails at the end if any failed.
"""

import logging
import threading
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any

import dagster as dg

from chatsdk_migration.assets.channels import channels
from chatsdk_migration.assets.lineage import Done, done_before
from chatsdk_migration.assets.metadata import GROUP, KINDS, OWNERS, about, part_materialization
from chatsdk_migration.assets.people import users
from chatsdk_migration.budget import Budget
from chatsdk_migration.collector import relaxed
from chatsdk_migration.errors import ChannelError, MigrationError, PermanentError
from chatsdk_migration.instance.home import STREAM_POOL
from chatsdk_migration.instance.recorder import Context, Recorder
from chatsdk_migration.partitions import CHANNELS, LARGEST_RUN_CHANNELS
from chatsdk_migration.reporting import as_failures, channels_failed, explain
from chatsdk_migration.resources import Carrier, MigrationResource
from chatsdk_migration.transfer import Part, PartResult

Job = tuple[str, frozenset[Part]]
OBSERVED_FAILURES = 500
"""Failed channels that get an observation of their own; beyond that they are only in the run's failure."""


def _spec(name: str, deps: Sequence[Any], description: str) -> dg.AssetSpec:
    return dg.AssetSpec(
        name,
        skippable=True,
        deps=deps,
        group_name=GROUP,
        owners=OWNERS,
        kinds=KINDS | {"stream"},
        metadata=about(name),
        description=description,
    )


@dg.multi_asset(
    name="channel_content",
    partitions_def=CHANNELS,
    can_subset=True,
    pool=STREAM_POOL,
    backfill_policy=dg.BackfillPolicy.multi_run(LARGEST_RUN_CHANNELS),
    specs=[
        _spec(
            "members",
            [channels, users],
            "Who is in the channel, with role, mute and read position, in ChatSDK's `channel_member`.",
        ),
        _spec(
            "messages",
            ["members"],
            "All messages and thread replies in ChatSDK's `message`, numbered in time order, with mentions, pins, "
            "polls and each member's state.",
        ),
        _spec("reactions", ["messages"], "All reactions in ChatSDK's `reaction`, as emoji."),
    ],
)
def channel_content(context: dg.AssetExecutionContext, migration: MigrationResource) -> Iterator[Any]:
    """Carry the selected parts of every channel of the run's range."""
    parts = frozenset(Part(key.path[-1]) for key in context.selected_asset_keys)
    carry_channels(context, migration, _chosen(context), parts)
    return
    yield  # a generator: nothing is yielded, so Dagster adds no events of its own


def _chosen(context: dg.AssetExecutionContext) -> list[str]:
    """Give the run's channels: none when it was launched without a range."""
    with_range = context.has_partition_key or context.has_partition_key_range
    return list(context.partition_keys) if with_range else []


def carry_channels(
    context: Context, migration: MigrationResource, cids: Sequence[str], parts: frozenset[Part]
) -> dict[Part, int]:
    """Carry parts of channels, many at a time, and record each; give the rows written.

    Raises:
        Failure: No channel was given, some failed (the others are done), or nothing further can succeed.
    """
    if not cids:
        raise _empty_range()
    with as_failures(context.instance, context.run.run_id):
        carrier = migration.begin(context)
        done = done_before(context.instance, context.run, cids, parts)
        settings = migration.settings()
        walk = Walk(carrier, Recorder(context), context.log, Budget.of(settings))
        walk.repeat(done)
        with relaxed():
            walk.run(_still_to_do(carrier.prepare(cids), parts, done), settings.channels_in_flight)
        if walk.problems:
            walk.observe_problems()
        walk.require_budget(len(cids))
    if walk.problems:
        raise channels_failed(walk.problems, len(cids))
    return walk.written


def _empty_range() -> dg.Failure:
    return dg.Failure(
        "No channel to migrate: the range of partitions is empty. It may not have been given, or in reverse order "
        "(partitions are ordered as they were discovered), or job full_migration has not discovered any channel yet.",
        allow_retries=False,
    )


def _still_to_do(cids: Sequence[str], parts: frozenset[Part], done: Done) -> list[Job]:
    left = [(cid, frozenset(part for part in parts if (cid, part) not in done)) for cid in cids]
    return [(cid, open_parts) for cid, open_parts in left if open_parts]


@dataclass
class Walk:
    """One pass over channels, concurrently; every result is recorded by the thread that got it.

    Attributes:
        problems: What kept a channel from being completed, by cid.
        written: Rows written, by part.
    """

    carrier: Carrier
    recorder: Recorder
    log: logging.Logger | Any
    budget: Budget
    problems: dict[str, MigrationError] = field(default_factory=dict)
    written: dict[Part, int] = field(default_factory=dict)
    _failed_parts: dict[str, list[Part]] = field(default_factory=dict)
    _begun: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def repeat(self, done: Done) -> None:
        """Record again what earlier attempts of this run have done."""
        for (cid, part), earlier in done.items():
            self.recorder.add(dg.AssetMaterialization(part.value, partition=cid, metadata=earlier.metadata))
        self.recorder.flush()
        if done:
            self.log.info("%s parts of channels were done by an earlier attempt of this run.", len(done))

    def run(self, todo: Sequence[Job], in_flight: int) -> None:
        """Carry all channels; returns when the last is recorded.

        Raises:
            PermanentError: Nothing further can succeed; the other threads have been stopped.
        """
        jobs, ended = iter(todo), SimpleQueue[BaseException | None]()
        workers = [
            # Daemons, so that a second Ctrl-C need not wait for them.
            threading.Thread(target=self._work, args=(jobs, ended), name=f"channels-{number}", daemon=True)
            for number in range(min(in_flight, len(todo)))
        ]
        try:
            for worker in workers:
                worker.start()
            # An interrupt is raised here, at any instruction. Waiting on futures would risk leaving their locks held;
            # this queue's wait is one instruction.
            for _ in workers:
                _raise(ended.get())
        except BaseException:
            self._stop.set()
            self.carrier.stop()
            raise
        finally:
            for worker in (worker for worker in workers if worker.ident is not None):
                worker.join()
            self.recorder.flush()

    def _work(self, jobs: Iterator[Job], ended: SimpleQueue[BaseException | None]) -> None:
        """Take channels until there are none left, or until a stop."""
        error: BaseException | None = None
        try:
            for job in jobs:  # the iterator of a list gives each element to one thread
                if self._stop.is_set() or self.budget.is_exceeded():
                    break  # this channel stays as it is, for a resume
                self._carry(*job)
        except BaseException as problem:  # noqa: BLE001 - handed to the main thread, which raises it
            self._stop.set()
            error = problem
        finally:
            ended.put(error)

    def _carry(self, cid: str, parts: frozenset[Part]) -> None:
        results = self._results(cid, parts)
        # What was broken off by a stop has not failed by itself; it is left as it was.
        if not self._stop.is_set() or all(result.problem is None for result in results.values()):
            self._record(cid, results)

    def _results(self, cid: str, parts: frozenset[Part]) -> Mapping[Part, PartResult]:
        try:
            return self.carrier.channel(cid, parts)
        except PermanentError:
            raise
        except MigrationError as error:
            return {part: PartResult(problem=error) for part in parts}
        except Exception as error:  # noqa: BLE001 - a defect met by one channel must not take its neighbours along
            trace = "".join([*traceback.format_tb(error.__traceback__), *getattr(error, "__notes__", [])])
            self.log.error("Channel %s met a defect:\n%s", cid, trace)  # noqa: TRY400 - the message may quote private data
            return {part: PartResult(problem=_defect(cid, error)) for part in parts}

    def _record(self, cid: str, results: Mapping[Part, PartResult]) -> None:
        with self._lock:
            self._begun += 1
        for part in (part for part in Part if part in results):
            result = results[part]
            if result.problem is None:
                self.recorder.add(part_materialization(cid, part, result))
            with self._lock:
                self._count(cid, part, result)
        if any(result.gone for result in results.values()):
            self.log.warning("Channel %s is gone from the source: it was deleted in Stream meanwhile.", cid)

    def _count(self, cid: str, part: Part, result: PartResult) -> None:
        self.written[part] = self.written.get(part, 0) + result.rows
        self.budget.count(result.rows + result.already_there + result.rejects, result.rejects)
        if result.problem is not None:
            self.problems.setdefault(cid, result.problem)
            self._failed_parts.setdefault(cid, []).append(part)

    def require_budget(self, total: int) -> None:
        """Check that not too many records were rejected.

        Raises:
            BudgetExceededError: They were; everything that was begun is done and recorded.
        """
        if self.budget.is_exceeded():
            raise self.budget.error(self._begun, total)

    def observe_problems(self) -> None:
        """Put the reason and the remedy on the page of each failed partition."""
        for cid, problem in list(self.problems.items())[:OBSERVED_FAILURES]:
            self.log.error("Channel %s failed: %s", cid, problem)
            for part in self._failed_parts[cid]:
                observation = dg.AssetObservation(
                    part.value, partition=cid, description=str(problem), metadata=explain(problem)
                )
                self.recorder.observe(observation)


def _raise(error: BaseException | None) -> None:
    if error is not None:
        raise error


def _defect(cid: str, error: Exception) -> ChannelError:
    return ChannelError(
        f"migrating channel {cid}",
        f"a defect of this tool ({type(error).__name__})",
        "Report it with the trace from the run's log; the other channels are not affected.",
    )
