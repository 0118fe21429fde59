"""What a correct migration must leave behind, said a second time and straight from the state of the source.

Here: the rules of the mapping in the fewest words, each category by itself, keyed by Stream's ids. No code is shared
with the migration except the ids it gives out (``identity.py``); nothing is asked over HTTP.
Not here: how two sides are compared (``facts.py``), how the target is read (``found.py``).

Where the rules leave something open (may a deleted message keep its reactions?) both answers are allowed.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256
from itertools import product
from typing import Any

import msgspec

from chatsdk_migration import identity
from chatsdk_migration.demo.times import parse_ns
from chatsdk_migration.demo.world import Channel, World
from chatsdk_migration.models import Json
from chatsdk_migration.settings import MappingRules
from chatsdk_migration_tests.end_to_end.facts import (
    Anything,
    Expected,
    JsonHolding,
    Matcher,
    OneOf,
    Something,
    Text,
)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


READ, MENTIONED = 1, 2
"""Flags of ``user_message``."""
NAME = 255
LONGEST_EMOJI = 50
LONGEST_OPTION_ID = 50
READS_STREAM_SHOWS = 100
EMOJI = {"like": "👍", "love": "❤️", "haha": "😂", "wow": "😮", "sad": "😢"}
ATTACHMENT_TYPES = {
    "image": "image",
    "video": "video",
    "audio": "audio",
    "file": "file",
    "giphy": "giphy",
    "voiceRecording": "voicenote",
}
LINKS = ("asset_url", "image_url", "thumb_url", "og_scrape_url", "title_link", "url")
STREAMS_USER_FIELDS = _words(
    """id name image role language teams teams_role created_at updated_at last_active deleted_at deactivated_at banned
    ban_expires shadow_banned online invisible bypass_moderation blocked_user_ids avg_response_time devices mutes
    privacy_settings push_notifications push_preferences channel_mutes unread_count total_unread_count unread_channels
    unread_threads latest_hidden_channels revoke_tokens_issued_before last_engaged_at staff_user dashboard_user
    total_unread_count_by_team"""
)
STREAMS_CHANNEL_FIELDS = _words(
    """id type cid name image created_by created_by_id created_at updated_at last_message_at deleted_at truncated_at
    truncated_by truncated_by_id hide_messages_before mute_expires_at frozen disabled member_count message_count config
    members team cooldown muted hidden blocked own_capabilities auto_translation_enabled auto_translation_language
    filter_tags config_overrides"""
)
PRIVATE_TYPES = frozenset({"messaging", "group", "private"})
"""ChatSDK's channel types that nobody but the members sees."""


@dataclass
class People:
    """Who must exist because something carried names them, and who may."""

    needed: set[str] = field(default_factory=set)
    possible: set[str] = field(default_factory=set)

    def need(self, *ids: str | None) -> None:
        self.needed.update(who for who in ids if who)


@dataclass(frozen=True)
class Source:
    """The world and the rules, as every category needs them."""

    world: World
    rules: MappingRules
    app_id: str
    rejected: frozenset[str]
    now_ns: int
    people: People = field(default_factory=People)


def expected(
    world: World,
    rules: MappingRules,
    app_id: str,
    *,
    rejected: Iterable[str] = (),
    failed: Iterable[str] = (),
    now: datetime | None = None,
) -> Expected:
    """Say what the target must hold once the world has been migrated.

    Args:
        world: The source; nobody may change it meanwhile.
        rules: The mapping rules of the migration.
        app_id: The target app.
        rejected: Ids of messages that belong in quarantine.
        failed: Channels that said they could not be completed; what they hold must be right, not whole.
        now: When pins are judged to have expired.
    """
    now_ns = int((now or datetime.now(UTC)).timestamp() * 1e9)
    source = Source(world, rules, app_id, frozenset(rejected), now_ns)
    out = Expected()
    with world.lock:
        for channel in world.channels.values():
            _channel(source, channel, out)
        for cid in world.channels.keys() - set(failed):
            _content(source, world.channels[cid], out)
        for cid in failed:
            _partial_content(source, world.channels[cid], out)
        _users(source, out)
    _quarantine(source, out)
    for name in ("admins", "event_outbox", "unmapped_messages", "unmapped_channels", "dangling_maps"):
        out[name].rows.clear()
    return out


