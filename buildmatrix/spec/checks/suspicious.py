"""What is right, and yet hardly meant: a lone word among outputs and caches that is a kind of them."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from buildmatrix.errors import Pointer
from buildmatrix.spec.rows.marked import rows_with, tables_of
from buildmatrix.spec.rows.markers import Local, Short
from buildmatrix.spec.rows.settings import Settings
from buildmatrix.spec.rows.shapes import Examples, Row, discriminator, row_of, rows, unwrap


def lone_kinds(data: Mapping[str, Any]) -> Iterator[tuple[Pointer, str, str]]:
    """Yield where a CSV string is only the name of a kind, what that is taken for, and what to write."""
    for pointer, table in _tables(data):
        for row in rows_with(Settings, Short):
            items = table.get(row.key)
            for index, item in enumerate(items if isinstance(items, list) else ()):
                if isinstance(item, str) and item in kinds_of(row.key):
                    is_folder = _is_folder(row)
                    taken = "is taken for the directory of that name" if is_folder else "is taken for an image"
                    hint = f'write "{spelled(row.key, item)}"' + (
                        f', or "./{item}" for the directory' if is_folder else ""
                    )
                    yield (*pointer, row.key, index), f'"{item}" {taken}', hint


def _is_folder(row: Row) -> bool:
    """Tell whether a text alone in a list is a path: else it is an image."""
    short = row.marker(Short)
    table = next(one for one in tables_of(row) if short and discriminator(one) == short.kind)
    return short is not None and row_of(table, short.attribute).marker(Local) is not None


def _tables(data: Mapping[str, Any]) -> Iterator[tuple[Pointer, Mapping[str, Any]]]:
    if isinstance(defaults := data.get("defaults"), Mapping):
        yield ("defaults",), defaults
    targets = data.get("target")
    for name, target in targets.items() if isinstance(targets, Mapping) else ():
        if isinstance(target, Mapping):
            yield ("target", name), target
            overrides = target.get("override")
            for index, override in enumerate(overrides if isinstance(overrides, list) else ()):
                if isinstance(override, Mapping):
                    yield ("target", name, "override", index), override


def kinds_of(key: str) -> frozenset[str]:
    """Return the kinds of tables that a list of them may hold."""
    return frozenset(_kinds(key))


def spelled(key: str, kind: str) -> str:
    """Return a text that is a table of this kind: with the rows that have examples, as have all that it needs."""
    own = ((row.key, row.marker(Examples)) for row in rows(_kinds(key)[kind]))
    return ",".join([f"type={kind}", *(f"{name}={found.values[0]}" for name, found in own if found)])


@cache
def _kinds(key: str) -> Mapping[str, Any]:
    row = next(row for row in rows(Settings) if row.key == key)
    tables = (unwrap(table)[0] for table in tables_of(row))
    return {kind: table for table in tables if (kind := discriminator(table))}
