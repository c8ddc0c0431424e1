"""What is right, and yet hardly meant: a lone word among outputs and caches that is a kind of them."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from buildmatrix.errors import Pointer
from buildmatrix.spec.rows.settings import Settings
from buildmatrix.spec.rows.shapes import arms, discriminator, is_map, is_table, is_template, item_of, rows, unwrap

_MEANT = {
    "output": "is taken for the directory of that name",
    "cache-from": "is taken for an image",
    "cache-to": "is taken for an image",
}


def lone_kinds(data: Mapping[str, Any]) -> Iterator[tuple[Pointer, str, str]]:
    """Yield where a CSV string is only the name of a kind, what that is taken for, and what to write."""
    for pointer, table in _tables(data):
        for key, taken in _MEANT.items():
            items = table.get(key)
            for index, item in enumerate(items if isinstance(items, list) else ()):
                if isinstance(item, str) and item in kinds_of(key):
                    hint = f'write "type={item}"' + (f', or "./{item}" for the directory' if key == "output" else "")
                    yield (*pointer, key, index), f'"{item}" {taken}', hint


def templated_keys(data: Mapping[str, Any]) -> Iterator[tuple[Pointer, str]]:
    """Yield the keys that look like templates: only values are."""
    for pointer, table in _tables(data):
        for row in rows(Settings):
            inner = table.get(row.key) if is_map(row.shape) else None
            for key in inner if isinstance(inner, Mapping) else ():
                if is_template(key):
                    yield (*pointer, row.key, key), key


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


@cache
def kinds_of(key: str) -> frozenset[str]:
    """Return the kinds of tables that a list of them may hold."""
    shape = next(row.shape for row in rows(Settings) if row.key == key)
    tables = (unwrap(arm)[0] for arm in arms(item_of(shape)) if is_table(arm))
    return frozenset(filter(None, map(discriminator, tables)))
