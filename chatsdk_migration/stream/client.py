"""One call to Stream: signed by the official SDK, paced, repeated within bounds, judged.

Here: the repeating, the stopping, and the small thread pool that walks share. Not here: the connections (``session``),
limits (``pacing``), the meaning of refusals (``answers``), what is called (the modules an entity).

Errors of every call:

* ``PermanentError``: 401 or 403; all other threads of this client end with the same reason at their next step.
* ``StoppedError`` (a ``PermanentError``): somebody called ``stop``.
* ``SourceAnswerError`` (a ``ChannelError``): 400, 404 and the like, with status and Stream's code.
* ``SourceUnavailableError`` (a ``ChannelError`` and a ``TransientError``): no usable answer within the bounds.
"""

from __future__ import annotations

import copy
import hashlib
import json
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

import requests
from stream_chat import StreamChat
from stream_chat.types.stream_response import StreamResponse
from tenacity import RetryCallState, Retrying, retry_if_exception_type, wait_random_exponential

from chatsdk_migration.errors import AGAIN, ChannelError, PermanentError
from chatsdk_migration.models import Json
from chatsdk_migration.settings import Settings
from chatsdk_migration.stream.answers import AnotherTryError, Answer, SourceUnavailableError, StoppedError, judge
from chatsdk_migration.stream.board import open_board
from chatsdk_migration.stream.endpoints import Endpoint
from chatsdk_migration.stream.pacing import Pacer
from chatsdk_migration.stream.session import NETWORK_ERRORS, Session, reason_of

T = TypeVar("T")
R = TypeVar("R")

HELPERS_PER_CHANNEL = 2
"""Threads for the calls beside a channel's list (replies, reactions, votes), for each channel in flight."""
FEWEST_HELPERS = 8


@dataclass(frozen=True, slots=True)
class Bounds:
    """How long one call is tried.

    Attributes:
        attempts: Tries that end in an error of Stream's or of the network.
        seconds: Time those tries may take beside ``limited_seconds``.
        limited_seconds: Total time while Stream answers 429: limits pass, and the customer's backend shares them.
        seen_seconds: How long Stream's word that a channel exists holds: querying a deleted one would bring it back.
        first_wait_seconds: Ceiling of the first random wait; it doubles with each try.
        longest_wait_seconds: Ceiling of any random wait.
    """

    attempts: int = 8
    seconds: float = 300.0
    limited_seconds: float = 900.0
    seen_seconds: float = 5.0
    first_wait_seconds: float = 0.5
    longest_wait_seconds: float = 30.0


@dataclass(slots=True)
class _Trial:
    """One call being tried; counts the failures that were not rate limits, and holds the first until it is judged."""

    endpoint: Endpoint
    send: Callable[[], StreamResponse]
    optional: bool
    before: Callable[[], object] | None = None
    failures: int = 0
    first: AnotherTryError | None = None


class _Sdk(StreamChat):  # type: ignore[misc, unused-ignore]
    """The SDK with a session that does not repeat by itself, and headers of refusals too."""

    def __init__(self, settings: Settings, connections: int, stopped: Callable[[], bool]) -> None:
        base = settings.stream_chat_url.rstrip("/") if settings.stream_chat_url else None
        super().__init__(settings.stream_api_key, settings.stream_api_secret.get_secret_value(), base_url=base)
        self.timeout = settings.request_timeout_seconds  # not through the constructor: an SDK variable would win
        self.set_http_session(Session(self.base_url, connections, stopped))

    def _parse_response(self, response: Any) -> StreamResponse:
        return Answer(response)


