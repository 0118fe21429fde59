"""Reactions: one row for each person and emoji of a message.

Here: the mapping of types to emoji, and what of a reaction has no home. Not here: fetching them all (``stream/``).
"""

from __future__ import annotations

from chatsdk_migration import records
from chatsdk_migration.errors import RecordError
from chatsdk_migration.models import Batch, Entity, FetchedMessage, Json, MessageRow, ReactionRow
from chatsdk_migration.records import StreamReaction
from chatsdk_migration.transform import counted, tables, times, users
from chatsdk_migration.transform.context import ChannelContext

LONGEST_EMOJI = 50
"""Characters of ``reaction.emoji``."""


def map_reactions(fetched: FetchedMessage, message: MessageRow, context: ChannelContext, out: Batch) -> None:
    """Add the reactions of one message; two types of one person that give the same emoji become one reaction."""
    if fetched.reactions_missing > 0:
        detail = f"{fetched.reactions_missing} missing: {fetched.reactions_problem or 'no route returned them'}"
        out.lose(Entity.REACTION, "reactions_missing", message.stream_id, detail)
    if not fetched.reactions:
        return
    kept: dict[tuple[str, str], tuple[ReactionRow, str]] = {}
    for raw in fetched.reactions:
        try:
            row, reaction_type = _row(raw, message, context, out)
        except RecordError as error:
            out.reject(
                Entity.REACTION, message.stream_id, error.code, error.reason, counted.as_object(raw), message.stream_id
            )
            continue
        _keep(kept, row, reaction_type, message, out)
    out.reactions.extend(row for row, _ in kept.values())


def _row(raw: Json, message: MessageRow, context: ChannelContext, out: Batch) -> tuple[ReactionRow, str]:
    """Give the row of one reaction, and Stream's type."""
    reaction = records.parse(raw, StreamReaction)
    if not reaction.type:
        raise RecordError("empty_id", "The reaction has no type.")
    person = users.map_person(reaction.user, reaction.user_id, context.rules, out, context.now)
    if person is None:
        raise RecordError("no_user", "The reaction names nobody.")
    created = times.parse_text(reaction.created_at)
    emoji = counted.storable(
        tables.emoji_for(reaction.type, context.rules), Entity.REACTION, message.stream_id, "type", out
    )
    if len(emoji) > LONGEST_EMOJI:
        raise RecordError("emoji_too_long", f"The emoji has {len(emoji)} characters; ChatSDK holds {LONGEST_EMOJI}.")
    _count_without_home(reaction, raw, message.stream_id, out)
    return ReactionRow(message.id, person, emoji, created), reaction.type


def _count_without_home(reaction: StreamReaction, raw: Json, stream_id: str, out: Batch) -> None:
    if reaction.score is not None and reaction.score > 1:
        out.lose(Entity.REACTION, "reaction_score", stream_id, f"{reaction.type} {reaction.score}")
    custom = records.custom_names(raw, records.REACTION_FIELDS)
    if custom:
        out.lose(Entity.REACTION, "reaction_custom", stream_id, ", ".join(custom))


def _keep(
    kept: dict[tuple[str, str], tuple[ReactionRow, str]], row: ReactionRow, kind: str, message: MessageRow, out: Batch
) -> None:
    """Keep the earliest of one person's reactions with one emoji, in whatever order they come."""
    key = (row.user_id, row.emoji)
    before = kept.get(key)
    if before is None:
        kept[key] = row, kind
        return
    if before[1] != kind:
        out.lose(Entity.REACTION, "reactions_merged", message.stream_id, f"{before[1]} and {kind}: {row.emoji}")
    if row.created_at < before[0].created_at:
        kept[key] = row, before[1]
