"""The report as Markdown: for the web UI, and as a file that can be passed on.

Here: sections, tables, words. Not here: the values (``document.py``), the pictures (``plots.py``).
Ids come from outside and may hold anything, so each is shown as code, which no renderer interprets.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from chatsdk_migration.report.document import LossLine, Numbers, Report

NOTHING = "Nothing."
MONTHS_PICTURE, PACE_PICTURE = "messages_by_month", "rows_per_second"
"""Names of the pictures."""
LISTED_RUNS = 20
LISTED_CHANNELS = 50
"""Unfinished channels listed; the JSON has all."""

_SECTIONS = (
    ("changed", "What was changed", "Carried in another form that means the same."),
    ("degraded", "What was degraded", "Carried, but it says or does less than in Stream."),
    ("withheld", "What was withheld", "Left out on purpose, because ChatSDK would show or allow too much."),
    ("no_home", "What had no home", "ChatSDK has no place for it; it stays behind in Stream."),
)
_IMPORTED_NAMES = {"replies": "thread replies"}
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
"""Control characters, line ends and marks that turn the direction of what follows."""

Pictures = Mapping[str, str]
"""Where each picture is found: a file's name or a ``data:`` URI, by its name."""


def markdown(report: Report, pictures: Pictures) -> str:
    """Write the report; a picture without a place is left out."""
    parts = [
        _head(report),
        _imported(report),
        *(_losses(title, says, report.of_severity(severity)) for severity, title, says in _SECTIONS),
        _missing(report),
        _rejected(report),
        _channel_types(report),
        _busiest(report),
        _picture("Messages by month", MONTHS_PICTURE, pictures, _about_months(report)),
        _picture("Rows a second", PACE_PICTURE, pictures, "Pauses between runs are left out."),
        _runs(report),
        _versions(report),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def code(text: str) -> str:
    """Show an id as it is, whatever is in it, inside a table too."""
    plain = _UNPRINTABLE.sub("�", text).replace("`", "'").replace("|", "\\|").strip()
    return f"`{plain}`" if plain else ""


def table(head: Sequence[str], rows: Sequence[Sequence[object]], numbers: frozenset[int] = frozenset()) -> str:
    """Write a table; ``numbers`` are the columns set flush right."""
    rule = ["---:" if index in numbers else "---" for index in range(len(head))]
    lines = [list(head), rule, *([_cell(value) for value in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cell(value: object) -> str:
    if value is None:
        return "not noted"
    return f"{value:,}" if isinstance(value, int | float) else str(value)


def _head(report: Report) -> str:
    app = report.app
    source = (
        f", from the Stream key with fingerprint `{app.source_key_fingerprint}`" if app.source_key_fingerprint else ""
    )
    return (
        f"# Migration report\n\nApp {code(app.name)} ({code(app.id)}) in {code(app.database)}{source}. "
        f"Made {report.made_at}.\n\n{_verdict(report)}"
    )


def _verdict(report: Report) -> str:
    """Say in one paragraph what a reader who stops here should know."""
    lost = {severity: sum(line.number for line in report.of_severity(severity)) for severity, _, _ in _SECTIONS}
    missing = sum(line.number for line in report.of_severity("missing"))
    rejected = sum(line.number for line in report.rejected)
    total = report.total
    return (
        f"**{total.carried:,} messages in {total.channels:,} channels came from Stream.** "
        f"Records changed: {lost['changed']:,}; degraded: {lost['degraded']:,}; withheld: {lost['withheld']:,}; "
        f"without a home: {lost['no_home']:,}; missing: {missing:,}; rejected: {rejected:,}. "
        f"Channels not complete: {len(report.unfinished):,}.\n\n"
        "All numbers of losses say how often one was noted: a person met in three channels is noted three times."
    )


def _imported(report: Report) -> str:
    rows = [(_IMPORTED_NAMES.get(name, name), number) for name, number in report.imported.items()]
    text = "## What was imported\n\n"
    if not any(number for _, number in rows):
        return text + NOTHING
    total = report.total
    read = "not noted" if total.read is None else f"{total.read:,}"
    return (
        text + table(("In ChatSDK now", "Rows"), rows, frozenset({1})) + "\n\n"
        f"Of the messages and replies, {total.carried:,} came from Stream and {total.own:,} were written in ChatSDK "
        f"itself. Read from Stream: {read}; withheld of them: {total.withheld:,}; rejected: {total.rejected:,}."
    )


def _losses(title: str, says: str, lines: Sequence[LossLine]) -> str:
    return f"## {title}\n\n{says}\n\n" + (_loss_table(lines) if lines else NOTHING)


def _loss_table(lines: Sequence[LossLine]) -> str:
    rows = [
        (line.says, line.entity, line.number, line.channels or "–", code(line.example), line.advice or "Nothing to do.")
        for line in lines
    ]
    return table(("What happened", "To each", "Times", "Channels", "Example", "What to do"), rows, frozenset({2, 3}))


def _missing(report: Report) -> str:
    """List what Stream did not give, and the channels that are not complete."""
    lines, unfinished = report.of_severity("missing"), report.unfinished
    parts = ["## What is missing", "It should have arrived and did not."]
    if lines:
        parts.append(_loss_table(lines))
    if unfinished:
        rows = [(code(cid), _words(reason)) for cid, reason in list(unfinished.items())[:LISTED_CHANNELS]]
        parts += [
            f"{len(unfinished):,} of {report.known_channels:,} channels are not complete; "
            "`chatsdk-migrate import-stream --resume` carries them.",
            table(("Channel", "Why"), rows),
        ]
        if len(unfinished) > LISTED_CHANNELS:
            parts.append(f"And {len(unfinished) - LISTED_CHANNELS:,} more, all of them in the JSON.")
    return "\n\n".join(parts if lines or unfinished else [*parts, NOTHING])


def _words(text: str) -> str:
    """Show a sentence inside a table."""
    return re.sub(r"([\\|<>`*_\[\]])", r"\\\1", _UNPRINTABLE.sub(" ", text))


def _rejected(report: Report) -> str:
    text = "## What was rejected\n\nKept in `chatsdk_migration.quarantine`, with the original and the reason.\n\n"
    if not report.rejected:
        return text + NOTHING
    rows = [
        (line.says, line.entity, line.number, line.discarded, line.channels or "–", code(line.example), line.advice)
        for line in report.rejected
    ]
    head = ("Why", "What", "Number", "Discarded", "Channels", "Example", "What to do")
    return text + table(head, rows, frozenset({2, 3, 4}))


_NUMBERS = ("Members", "Read from Stream", "From Stream in ChatSDK", "Withheld", "Rejected", "Reactions")


def _numbers(numbers: Numbers) -> tuple[object, ...]:
    return (
        numbers.members,
        numbers.read,
        numbers.carried,
        numbers.withheld,
        numbers.rejected,
        numbers.reactions,
    )


def _channel_types(report: Report) -> str:
    text = "## Numbers by channel type\n\n"
    rows = [
        (code(line.stream_type), line.chatsdk_type, line.numbers.channels, *_numbers(line.numbers))
        for line in report.channel_types
    ]
    head = ("In Stream", "In ChatSDK", "Channels", *_NUMBERS)
    return text + (table(head, rows, frozenset(range(2, 9))) if rows else NOTHING)


def _busiest(report: Report) -> str:
    rows = [(code(line.cid), line.chatsdk_type, *_numbers(line.numbers)) for line in report.busiest]
    text = f"## The {len(rows) or ''} busiest channels\n\n".replace("  ", " ")
    return text + (table(("Channel", "In ChatSDK", *_NUMBERS), rows, frozenset(range(2, 8))) if rows else NOTHING)


def _about_months(report: Report) -> str:
    text = "Stream: what the last load of each channel read. ChatSDK: the rows from Stream that are there now."
    if report.undated:
        text += f" {report.undated:,} messages have no readable time and are in no month."
    return text


def _picture(title: str, name: str, pictures: Pictures, says: str) -> str:
    return f"## {title}\n\n{says}\n\n![{title}]({pictures[name]})" if name in pictures else ""


def _runs(report: Report) -> str:
    text = "## Runs, calls and time\n\n"
    if not report.runs:
        return text + NOTHING
    return text + "\n\n".join(
        (
            _cost(report),
            _run_table(report),
            "Channels are carried side by side, so the working times of the assets add up to more than the clock's.",
            _asset_table(report),
        )
    )


def _cost(report: Report) -> str:
    seconds = sum(line.seconds for line in report.runs)
    rows, calls = sum(line.rows for line in report.runs), sum(line.api_calls for line in report.runs)
    messages = sum(line.rows for line in report.assets if line.asset == "messages")
    rate = f", {messages / seconds:,.0f} messages a second" if seconds else ""
    listed = f" The newest {LISTED_RUNS} are listed." if len(report.runs) > LISTED_RUNS else ""
    count = f"{len(report.runs):,} runs" if len(report.runs) > 1 else "one run"
    return f"{rows:,} rows written and {calls:,} calls to Stream in {count} of {duration(seconds)}{rate}.{listed}"


def _run_table(report: Report) -> str:
    rows = [
        (
            code(line.run_id[:8]),
            line.job,
            line.status,
            _clock(line.started),
            duration(line.seconds),
            line.channels,
            line.rows,
            line.rows_per_second,
            line.api_calls,
        )
        for line in report.runs[-LISTED_RUNS:]
    ]
    head = ("Run", "Job", "Ended as", "Began (UTC)", "Took", "Channels", "Rows written", "Rows a second", "API calls")
    return table(head, rows, frozenset(range(4, 9)))


def _asset_table(report: Report) -> str:
    rows = [(line.asset, line.recorded, line.rows, line.api_calls, duration(line.seconds)) for line in report.assets]
    return table(("Asset", "Times recorded", "Rows written", "API calls", "Working time"), rows, frozenset(range(1, 5)))


def duration(seconds: float) -> str:
    """Write a time as people say it."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"


def _clock(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _versions(report: Report) -> str:
    return "## Versions\n\n" + table(("Of", "Version"), list(report.versions.items()))
