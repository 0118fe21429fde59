"""What incremental syncs meet besides plain changes: refused threads, truncation, reused ids, and what the report says.

Here: each of these against the oracle or the ledger. Not here: kinds of change (``test_sync.py``), read state
(``test_sync_reads.py``), the change feed (``test_sync_feed.py``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

import pytest

from chatsdk_migration import sync
from chatsdk_migration.demo.server import StreamServer
from chatsdk_migration.demo.target import live_send
from chatsdk_migration.demo.world import World
from chatsdk_migration.identity import channel_id
from chatsdk_migration.reconcile import target_side
from chatsdk_migration.reconcile.channel import verify_channel
from chatsdk_migration.settings import MappingRules
from chatsdk_migration.sync import Sweep
from chatsdk_migration.transfer import Migration
from chatsdk_migration_tests.conftest import APP_ID, TargetDatabase
from chatsdk_migration_tests.end_to_end.driver import migrate
from chatsdk_migration_tests.end_to_end.test_sync import GRANTS, NAMED, ROOM, TEAM, Sides, at, build, migrated

HERE = channel_id(APP_ID, ROOM)
PAIR = "messaging:!members-pair"
"""As Stream names a direct message."""


@pytest.fixture
def sides(target: TargetDatabase) -> Iterator[Sides]:
    with migrated(build(), target) as both:
        both.sync()
        yield both


@pytest.mark.parametrize("sweep", [Sweep.RECENT, Sweep.ALL])
def test_replies_that_stream_no_longer_lists_stay(sides: Sides, sweep: Sweep) -> None:
    sides.server.options.replies_off_types = frozenset({"messaging"})
    sides.world.edit_message("thread", text="other words")
    sides.world.edit_message("old", text="other words")
    sides.sync(sweep)
    replies = sides.sql("SELECT count(*) FROM message WHERE parent_id IS NOT NULL AND deleted_at IS NULL")
    assert replies == [(4,)]
    assert sides.sql("SELECT m.text FROM message m" + NAMED, "thread") == [("other words",)]
    refused = sides.sql("SELECT stream_id FROM chatsdk_migration.loss WHERE kind = 'thread_refused' ORDER BY 1")
    assert refused == [("old",), ("thread",)]
    with Migration(sides.settings()) as migration:
        verdict = verify_channel(migration, ROOM)
    assert verdict.problems == {}
    assert [one for one in verdict.differences if one.explained_by is None] == []


@pytest.mark.parametrize("compare", [False, True])
def test_a_channel_truncated_while_it_is_read_is_read_again(sides: Sides, compare: bool) -> None:
    for number in range(310):
        sides.world.add_message(ROOM, f"x{number}", user_id="ann", text="x", at=at(minutes=300 - number / 2))
    pages = iter(range(1000))
    truncated: list[int] = []

    def truncate(endpoint: str, _: object) -> None:
        if endpoint == "GetOrCreateChannel" and (page := next(pages)) == 1:
            sides.world.truncate_channel(ROOM, at(hours=2))
            truncated.append(page)

    sides.server.before_answer = truncate
    if compare:
        with Migration(sides.settings()) as migration:
            assert verify_channel(migration, ROOM).problems == {}
    else:
        sides.sync(Sweep.ALL)
    sides.server.before_answer = None
    assert truncated == [1]
    sides.sync()
    sides.check()


def test_a_stream_id_given_to_another_message_follows_it(sides: Sides) -> None:
    sides.world.hard_delete_message("m1")
    again = sides.world.clock()
    sides.world.add_message(ROOM, "m1", user_id="cy", text="another message", at=again)
    sides.world.add_reaction("m1", "bob", "wow")
    sides.sync()
    sides.check()
    assert sides.sql("SELECT m.text, m.created_at FROM message m" + NAMED, "m1") == [("another message", again)]
    old = sides.sql(
        """SELECT m.text, m.deleted_at IS NOT NULL, m.attachments,
                  (SELECT count(*) FROM reaction r WHERE r.message_id = m.id)
           FROM message m JOIN chatsdk_migration.message_map x ON x.message_id = m.id WHERE x.stream_id LIKE 'm1 %%'"""
    )
    assert old == [(None, True, [], 0)]
    assert sides.sql("SELECT count(*) FROM chatsdk_migration.quarantine") == [(0,)]
    assert sides.sync().applied == {}
    sides.sync(Sweep.ALL)
    sides.check()


def test_a_reused_id_whose_first_bearer_was_edited_here_is_a_conflict(sides: Sides) -> None:
    sides.sql(
        """UPDATE message SET text = 'mine', edited_at = now()
           WHERE id = (SELECT message_id FROM chatsdk_migration.message_map WHERE stream_id = 'm1')"""
    )
    sides.world.hard_delete_message("m1")
    sides.world.add_message(ROOM, "m1", user_id="cy", text="another message", at=sides.world.clock())
    report = sides.sync()
    assert [one.what for one in report.conflicts] == ["gone from Stream, changed in ChatSDK"]
    assert sorted(sides.sql("SELECT text FROM message WHERE text IN ('mine', 'another message')")) == [
        ("another message",),
        ("mine",),
    ]


def notes(sides: Sides) -> tuple[list[object], list[object]]:
    """What the report is made of: losses and messages read by month."""
    return (
        sides.sql(
            """SELECT cid, entity, kind, stream_id, occurrences FROM chatsdk_migration.loss
               WHERE cid <> '' ORDER BY cid, entity, kind, stream_id"""
        ),
        sides.sql("SELECT cid, month, messages FROM chatsdk_migration.source_month ORDER BY cid, month"),
    )


def lossy(world: World, name: str) -> None:
    """A message that loses something of each kind: custom data (summed up) and its character (listed)."""
    world.add_message(
        ROOM, name, user_id="cy", text="NUL \x00", at=world.clock(), colour="red", shadowed=False, silent=True
    )


def test_the_report_counts_what_syncs_brought(sides: Sides, target: TargetDatabase) -> None:
    for name in ("lossy1", "lossy2"):
        lossy(sides.world, name)
    sides.world.add_message(ROOM, "shadow", user_id="cy", text="psst", at=sides.world.clock(), shadowed=True)
    sides.world.add_message(ROOM, "old too", user_id="cy", text="imported", at=at(days=3))
    sides.world.hard_delete_message("m3")
    sides.sync()
    by_parts = notes(sides)
    for _ in range(3):  # the overlap shows the same messages again
        sides.world.add_reaction("lossy1", "ann", f"kind{_}")
        sides.sync()
    assert notes(sides) == by_parts
    sides.sync(Sweep.ALL)
    assert notes(sides) == by_parts
    assert migrate(sides.server.url, target.settings()).problems == {}
    assert notes(sides) == by_parts


def test_an_edit_that_mends_a_message_takes_its_loss_away(sides: Sides) -> None:
    lossy(sides.world, "lossy")
    sides.sync()
    listed = "SELECT kind FROM chatsdk_migration.loss WHERE stream_id = 'lossy'"
    assert sides.sql(listed) == [("text_repaired",)]
    sides.world.edit_message("lossy", text="clean")
    sides.sync()
    assert sides.sql(listed) == []


def test_new_people_and_channels_add_to_the_losses_of_the_app(sides: Sides) -> None:
    world = sides.world
    query = "SELECT kind, stream_id, occurrences FROM chatsdk_migration.loss WHERE cid = '' ORDER BY 1, 2"
    before = sides.sql(query)
    world.add_user("eve", name="N" * 300, is_admin=True)
    world.add_channel("livestream:new", created_by="ann", created_at=world.clock(), members=("ann",), cooldown=5)
    sides.sync()
    after = sides.sql(query)
    assert ("name_cut", "eve", 1) in after
    assert len(after) > len(before) + 1
    world.update_user("eve", title="Dr")
    sides.sync()
    assert sides.sql(query) == after


def test_a_sync_that_changes_nothing_reads_no_history(sides: Sides) -> None:
    """Only what changed is looked at: a quiet channel is not even asked for."""
    with sides.target.superuser() as conn:
        live_send(conn, APP_ID, HERE, "cy", "written here")
    before = sides.server.calls.copy()
    assert sides.sync(sync_rescan_calls=0, sync_overlap_minutes=0).channels == {}
    assert (sides.server.calls - before)["QueryChannel"] == 0


@pytest.mark.parametrize("channels", [0, 40, 300])
@pytest.mark.parametrize("active", [False, True])
def test_the_cost_told_beforehand_is_what_an_idle_sync_needs(
    target: TargetDatabase, channels: int, active: bool
) -> None:
    world = build()
    for number in range(channels):
        cid, created = f"team:c{number}", at(days=400 - number)
        world.add_channel(cid, created_by="ann", created_at=created, members=("ann", "bob"))
        when = at(hours=48 - number / 100) if active and number % 5 == 0 else created
        world.add_message(cid, f"c{number}", user_id="ann", text="hi", at=when)
        if number % 20 == 0:
            world.add_message(cid, f"r{number}-", user_id="ann", text="re", parent_id=f"c{number}", at=when)
    with migrated(world, target) as sides:
        sides.sync(sync_overlap_minutes=0)
        settings = sides.settings(sync_overlap_minutes=0)
        with sync.open_migration(settings) as migration:
            told = sync.cost(migration)
            before = sides.server.calls.copy()
            report = sync.sync_once(migration)
        calls = sides.server.calls - before
        assert report.applied == {}
        assert report.api_calls == calls.total()
        assert abs(told.total - calls.total()) <= 0.3 * calls.total(), (told.calls, calls)


def test_of_three_hundred_channels_those_that_changed_are_read(target: TargetDatabase) -> None:
    """By calls: the list and a search for all of them, some three calls for each that changed."""
    people = [f"p{number}" for number in range(12)]
    world = build()
    for who in people:
        world.add_user(who)
    for number in range(300):
        cid = f"team:c{number}"
        world.add_channel(cid, created_by="p0", created_at=at(days=400 - number), members=people)
        for message in range(5):
            world.add_message(cid, f"c{number}-{message}", user_id="p0", text="hi", at=at(days=90, minutes=message))
    with migrated(world, target) as sides:
        alone = {"sync_rescan_calls": 0, "sync_overlap_minutes": 0}
        sides.sync(**alone)
        idle = calls_of(sides, **alone)
        assert idle["QueryChannels"] <= 302 / 29 + 2
        assert idle.total() <= 302 / 29 + 8
        for number in range(0, 300, 15):
            kind = number % 4
            if kind == 0:
                world.add_message(f"team:c{number}", f"n{number}", user_id="p1", text="news", at=world.clock())
            elif kind == 1:
                world.edit_message(f"c{number}-2", text="other words")
            elif kind == 2:
                world.add_reaction(f"c{number}-2", "p3", "love")
            else:
                world.remove_member(f"team:c{number}", "p5")
        changed = calls_of(sides, **alone)
        assert changed.total() <= idle.total() + 20 * 3
        assert changed["QueryMembers"] == 0
        sides.check()


def calls_of(sides: Sides, **settings: object) -> Counter[str]:
    before = sides.server.calls.copy()
    sides.sync(**settings)
    return sides.server.calls - before


def test_a_changed_poll_is_found_by_its_own_time_and_its_votes_with_it(sides: Sides) -> None:
    sides.world.polls["p1"] |= {"name": "Supper?", "updated_at": sides.world.clock().isoformat()}
    sides.world.note_change("poll")
    sides.world.add_vote("p1", option_id="o2", user_id="cy")
    before = sides.server.calls.copy()
    sides.sync(sync_rescan_calls=0)
    assert (sides.server.calls - before)["QueryPolls"] == 1
    assert sides.sql("SELECT question, total_votes FROM poll") == [("Supper?", 2)]
    sides.check()


@pytest.mark.parametrize("edited", ["old", "thread", "old-reply"])
def test_replies_shown_in_the_channel_are_part_of_their_threads(edited: str, sides: Sides) -> None:
    """Neither older than all that is read again, nor older than a recent message they were put under."""
    for parent, hours in (("old", 17_000), ("thread", 300)):
        sides.world.add_message(
            ROOM,
            f"shown-{parent}",
            user_id="bob",
            text="re",
            parent_id=parent,
            show_in_channel=True,
            at=at(hours=hours),
        )
    sides.sync(Sweep.ALL)
    sides.check()
    sides.world.edit_message(edited, text="other words")
    assert "messages deleted" not in sides.sync().applied
    sides.check()


def test_reactions_removed_between_two_pages_are_gone_after_the_next_sync(sides: Sides) -> None:
    for number in range(150):
        sides.world.add_user(f"fan{number}")
        sides.world.add_reaction("m1", f"fan{number}", "love", at=at(minutes=1, seconds=number))
    removed: list[str] = []

    def remove(endpoint: str, asked: dict[str, object]) -> None:
        if endpoint == "QueryReactions" and asked.get("next") and not removed:
            removed.extend(["fan3", "fan140"])  # one that was read already, one that was not
            for who in removed:
                sides.world.remove_reaction("m1", who, "love")

    sides.server.before_answer = remove
    sides.sync()
    sides.server.before_answer = None
    assert removed == ["fan3", "fan140"]
    sides.sync()
    sides.check()


@pytest.mark.parametrize("when", ["before the load", "between syncs"])
def test_in_a_poll_of_one_answer_a_vote_given_here_stays_the_only_one(when: str, sides: Sides) -> None:
    sides.world.polls["p1"]["enforce_unique_vote"] = True
    sides.world.edit_message("poll", text="vote once")
    sides.sync()
    sides.sql(
        """INSERT INTO poll_vote (poll_id, app_id, user_id, option_id)
           SELECT id, app_id, 'cy', 'o1' FROM poll WHERE NOT is_multi_choice"""
    )
    sides.sql("UPDATE poll SET total_votes = 2")
    sides.sql("UPDATE app_user SET last_active_at = now() WHERE id = 'cy'")
    sides.world.add_vote("p1", option_id="o2", user_id="cy")
    if when == "before the load":
        assert migrate(sides.server.url, sides.settings()).problems == {}
        assert unexplained(sides) == []
    for _ in range(2):
        conflicts = sides.sync(Sweep.ALL).conflicts
        assert [one[1:4] for one in conflicts] == [("vote", "poll", "o2 of cy: in Stream, taken back in ChatSDK")]
    assert sides.sql("SELECT user_id, option_id FROM poll_vote ORDER BY 1") == [("bob", "o1"), ("cy", "o1")]
    assert sides.sql("SELECT total_votes FROM poll") == [(2,)]
    assert unexplained(sides) == []


def unexplained(sides: Sides) -> list[object]:
    with Migration(sides.settings()) as migration:
        return [one for one in verify_channel(migration, ROOM).differences if one.explained_by is None]


TAKEN_AWAY = {
    "reaction": ("DELETE FROM reaction WHERE message_id = {on} AND user_id = 'cy'", "SELECT user_id FROM reaction"),
    "pin": ("DELETE FROM pinned_message WHERE message_id = {on}", "SELECT pinned_by FROM pinned_message"),
    "vote": ("DELETE FROM poll_vote WHERE user_id = 'cy'", "SELECT user_id FROM poll_vote"),
}
"""What somebody in ChatSDK takes away, and what is left then."""


@pytest.mark.parametrize("syncs", [1, 2])
@pytest.mark.parametrize("how", ["deleted", "shadowed"])
@pytest.mark.parametrize("what", TAKEN_AWAY)
def test_what_was_taken_away_here_stays_away_when_its_message_comes_back(
    what: str, how: str, syncs: int, sides: Sides
) -> None:
    on = {"reaction": "m1", "pin": "pinned", "vote": "poll"}[what]
    sides.world.add_vote("p1", option_id="o2", user_id="cy")
    sides.sync()
    take_away, left = TAKEN_AWAY[what]
    (target_id,) = sides.sql("SELECT message_id::text FROM chatsdk_migration.message_map WHERE stream_id = %s", on)[0]
    sides.sql(take_away.format(on=f"'{target_id}'"))
    after = sides.sql(left)
    listed = sides.sync(Sweep.ALL).conflicts
    assert [one.entity for one in listed] == [what]
    for _ in range(syncs):
        sides.world.edit_message(on, **({"shadowed": True} if how == "shadowed" else {}))
        if how == "deleted":
            sides.world.soft_delete_message(on)
        sides.sync(Sweep.ALL)
        assert sides.sync(Sweep.ALL).applied == {}
    sides.world.messages[on].pop("deleted_at", None)
    sides.world.edit_message(on, type="regular", shadowed=False)
    sides.sync()
    assert sides.sql(left) == after
    assert [one[1:4] for one in sides.sync(Sweep.ALL).conflicts] == [one[1:4] for one in listed]


@pytest.mark.parametrize("how", ["deleted", "truncated"])
def test_a_tombstone_that_goes_in_stream_is_no_difference(how: str, target: TargetDatabase) -> None:
    world = build()
    world.soft_delete_message("m2")
    with migrated(world, target) as sides:
        sides.sync()
        (world.hard_delete_message("m2") if how == "deleted" else world.truncate_channel(ROOM, at(hours=15)))
        sides.sync(Sweep.ALL)
        assert unexplained(sides) == []
        assert sides.sync(Sweep.ALL).applied == {}


def test_a_message_dated_in_the_future_is_missed_when_it_goes(sides: Sides) -> None:
    sides.world.add_message(ROOM, "future", user_id="ann", text="imported", at=at(days=-300))
    sides.sync()
    sides.world.hard_delete_message("future")
    sides.sync(Sweep.ALL)
    assert sides.sql("SELECT m.text, m.deleted_at IS NOT NULL FROM message m" + NAMED, "future") == [(None, True)]
    assert unexplained(sides) == []


def test_a_rejected_record_that_was_mended_or_removed_in_stream_is_settled(sides: Sides) -> None:
    for name in ("mended", "removed"):
        sides.world.add_message(
            ROOM, name, user_id="ann", text="?", at=sides.world.clock(), message_text_updated_at="no"
        )
    sides.sync()
    waiting = "SELECT stream_id FROM chatsdk_migration.quarantine ORDER BY 1"
    assert sides.sql(waiting) == [("mended",), ("removed",)]
    sides.world.edit_message("mended", text="fine")
    sides.sync()
    assert sides.sql(waiting) == [("removed",)]
    assert sides.sql("SELECT m.text FROM message m" + NAMED, "mended") == [("fine",)]
    sides.world.hard_delete_message("removed")
    sides.sync(Sweep.ALL)
    assert sides.sql(waiting) == []


@pytest.mark.parametrize("how", ["made anew", "revived"])
def test_what_a_channel_held_before_it_was_deleted_is_seen_by_nobody(how: str, sides: Sides) -> None:
    sides.world.delete_channel(TEAM, hard=how == "made anew")
    if how == "made anew":
        sides.world.add_channel(
            TEAM, created_by="bob", created_at=sides.world.clock(), members=("bob", "dee"), name="2"
        )
        sides.world.add_message(TEAM, "first", user_id="bob", text="new history", at=sides.world.clock())
    else:
        sides.world.revive_channel(TEAM)
        sides.world.add_member(TEAM, "bob")
    sides.sync(sync_rescan_calls=0)
    assert sides.sql("SELECT m.text, m.deleted_at IS NOT NULL FROM message m" + NAMED, "t1") == [(None, True)]
    with Migration(sides.settings()) as migration:
        assert [one for one in verify_channel(migration, TEAM).differences if one.explained_by is None] == []
    assert sides.sync(sync_rescan_calls=0).applied == {}


def test_a_third_person_who_joined_here_keeps_a_group_a_group(sides: Sides) -> None:
    sides.sql("INSERT INTO channel_member (channel_id, app_id, user_id) VALUES (%s, %s, 'dee')", HERE, APP_ID)
    sides.world.remove_member(ROOM, "cy")
    sides.sync()
    assert sides.sql("SELECT type FROM channel WHERE id = %s", HERE) == [("group",)]


def test_a_channel_that_is_behind_leaves_the_others_alone(sides: Sides) -> None:
    for number in range(6):
        sides.world.edit_message(f"m{number}", text="edited", at=at(hours=3))
    settings = {"sync_overlap_minutes": 1, "sync_rescan_calls": 0}
    sides.sync(**settings)
    sides.sql("UPDATE chatsdk_migration.watermark SET synced_to = synced_to - interval '3 days' WHERE cid = %s", TEAM)
    assert ROOM not in sides.sync(**settings).channels


def test_an_emptied_channel_is_read_once(sides: Sides) -> None:
    sides.world.truncate_channel(TEAM, sides.world.clock())
    sides.world.channels[TEAM].data.pop("last_message_at", None)
    assert TEAM in sides.sync(sync_rescan_calls=0).channels
    assert TEAM not in sides.sync(sync_rescan_calls=0, sync_overlap_minutes=0).channels


def test_a_channel_that_was_deleted_here_stays_deleted(sides: Sides) -> None:
    sides.sql("DELETE FROM channel WHERE id = %s", channel_id(APP_ID, TEAM))
    sides.world.add_message(TEAM, "t2", user_id="bob", text="still here?", at=sides.world.clock())
    for _ in range(2):
        report = sides.sync(Sweep.ALL)
        assert [one[1:4] for one in report.conflicts] == [("channel", TEAM, "in Stream, deleted in ChatSDK")]
    with sync.open_migration(sides.settings()) as migration:
        assert sync.lag(migration.target).app is not None


def test_a_channel_deleted_here_and_then_in_stream_is_no_conflict_any_more(sides: Sides) -> None:
    sides.sql("DELETE FROM channel WHERE id = %s", channel_id(APP_ID, TEAM))
    assert len(sides.sync().conflicts) == 1
    sides.world.delete_channel(TEAM, hard=True)
    assert sides.sync().conflicts == []
    assert sides.sync(Sweep.ALL).applied == {}
    assert unexplained(sides) == []
    checked = (target_side.completeness, target_side.with_ledger)
    with Migration(sides.settings()) as migration:
        assert [check(migration.target, MappingRules()).unexplained for check in checked] == [0, 0]


def signed(number: int) -> str:
    """A link as Stream gives it: another one at each reading."""
    return f"https://cdn.example/room.png?Key-Pair-Id=K&Signature=s{number}&Expires={number}"


@pytest.mark.parametrize("changed_here", [False, True])
def test_a_link_signed_anew_is_no_change(changed_here: bool, sides: Sides) -> None:
    sides.world.update_channel(ROOM, image=signed(1))
    sides.sync(sync_rescan_calls=0)
    if changed_here:
        sides.sql("UPDATE channel SET image_url = 'https://here.example/own.png' WHERE id = %s", HERE)
    before = sides.sql("SELECT image_url FROM channel WHERE id = %s", HERE)
    room = sides.world.channels[ROOM]
    room.data["image"] = signed(2)  # updated_at stays
    room.rendered.clear()
    report = sides.sync(sync_rescan_calls=0, sync_overlap_minutes=0)
    assert (report.conflicts, report.applied) == ([], {})
    assert ROOM not in report.channels
    sides.world.edit_message("m1", text="something else")
    assert sides.sync(Sweep.ALL).conflicts == []
    assert sides.sql("SELECT image_url FROM channel WHERE id = %s", HERE) == before


def a_minute_passes(world: World) -> None:
    """Let Stream's clock go on: who was read at the same second has no order."""
    clock = world.clock
    world.clock = lambda: clock() + timedelta(minutes=1)


