"""What is volatile in the settings of a cell: what changes from run to run, whatever the files say.

A value is volatile if its template asks for something volatile, if it stands where a bake file has something volatile,
or if the table that says it only holds because of something volatile.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from buildmatrix.errors import Place, Pointer
from buildmatrix.plan.merging.merge import Spread
from buildmatrix.records import dataclass
from buildmatrix.spec.rows.shapes import Table
from buildmatrix.spec.toml.placed import sources_of
from buildmatrix.template.volatile import NamesOf

Spot = tuple[str, Pointer]
"""A file and a pointer in it."""

NOTHING: frozenset[Pointer] = frozenset()


def spot_of(place: Place) -> Spot:
    """Return where a place is, whichever side of `key = value` it is."""
    return place.file, place.pointer


class Texts(dict[str, bool]):
    """Tells of each template whether it asks for a volatile name: looked at once, however many cells render it."""

    def __init__(self, volatile: frozenset[str], names_of: NamesOf) -> None:
        """Take the volatile names, and what tells the names of a template."""
        super().__init__()
        self._volatile, self._names_of = volatile, names_of

    def __missing__(self, text: str) -> bool:
        """Look at a template for the first time."""
        self[text] = found = not self._volatile.isdisjoint(self._names_of(text))
        return found


@dataclass(frozen=True, kw_only=True, eq=False)
class Volatile:
    """What is volatile for cells that are alike.

    `texts` tells it of templates; `places` are tables and values that are volatile as they stand, `sure` tables that
    are not, though a table around them may be.
    """

    texts: Texts
    places: frozenset[Spot] = frozenset()
    sure: frozenset[Spot] = frozenset()

    def holds(self, place: Place | None) -> bool:
        """Tell whether what is written at a place is volatile: the nearest table around it that is known says it."""
        if place is None or not self.places:
            return False
        for length in range(len(place.pointer), 0, -1):
            spot = (place.file, place.pointer[:length])
            if spot in self.places or spot in self.sure:
                return spot in self.places
        return False


NONE = Volatile(texts=Texts(frozenset(), lambda _: ()))


def present(attribute: str, value: Any, paths: Iterable[Pointer]) -> list[Pointer]:
    """Return pointers to those parts of a setting's value that there are, by the paths that they have as written."""
    if value is None:
        return []
    if isinstance(value, tuple):
        return numbered(((attribute, *path) for path in paths), sources_of(value))
    return [(attribute, *path) for path in paths if not path or path[0] in value]


Chosen = Mapping[str, Sequence[Pointer]]
"""Paths within settings, as they are written, by the setting's attribute."""


def chosen(origins: Mapping[Pointer, Place], volatile: Volatile) -> Chosen:
    """Return the paths of what stands at a place that is volatile."""
    found: dict[str, list[Pointer]] = {}
    for path, place in origins.items():
        if volatile.holds(place):
            found.setdefault(str(path[0]), []).append(path[1:])
    return found


def written(settings: Any, origins: Mapping[Pointer, Place], volatile: Chosen) -> Iterator[Pointer]:
    """Yield pointers to what came of those paths; of a template that gave a whole table, all without another place."""
    for attribute, paths in volatile.items():
        value = getattr(settings, attribute, None)
        own = [path for path in paths if bool(path) == isinstance(value, tuple | Mapping)]
        if isinstance(value, Mapping) and any(isinstance(path[0], Spread) for path in own):
            own += [(key,) for key in value if (attribute, key) not in origins]
        yield from present(attribute, value, own)


def carried(volatile: frozenset[Pointer], before: Any, after: Any) -> frozenset[Pointer]:
    """Return the pointers as they are after settings were changed: lists lost items, or got others.

    An item is the same if it is equal, or a table of the same kind with the same annotations; their order stays.
    """
    changed = {path[0] for path in volatile if getattr(before, str(path[0])) is not getattr(after, str(path[0]))}
    if not changed:
        return volatile
    kept = [path for path in volatile if path[0] not in changed]
    for name in map(str, changed):
        own = [path for path in volatile if path[0] == name]
        kept += _moved(own, getattr(before, name), getattr(after, name))
    return frozenset(kept)


def _moved(paths: Iterable[Pointer], before: Any, after: Any) -> Iterable[Pointer]:
    if after is None:
        return ()
    if not isinstance(before, tuple) or not isinstance(after, tuple):
        return paths
    return numbered(paths, _sources(before, after))


def _sources(before: Sequence[Any], after: Sequence[Any]) -> Iterator[int]:
    """Yield for each item the index that it had, -1 for a new one."""
    if len(before) == len(after) and all(isinstance(item, Table) for item in before):
        yield from range(len(before))
        return
    start = 0
    for item in after:
        source = next((index for index in range(start, len(before)) if _is_same(before[index], item)), -1)
        start = max(start, source + 1)
        yield source


def _is_same(one: Any, other: Any) -> bool:
    if isinstance(one, Table) and type(one) is type(other):
        return getattr(one, "annotation", None) == getattr(other, "annotation", None)
    return bool(one == other)


def numbered(paths: Iterable[Pointer], sources: Iterable[str | int]) -> list[Pointer]:
    """Return pointers into a list whose items had the indices `sources` with the indices that they have."""
    by_source: dict[Any, list[Pointer]] = {}
    for path in paths:
        by_source.setdefault(path[1], []).append(path)
    return [(path[0], index, *path[2:]) for index, source in enumerate(sources) for path in by_source.get(source, ())]
