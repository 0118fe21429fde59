"""How far a migration is: true numbers, an honest estimate, bars on a terminal and plain lines elsewhere.

Here: the arithmetic of rate and remaining time, and its two forms. Not here: the counting (``transfer.CARRIED``,
events of the run).

The estimate goes by messages when Stream says how many its channels hold, else by channels; before anything is known
it says nothing rather than something invented.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

BARS_SECONDS = 0.25
LINES_SECONDS = 5.0
"""How often bars move, and how often a log gets a line."""
LEAST_SHARE_FOR_ESTIMATE = 0.02
"""Below this share of the work an estimate would be noise."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Where a run stands.

    Attributes:
        channels_done, channels_total: Channels finished, well or not, and channels to do.
        messages_read: Messages read from Stream.
        messages_expected: What Stream says there is, or None when it does not say for every channel.
        seconds: Since the channels began.
    """

    channels_done: int
    channels_total: int
    messages_read: int
    messages_expected: int | None
    seconds: float

    @property
    def share(self) -> float:
        """Give the part of the work that is done, 0 to 1."""
        if self.messages_expected:
            # Stream's own count may leave replies or deleted messages out: never past what the channels say.
            by_messages = min(self.messages_read / self.messages_expected, 1.0)
            return by_messages if self.channels_done < self.channels_total else 1.0
        return self.channels_done / self.channels_total if self.channels_total else 1.0

    @property
    def messages_per_second(self) -> float:
        """Give the mean rate so far."""
        return self.messages_read / self.seconds if self.seconds > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """Estimate what remains, or None while too little is done to tell."""
        if self.share < LEAST_SHARE_FOR_ESTIMATE:
            return None
        return self.seconds * (1 - self.share) / self.share


def duration(seconds: float) -> str:
    """Say a duration the way a person would."""
    for limit, unit, name in ((90, 1, "s"), (90 * 60, 60, "min"), (float("inf"), 3600, "h")):
        if seconds < limit:
            return f"{seconds / unit:.0f} {name}"
    raise AssertionError("the last limit is infinite")


def as_line(snapshot: Snapshot, *, ended: bool = False) -> str:
    """Say where a run stands, or how it ended, in one plain line."""
    expected = f" of about {snapshot.messages_expected:,}" if snapshot.messages_expected else ""
    return (
        f"channels {snapshot.channels_done:,}/{snapshot.channels_total:,}, "
        f"messages read {snapshot.messages_read:,}{expected}, {snapshot.messages_per_second:,.0f}/s, "
        + (f"after {duration(snapshot.seconds)}" if ended else _left(snapshot.seconds_left))
    )


def _left(seconds: float | None) -> str:
    return "too early to say how long" if seconds is None else f"about {duration(seconds)} left"


@contextmanager
def shown(console: Console, snapshot: Callable[[], Snapshot]) -> Iterator[None]:
    """Show the progress of what happens inside, until it ends: bars on a terminal, a line every few seconds else."""
    stop = threading.Event()
    show = _bars if console.is_terminal else _lines
    thread = threading.Thread(target=show, args=(console, snapshot, stop), name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@contextmanager
def listing(console: Console, counts: Mapping[str, int]) -> Iterator[None]:
    """Show how many users and channels have been listed, whose totals nobody knows before."""

    def text() -> str:
        return f"listing: {counts['users']:,} users, {counts['channels']:,} channels"

    if not console.is_terminal:
        with _repeated(lambda: console.print(text(), highlight=False), LINES_SECONDS):
            yield
        console.print(text(), highlight=False)
        return
    with Progress(SpinnerColumn(), TextColumn("{task.description}"), console=console, transient=True) as progress:
        task = progress.add_task(text())
        with _repeated(lambda: progress.update(task, description=text()), BARS_SECONDS):
            yield
    console.print(text())


@contextmanager
def _repeated(work: Callable[[], None], seconds: float) -> Iterator[None]:
    """Do something again and again beside what happens inside."""
    stop = threading.Event()

    def repeat() -> None:
        while not stop.wait(seconds):
            work()

    thread = threading.Thread(target=repeat, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _lines(console: Console, snapshot: Callable[[], Snapshot], stop: threading.Event) -> None:
    while not stop.wait(LINES_SECONDS):
        console.print(as_line(snapshot()), highlight=False)
    console.print(as_line(snapshot(), ended=True), highlight=False)


def _bars(console: Console, snapshot: Callable[[], Snapshot], stop: threading.Event) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[note]}"))
    start = time.monotonic()
    with Progress(*columns, console=console) as bars:
        channels = bars.add_task("channels", total=snapshot().channels_total, note="")
        messages = bars.add_task("messages", total=snapshot().messages_expected, note="")
        while True:
            ended = stop.wait(BARS_SECONDS)
            now = snapshot()
            left = now.seconds_left
            note = f"about {duration(left)} left" if left is not None and not ended else ""
            if ended:
                note = f"in {duration(time.monotonic() - start)}"
            bars.update(channels, completed=now.channels_done, total=now.channels_total, note=note)
            rate = f"{now.messages_per_second:,.0f}/s"
            bars.update(messages, completed=now.messages_read, total=now.messages_expected, note=rate)
            if ended:
                return
