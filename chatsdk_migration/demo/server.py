"""A strict local Stream Chat server: first-generation REST over HTTP, as mean as the real one may be.

Here: HTTP, the order of checks, faults on the wire, the server's life. Not here: routes (``routes.py``),
answers (``answers_*.py``), the state (``world.py``), the switches (``options.py``).

The unmodified ``stream-chat`` SDK talks to it::

    with StreamServer(World()) as server:
        client = StreamChat("key", "secret", base_url=server.url)

Run by itself: ``python -m chatsdk_migration.demo.server --workspace sample``; its first line of output is the URL.
"""

from __future__ import annotations

import asyncio
import gzip
import logging
import threading
from collections import Counter
from collections.abc import Callable
from email.utils import format_datetime
from time import perf_counter, time
from types import TracebackType
from typing import Self

from aiohttp import web

from chatsdk_migration.demo import routes
from chatsdk_migration.demo.answers_export import exported_file
from chatsdk_migration.demo.auth import Gate
from chatsdk_migration.demo.encoding import encode
from chatsdk_migration.demo.faults import Faults, Kind
from chatsdk_migration.demo.limits import Limiter, Verdict, headers
from chatsdk_migration.demo.options import STANDARD_LIMITS, ServerOptions
from chatsdk_migration.demo.rendering import Renderer
from chatsdk_migration.demo.site import Site, Write
from chatsdk_migration.demo.wire import Answer, ApiError, Request, answer, bad_input, decode_json, not_found
from chatsdk_migration.demo.world import World
from chatsdk_migration.models import Json

logger = logging.getLogger(__name__)

JSON_TYPE = "application/json;charset=utf-8"
HTML_PAGE = b"<html><head><title>%d</title></head><body><center><h1>upstream error</h1></center></body></html>"
RATE_LIMITED = 9
TOO_MANY = "Too many requests, check response headers for more information."
START_SECONDS = 10.0

Hook = Callable[[str, Json], None]
"""Called with the endpoint's name and everything asked for, in the server's thread: it must not call the server."""

_ERROR_FAULTS: dict[str, tuple[int, int, str]] = {
    "400": (400, 4, "injected input error"),
    "401": (401, 5, "injected authentication failure"),
    "403": (403, 17, "injected refusal"),
    "404": (404, 16, "injected absence"),
    "408": (408, 23, "request timed out"),
    "500": (500, -1, "internal server error"),
}
_EDGE_FAULTS: dict[str, tuple[int, dict[str, str]]] = {
    "502": (502, {}),
    "503": (503, {}),
    "503_retry_after": (503, {"Retry-After": "1"}),
    "504": (504, {}),
}


