"""From axes to cells: every combination, without the excluded ones, with what `include` adds."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from itertools import product
from typing import Any

from buildmatrix.errors import Place, Problems, did_you_mean, some
from buildmatrix.soundness import FILE
from buildmatrix.spec.checks.data import shown
from buildmatrix.spec.checks.names import inside
from buildmatrix.spec.rows.shapes import is_template, text_of
from buildmatrix.spec.rows.tables import DeclaredTarget, Matrix
from buildmatrix.template.scope import Cell

LIMIT = 100_000
"""The most cells that a matrix may have, before any is made."""

Axes = Mapping[str, Sequence[Any]]


def cells_of(
    target: DeclaredTarget, axes: Axes, problems: Problems, written: DeclaredTarget | None = None
) -> tuple[list[Cell], int]:
    """Return the cells of a target's matrix in the order of its axes, and how many combinations were excluded.

    `axes` are the axes with their values (templates are rendered); `written` is the target before that. The rules for
    exclude and include are those of GitHub's `strategy.matrix`: exclude first; an include entry adds its new keys to
    each combination that it does not contradict, and is a cell of its own where it contradicts all.
    """
    matrix = target.table.matrix or Matrix()
    size = math.prod(len(values) for values in axes.values())
    if size > LIMIT:
        message = f"the matrix of target.{target.name} has {size:,} cells, more than the limit of {LIMIT:,}"
        problems.error("too-many", message, inside(target.place, "matrix", part="key"))
        return [], 0
    combinations = [dict(zip(axes, values, strict=True)) for values in product(*axes.values())] if axes else []
    _warn_of_values(target, matrix, axes, problems, written or target)
    kept = [cell for cell in combinations if not any(matches(entry, cell) for entry in matrix.exclude or ())]
    cells = _included(target, kept, axes, problems)
    if not cells:
        place = inside(target.place, "matrix", "exclude", part="key")
        problems.error("no-cell", f"all cells of target.{target.name} are excluded", place, rests_on=[FILE])
    _warn_of_idle(target, cells, axes, problems)
    return cells, len(combinations) - len(kept)


def _included(target: DeclaredTarget, kept: list[dict[str, Any]], axes: Axes, problems: Problems) -> list[Cell]:
    cells: list[dict[str, Any]] = [dict(cell) for cell in kept]
    own: list[Cell] = []
    matrix = target.table.matrix or Matrix()
    for index, entry in enumerate(matrix.include or ()):
        on_axes = {axis: value for axis, value in entry.items() if axis in axes}
        fitting = [
            number
            for number, cell in enumerate(kept)
            if all(same(cell[axis], value) for axis, value in on_axes.items())
        ]
        for number in fitting:
            cells[number].update(entry)
        if not fitting:
            own.append(entry)
            _check_new(target, entry, axes, index, problems)
    return [*cells, *own]


def _check_new(target: DeclaredTarget, entry: Cell, axes: Axes, index: int, problems: Problems) -> None:
    if missing := [axis for axis in axes if axis not in entry]:
        lacking = " and no ".join(missing)
        message = f"include adds a cell to target.{target.name}, since no cell matches it, but gives it no {lacking}"
        problems.error("include", message, inside(target.place, "matrix", "include", index))


def _warn_of_values(
    target: DeclaredTarget, matrix: Matrix, axes: Axes, problems: Problems, written: DeclaredTarget
) -> None:
    for index, entry in enumerate(matrix.exclude or ()):
        _check_values("exclude", entry, target, axes, inside(target.place, "matrix", "exclude", index), problems)
    if (target.table.matrix or Matrix()).include:
        axes = _with_included(axes, matrix)
    for index, override in enumerate(target.table.override or ()):
        place, select = inside(target.place, "override", index, "select"), (written.table.override or ())[index].select
        given = _without_nothing(override.select, select, target, place, problems)
        _check_values("override", given, target, axes, place, problems)


def _without_nothing(rendered: Cell, written: Cell, target: DeclaredTarget, place: Place, problems: Problems) -> Cell:
    """Return what an override selects, without what templates leave open: that is said. A run may give it a value."""
    left = {axis: wanted for axis, wanted in rendered.items() if wanted in _NOTHING and isinstance(written[axis], str)}
    left = {axis: wanted for axis, wanted in left.items() if is_template(written[axis])}
    for axis in left:
        message = f"override selects no cell of target.{target.name} in this run: the template of {axis} gives none"
        problems.warn("axis", message, inside(place, axis))
    return {axis: wanted for axis, wanted in rendered.items() if axis not in left}


def _warn_of_idle(target: DeclaredTarget, cells: list[Cell], axes: Axes, problems: Problems) -> None:
    """Warn of overrides whose values are all there, but in no cell together."""
    known = _with_included(axes, target.table.matrix or Matrix())
    for index, override in enumerate(target.table.override or ()):
        alone = all(any(_fits(wanted, one) for one in known.get(axis, ())) for axis, wanted in override.select.items())
        if alone and cells and not any(matches(override.select, cell) for cell in cells):
            together = " and ".join(f"{axis} = {shown_value(wanted)}" for axis, wanted in override.select.items())
            message = f"override selects no cell of target.{target.name}: none has {together}"
            place = inside(target.place, "override", index, "select")
            problems.warn("axis", message, place, hint="leave it out, or change what the matrix excludes")


def _with_included(axes: Axes, matrix: Matrix) -> Axes:
    more = {axis: list(values) for axis, values in axes.items()}
    for entry in matrix.include or ():
        for axis, value in entry.items():
            more.setdefault(axis, []).append(value)
    return more


def _check_values(what: str, entry: Cell, target: DeclaredTarget, axes: Axes, place: Place, problems: Problems) -> None:
    """A value that the axis lacks: an error, but a warning where a template gives the axis: `--var` may shrink it."""
    written = (target.table.matrix or Matrix()).axes or {}
    for axis, wanted in entry.items():
        values = axes.get(axis)
        if values is None or any(_fits(wanted, value) for value in values):
            continue
        message = f"{what} names {axis} = {shown_value(wanted)}, but target.{target.name} has no such {axis}"
        hint = did_you_mean(text_of(wanted), map(label, values)) or f"values here: {some(map(label, values))}"
        add = problems.warn if isinstance(written.get(axis), str) else problems.error
        add("axis", message, inside(place, axis), hint=hint)


_NOTHING: tuple[Any, ...] = (None, "", (), [])
"""What a template gives that gives no value."""


def shown_value(value: Any) -> str:
    """Return an axis's value as a message shows it."""
    return shown(label(value) if isinstance(value, Mapping) else value)


