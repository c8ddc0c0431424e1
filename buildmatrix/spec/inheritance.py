"""What makes the cells of targets: their matrix, name and overrides, with what they inherit of those.

Axes merge by name; the name and the lists of a matrix replace; overrides add up, each where its settings stand: those
of a parent lie under the settings of its child.
"""

from collections.abc import Mapping
from dataclasses import replace

from buildmatrix.errors import Place, Pointer
from buildmatrix.graphs import find_cycles, ordered
from buildmatrix.spec.checks.names import inside
from buildmatrix.spec.rows.tables import DeclaredOverride, DeclaredTarget, Making, Matrix
from buildmatrix.spec.toml.placed import sources_of


def with_makings(targets: Mapping[str, DeclaredTarget]) -> dict[str, DeclaredTarget]:
    """Return the targets with what makes their cells; one in a cycle of inheritance has its own alone."""
    parents = {name: target.parents_in(targets) for name, target in targets.items()}
    cyclic: set[str] = set()
    find_cycles(parents, cyclic.update)
    found: dict[str, Making] = {}
    for name in ordered(targets, lambda name: () if name in cyclic else parents[name]):
        making = Making()
        for one in () if name in cyclic else parents[name]:
            making = _over(making, found[one])
        found[name] = _over(making, _own(targets[name]))
    return {name: replace(target, making=found[name]) for name, target in targets.items()}


def _own(target: DeclaredTarget) -> Making:
    table, places = target.table, dict[Pointer, Place]()
    if table.name is not None:
        places["name",] = inside(target.place, "name")
    if table.matrix is not None:
        at = places["matrix",] = inside(target.place, "matrix")
        places |= {("matrix", axis): inside(at, axis) for axis in table.matrix.axes or {}}
        places |= {("matrix", key): inside(at, key) for key in _LISTS if getattr(table.matrix, key) is not None}
    overrides = table.override or ()
    return Making(
        matrix=table.matrix,
        name=table.name,
        overrides=tuple(
            DeclaredOverride(owner=target.name, table=one, place=inside(target.place, "override", index))
            for index, one in zip(sources_of(overrides), overrides, strict=True)
        ),
        places=places,
    )


def _over(below: Making, above: Making) -> Making:
    overrides = {one.place: one for one in (*below.overrides, *above.overrides)}
    return Making(
        matrix=_merged(below.matrix, above.matrix),
        name=below.name if above.name is None else above.name,
        overrides=tuple(overrides.values()),
        places={**below.places, **above.places},
    )


def _merged(below: Matrix | None, above: Matrix | None) -> Matrix | None:
    if below is None or above is None:
        return below or above
    lists = {key: value for key in _LISTS if (value := getattr(above, key)) is not None}
    return below.but({"axes": {**(below.axes or {}), **(above.axes or {})}, **lists})


_LISTS = ("exclude", "include")