class StreamServer:
    """Serves one world; a context manager that runs in a thread of its own.

    Attributes:
        url: Base URL for the SDK, once started.
        options: Switches, changeable at run time.
        faults: Faults to come.
        calls: Requests by endpoint, refused and faulted ones too. answers: by endpoint and status (0: dropped).
        writes: Forbidden requests seen. races: GetOrCreate on channels that had been listed and disappeared since.
        before_answer: Hook called before each request is answered, to change the world between two pages.
        in_flight, most_in_flight: Requests being answered now, and at most.
        failures: Exceptions of the server itself or of the hook; a test should find none.
    """

    def __init__(  # noqa: PLR0913 -- an address, a key pair and the switches
        self,
        world: World,
        *,
        api_key: str = "key",
        api_secret: str = "secret",  # noqa: S107 -- a server for tests, on loopback
        options: ServerOptions | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        seed: int = 0,
    ) -> None:
        self.world = world
        self._options = options or ServerOptions()
        self.faults = Faults(seed)
        self.calls: Counter[str] = Counter()
        self.answers: Counter[tuple[str, int]] = Counter()
        self.bytes_sent = 0
        self.failures: list[Exception] = []
        self.before_answer: Hook | None = None
        self.in_flight = 0
        self.most_in_flight = 0
        self.url = ""
        self._address = (host, port)
        self._site = Site(world, self.options, Renderer(world, self.options))
        self._gate = Gate(api_key, api_secret, self.options)
        self._limiter = Limiter(self.options)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="stream-server", daemon=True)
        self._started = threading.Event()
        self._stop: asyncio.Event | None = None

    @property
    def options(self) -> ServerOptions:
        """The switches; change them, they cannot be replaced."""
        return self._options

    @property
    def writes(self) -> list[Write]:
        """Forbidden requests seen so far."""
        return self._site.writes

    @property
    def races(self) -> list[Write]:
        """GetOrCreate requests on channels that had been listed and disappeared since."""
        return self._site.races

    def forget_seen(self) -> None:
        """Forget which channels were listed: a new run has to list them again before it may read them."""
        self._site.seen.clear()

    # ---- life

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Stop."""
        self.stop()

    def start(self) -> Self:
        """Start serving and return once the port is open.

        Raises:
            RuntimeError: It did not start.
        """
        self._thread.start()
        if not self._started.wait(START_SECONDS) or not self.url:
            raise RuntimeError("the local Stream server did not start")
        return self

    def stop(self) -> None:
        """Stop serving; open connections are closed."""
        if self._thread.is_alive() and self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._started.set()
            self._loop.close()

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        runner = web.ServerRunner(web.Server(self._handle, access_log=None), shutdown_timeout=0)
        await runner.setup()
        host, port = self._address
        site = web.TCPSite(runner, host, port, backlog=1024)
        await site.start()
        self.url = self._site.url = f"http://{host}:{runner.addresses[0][1]}"
        self._started.set()
        await self._stop.wait()
        await runner.cleanup()

    # ---- one request

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        parts = routes.segments(request.raw_path)
        if parts[0] == "exports" and len(parts) == 2:
            return await self._download(request, parts[1])
        route, ids = routes.find(request.method, parts)
        endpoint = _endpoint(route, request.method, parts)
        self.calls[endpoint] += 1
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            asked = Request(endpoint, request.method, request.path, ids, _query(request))
            return await self._answer(request, route, asked, parts)
        finally:
            self.in_flight -= 1

    async def _answer(
        self, request: web.BaseRequest, route: routes.Route | None, asked: Request, parts: list[str]
    ) -> web.StreamResponse:
        started = perf_counter()
        body = await request.read()
        if self.options.latency_seconds:
            await asyncio.sleep(self.options.latency_seconds)
        verdict = self._limiter.peek(asked.endpoint)
        fault: Kind | None = None
        try:
            self._gate.check(request.query.get("api_key"), request.headers)
            verdict = self._limiter.take(asked.endpoint)
            _refuse_excess(verdict)
            fault = self.faults.choose(asked.endpoint)
            if fault == "drop_before":
                return self._drop(request, asked)
            verdict = self._strike(fault, verdict)
            found = self._process(route, asked, _body(request, body), parts)
        except ApiError as error:
            found = _error(error, asked.endpoint)
        return await self._send(request, asked, found, fault, verdict, started)

    def _strike(self, fault: Kind | None, verdict: Verdict) -> Verdict:
        """Raise the faults that are refusals; return the verdict to show."""
        if fault in _ERROR_FAULTS:
            raise ApiError(*_ERROR_FAULTS[fault])
        if fault in {"429", "429_burst", "429_retry_after"}:
            raise _FaultyLimitError(fault, verdict, self.options)
        return verdict

    def _process(self, route: routes.Route | None, asked: Request, body: Json, parts: list[str]) -> Answer:
        asked = Request(asked.endpoint, asked.method, asked.path, asked.ids, asked.query, body)
        try:
            if self.before_answer is not None:
                self.before_answer(asked.endpoint, asked.as_json())
            with self.world.lock:
                self._site.renderer.refresh()
                return self._respond(route, asked, parts)
        except ApiError:
            raise
        except Exception as error:
            self.failures.append(error)
            logger.exception("the local Stream server failed on %s", asked.endpoint)
            raise ApiError(500, -1, "internal server error") from error

    def _respond(self, route: routes.Route | None, asked: Request, parts: list[str]) -> Answer:
        if route is not None:
            return route.handler(self._site, asked)
        if asked.endpoint == routes.RATE_LIMITS:
            return self._rate_limits(asked)
        reason = routes.forbidden(asked.method, parts)
        if reason is not None:
            self._site.note(self._site.writes, asked, reason)
        if parts == ["sync"]:
            raise ApiError(403, 17, "this endpoint is not available with a server token")
        raise not_found(f"{asked.method} /{'/'.join(parts)} does not exist")

    def _rate_limits(self, asked: Request) -> Answer:
        wanted = [name for name in asked.query.get("endpoints", "").split(",") if name] or list(STANDARD_LIMITS)
        stands = {name: self._limiter.peek(name) for name in wanted}
        shown = {
            name: {"limit": one.limit, "remaining": one.remaining, "reset": one.reset} for name, one in stands.items()
        }
        return answer(dict.fromkeys(("server_side", "web", "ios", "android"), shown))

    # ---- sending

    async def _send(  # noqa: PLR0913, PLR0917 -- all that is known of one answer
        self,
        request: web.BaseRequest,
        asked: Request,
        found: Answer,
        fault: Kind | None,
        verdict: Verdict,
        started: float,
    ) -> web.StreamResponse:
        if fault == "drop_after":
            return self._drop(request, asked)
        if fault == "slow":
            await asyncio.sleep(self.options.slow_seconds)
        status, body, extra = _damaged(found, fault, started, unlisted=self.options.unlisted_fields)
        shown = {**headers(verdict, self.options), **extra}
        shown.setdefault("Content-Type", JSON_TYPE)
        shown["Date"] = format_datetime(self.world.clock(), usegmt=True)  # the world's clock is Stream's
        if self.options.gzip and "gzip" in request.headers.get("Accept-Encoding", ""):
            body, shown["Content-Encoding"] = gzip.compress(body, 1), "gzip"
        self.answers[asked.endpoint, status] += 1
        self.bytes_sent += len(body)
        if fault == "cut" or self.options.chunked:
            return await self._send_in_pieces(request, web.StreamResponse(status=status, headers=shown), body, fault)
        return web.Response(status=status, body=body, headers=shown)

    @staticmethod
    async def _send_in_pieces(
        request: web.BaseRequest, response: web.StreamResponse, body: bytes, fault: Kind | None
    ) -> web.StreamResponse:
        half = len(body) // 2
        if fault == "cut":
            response.content_length = len(body)
        else:
            response.enable_chunked_encoding()
        await response.prepare(request)
        await response.write(body[:half])
        if fault == "cut" and request.transport is not None:
            request.transport.close()
            return response
        await response.write(body[half:])
        await response.write_eof()
        return response

    def _drop(self, request: web.BaseRequest, asked: Request) -> web.StreamResponse:
        self.answers[asked.endpoint, 0] += 1
        if request.transport is not None:
            request.transport.abort()
        return web.Response()

    async def _download(self, request: web.BaseRequest, token: str) -> web.StreamResponse:
        self.calls["Download"] += 1
        try:
            pieces = exported_file(self._site, token)
        except ApiError as error:
            return web.Response(
                status=error.status, text="<Error>Access Denied</Error>", content_type="application/xml"
            )
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        response.enable_chunked_encoding()
        await response.prepare(request)
        for number, piece in enumerate(pieces):
            if self.options.export_cut and number == 2:
                break
            await response.write(piece)
        await response.write_eof()
        return response


class _FaultyLimitError(ApiError):
    """A 429 made on purpose, with the headers its kind would have."""

    def __init__(self, kind: Kind, verdict: Verdict, options: ServerOptions) -> None:
        super().__init__(429, RATE_LIMITED, TOO_MANY)
        if kind == "429":
            reset = int(time()) + options.fault_reset_seconds
            self.headers = headers(Verdict(False, verdict.limit, 0, reset), options)  # noqa: FBT003
        elif kind == "429_retry_after":
            used = Verdict(False, verdict.limit, verdict.remaining, verdict.reset, 1, 60_000)  # noqa: FBT003
            self.headers = headers(used, options)
            self.headers.setdefault("Retry-After", "1")


def _refuse_excess(verdict: Verdict) -> None:
    if not verdict.allowed:
        raise ApiError(429, RATE_LIMITED, TOO_MANY)


def _endpoint(route: routes.Route | None, method: str, parts: list[str]) -> str:
    if route is not None:
        return route.endpoint
    return routes.RATE_LIMITS if (method, parts) == ("GET", ["rate_limits"]) else routes.UNKNOWN


def _query(request: web.BaseRequest) -> dict[str, str]:
    return {name: value for name, value in request.query.items() if name not in {"api_key", "payload"}}


def _body(request: web.BaseRequest, body: bytes) -> Json:
    text: str | bytes | None = request.query.get("payload") if request.method == "GET" else body
    if not text:
        return {}
    decoded = decode_json(text)
    if not isinstance(decoded, dict):
        raise bad_input("invalid json data")
    return decoded


def _error(error: ApiError, endpoint: str) -> Answer:
    payload = {
        "code": error.code,
        "message": f'{endpoint} failed with error: "{error.message}"',
        "StatusCode": error.status,
        "duration": "0.00ms",
        "more_info": "https://getstream.io/chat/docs/api_errors_response",
        "details": [],
    }
    return Answer(encode(payload), error.status, error.headers, raw=True)


def _damaged(found: Answer, fault: Kind | None, started: float, *, unlisted: bool) -> tuple[int, bytes, dict[str, str]]:
    """Return status, body and own headers of an answer, after what the fault does to it."""
    if fault in _EDGE_FAULTS:
        status, extra = _EDGE_FAULTS[fault]
        return status, HTML_PAGE % status, {**extra, "Content-Type": "text/html"}
    if fault == "500_empty":
        return 500, b"", {}
    if fault == "empty":
        return found.status, b"", {}
    if fault == "html":
        return found.status, HTML_PAGE % found.status, {}
    body = found.body
    if not found.raw:
        trace = b',"trace_v9":{"id":"0"}' if unlisted else b""
        timing = b'"duration":"%.2fms"' % ((perf_counter() - started) * 1000)
        body = b"".join((body[:-1], b"," if len(body) > 2 else b"", timing, trace, b"}"))
    if fault == "truncated":
        return found.status, body[: len(body) // 2], {}
    return found.status, body, dict(found.headers)


if __name__ == "__main__":
    from chatsdk_migration.demo.serve import main

    raise SystemExit(main())