def matches(select: Mapping[str, Any], cell: Cell) -> bool:
    """Tell whether a cell has all that is selected: by axis a value, a glob, a list of those, or part of a table."""
    return all(axis in cell and _fits(wanted, cell[axis]) for axis, wanted in select.items())


def _fits(wanted: Any, value: Any) -> bool:
    if isinstance(wanted, list | tuple):
        return any(_fits(one, value) for one in wanted)
    if isinstance(wanted, Mapping):
        return isinstance(value, Mapping) and all(
            key in value and _fits(item, value[key]) for key, item in wanted.items()
        )
    if isinstance(wanted, str):
        return fits_text(wanted, value)
    return same(wanted, value) or (isinstance(value, str) and text_of(wanted) == value)


def fits_text(glob: str, value: Any) -> bool:
    """Tell whether an axis's value, as text, fits a glob."""
    text = label(value)
    return glob == text or (any(sign in glob for sign in "*?[") and fnmatchcase(text, glob))


def same(left: Any, right: Any) -> bool:
    """Tell whether two axis values are the same as text, so that "3.13" and 3.13 are, but not 3.1 and 3.10."""
    return bool(identity(left) == identity(right))


def identity(value: Any) -> Any:
    """Return what two values that are the same have in common; it can be hashed."""
    if isinstance(value, Mapping):
        return frozenset((key, identity(item)) for key, item in value.items())
    if isinstance(value, list | tuple):
        return tuple(map(identity, value))
    return text_of(value)


def label(value: Any) -> str:
    """Return an axis's value as it stands in names and messages; of a table its `name`, `id`, or first value."""
    if isinstance(value, Mapping):
        return label(next((value[key] for key in ("name", "id") if key in value), next(iter(value.values()), "")))
    return text_of(value)


def cell_name(declared: str, cell: Cell, axes: Iterable[str]) -> str:
    """Return the name of a cell that the file gives none: `app-3-12-bookworm`, of its values on the axes."""
    values = [cell[axis] for axis in axes if axis in cell] or list(cell.values())
    return "-".join([declared, *(_NOT_NAME.sub("-", label(value)).strip("-") for value in values)])


_NOT_NAME = re.compile(r"[^A-Za-z0-9_]+")


def axis_items(values: Any) -> Iterable[Any] | None:
    """Return what a template made of an axis as its values: a list, or the non-empty lines of a text; else None."""
    if isinstance(values, list | tuple):
        return values
    if isinstance(values, str):
        return [line.strip() for line in values.splitlines() if line.strip()]
    return None
