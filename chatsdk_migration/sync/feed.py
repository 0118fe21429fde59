"""Stream's own events from a queue: they say which channels changed, so that a sync need not look at all.

Here: receiving a bounded batch, reading each event for its channel and its messages, keeping the batch out of other
hands while the sync works, deleting what has been followed. Not here: what is read because of it (``detecting.py``,
``reading.py``), and anything an event says of content: a sync always reads Stream's present state.

By Stream's docs events come at least once and in any order, some are lost after few tries, bulk deletions send one
event for many rows, and bodies on queues may be compressed. So an event only ever makes a sync look sooner: all
channels are looked at every ``sync_full_look_minutes`` regardless, and at once when a message cannot be read.

A message leaves the queue only when the sync has committed what it was about. What cannot be read is left to the
queue's dead-letter rule where it has one, as evidence; else it is deleted, or it would come back for days.

``boto3`` is an optional dependency, and its own chain finds the credentials.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import threading
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from chatsdk_migration.errors import PermanentError, TransientError
from chatsdk_migration.models import Json
from chatsdk_migration.settings import Settings
from chatsdk_migration.storable import repair

RECEIVED_AT_ONCE = 10
"""The most messages SQS gives, or takes back, in one call."""
EMPTY_ANSWERS = 2
"""Empty answers in a row after which the queue counts as empty: without waiting, SQS asks only some of its servers."""
LEASE_SECONDS = 120
"""How long received messages stay hidden from others; renewed while the sync works."""
RENEWED_EVERY_SECONDS = 40.0
LARGEST_BODY_BYTES = 8_000_000
"""Of a body when unpacked; SQS itself takes a megabyte."""
ROUNDS_OF_PACKING = 3
"""A body may be base64 around gzip around JSON."""

_WITHOUT_CHANNEL = ("user.", "users.", "poll.")
_OF_MEMBERS = ("member.", "message.read", "notification.mark_read", "notification.mark_unread", "channel.")
_OF_PEOPLE = frozenset({"user.banned", "user.unbanned", "user.deleted"})
"""What may change a person without changing the time of their last change."""
_BULK_DELETIONS = frozenset({"user.messages.deleted", "user.deleted"})


@dataclass(slots=True)
class Hint:
    """What events said of one channel.

    Attributes:
        ids: Messages they were about, and those these reply to.
        people: Members or read positions may have changed.
        everything: Messages were deleted, and no event says which.
        newest: Time of the newest event, by Stream's clock.
    """

    ids: set[str] = field(default_factory=set)
    people: bool = False
    everything: bool = False
    newest: datetime | None = None


@dataclass(slots=True)
class Batch:
    """What was received.

    Attributes:
        channels: By cid.
        polls: Polls that changed; their events need not say of which message.
        people: Who was banned, released or deleted.
        bulk_deletions: People whose messages were deleted by one event, in whatever channels.
        events: Number of events by type, of those that name a channel or a person.
        ignored: Number of events by type that name neither.
        unreadable: Messages that are no events of Stream's.
        unreadable_kept: Of these, left to the queue's dead-letter rule.
    """

    channels: dict[str, Hint] = field(default_factory=dict)
    polls: set[str] = field(default_factory=set)
    people: set[str] = field(default_factory=set)
    bulk_deletions: set[str] = field(default_factory=set)
    events: Counter[str] = field(default_factory=Counter)
    ignored: Counter[str] = field(default_factory=Counter)
    unreadable: int = 0
    unreadable_kept: int = 0
    _receipts: dict[str, list[str]] = field(default_factory=dict)

    @property
    def number(self) -> int:
        """All messages received."""
        return self.events.total() + self.ignored.total() + self.unreadable

    def as_json(self) -> dict[str, Any]:
        """Give the numbers, for a run's record."""
        return {
            "received": self.number,
            "channels": len(self.channels),
            "events": dict(self.events),
            "ignored": dict(self.ignored),
            "unreadable": self.unreadable,
        }

    def receipts_of(self, cids: Iterable[str], *, rest: bool) -> list[str]:
        """Give the receipts of messages about these channels; ``rest``: and of those about no single one."""
        chosen = set(cids)
        own = [receipt for receipt, about in self._receipts.items() if about and chosen.issuperset(about)]
        return own + ([receipt for receipt, about in self._receipts.items() if not about] if rest else [])

    def all_receipts(self) -> list[str]:
        """Give the receipts of everything that was received and is not left to the dead-letter rule."""
        return list(self._receipts)

    def take(self, receipt: str, event: Json | None, *, keep_unreadable: bool) -> None:
        """Note one message; None: it is no event."""
        if event is None:
            self.unreadable += 1
            self.unreadable_kept += keep_unreadable
            if not keep_unreadable:
                self._receipts[receipt] = []
            return
        kind, cid = str(event.get("type")), _cid_of(event)
        self._receipts[receipt] = [] if cid is None else [cid]
        if cid is not None:
            _note(self.channels.setdefault(cid, Hint()), kind, event)
        if kind.startswith("poll."):
            self.polls |= _polls_of(event)
        if kind in _OF_PEOPLE:
            self.people |= _user_of(event)
        if cid is None and kind in _BULK_DELETIONS:
            self.bulk_deletions |= _user_of(event)
        (self.events if cid is not None or kind.startswith(_WITHOUT_CHANNEL) else self.ignored)[kind] += 1