def _quarantine(source: Source, out: Expected) -> None:
    for message_id in source.rejected:
        out["quarantine"].rows["message", message_id] = {}
    for message_id, reactions in source.world.reactions.items():
        if any(len(_emoji(source.rules, kind)) > LONGEST_EMOJI for _, kind in reactions):
            deleted = is_deleted(source.world.messages[message_id])
            (out["quarantine"].optional if deleted else out["quarantine"].rows)["reaction", message_id] = {}
    for message in source.world.messages.values():
        if None in (message.get("mentioned_users") or []):
            out["quarantine"].optional["mention", message["id"]] = {}
    for poll_id in source.world.polls:
        if not all(map(_is_holdable, _voted_options(source.world, poll_id))):
            out["quarantine"].optional["vote", poll_id] = {}


# ---- moments and texts


def micros(text: str | None) -> int | None:
    """Microseconds since 1970, cut as both sides cut."""
    return None if not text else parse_ns(text) // 1000


def _id_of(person: Any) -> Any:  # text or None, which a world of plain dicts cannot promise
    return person if isinstance(person, str) else (person or {}).get("id")


def _text_or_none(value: Any, limit: int | None = None) -> Any:
    if not isinstance(value, str):
        return Anything() if value is not None else None
    return Text(value, limit) if value else OneOf(("", None))


# ---- users


def _users(source: Source, out: Expected) -> None:
    world, people = source.world, source.people
    listed = world.users.keys() - world.unlisted
    for user_id in listed | people.needed:
        out["users"].rows[(user_id,)] = _user(source, user_id)
    for user_id in world.users.keys() | people.possible:
        out["users"].optional[(user_id,)] = _user(source, user_id)
    for user_id in listed:
        if "is_admin" in world.users[user_id]:
            out["refused_admins"].rows[(user_id,)] = {}
    for user_id, user in world.users.items():
        if any(_spells_admin(name) for name in user):
            out["refused_admins"].optional[(user_id,)] = {}


def _user(source: Source, user_id: str) -> Json:
    user = source.world.users.get(user_id)
    if user is None:
        return {"custom": Anything()}
    name = user.get("name")
    return {
        "name": Text(name if isinstance(name, str) and name else user_id, NAME),
        "image": _text_or_none(user.get("image")),
        "last_active": micros(user.get("last_active")),
        "created_at": micros(user.get("created_at")) if user.get("created_at") else Anything(),
        "custom": CustomData(_users_own_fields(user), banned=_is_banned(source, user)),
    }


def _users_own_fields(user: Json) -> Json:
    return {n: v for n, v in user.items() if n not in STREAMS_USER_FIELDS and not _spells_admin(n)}


def _is_banned(source: Source, user: Json) -> bool | None:
    """None when the ban has run out but Stream still says banned: both are right."""
    expires = user.get("ban_expires")
    over = expires and parse_ns(expires) <= source.now_ns
    return None if user.get("banned") and over else bool(user.get("banned"))


def _spells_admin(name: str) -> bool:
    plain = unicodedata.normalize("NFKC", name).casefold()
    return "".join(filter(str.isalnum, plain)) == "isadmin"


@dataclass(frozen=True)
class CustomData(Matcher):
    """``custom_data``: the customer's own fields, the ban, and what the tool itself marks; nothing else of Stream."""

    own: Json
    banned: bool | None

    def accepts(self, found: Any) -> bool:
        if not isinstance(found, dict) or "is_admin" in found:
            return False
        if self.banned is not None and bool(found.get("banned")) != self.banned:
            return False
        rest = {n: v for n, v in found.items() if n != "banned" and not n.startswith("stream_")}
        own = {n: v for n, v in self.own.items() if n != "banned" and not n.startswith("stream_")}
        return JsonHolding(own, exactly=True).accepts(rest)


