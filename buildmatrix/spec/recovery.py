"""What the errors found so far leave of each target, so that what merely follows from them is not said as well."""

from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache

from buildmatrix.errors import Place, Pointer, Problems
from buildmatrix.spec.rows.markers import MakesCells
from buildmatrix.spec.rows.settings import Settings
from buildmatrix.spec.rows.shapes import rows
from buildmatrix.spec.rows.tables import Damage, Spec, Target

STRAY = "misplaced"
"""The code of errors of settings that stand in an inner table: they touch both."""

ANY_SETTING = ""
"""Stands for a setting that nobody knows: a key that resembles none, or a parent that is not there."""

_SHAPE = frozenset(row.key for row in rows(Target) if row.marker(MakesCells))
"""Keys that make the cells of a target: without them nothing can be expanded."""


def damage_of(spec: Spec, problems: Problems) -> Damage:
    """Return what is damaged; descendants share it with their parents, and targets with their defaults."""
    shapeless: set[str] = set()
    settings: dict[str, set[str]] = {}
    for place, code in ((one.place, one.code) for one in problems.errors if one.code != "cycle"):
        wrong = _wrong(place.pointer) if place else frozenset()
        if place and code == STRAY:
            wrong |= _wrong((*place.pointer[: 1 + (place.pointer[0] == "target")], place.pointer[-1]))
        for name in _owners(spec, place):
            if wrong & _SHAPE:
                shapeless.add(name)
            else:
                settings.setdefault(name, set()).update(wrong)
    notes = [note for diagnostic in problems.errors if diagnostic.code == "cycle" for note in diagnostic.notes]
    circular = _and_heirs(spec, {name for _, place in notes for name in _owners(spec, place)})
    found = {name: frozenset(of) for name, of in _with_heirs(spec, settings).items()}
    return Damage(shapeless=frozenset(shapeless - circular), circular=frozenset(circular), settings=found)


def _owners(spec: Spec, place: Place | None) -> list[str]:
    """Return the targets that a place belongs to: one, or all that have the file's defaults."""
    if place is None:
        return []
    if place.pointer[:1] == ("target",) and place.pointer[1:]:
        return [str(place.pointer[1])]
    if place.pointer[:1] == ("defaults",):
        return [
            name
            for name, target in spec.targets.items()
            if any(layer.place.file == place.file for layer in target.defaults)
        ]
    return []


def _wrong(pointer: Pointer) -> frozenset[str]:
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


def _with_heirs(spec: Spec, settings: Mapping[str, set[str]]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    children = _children(spec)
    pending = list(settings.items())
    while pending:
        name, wrong = pending.pop()
        known = found.setdefault(name, set())
        if more := wrong - known:
            known |= more
            pending += [(child, more) for child in children.get(name, ())]
    return found


def _and_heirs(spec: Spec, names: set[str]) -> set[str]:
    return set(_with_heirs(spec, {key: {ANY_SETTING} for key in names}))


def _children(spec: Spec) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, target in spec.targets.items():
        for parent in dict.fromkeys(target.table.inherits or ()):
            found.setdefault(parent, []).append(name)
    return found
