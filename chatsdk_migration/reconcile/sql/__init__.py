"""The SQL of the comparisons and repairs, one statement a file, named as the files are.

Here: reading a file once. Not here: running it (``comparison.py``, ``repair.py``). Parameters and table names are as in
``postgres/sql``; every comparison writes what it found into ``stage_verify_found``.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def statement(name: str) -> bytes:
    """Give the text of ``<name>.sql``.

    Raises:
        FileNotFoundError: There is no such file.
    """
    return (files(__name__) / f"{name}.sql").read_bytes()
