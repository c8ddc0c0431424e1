"""What in a file stands where an error is, so that what merely follows from the error is not said as well."""

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from functools import cache

from buildmatrix.errors import Place, Pointer, Problems
from buildmatrix.graphs import reached
from buildmatrix.soundness import (
    ANY_SETTING,
    FILE,
    Subject,
    inheritance_of,
    omitted_of,
    settings_of,
    shape_of,
    value_of,
)
from buildmatrix.spec.rows.markers import MakesCells
from buildmatrix.spec.rows.settings import Settings
from buildmatrix.spec.rows.shapes import rows
from buildmatrix.spec.rows.tables import Spec, Target

_SHAPE = frozenset(row.key for row in rows(Target) if row.marker(MakesCells))
"""Keys that make the cells of a target: without them nothing can be expanded."""


def standing_at(place: Place) -> tuple[Subject, ...]:
    """Return what an error at a place invalidates: what is there, or was before it was dropped."""
    kind, name = (*place.pointer[:2], "", "")[:2]
    if kind == "variable" and name != "":
        return (value_of(str(name)),)
    if kind == "group" and name != "":
        return (omitted_of(str(name), place.file),)
    return tuple(_invalid(place, _touched(place.pointer)))


def astray_at(place: Place) -> tuple[Subject, ...]:
    """Return what a setting that stands in an inner table invalidates: that table, and where it is missing."""
    outer = place.pointer[: 1 + (place.pointer[0] == "target")]
    return tuple(_invalid(place, _touched(place.pointer) | _touched((*outer, place.pointer[-1]))))


def _invalid(place: Place, touched: frozenset[str]) -> Iterator[Subject]:
    """Yield the subjects of a target, or of a file's defaults, that an error touches: the shape, or settings."""
    kind, name = (*place.pointer[:2], "", "")[:2]
    if kind == "target" and name != "":
        axes = place.pointer[2:3] == ("matrix",) and place.pointer[3:4] not in {("exclude",), ("include",)}
        shape, settings = shape_of(str(name), "axes" if axes else "other"), settings_of(str(name), "", *touched)
        yield shape if touched & _SHAPE else settings
    elif kind == "defaults":
        yield Subject("defaults-shape" if touched & _SHAPE else "defaults", place.file, "", touched)


def _touched(pointer: Pointer) -> frozenset[str]:
    """Return the attributes that an error at this pointer touches, or keys of `_SHAPE`."""
    inner = pointer[2:] if pointer[:1] == ("target",) else pointer[1:]
    if inner[:1] == ("override",) and inner[2:3] not in {(), ("select",)}:
        inner = inner[2:]
    if inner[:1] == ("extend",):
        inner = inner[1:] or (ANY_SETTING,)
    if not inner:
        return _SHAPE
    from buildmatrix.spec.hints.words import OTHER_WORDS

    key = str(inner[0])
    words = [key] if key in _known() else [OTHER_WORDS[key]] if key in OTHER_WORDS else _near(key)
    return frozenset(_known()[word] for word in words if word in _known()) or frozenset({ANY_SETTING})


def _near(key: str) -> list[str]:
    return get_close_matches(key, _known(), n=3, cutoff=0.6)


@cache
def _known() -> Mapping[str, str]:
    return {row.key: row.attribute for row in rows(Settings)} | {key: key for key in _SHAPE}


def spread(spec: Spec, problems: Problems) -> None:
    """Invalidate in each target what is unsound in the defaults that it has, and in what it inherits."""
    if problems.is_sound(FILE):
        return
    settings, shapes = problems.soundness.unsound("defaults"), problems.soundness.unsound("defaults-shape")
    for target in spec.targets.values() if settings or shapes else ():
        files = {layer.place.file for layer in target.defaults}
        problems.invalidate(*(settings_of(target.name, "", *settings[file]) for file in files & settings.keys()))
        problems.invalidate(*(shape_of(target.name, "other") for _ in files & shapes.keys()))
    spread_shapes(spec, problems)
    children = _children(spec)
    for name, attributes in _inherited(problems.soundness.unsound("settings"), children):
        problems.invalidate(settings_of(name, "", *attributes))
    cyclic = problems.soundness.unsound("inheritance")
    problems.invalidate(*map(inheritance_of, reached(cyclic, lambda name: children.get(name, ()))))


def spread_shapes(spec: Spec, problems: Problems) -> None:
    """Invalidate the shape of each target that inherits an unsound one."""
    unsound = problems.soundness.unsound("shape")
    children = _children(spec) if unsound else {}
    for name in unsound:
        heirs = reached(children.get(name, ()), lambda name: children.get(name, ()))
        problems.invalidate(*(Subject("shape", heir, "", unsound[name]) for heir in heirs))


def _inherited(
    settings: Mapping[str, frozenset[str]], children: Mapping[str, Iterable[str]]
) -> Iterator[tuple[str, frozenset[str]]]:
    """Yield targets with the attributes that are unsound in them, their descendants with those included."""
    found: dict[str, frozenset[str]] = {}
    pending = list(settings.items())
    while pending:
        name, unsound = pending.pop()
        known = found.get(name, frozenset())
        if more := unsound - known:
            found[name] = known | more
            pending += [(child, more) for child in children.get(name, ())]
    yield from found.items()


def _children(spec: Spec) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, target in spec.targets.items():
        for parent in dict.fromkeys(target.table.inherits or ()):
            found.setdefault(parent, []).append(name)
    return found
