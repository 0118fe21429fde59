"""Stream's words and ChatSDK's words for them.

Here: the built-in tables; an operator's own entries (``settings.MappingRules``) go before them.
Not here: the rules around the tables (one module an entity).
"""

from __future__ import annotations

from chatsdk_migration.settings import ChannelType, MappingRules, MemberRole

EMOJI = {"like": "👍", "love": "❤️", "haha": "😂", "wow": "😮", "sad": "😢"}
"""The reaction types of Stream's own UI kits. ChatSDK shows the stored string itself."""

CHANNEL_ROLES: dict[str, MemberRole] = {
    "owner": "owner",
    "admin": "admin",
    "channel_admin": "admin",
    "moderator": "moderator",
    "channel_moderator": "moderator",
    "member": "member",
    "channel_member": "member",
}
"""Stream's ``channel_role`` and its deprecated ``role``; an unknown one gives a plain member."""

ROLE_RANK: dict[MemberRole, int] = {"member": 0, "moderator": 1, "admin": 2, "owner": 3}

ATTACHMENT_TYPES = {
    "image": "image",
    "video": "video",
    "audio": "audio",
    "file": "file",
    "giphy": "giphy",
    "voiceRecording": "voicenote",
}
"""Any other type becomes a file, with the original beside it."""

ORDINARY_USER_ROLES = frozenset({"", "user"})
"""Stream app roles that say nothing about a person."""

UNCHANGED_CHANNEL_TYPES = frozenset({"messaging", "livestream"})
"""Stream types that become what their name says, or lose nothing by becoming a group."""


def emoji_for(reaction_type: str, rules: MappingRules) -> str:
    """Give the emoji of a reaction type; unknown types stay as they are."""
    return rules.emoji.get(reaction_type) or EMOJI.get(reaction_type, reaction_type)


def mapped_channel_type(stream_type: str, rules: MappingRules) -> ChannelType | None:
    """Give the operator's choice for a Stream channel type, or None."""
    return rules.channel_types.get(stream_type)
