"""Where what is volatile comes from, as far as a cell decides it: its axes, values of `let`, parents and overrides."""

from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

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


class VolatileCells:
    """Tells which values of a cell are volatile, by the names of its axes.

    `around` are the places of volatile templates of matrices, and all tables around these.
    """

    def __init__(self, rendered: Callable[[str], DeclaredTarget], around: AbstractSet[Spot]) -> None:
        """Take what returns a target without templates in its matrix; `around` may still grow."""
        self._rendered, self.around = rendered, around
        self._known: dict[tuple[str, int], tuple[Cell, Names]] = {}

    def of(self, name: str, cell: Cell) -> Names:
        """Return the axes of a cell of a target whose values are volatile."""
        if not self.around or not cell:
            return _NO_NAMES
        key = (name, id(cell))
        if key not in self._known:
            self._known[key] = (cell, self._of(self._rendered(name), cell))  # which keeps the cell, and with it its id
        return self._known[key][1]

    def _of(self, target: DeclaredTarget, cell: Cell) -> Names:
        matrix = target.making.matrix or Matrix()
        axes, entries = matrix.axes or {}, matrix.include or ()
        for index, entry in enumerate(entries):
            if entry is cell:
                return frozenset(self._said(target, index, entry, axes))
        found = {axis for axis in axes if self._is_volatile(target, axis, axes[axis], cell.get(axis))}
        for index, entry in enumerate(entries):
            said = self._said(target, index, entry, axes)
            if all(same(cell.get(axis), value) for axis, value in entry.items() if axis in axes):
                found = (found - (entry.keys() - axes.keys())) | (said - axes.keys())
            elif not said.isdisjoint(axes):
                found |= said & (cell.keys() - axes.keys())
        return frozenset(found)

    def _said(self, target: DeclaredTarget, index: int, entry: Cell, axes: Mapping[str, Any]) -> set[str]:
        """Return the names of what an entry of `include` says that is volatile: all, if it is so to which it adds."""
        place = inside(target.making.place("matrix", "include"), index)
        found = {key for key in entry if spot_of(inside(place, key)) in self.around}
        return found if found.isdisjoint(axes) else set(entry)

    def _is_volatile(self, target: DeclaredTarget, axis: str, values: Any, value: Any) -> bool:
        place = target.making.place("matrix", axis)
        if spot_of(place) not in self.around or isinstance(values, str):
            return spot_of(place) in self.around
        sources = (source for source, one in zip(sources_of(values), values, strict=True) if _is_one(one, value))
        return any(spot_of(inside(place, source)) in self.around for source in sources)


def _is_one(one: Any, value: Any) -> bool:
    return bool(identity(one) == identity(value))


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