def test_channels_that_cannot_be_searched_leave_calls_for_the_others(target: TargetDatabase) -> None:
    world = build()
    for number in range(6):
        cid = f"gaming:g{number}"
        world.add_channel(cid, created_by="ann", created_at=at(days=40), members=("ann", "bob", "cy"))
        world.add_message(cid, f"g{number}", user_id="ann", text="g", at=at(hours=2))
    with migrated(world, target) as sides:
        sides.server.options.search_off_types = frozenset({"gaming"})
        sides.sync()
        world.hard_delete_message("m5")
        for _ in range(3):
            a_minute_passes(world)
            sides.sync(sync_rescan_calls=8, sync_overlap_minutes=0)
        assert sides.sql("SELECT m.deleted_at IS NOT NULL FROM message m" + NAMED, "m5") == [(True,)]


def test_a_dear_channel_that_cannot_be_searched_leaves_a_turn_for_the_others(target: TargetDatabase) -> None:
    world = build()
    world.add_channel("gaming:g", created_by="ann", created_at=at(), members=("ann", "bob", "cy"))
    for number in range(12):
        world.add_message("gaming:g", f"g{number}", user_id="ann", text="g", at=at(hours=3))
        world.add_message("gaming:g", f"gr{number}", user_id="bob", text="g", parent_id=f"g{number}", at=at(hours=2))
    with migrated(world, target) as sides:
        sides.server.options.search_off_types = frozenset({"gaming"})
        sides.sync()
        world.hard_delete_message("m5")
        sides.sync(sync_rescan_calls=12, sync_overlap_minutes=0)
        assert sides.sql("SELECT m.deleted_at IS NOT NULL FROM message m" + NAMED, "m5") == [(True,)]