class StreamClient:
    """A Stream app, for reading, from many threads at once.

    Args:
        settings: Credentials, timeout, share of the limits, channels in flight.
        bounds: How long a call is tried.

    Attributes:
        calls: Requests sent, by endpoint, repeated ones included.
        pool: Threads for calls beside a list; work given to it must not wait for other work in it.
        pacer: The paces, and Stream's clock.
        unavailable: Endpoints this app turned out not to have.
        refusing: Ids for which an optional endpoint refused to answer, while another did.
    """

    def __init__(self, settings: Settings, bounds: Bounds = Bounds()) -> None:
        helpers = max(FEWEST_HELPERS, HELPERS_PER_CHANNEL * settings.channels_in_flight)
        self._stopped = threading.Event()
        self._sdk = _Sdk(settings, helpers + settings.channels_in_flight + 1, self._stopped.is_set)
        self._secrets = (self._sdk.auth_token, self._sdk.api_secret, self._sdk.api_key)
        self._reason: list[PermanentError] = []
        self._lock = threading.Lock()
        self._seen: dict[str, float] = {}
        self._seen_seconds = bounds.seen_seconds
        self._tallies: tuple[Counter[str], ...] = ()
        self.calls: Counter[str] = Counter()
        self.unavailable: set[Endpoint] = set()
        self.refusing: dict[Endpoint, set[str]] = defaultdict(set)
        self.pool = ThreadPoolExecutor(helpers, thread_name_prefix="stream")
        board = open_board(settings.dagster_home, _fingerprint(self._sdk.base_url, self._sdk.api_key))
        self.pacer = Pacer(settings.rate_limit_share, self._stopped, board)
        self._retrying = _retrying(bounds, self.pacer)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"StreamClient({sum(self.calls.values())} calls)"

    def get(self, path: str, params: Json | None = None, *, endpoint: Endpoint, optional: bool = False) -> Json:
        """GET; a parameter that is a dictionary is sent as JSON text, as Stream's ``payload`` wants it.

        Args:
            path: Relative, its parts quoted (``endpoints.path``).
            params: Query parameters.
            endpoint: What is called.
            optional: The caller can do without this endpoint: a 403 is then a ``SourceAnswerError``.
        """
        query = {name: json.dumps(v) if isinstance(v, dict) else v for name, v in (params or {}).items()}
        return self._call(_Trial(endpoint, lambda: self._sdk.get(path, params=query), optional))

    def post(
        self,
        path: str,
        body: Json,
        *,
        endpoint: Endpoint,
        optional: bool = False,
        before: Callable[[], object] | None = None,
    ) -> Json:
        """POST a query; arguments as for ``get``. Repeated like a GET, which is safe: none of ours changes anything.

        Args:
            path: Relative, its parts quoted.
            body: The query.
            endpoint: What is called.
            optional: The caller can do without this endpoint.
            before: Called right before each try, after all waiting; what it raises ends the call.
        """
        return self._call(_Trial(endpoint, lambda: self._sdk.post(path, data=body), optional, before))

    def stop(self, reason: PermanentError | None = None) -> None:
        """Make every waiting and every further call of all threads end with ``reason``; returns at once."""
        with self._lock:
            if not self._stopped.is_set():
                self._reason.append(reason or StoppedError("reading Stream", "stopped on request", f"Run {AGAIN}."))
        self._stopped.set()

    def close(self) -> None:
        """Stop, and let go of threads and connections."""
        self.stop()
        self.pool.shutdown(wait=False, cancel_futures=True)
        self._sdk.session.close()

    def counting(self) -> StreamClient:
        """Give the same client with its own, empty ``calls``, which counts into this one too."""
        view = copy.copy(self)
        view._tallies, view.calls = (*self._tallies, self.calls), Counter()
        return view

    def sleep(self, seconds: float) -> None:
        """Sleep until the time is over.

        Raises:
            PermanentError: The run is stopping.
        """
        self.pacer.sleep(seconds)
        self.raise_if_stopped()

    def raise_if_stopped(self) -> None:
        """Raise the reason of the stop, if there is one."""
        if self._stopped.is_set():
            raise self._reason[0]

    @property
    def base_url(self) -> str:
        """The server's address, without credentials."""
        place = urlsplit(str(self._sdk.base_url))
        return place._replace(netloc=place.netloc.rpartition("@")[2]).geturl()

    @property
    def server_time(self) -> float:
        """Stream's clock, in seconds since 1970 (from ``Date`` headers; ours before the first answer)."""
        return self.pacer.server_now()

    def saw(self, cid: str) -> None:
        """Note that Stream has just shown this channel, so that querying it cannot create it."""
        self._seen[cid] = _seconds()

    def doubts(self, cid: str) -> None:
        """Note that something of this channel was missing: it has to be looked up before it is queried again."""
        self._seen.pop(cid, None)

    def has_just_seen(self, cid: str) -> bool:
        """Say whether Stream showed this channel within the last seconds (``Bounds.seen_seconds``)."""
        return _seconds() - self._seen.get(cid, float("-inf")) < self._seen_seconds

    def has_stopped(self) -> bool:
        """Say whether the run is stopping."""
        return self._stopped.is_set()

    def submit(self, work: Callable[..., T], *arguments: Any) -> Future[T]:
        """Give work to the pool.

        Raises:
            PermanentError: The run is stopping.
        """
        self.raise_if_stopped()
        return self.pool.submit(work, *arguments)

    def result(self, future: Future[T]) -> T:
        """Wait for work given to the pool.

        Raises:
            PermanentError: The run is stopping, and the work was taken back.
        """
        try:
            return future.result()
        except CancelledError:
            self.raise_if_stopped()
            raise

    def together(self, work: Callable[[T], R], items: list[T]) -> list[R]:
        """Do the same work for all items in the pool and here; results in order; the first error ends the rest."""
        futures = [self.submit(work, item) for item in items]
        try:
            pairs = zip(items, futures, strict=True)
            return [work(item) if future.cancel() else self.result(future) for item, future in pairs]
        finally:
            cancel(futures)

    def ahead(self, pages: Iterator[T]) -> Iterator[T]:
        """Give the same pages while the next one is being fetched in the pool: one page is held, never more."""
        waiting = self.submit(_next_or_end, pages)
        try:
            while page := self.result(waiting):
                waiting = self.submit(_next_or_end, pages)
                yield page[0]
        finally:
            waiting.cancel()

    def _call(self, trial: _Trial) -> Json:
        try:
            return self._attempt_within_bounds(trial)
        except AnotherTryError as last:
            raise SourceUnavailableError(
                f"calling Stream's {trial.endpoint}",
                f"no usable answer from {urlsplit(self.base_url).netloc}, the last was {last.found}",
                f"Check STREAM_CHAT_URL, the network and Stream's status page, then run {AGAIN}.",
            ) from None
        except PermanentError as error:
            self.stop(error)
            raise

    def _attempt_within_bounds(self, trial: _Trial) -> Json:
        """Try once, and only after a failure by the rule of repeating, whose bookkeeping costs a fifth of a call."""
        try:
            return self._attempt(trial)
        except AnotherTryError as first:
            trial.first = first
        body: Json = self._retrying(self._attempt_again, trial)
        return body

    def _attempt_again(self, trial: _Trial) -> Json:
        first, trial.first = trial.first, None
        if first is not None:
            raise first
        return self._attempt(trial)

    def _attempt(self, trial: _Trial) -> Json:
        self.raise_if_stopped()
        self.pacer.wait(trial.endpoint)
        self.raise_if_stopped()
        if trial.before is not None:
            trial.before()
        self._count(trial.endpoint)
        try:
            answer = self._send(trial)
            wait = self.pacer.learn(trial.endpoint, answer.status, answer.head)
            return judge(answer, trial.endpoint, self._secrets, optional=trial.optional)
        except AnotherTryError as error:
            trial.failures += not error.limited
            error.wait_seconds = wait if error.limited else None
            raise

    def _send(self, trial: _Trial) -> Answer:
        try:
            answer = trial.send()
        except (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema, requests.exceptions.MissingSchema):
            raise PermanentError("reaching Stream", "the address is no URL", "Correct STREAM_CHAT_URL.") from None
        except NETWORK_ERRORS as error:  # its text holds the URL, and with it the API key
            raise AnotherTryError(f"a network error ({reason_of(error)})") from None
        if not isinstance(answer, Answer):
            raise TypeError(f"the SDK gave a {type(answer).__name__}")
        return answer

    def _count(self, endpoint: Endpoint) -> None:
        with self._lock:
            for tally in (self.calls, *self._tallies):
                tally[endpoint.value] += 1


