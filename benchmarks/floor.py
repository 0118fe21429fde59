"""The floor: the least work that puts the same rows there with every reference checked.

The rows of a finished migration are taken out of its target as COPY text, kept in memory, and loaded into an empty
copy by one and by two connections: COPY into a stage, one query that checks and locks all references as sets, INSERT
with row-by-row checks off, the members' rows made in the server, one UPDATE of each channel, commit; 5,000 messages at
a time. No reading of Stream, no mapping, no ledger, no reactions, no read positions. A migration cannot be faster.

A role that may not switch row-by-row checks off has a floor of its own: COPY into a stage, INSERT with the trigger and
all foreign keys on, the time that the trigger got wrong put right, commit; 300 messages at a time, and so few that
2,000 members' rows are not exceeded, as larger transactions would keep live senders waiting.
"""

from __future__ import annotations

import threading
import time
from itertools import pairwise
from typing import Any, NamedTuple

import psutil
import psycopg
from place import APP_ID, PASSWORD, ROLE, Place

BATCH = 5_000
"""Messages in a transaction."""
TRIGGERED_BATCH, TRIGGERED_FAN_OUT = 300, 2_000
"""Messages, and members' rows, in a transaction of a role whose rows are checked one by one."""
COLUMNS = (
    "id, channel_id, app_id, user_id, seq, text, attachments, parent_id, reply_to_id, reply_count, poll_id, created_at,"
    " edited_at, deleted_at, deleted_by"
)
BEFORE = ("app_user", "channel", "channel_seq", "channel_member")
"""What is there before the messages."""

_STAGE = f"""
CREATE TEMPORARY TABLE stage ON COMMIT DELETE ROWS AS SELECT {COLUMNS} FROM message LIMIT 0
"""
_CHECK = """
WITH people AS (SELECT DISTINCT user_id FROM stage),
held_people AS MATERIALIZED (
    SELECT id FROM app_user
    WHERE app_id = %(app)s AND id = ANY (ARRAY(SELECT user_id FROM people)) ORDER BY id FOR KEY SHARE
), channels AS (SELECT DISTINCT channel_id FROM stage),
held_channels AS MATERIALIZED (
    SELECT id FROM channel
    WHERE app_id = %(app)s AND id = ANY (ARRAY(SELECT channel_id FROM channels)) ORDER BY id FOR KEY SHARE
), referred AS (
    SELECT parent_id AS id FROM stage WHERE parent_id IS NOT NULL
    UNION SELECT reply_to_id FROM stage WHERE reply_to_id IS NOT NULL
), missing AS (
    SELECT id FROM referred WHERE NOT EXISTS (SELECT FROM stage s WHERE s.id = referred.id)
), held_messages AS MATERIALIZED (
    SELECT id FROM message WHERE app_id = %(app)s AND id = ANY (ARRAY(SELECT id FROM missing)) ORDER BY id FOR KEY SHARE
)
SELECT (SELECT count(*) FROM people) - (SELECT count(*) FROM held_people)
     + (SELECT count(*) FROM channels) - (SELECT count(*) FROM held_channels)
     + (SELECT count(*) FROM missing) - (SELECT count(*) FROM held_messages)
"""
_INSERT = f"INSERT INTO message ({COLUMNS}) SELECT {COLUMNS} FROM stage ON CONFLICT DO NOTHING"
_FAN_OUT = """
INSERT INTO user_message (user_id, app_id, message_id, flags)
SELECT m.user_id, %(app)s, s.id, read.flag
FROM stage s
JOIN channel_member m ON m.app_id = %(app)s AND m.channel_id = s.channel_id
CROSS JOIN LATERAL (SELECT CASE WHEN s.seq <= m.last_read_seq OR s.user_id = m.user_id THEN 1 ELSE 0 END) read (flag)
WHERE %(everything)s OR read.flag = 0
"""
_COUNT = """
UPDATE channel c SET message_count = coalesce(c.message_count, 0) + s.messages,
                     last_message_at = greatest(c.last_message_at, s.newest)
FROM (SELECT channel_id, count(*) AS messages, max(created_at) AS newest FROM stage GROUP BY channel_id) s
WHERE c.app_id = %(app)s AND c.id = s.channel_id
"""
_REPAIR = """
UPDATE channel c SET last_message_at = s.newest, updated_at = c.created_at
FROM (SELECT channel_id, max(created_at) AS newest FROM stage GROUP BY channel_id) s
WHERE c.app_id = %(app)s AND c.id = s.channel_id
"""
_TO_THE_DISK = "RESET synchronous_commit; SELECT pg_logical_emit_message(true, 'floor', '')"
"""As a migration waits for the disk once a channel and not once a transaction."""


class Figures(NamedTuple):
    """Messages a second, and PostgreSQL's CPU time for one in microseconds."""

    rate: float
    cpu: float


class Way(NamedTuple):
    """How to load: which of the members' rows, with row-by-row checks off or on."""

    user_message: str
    privileged: bool


def measure(
    at: Place, user_message: str, connections: int, *, repeat: int = 1, privileged: bool = True
) -> list[Figures]:
    """Load what is in database ``bench`` once more, some times; ``privileged``: with row-by-row checks off."""
    way = Way(user_message, privileged)
    lines = _take_out(at)
    shares = _shares(lines, connections, BATCH if privileged else _triggered_batch(at, user_message))
    rates = list[Figures]()
    for number in range(repeat):
        name = f"floor_{'checked' if privileged else 'triggered'}_{connections}_{number}"
        at.new_target(name, privileged=privileged)
        _prepare(at, name)
        seconds, cpu = _timed(at, name, way, shares)
        rates.append(Figures(len(lines) / seconds, cpu / len(lines) * 1e6))
    return rates


