"""Polls arrive with every vote that names a person, and say what they had to leave."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chatsdk_migration import identity
from chatsdk_migration.models import Batch, Json
from chatsdk_migration_tests.unit.mapping import APP, AT, LATER, carry, codes, kinds, message, user


def poll(**fields: Any) -> Json:
    plain = {
        "id": "p1",
        "name": "Lunch?",
        "description": "",
        "options": [{"id": "o1", "text": "Yes"}, {"id": "o2", "text": "No"}],
        "voting_visibility": "public",
        "enforce_unique_vote": False,
        "max_votes_allowed": None,
        "allow_answers": False,
        "allow_user_suggested_options": False,
        "vote_count": 0,
        "answers_count": 0,
        "vote_counts_by_option": {},
        "latest_votes_by_option": {},
        "latest_answers": [],
        "own_votes": [],
        "created_by": user("bob"),
        "created_by_id": "bob",
        "created_at": AT,
        "updated_at": LATER,
    }
    return plain | fields


def vote(user_id: str | None = "bob", option: str = "o1", **fields: Any) -> Json:
    return {"poll_id": "p1", "id": "v", "option_id": option, "user_id": user_id, "created_at": AT} | fields


def mapped(*votes: Any, **fields: Any) -> Batch:
    out = carry(message(poll=poll(**fields), poll_id="p1"), votes=list(votes))
    assert len(out.messages) == 1
    return out


def test_a_poll_arrives_whole() -> None:
    out = mapped(vote(), vote("bob", "o2"), vote("carol"), vote_count=3)
    row = out.polls[0]
    assert row.id == out.messages[0].poll_id == identity.poll_id(APP, "p1")
    assert (row.message_id, row.question, row.created_by, row.created_at) == (out.messages[0].id, "Lunch?", "bob", AT)
    assert json.loads(row.options) == [{"id": "o1", "text": "Yes"}, {"id": "o2", "text": "No"}]
    assert (row.is_anonymous, row.is_multi_choice, row.total_votes, row.ends_at) == (False, True, 2, None)
    assert [tuple(v)[1:] for v in out.votes] == [("bob", "o1", AT), ("bob", "o2", AT), ("carol", "o1", AT)]
    assert {"bob", "carol"} <= set(out.users)
    assert out.losses == []


@pytest.mark.parametrize(
    ("fields", "multi"),
    [({"enforce_unique_vote": True}, False), ({"max_votes_allowed": 1}, False), ({"max_votes_allowed": 3}, True)],
)
def test_how_many_choices_a_person_has(fields: Json, multi: bool) -> None:
    assert mapped(**fields).polls[0].is_multi_choice is multi


def test_a_closed_poll_stays_closed() -> None:
    assert mapped(is_closed=True).polls[0].ends_at == "2024-01-02T04:00:00.000000Z"


def test_the_author_made_a_poll_that_names_nobody() -> None:
    assert mapped(created_by=None, created_by_id=None).polls[0].created_by == "alice"


def test_anonymous_votes_and_answers_have_no_home() -> None:
    answer = vote(option="", is_answer=True, answer_text="Maybe")
    out = mapped(vote(None), answer, vote_count=1, voting_visibility="anonymous")
    assert (out.polls[0].is_anonymous, out.polls[0].total_votes, out.votes) == (True, 0, [])
    assert kinds(out) == ["poll_answer", "vote_anonymous"]
    assert "Maybe" not in repr(out.losses)


@pytest.mark.parametrize("fields", [{}, {"created_at": "soon"}, {"option_id": 5}])
def test_who_voted_in_an_anonymous_poll_is_written_down_nowhere(fields: Json) -> None:
    out = mapped(vote("zoe", **fields), voting_visibility="anonymous", vote_count=1)
    assert (out.votes, out.rejects, kinds(out)) == ([], [], ["vote_anonymous"])
    assert out.polls[0].total_votes == 0
    assert "zoe" not in repr((out.users, out.losses))


def test_a_vote_read_twice_counts_once() -> None:
    out = mapped(vote(), vote())
    assert (len(out.votes), out.polls[0].total_votes) == (1, 1)


def test_what_a_poll_says_beyond_chatsdk_is_counted() -> None:
    out = mapped(description="d", allow_answers=True, allow_user_suggested_options=True, color="red")
    assert kinds(out) == ["poll_custom", "poll_description", "poll_open_to_answers", "poll_open_to_suggestions"]


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (vote(option="x" * 51), "option_id_too_long"),
        (vote(option=""), "empty_id"),
        (vote(created_at="?"), "bad_timestamp"),
        (vote("x" * 256), "id_too_long"),
        (None, "bad_shape"),
    ],
)
def test_a_vote_that_cannot_be_carried_is_rejected_alone(raw: Any, code: str) -> None:
    out = mapped(raw, vote("carol"))
    assert codes(out) == [("vote", code)]
    assert [v.user_id for v in out.votes] == ["carol"]


def test_a_vote_for_an_option_that_is_gone_is_withheld() -> None:
    assert kinds(mapped(vote(option="o9"))) == ["vote_for_removed_option"]


def test_votes_no_route_returned_are_said() -> None:
    out = mapped(vote(), vote_count=4)
    assert [(loss.kind, loss.detail) for loss in out.losses] == [("votes_missing", "3 missing")]


def test_the_embedded_votes_serve_when_none_were_fetched() -> None:
    latest = {"o1": [vote()], "o2": None}
    out = carry(message(poll=poll(latest_votes_by_option=latest, vote_count=1)))
    assert [v.user_id for v in out.votes] == ["bob"]
    assert out.losses == []


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"id": ""}, "empty_id"),
        ({"created_at": "?"}, "bad_timestamp"),
        ({"options": [{"text": "x"}]}, "bad_shape"),
        ({"options": "x"}, "bad_shape"),
    ],
)
def test_a_poll_that_cannot_be_carried_costs_no_message(fields: Json, code: str) -> None:
    out = mapped(vote(), **fields)
    assert codes(out) == [("poll", code)]
    assert out.messages[0].poll_id is None
    assert (out.polls, out.votes) == ([], [])


def test_a_poll_stream_did_not_give_is_said() -> None:
    out = carry(message(poll_id="p9"))
    assert kinds(out) == ["poll_missing"]
    assert out.messages[0].poll_id is None
