"""The two workspaces of the demo and the tests.

Here: ``sample_workspace`` (believable) and ``hard_workspace`` (every data trap we know of), and the list of traps.
Not here: how they come about (``sample.py``, ``hard_*.py``), workspaces of a given size (``sizes.py``).
"""

from __future__ import annotations

from typing import Final

from chatsdk_migration.demo import hard_messages, hard_paging, hard_people, hard_reactions, sample
from chatsdk_migration.demo.traps import Expected, Hand, Outcome, Trap
from chatsdk_migration.demo.world import World

__all__ = ["TRAPS", "Expected", "Outcome", "Trap", "expected", "hard_workspace", "sample_workspace"]

TRAPS: Final[tuple[Trap, ...]] = (
    *hard_people.USERS,
    *hard_paging.TRAPS,
    *hard_messages.TRAPS,
    *hard_reactions.TRAPS,
    *hard_people.TRAPS,
)
"""All traps, in the order they are laid."""


def sample_workspace(seed: int = 20251) -> World:
    """Build a small company's two years: about 60 people, 35 channels, 4,000 messages. The same for the same seed."""
    return sample.build(seed)


def hard_workspace(*, large: bool = False) -> World:
    """Build the workspace of traps; ``large=True`` adds those that cost time (10,001 members). Always the same."""
    world = World(seed=1)
    hand = Hand(world)
    for trap in TRAPS:
        if large or not trap.large:
            trap.lay(hand, trap.subject)
    return world


def expected(outcome: Outcome, entity: str) -> frozenset[str]:
    """Give the ids of all records of one kind that must end this way."""
    groups = (group for trap in TRAPS for group in trap.expectation)
    return frozenset(one for group in groups if (group.outcome, group.entity) == (outcome, entity) for one in group.ids)
