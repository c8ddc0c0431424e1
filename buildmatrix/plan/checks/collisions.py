"""What would be written twice: a tag, a cache or a file, of which only the last one would be left."""

import os
from collections.abc import Iterable, Iterator
from itertools import product
from typing import Any

from buildmatrix.errors import Place, Problems
from buildmatrix.oci.reference import fault, parse
from buildmatrix.plan.model import PlannedTarget
from buildmatrix.plan.outputs import writes_names, writes_tags
from buildmatrix.spec.rows.caches import InlineCacheTo
from buildmatrix.spec.rows.markers import ImageRef, Local, Where
from buildmatrix.spec.rows.shapes import Row, rows

Thing = tuple[str, ...]
"""What is written, comparable between targets: `tag`, `cache` or `dest`, then where."""

Written = tuple[Thing, str, tuple[str, int]]
"""What is written, the same in words, and the path of the setting that says so."""


def collisions(targets: Iterable[PlannedTarget], directory: str, problems: Problems) -> None:
    """Add what two exported targets, or one twice, would write; paths are relative to `directory`."""
    writes = [(target, tuple(_written(target, directory))) for target in targets]
    _caches_over_tags(writes, problems)
    written: dict[Thing, tuple[PlannedTarget, Place]] = {}
    said: set[Place] = set()
    for target, things in writes:
        own: set[Thing] = set()
        for thing, spoken, path in things if target.exported else ():
            place = target.place_of(*path)
            other = written.setdefault(thing, (target, place))
            twice = thing in own and thing[0] == "dest"
            if (twice or (other[0] is not target and thing not in own)) and place not in said:
                said.add(place)
                _refuse(thing[0], spoken, (target, place), other, problems)
            own.add(thing)


def _caches_over_tags(writes: Iterable[tuple[PlannedTarget, tuple[Written, ...]]], problems: Problems) -> None:
    """Add the caches that would be pushed under the name of an image: BuildKit would move the tag to the cache.

    It writes the cache of a target also where nothing else of it is exported.
    """
    tags: dict[str, tuple[PlannedTarget, Place]] = {}
    caches: dict[tuple[str, Place], PlannedTarget] = {}
    for target, things in writes:
        for thing, name, path in things:
            if thing[0] == "tag" and target.exported:
                tags.setdefault(name, (target, target.place_of(*path)))
            elif thing[:2] == ("cache", "registry"):
                caches.setdefault((thing[2], target.place_of(*path)), target)
    said: set[Place] = set()
    for (name, place), target in caches.items():
        if name in tags and place not in said:
            said.add(place)
            whose, tagged = tags[name]
            message = f"{target.spoken('cache_to')} would write its cache over {name}, an image of {whose.name}"
            notes = (("the image", tagged),) if tagged != place else ()
            hint = f"give the cache a tag of its own: ref={parse(name).tagged('cache')}"
            problems.error("collision", message, place, hint=hint, notes=notes)


def _refuse(
    kind: str, spoken: str, one: tuple[PlannedTarget, Place], other: tuple[PlannedTarget, Place], problems: Problems
) -> None:
    (target, place), (first, before) = one, other
    if first is target:
        problems.error("collision", f"{target.spoken('output')} writes {spoken} twice", place)
        return
    what = {"tag": "tag", "cache": "cache", "dest": "output"}[kind]
    notes = (("the other one", before),) if before != place else ()
    hint = "the last one would win: put what tells them apart into it"
    if kind == "tag" and first.platforms != target.platforms:
        hint += ", or give one target several platforms"
    message = f"{first.name} and {target.name} both write the {what} {spoken}"
    problems.error("collision", message, place, hint=hint, notes=notes)


def _written(target: PlannedTarget, directory: str) -> Iterator[Written]:
    """Yield what a target writes."""
    yield from _images(target)
    settings = target.settings
    for index, cache in enumerate(settings.cache_to or ()):
        if not isinstance(cache, InlineCacheTo):
            for place in cache_places(cache, directory):
                yield ("cache", *place), _spoken(cache), ("cache_to", index)
    for index, output in enumerate(settings.output or ()):
        if dest := getattr(output, "dest", None):
            yield ("dest", _real(dest, directory)), os.path.normpath(dest), ("output", index)


def _images(target: PlannedTarget) -> Iterator[Written]:
    """Yield the names of a target's image, wherever they are written."""
    settings = target.settings
    if target.tags and writes_tags(settings):
        for index, tag in enumerate(target.tags):
            full = parse(tag).full
            yield ("tag", full), full, ("tags", index)
    outputs: tuple[Any, ...] = settings.output or ()
    for index, output in enumerate(outputs):
        if writes_names(output):
            for name in output.name.split(","):
                full = parse(name).full
                yield ("tag", full), full, ("output", index)


def cache_places(cache: Any, directory: str) -> Iterator[Thing]:
    """Yield where a cache is, as its rows' markers tell: caches of one place have one value here."""
    marked = ((row, where) for row in rows(type(cache)) if (where := row.marker(Where)))
    several = [_values(row, where, getattr(cache, row.attribute), directory) for row, where in marked]
    yield from ((cache.type, *values) for values in product(*several))


def _values(row: Row, where: Where, value: str | None, directory: str) -> list[str]:
    text = where.unset if value is None else value
    found = text.split(where.several) if where.several else [text]
    if row.marker(Local):
        return [_real(one, directory) for one in found]
    if row.marker(ImageRef):
        return [one if fault(one) else parse(one).full for one in found]
    return [one.rstrip("/") if "://" in one else one for one in found]


def _real(path: str, directory: str) -> str:
    return os.path.realpath(os.path.join(directory, path))  # noqa: PTH118 a path need not be there


def _spoken(cache: Any) -> str:
    """Return a cache's place in words: what is said of it, else what is meant where nothing is said."""
    marked = [(getattr(cache, row.attribute), where) for row in rows(type(cache)) if (where := row.marker(Where))]
    return " ".join([value for value, _ in marked if value] or [where.unset for _, where in marked if where.unset])
