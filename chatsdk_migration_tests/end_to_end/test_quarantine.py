"""One record in a hundred cannot be carried: all others arrive, and those come after all once the cause is mended.

Guards: exactly the bad records are in quarantine, with their originals; a replay adds them with right numbers, counters
and states, once, whatever kills it; a later run neither brings them back as rejected nor doubles them.
Not here: single rows that PostgreSQL refuses (``postgres/test_quarantine_rows.py``), the command line
(``test_quarantine_commands.py``).
"""

from __future__ import annotations

import signal
from collections import Counter
from pathlib import Path
from typing import Any

import psycopg
import pytest

from chatsdk_migration import quarantine
from chatsdk_migration.demo.world import World
from chatsdk_migration.postgres.target import Target
from chatsdk_migration.quarantine import Replayed, Selection, State
from chatsdk_migration.settings import MappingRules
from chatsdk_migration.transfer import Migration
from chatsdk_migration_tests.conftest import Role, Serve, TargetDatabase
from chatsdk_migration_tests.end_to_end import driver, poisoned
from chatsdk_migration_tests.end_to_end.checking import assert_equal_sides, broken_numbers, snapshot
from chatsdk_migration_tests.end_to_end.driver import migrate
from chatsdk_migration_tests.end_to_end.poisoned import POISONED_REACTIONS
from chatsdk_migration_tests.end_to_end.victim import Victim

HISTORY = frozenset({"quarantine"})
"""The oracle knows no rejected records."""
LATE = HISTORY | {"seq", "reads"}
"""Who comes late gets the numbers after those that are there, and read positions stay."""
GHOST = "user-9"
EVERYTHING = Selection()
MENDED = MappingRules(emoji=poisoned.MEND)


def replay(
    url: str, target: TargetDatabase, chosen: Selection = EVERYTHING, role: Role = "loader", **settings: Any
) -> Replayed:
    with Migration(target.settings(role, stream_chat_url=url, **settings)) as migration:
        return quarantine.replay(migration, chosen)


def rejected(target: TargetDatabase, state: State = State.OPEN, role: Role = "loader") -> list[quarantine.Entry]:
    database = Target(target.settings(role))
    try:
        return quarantine.entries(database, Selection(), [state])
    finally:
        database.close()


def named(found: list[quarantine.Entry]) -> Counter[tuple[str, str, str]]:
    return Counter((one.entity, one.stream_id, one.code) for one in found)


def pictured(target: TargetDatabase) -> dict[str, list[Any]]:
    with target.superuser() as conn:
        return snapshot(conn)


@pytest.fixture
def poison() -> poisoned.Poison:
    return poisoned.build(poison=True)


def test_all_others_arrive_and_only_the_bad_ones_are_kept_with_their_originals(
    target: TargetDatabase, stream: Serve, poison: poisoned.Poison
) -> None:
    outcome = migrate(stream(poison.world).url, target.settings())
    assert outcome.problems == {}
    assert_equal_sides(poisoned.build(poison=False).world, target, skip=HISTORY)
    found = rejected(target)
    assert set(named(found)) == poison.records
    by_entity = {one.entity: one for one in found}
    assert by_entity["poll"].record["name"] == 7
    assert by_entity["vote"].record["option_id"] == poisoned.LONG_OPTION
    assert by_entity["user"].cid == ""
    assert not any(one.mapped for one in found)
    assert all(one.message_stream_id in poison.world.messages for one in found if one.entity in _ON_MESSAGES)
    messages = {one.stream_id: one.record for one in found if one.entity == "message"}
    assert messages["bad-0"]["message_text_updated_at"] == "yesterday"
    assert messages["bad-0"]["user"]["name"].startswith("User ")


_ON_MESSAGES = frozenset({"reaction", "mention", "pin", "poll", "vote"})


def test_a_mended_setting_loads_what_fits_then_and_nothing_twice(
    target: TargetDatabase, stream: Serve, poison: poisoned.Poison
) -> None:
    url = stream(poison.world).url
    migrate(url, target.settings())
    others = {one for one in poison.records if one[2] != "emoji_too_long"}

    report = replay(url, target, mapping=MENDED)

    assert report.total == POISONED_REACTIONS
    assert report.problems == {}
    assert len(report.still_open) == len(others)
    assert_equal_sides(poisoned.build(poison=False, long_reactions=True).world, target, MENDED, skip=HISTORY)
    assert set(named(rejected(target))) == others
    assert {one.tried_at is None for one in rejected(target)} == {False}
    before = pictured(target)
    again = replay(url, target, Selection(code="emoji_too_long"), mapping=MENDED)
    assert (again.total, again.still_open) == (0, {})
    assert pictured(target) == before


@pytest.mark.parametrize("rules", [MENDED, MappingRules()], ids=["mended", "as before"])
def test_a_later_run_leaves_replayed_and_discarded_records_settled(
    target: TargetDatabase, stream: Serve, poison: poisoned.Poison, rules: MappingRules
) -> None:
    url = stream(poison.world).url
    migrate(url, target.settings())
    replay(url, target, mapping=MENDED)
    with Migration(target.settings()) as migration:
        given_up = quarantine.entries(migration.target, Selection(code="bad_shape"))
        assert quarantine.discard(migration.target, given_up) == len(given_up)
        assert quarantine.discard(migration.target, given_up) == 0
    before = {state: named(rejected(target, state)) for state in State}

    outcome = migrate(url, target.settings(mapping=rules))

    assert outcome.rows_written == 0
    assert {state: named(rejected(target, state)) for state in State} == before
    assert set(before[State.DISCARDED]) == {one for one in poison.records if one[2] == "bad_shape"}
    counted = sum(part.rejects for parts in outcome.results.values() for part in parts.values())
    in_channels = [one for one in rejected(target) if one.cid]
    assert counted == len(in_channels), "what is settled no longer counts against the budget"


