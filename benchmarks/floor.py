"""The floor: the least work that puts the same rows there with every reference checked.

The rows of a finished migration are taken out of its target as COPY text, kept in memory, and loaded into an empty
copy by one and by two connections: COPY into a stage, one query that checks and locks all references as sets, INSERT
with row-by-row checks off, the members' rows made in the server, one UPDATE of each channel, commit; 5,000 messages at
a time. No reading of Stream, no mapping, no ledger, no reactions, no read positions. A migration cannot be faster.
"""

from __future__ import annotations

import threading
import time
from typing import Any, NamedTuple

import psutil
import psycopg
from place import APP_ID, PASSWORD, ROLE, Place

BATCH = 5_000
"""Messages in a transaction."""
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


class Figures(NamedTuple):
    """Messages a second, and PostgreSQL's CPU time for one in microseconds."""

    rate: float
    cpu: float


def measure(at: Place, user_message: str, connections: int, *, repeat: int = 1) -> list[Figures]:
    """Load what is in database ``bench`` once more, some times."""
    batches = _take_out(at)
    messages = sum(len(batch) for batch in batches)
    rates = list[Figures]()
    for number in range(repeat):
        name = f"floor_{connections}_{number}"
        at.new_target(name)
        _prepare(at, name)
        seconds, cpu = _timed(at, name, user_message, batches, connections)
        rates.append(Figures(messages / seconds, cpu / messages * 1e6))
    return rates


def _take_out(at: Place) -> list[list[bytes]]:
    """Give the messages as lines of COPY text, channel by channel, in batches."""
    with at.server.connect("bench") as conn, conn.cursor() as cursor:
        query = f"COPY (SELECT {COLUMNS} FROM message ORDER BY channel_id, seq) TO STDOUT"
        with cursor.copy(query) as copy:
            lines = b"".join(copy).splitlines(keepends=True)
    return [lines[start : start + BATCH] for start in range(0, len(lines), BATCH)]


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


def _timed(
    at: Place, name: str, user_message: str, batches: list[list[bytes]], connections: int
) -> tuple[float, float]:
    """Load all batches; give the seconds from the first COPY to the last commit, and the servers' CPU seconds.

    Raises what any connection met.
    """
    problems = list[BaseException]()
    # In contiguous shares, so that a channel is loaded by one connection, and a parent is there before its replies.
    share = -(-len(batches) // connections)
    shares = [batches[start : start + share] for start in range(0, len(batches), share)]
    links = [_connect(at, name) for _ in shares]

    def work(conn: psycopg.Connection[Any], mine: list[list[bytes]]) -> None:
        try:
            for batch in mine:
                _load(conn, batch, user_message)
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
