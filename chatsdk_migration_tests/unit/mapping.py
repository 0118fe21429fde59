"""Records as Stream sends them, for the tests of ``transform/``, and short ways to map one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from chatsdk_migration import identity
from chatsdk_migration.models import Batch, FetchedMessage, Json
from chatsdk_migration.settings import MappingRules
from chatsdk_migration.transform.context import ChannelContext
from chatsdk_migration.transform.messages import map_message

APP = "7b0f9f5e-0d5a-4a5b-9c3e-1f2a3b4c5d6e"
CID = "messaging:general"
NOW = datetime(2024, 6, 1, tzinfo=UTC)
AT = "2024-01-02T03:04:05.123456Z"
LATER = "2024-01-02T04:00:00Z"


def user(user_id: str = "alice", **fields: Any) -> Json:
    return {"id": user_id, "role": "user", "language": "", "teams": [], "created_at": AT, "updated_at": AT} | fields


def message(message_id: str = "m1", **fields: Any) -> Json:
    plain: Json = {
        "id": message_id,
        "cid": CID,
        "type": "regular",
        "text": "hello",
        "html": "<p>hello</p>",
        "user": user(),
        "attachments": [],
        "latest_reactions": [],
        "own_reactions": [],
        "reaction_counts": None,
        "reaction_scores": None,
        "reply_count": 0,
        "mentioned_users": [],
        "mentioned_channel": False,
        "silent": False,
        "shadowed": False,
        "pinned": False,
        "restricted_visibility": [],
        "created_at": AT,
        "updated_at": AT,
    }
    return plain | fields


def reaction(user_id: str = "bob", kind: str = "like", **fields: Any) -> Json:
    plain = {"message_id": "m1", "user_id": user_id, "user": user(user_id), "type": kind, "score": 1}
    return plain | {"created_at": AT, "updated_at": AT} | fields


def context(**rules: Any) -> ChannelContext:
    return ChannelContext(APP, CID, identity.channel_id(APP, CID), MappingRules(**rules), NOW)


def carry(raw: Json, *reactions: Json, votes: list[Json] | None = None, **rules: Any) -> Batch:
    """Map one message."""
    out = Batch()
    map_message(FetchedMessage(raw, list(reactions), votes=votes), context(**rules), out)
    return out


def kinds(out: Batch) -> list[str]:
    """Give the kinds of loss, sorted."""
    return sorted(loss.kind for loss in out.losses)


def codes(out: Batch) -> list[tuple[str, str]]:
    """Give what was rejected, and why."""
    return [(reject.entity, reject.code) for reject in out.rejects]
