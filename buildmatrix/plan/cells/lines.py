"""Which targets a cell inherits from, and which of their overrides hold for it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from buildmatrix.graphs import ordered
from buildmatrix.plan.cells.matrix import matches
from buildmatrix.plan.cells.merge import Line
from buildmatrix.spec.rows.tables import DeclaredOverride, DeclaredTarget, Spec
from buildmatrix.template.scope import Cell

if TYPE_CHECKING:
    from buildmatrix.errors import Place


class Lines:
    """Makes the lines of cells, each once. Targets that inherit themselves must not be asked for."""

    def __init__(self, spec: Spec) -> None:
        """Take the spec."""
        self._targets = spec.targets
        self._known: dict[tuple[str, tuple[Place, ...]], Line] = {}
        self._plain: dict[str, Line] = {}
        self._made: dict[tuple[str, tuple[Place, ...], tuple[Line, ...]], Line] = {}

    def of(self, target: DeclaredTarget, cell: Cell) -> Line:
        """Return the line of a cell of a target, whose overrides have their selectors rendered."""
        return self._with(target, tuple(one for one in target.making.overrides if matches(one.table.select, cell)))

    def bare(self, target: DeclaredTarget) -> Line:
        """Return the line of a target of which no override holds."""
        return self._with(target, ())

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
            lines[one] = self._plain.get(one) or self._made_of(one, own.get(one, ()), lines)
        return lines[name]

    def _made_of(self, name: str, held: Sequence[DeclaredOverride], lines: Mapping[str, Line]) -> Line:
        """Return the line of a target above lines that are known; one that no override can change is kept by name."""
        target, parents = self._targets[name], tuple(lines[parent] for parent in self._parents(name))
        key = (name, tuple(override.place for override in held), parents)
        line = self._made.setdefault(key, Line(target, tuple(held), parents))
        if not target.making.overrides:
            self._plain[name] = line
        return line

    def _parents(self, name: str) -> list[str]:
        return self._targets[name].parents_in(self._targets)
