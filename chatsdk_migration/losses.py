"""What can get lost on the way, in words an operator can act on.

Here: every kind of loss, how serious it is, what it means and what can be done. Not here: the counting
(``models.Batch.lose``) and the storing (``postgres/``).

Severities, from harmless to grave:

- ``changed``: carried, in another form that means the same.
- ``degraded``: carried, but it says or does less than in Stream.
- ``no_home``: ChatSDK has no place for it; it stays behind.
- ``withheld``: could be stored but must not be, because ChatSDK would show or allow too much.
- ``missing``: should have been carried, and Stream did not give it.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Severity = Literal["changed", "degraded", "no_home", "withheld", "missing"]


class LossKind(NamedTuple):
    """One kind of loss.

    Attributes:
        code: The stable name, as in ``chatsdk_migration.loss.kind``.
        severity: How serious it is.
        says: What happened, as a sentence.
        advice: What the operator can do; empty when nothing needs doing.
        listed: True keeps one row for each record, False one row a channel with a count and an example.
    """

    code: str
    severity: Severity
    says: str
    advice: str = ""
    listed: bool = False


_TEXT = (
    LossKind(
        "text_repaired",
        "changed",
        "Characters PostgreSQL cannot hold (NUL, half surrogate pairs) became U+FFFD.",
        listed=True,
    ),
    LossKind(
        "number_unreadable",
        "degraded",
        "A number in custom data is larger than any program reads it, or is none; it became null.",
        listed=True,
    ),
    LossKind("name_cut", "changed", "A name was cut to the 255 characters ChatSDK holds.", listed=True),
    LossKind(
        "signed_link",
        "degraded",
        "A file lies on Stream's CDN behind a link that dies 14 days after it was read.",
        "Copy the files to ChatSDK's storage before the links die.",
    ),
)

_USERS = (
    LossKind(
        "is_admin_withheld",
        "withheld",
        "A custom field that ChatSDK would read as administrator rights was left out.",
        "Make administrators in ChatSDK, on purpose.",
        listed=True,
    ),
    LossKind(
        "reserved_field_withheld",
        "withheld",
        "A custom field has the name of one of the migration's own markers and was left out.",
        listed=True,
    ),
    LossKind(
        "user_deactivated",
        "degraded",
        "A deactivated person: marked custom_data.stream_deactivated, but ChatSDK does not keep them out.",
        "Issue no tokens to them, or ban them.",
        listed=True,
    ),
    LossKind(
        "user_deleted",
        "degraded",
        "A person deleted in Stream: marked custom_data.stream_deleted, kept as the author of what they wrote.",
        "Issue no tokens to them.",
        listed=True,
    ),
    LossKind(
        "ban_expiry",
        "degraded",
        "A temporary ban became a ban without end; its end is in custom_data.stream_ban_expires.",
        "Lift it in ChatSDK when its time has come.",
        listed=True,
    ),
    LossKind(
        "user_shadow_banned",
        "no_home",
        "A shadow-banned person is an ordinary one in ChatSDK.",
        "Ban them in ChatSDK if they must stay silent.",
        listed=True,
    ),
    LossKind("user_time_unreadable", "changed", "A time of a person could not be read and was left out.", listed=True),
    LossKind(
        "user_role",
        "no_home",
        "An app-wide role other than user; ChatSDK gives no rights for it.",
        "Make administrators in ChatSDK, on purpose.",
        listed=True,
    ),
    LossKind(
        "user_teams",
        "no_home",
        "The teams of a person; ChatSDK does not part users by team.",
        "If teams kept customers apart, move each to an app of its own.",
    ),
    LossKind("user_language", "no_home", "The language of a person."),
    LossKind("user_preferences", "no_home", "Privacy and push settings of a person."),
    LossKind("user_devices", "no_home", "Push devices of a person.", "The apps register again at their next start."),
    LossKind("user_blocks", "no_home", "Whom a person has blocked.", "Let people block again, or tell them."),
    LossKind("user_mutes", "no_home", "Whom a person has muted."),
    LossKind("user_channel_mutes", "no_home", "Channel mutes of a person beyond those on the membership."),
    LossKind("user_hidden_channels", "no_home", "Channels a person has hidden; they will be shown again."),
)

_CHANNELS = (
    LossKind(
        "channel_type_flattened",
        "changed",
        "A channel of a type ChatSDK does not have, or has with other rights, became a group for its members only.",
        "Map the type in mapping.channel_types if it should be more open.",
        listed=True,
    ),
    LossKind(
        "channel_not_two_people",
        "changed",
        "A channel asked or taken for a direct message has not exactly two members; it became a group.",
        listed=True,
    ),
    LossKind(
        "dm_cid_kept",
        "degraded",
        "A two-person channel kept Stream's cid, as several could claim ChatSDK's.",
        "Opening a direct message with the same person starts a new conversation.",
        listed=True,
    ),
    LossKind("channel_deleted", "withheld", "A channel deleted in Stream was not carried.", listed=True),
    LossKind(
        "channel_frozen",
        "degraded",
        "A frozen channel: kept as config.custom.frozen, but members can write in ChatSDK.",
        "Archive it, or take its members out.",
        listed=True,
    ),
    LossKind(
        "channel_disabled",
        "degraded",
        "A disabled channel: kept as config.custom.disabled, but members can use it in ChatSDK.",
        "Take its members out.",
        listed=True,
    ),
    LossKind("channel_cooldown", "degraded", "Slow mode: kept as config.custom.cooldown, not enforced.", listed=True),
    LossKind("channel_team", "degraded", "The team of a channel: kept as config.custom.team, not enforced."),
    LossKind("channel_auto_translation", "degraded", "Automatic translation: kept as data, not done."),
    LossKind("channel_settings", "no_home", "Settings that differed from the channel's type.", listed=True),
    LossKind(
        "channel_creator_unknown", "degraded", "The creator of a channel cannot be carried; it has none.", listed=True
    ),
)

_MEMBERS = (
    LossKind("invite_pending", "withheld", "An open invitation; a member row would let the person read.", listed=True),
    LossKind("invite_rejected", "withheld", "A declined invitation; a member row would let the person read."),
    LossKind("member_deleted", "withheld", "A deleted membership."),
    LossKind(
        "channel_ban",
        "no_home",
        "A ban in one channel; ChatSDK has none, and the person can write there.",
        "Take the person out of the channel if they must stay silent.",
        listed=True,
    ),
    LossKind(
        "channel_shadow_ban",
        "no_home",
        "A shadow ban in one channel; ChatSDK has none.",
        "Take the person out of the channel if they must stay silent.",
        listed=True,
    ),
    LossKind("future_ban", "no_home", "A ban from another person's future channels."),
    LossKind(
        "hidden_history",
        "no_home",
        "A member from whom older messages were hidden; ChatSDK shows them all.",
        "Take the person out of the channel if they must not see them.",
        listed=True,
    ),
    LossKind("member_pinned", "no_home", "A channel a member had pinned for themselves."),
    LossKind("member_archived", "no_home", "A channel a member had archived for themselves."),
    LossKind("member_custom", "no_home", "Custom fields of a membership."),
    LossKind("role_unknown", "degraded", "A custom channel role became member.", "Map it in mapping.roles."),
    LossKind(
        "read_state_unknown",
        "missing",
        "Stream gave no read position for a member (it lists at most 100 for a channel).",
        "The setting members_without_read_state decides: read (default) or unread.",
    ),
    LossKind("read_state_unreadable", "degraded", "A read position could not be read.", listed=True),
)

_MESSAGES = (
    LossKind(
        "message_shadowed",
        "withheld",
        "A message only its author could see; ChatSDK would show it to the channel.",
        listed=True,
    ),
    LossKind(
        "message_in_withheld_thread",
        "withheld",
        "A reply in the thread of a withheld message; alone it would stand in the open channel.",
        listed=True,
    ),
    LossKind(
        "message_restricted",
        "withheld",
        "A message for some members only; ChatSDK would show it to the channel.",
        listed=True,
    ),
    LossKind("message_not_stored", "withheld", "An ephemeral or error message, which Stream itself does not keep."),
    LossKind(
        "shadowed_shown",
        "degraded",
        "A shadowed message was carried as a rule asked; the channel sees it.",
        listed=True,
    ),
    LossKind(
        "restricted_shown",
        "degraded",
        "A message for some members only was carried as a rule asked; the channel sees it.",
        listed=True,
    ),
    LossKind(
        "author_unknown", "degraded", "A message without an author got the stand-in for deleted people.", listed=True
    ),
    LossKind("system_message", "degraded", "A system message looks like one its author wrote."),
    LossKind("message_type_unknown", "changed", "A message of a type ChatSDK does not have became an ordinary one."),
    LossKind("reply_shown_in_channel", "degraded", "A reply that was also shown in the channel is in its thread only."),
    LossKind(
        "parent_not_carried",
        "degraded",
        "A reply whose parent was withheld or is gone; its link is dropped.",
        listed=True,
    ),
    LossKind(
        "quote_not_carried",
        "degraded",
        "A message that quotes one that was withheld or is gone; its link is dropped.",
        listed=True,
    ),
    LossKind(
        "message_custom",
        "no_home",
        "Custom fields of a message.",
        'Set mapping.message_custom = "attachment" to keep them.',
    ),
    LossKind("translations", "no_home", "Translations of a message; its text is carried."),
    LossKind("message_markup", "no_home", "The old MML markup of a message; its text is carried."),
    LossKind("message_command", "no_home", "The slash command a message came from; its result is carried."),
    LossKind("message_moderation", "no_home", "Moderation results of a message."),
    LossKind("message_reminder", "no_home", "A reminder on a message."),
    LossKind("message_draft", "no_home", "A draft of a reply."),
    LossKind("message_silent", "no_home", "A message sent without a notification."),
    LossKind("shared_location", "no_home", "A shared location.", listed=True),
    LossKind("deleted_for_one", "no_home", "A message one person deleted for themselves; they will see it again."),
    LossKind("mention_of_everybody", "no_home", "A mention of the whole channel or of everybody online."),
    LossKind("mention_of_group", "no_home", "A mention of a role or of a group."),
    LossKind(
        "mention_outsider",
        "withheld",
        "A mention of somebody outside the channel: the list of mentions would show the text to them.",
    ),
    LossKind(
        "person_removed", "no_home", "Somebody carried before was deleted in ChatSDK; nothing came of them again."
    ),
    LossKind("attachment_unreadable", "degraded", "Something among the attachments that is none.", listed=True),
    LossKind(
        "attachment_link_unsafe",
        "withheld",
        "A link of an attachment that is no absolute http or https link, or that names ChatSDK's upload endpoint: a "
        "client might run it, or ChatSDK open a file of another channel by it.",
        listed=True,
    ),
    LossKind("attachment_without_url", "degraded", "An attachment without any link; its data is carried."),
    LossKind("attachment_type_unknown", "changed", "An attachment of another type became a file; its data is carried."),
    LossKind("link_preview", "degraded", "A link preview became an attachment; its data is carried."),
    LossKind("pin_expired", "changed", "A pin that had expired is none."),
    LossKind("pin_expiry", "degraded", "A pin that would have expired stays.", "Take it off when its time has come."),
)

_THREADS = (
    LossKind(
        "thread_refused",
        "missing",
        "Stream does not list the replies of a message: replies are switched off for its channel type.",
        "Switch replies on for the channel type in Stream, and run the channel again.",
        listed=True,
    ),
)

_POLLS = (
    LossKind("poll_missing", "missing", "A message names a poll that Stream did not give.", listed=True),
    LossKind("poll_description", "no_home", "The description of a poll."),
    LossKind("poll_open_to_answers", "no_home", "A poll that took free answers takes none."),
    LossKind(
        "poll_open_to_suggestions", "no_home", "A poll that took new options takes none; those given are carried."
    ),
    LossKind("poll_custom", "no_home", "Custom fields of a poll."),
    LossKind("poll_answer", "no_home", "A free answer to a poll."),
    LossKind("vote_anonymous", "no_home", "A vote that names nobody; ChatSDK's votes belong to people."),
    LossKind("vote_for_removed_option", "withheld", "A vote for an option the poll no longer has."),
    LossKind(
        "votes_missing", "missing", "Stream counts more votes than it gave.", "Run the channel again.", listed=True
    ),
)

_REACTIONS = (
    LossKind(
        "reactions_missing",
        "missing",
        "Stream counts more reactions than any of its routes returned.",
        "Run the channel again.",
        listed=True,
    ),
    LossKind("reaction_score", "degraded", "A reaction given several times counts once."),
    LossKind("reactions_merged", "degraded", "Two reactions of one person became one, as they map to the same emoji."),
    LossKind("reaction_custom", "no_home", "Custom fields of a reaction."),
    LossKind("reaction_message_missing", "withheld", "A reaction to a message that was withheld, rejected or is gone."),
)

CATALOG: dict[str, LossKind] = {
    kind.code: kind for kind in (*_TEXT, *_USERS, *_CHANNELS, *_MEMBERS, *_MESSAGES, *_THREADS, *_POLLS, *_REACTIONS)
}
"""Every kind of loss by its code."""

WITHHELD = [code for code, kind in CATALOG.items() if kind.severity == "withheld"]
"""Kinds of what must not be in the target."""

REJECT_REASONS: dict[str, str] = {
    "bad_shape": "A field has another type than Stream documents.",
    "bad_timestamp": "A time is missing, unreadable or outside the years 1 to 9999.",
    "empty_id": "The id, or the type that stands for one, is empty or missing.",
    "id_too_long": "An id of a person or a channel is longer than the 255 characters ChatSDK holds.",
    "bad_id": "An id holds a character PostgreSQL cannot store, or a cid is not type:id.",
    "bad_json": "A custom value is nested too deeply.",
    "no_user": "A reaction names nobody.",
    "emoji_too_long": "A reaction's emoji is longer than the 50 characters ChatSDK holds.",
    "option_id_too_long": "A vote's option id is longer than the 50 characters ChatSDK holds.",
}
"""Every reject code of ``transform/``, with its meaning."""
