"""Every timestamp Stream sends ends as the same microsecond on both sides, and order is kept below that."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatsdk_migration.errors import RecordError
from chatsdk_migration.stream.times import instant
from chatsdk_migration.transform import times

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("sent", "text", "ns"),
    [
        ("2024-02-29T12:00:00Z", "2024-02-29T12:00:00.000000Z", 0),
        ("2024-02-29T12:00:00.1Z", "2024-02-29T12:00:00.100000Z", 0),
        ("2024-02-29T12:00:00.1234Z", "2024-02-29T12:00:00.123400Z", 0),
        ("2024-02-29T12:00:00.123456Z", "2024-02-29T12:00:00.123456Z", 0),
        ("2024-02-29T12:00:00.123456999Z", "2024-02-29T12:00:00.123456Z", 999),
        ("2024-02-29T12:00:00.12345678Z", "2024-02-29T12:00:00.123456Z", 780),
        ("2024-03-01T01:30:00.5+02:00", "2024-02-29T23:30:00.500000Z", 0),
        ("2024-02-29T20:00:00-05:30", "2024-03-01T01:30:00.000000Z", 0),
        ("2024-02-29t12:00:00z", "2024-02-29T12:00:00.000000Z", 0),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000000Z", 0),
        ("9999-12-31T23:59:59.999999999Z", "9999-12-31T23:59:59.999999Z", 999),
    ],
)
def test_a_timestamp_is_cut_not_rounded(sent: str, text: str, ns: int) -> None:
    found = times.parse(sent)
    assert (found.text, found.ns) == (text, ns)
    assert times.parse_text(sent) == text


@given(
    st.integers(1, 9999), st.integers(0, 13), st.integers(0, 32), st.integers(0, 25), st.text("0123456789", max_size=7)
)
def test_the_plain_form_is_read_as_any_other(year: int, month: int, day: int, hour: int, digits: str) -> None:
    """The same moment with an offset, which is never plain, tells what is right, and what is no moment at all."""
    plain = f"{year:04}-{month:02}-{day:02}T{hour:02}:59:58{'.' if digits else ''}{digits}"
    try:
        expected = times.parse(f"{plain}+00:00")
    except RecordError:
        for read in (times.parse, times.parse_text):
            with pytest.raises(RecordError):
                read(f"{plain}Z")
        assert instant(f"{plain}Z") is None
        return
    assert times.parse(f"{plain}Z") == expected
    assert times.parse_text(f"{plain}Z") == expected.text
    assert instant(f"{plain}Z") == expected.us * 1000 + expected.ns


@given(
    st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31)),  # noqa: DTZ001 - hypothesis wants them naive
    st.integers(0, 999),
    st.integers(-23 * 60, 23 * 60),
)
def test_any_moment_in_any_offset_keeps_its_nanosecond(moment: datetime, ns: int, offset_minutes: int) -> None:
    moment = moment.replace(tzinfo=UTC)
    zone = timezone(timedelta(minutes=offset_minutes))
    local = moment.astimezone(zone).isoformat(timespec="microseconds")
    found = times.parse(f"{local[:26]}{ns:03}{local[26:]}")
    assert found.us == (moment - EPOCH) // timedelta(microseconds=1) == times.microseconds(moment)
    assert found.ns == ns
    assert datetime.fromisoformat(found.text) == moment


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**9 - 1)), min_size=2))
def test_text_and_nanoseconds_sort_as_time_does(moments: list[tuple[int, int]]) -> None:
    def sent(moment: tuple[int, int]) -> str:
        whole = (EPOCH + timedelta(seconds=moment[0])).strftime("%Y-%m-%dT%H:%M:%S")
        return f"{whole}.{moment[1]:09}".rstrip("0").rstrip(".") + "Z"

    found = [times.parse(sent(moment)) for moment in sorted(moments)]
    assert found == sorted(found, key=lambda instant: (instant.text, instant.ns))
    assert found == sorted(found, key=lambda instant: (instant.us, instant.ns))


@pytest.mark.parametrize(
    "sent",
    [
        None,
        "",
        "yesterday",
        "2024-02-30T00:00:00Z",
        "2023-02-29T00:00:00Z",
        "2024-01-01",
        "2024-01-01T00:00:00",
        "2024-01-01T24:00:00Z",
        "2024-01-01T00:00:60Z",
        "2024-01-01T00:00:00.Z",
        "2024-01-01T00:00:00+24:00",
        "0000-01-01T00:00:00Z",
        "10000-01-01T00:00:00Z",
        "-0044-03-15T00:00:00Z",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        "２０２４-01-01T00:00:00Z",
        "2024-01-01T00:00:00Z\n",
    ],
)
def test_what_is_no_moment_is_refused_with_a_code(sent: str | None) -> None:
    with pytest.raises(RecordError) as caught:
        times.parse(sent)
    assert caught.value.code == "bad_timestamp"


@pytest.mark.parametrize("sent", [None, "", "0001-01-01T00:00:00Z"])
def test_a_time_that_was_never_set_is_none(sent: str | None) -> None:
    assert times.parse_optional(sent) is None
    assert not times.is_set(sent)


def test_a_refusal_does_not_repeat_a_long_text() -> None:
    with pytest.raises(RecordError) as caught:
        times.parse("secret " * 100)
    assert len(caught.value.reason) < 80
