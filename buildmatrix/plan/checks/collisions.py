"""What would be written twice: a tag, a cache or a file, of which only the last one would be left.

A directory may be the `local` output of several: bake writes all of them. A tag may be that of several where they say
so (`shared-tags`), or the file does (`[checks] duplicate-tags`): what becomes of it then, `plan/sharing.py` says. A
cache may be that of several where the file says so (`duplicate-caches`): bake writes it from each, and the one that
ends last leaves its own.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from itertools import product
from typing import Any, Literal

from buildmatrix.errors import Place, Problems, and_more
from buildmatrix.oci.reference import fault, parse
from buildmatrix.plan.model import PlannedTarget
from buildmatrix.plan.outputs import writes_names, writes_tags
from buildmatrix.records import dataclass
from buildmatrix.spec.checks.data import shown
from buildmatrix.spec.rows.caches import InlineCacheTo
from buildmatrix.spec.rows.markers import ImageRef, Local, Where
from buildmatrix.spec.rows.outputs import LocalOutput
from buildmatrix.spec.rows.shapes import Row, rows
from buildmatrix.spec.rows.tables import Checks

Thing = tuple[str, ...]
"""What is written, comparable between targets: `tag`, `cache` or `dest`, then where."""

Duplicates = Literal["error", "warn", "allow"]
"""What it is that several write one thing."""

Written = tuple[Thing, str, tuple[str, int]]
"""What is written, the same in words, and the path of the setting that says so."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Writer:
    """A target that writes something, and the setting that says so.

    `how` tells who may write it as well: nobody (""), who does it in the same way, or anybody.
    """

    target: PlannedTarget
    place: Place
    spoken: str
    how: Literal["", "alike", "any"]


def collisions(
    targets: Iterable[PlannedTarget], directory: str, problems: Problems, checks: Checks | None = None
) -> frozenset[str]:
    """Add what two exported targets, or one twice, would write; return the tags that several may write, in full.

    Paths are relative to `directory`; `checks` says what holds for tags and caches.
    """
    allowed = _allowed(checks or Checks())
    writes = [(target, tuple(_written(target, directory))) for target in targets]
    _caches_over_tags(writes, problems)
    written: dict[Thing, _Writer] = {}
    shared: dict[Thing, list[_Writer]] = {}
    said: set[Place] = set()
    for target, things in writes:
        own: set[Thing] = set()
        for thing, spoken, path in things if target.exported else ():
            how = _how(target, thing, path, allowed)
            writer = _Writer(target=target, place=target.place_of(*path), spoken=spoken, how=how)
            first = written.setdefault(thing, writer)
            is_other = first.target is not target and thing not in own
            twice = thing in own and thing[0] == "dest"
            if is_other and writer.how and first.how:
                shared.setdefault(thing, [first]).append(writer)
            elif (twice or is_other) and writer.place not in said:
                said.add(writer.place)
                _refuse(thing[0], writer, first, problems)
            own.add(thing)
    for thing, writers in shared.items():
        if allowed.get(thing[0]) == "warn":
            _warn(thing[0], writers, problems)
    return frozenset(thing[1] for thing in shared if thing[0] == "tag")


def _allowed(checks: Checks) -> dict[str, Duplicates]:
    return {"tag": checks.duplicate_tags or "error", "cache": checks.duplicate_caches or "error"}


def _how(
    target: PlannedTarget, thing: Thing, path: tuple[str, int], allowed: Mapping[str, Duplicates]
) -> Literal["", "alike", "any"]:
    if thing[0] == "dest":
        return "alike" if isinstance((target.settings.output or ())[path[1]], LocalOutput) else ""
    if thing[0] == "tag" and target.settings.shared_tags and _is_shared(target, thing[1]):
        return "alike"
    return "" if allowed[thing[0]] == "error" else "any"


def _is_shared(target: PlannedTarget, full: str) -> bool:
    """Tell whether a target says that others may write a tag."""
    return any(_is_meant(one, full) for one in target.settings.shared_tags or ())


def _is_meant(one: str, full: str) -> bool:
    """Tell whether a tag is meant by its name, or by a glob of it in full or in short."""
    names = {full, full.removeprefix("docker.io/"), full.removeprefix("docker.io/library/")}
    return any(fnmatchcase(name, one) for name in names) or (not fault(one) and parse(one).full == full)


def warn_of_strangers(targets: Iterable[PlannedTarget], problems: Problems) -> None:
    """Warn of each item of `shared-tags` that is no tag of any target which says it, with all of them looked at."""
    said: dict[Place, str] = {}
    meant: set[Place] = set()
    for target in targets:
        named = (name for one in target.settings.output or () for name in (getattr(one, "name", None) or "").split(","))
        names = [parse(name).full for name in (*target.tags, *named) if name and not fault(name)]
        for index, one in enumerate(target.settings.shared_tags or ()):
            place = target.place_of("shared_tags", index)
            said.setdefault(place, one)
            meant.update([place] if any(_is_meant(one, full) for full in names) else [])
    for place, one in said.items():
        if place not in meant:
            problems.warn("collision", f"{shown(one)} is no tag of the target that shares it", place)


def _warn(kind: str, writers: list[_Writer], problems: Problems) -> None:
    """Warn of what is not everybody's by what targets say; what cells share is said once."""
    if all(writer.how == "alike" for writer in writers):
        return
    first, last, others = writers[0], writers[-1], and_more(len(writers) - 1, "target")
    said, hint = {
        "tag": ("the last one gets it", f'if that is meant, say so in each: shared-tags = ["{first.spoken}"]'),
        "cache": ("the one that ends last leaves its own", f'{_APART}, or write duplicate-caches = "allow"'),
    }[kind]
    message = f"{first.target.name}{others} and {last.target.name} write the {kind} {first.spoken}: {said}"
    problems.warn("collision", message, last.place, hint=hint, once=("collision", last.place))


_APART = "put what tells them apart into it"


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


def _refuse(kind: str, writer: _Writer, first: _Writer, problems: Problems) -> None:
    target, place, spoken = writer.target, writer.place, writer.spoken
    if first.target is target:
        problems.error("collision", f"{target.spoken('output')} writes {spoken} twice", place)
        return
    what = {"tag": "tag", "cache": "cache", "dest": "output"}[kind]
    notes = (("the other one", first.place),) if first.place != place else ()
    hint = f"the last one would win: {_APART}"
    rests_on = []
    if kind == "tag":
        several = ", or give one target several platforms" if first.target.platforms != target.platforms else ""
        each = "" if target.declared == first.target.declared else " in both"
        hint += f'{several}; if that is meant, write shared-tags = ["{spoken}"]{each}'
        rests_on = [one.target.basis("shared_tags") for one in (writer, first)]
    if kind == "cache":
        hint += ', or write [checks] duplicate-caches = "warn"'
    message = f"{first.target.name} and {target.name} both write the {what} {spoken}"
    problems.error("collision", message, place, hint=hint, notes=notes, rests_on=rests_on)


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
