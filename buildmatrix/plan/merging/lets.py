"""The values that `let` gives the cells of a target: worked out for each cell, in the order of their use."""

from collections.abc import Callable, Mapping
from typing import Any

from buildmatrix.errors import Place, Problems
from buildmatrix.graphs import find_cycles, ordered, steps_of
from buildmatrix.plan.merging.merge import Merged
from buildmatrix.spec.rows.shapes import is_template
from buildmatrix.template.context import CellRendering
from buildmatrix.template.render import templates_in
from buildmatrix.template.scope import OMITTED, BadTemplateError, Cell, Missing

Bad = Callable[[BadTemplateError, str, Place], None]
"""Takes what is wrong with a value, with its name and its place."""


class Lets:
    """Gives the values of one target's cells. `merged_of` are the settings that hold for a cell, layers laid over.

    Where an axis has the name of a value that a parent gives, the axis goes before it.
    """

    def __init__(self, rendering: CellRendering, merged_of: Callable[[Cell], Merged]) -> None:
        self._rendering, self._merged_of = rendering, merged_of
        self._orders: dict[int, tuple[Merged, list[str], list[list[str]]]] = {}
        self._known: dict[int, tuple[Cell, dict[str, Any]]] = {}
        self._same: dict[Any, Any] = {}
        """Values by what they are: those that are alike are one object, which is never given up (see `_Made.key`)."""

    def of(self, cell: Cell) -> dict[str, Any]:
        """Return a cell's values beside those of its axes; one that is wrong stands as what has nothing to say."""
        if id(cell) not in self._known:
            self._known[id(cell)] = (cell, self._worked_out(cell))  # which keeps the cell, and with it its id
        return self._known[id(cell)][1]

    def _worked_out(self, cell: Cell) -> dict[str, Any]:
        merged = self._merged_of(cell)
        if not merged.let:
            return {}
        found: dict[str, Any] = {}
        _, order, cycles = self._order(merged)
        found |= {name: self._one(Missing("")) for walk in cycles for name in walk if name not in cell}
        for name in order:
            if name in cell:
                continue
            try:
                value = self._value(merged.let[name], {**cell, **found})
            except BadTemplateError:
                value = Missing("")
            found[name] = self._one(value)
        return found

    def check(self, cell: Cell, values: Mapping[str, Any], problems: Problems, bad: Bad) -> None:
        """Add what is wrong with the values of a cell, which `of` has given."""
        merged = self._merged_of(cell)
        if not merged.let:
            return
        _, order, cycles = self._order(merged)
        for walk in cycles:
            places = [merged.origins["let", name] for name in walk]
            notes = tuple((f"{one} uses {used}", merged.origins["let", one]) for one, used in steps_of(walk))
            message = "values of let use each other in a cycle: " + " → ".join([*walk, walk[0]])
            hint = "what a parent gives is replaced: give the new value another name" if len(walk) == 1 else ""
            problems.error("cycle", message, places[0], hint=hint, notes=notes, once=(places[0], message))
        for name in order:
            if isinstance(values.get(name), Missing):
                try:
                    self._value(merged.let[name], {**cell, **values})
                except BadTemplateError as error:
                    bad(error, name, merged.origins["let", name])

    def _order(self, merged: Merged) -> tuple[Merged, list[str], list[list[str]]]:
        """Return the names that can be worked out, each behind those that it uses, and the cycles of the others."""
        if id(merged) not in self._orders:
            uses = {
                name: [one for text in templates_in(value) for one in self._rendering.names(text) if one in merged.let]
                for name, value in merged.let.items()
            }
            cycles: list[list[str]] = []
            find_cycles(uses, cycles.append)
            lost = {name for walk in cycles for name in walk}
            order = ordered(uses, lambda name: () if name in lost else uses[name])
            self._orders[id(merged)] = (merged, [name for name in order if name not in lost], cycles)
        return self._orders[id(merged)]

    def _value(self, value: Any, cell: Cell) -> Any:
        return valued(value, lambda text: self._rendering.evaluate(text, cell))

    def _one(self, value: Any) -> Any:
        key = (type(value), value.hint if isinstance(value, Missing) else repr(value))
        return self._same.setdefault(key, value)


def valued(value: Any, evaluate: Callable[[str], Any]) -> Any:
    """Return a value with its templates evaluated; none where one gives none, and a list without such items."""
    if isinstance(value, str):
        return _evaluated(value, evaluate) if is_template(value) else value
    if isinstance(value, Mapping):
        return {key: valued(item, evaluate) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [item for item in (valued(one, evaluate) for one in value) if item is not None]
    return value


def _evaluated(text: str, evaluate: Callable[[str], Any]) -> Any:
    try:
        return evaluate(text)
    except BadTemplateError as error:
        if error.code != OMITTED:
            raise
        return None
