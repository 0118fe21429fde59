"""One call: repeated when it may pass, stopped when it cannot, paced, and silent about secrets."""

from __future__ import annotations

import pickle
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests
from pydantic import SecretStr

from chatsdk_migration.demo.server import StreamServer
from chatsdk_migration.demo.world import World
from chatsdk_migration.errors import ChannelError, PermanentError, TransientError
from chatsdk_migration.models import Batch
from chatsdk_migration.settings import MappingRules, Settings
from chatsdk_migration.stream.answers import SourceAnswerError, SourceUnavailableError, StoppedError, decode
from chatsdk_migration.stream.channels import read_channel, walk_channels
from chatsdk_migration.stream.client import Bounds, StreamClient
from chatsdk_migration.stream.endpoints import Endpoint, path
from chatsdk_migration.stream.messages import walk_messages
from chatsdk_migration.stream.pacing import Pacer
from chatsdk_migration.stream.plan import estimate, read_limits
from chatsdk_migration.stream.session import Session
from chatsdk_migration.stream.times import instant, second_after, second_before
from chatsdk_migration.stream.users import users_page, walk_users
from chatsdk_migration.transform.users import map_listed_user
from chatsdk_migration_tests.unit.stream_world import (
    CID,
    KEY,
    QUICK,
    SECRET,
    at,
    channel_world,
    flat,
    ids_of,
    read_all,
    serving,
    settings_for,
    stored_ids,
)


