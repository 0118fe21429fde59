"""Is the target ready? Every reason why it is not, found before the first write.

Here: comparing the database with ``expected.py``, the privileges, the app, the disk. Nothing here writes.
Not here: installing our own schema (``ledger.py``), checking Stream (``stream/plan.py``).
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from typing import Any, NamedTuple

import psycopg
from psycopg import sql

from chatsdk_migration.errors import PermanentError
from chatsdk_migration.postgres.expected import MESSAGE_TRIGGER, SEQUENCE_FUNCTION, TABLES, Table
from chatsdk_migration.postgres.sql import statement
from chatsdk_migration.postgres.target import Connection, Target

LEAST_FREE_BYTES = 1 << 30
"""Below this, a server on this machine is called full: PostgreSQL stops when its write-ahead log finds no room."""
GRANTABLE_PARAMETERS_SINCE = 150_000
"""PostgreSQL 15: the first in which an ordinary role can be allowed to set session_replication_role."""
LOCAL_HOSTS = frozenset({"", "localhost", "127.0.0.1", "::1"})


class Preflight(NamedTuple):
    """What the target allows.

    Attributes:
        may_set_replication_role: The fast way is open: foreign keys checked as sets, counters updated once.
        advice: Sentences for the operator; in a dry run also what a real run would refuse to start with.
    """

    may_set_replication_role: bool
    advice: tuple[str, ...] = ()


class _Role(NamedTuple):
    name: str
    database: str
    server_version: int
    superuser: bool
    may_use_temporary: bool
    may_create_schema: bool
    has_own_schema: bool


class _Found(NamedTuple):
    """A table as the search path finds it."""

    name: str
    oid: int
    schema: str


def check(target: Target, *, dry_run: bool = False) -> Preflight:
    """Check everything at once.

    Args:
        target: The database.
        dry_run: Nothing will be written: what only a load needs becomes advice.

    Raises:
        PermanentError: The app, a table, a column, a key, a privilege or room is missing; all of it is listed.
        TransientError: The database cannot be reached now.
    """
    with target.transaction(read_only=True) as conn:
        role = _read_role(conn)
        tables = _find_tables(conn, role)
        refused = _missing_grants(conn, role, tables)
        if "app" not in {grant.table for grant in refused if grant.privilege == "SELECT"}:
            _require_app(conn, target)
        _require_schema(conn, tables)
        grants = [*_table_grants(role, refused), *_other_grants(conn, role)]
        room = _room_problem(_free_room(conn, target.settings.db_host))
        triggers = _foreign_triggers(conn, tables)
    if (grants or room) and not dry_run:
        raise _not_ready(grants, room)
    fast = _may_set_replication_role(target)
    advice = (*_advice(role, triggers, fast=fast), *(f"Before a load, run: {grant}" for grant in grants), *room)
    return Preflight(fast, advice)


def _read_role(conn: Connection) -> _Role:
    row = conn.execute(statement("preflight_role")).fetchone()
    assert row is not None, "everybody is a role"
    return _Role(*row)


def _find_tables(conn: Connection, role: _Role) -> dict[str, _Found]:
    """Resolve every table by the search path; ChatSDK's may stand in ``public`` or in ``chatsdk``."""
    found: dict[str, _Found] = {}
    missing: list[str] = []
    for name, oid, schema, elsewhere in conn.execute(statement("preflight_tables"), {"names": list(TABLES)}):
        if oid is not None:
            found[name] = _Found(name, oid, schema)
        elif elsewhere is None:
            missing.append(name)
        else:
            missing.append(f"{name} (there is {elsewhere}.{name}, but not on the search path of {role.name})")
    if missing:
        raise PermanentError(
            f"looking for ChatSDK's tables in {role.database}",
            f"not found: {', '.join(missing)}",
            "Check --db-name, GRANT USAGE on their schema, and the role's search_path; or let ChatSDK create them.",
        )
    return found


class _Refused(NamedTuple):
    schema: str
    table: str
    privilege: str


def _missing_grants(conn: Connection, role: _Role, tables: dict[str, _Found]) -> list[_Refused]:
    if role.superuser:
        return []
    rows = conn.execute(statement("preflight_privileges"), {"tables": [table.oid for table in tables.values()]})
    refused = [_Refused(*row) for row in rows]
    return [one for one in refused if one.privilege in TABLES[one.table].privileges]


