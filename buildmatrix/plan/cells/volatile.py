"""Where what is volatile comes from, as far as a cell decides it: its axes, values of `let`, parents and overrides."""

from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, NamedTuple

from buildmatrix.plan.cells.derived import Derived
from buildmatrix.plan.cells.matrix import identity, same
from buildmatrix.plan.cells.select import Entry
from buildmatrix.plan.merging.merge import Line, Merged
from buildmatrix.plan.merging.volatile import Spot, Texts, Volatile, spot_of
from buildmatrix.spec.checks.names import inside
from buildmatrix.spec.rows.shapes import is_template
from buildmatrix.spec.rows.tables import DeclaredTarget, Matrix, Said
from buildmatrix.spec.toml.placed import sources_of
from buildmatrix.template.context import Rendering
from buildmatrix.template.scope import Cell
from buildmatrix.template.volatile import made_with, names_in

Names = frozenset[str]
_NO_NAMES: Names = frozenset()

OF_A_BUILD = frozenset({"org.opencontainers.image.created", "org.opencontainers.image.revision"})
"""What docker/metadata-action says of a commit and a time. What it says of a version is one that somebody gave."""


class _Entry(NamedTuple):
    """An entry of `include`: the cells that it adds to, by their axes, and its keys, with those that are volatile."""

    on_axes: Mapping[str, Any]
    keys: frozenset[str]
    volatile: frozenset[str]


class _Matrix(NamedTuple):
    """What is volatile in a matrix: of each axis the values, None for all; `own` are the cells that entries are."""

    axes: Mapping[str, AbstractSet[Any] | None]
    entries: tuple[_Entry, ...]
    own: Mapping[int, Names]


class VolatileCells:
    """Tells which values of a cell are volatile, by the names of its axes.

    `around` are the places of volatile templates of matrices, and all tables around these.
    """

    def __init__(self, rendered: Callable[[str], DeclaredTarget], around: AbstractSet[Spot], derived: Derived) -> None:
        """Take what returns a target without templates in its matrix, and what works out the rest of its values.

        `around` may still grow.
        """
        self._rendered, self.around, self._derived = rendered, around, derived
        self._matrices: dict[str, _Matrix] = {}
        self._known: dict[tuple[str, int], tuple[Cell, Names]] = {}

    def of(self, name: str, cell: Cell) -> Names:
        """Return the axes of a cell of a target whose values are volatile."""
        if not self.around or not cell:
            return _NO_NAMES
        key = (name, id(cell))
        if key not in self._known:
            if name not in self._matrices:
                self._matrices[name] = self._matrix(self._rendered(name))
            found = self._derived.volatile(cell, _of(self._matrices[name], self._derived.before(cell)))
            self._known[key] = (cell, found)  # which keeps the cell, and with it its id
        return self._known[key][1]

    def _matrix(self, target: DeclaredTarget) -> _Matrix:
        matrix = target.making.matrix or Matrix()
        axes, entries = matrix.axes or {}, matrix.include or ()
        read = tuple(self._entry(target, index, entry, axes) for index, entry in enumerate(entries))
        return _Matrix(
            axes={axis: self._values(target, axis, values) for axis, values in axes.items()},
            entries=read if any(entry.volatile for entry in read) else (),
            own={id(entry): found.volatile for entry, found in zip(entries, read, strict=True)},
        )

    def _values(self, target: DeclaredTarget, axis: str, values: Any) -> AbstractSet[Any] | None:
        place = target.making.place("matrix", axis)
        if spot_of(place) not in self.around:
            return frozenset()
        if isinstance(values, str):
            return None
        written = zip(sources_of(values), values, strict=True)
        return {identity(value) for source, value in written if spot_of(inside(place, source)) in self.around}

    def _entry(self, target: DeclaredTarget, index: int, entry: Cell, axes: Mapping[str, Any]) -> _Entry:
        place = inside(target.making.place("matrix", "include"), index)
        found = {key for key in entry if spot_of(inside(place, key)) in self.around}
        return _Entry(
            on_axes={axis: value for axis, value in entry.items() if axis in axes},
            keys=frozenset(entry.keys() - axes.keys()),
            volatile=frozenset(found if found.isdisjoint(axes) else entry),
        )