class Feed:
    """The queue.

    Args:
        settings: Where the queue is.

    Raises:
        PermanentError: boto3 is not installed, or finds no credentials or region.
    """

    def __init__(self, settings: Settings) -> None:
        self._url = settings.sync_queue_url
        self._most = settings.sync_queue_messages
        self._client = _client(settings)

    def receive(self) -> Batch:
        """Receive what is there, within bounds, without waiting for more.

        Raises:
            TransientError: The queue does not answer.
            PermanentError: It is not there, or we may not.
        """
        batch, empty = Batch(), 0
        keep_unreadable: bool | None = None
        with _explained("receiving from the queue of Stream's events"):
            while batch.number < self._most and empty < EMPTY_ANSWERS:
                messages = self._client.receive_message(
                    QueueUrl=self._url,
                    MaxNumberOfMessages=min(RECEIVED_AT_ONCE, self._most - batch.number),
                    WaitTimeSeconds=0,
                    VisibilityTimeout=LEASE_SECONDS,
                ).get("Messages", [])
                empty = 0 if messages else empty + 1
                for message in messages:
                    event = event_of(str(message.get("Body", "")))
                    if event is None and keep_unreadable is None:
                        keep_unreadable = self._has_dead_letter_rule()
                    batch.take(str(message["ReceiptHandle"]), event, keep_unreadable=bool(keep_unreadable))
        return batch

    @contextmanager
    def held(self, batch: Batch) -> Iterator[None]:
        """Keep the batch hidden from others until the work inside ends."""
        done = threading.Event()

        def renew() -> None:
            while not done.wait(RENEWED_EVERY_SECONDS):
                self._renew(batch.all_receipts())

        renewing = threading.Thread(target=renew, name="queue-lease", daemon=True)
        renewing.start()
        try:
            yield
        finally:
            done.set()
            renewing.join()

    def delete(self, receipts: list[str]) -> int:
        """Delete messages that have been followed; give how many. What stays comes again, which does no harm.

        Raises:
            TransientError, PermanentError: As ``receive``.
        """
        deleted = 0
        with _explained("deleting from the queue of Stream's events"):
            for some in _tens(receipts):
                entries = [{"Id": str(place), "ReceiptHandle": one} for place, one in enumerate(some)]
                answer = self._client.delete_message_batch(QueueUrl=self._url, Entries=entries)
                deleted += len(answer.get("Successful", []))
        return deleted

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _renew(self, receipts: list[str]) -> None:
        """Renew the lease; what fails comes again after its time, and is then looked at twice."""
        try:
            with _explained("keeping messages of the queue"):
                for some in _tens(receipts):
                    self._client.change_message_visibility_batch(
                        QueueUrl=self._url,
                        Entries=[
                            {"Id": str(place), "ReceiptHandle": one, "VisibilityTimeout": LEASE_SECONDS}
                            for place, one in enumerate(some)
                        ],
                    )
        except (TransientError, PermanentError):
            return

    def _has_dead_letter_rule(self) -> bool:
        """Say whether the queue sets aside what is received too often; no, when we may not know."""
        try:
            with _explained("looking at the queue of Stream's events"):
                found = self._client.get_queue_attributes(QueueUrl=self._url, AttributeNames=["RedrivePolicy"])
        except (TransientError, PermanentError):
            return False
        return bool(found.get("Attributes", {}).get("RedrivePolicy"))


def event_of(body: str) -> Json | None:
    """Read an event of Stream's: as JSON, inside a notification of SNS, packed or not; None: it is none."""
    found: Any = body
    for _ in range(ROUNDS_OF_PACKING):
        if isinstance(found, str):
            found = _decoded(found)
        if not isinstance(found, dict):
            return None
        if found.get("Type") == "Notification" and isinstance(found.get("Message"), str):
            found = found["Message"]
            continue
        kind = found.get("type")
        return found if isinstance(kind, str) and kind and _is_storable(found) else None
    return None


def _is_storable(event: Json) -> bool:
    """Say whether no id in an event holds what PostgreSQL refuses: such an event would stop every sync."""
    names = [event.get(name) for name in ("cid", "channel_type", "channel_id", "message_id", "parent_id", "poll_id")]
    for place in (event.get(name) for name in ("channel", "message", "poll", "poll_vote", "user")):
        if isinstance(place, dict):
            names += [place.get(name) for name in ("cid", "id", "parent_id", "poll_id")]
    return all(name == repair(name) for name in names if isinstance(name, str))


