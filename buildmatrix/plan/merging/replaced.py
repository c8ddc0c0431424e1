"""Lists of parents that heirs replace, where bake would add to them: told once for each such list."""

from collections.abc import Collection, Iterator
from functools import cache
from typing import Any, NamedTuple

from buildmatrix.errors import Place, Problems, some
from buildmatrix.plan.cells.lines import Lines
from buildmatrix.plan.merging.merge import Heritage, Line, Stack
from buildmatrix.soundness import inheritance_of
from buildmatrix.spec.checks.data import spoken
from buildmatrix.spec.rows.csv import BadCsvError, parsed
from buildmatrix.spec.rows.markers import AddedByBake
from buildmatrix.spec.rows.settings import Settings
from buildmatrix.spec.rows.shapes import row_of, rows
from buildmatrix.spec.rows.tables import Spec

MOST_NAMED = 8


class _Replaced(NamedTuple):
    """A list that an heir replaces: its key, and where it begins."""

    key: str
    place: Place


def warn_of_replaced(spec: Spec, lines: Lines, heritage: Heritage, problems: Problems) -> None:
    """Warn of each list of a parent that bake would add to and that heirs replace, unless they repeat what it has."""
    heirs: dict[_Replaced, list[str]] = {}
    for target in spec.targets.values():
        if target.table.inherits and problems.is_sound(inheritance_of(target.name)):
            for one in dict.fromkeys(_replaced(lines.bare(target), heritage)):
                heirs.setdefault(one, []).append(target.name)
    for (key, place), names in heirs.items():
        number = f"{len(names)} targets" if len(names) > 1 else "one target"
        message = f"{spoken(place.pointer)} is replaced in {number} that inherit{'s' * (len(names) == 1)} it"
        hint = (
            f"write extend.{key} = [...] to add to it, as bake does, or {key} = [] and extend.{key} = [...] "
            "where it is to be replaced"
        )
        problems.warn("replaced-list", f"{message}: {some(names, MOST_NAMED)}", place, hint=hint)


def _replaced(line: Line, heritage: Heritage) -> Iterator[_Replaced]:
    """Yield the lists that a target replaces: those of its parents by its own, and those of a parent by another's."""
    below = Stack()
    for parent in line.parents if len(line.parents) > 1 else ():
        above = heritage.whole(parent)
        for attribute in _added():
            if (part := above.list_of(attribute)) is not None and not part.extends:
                yield from _lost(attribute, below, part.items.values())
        below.lay_all(above)
    for attribute in _added():
        if own := getattr(line.target.table, attribute):
            yield from _lost(attribute, heritage.above(line), own)


def _lost(attribute: str, below: Stack, above: Collection[Any]) -> Iterator[_Replaced]:
    """Yield the list of a setting that others replace, if they lack any of it; where there are none, they clear it."""
    part = below.list_of(attribute)
    if part is None or not above:
        return
    known = [_identity(attribute, item) for item in above]
    if any(_identity(attribute, item) not in known for item in part.items.values()):
        yield _Replaced(row_of(Settings, attribute).key, part.place)


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
