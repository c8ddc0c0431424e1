"""Layers merge as if each descendant repeated all of its parents, however often one comes: later ones win."""

from collections.abc import Iterator, Mapping
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from buildmatrix.errors import Place, Pointer
from buildmatrix.plan.cells.lines import Lines
from buildmatrix.plan.merging.merge import Heritage
from buildmatrix.spec.checks.names import inside
from buildmatrix.spec.rows.options import Apply
from buildmatrix.spec.rows.settings import Settings
from buildmatrix.spec.rows.shapes import given as rows_given
from buildmatrix.spec.rows.shapes import row_of, rows
from buildmatrix.spec.rows.tables import DeclaredTarget, Extend, Layer, Spec, Target

LETTERS = st.sampled_from("abc")
LISTS = st.lists(LETTERS, max_size=3).map(tuple)
VALUES: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {}, optional={"tags": LISTS, "args": st.dictionaries(LETTERS, LETTERS, max_size=2), "network": LETTERS}
)


OWN = {row.attribute for row in rows(Settings)}


@st.composite
def specs(draw: st.DrawFn) -> Spec:
    """Targets that inherit, often twice, from those before them."""
    targets: dict[str, DeclaredTarget] = {}
    for number in range(draw(st.integers(1, 6))):
        parents = draw(st.lists(st.sampled_from([*targets, "gone"]), max_size=4)) if targets else []
        more = draw(st.none() | LISTS)
        extend = None if more is None else Extend(tags=more)
        table = Target(**draw(VALUES), inherits=tuple(parents) or None, extend=extend)
        place = Place(file="f", pointer=("target", f"t{number}"))
        below = Layer(settings=Settings(**draw(VALUES)), place=Place(file="f", pointer=("defaults",)))
        targets[f"t{number}"] = DeclaredTarget(name=f"t{number}", table=table, place=place, defaults=(below,))
    return Spec(
        file="f", directory="/", digests={}, requires_buildx=(), apply=Apply(), variables={}, targets=targets, groups={}
    )


def layers(spec: Spec, target: DeclaredTarget) -> Iterator[Layer]:
    for parent in target.table.inherits or ():
        if parent in spec.targets:
            yield from layers(spec, spec.targets[parent])
    yield Layer(settings=target.table, place=target.place)
    if target.table.extend is not None:
        yield Layer(settings=target.table.extend, place=inside(target.place, "extend"), extend=True)


def laid(found: dict[str, Any], places: dict[Pointer, Place], layer: Layer) -> None:
    """Lay a layer over what is there, word by word as the guide says it."""
    for attribute, value in rows_given(layer.settings).items():
        place = inside(layer.place, row_of(Settings, attribute).key) if attribute in OWN else None
        if place is None:
            continue
        if isinstance(value, Mapping):
            found[attribute] = {**found.get(attribute, {}), **value}
            places.update({(attribute, key): inside(place, key) for key in value})
        elif isinstance(value, tuple):
            below = found.get(attribute, ()) if layer.extend else ()
            known = [places[attribute, index] for index in range(len(below))]
            items = [(item, inside(place, index)) for index, item in enumerate(value)]
            fresh = [(item, where) for item, where in items if where not in known]
            found[attribute] = (*below, *(item for item, _ in fresh))
            places.update({(attribute, index): at for index, at in enumerate([*known, *(at for _, at in fresh)])})
        else:
            found[attribute] = value
            places[attribute,] = place


def lines_of(spec: Spec) -> Lines:
    return Lines(spec, cast("Any", None), lambda name: spec.targets[name])  # none depends on a cell


@given(specs())
def test_parents_that_are_worked_out_once_are_parents_that_are_repeated(spec: Spec) -> None:
    lines, heritage = lines_of(spec), Heritage()
    for target in spec.targets.values():
        found: dict[str, Any] = {}
        places: dict[Pointer, Place] = {}
        for layer in (*target.defaults, *layers(spec, target)):
            laid(found, places, layer)
        merged = heritage.of(lines.bare(target)).merged()
        assert merged.settings == Settings(**found)
        assert list(merged.settings.args or ()) == list(found.get("args", ()))
        inner = {path: place for path, place in merged.origins.items() if path[1:] or path[0] == "network"}
        assert inner == {path: places[path] for path in inner}


def test_sixty_diamonds_over_each_other() -> None:
    targets: dict[str, DeclaredTarget] = {}
    for number in range(60):
        parents = (f"t{number - 1}", f"t{number - 1}") if number else None
        table = Target(args={f"a{number}": "x"}, inherits=parents, extend=Extend(tags=(f"t:{number}",)))
        place = Place(file="f", pointer=("target", f"t{number}"))
        targets[f"t{number}"] = DeclaredTarget(name=f"t{number}", table=table, place=place, defaults=())
    spec = Spec(
        file="f", directory="/", digests={}, requires_buildx=(), apply=Apply(), variables={}, targets=targets, groups={}
    )
    settings = Heritage().of(lines_of(spec).bare(targets["t59"])).merged().settings
    assert len(settings.args or ()) == 60
    assert settings.tags == tuple(f"t:{number}" for number in range(60))