def test_a_third_person_in_a_direct_message_does_not_read_what_the_two_write(target: TargetDatabase) -> None:
    """ChatSDK's server finds the pair's own channel by the cid."""
    world, rules = build(), MappingRules(dm_cid="chatsdk")
    world.add_channel(PAIR, created_by="ann", created_at=at(days=9), members=("ann", "bob"))
    world.add_message(PAIR, "p1", user_id="ann", text="between us", at=at(hours=3))
    of_pair = """SELECT c.cid, c.type FROM channel c JOIN chatsdk_migration.channel_map k ON k.channel_id = c.id
                 WHERE k.cid = %s"""
    with target.superuser() as conn:
        conn.execute(GRANTS)
    with StreamServer(world) as server:
        assert migrate(server.url, target.settings(mapping=rules)).problems == {}
        sides = Sides(world, server, target)
        assert sides.sync(mapping=rules).problems == {}
        ((direct, _),) = sides.sql(of_pair, PAIR)
        assert direct.startswith("messaging:dm:")
        world.add_member(PAIR, "cy", created_at=world.clock())
        sides.sync(mapping=rules)
        assert sides.sql(of_pair, PAIR) == [(PAIR, "group")]
        world.remove_member(PAIR, "cy")
        sides.sync(mapping=rules)
        assert sides.sql(of_pair, PAIR) == [(direct, "messaging")]


