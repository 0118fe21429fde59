"""Stream's filter language on plain dicts, and ordered views that make paging through it cheap.

Here: ``$eq``, ``$in``, ``$gt`` and so on, sorting, slicing. Not here: what may be filtered where (``answers_*.py``).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from chatsdk_migration.demo.times import parse_ns
from chatsdk_migration.demo.wire import bad_input
from chatsdk_migration.models import Json

Getter = Callable[[Any, str], Any]
"""Reads a field of a record for filtering."""

Comparable = tuple[int, Any]
"""A value made comparable with every other: kind, then value."""

_RANGES = {"$gt", "$gte", "$lt", "$lte"}
_DATE_FIELDS = {"created_at", "updated_at", "last_active", "last_message_at", "last_updated", "pinned_at", "deleted_at"}


def comparable(value: Any, field: str, id_order: str = "binary") -> Comparable:
    """Make a value comparable: dates by nanoseconds, ids by the server's collation, nothing before all."""
    if value is None:
        return (0, 0)
    if field in _DATE_FIELDS:
        return (1, _date(value, field))
    if isinstance(value, bool | int | float):
        return (1, value)
    if isinstance(value, str):
        return (2, (value.casefold(), value.swapcase()) if id_order == "letters" else value)
    return (3, repr(value))


def _date(value: Any, field: str) -> int:
    try:
        return parse_ns(value)
    except (TypeError, ValueError):
        raise bad_input(f'expected date for field "{field}" but got "{value}"') from None


class Filter:
    """One parsed filter; call it with a record.

    Raises:
        ApiError: 400 code 4 for an operator Stream does not know.
    """

    def __init__(self, conditions: Json, get: Getter, id_order: str = "binary") -> None:
        self.conditions = conditions
        self._get = get
        self._id_order = id_order
        self._tests = [self._test(name, wanted) for name, wanted in conditions.items()]

    def __call__(self, record: Any) -> bool:
        """Say whether the record passes."""
        return all(test(record) for test in self._tests)

    def _test(self, name: str, wanted: Any) -> Callable[[Any], bool]:
        if name in {"$and", "$or", "$nor"}:
            return self._logical(name, wanted)
        if name.startswith("$"):
            raise bad_input(f"unknown operator {name}")
        operators = wanted if isinstance(wanted, dict) and _is_operators(wanted) else {"$eq": wanted}
        tests = [self._operator(name, operator, value) for operator, value in operators.items()]
        return lambda record: all(test(self._get(record, name)) for test in tests)

    def _logical(self, name: str, wanted: Any) -> Callable[[Any], bool]:
        if not isinstance(wanted, list) or not wanted:
            raise bad_input(f"{name} needs a list of conditions")
        parts = [Filter(part, self._get, self._id_order) for part in wanted]
        if name == "$and":
            return lambda record: all(part(record) for part in parts)
        if name == "$or":
            return lambda record: any(part(record) for part in parts)
        return lambda record: not any(part(record) for part in parts)

    def _operator(self, field: str, operator: str, wanted: Any) -> Callable[[Any], bool]:
        if operator in _RANGES:
            return self._range(field, operator, wanted)
        if operator in {"$in", "$nin"} and not isinstance(wanted, list):
            raise bad_input(f"{operator} needs a list")
        plain = _PLAIN_OPERATORS.get(operator)
        if plain is None:
            raise bad_input(f"operator {operator} is not supported for field {field}")
        if field in _DATE_FIELDS and operator in {"$eq", "$ne"}:
            limit = comparable(wanted, field)
            return lambda value: (comparable(value, field) == limit) == (operator == "$eq")
        return lambda value: plain(value, wanted)

    def _range(self, field: str, operator: str, wanted: Any) -> Callable[[Any], bool]:
        limit = comparable(wanted, field, self._id_order)
        compare = _RANGE_OPERATORS[operator]
        return lambda value: value is not None and compare(comparable(value, field, self._id_order), limit)


def _is_operators(wanted: Json) -> bool:
    return bool(wanted) and all(name.startswith("$") for name in wanted)


def _equal(value: Any, wanted: Any) -> bool:
    return wanted in value if isinstance(value, list) and not isinstance(wanted, list) else bool(value == wanted)


def _within(value: Any, wanted: list[Any]) -> bool:
    return any(one in wanted for one in value) if isinstance(value, list) else value in wanted


_RANGE_OPERATORS: dict[str, Callable[[Comparable, Comparable], bool]] = {
    "$gt": lambda value, limit: value > limit,
    "$gte": lambda value, limit: value >= limit,
    "$lt": lambda value, limit: value < limit,
    "$lte": lambda value, limit: value <= limit,
}
_PLAIN_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "$eq": _equal,
    "$ne": lambda value, wanted: not _equal(value, wanted),
    "$in": _within,
    "$nin": lambda value, wanted: not _within(value, wanted),
    "$exists": lambda value, wanted: (value is not None) == bool(wanted),
    "$autocomplete": lambda value, wanted: str(wanted).lower() in str(value or "").lower(),
    "$q": lambda value, wanted: str(wanted).lower() in str(value or "").lower(),
    "$contains": lambda value, wanted: isinstance(value, list) and wanted in value,
}


class View:
    """Records in one order, with a start found by bisection when the filter bounds the sort field.

    Args:
        records: Already in the order in which ties stand.
        get: Reads fields.
        sort: Pairs of field and direction; the first may be bisected.
    """

    def __init__(self, records: Iterable[Any], get: Getter, sort: list[tuple[str, int]], id_order: str) -> None:
        ordered = list(records)
        for field, direction in reversed(sort):
            ordered.sort(key=lambda one: comparable(get(one, field), field, id_order), reverse=direction < 0)
        self._id_order = id_order
        self._field, self._direction = sort[0]
        self._records = ordered
        self._keys = [comparable(get(one, self._field), self._field, id_order) for one in ordered]

    def page(self, wanted: Filter, offset: int, limit: int) -> list[Any]:
        """Return one page of what the filter lets through."""
        first, last = self._bounds(wanted.conditions)
        candidates: Iterator[Any] = (self._records[at] for at in range(first, last))
        return list(islice((one for one in candidates if wanted(one)), offset, offset + limit))

    def _bounds(self, conditions: Json) -> tuple[int, int]:
        bound = conditions.get(self._field)
        first, last = 0, len(self._records)
        if self._direction < 0 or not isinstance(bound, dict):
            return first, last
        for operator, value in bound.items():
            if operator not in _RANGES or value is None:
                continue
            key = comparable(value, self._field, self._id_order)
            if operator in {"$gt", "$gte"}:
                first = max(first, (bisect_right if operator == "$gt" else bisect_left)(self._keys, key))
            else:
                last = min(last, (bisect_left if operator == "$lt" else bisect_right)(self._keys, key))
        return first, last
