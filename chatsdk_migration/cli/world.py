"""``demo``: the world in a box, and a whole migration inside it.

Here: an embedded PostgreSQL with ChatSDK's tables and Dagster's records, a local Stream server with the sample
workspace, and the environment that points at both. Not here: the migration, which is the ordinary one.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs
import psycopg
from rich.console import Console

from chatsdk_migration.cli import importing
from chatsdk_migration.cli.session import APPLICATION, STORAGE_DATABASE
from chatsdk_migration.demo.target import create_app, create_chatsdk
from chatsdk_migration.instance.home import StorageLocation
from chatsdk_migration.postgres.embedded import EmbeddedPostgres, EmbeddedServer

DEMO_APP_ID = "c0ffee00-0000-4000-8000-000000000001"
DEMO_DATABASE = "chatsdk"
DEMO_KEY, DEMO_SECRET = "demo-key", "secret-of-the-local-demo-server-only"
HOME_VARIABLE = "CHATSDK_MIGRATION_DEMO_HOME"


def demo_home() -> Path:
    """Give the folder that holds everything of the demo."""
    return Path(os.environ.get(HOME_VARIABLE) or platformdirs.user_data_path(APPLICATION) / "demo")


def run_demo(console: Console) -> bool:
    """Migrate the sample workspace and say where to look; give whether some channels failed."""
    with demo_world(console) as server:
        failed = importing.run_import(console, importing.Wanted())
        _show_a_channel(console, server)
    console.print("\nLook at it:", style="bold")
    console.print("  make ui      Dagster's web UI on this demo (or: chatsdk-migrate ui --demo)", highlight=False)
    console.print(
        f"  {demo_home()}  holds the database and Dagster's records; delete it to begin anew", highlight=False
    )
    return failed


@contextmanager
def demo_world(console: Console) -> Iterator[EmbeddedServer]:
    """Start the demo's database and Stream server, and point this process and its children at them."""
    home = demo_home()
    postgres = EmbeddedPostgres(home / "postgres")
    was_running = postgres.running() is not None
    server = postgres.start()
    console.print(f"PostgreSQL (embedded): 127.0.0.1:{server.port}", highlight=False)
    try:
        _create_target(server)
        with _stream_server() as url:
            console.print(f"Stream (local, strict): {url}", highlight=False)
            os.environ.update(_environment(home, server, url))
            yield server
    finally:
        if not was_running:
            postgres.stop()


def _create_target(server: EmbeddedServer) -> None:
    server.ensure_database(DEMO_DATABASE)
    server.ensure_database(STORAGE_DATABASE)
    with server.connect(DEMO_DATABASE) as conn:
        create_chatsdk(conn)
        create_app(conn, DEMO_APP_ID, "Demo")


@contextmanager
def _stream_server() -> Iterator[str]:
    command = [sys.executable, "-m", "chatsdk_migration.demo.server", "--workspace", "sample", "--port", "0"]
    command += ["--api-key", DEMO_KEY, "--secret", DEMO_SECRET]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own interpreter
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def _environment(home: Path, server: EmbeddedServer, url: str) -> dict[str, str]:
    storage = StorageLocation(server.host, server.port, STORAGE_DATABASE, server.superuser, server.password)
    return storage.environment() | {
        "DAGSTER_HOME": str(home / "dagster"),
        "STREAM_CHAT_URL": url,
        "STREAM_API_KEY": DEMO_KEY,
        "STREAM_API_SECRET": DEMO_SECRET,
        "CHATSDK_APP_ID": DEMO_APP_ID,
        "DB_HOST": server.host,
        "DB_PORT": str(server.port),
        "DB_NAME": DEMO_DATABASE,
        "DB_USER": server.superuser,
        "DB_PASSWORD": server.password,
        "DB_SSL": "false",
    }


def _show_a_channel(console: Console, server: EmbeddedServer) -> None:
    """Print the last messages of the liveliest channel, as its members now see them."""
    with server.connect(DEMO_DATABASE) as conn:
        conn.execute("SELECT set_config('app.current_app_id', %s, false)", [DEMO_APP_ID])
        found = conn.execute("SELECT id, cid, name FROM channel ORDER BY message_count DESC LIMIT 1").fetchone()
        if found is None:
            return
        channel_id, cid, name = found
        console.print(f"\n{cid} ({name}), its newest messages:", style="bold", highlight=False, markup=False)
        for line in _newest(conn, channel_id):
            console.print(f"  {line}", highlight=False, markup=False)


def _newest(conn: psycopg.Connection[tuple[object, ...]], channel_id: object) -> list[str]:
    rows = conn.execute(
        "SELECT m.seq, u.name, m.text FROM message m JOIN app_user u ON u.app_id = m.app_id AND u.id = m.user_id"
        " WHERE m.channel_id = %s AND m.parent_id IS NULL AND m.deleted_at IS NULL ORDER BY m.seq DESC LIMIT 5",
        [channel_id],
    ).fetchall()
    return [f"{seq}  {name}: {str(text)[:90]}" for seq, name, text in reversed(rows)]
