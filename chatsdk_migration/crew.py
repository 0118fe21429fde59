"""Worker processes beside a run: one Python process uses one core, and reading and mapping are most of its work.

Here: starting them, giving them channels, hearing how far they are, their end. Not here: how a channel is carried
(``transfer.py``), how it is recorded (``assets/``: the run's own process writes all events).

Each worker opens a source and a target of its own and reads its settings from the environment, so no secret is handed
on. Pipes are the only tie: whatever ends the run's process, even kill -9, closes them, and the workers leave.
"""

from __future__ import annotations

import pickle
import signal
import subprocess
import sys
import threading
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, Pipe
from queue import SimpleQueue

from chatsdk_migration import transfer
from chatsdk_migration.collector import relaxed
from chatsdk_migration.errors import AGAIN, MigrationError, PermanentError
from chatsdk_migration.settings import Settings
from chatsdk_migration.transfer import Part, PartResult

Results = dict[Part, PartResult]
Job = tuple[str, frozenset[Part]]

CHANNELS_WORTH_A_WORKER, MESSAGES_WORTH_A_WORKER = 150, 20_000
"""A worker takes about a second to start; with less to share there is nothing to gain."""
NEWS_SECONDS = 0.25
"""How often a worker says how far it is."""
LEAVING_SECONDS = 30.0
"""How long workers get to give their connections back."""
_COUNTING = threading.Lock()