def test_a_channel_that_is_gone_leaves_no_conflicts(sides: Sides) -> None:
    sides.sql("UPDATE message SET text = 'mine', edited_at = now() WHERE text = 'hello team'")
    sides.world.edit_message("t1", text="theirs")
    assert len(sides.sync().conflicts) == 1
    sides.world.delete_channel(TEAM)
    assert sides.sync().conflicts == []


def test_a_channel_goes_to_another_owner(sides: Sides) -> None:
    sides.world.add_user("boss", name="Boss")
    sides.world.update_channel(TEAM, created_by={"id": "boss", "name": "Boss"})
    sides.sync()
    owner = "SELECT created_by FROM channel WHERE id = %s"
    assert sides.sql(owner, channel_id(APP_ID, TEAM)) == [("boss",)]


def test_a_poll_taken_off_a_message_leaves_nothing(sides: Sides) -> None:
    sides.world.edit_message("poll", poll=None, poll_id=None)
    sides.sync()
    assert sides.sql("SELECT message_id, total_votes FROM poll") == [(None, 0)]
    assert unexplained(sides) == []


def test_a_message_edited_here_gets_no_poll_from_stream(sides: Sides) -> None:
    sides.sql("UPDATE message SET text = 'mine', edited_at = now() WHERE text = 'text 1'")
    options = [{"id": "o1", "text": "yes"}, {"id": "o2", "text": "no"}]
    sides.world.add_poll("m1", {"id": "p2", "name": "And now?", "options": options})
    sides.world.add_vote("p2", option_id="o1", user_id="cy")
    sides.world.edit_message("m1", text="theirs")
    assert len(sides.sync().conflicts) == 1
    assert sides.sql("SELECT count(*) FROM poll") == [(1,)]
    assert sides.sync(Sweep.ALL).applied == {}
    assert unexplained(sides) == []