def _require_app(conn: Connection, target: Target) -> None:
    row = conn.execute(statement("preflight_app"), {"app": target.app_id}).fetchone()
    if row != (True,):
        raise PermanentError(
            "looking for the target app",
            f"App not found: {target.app_id}",
            "Create it with the ChatSDK server's admin endpoint POST /admin/apps, then give its id as --target-app-id.",
        )


def _require_schema(conn: Connection, tables: dict[str, _Found]) -> None:
    """Compare columns, keys, trigger and function with what the loads rely on; names every difference."""
    oids = {"tables": [table.oid for table in tables.values()]}
    differences = [
        *_column_differences(conn.execute(statement("preflight_columns"), oids).fetchall()),
        *_key_differences(conn.execute(statement("preflight_keys"), oids).fetchall()),
        *_trigger_differences(conn.execute(statement("preflight_triggers"), oids).fetchall()),
    ]
    function = conn.execute(statement("preflight_sequence"), {"function": SEQUENCE_FUNCTION}).fetchone()
    if function != (True,):
        differences.append(f"there is no function {SEQUENCE_FUNCTION}")
    if differences:
        raise PermanentError(
            "comparing the database with ChatSDK's schema V015",
            "; ".join(differences),
            "Migrate into the ChatSDK version this tool was made for, or update the tool.",
        )


def _column_differences(rows: Iterable[tuple[Any, ...]]) -> list[str]:
    there: dict[str, dict[str, tuple[str, bool, bool]]] = {}
    for table, column, kind, not_null, filled in rows:
        there.setdefault(table, {})[column] = (kind, not_null, filled)
    return [
        difference
        for name, table in TABLES.items()
        for difference in (*_wrong_columns(name, table, there[name]), *_new_columns(name, table, there[name]))
    ]


def _wrong_columns(name: str, table: Table, there: dict[str, tuple[str, bool, bool]]) -> list[str]:
    differences = []
    for column, expected in table.columns.items():
        if column not in there:
            differences.append(f"{name}.{column} is missing")
            continue
        kind, not_null, _ = there[column]
        found = f"!{kind}" if not_null else kind
        if found != expected:
            differences.append(f"{name}.{column} is {_type_text(found)} instead of {_type_text(expected)}")
    return differences


def _new_columns(name: str, table: Table, there: dict[str, tuple[str, bool, bool]]) -> list[str]:
    """Find columns we do not know and could not leave out."""
    if "INSERT" not in table.privileges:
        return []
    return [
        f"{name}.{column} is new and needs a value"
        for column, (_, not_null, filled) in there.items()
        if column not in table.columns and not_null and not filled
    ]


def _type_text(kind: str) -> str:
    return f"{kind[1:]} NOT NULL" if kind.startswith("!") else kind


def _key_differences(rows: Iterable[tuple[Any, ...]]) -> list[str]:
    keys = {(table, bool(primary), tuple(columns)) for table, primary, columns in rows}
    differences = []
    for name, table in TABLES.items():
        if (name, True, tuple(sorted(table.key))) not in keys:
            differences.append(f"{name} has not the primary key ({', '.join(table.key)})")
        if table.unique and (name, False, tuple(sorted(table.unique))) not in keys:
            differences.append(f"{name} is not unique by ({', '.join(table.unique)})")
    return differences


def _trigger_differences(rows: Iterable[tuple[Any, ...]]) -> list[str]:
    modes = {(table, trigger): mode for table, trigger, mode in rows}
    mode = modes.get(("message", MESSAGE_TRIGGER))
    if mode is None:
        return [f"message has not the trigger {MESSAGE_TRIGGER}"]
    if mode != "O":
        return [f"trigger {MESSAGE_TRIGGER} is in mode {mode!r} instead of 'O' (enabled)"]
    return []


def _foreign_triggers(conn: Connection, tables: dict[str, _Found]) -> list[str]:
    oids = {"tables": [table.oid for table in tables.values()]}
    rows = conn.execute(statement("preflight_triggers"), oids)
    return [f"{table}.{trigger}" for table, trigger, _ in rows if (table, trigger) != ("message", MESSAGE_TRIGGER)]