def hide(conn: psycopg.Connection[Any]) -> None:
    """Keep one person out of the target, as a defect of its own would: whatever names them has no user."""
    conn.execute(
        f"""CREATE FUNCTION keep_out() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN IF NEW.id = '{GHOST}' THEN RETURN NULL; END IF; RETURN NEW; END $$;
            CREATE TRIGGER keep_out BEFORE INSERT ON app_user FOR EACH ROW EXECUTE FUNCTION keep_out()"""
    )


def show(conn: psycopg.Connection[Any]) -> None:
    conn.execute("DROP TRIGGER keep_out ON app_user; DROP FUNCTION keep_out")


def haunted() -> World:
    """One person does everything a person can do."""
    world = poisoned.build(poison=False).world
    own = [m for m in world.messages.values() if m["user"]["id"] == GHOST and "parent_id" not in m]
    channel = world.channels[own[0]["cid"]]
    other = next(who for who in channel.members if who != GHOST)
    said = [m for m in world.messages_of(channel.cid, include_replies=False) if m["user"]["id"] != GHOST]
    when = {"at": "2025-02-01T00:00:00Z"}
    world.add_message(channel.cid, "reply", user_id=other, text="to a ghost", parent_id=own[0]["id"], **when)
    world.add_message(channel.cid, "quote", user_id=other, text="of one", quoted_message_id=own[1]["id"], **when)
    world.edit_message(said[0]["id"], mentioned_users=[GHOST])
    world.edit_message(said[1]["id"], pinned=True, pinned_at="2024-06-01T00:00:00Z", pinned_by=GHOST)
    options = [{"id": "a", "text": "A"}, {"id": "b", "text": "B"}]
    world.add_poll(said[2]["id"], {"id": "ghostly", "name": "Mine", "options": options, "created_by": GHOST})
    world.add_vote("ghostly", option_id="a", user_id=other, created_at="2024-06-01T00:00:00Z")
    world.add_poll(said[3]["id"], {"id": "plain", "name": "Theirs", "options": options, "created_by": other})
    world.add_vote("plain", option_id="a", user_id=other, created_at="2024-06-01T00:00:00Z")
    world.add_vote("plain", option_id="b", user_id=GHOST, created_at="2024-06-01T00:00:00Z")
    return world


@pytest.mark.parametrize("role", ["loader", "ordinary"])
@pytest.mark.parametrize("policy", ["all", "unread_and_mentions"])
def test_whoever_was_missing_arrives_with_all_they_did(
    target: TargetDatabase, stream: Serve, role: Role, policy: str
) -> None:
    world, rules = haunted(), MappingRules.model_validate({"user_message": policy})
    url = stream(world).url
    with target.superuser() as conn:
        hide(conn)
        migrate(url, target.settings(role, mapping=rules))
        kept = Counter(one.entity for one in rejected(target, role=role))
        assert kept.keys() == {"member", "message", "reaction", "mention", "pin", "poll", "vote"}
        assert replay(url, target, role=role, mapping=rules).total == 0, "nothing has changed yet"
        show(conn)
    migrate(url, target.settings(role, mapping=rules), [])

    report = replay(url, target, role=role, mapping=rules)

    assert report.still_open == {}
    assert rejected(target, role=role) == []
    assert_equal_sides(world, target, rules, skip=LATE)
    with target.superuser() as conn:
        assert broken_numbers(conn) == []
        gone = "SELECT count(*) FROM chatsdk_migration.loss WHERE kind IN ('parent_not_carried', 'quote_not_carried')"
        assert conn.execute(gone).fetchone() == (0,)
    before = pictured(target)
    assert replay(url, target, role=role, mapping=rules).total == 0
    assert pictured(target) == before


def test_a_replay_killed_at_many_points_is_completed_by_the_next(
    target: TargetDatabase, stream: Serve, tmp_path: Path
) -> None:
    world = haunted()
    server = stream(world)
    settings = target.settings(message_batch_size=20)
    with target.superuser() as conn:
        hide(conn)
        migrate(server.url, settings)
        show(conn)
    migrate(server.url, settings, [])
    victim = Victim(poisoned, server, settings, tmp_path)
    left = []
    for statements in range(60, 1000, 65):
        code, said = victim.run(**{driver.KILL_AFTER_STATEMENTS: str(statements)})
        left.append(len(rejected(target)))
        if code == 0:
            break
        assert code == -signal.SIGKILL, said
    assert len(set(left)) > 2, f"the kills fell where nothing happens: {left}"
    victim.finish()
    assert rejected(target) == []
    assert_equal_sides(world, target, skip=LATE)
    with target.superuser() as conn:
        assert broken_numbers(conn) == []


def test_what_stream_has_deleted_since_does_not_come_back(target: TargetDatabase, stream: Serve) -> None:
    world = haunted()
    url = stream(world).url
    poison_messages(world)
    migrate(url, target.settings())
    world.soft_delete_message("emptied")
    world.hard_delete_message("removed")

    report = replay(url, target, mapping=MappingRules(message_custom="attachment"))

    with target.superuser() as conn:
        texts = conn.execute("SELECT text FROM message WHERE text LIKE 'secret%'").fetchall()
    assert texts == []
    assert {code for code, _ in report.still_open.values()} == {"gone_from_source", "bad_timestamp"}


def poison_messages(world: World) -> None:
    cid = next(iter(world.channels))
    author = next(iter(world.channels[cid].members))
    for name in ("emptied", "removed"):
        text = f"secret of {name}"
        bad = {"message_text_updated_at": "yesterday"}
        world.add_message(cid, name, user_id=author, text=text, at="2024-05-05T00:00:00Z", **bad)
