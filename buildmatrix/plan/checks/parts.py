"""Caches that the parts of one target would all write: each writes the whole of it, and one part's is left."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from buildmatrix.errors import Diagnostic
from buildmatrix.plan.builds import Build, BuildPlan, builds_of
from buildmatrix.plan.checks.collisions import Duplicates, Thing, cache_places
from buildmatrix.plan.model import Plan, PlannedTarget
from buildmatrix.spec.rows.caches import InlineCacheTo, LocalCacheTo

_NAMED_BY = {"registry": "ref", "local": "dest", "gha": "scope"}
"""The key that tells caches of a kind apart; that of the others is `name`."""

Shared = tuple[Build, int, list[str]]
"""A part, the index of its cache, and the platforms of all parts that write it."""


def caches_of_parts(
    targets: Iterable[PlannedTarget], directory: str, duplicates: Duplicates | None
) -> Iterator[Diagnostic]:
    """Yield the caches that parts would share on one machine, as `[checks] duplicate-caches` has it.

    In one directory parts get into each other's way while they write (found with 0.13 and 0.29): that is an error.
    """
    found = tuple(targets)
    if duplicates == "allow" or not any(target.variants and target.settings.cache_to for target in found):
        return
    for part, index, platforms in _shared(builds_of(_only(found, directory))):
        if duplicates != "warn" and isinstance((part.settings.cache_to or ())[index], LocalCacheTo):
            yield _in_one_directory(part, index, platforms)
        else:
            yield half_cache(part, index, _apart(platforms))


def caches_of_machines(builds: BuildPlan) -> Iterator[Diagnostic]:
    """Yield a warning for each cache that parts of a target would write from several machines, of which none is said.

    A directory is one of each machine.
    """
    said = {one.place for one in builds.warnings if one.code == "half-cache"}
    for part, index, platforms in _shared(builds):
        cache = (part.settings.cache_to or ())[index]
        if not isinstance(cache, LocalCacheTo) and part.place_of("cache_to", index) not in said:
            yield half_cache(part, index, _apart(platforms))


def half_cache(target: PlannedTarget, index: int, who: str, other: str = "") -> Diagnostic:
    """Return the warning for a cache that several write (`who`), each all of it; `other` is one more way out."""
    cache: Any = (target.settings.cache_to or ())[index]
    key = _NAMED_BY.get(cache.type, "name")
    hint = (
        "the others' platforms then build without a cache: write {{ platform | slug }} into its "
        f'{key}, and into that of cache-from,\nor use type = "inline", which is kept with each image{other}'
    )
    message = f"{target.spoken('cache_to')}: {who} would write one cache, and the last one wins"
    place = target.place_of("cache_to", index)
    return Diagnostic(message=message, code="half-cache", place=place, hint=hint, severity="warning")


def _in_one_directory(part: Build, index: int, platforms: list[str]) -> Diagnostic:
    who = _apart(platforms)
    message = f"{part.spoken('cache_to')}: {who} would write one directory at once, and be in each other's way"
    hint = 'write {{ platform | slug }} into its dest, and src of cache-from, or [checks] duplicate-caches = "warn"'
    return Diagnostic(message=message, code="collision", place=part.place_of("cache_to", index), hint=hint)


def _apart(platforms: list[str]) -> str:
    return f"{' and '.join(platforms)}, which are built apart,"


def _shared(builds: BuildPlan) -> Iterator[Shared]:
    """Yield the caches that several parts of a target write; each line of the file once."""
    said = set()
    for parts in builds.parts.values():
        for writers in _writers(parts, builds.directory).values() if len(parts) > 1 else ():
            part, index = writers[0]
            place = part.place_of("cache_to", index)
            if len(writers) > 1 and place not in said:
                said.add(place)
                yield part, index, [" ".join(one.platforms) for one, _ in writers]


def _writers(parts: Iterable[Build], directory: str) -> Mapping[Thing, list[tuple[Build, int]]]:
    found: dict[Thing, list[tuple[Build, int]]] = {}
    for part in parts:
        for index, cache in enumerate(part.settings.cache_to or ()):
            for thing in () if isinstance(cache, InlineCacheTo) else cache_places(cache, directory):
                writers = found.setdefault(thing, [])
                if part not in (one for one, _ in writers):
                    writers.append((part, index))
    return found


def _only(targets: tuple[PlannedTarget, ...], directory: str) -> Plan:
    """Return a plan of these targets and nothing else."""
    return Plan(
        file="",
        directory=directory,
        digests={},
        requires_buildx=(),
        selectors=(),
        platforms=(),
        targets=targets,
        entitlements=(),
        matrices={},
        warnings=(),
    )