def busy_world() -> World:
    world = channel_world()
    for number in range(800):
        world.add_message(CID, f"m{number:04d}", user_id="ann", at=at(number // 3))
    for number in range(40):
        world.add_message(CID, f"r{number}", user_id="bob", at=at(2000 + number), parent_id=f"m{number * 7:04d}")
        for reactor in range(12):
            world.add_reaction(f"m{number:04d}", f"user-{reactor}", "like", at=at(3000 + reactor))
    return world


@pytest.mark.parametrize("seed", [1, 2])
def test_a_tenth_of_answers_broken_gives_the_same_result(seed: int) -> None:
    world = busy_world()
    with serving(world) as (server, client):
        server.faults.seed = seed
        server.faults.mix(0.10, ("500", "502", "503", "504", "empty", "truncated", "cut", "drop_before", "drop_after"))
        server.faults.rate("429", 0.01)
        found = read_all(client)
        assert sum(server.faults.happened.values()) > 5
    assert sorted(ids_of(found)) == stored_ids(world)
    assert sum(len(m.reactions) for m in found) == 40 * 12
    assert client.calls.total() == server.calls.total()


@pytest.mark.parametrize("kind", ["429_retry_after", "503_retry_after", "408", "html", "500_empty", "empty", "cut"])
def test_each_passing_fault_is_tried_again_on_get_and_post(kind: str) -> None:
    with serving(channel_world()) as (server, client):
        server.faults.plan("QueryUsers", kind)  # type: ignore[arg-type]
        server.faults.plan("QueryChannels", kind)  # type: ignore[arg-type]
        with ThreadPoolExecutor(2) as pool:  # side by side: one of the faults asks for a second's wait
            users = pool.submit(users_page, client)
            assert read_channel(client, CID)["channel"]["cid"] == CID
            assert len(users.result()) == 2
        assert server.calls["QueryUsers"] == server.calls["QueryChannels"] == 2


def test_a_call_that_never_succeeds_ends_within_its_bounds() -> None:
    with serving(channel_world()) as (server, client):
        server.faults.rate("502", 1.0)
        with pytest.raises(SourceUnavailableError, match="HTTP 502") as caught:
            users_page(client)
        assert server.calls["QueryUsers"] == QUICK.attempts
        assert isinstance(caught.value, ChannelError)
        assert isinstance(caught.value, TransientError)


def test_limits_that_never_pass_end_within_their_time() -> None:
    with StreamServer(channel_world(), api_key=KEY, api_secret=SECRET) as server:
        server.faults.rate("429_retry_after", 1.0)
        with (
            StreamClient(settings_for(server), Bounds(limited_seconds=0.5)) as client,
            pytest.raises(SourceUnavailableError, match="429"),
        ):
            users_page(client)


@pytest.mark.parametrize("proxied", [False, True])
def test_a_server_that_is_not_there_is_named_with_the_cause_and_without_the_key(
    proxied: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with StreamServer(World()) as server:
        settings = settings_for(server)
    host = server.url.removeprefix("http://")
    if proxied:
        settings, host = settings_for(server, stream_chat_url="http://someone:pass@stream.invalid"), "stream.invalid"
        monkeypatch.setenv("http_proxy", server.url)
    with StreamClient(settings, Bounds(attempts=2, first_wait_seconds=0.01)) as client:
        with pytest.raises(SourceUnavailableError, match=f"{host}.*Connection refused.*STREAM_CHAT_URL") as caught:
            users_page(client)
        assert not any(secret in str(caught.value) for secret in (KEY, SECRET, "someone", "pass"))


def test_a_host_that_has_no_address_is_told_so() -> None:
    settings = Settings(
        stream_api_key=KEY, stream_api_secret=SecretStr(SECRET), stream_chat_url="https://chat.stream.invalid"
    )
    with StreamClient(settings, Bounds(attempts=1, first_wait_seconds=0.01)) as client:
        with pytest.raises(SourceUnavailableError, match=r"chat\.stream\.invalid.*[Nn]ame") as caught:
            users_page(client)
        assert KEY not in str(caught.value)


@pytest.mark.parametrize(("kind", "advice"), [("401", "API secret"), ("403", "dashboard")])
def test_a_refusal_stops_every_thread_with_its_reason(kind: str, advice: str) -> None:
    world = busy_world()
    with serving(world) as (server, client):
        read_channel(client, CID)
        server.faults.plan("GetReplies", kind)  # type: ignore[arg-type]
        with pytest.raises(PermanentError, match=f"{kind}.*{advice}"):
            list(walk_messages(client, CID))
        made = server.calls.total()
        with pytest.raises(PermanentError, match=kind):
            users_page(client)
        assert server.calls.total() == made


def test_a_wrong_secret_is_told_in_one_call_and_not_shown() -> None:
    with (
        StreamServer(World(), api_key=KEY, api_secret="another secret of thirty-two characters") as server,
        StreamClient(settings_for(server), QUICK) as client,
    ):
        with pytest.raises(PermanentError, match="API secret") as caught:
            users_page(client)
        assert server.calls.total() == 1
        for told in (str(caught.value), repr(caught.value), repr(client), repr(settings_for(server))):
            assert SECRET not in told


def test_a_message_of_stream_that_repeats_the_key_is_struck_out() -> None:
    with serving(World()) as (server, client):
        server.options.refuse = (400, 4, f"bad api_key {KEY}")
        with pytest.raises(SourceAnswerError) as caught:
            users_page(client)
        server.options.refuse = None
        assert KEY not in str(caught.value)
        assert (caught.value.status, caught.value.code, caught.value.endpoint) == (400, 4, "QueryUsers")
        again = pickle.loads(pickle.dumps(caught.value))
        assert (again.code, str(again)) == (4, str(caught.value))


def test_stopping_wakes_a_thread_that_waits_for_a_limit() -> None:
    with serving(channel_world()) as (server, client):
        asked = threading.Event()
        server.before_answer = lambda endpoint, _: asked.set()
        client.pacer.learn("QueryUsers", 429, {"retry-after": "100"})
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(users_page, client)
            client.stop()
            with pytest.raises(StoppedError):
                waiting.result(timeout=5)
        assert not asked.is_set()


@pytest.mark.parametrize("header_case", ["lower", "title"])
def test_limits_are_kept_from_the_headers_in_any_case(header_case: str) -> None:
    """300 a minute means 10 in one second: fourteen calls from four threads must not burst."""
    with serving(channel_world(), rate_limits=True, header_case=header_case) as (server, client):
        server.options.limits["QueryUsers"] = 300
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda _: users_page(client), range(14)))
        assert server.answers["QueryUsers", 200] == 14
        assert server.answers["QueryUsers", 429] <= 1  # a busy machine may bunch two calls; a burst has four refused


def test_a_used_up_window_is_waited_for() -> None:
    with serving(channel_world(), rate_limits=True, window_seconds=1.0) as (server, client):
        server.options.limits["QueryUsers"] = 4
        client.pacer.learn("QueryUsers", 200, {"x-ratelimit-limit": "6000"})  # what others left is not known yet
        for _ in range(6):
            users_page(client)
            client.pacer._paces["QueryUsers"].per_second = None
        assert server.answers["QueryUsers", 200] == 6
        assert server.answers["QueryUsers", 429] == 0


def test_the_pace_follows_limit_remaining_and_reset() -> None:
    pacer = Pacer(0.5, threading.Event())
    now = pacer.server_now()
    pacer.learn("A", 200, {"x-ratelimit-limit": "600", "x-ratelimit-remaining": "599"})
    assert pacer._paces["A"].per_second == pytest.approx(9.0)
    head = {"x-ratelimit-limit": "600", "x-ratelimit-remaining": "360", "x-ratelimit-reset": str(now + 30)}
    pacer.learn("A", 200, head)
    assert pacer._paces["A"].per_second == pytest.approx(2.0, rel=0.1)
    pacer.learn("A", 502, {})
    assert pacer._paces["A"].per_second == pytest.approx(2.0, rel=0.1)
    wait = pacer.learn("A", 429, head | {"x-ratelimit-remaining": "0"})
    assert wait == pytest.approx(30, abs=1)
    assert pacer._paces["A"].factor < 1
    pacer.learn("B", 200, {})
    assert pacer._paces["B"].per_second is None


@pytest.mark.parametrize("share", [0.8, 0.9, 0.95])
@pytest.mark.parametrize("limit", [300, 1000, 10_000])
def test_a_share_used_up_to_the_last_call_is_waited_for_no_longer_than_its_window(share: float, limit: int) -> None:
    """``limit * (1 - share)`` is not whole in binary: what is left over is no call."""
    pacer = Pacer(share, threading.Event())
    pacer.learn("A", 200, window(pacer, limit, round(limit * (1 - share)), 30))
    pace, now = pacer._paces["A"], time.monotonic()
    delays = [pace.reserve(now) for _ in range(24)]
    assert min(delays) >= 29
    assert max(delays) <= 30 + 24 / pace.full + 1


def test_places_in_a_window_short_of_calls_do_not_outlast_it() -> None:
    pacer = Pacer(1.0, threading.Event())
    pacer.learn("A", 200, window(pacer, 1000, 1, 55))
    pace, now = pacer._paces["A"], time.monotonic()
    assert max(pace.reserve(now) for _ in range(24)) <= 55 + 24 / pace.full + 1
    pacer.learn("A", 200, window(pacer, 1000, 999, 60))
    assert pace.reserve(now) <= 1


def window(pacer: Pacer, limit: int, remaining: int, seconds: float) -> dict[str, str]:
    return {
        "x-ratelimit-limit": str(limit),
        "x-ratelimit-remaining": str(remaining),
        "x-ratelimit-reset": str(pacer.server_now() + seconds),
    }


def test_the_sdks_environment_does_not_override_the_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setenv("STREAM_CHAT_TIMEOUT", "0.0001")
    netrc = f"{tmp_path}/netrc"
    with open(netrc, "w") as file:
        file.write("machine 127.0.0.1 login x password y\n")
    monkeypatch.setenv("NETRC", netrc)
    with serving(channel_world()) as (_, client):
        assert len(users_page(client)) == 2
        assert isinstance(client._sdk.session, requests.Session)


@pytest.mark.parametrize("transport", [{"gzip": True}, {"chunked": True}, {"header_case": "none"}])
def test_compressed_chunked_and_headerless_answers(transport: dict[str, object]) -> None:
    world = busy_world()
    with serving(world, **transport) as (_, client):
        assert sorted(ids_of(read_all(client))) == stored_ids(world)


def test_bodies_a_strict_decoder_refuses_are_decoded_all_the_same() -> None:
    assert decode(b'{"a":"\\ud800"}') == {"a": "\ud800"}
    assert decode(b'{"a":123456789012345678901234567890}') == {"a": 123456789012345678901234567890}
    assert decode(b'{"a":1e400}') == {"a": float("inf")}
    assert decode(b'{"a":"\xff"}') == {"a": "\udcff"}
    assert str((decode(b'{"a":NaN}') or {})["a"]) == "nan"
    assert [decode(body) for body in (b"", b"[]", b'{"a":', b"<html>")] == [None] * 4


def test_a_record_nested_too_deeply_costs_its_page_nothing() -> None:
    deep = "[" * 2400 + '"]\\"["' + "]" * 2400
    page = decode(f'{{"users":[{{"id":"ann","name":"[["}},{{"id":"bob","custom":{deep},"name":"}}"}}]}}'.encode())
    assert page is not None
    ann, bob = page["users"]
    assert ann == {"id": "ann", "name": "[["}
    assert (bob["id"], bob["name"]) == ("bob", "}")
    out = Batch()
    for user in (ann, bob):
        map_listed_user(user, MappingRules(), out)
    assert list(out.users) == ["ann"]
    assert [(reject.stream_id, reject.code) for reject in out.rejects] == [("bob", "bad_json")]


@contextmanager
def dripping() -> Iterator[str]:
    """A server whose answer comes a byte at a time, steadily and without end."""

    class Drip(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "1000000000")
            self.end_headers()
            with suppress(OSError):
                while not ended.wait(0.005):
                    self.wfile.write(b" ")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    ended = threading.Event()
    with ThreadingHTTPServer(("127.0.0.1", 0), Drip) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            ended.set()
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("proxied", [False, True])
def test_an_answer_that_drips_ends_after_its_time_and_at_once_when_the_run_stops(
    proxied: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with dripping() as url:
        if proxied:
            monkeypatch.setenv("http_proxy", url)
        place = "http://stream.invalid" if proxied else url
        with Session(place, 1, seconds=0.2) as session, pytest.raises(requests.exceptions.ReadTimeout):
            session.get(place, timeout=30)
        with Session(place, 1, lambda: True) as session, pytest.raises(requests.exceptions.ReadTimeout):
            session.get(place, timeout=30)


def test_work_for_a_busy_pool_is_done_by_whoever_waits_for_it() -> None:
    with serving(World()) as (_, client):
        gate = threading.Event()
        busy = [client.submit(gate.wait) for _ in range(client.pool._max_workers)]
        try:
            assert client.together(str, [1, 2, 3]) == ["1", "2", "3"]
        finally:
            gate.set()
        assert all(client.result(one) for one in busy)


def test_the_address_is_given_without_credentials() -> None:
    settings = Settings(
        stream_api_key=KEY,
        stream_api_secret=SecretStr(SECRET),
        stream_chat_url="https://someone:pass@proxy.example:8443/chat",
    )
    with StreamClient(settings) as client:
        assert client.base_url == "https://proxy.example:8443/chat"


def test_each_channel_can_count_its_own_calls() -> None:
    with serving(channel_world()) as (server, client):
        one = client.counting()
        read_all(one)
        users_page(client)
        assert one.calls.total() == 2
        assert client.calls.total() == 3
        assert client.calls == server.calls


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:00.000000001Z", 1),
        ("1970-01-01T02:00:00.5+02:00", 500_000_000),
        ("1969-12-31T23:59:59.999999Z", -1000),
        ("2024-02-30T00:00:00Z", None),
        ("yesterday", None),
        (None, None),
    ],
)
def test_times_are_exact(text: object, nanoseconds: int | None) -> None:
    assert instant(text) == nanoseconds


