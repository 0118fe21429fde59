"""The hard workspace, every trap of it, is read whole under both tie rules, with faults, and nothing is written."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from chatsdk_migration.demo.workspaces import hard_workspace
from chatsdk_migration.errors import ChannelError
from chatsdk_migration.models import FetchedMessage
from chatsdk_migration.stream.channels import cid_of, read_channel, walk_channels
from chatsdk_migration.stream.client import StreamClient
from chatsdk_migration.stream.members import member_id, walk_members
from chatsdk_migration.stream.users import walk_users
from chatsdk_migration_tests.unit.stream_world import flat, read_all, serving


def read_channel_whole(client: StreamClient, cid: str) -> tuple[list[FetchedMessage] | ChannelError, list[str]]:
    members = [member_id(member) for member in flat(walk_members(client, read_channel(client, cid)))]
    try:
        return read_all(client, cid), members
    except ChannelError as error:
        return error, members


@pytest.mark.parametrize(("ties", "faults"), [("strict", 0.0), ("stable", 0.03)])
def test_every_trap_is_read_whole(ties: str, faults: float) -> None:
    world = hard_workspace()
    with serving(world, ties=ties) as (server, client):
        server.faults.mix(faults, ("500", "502", "empty", "truncated", "cut", "drop_before", "drop_after"))
        users = [user["id"] for user in flat(walk_users(client))]
        cids = [cid_of(state) for state in flat(walk_channels(client))]
        assert sorted(users) == sorted(set(world.users) - world.unlisted)
        assert sorted(cids) == sorted(world.channels)
        tiny = [cid for cid in cids if "tiny" in cid]
        cids = tiny[:10] + [cid for cid in cids if "tiny" not in cid]
        with ThreadPoolExecutor(8) as pool:
            found = dict(zip(cids, pool.map(lambda cid: read_channel_whole(client, cid), cids), strict=True))
    refused = {cid: str(read) for cid, (read, _) in found.items() if isinstance(read, ChannelError)}
    assert refused.keys() == {"messaging:dot-ids"}  # its threads cannot be addressed over HTTP: loud, not whole
    for cid, (messages, members) in found.items():
        if isinstance(messages, ChannelError):
            continue
        assert sorted(m.raw["id"] for m in messages) == sorted(m["id"] for m in world.messages_of(cid)), cid
        assert sorted(members) == sorted(world.channels[cid].members), cid
        for message in messages:
            assert len(message.reactions) == len(world.reactions_of(message.raw["id"])), message.raw["id"]