def _of(matrix: _Matrix, cell: Cell) -> Names:
    """Return the names of what is volatile in a cell: what an entry adds is so, too, if it is so to which it adds."""
    if id(cell) in matrix.own:
        return matrix.own[id(cell)]
    found = {axis for axis, known in matrix.axes.items() if known is None or (known and identity(cell[axis]) in known)}
    for entry in matrix.entries:
        if all(same(cell[axis], value) for axis, value in entry.on_axes.items()):
            found = (found - entry.keys) | (entry.volatile & entry.keys)
        elif not entry.volatile.isdisjoint(entry.on_axes):
            found |= entry.keys & cell.keys()
    return frozenset(found)


class Provenance:
    """Tells what is volatile in the settings of cells; once for those that are alike."""

    def __init__(self, rendering: Rendering, cells: VolatileCells, said: Mapping[str, Said]) -> None:
        """Take what templates see, which values of cells are volatile, and what the files of `--bake-file` say."""
        self._rendering, self._cells = rendering, cells
        self._said = frozenset(_volatile_of(said))
        self._known: dict[tuple[Line, Names], Volatile] = {}
        self._texts: dict[Names, Texts] = {}

    def of(self, entry: Entry, line: Line, let: Callable[[], Merged] | None) -> Volatile:
        """Return what is volatile for a cell with this line; `let` returns what has its values of `let`, if any."""
        axes = self._cells.of(entry.target.name, entry.cell)
        if (line, axes) not in self._known:
            self._known[line, axes] = self._made(entry, line, axes, let)
        return self._known[line, axes]

    def _made(self, entry: Entry, line: Line, axes: Names, let: Callable[[], Merged] | None) -> Volatile:
        places, sure = self._chosen(line, axes) if self._cells.around or line.depends else (set[Spot](), set[Spot]())
        found = Volatile(texts=Texts(_NO_NAMES, lambda _: ()), places=self._said | places, sure=frozenset(sure))
        names = self._names(entry, axes, let() if let else None, found)
        texts = self._texts.setdefault(names, Texts(names, self._rendering.names))
        return Volatile(texts=texts, places=found.places, sure=found.sure)

    def _names(self, entry: Entry, axes: Names, merged: Merged | None, chosen: Volatile) -> Names:
        """Return the volatile names: variables and the like, axes, values of `let`, and the cell's own name."""
        known, names_of = self._rendering.volatile, self._rendering.names
        if merged is not None:
            uses = {name: names_in(value, names_of) for name, value in merged.let.items() if name not in entry.cell}
            given = {name for name in uses if chosen.holds(merged.origins["let", name])}
            known = made_with(uses, known | axes | given)
        known |= axes
        return known | {"name"} if self._is_named_by(entry, known, axes) else known

    def _is_named_by(self, entry: Entry, known: Names, axes: Names) -> bool:
        text = entry.target.making.name
        if text is None or not entry.cell:
            matrix = entry.target.making.matrix or Matrix()
            return not axes.isdisjoint(matrix.axes or axes)
        return is_template(text) and not known.isdisjoint(self._rendering.names(text))

    def _chosen(self, line: Line, axes: Names) -> tuple[set[Spot], set[Spot]]:
        """Return the tables of parents and overrides that something volatile chose, and those that hold anyway."""
        places, sure = set[Spot](), set[Spot]()
        pending, seen = [(line, axes, False)], set[Any]()
        while pending:
            if (node := pending.pop()) in seen:
                continue
            seen.add(node)
            one, around, chosen = node
            (places if chosen else sure).add(spot_of(one.target.place))
            places.update(spot_of(layer.place) for layer in one.target.overlay if chosen)
            places.update(spot_of(each.place) for each in one.overrides if self._selects(each, around))
            if one.values:
                around = self._cells.of(one.target.name, one.values)
                places.update(spot_of(inside(one.target.place, "let", axis)) for axis in around)
            pending += [(parent, around, chosen or parent in one.chosen) for parent in one.parents]
        return places - sure, sure

    def _selects(self, override: Any, axes: Names) -> bool:
        """Tell whether an override holds because of something volatile."""
        is_made = spot_of(inside(override.place, "select")) in self._cells.around
        return is_made or not axes.isdisjoint(override.table.select)


def _volatile_of(said: Mapping[str, Said]) -> Iterator[Spot]:
    """Yield the labels and annotations of bake files that are of one commit or one time."""
    for file, targets in said.items():
        for name, table in targets.items():
            yield from ((file, ("target", name, "labels", key)) for key in table.get("labels", {}) if key in OF_A_BUILD)
            for index, text in enumerate(table.get("annotations", ())):
                if text.partition("=")[0].rpartition(":")[2] in OF_A_BUILD:
                    yield file, ("target", name, "annotations", index)