def test_the_seconds_around_an_instant() -> None:
    assert (second_before(1_500_000_000), second_after(1_500_000_000)) == (
        "1970-01-01T00:00:00Z",
        "1970-01-01T00:00:02Z",
    )


def test_paths_quote_each_part_and_refuse_what_cannot_be_addressed() -> None:
    assert path("messages", "a/b?#%", "replies") == "messages/a%2Fb%3F%23%25/replies"
    for wrong in ("", ".", "..", "\ud800"):
        with pytest.raises(ChannelError, match="URL"):
            path("messages", wrong)


def test_the_plan_counts_by_walking_and_says_what_it_cannot_know() -> None:
    world = busy_world()
    for number in range(130):
        world.add_user(f"user-{number}", created_at=at(0))
        world.add_channel(f"team:{number}", created_at=at(number), members=("ann",))
    with serving(world) as (_, client):
        plan = estimate(client)
        quick = estimate(client, full=False)
    assert (plan.users, plan.channels, plan.members) == (132, 131, 132)
    assert plan.total_calls > plan.channels
    assert plan.seconds > 0
    assert plan.limits[Endpoint.QUERY_USERS] > 0
    assert plan.lower_bound
    assert "131 of 131 channels" in " ".join(plan.notes)
    assert (quick.users, quick.channels, quick.lower_bound) == (100, 30, True)


def test_a_plan_without_rate_limits_is_still_a_plan() -> None:
    with serving(channel_world()) as (server, client):
        server.faults.rate("404", 1.0, endpoint="GetRateLimits")
        assert read_limits(client) == {}
        assert estimate(client).channels == 1


def test_nothing_but_reading_calls_is_made() -> None:
    world = busy_world()
    with serving(world) as (server, client):
        flat(walk_users(client))
        flat(walk_channels(client))
        read_all(client)
        assert set(server.calls) <= {endpoint.value for endpoint in Endpoint}
