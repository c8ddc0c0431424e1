"""What `inherits` names for a cell: targets, and cells of them, also by templates that see the cell's axes."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from buildmatrix.errors import Problems, did_you_mean, some
from buildmatrix.plan.cells.matrix import ByValues, fits_text, same
from buildmatrix.plan.cells.members import texts_in
from buildmatrix.plan.cells.select import SelectorError, parts_of
from buildmatrix.soundness import ANY_SETTING, NAMES, expansion_of, parents_of, settings_of
from buildmatrix.spec.checks.cellnames import label
from buildmatrix.spec.checks.names import inside
from buildmatrix.spec.rows.shapes import is_template
from buildmatrix.spec.rows.tables import DeclaredTarget, Spec
from buildmatrix.spec.toml.placed import source_of
from buildmatrix.template.context import CellRendering, Rendering
from buildmatrix.template.scope import OMITTED, BadTemplateError, Cell


class Parent(NamedTuple):
    """A parent of a cell: a target as it is for this cell, or one cell of it.

    It is `named` where the file names it as it stands: then its matrix is inherited as well. It is `volatile` where
    something that changes from run to run chose it.
    """

    name: str
    cell: Cell | None = None
    named: bool = True
    volatile: bool = False


class Parents:
    """Reads `inherits`; what is wrong is added to `problems`. `cells` are those of all targets that have a matrix."""

    def __init__(
        self,
        spec: Spec,
        rendering: Rendering,
        cells: Mapping[str, Sequence[Cell]],
        problems: Problems,
        volatile: Callable[[str, Cell], frozenset[str]] = lambda *_: frozenset(),
    ) -> None:
        """Take what tells the axes of a target's cell whose values change from run to run."""
        self._targets, self._rendering, self._cells, self._problems = spec.targets, rendering, cells, problems
        self._volatile = volatile
        self._renderings: dict[tuple[str, frozenset[str]], CellRendering] = {}
        self._own: dict[tuple[str, frozenset[str]], ByValues[Cell]] = {}

    def of(self, target: DeclaredTarget, declared: str, cell: Cell) -> Iterator[Parent]:
        """Yield the parents of a target, as they are for a cell of `declared`: that target, or one that inherits it."""
        for index, item in enumerate(target.table.inherits or ()):
            if item in self._targets:
                yield Parent(item)
                continue
            if not is_template(item) and item.partition("[")[0] not in self._targets:
                continue  # which was found with the file
            try:
                axes = self._volatile(declared, cell)
                is_volatile = is_template(item) and self._rendering.is_volatile(item, axes)
                for text in self._texts(item, declared, cell):
                    yield self._parent(text, cell, None if is_volatile else axes)
            except (SelectorError, BadTemplateError) as error:
                self._refuse(target, declared, index, error)

    def _refuse(
        self, target: DeclaredTarget, declared: str, index: int, error: SelectorError | BadTemplateError
    ) -> None:
        if isinstance(error, BadTemplateError) and error.code == OMITTED:
            return
        message = f"target.{target.name}.inherits: {error.message}"
        place = inside(target.place, "inherits", source_of(target.table.inherits, index))
        code = error.code if isinstance(error, BadTemplateError) else "inherits"
        is_made = is_template((target.table.inherits or ())[index])  # whose cells differ, but not what is to be written
        self._problems.error(
            code,
            message,
            place,
            hint=error.hint,
            invalidates=[settings_of(declared, "", ANY_SETTING), parents_of(declared)],
            rests_on=error.rests_on,
            once=(place, error.hint if is_made and error.hint else message),
        )

    def _texts(self, item: str, declared: str, cell: Cell) -> Iterator[str]:
        """Yield what an item says for a cell: one name, those that a template gives, or none."""
        if not is_template(item):
            yield item
            return
        key = (declared, frozenset(cell))
        if key not in self._renderings:
            self._renderings[key] = CellRendering(self._rendering, declared, cell)
        yield from texts_in(self._renderings[key].evaluate(item, cell), "a parent is a name, or NAME[AXIS=VALUE]")

    def _parent(self, text: str, cell: Cell, volatile: frozenset[str] | None) -> Parent:
        """Return what a text names for a cell; `volatile` are axes of the cell, None where the text is so itself."""
        name, pairs = parts_of(text)
        if name not in self._targets:
            hint = did_you_mean(name, self._targets) or f"targets here: {some(sorted(self._targets), 8)}"
            raise SelectorError(f'"{text}" is not a target', hint, rests_on=(NAMES,))
        if pairs is None:
            return Parent(name, named=False, volatile=volatile is None)
        found = self._cell(name, text, pairs, cell)
        by_values = volatile is None or (("", "") in pairs and not volatile.isdisjoint(found))
        return Parent(name, found, named=False, volatile=by_values)

    def _cell(self, name: str, text: str, pairs: Sequence[tuple[str, str]], own: Cell) -> Cell:
        """Return the one cell of a target that a selector means."""
        if name not in self._cells:
            target = self._targets[name]
            hint = f'write "{name}"' if target.abstract or target.making.matrix is None else ""
            raise SelectorError(f'"{text}": target.{name} has no cells', hint, rests_on=(expansion_of(name),))
        cells = self._alike(name, own) if ("", "") in pairs else self._cells[name]
        found = [cell for cell in cells if _is_meant(cell, pairs)]
        if len(found) != 1:
            what = f"matches {len(found)} cells" if found else "matches no cell"
            hint = "" if found else self._without_axis(name, pairs)
            axes = ",".join(f"{axis}={label(value)}" for axis, value in self._cells[name][0].items())
            hint = hint or f'a parent is one, such as "{name}[{axes}]"'
            raise SelectorError(f'"{text}" {what}', hint, rests_on=(expansion_of(name),))
        _refuse_other_values(text, found[0], own)
        return found[0]

    def _without_axis(self, name: str, pairs: Sequence[tuple[str, str]]) -> str:
        """Return which axis a selector names that no cell has; "" if there is none."""
        known = dict.fromkeys(axis for cell in self._cells[name] for axis in cell)
        axis = next((axis for axis, _ in pairs if axis and axis not in known), "")
        near = did_you_mean(axis, known) or f"its axes are {some(known)}"
        return f"target.{name} has no axis {axis}: {near}" if axis else ""

    def _alike(self, name: str, own: Cell) -> list[Cell]:
        """Return the cells of a target with the values of a cell, on the axes that both have."""
        key = (name, frozenset(own))
        if key not in self._own:
            self._own[key] = ByValues(((cell, cell) for cell in self._cells[name]), own.keys())
        return self._own[key].like(own)


def _is_meant(cell: Cell, pairs: Sequence[tuple[str, str]]) -> bool:
    return all(axis in cell and fits_text(glob, cell[axis]) for axis, glob in pairs if axis)


def _refuse_other_values(text: str, cell: Cell, own: Cell) -> None:
    """Refuse a cell with another value of an axis that the child has: templates would see one for both."""
    for axis, value in cell.items():
        if axis in own and not same(value, own[axis]):
            message = f'"{text}" has {axis} = {label(value)}, and this cell {axis} = {label(own[axis])}'
            raise SelectorError(message, f"templates would see one of them: call the axis {axis} of one otherwise")