# ---- channels and members


def is_member(member: Json) -> bool:
    """Say whether a row of Stream's member list is a member; an open or declined invitation is none."""
    if member.get("status") in {"invited", "pending", "rejected"}:
        return False
    invited = member.get("invited") or member.get("invite_rejected_at")
    return bool(member.get("invite_accepted_at")) or not invited


def _member_id(member: Json) -> str | None:
    who: str | None = member.get("user_id") or _id_of(member.get("user"))
    return who


def _channel(source: Source, channel: Channel, out: Expected) -> None:
    data = channel.data
    creator = _id_of(data.get("created_by"))
    source.people.need(creator)
    out["channels"].rows[(channel.cid,)] = {
        "id": identity.channel_id(source.app_id, channel.cid),
        "cid": OneOf((channel.cid, _dm_cid(channel))) if source.rules.dm_cid == "chatsdk" else channel.cid,
        "type": OneOf(tuple(_types(source.rules, channel))),
        "name": _text_or_none(data.get("name"), NAME),
        "image": _text_or_none(data.get("image")),
        "created_by": creator,
        "created_at": micros(data["created_at"]),
        "config": Config(_channels_own_fields(data), bool(data.get("frozen")), bool(data.get("disabled"))),
        "workspace_id": None,
    }
    out["counters"].optional[(channel.cid,)] = {"message_count": 0, "current_seq": 0, "last_message_at": None}


def _dm_cid(channel: Channel) -> str:
    people = sorted(who for member in channel.members.values() if (who := _member_id(member)))
    return "messaging:dm:" + sha256(msgspec.json.encode(people)).hexdigest()


def _types(rules: MappingRules, channel: Channel) -> set[str]:
    """ChatSDK's types a channel may have; more than one only where an invitation is open."""
    kind = str(channel.data["type"])
    if kind in rules.channel_types:
        return {rules.channel_types[kind]}
    other = "livestream" if kind == "livestream" else "group"
    direct = kind == "messaging" or str(channel.data["id"]).startswith("!members-")
    sizes = {len(channel.members), sum(map(is_member, channel.members.values()))}
    return {"messaging" if direct and size == 2 else other for size in sizes}


def _channels_own_fields(data: Json) -> Json:
    kept = {name: value for name, value in data.items() if name not in STREAMS_CHANNEL_FIELDS}
    return kept | ({"team": data["team"]} if data.get("team") else {})


@dataclass(frozen=True)
class Config(Matcher):
    """``config`` of a channel: the customer's fields and the flags under ``custom``."""

    own: Json
    frozen: bool
    disabled: bool

    def accepts(self, found: Any) -> bool:
        custom = (found or {}).get("custom", {})
        flags = bool(custom.get("frozen")) == self.frozen and bool(custom.get("disabled")) == self.disabled
        return flags and JsonHolding(self.own).accepts(custom)


def _members(source: Source, channel: Channel, out: Expected) -> list[str]:
    """Expect the members and give their ids."""
    ids = []
    for member in channel.members.values():
        who = _member_id(member)
        if who is None:
            continue
        source.people.possible.add(who)
        if is_member(member):
            ids.append(who)
            source.people.need(who)
            row = _member(source.rules, member)
            if who == _id_of(channel.data.get("created_by")):
                row["role"] = OneOf((row["role"], "owner"))
            out["members"].rows[channel.cid, who] = row
    return ids


def _member(rules: MappingRules, member: Json) -> Json:
    joined = [micros(member.get(name)) for name in ("created_at", "invite_accepted_at") if member.get(name)]
    return {
        "role": _role(rules, member),
        "muted": bool(member.get("notifications_muted")),
        "starred": False,
        "joined_at": OneOf(tuple(joined)) if joined else Anything(),
    }


