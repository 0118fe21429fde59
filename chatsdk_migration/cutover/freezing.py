"""How to freeze writes in Stream, how to undo it, and what to do at the switch: words for people.

Here: texts. Not here: doing any of it: this tool only reads from Stream, so the operator runs what is said here.

By Stream's docs: grants are lists of permissions by role, of a channel type or of the app, and bind clients only; who
holds the API secret may do everything. ``revoke_tokens_issued_before`` refuses all user tokens issued before a moment.
"""

from __future__ import annotations

from collections.abc import Sequence

KEEPS = ("read-", "query-", "search-", "skip-")
"""Beginnings of the names of permissions that write nothing."""

_FREEZE = f"""\
# ---- freeze.py: run it with this tool's Python; STREAM_API_KEY and STREAM_API_SECRET are set as for this tool
import json, os, pathlib
from stream_chat import StreamChat
client = StreamChat(os.environ["STREAM_API_KEY"], os.environ["STREAM_API_SECRET"])
saved = {{name: one["grants"] for name, one in client.list_channel_types()["channel_types"].items()}}
with pathlib.Path("grants.json").open("x") as file:  # "x": never over an earlier one
    json.dump(saved, file)
for name, grants in saved.items():
    kept = {{role: [one for one in may if one.startswith({KEEPS})] for role, may in grants.items()}}
    client.update_channel_type(name, grants=kept)
# ----"""

_THAW = """\
# ---- thaw.py
import json, os, pathlib
from stream_chat import StreamChat
client = StreamChat(os.environ["STREAM_API_KEY"], os.environ["STREAM_API_SECRET"])
for name, grants in json.loads(pathlib.Path("grants.json").read_text()).items():
    client.update_channel_type(name, grants=grants)
pathlib.Path("grants.json").rename("grants.put-back.json")  # so that a later freeze can keep its own
# ----"""


def freeze_lines(
    first: str = "Freeze writes in Stream now. This tool only reads there, so you do it:",
) -> Sequence[str]:
    """Say how writes are frozen in Stream."""
    return [
        first,
        "  1. Stop what writes with your API secret: your backend, bots, scheduled jobs, imports. Stream's permissions",
        "     do not bind it.",
        "  2. Stop your users, one of these ways:",
        "     a) Take writing from every role, by channel type; reading goes on. Channels with grants of their own",
        "        (config_overrides) keep what those grant: change them too.",
        *_FREEZE.splitlines(),
        "        Should it say that grants.json exists, it was begun before: run thaw.py (below), then this again.",
        "     b) Lock everybody out: stop issuing user tokens, then",
        '        client.update_app_settings(revoke_tokens_issued_before="<now, such as 2026-01-31T22:00:00Z>")',
        "        thaw.py, for the way back:",
        *_THAW.splitlines(),
        "  3. Show your users that the chat is read-only for a while.",
    ]


def thaw_lines(*, ended: bool = False) -> Sequence[str]:
    """Say how the freeze is undone; ``ended``: the cutover has been ended already."""
    go_on = "go on with `chatsdk-migrate sync --every 10m`."
    return [
        "To go back to Stream; until people write in ChatSDK nothing is lost by it:",
        "  After a):",
        *_THAW.splitlines(),
        "  After b): client.update_app_settings(revoke_tokens_issued_before=None), and issue tokens again.",
        "  Start your backend, bots and jobs again, and " + (go_on if ended else "end the cutover:"),
        *([] if ended else [f"  `chatsdk-migrate cutover --thaw`; then {go_on}"]),
    ]


def switch_lines() -> Sequence[str]:
    """Say what to do when both sides are equal."""
    return [
        "Switch now:",
        "  1. Point your clients and your backend at ChatSDK (its URL, its API key, tokens of its own).",
        "  2. Try it with two people: open a channel, read its history, send, react, see the unread badge go.",
        "  3. Let everybody in. Leave Stream frozen: what is written there from now on does not come over.",
        "  4. Turn the schedules sync_every_ten_minutes and verify_daily off, and rotate Stream's key.",
        "Fall back: as long as nobody has written in ChatSDK, thaw Stream (below) and point everything back. What",
        "people have written in ChatSDK stays there; this tool carries nothing back to Stream.",
    ]
