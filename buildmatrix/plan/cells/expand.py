"""From declared targets to entries (a name and a cell each), and from an entry to its settings."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from buildmatrix.errors import Notes, Place, Pointer, Problems
from buildmatrix.patterns import regex
from buildmatrix.plan.cells.axes import AxisValues
from buildmatrix.plan.cells.derived import Derived
from buildmatrix.plan.cells.lines import Lines
from buildmatrix.plan.cells.matrix import (
    LIMIT,
    Axes,
    cells_of,
)
from buildmatrix.plan.cells.members import with_members
from buildmatrix.plan.cells.overrides import Setting, by_platform
from buildmatrix.plan.cells.parents import Parents
from buildmatrix.plan.cells.platforms import Platforms, refuse_none
from buildmatrix.plan.cells.select import Entry, Selection, SelectorError
from buildmatrix.plan.cells.unmatched import Values
from buildmatrix.plan.cells.volatile import Provenance, VolatileCells
from buildmatrix.plan.merging.interpolate import Faults, Recipe, Rendered
from buildmatrix.plan.merging.lets import Lets
from buildmatrix.plan.merging.merge import Heritage, Line, Merged
from buildmatrix.plan.merging.replaced import warn_of_replaced
from buildmatrix.plan.merging.volatile import NOTHING
from buildmatrix.plan.model import MatrixSize
from buildmatrix.soundness import (
    ANY_SETTING,
    Subject,
    cell_names_of,
    expansion_of,
    inheritance_of,
    settings_of,
    shape_of,
)
from buildmatrix.spec.checks.cellnames import cell_name, label
from buildmatrix.spec.checks.data import shown
from buildmatrix.spec.checks.names import as_key
from buildmatrix.spec.rows.platforms import AUTO
from buildmatrix.spec.rows.settings import NAME, Settings
from buildmatrix.spec.rows.shapes import is_template, row_of
from buildmatrix.spec.rows.tables import DeclaredTarget, Matrix, Spec
from buildmatrix.template.context import CellRendering, Rendering
from buildmatrix.template.scope import FOLLOWS, BadTemplateError, Cell

_NAME = regex(NAME)


_NO_CELL: Cell = {}
"""The cell of a target without a matrix."""


class _Clash(NamedTuple):
    """A name that is taken, and whose cell it should be."""

    message: str
    hint: str
    notes: Notes
    declared: str


class Expansion:
    """All entries of a spec by name, and the settings of each when they are asked for."""

    def __init__(self, spec: Spec, rendering: Rendering, problems: Problems) -> None:
        """Expand every matrix; what is wrong is added to `problems`, and what cannot be expanded has no entry."""
        spec = with_members(spec, rendering, problems)
        self.spec, self.rendering, self.problems = spec, rendering, problems
        self.entries: dict[str, Entry] = {}
        self.matrices: dict[str, MatrixSize] = {}
        self.renderings: dict[str, CellRendering] = {}
        self._faults = {name: Faults(name, problems) for name in spec.targets}
        self._axes = AxisValues(spec, rendering, self._faults, problems, self._early_lets)
        self._derived = Derived(rendering, problems)
        self._rendered: dict[str, DeclaredTarget] = {}
        self._cells: dict[str, list[Cell]] = {}
        self._together = 0
        volatile = VolatileCells(self._with_values, self._axes.volatile, self._derived)
        self._provenance = Provenance(rendering, volatile, spec.bake_files)
        parents = Parents(spec, rendering, self._cells, problems, volatile.of)
        self._lines, self._heritage = Lines(spec, parents, self._with_values), Heritage()
        self._recipes: dict[Any, Recipe] = {}
        self._merges: dict[Line, Merged] = {}
        self._lets: dict[str, Lets] = {}
        self._has_lets = any(map(_has_lets, spec.targets.values()))
        self._values = Values()
        self._clashes: dict[Place, list[_Clash]] = {}
        self._sets: list[tuple[frozenset[str], Setting]] = []
        self._platforms = Platforms(rendering, problems)
        self._expand()
        self._values.check_inherited(self.problems)
        self._refuse_clashes()
        warn_of_replaced(spec, self._lines, self._heritage, problems)
        self.selection = Selection(spec, self.entries)

    def lay_over(self, settings: list[Setting], *, forgiving: bool = False) -> None:
        """Lay `--set` over the targets that its selectors match; `forgiving`: one that matches none is passed over."""
        for setting in settings:
            try:
                self._sets.append((frozenset(self.selection.names(setting.selector, target_first=True)), setting))
            except SelectorError as error:
                if forgiving:
                    continue
                place, rests_on = setting.layer.place, error.rests_on
                hint = by_platform(place.file.removeprefix("--set ")) or error.hint
                self.problems.error("selector", error.message, place, hint=hint, rests_on=rests_on)

    # --- entries --------------------------------------------------------------------------------------------------

    def _expand(self) -> None:
        """Make all cells first, since a cell may inherit one of another target, and then what each is called."""
        expanded = [target for target in self.spec.targets.values() if not target.abstract and self._is_sound(target)]
        axes = {target.name: axes for target in expanded if (axes := self._make_cells(target)) is not None}
        made = [self._with_values(target.name) for target in expanded if target.name in axes]
        for target in made:
            self._lines.refuse_cycles(target, self._cells.get(target.name, [_NO_CELL]), self.problems)
        for target in made:
            if self._is_sound(target) and self._lines.varies(target.name):
                for cell in self._cells.get(target.name, ()):
                    self._derived.check(target, cell, self._merged(target, cell))
            if self._is_sound(target):
                self._enter_cells(target, axes[target.name])

    def _is_sound(self, target: DeclaredTarget) -> bool:
        return self.problems.is_sound(expansion_of(target.name))

    def _with_values(self, name: str) -> DeclaredTarget:
        """Return a target without templates in its matrix and in what its overrides select."""
        if name not in self._rendered:
            self._rendered[name] = self._axes.with_values(self.spec.targets[name])
        return self._rendered[name]

    def _make_cells(self, target: DeclaredTarget) -> Axes | None:
        """Make the cells of a target, and return its axes with their values; None where there is something wrong."""
        if target.making.matrix is None:
            return {}
        written, target = target, self._with_values(target.name)
        axes = self._axes.axes(target)
        if not self._is_sound(target):
            return None
        cells, excluded = cells_of(target, axes, self.problems)
        faults, early = self._faults[target.name], partial(self._early, target)
        cells = self._derived.cells(target, cells, faults, self._early_lets(target), early)
        self._values.check(target, axes, cells, self.problems, written)
        if not self._is_sound(target):
            return None
        self._values.check_cells(target, axes, cells, self.problems)
        if (together := self._together + len(cells)) > LIMIT:
            message = f"with target.{target.name} there are {together:,} cells, more than the limit of {LIMIT:,}"
            self.problems.error("too-many", message, as_key(target.making.place("matrix")))
            return None
        self._together, self._cells[target.name] = together, cells
        self.matrices[target.name] = MatrixSize(axes=tuple(axes), cells=len(cells), excluded=excluded)
        return axes

    def _enter_cells(self, target: DeclaredTarget, axes: Axes) -> None:
        """Give the cells of a target their names; one without a matrix is one."""
        if target.making.matrix is None:
            self._begin(target, (), [_NO_CELL])
            self._enter(Entry(target.name, target, _NO_CELL))
            return
        cells = self._cells[target.name]
        self._begin(target, {axis for cell in [axes, *(target.making.matrix.include or ())] for axis in cell}, cells)
        rendering = self.renderings[target.name]
        values = {id(cell): self._with_lets(target.name, cell) for cell in cells}
        rendering.cells = [(None, values[id(cell)]) for cell in cells]
        named = [(self._name(target, cell, axes), cell) for cell in cells]
        self._check_cell_names(target, [name for name, _ in named])
        rendering.cells = [(name, values[id(cell)]) for name, cell in named]
        for name, cell in named:
            self._enter(Entry(name, target, cell))

    def _begin(self, target: DeclaredTarget, axes: Iterable[str], cells: Iterable[Cell]) -> None:
        """Make what renders the templates of a target, and what gives its cells their values."""
        lets = self._let_names(target, cells)
        self.renderings[target.name] = CellRendering(self.rendering, target.name, {*axes, *lets})
        if lets:
            self._lets[target.name] = Lets(self.renderings[target.name], lambda cell: self._merged(target, cell))

    def _let_names(self, target: DeclaredTarget, cells: Iterable[Cell]) -> frozenset[str]:
        if self._lines.varies(target.name):
            return frozenset[str]().union(*(self._merged(target, cell).let for cell in cells))
        return self._early_lets(target)

    def _early_lets(self, target: DeclaredTarget) -> frozenset[str]:
        """Return the names that `let` gives, but for parents that a cell chooses."""
        if not self._has_lets:
            return frozenset()
        overrides = (override.table.let or {} for override in target.making.overrides)
        bare = self._heritage.of(self._lines.bare(target)).merged()
        return frozenset(bare.let).union(*overrides)

    def _merged(self, target: DeclaredTarget, cell: Cell) -> Merged:
        """Return what holds for a cell, `--set` aside."""
        return self._laid(self._lines.of(target, cell))

    def _early(self, target: DeclaredTarget, cell: Cell) -> Merged:
        """Return what holds for a cell without the parents that it chooses, and before `include` is worked out."""
        return self._laid(self._lines.early(target, cell))

    def _laid(self, line: Line) -> Merged:
        if line not in self._merges:
            self._merges[line] = self._heritage.of(line).merged()
        return self._merges[line]

    def _with_lets(self, name: str, cell: Cell) -> Cell:
        """Return the values of a cell: those of its axes, and those that `let` gives."""
        return {**cell, **lets} if name in self._lets and (lets := self._lets[name].of(cell)) else cell

    def _enter(self, entry: Entry) -> None:
        other = self.entries.get(entry.name)
        hidden = self.spec.targets.get(entry.name)
        if other is not None:
            self._clash(entry, other.target, f"{_spoken(other)} and {_spoken(entry)} are both called {entry.name}")
        elif hidden is not None and hidden is not entry.target and hidden.name != entry.target.name:
            self._clash(entry, hidden, f"{_spoken(entry)} is called {entry.name}, which is another target's name")
        elif entry.cell and entry.name in self.spec.groups and not self.spec.groups[entry.name].holds_own_name:
            self._clash(entry, None, f"{_spoken(entry)} is called {entry.name}, which is a group's name")
        else:
            self.entries[entry.name] = entry

    def _clash(self, entry: Entry, other: DeclaredTarget | None, message: str) -> None:
        making = entry.target.making
        place = making.place("name") if entry.cell and making.name else entry.target.place
        own = "…{{ axis }}…" if entry.target.declares(place) else "{{ target }}-{{ axis }}"
        hint = f'give the cells names of their own: name = "{own}"' if entry.cell else "give one another name"
        notes = (("the other one", other.place),) if other is not None and other.place != entry.target.place else ()
        clash = _Clash(message, hint, notes, entry.target.name)
        self._clashes.setdefault(place, []).append(clash)

    def _refuse_clashes(self) -> None:
        """Refuse names that are taken, once for each place."""
        for place, (first, *others) in self._clashes.items():
            message, rests_on = first.message + _and_more(len(others)), [cell_names_of(first.declared)]
            self.problems.error("same-name", message, place, hint=first.hint, notes=first.notes, rests_on=rests_on)

    def _name(self, target: DeclaredTarget, cell: Cell, axes: Axes) -> str:
        text = target.making.name
        if text is None:
            return cell_name(target.name, cell, axes)
        place = target.making.place("name")
        values = self._with_lets(target.name, cell)
        try:
            name = self.renderings[target.name].at(None, values)(text) if is_template(text) else text
        except BadTemplateError as error:
            self._check_lets(target.name, "", cell, values)
            message = f"target.{target.name}.name: {error.message}"
            is_table = error.message.startswith("the template gives a table")
            if is_table and (hint := self._of_tables(target.name, text, values)):
                error = BadTemplateError(error.message, hint, error.code, error.line)
            self._faults[target.name].add(error, message, place, *_called(target))
            return cell_name(target.name, cell, axes)
        return name

    def _of_tables(self, declared: str, text: str, values: Cell) -> str:
        """Return what to write for an axis of tables in the template of a name, which has to give a text."""
        names = self.renderings[declared].names(text) if is_template(text) else ()
        axis = next((one for one in names if isinstance(values.get(one), Mapping) and values[one]), "")
        return f"{axis} is a table: write one of its keys, {{{{ {axis}.{next(iter(values[axis]))} }}}}" if axis else ""

    def _check_cell_names(self, target: DeclaredTarget, names: list[str]) -> None:
        """Refuse what the template of a name makes, once for all cells."""
        wrong = [name for name in names if not _NAME.fullmatch(name)]
        if not wrong or target.making.name is None:
            return
        message = f"target.{target.name}.name: {shown(wrong[0])} is not a name of letters, digits, `-` and `_`"
        message += _and_more(len(wrong) - 1)
        hint = "the filter slug makes one: {{ axis | slug }}"
        place = target.making.place("name")
        self.problems.error("name", message, place, hint=hint, invalidates=_called(target), once=("name", place))

    # --- settings -------------------------------------------------------------------------------------------------

    def settings(self, entry: Entry) -> Rendered:
        """Return an entry's settings, rendered and checked; with variants where they differ by platform."""
        line = self._lines.of(entry.target, entry.cell)
        recipe = self._recipe(entry, line)
        let = self._merged(entry.target, entry.cell).let if entry.target.name in self._lets else {}
        if not self._platforms.may_differ(line, entry.cell, recipe, let):
            return self._settings(entry)
        platforms = self._declared_platforms(entry, recipe)
        if not platforms or AUTO in platforms:
            refuse_none(entry.target, self.problems, auto=bool(platforms))
            return Rendered(recipe.fixed, recipe.origins, NOTHING)
        cells = {platform: self._platforms.cell_on(entry.cell, platform) for platform in platforms}
        found = {platform: self._settings(replace(entry, cell=cell)) for platform, cell in cells.items()}
        return self._platforms.together(entry.name, entry.target, found)

    def _declared_platforms(self, entry: Entry, recipe: Recipe) -> tuple[str, ...]:
        """Return the platforms of an entry, which are rendered for none."""
        values = self._with_lets(entry.target.name, entry.cell)
        render = self.renderings[entry.target.name].at(entry.name, values)
        found = recipe.settings(entry.name, render, self._bad(entry.target.name, entry.name), only="platforms")
        return found.settings.platforms or ()

    def _settings(self, entry: Entry) -> Rendered:
        line = self._lines.of(entry.target, entry.cell)
        recipe = self._recipe(entry, line)
        rendering = self.renderings[entry.target.name]
        bad = self._bad(entry.target.name, entry.name)
        try:
            self.rendering.templates.spend(recipe.length)
        except BadTemplateError as error:
            bad(error, ANY_SETTING, entry.target.place)
        values = self._with_lets(entry.target.name, entry.cell)
        self._check_lets(entry.target.name, entry.name, entry.cell, values)
        values = self._platforms.values_on(values)
        if recipe.volatile is None or self._axes.volatile:
            let = partial(self._merged, entry.target, entry.cell) if entry.target.name in self._lets else None
            recipe.volatile = self._provenance.of(entry, line, let)
        return recipe.settings(entry.name, rendering.at(entry.name, values), bad)

    def _check_lets(self, declared: str, name: str, cell: Cell, values: Cell) -> None:
        """Add what is wrong with what `let` gives a cell."""

        def bad(error: BadTemplateError, key: str, place: Place) -> None:
            message = f"target.{declared}.let.{key}: {error.message}"
            self._faults[declared].add(error, message, place, settings_of(declared, name, ANY_SETTING))

        if values is not cell:
            self._lets[declared].check(cell, values, self.problems, bad)

    def warn_of_platforms(self) -> None:
        """Warn of overrides by platforms that no target has, of those whose settings were asked for."""
        self._platforms.warn()

    def close(self) -> None:
        """End what templates needed: nothing more will be rendered."""
        self.rendering.templates.close()

    def unexpanded(self) -> Iterator[tuple[DeclaredTarget, Settings, Mapping[Pointer, Place]]]:
        """Yield the targets that have no entry for the errors of their matrix: what is known of their settings.

        That is what holds no template. Templates are looked at for their syntax, and for their names where the axes'
        names are sound.
        """
        for target in self.spec.targets.values():
            if target.abstract or self.selection.by_target[target.name]:
                continue
            if not self.problems.is_sound(inheritance_of(target.name)):
                continue
            self.problems.invalidate(settings_of(target.name, "", ANY_SETTING))
            merged = self._heritage.of(self._lines.bare(target)).merged()
            recipe = Recipe(merged, self._faults[target.name], target.place)
            recipe.settings("", self._reader(target), self._bad(target.name, ""))
            yield target, recipe.fixed, recipe.origins

    def _reader(self, target: DeclaredTarget) -> Callable[[str], str]:
        """Return what looks at a template without rendering it: it always raises, at best with nothing to say."""
        matrix = target.making.matrix or Matrix()
        local = {axis for table in [matrix.axes or {}, *(matrix.include or ())] for axis in table}
        local |= self._let_names(target, ())
        known = {*self.rendering.scope, *local, "target", "name"}

        def read(text: str) -> str:
            template = self.rendering.templates[text]
            if self.problems.is_sound(shape_of(target.name)):
                self.rendering.templates.check_names(template, known)
            raise BadTemplateError("", code=FOLLOWS)

        return read

    def _bad(self, declared: str, cell: str) -> Callable[[BadTemplateError, str, Place], None]:
        def bad(error: BadTemplateError, attribute: str, place: Place) -> None:
            spoken = f".{row_of(Settings, attribute).key}" if attribute else ""
            message = f"target.{declared}{spoken}: {error.message}"
            if error.line:
                place = replace(place, within=error.line)
            self._faults[declared].add(error, message, place, settings_of(declared, cell, attribute))

        return bad

    def _recipe(self, entry: Entry, line: Line) -> Recipe:
        sets = tuple(index for index, (names, _) in enumerate(self._sets) if entry.name in names)
        key = (line, sets)
        if key not in self._recipes:
            stack = self._heritage.of(line)
            for index in sets:
                stack.lay(self._sets[index][1].layer)
            self._recipes[key] = Recipe(stack.merged(), self._faults[entry.target.name], entry.target.place)
        return self._recipes[key]


def _has_lets(target: DeclaredTarget) -> bool:
    layers = (layer.settings for layer in target.defaults)
    return any(table.let for table in (target.table, *layers, *(target.table.override or ())))


def _called(target: DeclaredTarget) -> tuple[Subject, ...]:
    """Return what follows from the names of a target's cells: what is made with them, too."""
    return (cell_names_of(target.name), settings_of(target.name, "", ANY_SETTING))


def _and_more(cells: int) -> str:
    return f" (and {cells:,} more cell{'s' if cells > 1 else ''})" if cells else ""


def _spoken(entry: Entry) -> str:
    cell = ", ".join(f"{axis} = {label(value)}" for axis, value in entry.cell.items())
    return f"target.{entry.target.name} ({cell})" if cell else f"target.{entry.target.name}"
