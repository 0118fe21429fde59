"""Reactions group to the same counts, under an emoji people can see."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from chatsdk_migration.models import Batch, FetchedMessage
from chatsdk_migration.transform.messages import map_message
from chatsdk_migration_tests.unit.mapping import AT, LATER, carry, codes, context, kinds, message, reaction


@pytest.mark.parametrize(
    ("kind", "emoji"),
    [
        ("like", "👍"),
        ("love", "❤️"),
        ("haha", "😂"),
        ("wow", "😮"),
        ("sad", "😢"),
        ("party:parrot", "party:parrot"),
        ("🎉", "🎉"),
        ("Like", "Like"),
        ("x" * 50, "x" * 50),
    ],
)
def test_a_type_becomes_its_emoji_and_an_unknown_one_stays(kind: str, emoji: str) -> None:
    out = carry(message(), reaction(kind=kind))
    assert out.reactions == [(out.messages[0].id, "bob", emoji, AT)]
    assert out.losses == []


def test_the_operators_table_goes_first() -> None:
    assert carry(message(), reaction(kind="like"), emoji={"like": "💙"}).reactions[0].emoji == "💙"


def test_several_types_of_one_person_and_one_type_of_several_are_all_carried() -> None:
    out = carry(message(), reaction(kind="like"), reaction(kind="wow"), reaction("carol", "like"))
    assert len(out.reactions) == 3
    assert {"bob", "carol"} <= set(out.users)


def test_two_types_that_give_one_emoji_become_one_and_are_counted_in_any_order() -> None:
    given = [reaction(kind="like", created_at=LATER), reaction(kind="thumbsup"), reaction(kind="+1", created_at=LATER)]
    for order in itertools.permutations(given):
        out = carry(message(), *order, emoji={"thumbsup": "👍", "+1": "👍"})
        assert [(row.emoji, row.created_at) for row in out.reactions] == [("👍", AT)]
        assert kinds(out) == ["reactions_merged"] * 2


def test_the_same_reaction_read_twice_is_one_and_nothing_lost() -> None:
    out = carry(message(), reaction(), reaction())
    assert (len(out.reactions), out.losses) == (1, [])


def test_scores_and_custom_fields_are_counted() -> None:
    assert kinds(carry(message(), reaction(score=5, note="x"))) == ["reaction_custom", "reaction_score"]


def test_a_reactor_known_by_id_alone_is_carried() -> None:
    out = carry(message(), reaction(user=None))
    assert out.reactions[0].user_id == "bob"
    assert "bob" in out.users


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"type": "x" * 51}, "emoji_too_long"),
        ({"type": ""}, "empty_id"),
        ({"user": None, "user_id": None}, "no_user"),
        ({"user": None, "user_id": "x" * 256}, "id_too_long"),
        ({"created_at": "?"}, "bad_timestamp"),
        ({"score": "many"}, "bad_shape"),
    ],
)
def test_a_reaction_that_cannot_be_carried_is_rejected_alone(fields: dict[str, Any], code: str) -> None:
    out = carry(message(), reaction() | fields, reaction("carol"))
    assert codes(out) == [("reaction", code)]
    assert [row.user_id for row in out.reactions] == ["carol"]


def test_missing_reactions_are_said() -> None:
    out = Batch()
    map_message(FetchedMessage(message(), [], reactions_missing=7, reactions_problem="offset wall"), context(), out)
    assert [(loss.kind, loss.detail) for loss in out.losses] == [("reactions_missing", "7 missing: offset wall")]
