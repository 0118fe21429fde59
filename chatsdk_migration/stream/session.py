"""The HTTP connections to one server: requests' for proxies, TLS and redirects, urllib3's alone for plain calls.

Here: opening a session, and the short way of a call. Not here: what is called and how often (``client``).

requests prepares, hooks, redirects and takes cookies around each call; that costs twice the CPU of the call itself
(0.38 ms of 0.49), and a migration makes one call for every thread of every channel.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias
from urllib.parse import urlencode, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.utils import select_proxy
from urllib3.exceptions import HTTPError

NETWORK_ERRORS = (requests.RequestException, HTTPError)
"""What a call may raise. Their texts hold the URL, and with it the API key."""
ConnectionPool: TypeAlias = Any
"""A ``urllib3.HTTPConnectionPool``; requests only promises its base class."""
REDIRECTS = frozenset({301, 302, 303, 307, 308})
LONGEST_ANSWER_SECONDS = 300.0
"""For one body: a page of some megabytes over a bad line. The timeout of a call counts from byte to byte, so a body
that drips would never end."""
PIECE_BYTES = 1024 * 1024
"""The most that is read at once; each piece is what has arrived."""


def _never() -> bool:
    return False


def reason_of(error: BaseException) -> str:
    """Give the kind of a network error and the operating system's or TLS's own words for what is behind it.

    Only theirs: the texts of requests and urllib3 hold the URL.
    """
    kind, told, behind = type(error).__name__, "", error.__cause__ or error.__context__
    while behind is not None:
        if isinstance(behind, OSError) and not isinstance(behind, requests.RequestException):
            told = behind.strerror or told
        behind = behind.__cause__ or behind.__context__
    return f"{kind}: {told}" if told else kind


def _lowered(headers: Mapping[str, str]) -> dict[str, str]:
    """Give headers by lower-case name; HTTP does not tell the cases apart."""
    return {name.lower(): value for name, value in headers.items()}


class Received(NamedTuple):
    """An answer as it came, decompressed, its headers by lower-case name."""

    status_code: int
    headers: Mapping[str, str]
    content: bytes


class Session(requests.Session):
    """Calls to one server, which is the one first called.

    Proxies are read from the environment once. The session itself trusts none of it: a ``.netrc`` entry for the host
    would replace the ``Authorization`` header.

    Args:
        url: The server.
        connections: Kept open: as many as there are threads.
        stopped: Says that nobody waits for the answer any more.
        seconds: The longest a body may take, however steadily it comes.
    """

    def __init__(
        self,
        url: str,
        connections: int,
        stopped: Callable[[], bool] = _never,
        seconds: float = LONGEST_ANSWER_SECONDS,
    ) -> None:
        super().__init__()
        self._has_stopped, self._seconds = stopped, seconds
        environment = self.merge_environment_settings(url, {}, None, None, None)
        self.proxies, self.verify, self.trust_env = dict(environment["proxies"]), environment["verify"], False
        for scheme in ("http://", "https://"):
            self.mount(scheme, HTTPAdapter(pool_connections=4, pool_maxsize=connections, max_retries=0))
        self._proxied = select_proxy(url, self.proxies) is not None
        self._pool: ConnectionPool | None = None

    def get(self, url: Any, **how: Any) -> Any:
        """GET, the short way where there is one."""
        return self._directly("GET", url, **how) or self._received(super().get(url, stream=True, **how))

    def post(self, url: Any, data: Any = None, json: Any = None, **how: Any) -> Any:
        """POST, the short way where there is one."""
        short = self._directly("POST", url, data=data, **how) if json is None else None
        return short or self._received(super().post(url, data=data, json=json, stream=True, **how))

    def _received(self, response: requests.Response) -> Received:
        return Received(response.status_code, _lowered(response.headers), self._body(response.raw))

    def _body(self, response: Any) -> bytes:
        """Read a body as it comes, until it ends, takes too long, or nobody wants it any more.

        Raises:
            Timeout: It was not read to its end.
        """
        ends, pieces = time.monotonic() + self._seconds, list[bytes]()
        try:
            while piece := response.read1(PIECE_BYTES, decode_content=True):
                pieces.append(piece)
                self._check(ends)
        except BaseException:
            response.close()  # a connection with half an answer in it is of no use to the next call
            raise
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _check(self, ends: float) -> None:
        if self._has_stopped() or time.monotonic() > ends:
            raise requests.exceptions.ReadTimeout

    def _directly(  # noqa: PLR0913 - what the SDK gives to requests
        self, method: str, url: str, *, timeout: float, headers: Any = None, params: Any = None, data: Any = None
    ) -> Received | None:
        """Make one call over urllib3; None leaves it to requests: there is a proxy, or a redirect to follow."""
        if self._proxied:
            return None
        pool = self._pool or self._open_pool(url)
        place = urlsplit(url)
        query = urlencode(params) if params else place.query
        response = pool.urlopen(
            method,
            f"{place.path or '/'}?{query}" if query else place.path or "/",
            body=data.encode() if isinstance(data, str) else data,
            headers=dict(self.headers) | (headers or {}),
            retries=False,
            redirect=False,
            preload_content=False,
            timeout=urllib3.Timeout(connect=timeout, read=timeout),
        )
        content = self._body(response)
        if response.status in REDIRECTS:
            return None
        return Received(response.status, _lowered(response.headers), content)

    def _open_pool(self, url: str) -> ConnectionPool:
        """Let requests set the connections up, with its rules for certificates.

        Raises:
            RequestException: The address is no URL.
        """
        request = requests.Request("GET", url).prepare()
        adapter = self.get_adapter(url)
        assert isinstance(adapter, HTTPAdapter), "both schemes have ours"
        pool: ConnectionPool = adapter.get_connection_with_tls_context(request, self.verify)
        adapter.cert_verify(pool, request.url, self.verify, None)  # type: ignore[no-untyped-call]
        self._pool = pool
        return pool
