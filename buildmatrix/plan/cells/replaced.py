"""Lists of parents that heirs replace, where bake would add to them: told once for each such list."""

from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

from buildmatrix.errors import Place, Problems, some
from buildmatrix.plan.cells.merge import Heritage, ListPart, Stack
from buildmatrix.soundness import inheritance_of
from buildmatrix.spec.checks.data import spoken
from buildmatrix.spec.rows.csv import BadCsvError, parsed
from buildmatrix.spec.rows.markers import AddedByBake
from buildmatrix.spec.rows.settings import Settings
from buildmatrix.spec.rows.shapes import row_of, rows
from buildmatrix.spec.rows.tables import DeclaredTarget, Layer, Spec

MOST_NAMED = 8


class _Replaced(NamedTuple):
    """A list that an heir replaces: its key, and where it begins."""

    key: str
    place: Place


def warn_of_replaced(spec: Spec, heritage: Heritage, problems: Problems) -> None:
    """Warn of each list of a parent that bake would add to and that heirs replace, unless they repeat what it has."""
    heirs: dict[_Replaced, list[str]] = {}
    for target in spec.targets.values():
        if target.table.inherits and problems.is_sound(inheritance_of(target.name)):
            for one in dict.fromkeys(_replaced(target, heritage)):
                heirs.setdefault(one, []).append(target.name)
    for (key, place), names in heirs.items():
        number = f"{len(names)} targets" if len(names) > 1 else "one target"
        message = f"{spoken(place.pointer)} is replaced in {number} that inherit{'s' * (len(names) == 1)} it"
        hint = (
            f"write extend.{key} = [...] to add to it, as bake does, or {key} = [] and extend.{key} = [...] "
            "where it is to be replaced"
        )
        problems.warn("replaced-list", f"{message}: {some(names, MOST_NAMED)}", place, hint=hint)


def _replaced(target: DeclaredTarget, heritage: Heritage) -> Iterator[_Replaced]:
    """Yield the lists that a target replaces: those of its parents by its own, and those of a parent by another's."""
    below = Stack()
    for parent in heritage.parents(target.name) if len(target.table.inherits or ()) > 1 else ():
        above = heritage.whole(parent)
        yield from _between(below, above)
        below.lay_all(above)
    if any(getattr(target.table, attribute) for attribute in _added()):
        yield from _between(heritage.above(target.name), Stack([Layer(settings=target.table, place=target.place)]))


def _between(below: Stack, above: Stack) -> Iterator[_Replaced]:
    for attribute in _added():
        lost, instead = below.list_of(attribute), above.list_of(attribute)
        if lost is not None and instead is not None and _is_lost(attribute, lost, instead):
            yield _Replaced(row_of(Settings, attribute).key, lost.place)


def _is_lost(attribute: str, below: ListPart, above: ListPart) -> bool:
    """Tell whether a list takes something away that is below it. One that is empty is meant to: it clears."""
    items = [_identity(attribute, item) for item in above.items.values()]
    lost = (item for item in below.items.values() if _identity(attribute, item) not in items)
    return bool(items) and not above.extends and any(True for _ in lost)


def _identity(attribute: str, item: Any) -> Any:
    """Return what two items of a list have in common of which bake takes the last: their id or type, or all."""
    marker = row_of(Settings, attribute).marker(AddedByBake)
    if marker is None or not marker.by:
        return item
    if isinstance(item, str):
        try:
            return parsed(attribute, item).get(marker.by, item)
        except BadCsvError:
            return item
    return getattr(item, marker.by)


@cache
def _added() -> tuple[str, ...]:
    return tuple(row.attribute for row in rows(Settings) if row.marker(AddedByBake) is not None)
