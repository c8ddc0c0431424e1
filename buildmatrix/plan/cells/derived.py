"""What `include` gives cells by templates that see them: a cell's axes, other such keys, and values of `let`.

All of these are worked out together for each cell, each after those that it uses. What only holds for what comes of
that (an override that selects such a key, a parent that the cell chooses) cannot change what it is made with: that is
refused, and so are cycles.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from buildmatrix.errors import Notes, Place, Problems
from buildmatrix.graphs import find_cycles, ordered, reached, steps_of
from buildmatrix.plan.cells.matrix import Open, matches
from buildmatrix.plan.merging.interpolate import Fault, Faults
from buildmatrix.plan.merging.lets import valued
from buildmatrix.plan.merging.merge import Merged
from buildmatrix.soundness import expansion_of
from buildmatrix.spec.checks.names import inside
from buildmatrix.spec.rows.tables import DeclaredTarget
from buildmatrix.template.context import CellRendering, Rendering
from buildmatrix.template.render import templates_in
from buildmatrix.template.scope import BadTemplateError, Cell, Missing
from buildmatrix.template.volatile import made_with


class _Order(NamedTuple):
    """The names that are worked out for a cell, each after those that it uses, and what each of them uses."""

    merged: Merged
    names: tuple[str, ...]
    uses: Mapping[str, tuple[str, ...]]
    cycles: tuple[tuple[str, ...], ...]


class _Made(NamedTuple):
    """A cell whose values are worked out, as it was before, and by what."""

    cell: Cell
    before: Cell
    order: _Order


class Derived:
    """Works out the values of cells; what is wrong with them is added to the problems."""

    def __init__(self, rendering: Rendering, problems: Problems) -> None:
        """Begin with no cell."""
        self._rendering, self._problems = rendering, problems
        self._made: dict[int, _Made] = {}
        self._same: dict[Any, Any] = {}
        """Values by what they are: those that are alike are one object, which is never given up (see `_Made.key`)."""

    def cells(
        self, target: DeclaredTarget, cells: list[Cell], faults: Faults, lets: frozenset[str], early: "MergedOf"
    ) -> list[Cell]:
        """Return the cells of a target with all their values; `early` are the settings that hold before these."""
        if not any(isinstance(value, Open) for cell in cells for value in cell.values()):
            return cells
        local = {*lets, *(axis for cell in cells for axis in cell)}
        filling = _Filling(target, CellRendering(self._rendering, target.name, local), faults, self)
        return [self._filled(cell, early, filling) for cell in cells]

    def _filled(self, cell: Cell, early: "MergedOf", filling: "_Filling") -> Cell:
        if not any(isinstance(value, Open) for value in cell.values()):
            return cell
        known = {axis: value for axis, value in cell.items() if not isinstance(value, Open)}
        found, order = filling.values(cell, known, early(known))
        made = {
            axis: found[axis] if isinstance(value, Open) else value for axis, value in cell.items() if axis in found
        }
        self._made[id(made)] = _Made(made, cell, order)
        return made

    def one(self, value: Any) -> Any:
        """Return a value as the one object that all have that are alike."""
        key = (type(value), value.hint if isinstance(value, Missing) else repr(value))
        return self._same.setdefault(key, value)

    def refuse(self, name: str, fault: Fault, place: Place, notes: Notes = ()) -> None:
        """Refuse the cells of the target of this name, once for each place and message."""
        code, message, hint, _ = fault
        invalidates, once = [expansion_of(name, "values")], (place, message)
        self._problems.error(code, message, place, hint=hint, notes=notes, invalidates=invalidates, once=once)

    def before(self, cell: Cell) -> Cell:
        """Return a cell as its matrix made it, before its values were worked out."""
        return self._made[id(cell)].before if id(cell) in self._made else cell

    def volatile(self, cell: Cell, axes: frozenset[str]) -> frozenset[str]:
        """Return which values of a cell are volatile: `axes`, and what is made with these and the like."""
        if id(cell) not in self._made:
            return axes
        return made_with(self._made[id(cell)].order.uses, self._rendering.volatile | axes) & (axes | cell.keys())

    def check(self, target: DeclaredTarget, cell: Cell, merged: Merged) -> None:
        """Refuse a cell whose values were made with what one of the parents that it chooses then replaces."""
        if id(cell) not in self._made:
            return
        order = self._made[id(cell)].order
        for name in order.names:
            place, before = merged.origins.get(("let", name)), order.merged.origins.get(("let", name))
            if name not in cell and place is not None and place != before:
                user = next(one for one in order.names if name in order.uses[one])
                message = f"target.{target.name}: let.{name} is used to make {user}, and comes of a parent that is "
                message += "known only when the cell is"
                at = next(value.place for value in self.before(cell).values() if isinstance(value, Open))
                hint = f"name that parent as it stands, or set let.{name} in target.{target.name}"
                self.refuse(target.name, Fault("let", message, hint), at, ((f"let.{name}", place),))


MergedOf = Callable[[Cell], Merged]


class _Filling:
    """Works out the values of one target's cells."""

    def __init__(self, target: DeclaredTarget, rendering: CellRendering, faults: Faults, derived: Derived) -> None:
        self._target, self._rendering, self._faults, self._derived = target, rendering, faults, derived
        self._orders: dict[Any, _Order] = {}
        self._late = [one for one in target.making.overrides if one.table.let]

    def values(self, cell: Cell, known: Cell, merged: Merged) -> tuple[dict[str, Any], _Order]:
        """Return all values of a cell, of which some are `known`, and by which order the others were worked out."""
        opened = {axis: value for axis, value in cell.items() if isinstance(value, Open)}
        order = self._order(opened, known, merged)
        found = dict(known)
        if order.cycles or self._refuse_late(opened, known, order):
            return found, order
        for name in order.names:
            if name in opened:
                value, tried = self._open(opened[name], found)
                order = self._without_others(name, opened[name], tried, order)
            else:
                value = self._valued(merged.let[name], found, f"let.{name}", merged.origins["let", name])
            if value is not None or name not in opened:
                found[name] = self._derived.one(value)
            elif name in merged.let and self._refuse_absent(name, opened, order):
                found[name] = Missing("")
        return found, order

    def _open(self, value: Open, found: Cell) -> tuple[Any, int]:
        """Return the value of a key, and how many were tried for it; none where all that is written gives none."""
        for index, (written, place) in enumerate(value.written):
            made = written if place is None else self._valued(written, found, "matrix", place)
            if made is not None:
                return made, index + 1
        return None, len(value.written)

    def _without_others(self, name: str, value: Open, tried: int, order: _Order) -> _Order:
        """Return an order in which a key uses what it was made with, and not what lies below that."""
        if tried == len(value.written):
            return order
        uses = tuple(self._uses(name, [written for written, _ in value.written[:tried]], is_open=True))
        return order._replace(uses={**order.uses, name: uses})

    def _valued(self, written: Any, found: Cell, what: str, place: Place) -> Any:
        try:
            return valued(written, lambda text: self._rendering.evaluate(text, {**found}))
        except BadTemplateError as error:
            message = f"target.{self._target.name}.{what}: {error.message}"
            self._faults.add(error, message, place, expansion_of(self._target.name, "values"))
            return Missing("")

    # --- in which order ---------------------------------------------------------------------------------------------

    def _order(self, opened: Mapping[str, Open], known: Cell, merged: Merged) -> _Order:
        key = (id(merged), frozenset(known), tuple((name, tuple(_places(value))) for name, value in opened.items()))
        if key not in self._orders:
            self._orders[key] = self._ordered(opened, known, merged)
        return self._orders[key]

    def _ordered(self, opened: Mapping[str, Open], known: Cell, merged: Merged) -> _Order:
        nodes = {name: value for name, value in merged.let.items() if name not in known}
        nodes |= {name: [written for written, place in value.written if place] for name, value in opened.items()}
        every = {name: tuple(self._uses(name, value, is_open=name in opened)) for name, value in nodes.items()}
        within = {name: [one for one in uses if one in nodes] for name, uses in every.items()}
        needed = list(reached(opened, within.__getitem__))
        walks: list[list[str]] = []
        find_cycles({name: within[name] for name in [*opened, *needed]}, walks.append)
        for walk in walks:
            self._refuse_cycle(walk, opened, merged)
        names = () if walks else tuple(ordered(opened, within.__getitem__))
        uses = {name: every[name] for name in needed}
        return _Order(merged, names, uses, tuple(map(tuple, walks)))

    def _uses(self, name: str, value: Any, *, is_open: bool) -> Iterator[str]:
        """Yield the names that a value uses; a key's own name is that of a variable, if there is one."""
        for text in templates_in(value):
            for used in self._rendering.names(text):
                if used != name or not (is_open and self._rendering.is_variable(name)):
                    yield used

    # --- what is refused --------------------------------------------------------------------------------------------

    def _refuse_cycle(self, walk: list[str], opened: Mapping[str, Open], merged: Merged) -> None:
        places = {name: opened[name].place if name in opened else merged.origins["let", name] for name in walk}
        notes = tuple((f"{one} uses {used}", places[one]) for one, used in steps_of(walk))
        what = (
            "what include gives and values of let use" if any(name in opened for name in walk) else "values of let use"
        )
        message = f"{what} each other in a cycle: " + " → ".join([*walk, walk[0]])
        is_parents = len(walk) == 1 and walk[0] in merged.let
        hint = "what a parent gives is replaced: give the new value another name" if is_parents else ""
        self._derived.refuse(self._target.name, Fault("cycle", message, hint), places[walk[0]], notes)

    def _refuse_late(self, opened: Mapping[str, Open], known: Cell, order: _Order) -> bool:
        """Refuse overrides that may hold for what a cell gets, and change what that is made with."""
        found = False
        used = {name for names in order.uses.values() for name in names if name not in opened and name not in known}
        for override in self._late:
            select, let = override.table.select, override.table.let or {}
            selected = [axis for axis in select if axis in opened]
            sure = {axis: wanted for axis, wanted in select.items() if axis not in opened}
            changed = [name for name in let if name in used]
            if not selected or not changed or not matches(sure, known):
                continue
            found, name = True, changed[0]
            user = _first_made_with(name, opened, order.uses)
            message = f"target.{self._target.name}: an override that selects {selected[0]} sets let.{name}, and "
            message += f"{user} of include is made with {name}"
            place, hint = (
                inside(override.place, "let", name),
                "select axes of the matrix, or give that value another name",
            )
            notes = ((f"{user} is made here", opened[user].place),)
            self._derived.refuse(self._target.name, Fault("let", message, hint), place, notes)
        return found

    def _refuse_absent(self, name: str, opened: Mapping[str, Open], order: _Order) -> bool:
        """Refuse a key without a value whose name is one of `let`, too, where others are made with it."""
        user = next((one for one in order.names if name in order.uses[one]), "")
        if user:
            message = f"target.{self._target.name}: {name} of include has no value here, and {user} is made with it"
            hint = f"call it otherwise: there is let.{name}, which counts then"
            self._derived.refuse(self._target.name, Fault("let", message, hint), opened[name].place)
        return bool(user)


def _places(value: Open) -> Iterator[Place]:
    return (place for _, place in value.written if place is not None)


def _first_made_with(name: str, opened: Iterable[str], uses: Mapping[str, Iterable[str]]) -> str:
    """Return the first of the keys that is made with a value, by way of others or not."""
    return next(one for one in opened if name in set(reached([one], lambda each: uses.get(each, ()))))
