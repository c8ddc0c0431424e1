"""Which targets a cell inherits from, and which of their overrides hold for it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from buildmatrix.errors import Problems
from buildmatrix.graphs import find_cycles, ordered, reached, steps_of
from buildmatrix.plan.cells.matrix import matches
from buildmatrix.plan.cells.parents import Parents
from buildmatrix.plan.merging.merge import Line
from buildmatrix.soundness import inheritance_of
from buildmatrix.spec.checks.names import inside
from buildmatrix.spec.rows.tables import DeclaredOverride, DeclaredTarget, Spec
from buildmatrix.template.platforms import PLATFORM, PlatformName
from buildmatrix.template.scope import Cell

if TYPE_CHECKING:
    from buildmatrix.errors import Place


class _Node(NamedTuple):
    """A target as it is for a cell of `declared`, which inherits it or is it; a cell is known by its identity.

    `whole` is one that is inherited itself, with its values.
    """

    declared: str
    name: str
    cell: int
    whole: bool = False


class Lines:
    """Makes the lines of cells, each once. Targets that inherit themselves must not be asked for."""

    def __init__(self, spec: Spec, parents: Parents, rendered: Callable[[str], DeclaredTarget]) -> None:
        """Take the spec; `rendered` returns a target whose overrides have their selectors rendered."""
        self._targets, self._read, self._rendered = spec.targets, parents, rendered
        self._known: dict[tuple[str, tuple[Place, ...]], Line] = {}
        self._plain: dict[str, Line] = {}
        self._made: dict[Any, Line] = {}
        self._cells: dict[int, Cell] = {}
        self._edges: dict[_Node, tuple[_Node, ...]] = {}
        self._chosen: dict[_Node, frozenset[_Node]] = {}
        self._lines: dict[_Node, Line] = {}
        self._varying: dict[str, bool] = {}
        self._placed: dict[tuple[int, str], tuple[Cell, Cell]] = {}

    def of(self, target: DeclaredTarget, cell: Cell) -> Line:
        """Return the line of a cell of a target, whose overrides have their selectors rendered."""
        if self.varies(target.name):
            return self._node_line(self._start(target, cell))
        return self.early(target, cell)

    def early(self, target: DeclaredTarget, cell: Cell) -> Line:
        """Return the line of a cell without the parents that it chooses itself."""
        return self._with(target, tuple(one for one in target.making.overrides if matches(one.table.select, cell)))

    def bare(self, target: DeclaredTarget) -> Line:
        """Return the line of a target of which no override holds, and of whose parents only those are known."""
        return self._with(target, ())

    def varies(self, name: str) -> bool:
        """Tell whether something that a target inherits depends on the cell, or is a cell."""
        for one in ordered([name], lambda one: () if one in self._varying else self._parents(one)):
            if one not in self._varying:
                items = self._targets[one].table.inherits or ()
                varies = any(self._varying[parent] for parent in self._parents(one))
                self._varying[one] = varies or any(item not in self._targets for item in items)
        return self._varying[name]

    # --- what is the same for all cells -----------------------------------------------------------------------------

    def _with(self, target: DeclaredTarget, overrides: tuple[DeclaredOverride, ...]) -> Line:
        key = (target.name, tuple(one.place for one in overrides))
        if key not in self._known:
            self._known[key] = self._line(target.name, overrides)
        return self._known[key]

    def _line(self, name: str, overrides: Iterable[DeclaredOverride]) -> Line:
        own: dict[str, list[DeclaredOverride]] = {}
        for override in overrides:
            own.setdefault(override.owner, []).append(override)
        lines: dict[str, Line] = {}
        for one in ordered([name], lambda one: () if one in self._plain else self._parents(one)):
            lines[one] = self._plain.get(one) or self._over(one, own.get(one, ()), lines)
        return lines[name]

    def _over(self, name: str, held: Sequence[DeclaredOverride], lines: Mapping[str, Line]) -> Line:
        """Return the line of a target above lines that are known; one that no override can change is kept by name."""
        line = self._one(name, held, [lines[parent] for parent in self._parents(name)])
        if not self._targets[name].making.overrides:
            self._plain[name] = line
        return line

    def _one(
        self,
        name: str,
        held: Sequence[DeclaredOverride],
        parents: Iterable[Line],
        values: Cell | None = None,
        chosen: frozenset[Line] = frozenset(),
    ) -> Line:
        above = tuple(parents)
        key = (name, tuple(override.place for override in held), above, 0 if values is None else id(values), chosen)
        return self._made.setdefault(key, Line(self._targets[name], tuple(held), above, values, chosen))

    def _parents(self, name: str) -> list[str]:
        return self._targets[name].parents_in(self._targets)

    # --- what differs from cell to cell -----------------------------------------------------------------------------

    def _start(self, target: DeclaredTarget, cell: Cell) -> _Node:
        self._cells[id(cell)] = cell  # which keeps it, and with it its id
        return _Node(target.name, target.name, id(cell))

    def _node_line(self, start: _Node) -> Line:
        for node in ordered([start], lambda one: () if one in self._lines else self._above(one)):
            if node not in self._lines:
                cell = self._cells[node.cell]
                own = (one for one in self._rendered(node.declared).making.overrides if one.owner == node.name)
                held = [one for one in own if matches(one.table.select, cell)]
                parents = (self._lines[parent] for parent in self._above(node))
                chosen = frozenset(self._lines[parent] for parent in self._chosen[node])
                self._lines[node] = self._one(node.name, held, parents, cell if node.whole else None, chosen)
        return self._lines[start]

    def _above(self, node: _Node) -> tuple[_Node, ...]:
        if node not in self._edges:
            cell, found, sure = self._cells[node.cell], [], set[_Node]()
            for parent in self._read.of(self._targets[node.name], node.declared, cell):
                of_cell = cell if parent.cell is None else self._on_platform(parent.cell, cell)
                self._cells[id(of_cell)] = of_cell
                declared = node.declared if parent.named else parent.name
                found.append(_Node(declared, parent.name, id(of_cell), parent.cell is not None))
                sure.update(found[-1:] if not parent.volatile else ())
            self._edges[node], self._chosen[node] = tuple(found), frozenset(found) - sure
        return self._edges[node]

    def _on_platform(self, parent: Cell, cell: Cell) -> Cell:
        """Return the cell that is inherited, for the platform that the heir is rendered for."""
        platform = cell.get(PLATFORM)
        if not isinstance(platform, PlatformName) or PLATFORM in parent:
            return parent
        key = (id(parent), platform)
        if key not in self._placed:
            self._placed[key] = (parent, {**parent, PLATFORM: platform})  # which keeps the cell, and with it its id
        return self._placed[key][1]

    def refuse_cycles(self, target: DeclaredTarget, cells: Iterable[Cell], problems: Problems) -> None:
        """Refuse cells that inherit themselves, by way of others or not."""
        if not self.varies(target.name):
            return
        nodes = reached([self._start(target, cell) for cell in cells], self._above)
        found: list[list[_Node]] = []
        find_cycles({node: self._above(node) for node in nodes}, found.append)
        for walk in found:
            names = [node.name for node in walk]
            places = {name: inside(self._targets[name].place, "inherits") for name in names}
            notes = tuple((f"{child} inherits {parent}", places[child]) for child, parent in steps_of(names))
            message = "cells inherit each other in a cycle: " + " → ".join([*names, names[0]])
            invalidates = [inheritance_of(name) for name in (*names, target.name)]
            once = ("cycle", frozenset(names))
            problems.error("cycle", message, places[names[0]], notes=notes, invalidates=invalidates, once=once)
