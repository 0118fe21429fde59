"""The questions of the report, one statement a file. Not here: asking them (``gather.py``)."""

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