def _role(rules: MappingRules, member: Json) -> str:
    """The highest of what Stream calls a member in its two fields; the operator's own names come first."""
    titles = [str(member.get(name) or "") for name in ("channel_role", "role")]
    if member.get("role") == "owner":
        return "owner"
    named = [rules.roles[title] for title in titles if title in rules.roles]
    if named:
        return named[0]
    plain = {title.removeprefix("channel_") for title in titles} | (
        {"moderator"} if member.get("is_moderator") else set()
    )
    return next((rank for rank in ("owner", "admin", "moderator") if rank in plain), "member")


# ---- one channel's content


@dataclass
class History:
    """The messages of a channel that arrive, in the order of their numbers, which start with 1."""

    messages: list[Json]
    seq: dict[str, int]
    replies: dict[str, int] = field(default_factory=dict)


def _content(source: Source, channel: Channel, out: Expected) -> None:
    members = _members(source, channel, out)
    history = _history(source, channel, out)
    for message in history.messages:
        _message(source, message, history, out)
    _counters(channel, members, history, out)
    reads = {who: _read(source, channel, who, history, out) for who in members}
    _user_messages(source, reads, history, out)


def _partial_content(source: Source, channel: Channel, out: Expected) -> None:
    """Allow whatever part of a failed channel arrived."""
    whole = Expected()
    _content(replace(source, people=People(possible=source.people.possible)), channel, whole)
    for name, table in whole.tables.items():
        unsettled = name in {"counters", "reads", "threads", "seq"}
        for key, row in (table.rows | table.optional).items():
            out[name].optional[key] = {} if unsettled else row


def withheld(rules: MappingRules, message: Json) -> bool:
    """Say whether showing a message to the whole channel would show it to people who must not see it."""
    shadowed = message.get("shadowed") and not rules.carry_shadowed_messages
    restricted = message.get("restricted_visibility") and not rules.carry_restricted_messages
    return bool(shadowed or restricted)


def _history(source: Source, channel: Channel, out: Expected) -> History:
    carried = []
    messages = source.world.messages_of(channel.cid)
    hidden = {message["id"] for message in messages if withheld(source.rules, message)}
    for message in messages:
        source.people.possible.update(filter(None, _everyone_in(message)))
        if message["type"] in {"ephemeral", "error"} or message["id"] in source.rejected:
            continue
        in_hidden_thread = message.get("parent_id") in hidden and not message.get("show_in_channel")
        if message["id"] in hidden or in_hidden_thread:
            out["withheld"].rows[(message["id"],)] = {}
        else:
            carried.append(message)
    carried.sort(key=lambda m: (parse_ns(m["created_at"]), m["id"].encode("utf-8", "surrogatepass")))
    return History(carried, {message["id"]: number for number, message in enumerate(carried, start=1)})


def _everyone_in(message: Json) -> Iterator[str | None]:
    yield _id_of(message.get("user"))
    yield _id_of(message.get("pinned_by"))
    yield from map(_id_of, message.get("mentioned_users") or [])


def is_deleted(message: Json) -> bool:
    """Say whether only a tombstone may arrive."""
    return message["type"] == "deleted" or bool(message.get("deleted_at"))


def _author(source: Source, message: Json) -> str:
    author: str | None = _id_of(message.get("user"))
    if author is None:
        author = source.rules.system_user_id if message["type"] == "system" else source.rules.deleted_user_id
    source.people.need(author)
    return author