def test_who_left_is_shown_no_mention_and_finds_it_again(sides: Sides) -> None:
    mentions = "SELECT mentioned_user_id FROM mention ORDER BY 1"
    before = sides.sql(mentions)
    assert ("bob",) in before
    sides.world.remove_member(ROOM, "bob")
    sides.sync(sync_rescan_calls=0)
    assert ("bob",) not in sides.sql(mentions)
    assert unexplained(sides) == []
    assert sides.sync(Sweep.ALL).applied == {}
    sides.world.add_member(ROOM, "bob")
    sides.sync(Sweep.ALL)
    assert sides.sql(mentions) == before


def test_who_left_here_keeps_the_mentions_that_chatsdk_left_until_they_leave_in_stream_too(sides: Sides) -> None:
    mentions = "SELECT mentioned_user_id FROM mention WHERE mentioned_user_id = 'bob'"
    sides.sql("DELETE FROM channel_member WHERE user_id = 'bob' AND channel_id = %s", HERE)
    sides.sync()
    assert sides.sync(Sweep.ALL).applied == {}
    assert sides.sql(mentions) == [("bob",)]
    sides.world.remove_member(ROOM, "bob")
    sides.sync(sync_rescan_calls=0)
    assert sides.sql(mentions) == []
    assert sides.sync(Sweep.ALL).applied == {}
    assert unexplained(sides) == []


