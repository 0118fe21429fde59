"""A rehearsal counts and checks as a load does, and the server would refuse it any write."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from chatsdk_migration.errors import PermanentError
from chatsdk_migration.models import LoadCounts
from chatsdk_migration.postgres import preflight
from chatsdk_migration.postgres.dryrun import DryRun
from chatsdk_migration.postgres.target import Target
from chatsdk_migration_tests.conftest import APP_ID, TargetDatabase
from chatsdk_migration_tests.postgres import load_support as support
from chatsdk_migration_tests.postgres.load_support import CHANNEL_ID, CID, MESSAGES, carry, full_batch, prepare


def rehearse(target: Target) -> tuple[LoadCounts, LoadCounts, LoadCounts]:
    with DryRun(target).channel(CHANNEL_ID, CID) as rehearsal:
        rehearsal.add(full_batch())
        counts = rehearsal.load_members(), rehearsal.load_messages(), rehearsal.load_reactions()
        rehearsal.finish()
        assert rehearsal.losses["message", "message_silent"] == 2
        assert rehearsal.rejects == {"message": 1}
    return counts


def test_an_empty_target_without_our_schema(target: TargetDatabase) -> None:
    loading = Target(target.settings(), read_only=True)
    ready = preflight.check(loading, dry_run=True)
    dry = DryRun(loading)

    users = dry.load_users([support.user("ann"), support.user("bad")._replace(custom_data="{")], 500)
    channels = dry.load_channels([support.channel()], 100)

    assert ready.may_set_replication_role
    assert users.counts == LoadCounts(1)
    assert [one.stream_id for one in users.rejects] == ["bad"]
    assert channels.counts == LoadCounts(1)
    assert rehearse(loading) == (LoadCounts(4), LoadCounts(MESSAGES), LoadCounts(3))
    with target.superuser() as admin:
        assert admin.execute("SELECT to_regnamespace('chatsdk_migration')").fetchone() == (None,)
        for table in support.PICTURE:
            if "." not in table:
                assert admin.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)
    loading.close()


def test_what_is_there_is_counted_as_there(target: TargetDatabase) -> None:
    loading = Target(target.settings())
    carry(loading, prepare(loading))
    dry = DryRun(loading)
    assert dry.load_users([support.user("ann"), support.user("new")], 1).counts == LoadCounts(1, 1)
    assert dry.load_channels([support.channel()], 1).counts == LoadCounts(0, 1)
    # The reaction to the withheld message would be written if its message came; a load counts it as lost.
    assert rehearse(loading) == (LoadCounts(0, 4), LoadCounts(0, MESSAGES), LoadCounts(1, 2))
    loading.close()


def test_a_conflict_is_found(target: TargetDatabase) -> None:
    loading = Target(target.settings())
    with target.superuser() as admin:
        admin.execute("INSERT INTO channel (app_id, cid) VALUES (%s, %s)", [APP_ID, CID])
    load = DryRun(loading).load_channels([support.channel(), support.channel("messaging:free")], 100)
    assert load.counts == LoadCounts(1)
    assert list(load.problems) == [CID]
    loading.close()


@pytest.mark.parametrize("whole_target", [True, False])
def test_the_server_refuses_writes(target: TargetDatabase, whole_target: bool) -> None:
    loading = Target(target.settings(), read_only=whole_target)
    with pytest.raises(PermanentError, match="read-only"), loading.transaction(read_only=not whole_target) as conn:
        conn.execute("INSERT INTO app_user (app_id, id) VALUES (%s, 'x')", [APP_ID])
    loading.close()


def test_bad_values_are_found_alone(target: TargetDatabase) -> None:
    loading = Target(target.settings())
    out = full_batch()
    out.messages[3] = out.messages[3]._replace(attachments='["\\u0000"]')
    out.messages[5] = out.messages[5]._replace(created_at="never")
    with DryRun(loading).channel(CHANNEL_ID, CID) as rehearsal:
        rehearsal.add(out)
        assert rehearsal.load_messages() == LoadCounts(MESSAGES - 2)
        assert rehearsal.rejects == {"message": 3}
    loading.close()


def test_psycopg_is_not_seen_outside(target: TargetDatabase) -> None:
    loading = Target(target.settings())
    with target.superuser() as admin:
        admin.execute("REVOKE SELECT ON message FROM loader")
    with pytest.raises(PermanentError) as caught:
        rehearse(loading)
    assert not isinstance(caught.value, psycopg.Error)
    loading.close()


def test_a_wide_batch(target: TargetDatabase) -> None:
    loading = Target(target.settings())
    rows: list[Any] = [support.user(f"u{i}") for i in range(2500)]
    assert DryRun(loading).load_users(rows, 1000).counts == LoadCounts(2500)
    loading.close()