def _message(source: Source, message: Json, history: History, out: Expected) -> None:
    key, deleted, author = (message["id"],), is_deleted(message), _author(source, message)
    created = micros(message["created_at"])
    assert created is not None
    out["messages"].rows[key] = {
        "id": identity.message_id(source.app_id, message["id"], created),
        "cid": message["cid"],
        "author": author,
        "text": None if deleted else _text_or_none(message.get("text")),
        "attachments": [] if deleted else Attachments(message, source.rules),
        "status": "sent",
        "created_at": created,
        "edited_at": Anything() if deleted else _edited_at(message, created),
        "deleted_at": (micros(message.get("deleted_at")) or Something()) if deleted else None,
        "map_agrees": True,
    }
    out["seq"].rows[key] = {"seq": history.seq[message["id"]]}
    _links(source, message, history, out)
    _reactions(source, message, out)
    if not deleted:
        _mentions(source, message, author, out)
        _pin(source, message, author, out)
        _poll(source, message, out)


def _edited_at(message: Json, created: int) -> Any:
    edited = micros(message.get("message_text_updated_at"))
    return OneOf((None, edited)) if edited is not None and edited <= created else edited


def _links(source: Source, message: Json, history: History, out: Expected) -> None:
    key, parent, quoted = (message["id"],), message.get("parent_id"), message.get("quoted_message_id")
    replies = [r for r in source.world.replies_of(message["id"]) if r["id"] in history.seq]
    known_parent = parent if parent in history.seq else None
    out["threads"].rows[key] = {
        "parent": known_parent,
        "is_reply": known_parent is not None,
        "reply_count": len(replies),
    }
    if quoted is None:
        return
    if quoted in history.seq and not is_deleted(message):
        out["quotes"].rows[key] = {"quoted": quoted}
    else:
        out["quotes"].optional[key] = {"quoted": quoted}


def _emoji(rules: MappingRules, kind: str) -> str:
    return rules.emoji.get(kind) or EMOJI.get(kind, kind)


def _reactions(source: Source, message: Json, out: Expected) -> None:
    table = out["reactions"].optional if is_deleted(message) else out["reactions"].rows
    times: dict[tuple[str, ...], list[int | None]] = {}
    for reaction in source.world.reactions_of(message["id"]):
        who = reaction.get("user_id") or _id_of(reaction.get("user"))
        emoji = _emoji(source.rules, reaction["type"])
        if who is None or not 0 < len(emoji) <= LONGEST_EMOJI:
            continue
        (source.people.possible.add if is_deleted(message) else source.people.need)(who)
        times.setdefault((message["id"], who, emoji), []).append(micros(reaction["created_at"]))
    for key, moments in times.items():
        table[key] = {"created_at": OneOf(tuple(moments))}


def _mentions(source: Source, message: Json, author: str, out: Expected) -> None:
    for mentioned in filter(None, map(_id_of, message.get("mentioned_users") or [])):
        source.people.need(mentioned)
        if (message["cid"], mentioned) not in out["members"].rows:
            continue  # would show the text to somebody outside
        out["mentions"].rows[message["id"], mentioned] = {"mentioner": author, "times": 1}


def _pin(source: Source, message: Json, author: str, out: Expected) -> None:
    expires = message.get("pin_expires")
    if not message.get("pinned") or (expires and parse_ns(expires) <= source.now_ns):
        return
    by = _id_of(message.get("pinned_by"))
    source.people.need(by)
    out["pins"].rows[(message["id"],)] = {
        "cid": message["cid"],
        "pinned_by": by or OneOf((author, source.rules.deleted_user_id, source.rules.system_user_id)),
        "pinned_at": micros(message.get("pinned_at")) or Something(),
    }


def _poll(source: Source, message: Json, out: Expected) -> None:
    poll = source.world.polls.get(message.get("poll_id") or "")
    if poll is None:
        return
    creator = _id_of(poll.get("created_by")) or poll.get("created_by_id")
    source.people.need(creator)
    anonymous = poll.get("voting_visibility") == "anonymous"
    voters = _votes(source, message, poll, out)
    countable = not anonymous and all(map(_is_holdable, _voted_options(source.world, poll["id"])))
    out["polls"].rows[(message["id"],)] = {
        "question": Text(poll["name"]),
        "options": Options([(option["id"], option["text"]) for option in poll["options"]]),
        "is_anonymous": anonymous,
        "total_votes": voters if countable else Anything(),
        "created_by": creator or Something(),
        "created_at": micros(poll["created_at"]),
        "message_knows": True,
    }


