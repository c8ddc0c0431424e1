"""The axes of a matrix with their values, which may come out of templates."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any

from buildmatrix.errors import Place, Problems
from buildmatrix.plan.cells.matrix import Axes, Open, axis_items, identity, shown_value
from buildmatrix.plan.merging.interpolate import Faults
from buildmatrix.plan.merging.volatile import Spot
from buildmatrix.soundness import FILE, expansion_of
from buildmatrix.spec.checks.data import shown
from buildmatrix.spec.checks.names import inside
from buildmatrix.spec.rows.shapes import is_template
from buildmatrix.spec.rows.tables import DeclaredTarget, Matrix, Spec
from buildmatrix.spec.toml.placed import placed, sources_of
from buildmatrix.template.context import Rendering
from buildmatrix.template.render import templates_in
from buildmatrix.template.scope import OMITTED, UNKNOWN_NAME, BadTemplateError, Cell

_VALUES = "values are strings, numbers, booleans or tables"


class AxisValues:
    """Renders and checks the values of targets' axes."""

    def __init__(
        self,
        spec: Spec,
        rendering: Rendering,
        faults: Mapping[str, Faults],
        problems: Problems,
        lets: Callable[[DeclaredTarget], Collection[str]] = lambda _: (),
    ) -> None:
        """Take what tells the names that `let` gives the cells of a target."""
        self._targets, self._lets = spec.targets, lets
        self.rendering, self._faults, self.problems = rendering, faults, problems
        self.volatile = set[Spot]()
        """The places of templates that ask for what changes from run to run, and all tables around them."""

    def axes(self, target: DeclaredTarget) -> Axes:
        """Return the axes of a target with their values; what is wrong with them is added to the problems."""
        axes: dict[str, list[Any]] = {}
        unknown = [expansion_of(target.name, "number")]
        for axis, written in ((target.making.matrix or Matrix()).axes or {}).items():
            place = target.making.place("matrix", axis)
            given = self._value(written, target, place) if isinstance(written, str) else written
            values = () if given is None else axis_items(given)
            if values is None:
                message = f"target.{target.name}.matrix: the template of axis {axis} gives no list"
                self.problems.error("axis", message, place, invalidates=unknown, once=("axis", place))
                continue
            axes[axis] = [value for value in values if value is not None]
            sources = sources_of(values) if isinstance(values, tuple) else range(len(axes[axis]))
            if not axes[axis]:
                message = f"target.{target.name}.matrix: axis {axis} has no values"
                once, rests_on = ("no-value", place), [] if given is None else [FILE]
                self.problems.error("no-value", message, place, invalidates=unknown, rests_on=rests_on, once=once)
            places = [place if isinstance(written, str) else inside(place, index) for index in sources]
            for value, at in zip(axes[axis], places, strict=True):
                self._check_value(target, axis, value, at)
            self._check_repeats(target, axis, axes[axis], places)
        return axes

    def _check_repeats(self, target: DeclaredTarget, axis: str, values: list[Any], places: list[Place]) -> None:
        known: set[Any] = set()
        for value, at in zip(values, places, strict=True):
            if (key := identity(value)) in known:
                message = f"target.{target.name}.matrix: axis {axis} has the value {shown_value(value)} twice"
                invalidates = [expansion_of(target.name, "number")]
                self.problems.error("axis", message, at, invalidates=invalidates, once=("axis", at))
            known.add(key)

    def _check_value(self, target: DeclaredTarget, axis: str, value: Any, place: Place) -> None:
        if isinstance(value, str | int | float | Mapping) or type(value).__name__ == "Decimal":
            return
        message, hint = f"target.{target.name}.matrix: a value of axis {axis} is {shown(value)}", _VALUES
        invalidates, rests_on = [expansion_of(target.name, "number")], [expansion_of(target.name, "values")]
        once = ("axis", place)
        self.problems.error("axis", message, place, hint=hint, invalidates=invalidates, rests_on=rests_on, once=once)

    def with_values(self, target: DeclaredTarget) -> DeclaredTarget:
        """Return a target without templates among the values of its matrix and of what its overrides select."""
        matrix = target.making.matrix or Matrix()
        place_of = target.making.place
        changed = {
            key: self._rendered(value, target, place_of("matrix", key))
            for key, value in vars(matrix).items()
            if key == "exclude" and value
        }
        if matrix.include:
            changed["include"] = self._included(matrix.include, matrix.axes or {}, target)
        axes = {
            axis: values if isinstance(values, str) else self._items(values, target, place_of("matrix", axis))
            for axis, values in (matrix.axes or {}).items()
        }
        overrides = tuple(
            replace(
                one,
                table=one.table.but({"select": self._rendered(one.table.select, target, inside(one.place, "select"))}),
            )
            for one in target.making.overrides
        )
        made = matrix.but(changed | {"axes": axes}) if target.making.matrix else None
        making = replace(target.making, matrix=made, overrides=overrides)
        return replace(target, making=making)

    def _included(self, entries: tuple[Cell, ...], axes: Collection[str], target: DeclaredTarget) -> tuple[Cell, ...]:
        """Return the entries of `include`, without what has no value: it is as if it were not written."""
        place = target.making.place("matrix", "include")
        new = {key for entry in entries for key in entry if key not in axes}
        local = {*axes, *new, *self._lets(target)} if any(templates_in(entries)) else set[str]()
        found: list[Cell] = []
        for index, entry in enumerate(entries):
            at = inside(place, index)
            values = {
                key: self._new(key, item, target, inside(at, key), local if key in new else ())
                for key, item in entry.items()
            }
            found.append({key: value for key, value in values.items() if value is not None})
        return tuple(found)

    def _new(self, key: str, value: Any, target: DeclaredTarget, place: Place, local: Collection[str]) -> Any:
        """Return a value of an entry: as it is written where its templates use names that only a cell has."""
        names = {name for text in templates_in(value) for name in self.rendering.names(text)} if local else set[str]()
        if key in self.rendering.scope:
            names.discard(key)  # a variable, under its own name
        if not self._are_there(value, target, place, local):
            return ()
        if names.isdisjoint(local):
            return self._rendered(value, target, place)
        self.volatile.update((place.file, place.pointer[:length]) for length in range(len(place.pointer)))
        return Open(((value, place),))

    def _are_there(self, value: Any, target: DeclaredTarget, place: Place, local: Collection[str]) -> bool:
        """Tell whether there is each name that the templates in a value use."""
        templates, known = self.rendering.templates, (self.rendering.scope, {"target"}, local)
        for text in templates_in(value) if local else ():
            try:
                templates.check_names(templates[text], *known)
            except BadTemplateError as error:
                self._refuse(self._told(error, text, target, local), target, place)
                return False
        return True

    def _refuse(self, error: BadTemplateError, target: DeclaredTarget, place: Place) -> None:
        message = f"target.{target.name}.matrix: {error.message}"
        self._faults[target.name].add(error, message, place, expansion_of(target.name, "values"))

    def _items(self, written: tuple[Any, ...], target: DeclaredTarget, place: Place) -> tuple[Any, ...]:
        """Return the values of an axis: as in any list, a template gives several by lines, or by a list."""
        found: list[Any] = []
        sources: list[int] = []
        for index, item in enumerate(written):
            value = self._rendered(item, target, inside(place, index))
            several = axis_items(value) if isinstance(item, str) and is_template(item) else None
            found += [one for one in ([value] if several is None else several) if one is not None]
            sources += [index] * (len(found) - len(sources))
        return placed(found, sources)

    def _rendered(self, value: Any, target: DeclaredTarget, place: Place) -> Any:
        if isinstance(value, str):
            return self._value(value, target, place)
        if isinstance(value, Mapping):
            return {key: self._rendered(item, target, inside(place, key)) for key, item in value.items()}
        if isinstance(value, list | tuple):
            items = (self._rendered(item, target, inside(place, index)) for index, item in enumerate(value))
            return tuple(item for item in items if item is not None)
        return value

    def _value(self, text: str, target: DeclaredTarget, place: Place) -> Any:
        """Return the value of a text; None where it is a template that gives none."""
        if not is_template(text):
            return text
        try:
            if self.rendering.is_volatile(text):
                self.volatile.update((place.file, place.pointer[:length]) for length in range(len(place.pointer) + 1))
            return self.rendering.evaluate(text, target.name)
        except BadTemplateError as found:
            if found.code == OMITTED:
                return None
            self._refuse(self._told(found, text, target), target, place)
            return ()

    def _told(
        self, error: BadTemplateError, text: str, target: DeclaredTarget, local: Collection[str] = ()
    ) -> BadTemplateError:
        """Return what is wrong with a template, also where what it uses is there, and too late."""
        if error.code != UNKNOWN_NAME:
            return error
        late = {name for one in self._targets.values() for name in (one.table.let or ())}
        late.update((target.making.matrix or Matrix()).axes or ())
        late -= {*self.rendering.scope, *local}
        used = [one for one in self.rendering.templates[text].names if one in late]
        if not used:
            return error
        name = used[0]
        message = f'the template uses "{name}", which the cells have only when the matrix is made'
        hint = "what makes and selects cells uses variables only; a value made of axes is one of let"
        return BadTemplateError(message, hint, error.code)
