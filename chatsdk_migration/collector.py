"""Python's garbage collector while channels are carried.

Here: setting it for a flood of short-lived records and back. Not here: where that is worth it (``assets/``).
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

THRESHOLDS = (100_000, 50, 50)
"""Objects made before the young are looked through, and how often the older. A page of messages is 20,000 objects, none
in a cycle: counting references frees them all, and looking through them every 700 doubled the time to decode them."""


@contextmanager
def relaxed() -> Iterator[None]:
    """Look through new objects seldom, and not at all through those that are here already (modules, definitions).

    Cycles are still found, so memory stays flat.
    """
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