def _triggered_batch(at: Place, user_message: str) -> int:
    """Give the messages in a transaction that keeps to both limits, for channels of the size that is usual there."""
    with at.server.connect("bench") as conn:
        row = conn.execute("SELECT count(*) / greatest(count(DISTINCT channel_id), 1) FROM channel_member").fetchone()
    assert row is not None, "an aggregate gives one row"
    readers = max(1, row[0]) if user_message != "none" else 1
    return min(TRIGGERED_BATCH, max(1, TRIGGERED_FAN_OUT // readers))


def _take_out(at: Place) -> list[bytes]:
    """Give the messages as lines of COPY text, channel by channel."""
    with at.server.connect("bench") as conn, conn.cursor() as cursor:
        query = f"COPY (SELECT {COLUMNS} FROM message ORDER BY channel_id, seq) TO STDOUT"
        with cursor.copy(query) as copy:
            return b"".join(copy).splitlines(keepends=True)


def _shares(lines: list[bytes], connections: int, size: int) -> list[list[list[bytes]]]:
    """Give each connection batches of whole channels: a parent is there before its replies."""
    borders = [0]
    for number in range(1, connections):
        border = max(borders[-1], len(lines) * number // connections)
        while 0 < border < len(lines) and _channel(lines[border]) == _channel(lines[border - 1]):
            border += 1
        borders.append(border)
    parts = [lines[start:end] for start, end in pairwise([*borders, len(lines)])]
    return [[part[start : start + size] for start in range(0, len(part), size)] for part in parts if part]


def _channel(line: bytes) -> bytes:
    return line.split(b"\t", 2)[1]


def _prepare(at: Place, name: str) -> None:
    """Put there what messages refer to."""
    with at.server.connect("bench") as source, at.server.connect(name) as target:
        target.execute("SET session_replication_role = replica")
        for table in BEFORE:
            with (
                source.cursor().copy(f"COPY {table} TO STDOUT") as old,
                target.cursor().copy(f"COPY {table} FROM STDIN") as new,
            ):
                for block in old:
                    new.write(block)
        target.execute("UPDATE channel SET message_count = 0, last_message_at = NULL")
        target.execute("ANALYZE")


def _timed(at: Place, name: str, way: Way, shares: list[list[list[bytes]]]) -> tuple[float, float]:
    """Load every connection's batches; give the seconds from the first COPY to the last commit, and the CPU seconds.

    Raises what any connection met. The CPU seconds are those of the server's processes.
    """
    problems = list[BaseException]()
    links = [_connect(at, name) for _ in shares]

    load = _load if way.privileged else _load_triggered

    def work(conn: psycopg.Connection[Any], mine: list[list[bytes]]) -> None:
        try:
            for batch in mine:
                load(conn, batch, way.user_message)
            conn.execute(_TO_THE_DISK)
        except BaseException as problem:  # noqa: BLE001 - raised by the main thread
            problems.append(problem)

    backends = [psutil.Process(conn.info.backend_pid) for conn in links]
    started, before = time.monotonic(), sum(sum(backend.cpu_times()[:2]) for backend in backends)
    threads = [threading.Thread(target=work, args=pair) for pair in zip(links, shares, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.monotonic() - started
    cpu = sum(sum(backend.cpu_times()[:2]) for backend in backends) - before
    for conn in links:
        conn.close()
    if problems:
        raise problems[0]
    return seconds, cpu


def _connect(at: Place, name: str) -> psycopg.Connection[Any]:
    conn = psycopg.connect(
        host=at.server.host, port=at.server.port, dbname=name, user=ROLE, password=PASSWORD, autocommit=True
    )
    conn.execute("SELECT set_config('app.current_app_id', %s, false)", [APP_ID])
    conn.execute("SET synchronous_commit = off")
    conn.execute(_STAGE)
    return conn


def _load(conn: psycopg.Connection[Any], batch: list[bytes], user_message: str) -> None:
    what = {"app": APP_ID, "everything": user_message == "all"}
    with conn.transaction(), conn.cursor() as cursor:
        with cursor.copy(f"COPY stage ({COLUMNS}) FROM STDIN") as copy:
            copy.write(b"".join(batch))
        row = cursor.execute(_CHECK, what).fetchone()
        assert row == (0,), f"{row} references lead nowhere"
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(_INSERT)
        if user_message != "none":
            cursor.execute(_FAN_OUT, what)
        cursor.execute("SET LOCAL session_replication_role = origin")
        cursor.execute(_COUNT, what)


def _load_triggered(conn: psycopg.Connection[Any], batch: list[bytes], user_message: str) -> None:
    what = {"app": APP_ID, "everything": user_message == "all"}
    with conn.transaction(), conn.cursor() as cursor:
        with cursor.copy(f"COPY stage ({COLUMNS}) FROM STDIN") as copy:
            copy.write(b"".join(batch))
        cursor.execute(_INSERT)
        if user_message != "none":
            cursor.execute(_FAN_OUT, what)
        cursor.execute(_REPAIR, what)
