"""Times ``verify`` against the migration it checks: seconds, and peak memory of the worker.

Run it with ``python benchmarks/reconcile.py --size medium``. Stream server, PostgreSQL, Dagster and the
worker share this machine, as in ``end_to_end.py``, whose options it takes.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from place import (
    APP_ID,
    PASSWORD,
    ROLE,
    Watch,
    count_messages,
    environment,
    parser,
    start_stream,
)

from chatsdk_migration.demo.target import create_app, create_chatsdk, create_role
from chatsdk_migration.postgres.embedded import EmbeddedPostgres

COMMANDS = (("import-stream",), ("verify",), ("verify", "--from-ledger"), ("verify", "--sample", "10%"))


def timed(arguments: tuple[str, ...], variables: dict[str, str], home: Path) -> str:
    """Run one command; give its figures as a line."""
    started = time.monotonic()
    process = subprocess.Popen([sys.executable, "-m", "chatsdk_migration.cli", *arguments], env=variables, cwd=home)
    watch = Watch(process.pid)
    watch.start()
    code = process.wait()
    seconds = time.monotonic() - started
    return (
        f"{' '.join(arguments)}: exit {code}, {seconds:.1f} s, peak {watch.peak_bytes / 1e6:.0f} MB, "
        f"worker CPU {watch.cpu_seconds:.1f} s"
    )


def main() -> int:
    """Migrate, verify in three ways, and print the figures."""
    asked = parser().parse_args()
    with tempfile.TemporaryDirectory(prefix="chatsdk-bench-") as name:
        Path(name).chmod(0o755)
        home = Path(name)
        postgres = EmbeddedPostgres(home / "postgres")
        server = postgres.start()
        try:
            server.ensure_database("bench")
            server.ensure_database("dagster")
            with server.connect("bench") as conn:
                create_chatsdk(conn)
                create_app(conn, APP_ID, "Bench")
                create_role(conn, ROLE, PASSWORD, may_set_replication_role=not asked.unprivileged)
            with start_stream(asked) as stream:
                assert stream.stdout is not None
                variables = environment(server, stream.stdout.readline().strip(), home, asked)
                lines = [timed(arguments, variables, home) for arguments in COMMANDS]
                stream.terminate()
            print(f"{asked.size}: {count_messages(server)[0]:,} messages")
            print("\n".join(lines))
        finally:
            postgres.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
