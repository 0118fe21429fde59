"""Times ``verify`` in its three forms against the migration it checks: seconds, CPU, and peak memory of a process.

Run it with ``python benchmarks/reconcile.py --size medium``; it takes the options of ``end_to_end.py``'s migrations.
"""

from __future__ import annotations

import sys

import results
from end_to_end import command, once
from place import parser, place, stream_server

WAYS = (("verify",), ("verify", "--from-ledger"), ("verify", "--sample", "10%"))


def main() -> int:
    """Migrate, verify in three ways, and keep the figures."""
    asked = parser().parse_args()
    with place() as at, stream_server(asked) as stream:
        once(at, stream, asked)
        for way in WAYS:
            results.keep(" ".join(way), results.described(asked), command(at, stream, asked, *way)[0])
    return 0


if __name__ == "__main__":
    sys.exit(main())
