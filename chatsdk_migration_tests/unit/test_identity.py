"""Ids are the same on every run and machine, differ for different records, and sort by time."""

from __future__ import annotations

import uuid

from hypothesis import given
from hypothesis import strategies as st

from chatsdk_migration import identity

APP = "7b0f9f5e-0d5a-4a5b-9c3e-1f2a3b4c5d6e"
OTHER_APP = "00000000-0000-4000-8000-000000000001"
YEAR_9999_US = 253_402_300_799_999_999


def test_an_id_never_changes_between_releases() -> None:
    """A resume with a newer release must find what an older one wrote."""
    assert identity.message_id(APP, "alice-1", 1_700_000_000_123_456) == "018bcfe5-687b-71c8-b171-657229d3478d"
    assert identity.channel_id(APP, "messaging:general") == "6547808f-1895-51f2-aeb4-709030c0a1ba"


@given(st.text(), st.integers(0, YEAR_9999_US))
def test_a_message_id_is_a_uuid7_that_carries_its_time(stream_id: str, created_us: int) -> None:
    found = uuid.UUID(identity.message_id(APP, stream_id, created_us))
    assert (found.version, found.variant) == (7, uuid.RFC_4122)
    assert found.int >> 80 == created_us // 1000
    assert (found.int >> 64) & 0xFFF == created_us % 1000


@given(st.integers(0, YEAR_9999_US), st.integers(0, YEAR_9999_US))
def test_message_ids_sort_by_time(earlier: int, later: int) -> None:
    earlier, later = sorted((earlier, later))
    if earlier < later:
        assert identity.message_id(APP, "zzz", earlier) < identity.message_id(APP, "aaa", later)


def test_messages_of_one_instant_and_of_two_apps_differ() -> None:
    ids = {identity.message_id(app, name, 5) for app in (APP, OTHER_APP) for name in ("Case", "case", "", "a/b?c#d%")}
    assert len(ids) == 8


def test_times_the_format_cannot_hold_are_moved_to_its_ends() -> None:
    assert identity.message_id(APP, "old", -62_135_596_800_000_000).startswith("00000000-0000-7")
    assert identity.message_id(APP, "far", 1 << 70).startswith("ffffffff-ffff-7")


def test_half_a_surrogate_pair_in_an_id_still_gives_an_id() -> None:
    assert identity.message_id(APP, "a\ud800", 0) != identity.message_id(APP, "a\ud801", 0)


def test_the_same_channel_id_under_two_types_gives_two_channels() -> None:
    assert identity.channel_id(APP, "messaging:general") != identity.channel_id(APP, "team:general")
    assert identity.channel_id(APP, "messaging:general") != identity.channel_id(OTHER_APP, "messaging:general")


def test_mention_ids_cannot_be_confused_by_their_parts() -> None:
    message = identity.message_id(APP, "m", 0)
    assert identity.mention_id(APP, message, "a") != identity.mention_id(APP, message, "a:")
    assert identity.mention_id(APP, message, "a") != identity.poll_id(APP, f"{message}:a")