def test_a_repair_takes_what_the_channel_showed_from_those_it_takes_out(sides: Sides) -> None:
    shown = """SELECT (SELECT count(*) FROM mention WHERE mentioned_user_id = 'bob'), count(*)
               FROM user_message u JOIN message m ON m.id = u.message_id
               WHERE u.user_id = 'bob' AND m.channel_id = %s"""
    assert min(sides.sql(shown, HERE)[0]) > 0
    sides.world.remove_member(ROOM, "bob")
    with Migration(sides.settings()) as migration:
        verify_channel(migration, ROOM, mend=True)
    assert sides.sql(shown, HERE) == [(0, 0)]
    assert sides.sync(Sweep.ALL).applied == {}
    assert unexplained(sides) == []


def test_a_reaction_that_cannot_be_carried_any_more_stays_as_it_came(sides: Sides) -> None:
    reactions = "SELECT user_id, emoji FROM reaction ORDER BY 1, 2"
    before = sides.sql(reactions)
    sides.world.reactions["m1"]["cy", "love"]["type"] = ""
    sides.world.edit_message("m1", text="something else")
    for _ in range(2):
        sides.sync(Sweep.ALL)
        assert sides.sql("SELECT entity FROM chatsdk_migration.quarantine") == [("reaction",)]
        assert sides.sql(reactions) == before
        assert unexplained(sides) == []
