"""The change feed: Stream's events on a queue lead a sync to the channels that changed, and to no others.

Here: the real boto3 against a stand-in for SQS over HTTP, what stays on the queue and what leaves it. Not here: what a
sync does in a channel (``test_sync.py``).
"""

from __future__ import annotations

import base64
import builtins
import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from chatsdk_migration import sync
from chatsdk_migration.errors import PermanentError
from chatsdk_migration.sync import SyncReport, feed
from chatsdk_migration_tests.conftest import TargetDatabase
from chatsdk_migration_tests.end_to_end.test_sync import NAMED, ROOM, TEAM, Sides, at, build, migrated

REGION = "eu-central-1"


@dataclass
class Queue:
    """A queue, and how a sync is told of it."""

    client: Any
    url: str
    endpoint: str

    def put(self, kind: str, cid: str | None = None, **fields: Any) -> None:
        about = {} if cid is None else {"cid": cid, "channel_type": cid.split(":")[0], "channel_id": cid.split(":")[1]}
        self.put_body(json.dumps({"type": kind} | about | fields))

    def put_body(self, body: str) -> None:
        self.client.send_message(QueueUrl=self.url, MessageBody=body)

    def numbers(self) -> tuple[int, int]:
        """Messages waiting, and received but not deleted."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.client.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)["Attributes"]
        return int(found[names[0]]), int(found[names[1]])

    def settings(self) -> dict[str, Any]:
        return {
            "sync_queue_url": self.url,
            "sync_queue_region": REGION,
            "sync_queue_endpoint_url": self.endpoint,
            "sync_overlap_minutes": 0,
        }


@pytest.fixture(scope="module")
def sqs() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def queue(sqs: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Queue:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "very-secret")
    client = boto3.client("sqs", region_name=REGION, endpoint_url=sqs)
    name = "".join(letter if letter.isalnum() else "-" for letter in request.node.name)[:70]
    return Queue(client, client.create_queue(QueueName=name)["QueueUrl"], sqs)


@pytest.fixture
def sides(target: TargetDatabase, queue: Queue) -> Iterator[Sides]:
    """Migrated and once looked at as a whole."""
    with migrated(build(), target) as both:
        assert both.sync(**queue.settings()).looked_at_all
        yield both


def synced(sides: Sides, queue: Queue, **changes: Any) -> tuple[SyncReport, Any]:
    before = sides.server.calls.copy()
    report = sides.sync(**(queue.settings() | changes))
    return report, sides.server.calls - before


def test_only_the_channels_that_events_name_are_looked_at(sides: Sides, queue: Queue) -> None:
    sides.world.edit_message("m1", text="other words")
    sides.world.edit_message("t1", text="nobody said so")
    queue.put("message.updated", ROOM, message={"id": "m1", "cid": ROOM}, created_at=at(minutes=0).isoformat())
    report, calls = synced(sides, queue)
    assert not report.looked_at_all
    assert report.channels.keys() == {ROOM}
    assert report.feed == {
        "received": 1,
        "channels": 1,
        "events": {"message.updated": 1},
        "ignored": {},
        "unreadable": 0,
        "deleted": 1,
    }
    assert calls["QueryChannels"] == 1
    assert sides.sql("SELECT m.text FROM message m" + NAMED, "m1") == [("other words",)]
    assert sides.sql("SELECT m.text FROM message m" + NAMED, "t1") == [("hello team",)]
    assert queue.numbers() == (0, 0)
    report, calls = synced(sides, queue, sync_full_look_minutes=0)
    assert report.looked_at_all
    sides.check()


def test_nothing_on_the_queue_costs_a_look_at_people(sides: Sides, queue: Queue) -> None:
    sides.world.update_user("bob", name="Robert")
    report, calls = synced(sides, queue)
    assert report.applied == {"users changed": 1}
    assert calls.total() <= 4
    assert calls["QueryChannels"] == 0


@pytest.mark.parametrize("late", [False, True])
def test_events_tell_what_no_search_finds(sides: Sides, queue: Queue, late: bool) -> None:
    """Hard deletions, votes and back-dated messages; an event may be about what is long gone."""
    world = sides.world
    world.hard_delete_message("old-reply")
    queue.put("message.deleted", ROOM, hard_delete=True, message={"id": "old-reply", "parent_id": "old"})
    world.soft_delete_message("m2")
    queue.put("message.deleted", ROOM, message={"id": "m2"})
    world.add_vote("p1", option_id="o2", user_id="cy")
    queue.put("poll.vote_casted", None if late else ROOM, poll={"id": "p1"}, poll_vote={"poll_id": "p1"})
    world.add_message(ROOM, "late", user_id="bob", text="imported", at=at(days=100))
    queue.put("message.new", ROOM, message={"id": "late"})
    world.add_message(ROOM, "re", user_id="bob", text="answer", parent_id="old", at=world.clock())
    queue.put("message.new", ROOM, message={"id": "re", "parent_id": "old"})
    world.add_channel("messaging:new", created_by="cy", created_at=world.clock(), members=("cy", "dee", "ann"))
    queue.put("channel.created", "messaging:new")
    queue.put("message.deleted", "messaging:never-seen", message={"id": "unknown"})
    report, _ = synced(sides, queue)
    assert not report.looked_at_all
    assert report.new_channels == ["messaging:new"]
    sides.check()
    assert queue.numbers() == (0, 0)


def test_one_event_for_many_deletions_has_all_channels_of_the_person_read(sides: Sides, queue: Queue) -> None:
    for name in ("m1", "m3", "m5"):
        sides.world.hard_delete_message(name)
    sides.world.hard_delete_message("t1")
    queue.put("user.messages.deleted", user={"id": "bob"}, hard_delete=True)
    report, _ = synced(sides, queue)
    assert not report.looked_at_all
    assert report.channels.keys() == {ROOM, TEAM}
    sides.check()


def test_a_deleted_channel_is_told_by_its_event(sides: Sides, queue: Queue) -> None:
    sides.world.delete_channel(TEAM)
    queue.put("channel.deleted", TEAM)
    report, _ = synced(sides, queue)
    assert report.channels[TEAM].gone


def test_messages_leave_the_queue_only_when_their_channel_was_followed(
    sides: Sides, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "LEASE_SECONDS", 1)
    sides.world.edit_message("m1", text="other words")
    sides.world.edit_message("t1", text="other words")
    queue.put("message.updated", ROOM, message={"id": "m1"})
    queue.put("message.updated", TEAM, message={"id": "t1"})
    with sides.target.superuser() as conn:
        conn.execute(
            """CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
               $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '23514'; END $$"""
        )
        conn.execute(
            "CREATE TRIGGER refuse BEFORE UPDATE ON message FOR EACH ROW WHEN (NEW.text = 'other words') "
            "EXECUTE FUNCTION refuse()"
        )
        conn.execute("ALTER TABLE message ENABLE ALWAYS TRIGGER refuse")
    with sync.open_migration(sides.settings(**queue.settings())) as migration:
        report = sync.sync_once(migration)
        lag = sync.lag(migration.target)
    assert report.problems.keys() == {ROOM, TEAM}
    assert report.feed is not None
    assert report.feed["deleted"] == 0
    assert sum(queue.numbers()) == 2
    assert sorted(lag.channels_behind) == [ROOM, TEAM]
    assert lag.changes > 0
    with sides.target.superuser() as conn:
        conn.execute("DROP TRIGGER refuse ON message")
    while queue.numbers()[0] < 2:  # until the lease has ended
        pass
    report, _ = synced(sides, queue)
    assert not report.looked_at_all
    assert queue.numbers() == (0, 0)
    sides.check()
    with sync.open_migration(sides.settings(**queue.settings())) as migration:
        assert sync.lag(migration.target).changes == 0


def test_the_lease_is_renewed_while_the_sync_works(sides: Sides, queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "LEASE_SECONDS", 2)
    monkeypatch.setattr(feed, "RENEWED_EVERY_SECONDS", 0.2)
    queue.put("message.updated", ROOM, message={"id": "m1"})
    events = feed.Feed(sides.settings(**queue.settings()))
    batch = events.receive()
    with events.held(batch):
        began = sides.world.clock()
        while sides.world.clock() - began < timedelta(seconds=3):
            assert queue.numbers() == (0, 1)
    events.close()


PACKED = {
    "plain": lambda text: text,
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "gzip": lambda text: base64.b64encode(gzip.compress(text.encode())).decode(),
    "SNS": lambda text: json.dumps({"Type": "Notification", "Message": text}),
    "SNS and gzip": lambda text: json.dumps(
        {"Type": "Notification", "Message": base64.b64encode(gzip.compress(text.encode())).decode()}
    ),
}


@pytest.mark.parametrize("how", PACKED)
def test_bodies_are_read_however_they_are_packed(how: str) -> None:
    event = {"type": "message.new", "cid": ROOM}
    assert feed.event_of(PACKED[how](json.dumps(event))) == event


BROKEN = ["", "null", "[]", "{", "not base64!", "{}", '{"type": 7}', base64.b64encode(b"\x1f\x8bbroken").decode()]
BROKEN += ["[" * 200_000, '{"type": "message.new", "cid": "messaging:a\\u0000"}']
BROKEN += ['{"type": "message.new", "cid": "messaging:a", "message": {"id": "\\ud800"}}']
BOMB = base64.b64encode(gzip.compress(b" " * 50_000_000)).decode()


@pytest.mark.parametrize("body", [*BROKEN, BOMB], ids=[*map(str, range(len(BROKEN))), "bomb"])
def test_what_is_no_event(body: str) -> None:
    assert feed.event_of(body) is None


@pytest.mark.parametrize("user", ['"u1"', "7", "[]", '{"id": 7}', "null"])
def test_an_event_of_another_shape_is_taken(user: str) -> None:
    batch = feed.Batch()
    batch.take("receipt", feed.event_of(f'{{"type": "user.deleted", "user": {user}}}'), keep_unreadable=False)
    assert batch.bulk_deletions == set()
    assert batch.number == 1


def test_what_cannot_be_read_makes_the_sync_look_at_everything_and_is_gone(sides: Sides, queue: Queue) -> None:
    sides.world.edit_message("t1", text="nobody said so")
    queue.put_body("{broken")
    queue.put("export.channels.success", task_id="x")
    queue.put("health.check")
    report, _ = synced(sides, queue)
    assert report.looked_at_all
    assert report.feed is not None
    assert report.feed["unreadable"] == 1
    assert report.feed["ignored"] == {"export.channels.success": 1, "health.check": 1}
    assert queue.numbers() == (0, 0)
    sides.check()


def test_what_cannot_be_read_is_left_to_a_dead_letter_rule(sides: Sides, queue: Queue) -> None:
    dead = queue.client.create_queue(QueueName="dead")["QueueUrl"]
    arn = queue.client.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": "3"})
    queue.client.set_queue_attributes(QueueUrl=queue.url, Attributes={"RedrivePolicy": policy})
    queue.put_body("{broken")
    synced(sides, queue)
    assert sum(queue.numbers()) == 1


def test_a_batch_is_bounded_and_the_rest_waits(sides: Sides, queue: Queue) -> None:
    for number in range(25):
        queue.put("message.updated", ROOM, message={"id": f"m{number % 6}"})
    report, _ = synced(sides, queue, sync_queue_messages=12)
    assert report.feed is not None
    assert report.feed["received"] == 12
    assert queue.numbers() == (13, 0)


def test_a_queue_that_cannot_be_asked_keeps_no_sync_from_its_work(sides: Sides, queue: Queue) -> None:
    sides.world.edit_message("m1", text="other words")
    report, _ = synced(sides, queue, sync_queue_url=f"{queue.url}-gone")
    assert report.looked_at_all
    assert report.feed is not None
    assert "the queue answered" in report.feed["problem"]
    assert "very-secret" not in report.feed["problem"]
    sides.check()


def test_a_missing_boto3_is_said_with_the_command_that_brings_it(
    sides: Sides, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name == "boto3":
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(PermanentError, match=r"pip install 'chatsdk-migration\[sqs\]'"):
        sides.sync(**queue.settings())