def processes_for(settings: Settings, channels: int, messages: int) -> int:
    """Give how many processes should share so many channels and messages; 1: the run's own."""
    if sys.platform == "win32":  # pipes are inherited by number
        return 1
    worth = max(channels // CHANNELS_WORTH_A_WORKER, messages // MESSAGES_WORTH_A_WORKER)
    return max(1, min(settings.worker_processes, settings.channels_in_flight, channels, worth))


class Crew:
    """Worker processes that carry channels; ``channel`` may be called from ``channels_in_flight`` threads at once.

    Args:
        settings: How many channels are in flight, over all processes.
        run_id: The Dagster run, kept with each rejected record.
        processes: How many workers.

    Raises:
        PermanentError: Not all of them can be started; none is left.
    """

    def __init__(self, settings: Settings, run_id: str, processes: int) -> None:
        self._desks: SimpleQueue[tuple[_Worker, Connection]] = SimpleQueue()
        self._workers = list[_Worker]()
        try:
            for share in _shares(settings.channels_in_flight, processes):
                self._workers.append(_Worker(run_id, share))
        except BaseException as error:  # those that were started would hold their connections until our process ends
            self.close()
            if isinstance(error, OSError):
                raise _not_started(len(self._workers), processes, error) from None
            raise
        for places in zip(*(worker.desks for worker in self._workers), strict=False):  # in turns, so all have work
            for worker, desk in zip(self._workers, places, strict=True):
                self._desks.put((worker, desk))
        for worker in self._workers:  # those whose share is one larger
            for desk in worker.desks[min(len(each.desks) for each in self._workers) :]:
                self._desks.put((worker, desk))

    def channel(self, cid: str, parts: frozenset[Part]) -> Results:
        """Let a worker carry parts of one channel, as ``transfer.carry_channel`` does.

        Raises:
            PermanentError: Nothing further can succeed, or the worker is gone.
        """
        worker, desk = self._desks.get()
        try:
            return worker.ask(desk, (cid, parts))
        finally:
            self._desks.put((worker, desk))

    def stop(self) -> None:
        """Let all calls in flight end soon."""
        for worker in self._workers:
            worker.stop()

    def close(self) -> None:
        """Send the workers home, and wait for them."""
        for worker in self._workers:
            worker.dismiss()
        for worker in self._workers:
            worker.wait()


def _not_started(started: int, wanted: int, error: OSError) -> PermanentError:
    return PermanentError(
        "starting worker processes",
        f"{started} of {wanted} could be started: {error.strerror or type(error).__name__}",
        "Lower worker_processes or channels_in_flight, or raise the system's limits of processes and open files. Then "
        f"run {AGAIN}.",
    )


def _shares(total: int, processes: int) -> Iterator[int]:
    return (total // processes + (number < total % processes) for number in range(processes))


class _Worker:
    """One worker as the run's process sees it."""

    def __init__(self, run_id: str, places: int) -> None:
        pipes = [Pipe() for _ in range(places + 1)]
        theirs = [pipe[1].fileno() for pipe in pipes]
        self._control, *self.desks = (pipe[0] for pipe in pipes)
        command = [sys.executable, "-m", __name__, run_id, *map(str, theirs)]
        self._process = subprocess.Popen(command, pass_fds=theirs, stdin=subprocess.DEVNULL)  # noqa: S603 - this very module
        for _, end in pipes:
            end.close()
        self._listener = threading.Thread(target=self._listen, name="crew", daemon=True)
        self._listener.start()

    def ask(self, desk: Connection, job: Job) -> Results:
        """Hand over a channel and wait for what became of it."""
        try:
            desk.send(job)
            answer: Results | Exception = desk.recv()
        except (EOFError, OSError):
            raise self._lost() from None
        if isinstance(answer, Exception):
            raise answer
        return answer

    def stop(self) -> None:
        """Ask for a quick end; what is asked afterwards is refused."""
        with suppress(OSError):
            self._control.send(None)

    def dismiss(self) -> None:
        """Close the desks: the worker leaves when it has nothing left to do."""
        for desk in self.desks:
            desk.close()

    def wait(self) -> None:
        """Wait until the worker has left, with force in the end."""
        try:
            self._process.wait(LEAVING_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._listener.join()
        self._control.close()

    def _listen(self) -> None:
        """Add the worker's counts to ours."""
        with suppress(EOFError, OSError):
            while True:
                news = self._control.recv()
                with _COUNTING:
                    transfer.CARRIED.update(news)

    def _lost(self) -> PermanentError:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(1)
        code = self._process.poll()
        how = f"killed by signal {-code}" if code is not None and code < 0 else f"exit code {code}"
        advice = "What it wrote to standard error says more. "
        if code == -signal.SIGKILL:
            advice = "Mostly the memory did not suffice: lower worker_processes or channels_in_flight. "
        tried, found = "carrying channels", f"worker process {self._process.pid} is gone ({how})"
        return PermanentError(tried, found, f"{advice}Then run {AGAIN}.")


def _work(run_id: str, control: Connection, desks: Sequence[Connection]) -> None:
    """Carry channels until the desks are closed."""
    try:
        migration = transfer.Migration(Settings.load(), run_id=run_id)
    except MigrationError as problem:  # also one that may pass: without a worker the run cannot go on
        for desk in desks:
            _refuse(desk, PermanentError(problem.tried, problem.found, problem.next_step))
        return
    with migration, relaxed():
        threads = [threading.Thread(target=_serve, args=(migration, desk), daemon=True) for desk in desks]
        for thread in threads:
            thread.start()
        _report(control, migration, threads)


def _refuse(desk: Connection, problem: PermanentError) -> None:
    with suppress(EOFError, OSError):
        desk.recv()
        desk.send(problem)


def _serve(migration: transfer.Migration, desk: Connection) -> None:
    """Carry one channel after another for one place; it ends with a closed desk, at which nobody waits in vain."""
    with desk, suppress(EOFError, OSError):
        while True:
            cid, parts = desk.recv()
            desk.send(_carried(migration, cid, parts))


def _carried(migration: transfer.Migration, cid: str, parts: frozenset[Part]) -> Results | Exception:
    try:
        return transfer.carry_channel(migration, cid, parts)
    except Exception as error:  # noqa: BLE001 - the run's process judges it, as if it had been raised there
        error.add_note("".join(traceback.format_tb(error.__traceback__)))
        return _portable(error)


def _portable(error: Exception) -> Exception:
    """Give an error that gets through a pipe: the same, or one that names its kind."""
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    except Exception:  # noqa: BLE001 - pickling runs the error's own code
        stand_in = RuntimeError("an error that cannot be handed on")
        for note in (f"{type(error).__module__}.{type(error).__qualname__}", *error.__notes__):
            stand_in.add_note(f"{note}\n")
        return stand_in
    return error


def _report(control: Connection, migration: transfer.Migration, threads: Sequence[threading.Thread]) -> None:
    """Say how far we are until all threads have ended; stop when told to, or when nobody is left to tell."""
    said: Counter[str] = Counter()
    try:
        while any(thread.is_alive() for thread in threads):
            if control.poll(NEWS_SECONDS):
                control.recv()
                migration.source.stop()
            _tell(control, said)
        _tell(control, said)
    except (EOFError, OSError):
        migration.source.stop()


def _tell(control: Connection, said: Counter[str]) -> None:
    """Send what has been counted since."""
    news = Counter(transfer.CARRIED)
    news.subtract(said)
    if news := +news:
        control.send(news)
        said.update(news)


def main(arguments: Sequence[str]) -> None:
    """Be a worker: ``RUN_ID CONTROL DESK...``, the numbers of inherited pipes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the run's process' to handle; it tells us
    run_id, *numbers = arguments
    control, *desks = (Connection(int(number)) for number in numbers)
    _work(run_id, control, desks)


if __name__ == "__main__":
    main(sys.argv[1:])
