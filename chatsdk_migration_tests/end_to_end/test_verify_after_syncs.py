"""What a comparison says of things that syncs carried, and that Stream changed again where no sync could see it.

Here: nobody in ChatSDK did anything, so each difference is named, and mended. Not here: what people here did
(``test_verify_explains.py``, ``test_sync.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from chatsdk_migration.demo.world import World
from chatsdk_migration.identity import channel_id
from chatsdk_migration.reconcile import target_side
from chatsdk_migration.reconcile.app import Scope, verify
from chatsdk_migration.reconcile.channel import verify_channel
from chatsdk_migration.settings import MappingRules
from chatsdk_migration.sync import Sweep
from chatsdk_migration.transfer import Migration
from chatsdk_migration_tests.conftest import APP_ID, TargetDatabase
from chatsdk_migration_tests.end_to_end.test_sync import OLD, ROOM, Sides, build, migrated

Step = Callable[[World], object]


def undelete(world: World, message: str) -> None:
    world.messages[message].pop("deleted_at")
    world.edit_message(message, type="regular")


AGAIN: dict[str, tuple[Step, Step, str]] = {
    "reaction taken away": (
        lambda w: w.add_reaction("old", "cy", "love"),
        lambda w: w.remove_reaction("old", "cy", "love"),
        "reactions extra",
    ),
    "unpinned": (
        lambda w: w.edit_message("old", pinned=True, pinned_at=w.clock(), pinned_by="ann"),
        lambda w: w.edit_message("old", pinned=False, pinned_at=None, pinned_by=None),
        "pins extra",
    ),
    "edited a second time": (
        lambda w: w.edit_message("old", text="second"),
        lambda w: w.edit_message("old", text="third"),
        "messages different text",
    ),
    "undeleted": (
        lambda w: w.soft_delete_message("old"),
        lambda w: undelete(w, "old"),
        "messages different deleted_at",
    ),
    "vote taken back": (
        lambda w: w.add_vote("p7", option_id="o1", user_id="cy", id="vote"),
        lambda w: w.remove_vote("p7", "vote"),
        "votes extra",
    ),
    "mention taken away": (
        lambda w: w.edit_message("old", mentioned_users=["cy"]),
        lambda w: w.edit_message("old", mentioned_users=[]),
        "mentions extra",
    ),
    "hard-deleted": (
        lambda w: w.add_message(ROOM, "late", user_id="ann", text="x", at=OLD + timedelta(days=9)),
        lambda w: w.hard_delete_message("late"),
        "messages extra",
    ),
    "left": (
        lambda w: w.add_member(ROOM, "dee", created_at=w.clock()),
        lambda w: w.remove_member(ROOM, "dee"),
        "members extra",
    ),
    "renamed a second time": (
        lambda w: w.update_channel(ROOM, name="Second"),
        lambda w: w.update_channel(ROOM, name="Third"),
        "channel different name",
    ),
}
"""What a sync carries, what Stream's people do next, and the difference."""


def differences(sides: Sides) -> set[str]:
    with Migration(sides.settings()) as migration:
        found = verify_channel(migration, ROOM).differences
    return {f"{one.category} {one.kind} {one.field}".strip() for one in found if one.explained_by is None}


@pytest.mark.parametrize("name", AGAIN)
def test_what_syncs_carried_is_nobodys_doing_here(name: str, target: TargetDatabase) -> None:
    first, then, named = AGAIN[name]
    world = build()
    world.add_message(ROOM, "old-poll", user_id="ann", text="vote", at=OLD + timedelta(days=3))
    options = [{"id": "o1", "text": "yes"}, {"id": "o2", "text": "no"}]
    world.add_poll("old-poll", {"id": "p7", "name": "Old?", "options": options})
    with migrated(world, target) as sides:
        sides.sync()
        first(world)
        sides.sync(Sweep.ALL)
        assert differences(sides) == set()
        then(world)
        assert named in differences(sides)
        with Migration(sides.settings()) as migration:
            verify_channel(migration, ROOM, mend=True)
        sides.sync(Sweep.ALL)
        assert differences(sides) == set()


