"""Text arrives exactly, except for what PostgreSQL cannot hold."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatsdk_migration import storable
from chatsdk_migration.errors import RecordError
from chatsdk_migration.models import Batch, Entity
from chatsdk_migration.transform import counted, text

ANY_TEXT = st.text(st.characters(codec=None))
STORABLE_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00"))
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | ANY_TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(ANY_TEXT, inner),
    max_leaves=15,
)


@given(STORABLE_TEXT)
def test_storable_text_is_never_touched(value: str) -> None:
    assert storable.repair(value) is value


@given(ANY_TEXT)
def test_repaired_text_can_be_stored_and_keeps_its_length(value: str) -> None:
    repaired = storable.repair(value)
    assert "\x00" not in repaired
    repaired.encode("utf-8")
    assert len(repaired) == len(value)


@pytest.mark.parametrize(
    "value", ["\u00e9", "e\u0301", "👩\u200d👩\u200d👧", "مرحبا", "a\\u0000", "tab\t\\N \\.", "\r\n", ""]
)
def test_text_is_not_normalised(value: str) -> None:
    assert counted.storable(value, Entity.MESSAGE, "m", "text", out := Batch()) == value
    assert out.losses == []


@given(ANY_JSON)
def test_json_text_is_valid_for_jsonb_and_means_the_same(value: object) -> None:
    written = text.json_text(value)
    written.text.encode("utf-8")
    assert json.loads(written.text) == storable.repair_value(value)
    assert "\\u0000" not in written.text.replace("\\\\", "")


def test_json_repairs_are_noticed_and_spelled_out_escapes_are_not_repairs() -> None:
    assert text.json_text({"a": "x\x00"}) == ('{"a":"x\ufffd"}', True)
    assert text.json_text({"a\ud800": 1}) == ('{"a\ufffd":1}', True)
    assert text.json_text({"a": "\\u0000"}) == ('{"a":"\\\\u0000"}', False)


def test_json_keeps_every_digit_of_a_large_integer() -> None:
    assert text.json_text([2**53 + 1, 10**40]).text == f"[{2**53 + 1},{10**40}]"


def test_json_too_deep_to_write_is_refused_with_a_code() -> None:
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(RecordError) as caught:
        text.json_text(deep)
    assert caught.value.code == "bad_json"
    out = Batch()
    out.reject(Entity.USER, "u", "bad_json", "deep", {"id": "u", "deep": deep})
    assert out.rejects[0].record == {"id": "u"}


def test_a_name_is_cut_to_the_column_and_counted() -> None:
    out = Batch()
    assert counted.name("é" * 300, Entity.USER, "u", out) == "é" * 255
    assert counted.name("é" * 255, Entity.USER, "u", out) == "é" * 255
    assert [(loss.kind, loss.detail) for loss in out.losses] == [("name_cut", "300 characters")]


@pytest.mark.parametrize(
    ("value", "code"),
    [(None, "empty_id"), ("", "empty_id"), ("x" * 256, "id_too_long"), ("a\x00", "bad_id"), ("\udfff", "bad_id")],
)
def test_an_id_is_refused_rather_than_repaired(value: str | None, code: str) -> None:
    with pytest.raises(RecordError) as caught:
        text.check_id(value, "user")
    assert caught.value.code == code


def test_losses_and_rejects_can_always_be_stored() -> None:
    """One NUL in an example would fail the COPY of a whole channel."""
    out = Batch()
    out.lose(Entity.MESSAGE, "message_custom", "m\x00", "\ud800")
    out.reject(Entity.MESSAGE, "m\x00", "bad_id", "\x00", {"k\x00": ["\x00", {"\ud800": None}]})
    assert out.losses[0][2:] == ("m\ufffd", "\ufffd")
    assert out.rejects[0].record == {"k\ufffd": ["\ufffd", {"\ufffd": None}]}