def _retrying(bounds: Bounds, pacer: Pacer) -> Retrying:
    """Build the one retry rule all calls share: full jitter, bounded tries and time, Stream's own waits first."""
    backoff = wait_random_exponential(multiplier=bounds.first_wait_seconds, max=bounds.longest_wait_seconds)

    def error_of(state: RetryCallState) -> AnotherTryError:
        error = state.outcome.exception() if state.outcome else None
        return error if isinstance(error, AnotherTryError) else AnotherTryError("nothing")

    def give_up(state: RetryCallState) -> bool:
        seconds = state.seconds_since_start or 0.0
        if error_of(state).limited:
            return seconds >= bounds.limited_seconds
        return bool(state.args[0].failures >= bounds.attempts or seconds >= bounds.seconds + bounds.limited_seconds)

    def wait(state: RetryCallState) -> float:
        asked = error_of(state).wait_seconds
        return backoff(state) if asked is None else 0.0  # the pacer already holds everybody back that long

    return Retrying(
        stop=give_up, wait=wait, sleep=pacer.sleep, retry=retry_if_exception_type(AnotherTryError), reraise=True
    )


def _fingerprint(*parts: str) -> str:
    """Give a name under which processes that call the same app meet."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _seconds() -> float:
    """Give a clock that also runs while the machine sleeps, where there is one."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


def cancel(futures: list[Future[Any]]) -> None:
    """Take back what has not begun."""
    for future in futures:
        future.cancel()


def _next_or_end(pages: Iterator[T]) -> tuple[T, ...]:
    """Give the next page in a tuple, or an empty tuple at the end."""
    for page in pages:
        return (page,)
    return ()


def unreadable(what: str, found: str) -> ChannelError:
    """Build the error of a walk that cannot go on without risking a loss."""
    return ChannelError(f"reading {what}", found, f"Run {AGAIN}; if it stays, report it with this text.")
