"""Messages arrive exactly; what was deleted or hidden in Stream stays so."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatsdk_migration import identity
from chatsdk_migration.models import Batch, FetchedMessage, Json, MessageRow
from chatsdk_migration.transform.messages import map_message
from chatsdk_migration_tests.unit.mapping import APP, AT, LATER, carry, codes, context, kinds, message, reaction, user

SECRET = "what nobody may read again"
POLL = {"id": "p", "name": "Lunch?", "options": [{"id": "o1", "text": "Yes"}], "created_by": user(), "created_at": AT}


def only(raw: Json, **rules: Any) -> MessageRow:
    out = carry(raw, **rules)
    assert len(out.messages) == 1, (out.losses, out.rejects)
    return out.messages[0]


def test_a_plain_message_arrives_whole_and_loses_nothing() -> None:
    out = carry(message())
    target_id = identity.message_id(APP, "m1", 1_704_164_645_123_456)
    assert out.messages == [
        MessageRow("m1", target_id, "alice", "hello", "[]", None, None, None, AT, 0, None, None)
    ]  # fmt: skip
    assert set(out.users) == {"alice"}
    assert (out.losses, out.rejects) == ([], [])


@given(st.text(st.characters(codec="utf-8", exclude_characters="\x00")))
def test_text_arrives_exactly(text: str) -> None:
    assert only(message(text=text)).text == text


@pytest.mark.parametrize("text", [None, ""])
def test_a_message_without_text_is_no_tombstone(text: str | None) -> None:
    row = only(message(text=text))
    assert (row.text, row.deleted_at) == ("", None)


def test_nul_and_half_surrogates_are_repaired_and_counted() -> None:
    out = carry(message(text="a\x00b\ud83d"))
    assert out.messages[0].text == "a\ufffdb\ufffd"
    assert kinds(out) == ["text_repaired"]


def test_nanoseconds_are_kept_for_ordering() -> None:
    row = only(message(created_at="2024-01-02T03:04:05.123456789Z"))
    assert (row.created_at, row.created_ns) == (AT, 789)


@pytest.mark.parametrize(
    ("edited", "shown"),
    [
        (None, None),
        (LATER, "2024-01-02T04:00:00.000000Z"),
        (AT, None),
        ("2020-01-01T00:00:00Z", None),
        ("0001-01-01T00:00:00Z", None),
    ],
)
def test_only_a_real_edit_of_the_text_shows_as_edited(edited: str | None, shown: str | None) -> None:
    assert only(message(message_text_updated_at=edited, updated_at=LATER)).edited_at == shown


@pytest.mark.parametrize(
    "deletion",
    [
        {"type": "deleted", "deleted_at": LATER},
        {"type": "deleted", "updated_at": LATER},
        {"type": "regular", "deleted_at": LATER},
        {"type": "reply", "deleted_at": LATER, "parent_id": "p"},
    ],
)
def test_nothing_of_a_deleted_message_comes_back(deletion: Json) -> None:
    raw = message(
        text=SECRET, attachments=[{"type": "file", "title": SECRET}], mentioned_users=[user("bob")], pinned=True,
        poll=POLL | {"name": SECRET}, poll_id="p", note=SECRET, i18n={"en_text": SECRET}, quoted_message_id="q",
    )  # fmt: skip
    for rules in ({}, {"message_custom": "attachment"}):
        out = carry(raw | deletion, votes=[{"option_id": "o1", "user_id": "bob", "created_at": AT}], **rules)
        row = out.messages[0]
        assert (row.text, row.attachments, row.poll_id) == (None, "[]", None)
        assert row.deleted_at == "2024-01-02T04:00:00.000000Z"
        assert row.quoted_stream_id == "q"
        assert (out.mentions, out.pins, out.polls, out.votes) == ([], [], [], [])
        assert SECRET not in repr(out)


def test_a_deleted_message_without_any_later_time_was_deleted_when_it_was_made() -> None:
    assert only(message(type="deleted", updated_at=None)).deleted_at == AT


def test_reactions_of_a_deleted_message_stay() -> None:
    assert len(carry(message(type="deleted", deleted_at=LATER), reaction()).reactions) == 1


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"shadowed": True}, "message_shadowed"),
        ({"restricted_visibility": ["bob"]}, "message_restricted"),
        ({"type": "ephemeral"}, "message_not_stored"),
        ({"type": "error"}, "message_not_stored"),
        ({"shadowed": True, "type": "deleted", "deleted_at": LATER}, "message_shadowed"),
    ],
)
def test_what_the_channel_could_not_see_is_withheld_with_all_that_hangs_on_it(fields: Json, kind: str) -> None:
    raw = message(text=SECRET, mentioned_users=[user("bob")], pinned=True, poll=POLL, **fields)
    out = carry(raw, reaction())
    assert out == Batch(losses=out.losses)
    assert kinds(out) == [kind]
    assert SECRET not in repr(out)


def test_a_rule_can_show_them_and_that_is_counted() -> None:
    assert kinds(carry(message(shadowed=True), carry_shadowed_messages=True)) == ["shadowed_shown"]
    assert kinds(carry(message(restricted_visibility=["b"]), carry_restricted_messages=True)) == ["restricted_shown"]
    assert carry(message(shadowed=True, restricted_visibility=["b"]), carry_shadowed_messages=True).messages == []


def test_a_system_message_without_an_author_gets_the_synthetic_one() -> None:
    out = carry(message(type="system", user=None))
    assert out.messages[0].user_id == "stream-system"
    assert out.users["stream-system"].name == "System"
    assert kinds(out) == ["system_message"]


@pytest.mark.parametrize("kind", ["regular", "reply", "deleted"])
@pytest.mark.parametrize("nobody", [None, {}])
def test_any_other_message_without_an_author_gets_the_stand_in_and_is_counted(kind: str, nobody: Json | None) -> None:
    out = carry(message(type=kind, user=nobody), deleted_user_id="gone")
    assert out.messages[0].user_id == "gone"
    assert out.users["gone"].name == "Deleted user"
    assert "author_unknown" in kinds(out)


def test_a_deleted_author_stays_the_author() -> None:
    out = carry(message(user=user("gone", deleted_at=LATER)))
    assert out.messages[0].user_id == "gone"
    assert json.loads(out.users["gone"].custom_data) == {"stream_deleted": True}


def test_links_to_other_messages_are_kept_by_their_stream_ids() -> None:
    row = only(message(type="reply", parent_id="p", quoted_message_id="q"))
    assert (row.parent_stream_id, row.quoted_stream_id) == ("p", "q")
    assert only(message(quoted_message={"id": "q2"})).quoted_stream_id == "q2"
    assert only(message(quoted_message_id="", parent_id="")).parent_stream_id is None


def test_a_message_is_never_its_own_parent_or_quote() -> None:
    row = only(message(parent_id="m1", quoted_message_id="m1"))
    assert (row.parent_stream_id, row.quoted_stream_id) == (None, None)


def test_a_reply_shown_in_the_channel_is_counted() -> None:
    assert kinds(carry(message(type="reply", parent_id="p", show_in_channel=True))) == ["reply_shown_in_channel"]


def test_an_unknown_type_becomes_an_ordinary_message_and_is_counted() -> None:
    out = carry(message(type="moderation.bounce"))
    assert out.messages[0].text == "hello"
    assert [(loss.kind, loss.detail) for loss in out.losses] == [("message_type_unknown", "moderation.bounce")]


def test_custom_fields_are_counted_by_name_only() -> None:
    out = carry(message(zebra=SECRET, app_id="x", nothing=None))
    assert [(loss.kind, loss.detail) for loss in out.losses] == [("message_custom", "app_id, zebra")]
    assert SECRET not in repr(out)


def test_custom_fields_can_be_kept_in_an_attachment() -> None:
    out = carry(message(priority=1, nested={"a": [None]}, silent=True), message_custom="attachment")
    custom = {"type": "custom", "custom": {"nested": {"a": [None]}, "priority": 1}}
    assert json.loads(out.messages[0].attachments) == [custom]
    assert kinds(out) == ["message_silent"]


def test_streams_fields_without_a_home_are_counted_when_they_say_something() -> None:
    says: Json = {
        "i18n": {"language": "en", "de_text": "hallo"}, "command": "giphy", "moderation": {"action": "flag"},
        "silent": True, "shared_location": {"latitude": 1}, "thread_participants": [user("bob")], "mml": "<mml/>",
        "mentioned_channel": True, "mentioned_roles": ["admin"], "reminder": {"a": 1},
    }  # fmt: skip
    assert kinds(carry(message(**says))) == [
        "mention_of_everybody", "mention_of_group", "message_command", "message_markup", "message_moderation",
        "message_reminder", "message_silent", "shared_location", "translations",
    ]  # fmt: skip
    says_nothing: Json = dict.fromkeys(says) | {"args": "x", "member": {"channel_role": "channel_member"}}
    assert kinds(carry(message() | says_nothing)) == []
    assert kinds(carry(message(i18n={"language": "en"}))) == []


def test_a_mention_is_carried_once_for_each_person() -> None:
    out = carry(message(mentioned_users=[user("bob"), user("bob"), user("gone", deleted_at=LATER), "carol"]))
    target_id = out.messages[0].id
    assert [row[1:] for row in out.mentions] == [(target_id, who, "alice", AT) for who in ("bob", "gone", "carol")]
    assert len({row.id for row in out.mentions}) == 3
    assert {"bob", "gone", "carol"} <= set(out.users)
    again = carry(message(mentioned_users=[user("carol"), user("bob")]))
    assert {row.id for row in again.mentions} < {row.id for row in out.mentions}


def test_a_mention_that_names_nobody_is_rejected_alone() -> None:
    out = carry(message(mentioned_users=[None, {"id": "x" * 256}, user("bob")]))
    assert codes(out) == [("mention", "bad_shape"), ("mention", "id_too_long")]
    assert len(out.mentions) == len(out.messages) == 1


@pytest.mark.parametrize(
    ("fields", "pinned_by", "pinned_at"),
    [
        ({"pinned_at": LATER, "pinned_by": user("bob")}, "bob", "2024-01-02T04:00:00.000000Z"),
        ({"pinned_at": None, "pinned_by": None}, "alice", AT),
    ],
)
def test_a_pin_says_who_and_when(fields: Json, pinned_by: str, pinned_at: str) -> None:
    out = carry(message(pinned=True, **fields))
    assert out.pins == [(out.messages[0].id, pinned_by, pinned_at)]
    assert out.losses == []


def test_pins_that_have_expired_are_none() -> None:
    assert carry(message(pinned=False, pinned_at=AT, pinned_by=user("bob"))).pins == []
    expired = carry(message(pinned=True, pin_expires="2024-06-01T00:00:00Z"))
    assert (expired.pins, kinds(expired)) == ([], ["pin_expired"])
    later = carry(message(pinned=True, pin_expires="2024-06-01T00:00:00.000001Z"))
    assert (len(later.pins), kinds(later)) == (1, ["pin_expiry"])


def test_a_pin_that_cannot_be_read_costs_no_message() -> None:
    out = carry(message(pinned=True, pinned_at="?"))
    assert codes(out) == [("pin", "bad_timestamp")]
    assert len(out.messages) == 1


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"id": ""}, "empty_id"),
        ({"id": None}, "bad_shape"),
        ({"id": "a\x00"}, "bad_id"),
        ({"created_at": None}, "bad_timestamp"),
        ({"created_at": "0000-00-00T00:00:00Z"}, "bad_timestamp"),
        ({"deleted_at": "?"}, "bad_timestamp"),
        ({"message_text_updated_at": "?"}, "bad_timestamp"),
        ({"text": 5}, "bad_shape"),
        ({"attachments": "x"}, "bad_shape"),
        ({"user": user("x" * 256)}, "id_too_long"),
        ({"created_at": 1_700_000_000_000_000_000}, "bad_shape"),
    ],
)
def test_a_message_that_cannot_be_carried_is_rejected_whole(fields: Json, code: str) -> None:
    out = carry(message(mentioned_users=[user("bob")], pinned=True) | fields, reaction())
    assert codes(out) == [("message", code)]
    assert (out.messages, out.mentions, out.pins, out.reactions) == ([], [], [], [])


@pytest.mark.parametrize(
    "stream_id", ["x" * 1000, "a b/c?d#e@f:g", "ÄÖ👍", "A", "a", "018cc251-f400-7000-8ef6-0507d3482526"]
)
def test_a_message_id_may_be_anything(stream_id: str) -> None:
    row = only(message(stream_id))
    assert row.stream_id == stream_id
    assert row.id == identity.message_id(APP, stream_id, 1_704_164_645_123_456)


@pytest.mark.parametrize("at", ["1969-12-31T23:59:59.999999Z", "0001-01-01T00:00:00Z", "2038-01-19T03:14:08Z"])
def test_old_and_far_times_are_kept(at: str) -> None:
    assert only(message(created_at=at)).created_at.startswith(at[:19])


SCALARS = st.none() | st.booleans() | st.integers() | st.text()
OBJECTS = st.dictionaries(st.sampled_from(["id", "name", "options", "created_at"]), SCALARS)
FIELDS = st.sampled_from([*message(), "poll", "parent_id", "pinned_by", "deleted_at", "pin_expires", "x"])
REACTION_FIELDS = st.sampled_from([*reaction()])


@given(
    st.dictionaries(FIELDS, SCALARS | OBJECTS | st.lists(SCALARS | OBJECTS)),
    st.lists(st.dictionaries(REACTION_FIELDS, SCALARS)),
)
def test_no_payload_whatsoever_raises(fields: Json, reactions: list[Json]) -> None:
    out = Batch()
    map_message(FetchedMessage(message() | fields, reactions), context(), out)
    assert (
        len(out.messages)
        + len([r for r in out.rejects if r.entity == "message"])
        + len(
            [
                loss
                for loss in out.losses
                if loss.kind in {"message_shadowed", "message_restricted", "message_not_stored"}
            ]
        )
        == 1
    )
    assert {row.message_id for row in out.reactions} <= {row.id for row in out.messages}
    assert {row.user_id for row in out.messages} | {row.user_id for row in out.reactions} <= set(out.users)


def test_a_reply_in_the_thread_of_a_withheld_message_is_withheld_unless_the_channel_saw_it() -> None:
    channel, out = context(), Batch()
    for raw in (
        message("hidden", shadowed=True),
        message("reply", type="reply", parent_id="hidden"),
        message("shown", type="reply", parent_id="hidden", show_in_channel=True),
    ):
        map_message(FetchedMessage(raw, []), channel, out)
    assert [row.stream_id for row in out.messages] == ["shown"]
    assert [loss.kind for loss in out.losses][:2] == ["message_shadowed", "message_in_withheld_thread"]


@pytest.mark.parametrize("hiding", [{"shadowed": True}, {"restricted_visibility": ["bob"]}, {"shadowed": "yes"}])
@pytest.mark.parametrize("fault", [{"created_at": "soon"}, {"attachments": "none"}, {"user": user("x" * 256)}])
def test_a_malformed_hidden_message_is_withheld_with_its_thread_and_leaves_no_text(hiding: Json, fault: Json) -> None:
    out, in_channel = Batch(), context()
    for raw in (message("hidden", text=SECRET, **hiding | fault), message("reply", parent_id="hidden", type="reply")):
        map_message(FetchedMessage(raw, []), in_channel, out)
    assert (out.messages, out.rejects) == ([], [])
    assert [loss.stream_id for loss in out.losses] == ["hidden", "reply"]
    assert out.losses[1].kind == "message_in_withheld_thread"
    assert SECRET not in repr(out.losses)


def test_a_reply_of_a_visible_parent_that_was_rejected_is_carried() -> None:
    out, in_channel = Batch(), context()
    for raw in (message("bad", created_at="soon"), message("reply", parent_id="bad", type="reply")):
        map_message(FetchedMessage(raw, []), in_channel, out)
    assert codes(out) == [("message", "bad_timestamp")]
    assert [row.stream_id for row in out.messages] == ["reply"]


@pytest.mark.parametrize("deleted", [{"type": "deleted"}, {"deleted_at": LATER}, {"deleted_at": "soon"}])
def test_a_rejected_deleted_message_keeps_only_what_its_tombstone_is_made_of(deleted: Json) -> None:
    shown: Json = dict.fromkeys(("text", "html", "mml", "command", "my_own_field"), SECRET)
    quoted = {"id": "q", "text": SECRET}
    more: Json = {"i18n": {"en_text": SECRET}, "attachments": [{"text": SECRET}], "quoted_message": quoted}
    out = carry(message(created_at="soon", **shown | more | deleted))
    (reject,) = out.rejects
    assert SECRET not in json.dumps(reject.record)
    assert reject.record["id"] == "m1"
    assert reject.record["quoted_message"] == {"id": "q"}
    again = carry(reject.record | {"created_at": AT, "deleted_at": LATER})
    assert [(row.text, row.user_id) for row in again.messages] == [(None, "alice")]


def test_a_rejected_message_keeps_what_a_replay_needs_and_nothing_that_reaches_anybody() -> None:
    secretive = user(devices=[{"id": SECRET}])
    poll = POLL | {"voting_visibility": "anonymous", "latest_votes_by_option": {"o1": [{"user_id": SECRET}]}}
    raw = message(created_at="soon", user=secretive, mentioned_users=[secretive], my_own_field=1, poll=poll)
    raw |= {"quoted_message": message("q", type="deleted", text=SECRET), "latest_reactions": [{"user": secretive}]}
    (reject,) = carry(raw).rejects
    assert SECRET not in json.dumps(reject.record)
    assert (reject.record["text"], reject.record["my_own_field"]) == ("hello", 1)
    assert reject.record["user"] == user()
    assert raw["user"] is secretive, "what is mapped further stays whole"
