"""How two sides are held against each other: rows of facts keyed by Stream's ids, and what counts as equal.

Here: the shape of both sides, values that allow more than one answer, the comparison. Not here: what ought to be
(``oracle.py``) and what is (``found.py``).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

Key = tuple[str, ...]
Row = dict[str, Any]
Rows = dict[Key, Row]

REPLACEMENT = "�"
"""What a repair may leave in the place of a character that PostgreSQL cannot hold."""


class Matcher:
    """An expected value that more than one found value satisfies."""

    def accepts(self, found: Any) -> bool:
        """Say whether the found value is right."""
        raise NotImplementedError


@dataclass(frozen=True)
class OneOf(Matcher):
    """Any of some values, for what the rules leave open."""

    values: tuple[Any, ...]

    def accepts(self, found: Any) -> bool:
        return any(matches(value, found) for value in self.values)


@dataclass(frozen=True)
class Anything(Matcher):
    """The rules say nothing."""

    def accepts(self, found: Any) -> bool:
        return True


@dataclass(frozen=True)
class Something(Matcher):
    """Any value, but not none."""

    def accepts(self, found: Any) -> bool:
        return found is not None


@dataclass(frozen=True)
class Text(Matcher):
    """A text, exactly; characters PostgreSQL cannot hold may be gone or replaced; cut to ``limit`` characters."""

    source: str
    limit: int | None = None

    def accepts(self, found: Any) -> bool:
        if not isinstance(found, str):
            return False
        if not any(map(_impossible, self.source)):
            return found == self.source[: self.limit]
        return _without_repairs(found) == _without_repairs(self.source)[: self.limit]


@dataclass(frozen=True)
class JsonHolding(Matcher):
    """A JSON object with at least these members; ``exactly`` forbids others."""

    source: dict[str, Any]
    exactly: bool = False

    def accepts(self, found: Any) -> bool:
        if not isinstance(found, dict):
            return False
        known = {_without_repairs(name): value for name, value in found.items()}
        wanted = {_without_repairs(name): value for name, value in self.source.items()}
        if self.exactly and known.keys() != wanted.keys():
            return False
        return all(name in known and same_json(value, known[name]) for name, value in wanted.items())


def _impossible(character: str) -> bool:
    return character == "\0" or "\ud800" <= character <= "\udfff"


def _without_repairs(text: str) -> str:
    return "".join(c for c in text if not _impossible(c) and c != REPLACEMENT)


def same_json(wanted: Any, found: Any) -> bool:
    """Compare two JSON values; texts by the rule of ``Text``, floats to the last digits that jsonb keeps."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        return JsonHolding(wanted, exactly=True).accepts(found)
    if isinstance(wanted, list) and isinstance(found, list):
        return len(wanted) == len(found) and all(map(same_json, wanted, found))
    if isinstance(wanted, str):
        return Text(wanted).accepts(found)
    if isinstance(wanted, float) and isinstance(found, int | float):
        return math.isclose(wanted, found, rel_tol=1e-15)
    return type(wanted) is type(found) and bool(wanted == found)


def matches(wanted: Any, found: Any) -> bool:
    """Say whether a found value is what was wanted."""
    return wanted.accepts(found) if isinstance(wanted, Matcher) else bool(wanted == found)


@dataclass
class Table:
    """What one category must hold, and what it may hold besides."""

    rows: Rows = field(default_factory=dict)
    optional: Rows = field(default_factory=dict)


@dataclass
class Expected:
    """All categories by name."""

    tables: dict[str, Table] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Table:
        return self.tables.setdefault(name, Table())


@dataclass
class Found:
    """All categories by name."""

    tables: dict[str, Rows] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Rows:
        return self.tables.setdefault(name, {})


def differences(expected: Expected, found: Found, *, skip: frozenset[str] = frozenset()) -> list[str]:
    """Name every difference in one line, by category; an empty list means equal sides.

    Args:
        expected: From ``oracle.expected``.
        found: From ``found.found``.
        skip: Categories that do not count this time.
    """
    names = [name for name in {**expected.tables, **found.tables} if name not in skip]
    return [line for name in names for line in _table_differences(name, expected[name], found[name])]


def _table_differences(name: str, wanted: Table, found: Rows) -> Iterator[str]:
    for key, row in wanted.rows.items():
        if key not in found:
            yield f"{name} {' / '.join(key)}: missing"
        else:
            yield from _row_differences(name, key, row, found[key])
    for key, row in found.items():
        if key in wanted.rows:
            continue
        if key in wanted.optional:
            yield from _row_differences(name, key, wanted.optional[key], row)
        else:
            yield f"{name} {' / '.join(key)}: not expected, found {row}"


def _row_differences(name: str, key: Key, wanted: Row, found: Row) -> Iterator[str]:
    for column, value in wanted.items():
        if not matches(value, found.get(column)):
            yield f"{name} {' / '.join(key)}: {column} should be {value!r}, is {found.get(column)!r}"
