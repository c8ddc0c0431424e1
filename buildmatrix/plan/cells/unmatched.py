"""Values that `exclude` and overrides name, and no cell has: of a target itself, and of those that inherit from it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from buildmatrix.errors import Place, Problems, did_you_mean, some
from buildmatrix.plan.cells.matrix import Axes, Open, fits, matches, shown_value
from buildmatrix.soundness import expansion_of
from buildmatrix.spec.checks.cellnames import label
from buildmatrix.spec.checks.names import inside
from buildmatrix.spec.rows.shapes import text_of
from buildmatrix.spec.rows.tables import DeclaredTarget, Matrix
from buildmatrix.template.render import templates_in
from buildmatrix.template.scope import Cell

Listed = tuple[str, Place, Cell]
"""What names values (`exclude`, `override`), where, and axis to value."""


class Values:
    """The values that the axes of targets have, against those that are named. What is inherited may be for others."""

    def __init__(self) -> None:
        """Begin with no target."""
        self._named: dict[Place, tuple[str, Cell]] = {}
        self._axes: dict[Place, list[tuple[DeclaredTarget, Axes]]] = {}
        self._answered: set[Place] = set()
        """Of what a target says that has cells itself: they are what it is about."""

    def check(
        self, target: DeclaredTarget, axes: Axes, cells: Sequence[Cell], problems: Problems, written: DeclaredTarget
    ) -> None:
        """Check what a target says itself, and keep what it inherits; `axes` and `cells` have their values.

        `written` is the target before its templates were rendered.
        """
        matrix = target.making.matrix or Matrix()
        selects = {place: entry for _, place, entry in _listed(written, written.making.matrix or Matrix())}
        included = _with_included(axes, matrix, cells)
        for what, place, entry in _listed(target, matrix):
            known = axes if what == "exclude" else included
            if place in selects:
                entry = _without_nothing(what, entry, selects[place], place, problems)  # noqa: PLW2901 what is left
            if target.declares(place):
                self._answered.add(place)
                _check(what, entry, place, [(target, known)], f"target.{target.name} has no", problems)
            else:
                self._named[place] = (what, entry)
                self._axes.setdefault(place, []).append((target, known))

    def check_cells(self, target: DeclaredTarget, axes: Axes, cells: Sequence[Cell], problems: Problems) -> None:
        """Warn of a target's own overrides whose values are all there, but in no cell together."""
        known = _with_included(axes, target.making.matrix or Matrix(), cells)
        for override in target.making.overrides if cells else ():
            select = override.table.select
            alone = all(any(fits(wanted, one) for one in known.get(axis, ())) for axis, wanted in select.items())
            if override.owner == target.name and alone and not any(matches(select, cell) for cell in cells):
                together = " and ".join(f"{axis} = {shown_value(wanted)}" for axis, wanted in select.items())
                message = f"override selects no cell of target.{target.name}: none has {together}"
                place, hint = inside(override.place, "select"), "leave it out, or change what the matrix excludes"
                problems.warn("axis", message, place, hint=hint)

    def check_inherited(self, problems: Problems) -> None:
        """Check what several targets have inherited: one of them has to have what it names."""
        for place, (what, entry) in self._named.items():
            if place in self._answered:
                continue
            owner = f"target.{place.pointer[1]}"
            _check(what, entry, place, self._axes[place], f"no target that inherits {owner} has", problems)


def _listed(target: DeclaredTarget, matrix: Matrix) -> Iterator[Listed]:
    for index, entry in enumerate(matrix.exclude or ()):
        yield "exclude", inside(target.making.place("matrix", "exclude"), index), entry
    for override in target.making.overrides:
        yield "override", inside(override.place, "select"), override.table.select


def _without_nothing(what: str, rendered: Cell, written: Cell, place: Place, problems: Problems) -> Cell:
    """Return what an entry selects, without what templates leave open: that is said. A run may give it a value."""
    left = [axis for axis, value in written.items() if rendered[axis] in _NOTHING and any(templates_in(value))]
    for axis in left:
        message = f"{what} selects no cell in this run: the template of {axis} gives none"
        problems.warn("axis", message, inside(place, axis))
    return {axis: wanted for axis, wanted in rendered.items() if axis not in left}


_NOTHING: tuple[Any, ...] = (None, "", (), [])
"""What a template gives that gives no value."""


def _with_included(axes: Axes, matrix: Matrix, cells: Sequence[Cell]) -> Axes:
    more = {axis: list(values) for axis, values in axes.items()}
    for entry in matrix.include or ():
        for axis, value in entry.items():
            more.setdefault(axis, []).extend(_open_values(axis, cells) if isinstance(value, Open) else [value])
    return more


def _open_values(axis: str, cells: Sequence[Cell]) -> Iterable[Any]:
    """Return the values that cells have of an axis, each once."""
    return {id(cell[axis]): cell[axis] for cell in cells if axis in cell}.values()


def _check(
    what: str,
    entry: Cell,
    place: Place,
    holders: Iterable[tuple[DeclaredTarget, Axes]],
    who: str,
    problems: Problems,
) -> None:
    """A value that the axis lacks: an error, but a warning where a template gives the axis: `--var` may shrink it."""
    for axis, wanted in entry.items():
        known = [(target, axes[axis]) for target, axes in holders if axis in axes]
        values = [value for _, some_values in known for value in some_values]
        if not known or any(fits(wanted, value) for value in values):
            continue
        message = f"{what} names {axis} = {shown_value(wanted)}, but {who} such {axis}"
        labels = dict.fromkeys(map(label, values))
        hint = did_you_mean(text_of(wanted), labels) or f"values here: {some(labels)}"
        add = problems.warn if any(_varies(target, axis) for target, _ in known) else problems.error
        rests_on = [expansion_of(target.name) for target, _ in known]
        add("axis", message, inside(place, axis), hint=hint, rests_on=rests_on)


def _varies(target: DeclaredTarget, axis: str) -> bool:
    matrix = target.making.matrix or Matrix()
    axes: Mapping[str, Any] = matrix.axes or {}
    return isinstance(axes.get(axis), str) or any(isinstance(one.get(axis), Open) for one in matrix.include or ())
