"""The one way to what markers are said of: which rows have one, and which values of a table it is about."""

from collections.abc import Iterator, Mapping
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
    """Return the tables that a row, or the items of its list, may be."""
    shape = item_of(row.shape) if is_list(row.shape) else row.shape
    return [arm for arm in arms(shape) if is_table(arm)]


def marked(value: Any, kind: type[M], table: Any = None) -> Iterator[tuple[Pointer, Any, M]]:
    """Yield each value in a table that a marker is said of: pointer (attributes, indices, keys), value, marker.

    `table` is what the value is a table of, where it is not of that class itself.
    """
    own: Any = table or type(value)
    marker_of: Any = kind
    for row in holding(own, marker_of):
        if (found := getattr(value, row.attribute)) is None:
            continue
        if (marker := says(row, kind)) is not None:
            yield from (((row.attribute, *path), text, marker) for path, text in leaves(found))
        else:
            yield from _in_tables(found, (row.attribute,), kind)


def _in_tables(value: Any, pointer: Pointer, kind: type[M]) -> Iterator[tuple[Pointer, Any, M]]:
    for index, item in enumerate(value) if isinstance(value, tuple) else [(None, value)]:
        inner = pointer if index is None else (*pointer, index)
        if isinstance(item, Table):
            yield from (((*inner, *path), found, marker) for path, found, marker in marked(item, kind))


def leaves(value: Any) -> Iterator[tuple[Pointer, Any]]:
    """Yield the texts of a list or map with their indices or keys, or a text itself."""
    if isinstance(value, Mapping):
        yield from (((key,), item) for key, item in value.items())
    elif isinstance(value, tuple):
        yield from (((index,), item) for index, item in enumerate(value))
    else:
        yield (), value