def _table_grants(role: _Role, refused: list[_Refused]) -> list[str]:
    """Write the exact statements that give the role what it lacks, one for each set of privileges."""
    wanted: dict[tuple[str, str], list[str]] = {}
    for one in refused:
        wanted.setdefault((one.schema, one.table), []).append(one.privilege)
    alike: dict[tuple[str, ...], list[sql.Composable]] = {}
    for (schema, table), privileges in wanted.items():
        alike.setdefault(tuple(privileges), []).append(sql.Identifier(schema, table))
    return [
        _grant(", ".join(privileges) + " ON", sql.SQL(", ").join(tables), role) for privileges, tables in alike.items()
    ]


def _other_grants(conn: Connection, role: _Role) -> list[str]:
    if role.superuser:
        return []
    helpers = [sql.Identifier(name) for (name,) in conn.execute(statement("preflight_helpers"))]
    database = sql.Identifier(role.database)
    grants = [_grant("USAGE ON SCHEMA", helper, role) for helper in helpers]
    if not role.may_use_temporary:
        grants.append(_grant("TEMPORARY ON DATABASE", database, role))
    if not role.has_own_schema:
        return grants if role.may_create_schema else [*grants, _grant("CREATE ON DATABASE", database, role)]
    return grants + _own_schema_grants(conn, role)


def _own_schema_grants(conn: Connection, role: _Role) -> list[str]:
    """Say what is missing when another role installed our schema."""
    own = sql.Identifier("chatsdk_migration")
    may_look = conn.execute("SELECT has_schema_privilege('chatsdk_migration', 'USAGE')").fetchone() == (True,)
    tables = conn.execute(statement("preflight_own_tables")).fetchall()
    grants = [] if may_look else [_grant("USAGE ON SCHEMA", own, role)]
    if tables:
        grants.append(_grant("SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA", own, role))
    return grants


def _grant(what: str, on: sql.Composable, role: _Role) -> str:
    return f"GRANT {what} {on.as_string(None)} TO {sql.Identifier(role.name).as_string(None)};"


def _free_room(conn: Connection, host: str) -> int | None:
    """Give the free bytes of the server's disk; None when it is not this machine's, or not ours to see."""
    try:
        with conn.transaction():
            (directory,) = conn.execute(statement("preflight_directory")).fetchone() or (None,)
    except psycopg.Error:  # knowing the room is a convenience; no load depends on it
        return None
    if directory is None or (host not in LOCAL_HOSTS and not host.startswith("/")):
        return None
    version_file = os.path.join(directory, "PG_VERSION")
    try:
        # A server in a container shows a path that may mean something else here.
        return shutil.disk_usage(directory).free if os.path.exists(version_file) else None
    except OSError:
        return None


def _room_problem(free_bytes: int | None) -> list[str]:
    if free_bytes is None or free_bytes >= LEAST_FREE_BYTES:
        return []
    return [f"The database's disk has {_gigabytes(free_bytes)} free, {_gigabytes(LEAST_FREE_BYTES)} are wanted."]


def _gigabytes(number: int) -> str:
    return f"{number / (1 << 30):.1f} GiB"


def _not_ready(grants: list[str], room: list[str]) -> PermanentError:
    found = ["the role lacks privileges"] if grants else []
    steps = [f"Run as the owner or a superuser: {' '.join(grants)}"] if grants else []
    if room:
        found.append(room[0].rstrip("."))
        steps.append("Make room on the server's disk.")
    return PermanentError("checking what the role may do", "; ".join(found), " ".join(steps))


def _may_set_replication_role(target: Target) -> bool:
    """Try it, in a transaction that is rolled back: a privilege function would not know every managed service."""
    try:
        with target.raw_transaction(read_only=True) as conn:
            conn.execute("SET LOCAL session_replication_role = replica")
            raise psycopg.Rollback
    except psycopg.errors.InsufficientPrivilege:
        return False
    return True


def _advice(role: _Role, triggers: list[str], *, fast: bool) -> list[str]:
    advice = []
    if not fast and role.server_version >= GRANTABLE_PARAMETERS_SINCE:
        grant = _grant("SET ON PARAMETER", sql.SQL("session_replication_role"), role)
        advice.append(f"Loading with triggers and row-by-row checks. Three to four times faster after: {grant}")
    elif not fast:
        advice.append("Loading with triggers and row-by-row checks; on PostgreSQL 14 only a superuser loads faster.")
    if triggers:
        when = "do not fire" if fast else "fire for each row"
        advice.append(f"Triggers this tool does not know: {', '.join(triggers)}. They {when} during the load.")
    return advice
