"""Keys, and how channels are grouped into runs."""

from __future__ import annotations

import dagster as dg
import pytest

from chatsdk_migration.errors import PermanentError
from chatsdk_migration.partitions import (
    InvalidPartitionKeyError,
    add_channels,
    all_channels,
    checked_key,
    plan_runs,
    require_practical_size,
    unfinished_channels,
)

ORDER = [f"messaging:{number}" for number in range(100)]


@pytest.mark.parametrize("cid", ["messaging:general", "team:!members-AbC_9", "live-stream:0"])
def test_cids_are_keys(cid: str) -> None:
    assert checked_key(cid) == cid


@pytest.mark.parametrize(
    "cid",
    ["", "general", "messaging:", "a:b:c", "m:a,b", "m:a...b", "m:a b", "m:[a]", "m:a|b", "m:a\n", "m:\x00", "m:é"],
)
def test_what_dagster_would_misread_is_refused_by_name(cid: str) -> None:
    with pytest.raises(InvalidPartitionKeyError) as caught:
        checked_key(cid)
    assert repr(cid) in str(caught.value)


def test_keys_keep_the_order_in_which_they_came() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        add_channels(instance, ["m:z", "m:a"])
        add_channels(instance, ["m:k", "m:z"])
        assert all_channels(instance) == ["m:z", "m:a", "m:k"]
        assert unfinished_channels(instance) == ["m:z", "m:a", "m:k"]


def test_no_key_of_a_bad_page_is_added() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        with pytest.raises(InvalidPartitionKeyError):
            add_channels(instance, ["m:a", "m:b,c"])
        assert all_channels(instance) == []


def test_more_channels_than_dagster_can_show_are_refused() -> None:
    require_practical_size(100_000)
    with pytest.raises(PermanentError, match="buckets"):
        require_practical_size(100_001)


def test_a_stretch_is_cut_into_ranges_of_the_largest_size() -> None:
    assert plan_runs(ORDER, ORDER, largest=40) == (
        [(ORDER[0], ORDER[39]), (ORDER[40], ORDER[79]), (ORDER[80], ORDER[99])],
        [],
    )


def test_short_stretches_are_gathered() -> None:
    todo = [*ORDER[1:3], *ORDER[50:90], ORDER[99]]
    assert plan_runs(ORDER, todo) == ([(ORDER[50], ORDER[89])], [[ORDER[1], ORDER[2], ORDER[99]]])


def test_nothing_to_do_needs_no_run() -> None:
    assert plan_runs(ORDER, []) == ([], [])
