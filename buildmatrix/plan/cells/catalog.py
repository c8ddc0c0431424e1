"""What a file declares, as plain data: for lists and for completion, which plan nothing."""

from collections.abc import Mapping
from typing import Any

from buildmatrix.plan.cells.expand import Expansion
from buildmatrix.records import dataclass
from buildmatrix.spec.rows.tables import DeclaredVariable
from buildmatrix.template.variables import ResolvedVariable


@dataclass(frozen=True, kw_only=True)
class KnownGroup:
    """A group: its selectors as they are written, and the targets that they select."""

    name: str
    members: tuple[str, ...]
    targets: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Catalog:
    """The groups of a file, its targets and their cells by name, and its variables.

    `choices` are the values that a variable may have, where there are few.
    """

    groups: tuple[KnownGroup, ...]
    targets: tuple[str, ...]
    cells: tuple[str, ...]
    variables: tuple[ResolvedVariable, ...]
    choices: Mapping[str, tuple[Any, ...]]

    @property
    def names(self) -> tuple[str, ...]:
        """All that a selector may name."""
        return tuple(dict.fromkeys([*(group.name for group in self.groups), *self.targets, *self.cells]))


def catalog_of(expansion: Expansion) -> Catalog:
    """Return what an expansion without errors holds."""
    spec, select = expansion.spec, expansion.selection.names
    groups = spec.groups.values()
    return Catalog(
        groups=tuple(KnownGroup(name=one.name, members=one.members, targets=select(one.name)) for one in groups),
        targets=tuple(name for name, target in spec.targets.items() if not target.abstract),
        cells=tuple(expansion.entries),
        variables=tuple(expansion.rendering.variables.values()),
        choices={name: _choices(variable) for name, variable in spec.variables.items()},
    )


def _choices(variable: DeclaredVariable) -> tuple[Any, ...]:
    table = variable.table
    is_flag = table.type == "boolean" or isinstance(table.default, bool)
    return tuple(table.choices or (("true", "false") if is_flag else ()))
