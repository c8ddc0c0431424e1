"""Settings that the order of TOML's tables has put into an inner table: below `[target.app.args]` all is an argument.

Only what stands plainly below a header is looked at. Who writes `args = { target = "x" }`, `args.target = "x"`, or
quotes the key, has said where it belongs. Of the rest, only what can hardly be the setting is spared: see `_is_meant`.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from buildmatrix.errors import Pointer
from buildmatrix.patterns import regex
from buildmatrix.records import dataclass
from buildmatrix.spec.rows.marked import says
from buildmatrix.spec.rows.markers import Local, OddKeys
from buildmatrix.spec.rows.shapes import Rest, Row, is_list, is_map, is_table, is_template, rows, unwrap
from buildmatrix.spec.rows.tables import File, Override, Target

if TYPE_CHECKING:
    from buildmatrix.spec.toml.positions import Position

_HEADER = regex(r"\s*(\[+[^\]]*\]+)")


@dataclass(frozen=True, kw_only=True)
class Stray:
    """A key that was meant for an outer table: where it stands, below which header, and where it belongs."""

    pointer: Pointer
    header: str
    belongs: str

    @property
    def message(self) -> str:
        """What is wrong, in words."""
        return f"{self.pointer[-1]} is a setting of {self.belongs}, but it stands under {self.header}"

    @property
    def hint(self) -> str:
        """What to write instead."""
        meant = "" if self.pointer[0] == "variable" else f'; if it is meant there, quote it: "{self.pointer[-1]}"'
        above = "the headers of the matrix" if isinstance(self.pointer[-2], int) else "that line"
        return f"move it above {above}{meant}"


def strays(data: Mapping[str, Any], text: str) -> list[Stray]:
    """Return the settings that stand in a table of free keys, below its header and without quotes."""
    suspects = list(_suspects(data))
    if not suspects:
        return []
    from buildmatrix.spec.toml.positions import locate

    known, lines = locate(text), text.split("\n")
    headers = ((pointer, belongs, _header(pointer, known, lines)) for pointer, belongs in suspects)
    return [Stray(pointer=pointer, header=header, belongs=belongs) for pointer, belongs, header in headers if header]


def _suspects(data: Mapping[str, Any]) -> Iterator[tuple[Pointer, str]]:
    for word in ("variable", "group"):
        own = {"include", "requires-buildx"} | ({"version"} if word == "group" else set())
        keys = {key: row for key, row in _rows_of(File).items() if key in own}
        yield from _in_table(data, (word,), keys, "the file itself")
    yield from _in_target(data.get("defaults"), ("defaults",), "[defaults]")
    targets = data.get("target")
    for name, target in targets.items() if isinstance(targets, Mapping) else ():
        yield from _in_target(target, ("target", name), f"target {name}")


def _in_target(target: Any, pointer: Pointer, belongs: str) -> Iterator[tuple[Pointer, str]]:
    if not isinstance(target, Mapping):
        return
    axes = _axes(target)
    for key in _inner(Target):
        yield from _in_table(target, (key,), _rows_of(Target), belongs, pointer)
    overrides = target.get("override")
    for index, override in enumerate(overrides if isinstance(overrides, list) else ()):
        for key in _inner(Override) if isinstance(override, Mapping) else ():
            within = (*pointer, "override", index)
            own = axes if key == "select" else ()
            yield from _in_table(override, (key,), _rows_of(Override), f"this override of {belongs}", within, own)
    for key in ("include", "exclude"):
        cells = _matrix(target).get(key)
        yield from _in_cells(cells if isinstance(cells, list) else (), key, belongs, pointer, axes)


def _matrix(target: Mapping[str, Any]) -> Mapping[str, Any]:
    matrix = target.get("matrix")
    return matrix if isinstance(matrix, Mapping) else {}


def _axes(target: Mapping[str, Any]) -> frozenset[str]:
    """Return the axes of a target's matrix: what is called so stands in cells and in `select` by right."""
    given = _matrix(target).items()
    return frozenset(key for key, value in given if isinstance(value, list) or is_template(str(value)))


def _in_cells(
    cells: Sequence[Any], key: str, belongs: str, pointer: Pointer, axes: frozenset[str]
) -> Iterator[tuple[Pointer, str]]:
    """Look through tables of axes; what stands in all of several ones is an axis."""
    tables = [(index, cell) for index, cell in enumerate(cells) if isinstance(cell, Mapping)]
    shared = frozenset[str]().union(*(cell for _, cell in tables)) if tables[1:] else frozenset[str]()
    shared = shared.intersection(*(cell for _, cell in tables))
    for index, cell in tables:
        within = (*pointer, "matrix", key)
        yield from _in_table({str(index): cell}, (index,), _rows_of(Target), belongs, within, axes | shared)


def _in_table(
    outer: Mapping[str, Any],
    path: Pointer,
    keys: Mapping[str, Row],
    belongs: str,
    pointer: Pointer = (),
    axes: Collection[str] = (),
) -> Iterator[tuple[Pointer, str]]:
    table = outer.get(str(path[0]))
    for key, value in table.items() if isinstance(table, Mapping) else ():
        row = keys.get(key.replace("_", "-"))
        if row is not None and key not in axes and not _is_meant(str(path[0]), row, value):
            yield (*pointer, *path, key), belongs


def _is_meant(table: str, row: Row, value: Any) -> bool:
    """Tell whether a key stands in a table by right, though it is called like a setting.

    A variable may have any name. Labels are called `description`, contexts have addresses and hosts too, which no
    setting but `context` takes; and an axis is a list, where the setting is none.
    """
    if table == "variable":
        return not _fits(row, value)
    inner = _rows_of(Target).get(table)
    if odd := inner and inner.marker(OddKeys):
        by_value = isinstance(value, str) and re.match(odd.values, value) is not None
        return row.key in odd.names or (by_value and not _takes_the_same(inner, row))
    return table == "matrix" and isinstance(value, list) and not is_list(row.shape)


def _takes_the_same(inner: Row, row: Row) -> bool:
    """Tell whether a setting is a context itself, as the values of the map are."""
    parts = [marker.part for marker in (says(inner, Local), row.marker(Local)) if marker]
    return parts == ["context", "context"]


@cache
def _inner(table: Any) -> tuple[str, ...]:
    """Return the keys of a table under which there are tables with free keys."""
    return tuple(row.key for row in rows(table) if is_map(row.shape) or (is_table(row.shape) and _is_free(row.shape)))


def _is_free(table: Any) -> bool:
    return any(row.marker(Rest) for row in rows(table))


@cache
def _rows_of(table: Any) -> Mapping[str, Row]:
    return {row.key: row for row in rows(table)}


def _fits(row: Row, value: Any) -> bool:
    """Tell whether a value is of the kind that a setting takes."""
    if is_list(row.shape):
        return isinstance(value, list)
    if is_map(row.shape) or is_table(row.shape):
        return isinstance(value, Mapping)
    if (kind := unwrap(row.shape)[0]) in {bool, int}:
        return type(value) is kind
    return isinstance(value, str) if row.key != "version" else type(value) is int


def _header(pointer: Pointer, known: Mapping[Pointer, "Position"], lines: list[str]) -> str:
    """Return the header below which a key stands; "" where it is quoted, or part of a dotted key or inline table."""
    own, around = known.get(pointer), known.get(pointer[:-1])
    if own is None or around is None or around.key != around.value:
        return ""
    line = lines[own.key.line - 1]
    begins = not line[: own.key.column - 1].strip() and line[own.key.column - 1] not in "\"'"
    found = _HEADER.match(lines[around.key.line - 1])
    return found[1] if begins and found else ""