def _decoded(text: str) -> Any:
    raw = text.encode("utf-8", "replace")
    if not raw.lstrip().startswith((b"{", b"[")):
        try:
            raw = _unpacked(base64.b64decode(raw, validate=True))
        except (binascii.Error, ValueError, OSError, EOFError, zlib.error):
            return None
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        return None


def _unpacked(raw: bytes) -> bytes:
    """Unpack gzip, within bounds.

    Raises:
        ValueError, OSError, EOFError, zlib.error: It is broken, or far too large.
    """
    if not raw.startswith(b"\x1f\x8b"):
        return raw
    stream = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    out = stream.decompress(raw, LARGEST_BODY_BYTES)
    if stream.unconsumed_tail:
        raise gzip.BadGzipFile("too large")
    return out


def _cid_of(event: Json) -> str | None:
    """Give the channel an event is about, wherever it says so."""
    for place in (event, event.get("channel"), event.get("message")):
        if isinstance(place, dict) and isinstance(place.get("cid"), str) and ":" in place["cid"]:
            return str(place["cid"])
    kind, name = event.get("channel_type"), event.get("channel_id")
    return f"{kind}:{name}" if isinstance(kind, str) and isinstance(name, str) and kind and name else None


def _note(hint: Hint, kind: str, event: Json) -> None:
    message = event.get("message")
    messages = [message] if isinstance(message, dict) else []
    found = [one.get(name) for one in messages for name in ("id", "parent_id")]
    found += [event.get("message_id"), event.get("parent_id")]
    ids = {one for one in found if isinstance(one, str) and one}
    hint.ids |= ids
    hint.people |= kind.startswith(_OF_MEMBERS)
    hint.everything |= kind in _BULK_DELETIONS
    at = _moment(event.get("created_at"))
    if at is not None and (hint.newest is None or at > hint.newest):
        hint.newest = at


def _polls_of(event: Json) -> set[str]:
    places = [(event.get("poll"), "id"), (event.get("poll_vote"), "poll_id"), (event, "poll_id")]
    found = [place.get(name) for place, name in places if isinstance(place, dict)]
    return {one for one in found if isinstance(one, str) and one}


def _user_of(event: Json) -> set[str]:
    user = event.get("user")
    return {user["id"]} if isinstance(user, dict) and isinstance(user.get("id"), str) else set()


def _moment(text: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return found if found is not None and found.tzinfo is not None else None


def _tens(receipts: list[str]) -> Iterator[list[str]]:
    return (receipts[start : start + RECEIVED_AT_ONCE] for start in range(0, len(receipts), RECEIVED_AT_ONCE))


def _client(settings: Settings) -> Any:
    try:
        import boto3  # noqa: PLC0415 - an optional dependency, asked for only with a queue
    except ImportError:
        raise PermanentError(
            "reading Stream's events from a queue (sync_queue_url)",
            "boto3 is not installed",
            "Run: pip install 'chatsdk-migration[sqs]'; or remove the setting, and syncs look at all channels.",
        ) from None
    from botocore.config import Config  # noqa: PLC0415 - as above

    patience = Config(connect_timeout=5, read_timeout=20, retries={"mode": "standard", "max_attempts": 3})
    with _explained("opening the queue of Stream's events"):
        return boto3.client(
            "sqs",
            region_name=settings.sync_queue_region,
            endpoint_url=settings.sync_queue_endpoint_url,
            config=patience,
        )


@contextmanager
def _explained(tried: str) -> Iterator[None]:
    """Turn boto3's errors into ours: by their codes, as texts may quote requests."""
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - as above

    try:
        yield
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", "unknown"))
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        if status >= 500 or "Throttl" in code:
            raise TransientError(tried, f"the queue answered {code}", "The next sync tries again.") from None
        raise PermanentError(
            tried,
            f"the queue answered {code}",
            "Check sync_queue_url and what the credentials may do (sqs:ReceiveMessage,"
            " sqs:DeleteMessage, sqs:ChangeMessageVisibility; sqs:GetQueueAttributes is optional).",
        ) from None
    except BotoCoreError as error:
        kind = type(error).__name__
        if kind in _NETWORK:
            raise TransientError(tried, f"the queue cannot be reached ({kind})", "The next sync tries again.") from None
        raise PermanentError(
            tried, kind, "Set sync_queue_region or AWS_REGION, and credentials where boto3 looks for them."
        ) from None


_NETWORK = frozenset(
    {
        "EndpointConnectionError",
        "ConnectTimeoutError",
        "ReadTimeoutError",
        "ConnectionClosedError",
        "HTTPClientError",
        "ProxyConnectionError",
        "SSLError",
    }
)
