"""The SQL of the loads, one statement a file, named as the files are.

Here: reading a file once. Not here: running it. Parameters are psycopg's ``%(name)s``; table names carry no schema,
because ChatSDK's tables may stand in ``public`` or in ``chatsdk``: the role's search path decides.
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
