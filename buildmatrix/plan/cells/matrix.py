"""From axes to cells: every combination, without the excluded ones, with what `include` adds."""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from itertools import product
from typing import Any, Generic, TypeVar

from buildmatrix.errors import Place, Problems
from buildmatrix.oci.platform import normalized
from buildmatrix.records import dataclass
from buildmatrix.soundness import FILE
from buildmatrix.spec.checks.cellnames import label
from buildmatrix.spec.checks.data import shown
from buildmatrix.spec.checks.names import as_key, inside
from buildmatrix.spec.rows.shapes import text_of
from buildmatrix.spec.rows.tables import DeclaredTarget, Matrix
from buildmatrix.template.platforms import PlatformName
from buildmatrix.template.scope import Cell

LIMIT = 100_000
"""The most cells that a matrix may have, before any is made."""

Axes = Mapping[str, Sequence[Any]]
T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Open:
    """What `include` gives a new key by templates that see the cell: known when the cell is (`derived.Derived`).

    `written` are the values with their places; the first one counts that has a value. One without a place is rendered.
    """

    written: tuple[tuple[Any, Place | None], ...]

    def over(self, below: Any) -> "Open":
        """Return the value as it lies over what an entry above gives the key."""
        return Open((*self.written, *(below.written if isinstance(below, Open) else ((below, None),))))

    @property
    def place(self) -> Place:
        """Where the one is written that lies over the others."""
        ((_, place), *_) = self.written
        return place or Place(file="")


def cells_of(target: DeclaredTarget, axes: Axes, problems: Problems) -> tuple[list[Cell], int]:
    """Return the cells of a target's matrix in the order of its axes, and how many combinations were excluded.

    `axes` are the axes with their values (templates are rendered). The rules for exclude and include are those of
    GitHub's `strategy.matrix`: exclude first; an include entry adds its new keys to each combination that it does not
    contradict, and is a cell of its own where it contradicts all.
    """
    matrix = target.making.matrix or Matrix()
    size = math.prod(len(values) for values in axes.values())
    if size > LIMIT:
        message = f"the matrix of target.{target.name} has {size:,} cells, more than the limit of {LIMIT:,}"
        problems.error("too-many", message, as_key(target.making.place("matrix")))
        return [], 0
    combinations = [dict(zip(axes, values, strict=True)) for values in product(*axes.values())] if axes else []
    kept = [cell for cell in combinations if not any(matches(entry, cell) for entry in matrix.exclude or ())]
    cells = _included(target, kept, axes, problems)
    if not cells:
        place = as_key(target.making.place("matrix", "exclude"))
        problems.error("no-cell", f"all cells of target.{target.name} are excluded", place, rests_on=[FILE])
    return cells, len(combinations) - len(kept)


def _included(target: DeclaredTarget, kept: list[dict[str, Any]], axes: Axes, problems: Problems) -> list[Cell]:
    cells: list[dict[str, Any]] = [dict(cell) for cell in kept]
    own: list[Cell] = []
    matrix = target.making.matrix or Matrix()
    for index, entry in enumerate(matrix.include or ()):
        if not entry:  # of which no template gives a value
            continue
        on_axes = {axis: value for axis, value in entry.items() if axis in axes}
        fitting = [
            number
            for number, cell in enumerate(kept)
            if all(same(cell[axis], value) for axis, value in on_axes.items())
        ]
        for number in fitting:
            _lay(entry, cells[number])
        if not fitting:
            own.append(entry)
            _check_new(target, entry, axes, index, problems)
    return [*cells, *own]


def _lay(entry: Cell, cell: dict[str, Any]) -> None:
    """Lay an entry over a cell: later ones win, unless they give no value."""
    for key, value in entry.items():
        cell[key] = value.over(cell[key]) if isinstance(value, Open) and key in cell else value


def _check_new(target: DeclaredTarget, entry: Cell, axes: Axes, index: int, problems: Problems) -> None:
    if missing := [axis for axis in axes if axis not in entry]:
        lacking = " and no ".join(missing)
        message = f"include adds a cell to target.{target.name}, since no cell matches it, but gives it no {lacking}"
        problems.error("include", message, inside(target.making.place("matrix", "include"), index))


def shown_value(value: Any) -> str:
    """Return an axis's value as a message shows it."""
    return shown(label(value) if isinstance(value, Mapping) else value)


def matches(select: Mapping[str, Any], cell: Cell) -> bool:
    """Tell whether a cell has all that is selected: by axis a value, a glob, a list of those, or part of a table."""
    return all(axis in cell and fits(wanted, cell[axis]) for axis, wanted in select.items())


def fits(wanted: Any, value: Any) -> bool:
    """Tell whether an axis's value is what is wanted: a value, a glob, a list of those, or part of a table."""
    if wanted is None or value is None:
        return wanted is value
    if isinstance(wanted, list | tuple):
        return any(fits(one, value) for one in wanted)
    if isinstance(wanted, Mapping):
        return isinstance(value, Mapping) and all(
            key in value and fits(item, value[key]) for key, item in wanted.items()
        )
    if isinstance(wanted, str):
        return fits_text(wanted, value)
    return same(wanted, value) or (isinstance(value, str) and text_of(wanted) == value)


def fits_text(glob: str, value: Any) -> bool:
    """Tell whether an axis's value, as text, fits a glob; of a platform any of its usual names."""
    text = label(value)
    if isinstance(value, PlatformName) and not any(sign in glob for sign in "*?["):
        glob = normalized(glob)
    return glob == text or (any(sign in glob for sign in "*?[") and fnmatchcase(text, glob))


def same(left: Any, right: Any) -> bool:
    """Tell whether two axis values are the same as text, so that "3.13" and 3.13 are, but not 3.1 and 3.10."""
    return bool(identity(left) == identity(right))


class ByValues(Generic[T]):
    """Items by the values of their cells on the axes that another cell has too: none of the others is looked at."""

    def __init__(self, items: Iterable[tuple[T, Cell]], axes: Collection[str]) -> None:
        """Take the items with their cells, and the axes of the other cell."""
        self._known: dict[tuple[str, ...], dict[Any, list[T]]] = {}
        for item, cell in items:
            common = tuple(axis for axis in cell if axis in axes)
            self._known.setdefault(common, {}).setdefault(_on(common, cell), []).append(item)

    def like(self, own: Cell) -> list[T]:
        """Return the items whose cells have the values of a cell with those axes, as far as they have them."""
        return [item for axes, known in self._known.items() for item in known.get(_on(axes, own), ())]


def _on(axes: Iterable[str], cell: Cell) -> tuple[Any, ...]:
    return tuple(identity(cell[axis]) for axis in axes)


def identity(value: Any) -> Any:
    """Return what two values that are the same have in common; it can be hashed."""
    if isinstance(value, Mapping):
        return frozenset((key, identity(item)) for key, item in value.items())
    if isinstance(value, list | tuple):
        return tuple(map(identity, value))
    return text_of(value)


def axis_items(values: Any) -> Iterable[Any] | None:
    """Return what a template made of an axis as its values: a list, or the non-empty lines of a text; else None."""
    if isinstance(values, list | tuple):
        return values
    if isinstance(values, str):
        return [line.strip() for line in values.splitlines() if line.strip()]
    return None