def whole(sides: Sides, **changes: Any) -> list[str]:
    """Every difference of the app that nothing explains."""
    with Migration(sides.settings(**changes)) as migration:
        found = (
            verify(migration, Scope()).differences + target_side.privacy(migration.target, MappingRules()).differences
        )
    return sorted({f"{one.category} {one.field}" for one in found if one.explained_by is None})


@pytest.fixture
def sides(target: TargetDatabase) -> Iterator[Sides]:
    with migrated(build(), target) as both:
        both.sync()
        yield both


def test_administrators_appointed_here_are_named_by_the_operator_or_by_the_comparison(sides: Sides) -> None:
    sides.sql("UPDATE app_user SET custom_data = custom_data || '{\"is_admin\": \"true\"}' WHERE id = 'ann'")
    sides.sync()
    assert whole(sides) == ["privacy is_admin", "users custom_data"]
    assert whole(sides, administrators=("ann",)) == []
    assert whole(sides, administrators=("bob",)) != []


def test_an_administrator_of_chatsdk_before_the_load_stays_one(target: TargetDatabase) -> None:
    with target.superuser() as conn:
        conn.execute(
            """INSERT INTO app_user (app_id, id, name, custom_data, created_at, updated_at)
               VALUES (%s, 'bob', 'Bob of ChatSDK', '{"is_admin": "true"}', now() - interval '30 days', now())""",
            [APP_ID],
        )
    with migrated(build(), target) as sides:
        sides.sync()
        assert "privacy is_admin" not in whole(sides)


def test_a_ban_by_the_moderators_here_is_theirs(sides: Sides) -> None:
    sides.sql("UPDATE app_user SET custom_data = custom_data || '{\"banned\": true}' WHERE id = 'cy'")
    assert whole(sides) == []


def test_a_message_edited_here_and_hidden_in_stream_is_a_conflict_and_no_fault(sides: Sides) -> None:
    sides.sql("UPDATE message SET text = 'mine', edited_at = now() WHERE text = 'text 5'")
    sides.world.edit_message("m5", shadowed=True)
    assert [one.stream_id for one in sides.sync().conflicts] == ["m5"]
    assert whole(sides) == []


def test_an_owner_who_left_and_joined_again_is_a_plain_member(sides: Sides) -> None:
    room = channel_id(APP_ID, ROOM)
    before = sides.sql("SELECT role FROM channel_member WHERE channel_id = %s AND user_id = 'ann'", room)
    assert before != [("member",)]
    sides.sql(
        """UPDATE channel_member SET role = 'member', joined_at = now(), last_read_seq = 0
           WHERE channel_id = %s AND user_id = 'ann'""",
        room,
    )
    assert differences(sides) == set()


def test_a_pin_on_a_message_that_stays_here_stays_with_it(sides: Sides) -> None:
    sides.world.edit_message("m5", pinned=True, pinned_at=sides.world.clock(), pinned_by="ann")
    sides.sync()
    sides.sql("UPDATE message SET text = 'mine', edited_at = now() WHERE text = 'text 5'")
    sides.world.hard_delete_message("m5")
    assert [one.stream_id for one in sides.sync().conflicts] == ["m5"]
    assert differences(sides) == set()


def test_having_been_active_in_stream_explains_no_loss_here(sides: Sides) -> None:
    sides.world.add_user("eve", name="Eve", last_active=sides.world.clock())
    sides.world.add_member(ROOM, "eve", created_at=sides.world.clock())
    sides.world.add_reaction("m1", "eve", "love")
    sides.sync()
    assert differences(sides) == set()
    sides.sql("DELETE FROM reaction WHERE user_id = 'eve'")
    assert differences(sides) == {"reactions missing"}
    sides.sql("UPDATE app_user SET last_active_at = now() WHERE id = 'eve'")
    assert differences(sides) == set()
