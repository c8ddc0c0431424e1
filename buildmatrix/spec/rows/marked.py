"""The one way to what markers are said of: which rows have one, and which values of a table it is about."""

from collections.abc import Collection, Iterator, Mapping
from functools import cache
from typing import Any, TypeVar

from buildmatrix.errors import Pointer
from buildmatrix.spec.rows.shapes import Row, Table, arms, is_list, is_map, is_table, item_of, rows, unwrap

M = TypeVar("M")


def says(row: Row, kind: type[M]) -> M | None:
    """Return the marker of a row, or of the items of its list or map; None if neither has one."""
    return row.marker(kind) or (_of_items(row.shape, kind) if is_list(row.shape) or is_map(row.shape) else None)


def _of_items(shape: Any, kind: type[M]) -> M | None:
    return next((marker for marker in unwrap(item_of(shape))[1] if isinstance(marker, kind)), None)


@cache
def rows_with(table: Any, kind: Any) -> tuple[Row, ...]:
    """Return the rows of a table that say a marker, in themselves or in their items."""
    return tuple(row for row in rows(table) if says(row, kind) is not None)


@cache
def holding(table: Any, kind: Any) -> tuple[Row, ...]:
    """Return the rows of a table that say a marker, or hold tables of which a row does."""
    return tuple(
        row
        for row in rows(table)
        if says(row, kind) is not None or any(holding(unwrap(one)[0], kind) for one in tables_of(row))
    )


def tables_of(row: Row) -> list[Any]:
    """Return the tables that the items of a row's list may be."""
    return [arm for arm in arms(item_of(row.shape)) if is_table(arm)] if is_list(row.shape) else []


def marked(
    value: Any, kind: type[M], table: Any = None, among: Collection[str] | None = None
) -> list[tuple[Pointer, Any, M]]:
    """Return each value in a table that a marker is said of: pointer (attributes, indices, keys), value, marker.

    `table` is what the value is a table of, where it is not of that class itself; `among` names the attributes to look
    at.
    """
    found: list[tuple[Pointer, Any, M]] = []
    _gather(value, table or type(value), (), kind, found, among)
    return found


def _gather(
    value: Any, table: Any, pointer: Pointer, kind: Any, found: list[Any], among: Collection[str] | None = None
) -> None:
    """Add what is marked to `found`, in a loop without generators: every target's settings are looked through."""
    for attribute, marker in _ways(table, kind):
        item = getattr(value, attribute) if among is None or attribute in among else None
        if item is None:
            continue
        here = (*pointer, attribute)
        if isinstance(item, str) and marker is not None:
            found.append((here, item, marker))
        elif marker is not None:
            found += [((*here, *path), text, marker) for path, text in leaves(item)]
        else:
            for index, inner in enumerate(item):
                if isinstance(inner, Table):
                    _gather(inner, type(inner), (*here, index), kind, found)


@cache
def _ways(table: Any, kind: Any) -> tuple[tuple[str, Any], ...]:
    """Return the attributes of `holding`, each with the marker; None where only tables within have it."""
    return tuple((row.attribute, says(row, kind)) for row in holding(table, kind))


def leaves(value: Any) -> Iterator[tuple[Pointer, Any]]:
    """Yield the texts of a list or map with their indices or keys, or a text itself."""
    if isinstance(value, Mapping):
        yield from (((key,), item) for key, item in value.items())
    elif isinstance(value, tuple):
        yield from (((index,), item) for index, item in enumerate(value))
    else:
        yield (), value