def _voted_options(world: World, poll_id: str) -> list[str]:
    return [vote["option_id"] for vote in world.votes[poll_id].values() if "option_id" in vote]


def _is_holdable(option_id: str) -> bool:
    """Whether ChatSDK has room for an option's id; the rules do not say what becomes of votes for others."""
    return 0 < len(option_id) <= LONGEST_OPTION_ID


def _votes(source: Source, message: Json, poll: Json, out: Expected) -> int:
    """Expect the votes that name somebody, by the option's place in the list; give the number of voters."""
    voters = set()
    places = {option["id"]: str(place) for place, option in enumerate(poll["options"])}
    for vote in source.world.votes[poll["id"]].values():
        who = vote.get("user_id") or _id_of(vote.get("user"))
        option = places.get(vote.get("option_id"))
        if who is None or vote.get("is_answer") or option is None:
            continue
        if poll.get("voting_visibility") == "anonymous" or not _is_holdable(vote["option_id"]):
            out["votes"].optional[message["id"], who, option] = {}
            source.people.possible.add(who)
            continue
        voters.add(who)
        source.people.need(who)
        out["votes"].rows[message["id"], who, option] = {"voted_at": micros(vote["created_at"])}
    return len(voters)


@dataclass(frozen=True)
class Options(Matcher):
    """A poll's options: id and text, in order."""

    wanted: list[tuple[str, str]]

    def accepts(self, found: Any) -> bool:
        if len(found) != len(self.wanted):
            return False
        pairs = zip(self.wanted, found, strict=True)
        distinct = len({option["id"] for option in found}) == len(found)
        return distinct and all(self._same(*wanted, option) for wanted, option in pairs)

    @staticmethod
    def _same(id_: str, text: str, found: Json) -> bool:
        return (found["id"] == id_ or not _is_holdable(id_)) and Text(text).accepts(found["text"])


@dataclass(frozen=True)
class Attachments(Matcher):
    """Attachments under ChatSDK's names: as many, in order, each of its type and with its link."""

    message: Json
    rules: MappingRules

    def accepts(self, found: Any) -> bool:
        rest = [one for one in found if not (isinstance(one, dict) and one.get("type") == "custom")]
        wanted = [one for one in self.message.get("attachments") or [] if isinstance(one, dict)]
        if self.rules.message_custom == "drop" and len(rest) != len(found):
            return False
        return len(rest) == len(wanted) and all(map(_is_attachment, wanted, rest))

    def __repr__(self) -> str:
        return f"Attachments({self.message.get('attachments')!r})"


def _is_attachment(wanted: Json, found: Json) -> bool:
    kind = wanted.get("type")
    type_fits = kind not in ATTACHMENT_TYPES or found.get("type") == ATTACHMENT_TYPES[kind]
    return type_fits and found.get("type") in ATTACHMENT_TYPES.values() and _link_fits(wanted, found.get("url"))


def _link_fits(wanted: Json, url: Any) -> bool:
    links = [link for name in LINKS if isinstance(link := wanted.get(name), str) and link]
    if any(link.startswith("javascript:") for link in links):
        return not url or url in links  # nothing says whether a hostile link is carried
    links += [one["url"] for one in (wanted.get("giphy") or {}).values() if isinstance(one, dict) and one.get("url")]
    best = {"image": "image_url", "file": "asset_url", "video": "asset_url", "audio": "asset_url"}
    own = wanted.get(best.get(str(wanted.get("type")), "asset_url"))
    if isinstance(own, str) and own and "og_scrape_url" not in wanted:
        return Text(own).accepts(url)
    return any(Text(link).accepts(url) for link in links) if links else not url


