"""The comparison of one channel: read it from Stream again, map it again, hold it against the target.

Here: the road of the data up to the stage, and the verdict. Not here: the comparison itself (``comparison.py``).
The walks and the mapping are those of the migration (``transfer.py``), one call more for the channel's own row.
"""

from __future__ import annotations

import time
from datetime import datetime

from chatsdk_migration import identity
from chatsdk_migration.errors import ChannelError, GoneFromSourceError
from chatsdk_migration.models import Batch, ChannelRow, FetchedMessage, Json
from chatsdk_migration.reconcile.accounting import Accounting
from chatsdk_migration.reconcile.comparison import MOST_KEPT, ComparisonStage
from chatsdk_migration.reconcile.repair import repair
from chatsdk_migration.reconcile.target_side import moment
from chatsdk_migration.reconcile.verdict import Difference, Verdict
from chatsdk_migration.repeating import afresh
from chatsdk_migration.stream.channels import channels_page, cid_of, gone, read_channel
from chatsdk_migration.stream.client import StreamClient
from chatsdk_migration.stream.members import walk_members
from chatsdk_migration.stream.messages import walk_messages
from chatsdk_migration.transfer import Migration
from chatsdk_migration.transform import times
from chatsdk_migration.transform.channels import map_channel
from chatsdk_migration.transform.context import ChannelContext
from chatsdk_migration.transform.members import map_members
from chatsdk_migration.transform.messages import map_message
from chatsdk_migration.transform.threads import map_refused_threads

MOST_ROUNDS = 4
"""Repairs of one channel: what hangs on a message can only come back after the message."""


def verify_channel(migration: Migration, cid: str, *, mend: bool = False, most: int = MOST_KEPT) -> Verdict:
    """Compare one channel, and put right what may be put right.

    Args:
        migration: Source and target.
        cid: Stream's cid.
        mend: Repair, and compare again.
        most: Differences to keep; all are counted.

    Raises:
        PermanentError: No channel can be compared.
        TransientError: The database connection broke.
    """
    started, source = time.monotonic(), migration.source.counting()
    try:
        verdict = afresh(lambda: _Comparison(migration, source, cid, most).run(mend=mend))
    except GoneFromSourceError:
        verdict = _gone(migration, cid)
    except ChannelError as problem:
        verdict = Verdict(problems={cid: str(problem)})
    verdict.channels = 1
    verdict.api_calls = sum(source.calls.values())
    verdict.seconds = time.monotonic() - started
    return verdict


def _gone(migration: Migration, cid: str) -> Verdict:
    verdict = Verdict()
    channel_id = identity.channel_id(migration.settings.app_id, cid)
    verdict.add([Difference("channel", "extra", cid, cid, channel_id, explained_by="gone_from_source")], 1)
    return verdict


class _Comparison:
    """One attempt at one channel."""

    def __init__(self, migration: Migration, source: StreamClient, cid: str, most: int) -> None:
        self._migration = migration
        self._source = source
        self._cid = cid
        self._most = most
        self._channel_id = identity.channel_id(migration.settings.app_id, cid)
        self._accounting = Accounting()

    def run(self, *, mend: bool) -> Verdict:
        state = read_channel(self._source, self._cid)
        people, (row, lost) = self._members(state), self._channel()
        migration = self._migration
        with ComparisonStage(
            migration.target, migration.preflight, self._channel_id, self._cid, migration.run_id
        ) as stage:
            stage.add(people)
            stage.add(lost)
            if row is not None:
                stage.add_channel(row)
            self._messages(stage)
            stage.compare()
            verdict = self._mended(stage, row) if mend else Verdict()
            verdict.tallies, verdict.differences = stage.tallies(), stage.differences(self._most)
            verdict.compared = stage.compared()
        verdict.compared["channel"] = 1
        verdict.unaccounted = self._accounting.unaccounted
        return verdict

    def _mended(self, stage: ComparisonStage, row: ChannelRow | None) -> Verdict:
        verdict = Verdict()
        for _ in range(MOST_ROUNDS):
            mended = repair(stage, self._migration.target, row)
            verdict.advice = list(dict.fromkeys([*verdict.advice, *mended.advice]))
            if not mended.numbers:
                break
            verdict.repaired.update(mended.numbers)
            stage.compare()
        return verdict

    def _channel(self) -> tuple[ChannelRow | None, Batch]:
        """Read the channel as the list of channels gives it: how many members it shows decides the type.

        The batch holds what the row lost: its creator may be nobody who can be carried.
        """
        states = channels_page(self._source, {"cid": {"$eq": self._cid}})
        if not states or cid_of(states[0]) != self._cid:
            raise gone(self._cid)
        settings, out = self._migration.settings, Batch()
        self._accounting.channel(states[0])
        return map_channel(states[0], settings.app_id, settings.mapping, out), Batch(losses=out.losses)

    def _members(self, state: Json) -> Batch:
        members = [member for page in walk_members(self._source, state) for member in page]
        creator = (state.get("channel") or {}).get("created_by") or {}
        reads, rules, out = state.get("read") or [], self._migration.settings.mapping, Batch()
        self._accounting.members(members, reads)
        map_members(self._cid, members, reads, rules, out, created_by=creator.get("id"))
        return out

    def _messages(self, stage: ComparisonStage) -> None:
        settings = self._migration.settings
        now = moment(stage.since, self._migration.began)  # decides which pins had expired when the channel was carried
        context = ChannelContext(settings.app_id, self._cid, self._channel_id, settings.mapping, now)
        refused: list[str] = []
        for page in walk_messages(self._source, self._cid, refused=refused):
            self._accounting.messages(page)
            out = _mapped(page, context)
            stage.add(out)
            stage.add_expired(_expired(out, self._migration.began))
        out = Batch()
        map_refused_threads(refused, out)
        stage.add(out)


def _mapped(page: list[FetchedMessage], context: ChannelContext) -> Batch:
    out = Batch()
    for fetched in page:
        map_message(fetched, context, out)
    return out


def _expired(out: Batch, began: datetime) -> list[str]:
    """Give the messages whose pin was carried and has run out by now: a sync that reads one again takes it away."""
    now = times.microseconds(began)
    return [one.stream_id for one in out.losses if one.kind == "pin_expiry" and times.parse(one.detail).us <= now]