# ---- counters, read state, per-user rows


def _counters(channel: Channel, members: list[str], history: History, out: Expected) -> None:
    last = micros(history.messages[-1]["created_at"]) if history.messages else None
    out["counters"].rows[(channel.cid,)] = {
        "message_count": len(history.messages),
        "member_count": len(members),
        "current_seq": len(history.messages),
        "last_message_at": last,
    }


@dataclass(frozen=True)
class ReadTo:
    """A member has certainly read up to ``low`` and certainly nothing after ``high``."""

    low: int
    high: int


def _read(source: Source, channel: Channel, who: str, history: History, out: Expected) -> ReadTo:
    row = channel.reads.get(who)
    answers = [_read_by_row(row, history)] if row else []
    if row is None or len(channel.reads) > READS_STREAM_SHOWS:
        answers.append(_read_by_default(source.rules, history))
    out["reads"].rows[channel.cid, who] = answers[0] if len(answers) == 1 else EitherRow(answers).columns()
    seqs = [seq for answer in answers for seq in _values(answer["last_read_seq"])]
    return ReadTo(min(seqs), max(seqs))


def _read_by_default(rules: MappingRules, history: History) -> Json:
    last = history.messages[-1]["id"] if history.messages else None
    if rules.members_without_read_state == "read":
        return {"last_read_seq": len(history.messages), "unread_count": 0, "last_read_message": OneOf((last, None))}
    return {"last_read_seq": 0, "unread_count": Anything(), "last_read_message": None}


def _read_by_row(row: Json, history: History) -> Json:
    """By time, or by the message named: Stream gives both and they may differ by what shares an instant."""
    until = parse_ns(row["last_read"])
    by_time = sum(parse_ns(m["created_at"]) <= until for m in history.messages)
    by_microsecond = sum(parse_ns(m["created_at"]) // 1000 <= until // 1000 for m in history.messages)
    named = row.get("last_read_message_id")
    seqs = {by_time, by_microsecond} | ({history.seq[named]} if named in history.seq else set())
    ids = {history.messages[seq - 1]["id"] if seq else None for seq in seqs}
    return {
        "last_read_seq": OneOf(tuple(sorted(seqs))),
        "unread_count": row.get("unread_messages") or 0,
        "last_read_message": OneOf(tuple(ids)),
    }


def _values(value: Any) -> tuple[int, ...]:
    return value.values if isinstance(value, OneOf) else (value,)


@dataclass(frozen=True)
class EitherRow:
    """One of two answers, column by column."""

    answers: list[Json]

    def columns(self) -> Json:
        return {name: OneOf(tuple(answer[name] for answer in self.answers)) for name in self.answers[0]}


def _user_messages(source: Source, reads: dict[str, ReadTo], history: History, out: Expected) -> None:
    rule = _POLICIES[source.rules.user_message]
    table = out["user_message"]
    for message, (who, read) in product(history.messages, reads.items()):
        seq = history.seq[message["id"]]
        own = _author(source, message) == who
        mentioned = not is_deleted(message) and who in map(_id_of, message.get("mentioned_users") or [])
        outcomes = {(own or seq <= edge) for edge in (read.low, read.high)}
        wanted = {rule(was_read, mentioned) for was_read in outcomes}
        flags = {"flags": OneOf(tuple(READ * r + MENTIONED * mentioned for r in outcomes))}
        if True in wanted:
            (table.optional if False in wanted else table.rows)[who, message["id"]] = flags


_POLICIES: dict[str, Callable[[bool, bool], bool]] = {
    "all": lambda was_read, mentioned: True,
    "unread_and_mentions": lambda was_read, mentioned: mentioned or not was_read,
    "none": lambda was_read, mentioned: False,
}
"""Whether a member's row for a message is written, by whether it was read and mentions the member."""
