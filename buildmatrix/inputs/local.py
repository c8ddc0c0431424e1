"""The local files that Builds are made of, without what runs write themselves; what they share is read once."""

import os
from collections.abc import Callable, Collection, Iterator
from functools import cache
from typing import NamedTuple

from buildmatrix.files import is_within
from buildmatrix.inputs.context import Contexts, Entry, Reached, digest_of
from buildmatrix.inputs.known import Read
from buildmatrix.inputs.looks import look_at, passed
from buildmatrix.plan.access.reach import reaches
from buildmatrix.plan.model import Plan

OWN = ".buildmatrix"
"""The directory of records: what a run writes itself is no part of what it builds."""

SHORT = 16
"""Characters of a digest that tell one file from another where nothing rests on it."""

MOST_LISTED = 50_000
"""Files of a directory that are listed."""


class Aside(NamedTuple):
    """What runs write themselves, which is no part of what they build.

    `written` are paths; `made` tells whether the file at a real path is one that an output has put into a directory
    where others may lie.
    """

    written: Collection[str] = ()
    made: Callable[[str], bool] = lambda _: False


class LocalFiles:
    """Reads the local contexts and files of a plan's targets. Paths are relative to the plan's directory."""

    def __init__(self, plan: Plan, contexts: Contexts, aside: Aside) -> None:
        """Take the plan, who reads directories, and what is no part of what is built."""
        self._directory, self._contexts, self._by_outputs = plan.directory, contexts, aside.made
        self._written = tuple(map(self._real, (OWN, *aside.written)))
        self._kept_by_tools = tuple(map(self._real, _own_places(plan)))
        self._left = cache(self._without)
        self._passed = cache(lambda way: tuple(passed(way)))
        self._listed: dict[str, dict[int, Reached]] = {}
        self._file = cache(self._look_at_file)

    def listed(self) -> dict[str, dict[str, str]]:
        """Return what was read of contexts so far: by directory, then path, with the start of a digest.

        Directories are relative to the plan's. One of very many files has none.
        """
        found: dict[str, dict[str, str]] = {}
        for folder, reached_ in sorted(self._listed.items()):
            entries = {one.path: short_digest(one) for some in reached_.values() for one in some.entries}
            found[folder] = dict(sorted(entries.items())) if len(entries) <= MOST_LISTED else {}
        return found

    def keep(self) -> None:
        """Keep what was learned of files for the next run."""
        self._contexts.keep()

    def file(self, path: str) -> Read:
        """Return a file as it looks before it is read: each is asked once."""
        return self._file(path)

    def alone(self, path: str) -> Reached:
        """Return what is known of a file that is no part of a context."""
        folder, _, name = self._real(path).rpartition("/")
        return self._contexts.of(folder or "/", None, (name,))

    def context(
        self, path: str, dockerfile: str | None, sources: tuple[str, ...] | None, needed: tuple[str, ...]
    ) -> tuple[Reached, tuple[Read, ...]]:
        """Return what is read of a context, and what that rests on.

        `dockerfile` may have an ignore file beside it, `sources` are the patterns of what is copied, None for all.
        `needed` is where targets that come before write to.
        """
        root = os.path.join(self._directory, path)  # noqa: PTH118
        beside = None if dockerfile is None else os.path.join(self._directory, dockerfile)  # noqa: PTH118
        ignore = self._contexts.ignore_file(root, beside)
        lines = self._file(ignore) if ignore else None
        found, read = self._left(root, ignore, sources, needed)
        if found.digest is not None:
            self._listed.setdefault(os.path.relpath(root, self._directory), {})[id(found)] = found
        return found, tuple(one for one in (read, lines) if read and one)

    def _look_at_file(self, path: str) -> Read:
        way, real = os.path.abspath(os.path.join(self._directory, path)), self._real(path)  # noqa: PTH100, PTH118
        return Read(real, way=way, looks=(look_at(real),), passed=self._passed(way))

    def _real(self, path: str) -> str:
        return os.path.realpath(os.path.join(self._directory, path))  # noqa: PTH118

    def _without(
        self, root: str, ignore: str | None, sources: tuple[str, ...] | None, needed: tuple[str, ...]
    ) -> tuple[Reached, Read | None]:
        """Return what is read without what the run writes: what a target's needs write is told by their fingerprints.

        What it was read from is None where the run writes all of it.

        Each is asked once: all cells of a target read the same.
        """
        real = os.path.realpath(root)
        absent = not os.path.lexists(real) and any(is_within(real, self._real(path)) for path in needed)
        if absent or any(is_within(real, path) for path in self._written):
            return Reached(digest=digest_of(()), entries=(), doubt=None), None
        way = os.path.abspath(root)  # noqa: PTH100 links stay
        on_it, top = self._passed(way), look_at(real)
        found = self._contexts.of(root, ignore, sources)
        paths = {*self._written, *self._kept_by_tools} - {real}
        paths = {path for path in paths if is_within(path, real)}
        made = {one.path for one in found.entries if self._by_outputs(_named(real, one))}
        left = _without_made(real, found.entries, paths, made)
        others = tuple(_named(real, one) for one in found.entries if one.path in made)
        looks = {one.path: look for one, look in zip(found.entries, found.looks, strict=True)}
        told = tuple(looks[one.path] for one in left)
        read = Read(real, tuple(one.path for one in left), way, others, (top, *told), on_it)
        return (found if len(left) == len(found.entries) else Reached(digest_of(left), left, None, told)), read


def _own_places(plan: Plan) -> Iterator[str]:
    """Yield where targets write what is theirs alone: archives and caches. Into other directories people write, too."""
    for target in plan.each:
        for reach in reaches(target):
            if reach.access == "write" and (reach.part == "cache" or not reach.tree):
                yield reach.path


def _named(real: str, one: Entry) -> str:
    return f"{real}/{one.path}{'/' if one.kind == 'directory' else ''}"


def _without_made(
    real: str, entries: tuple[Entry, ...], paths: Collection[str], made: Collection[str]
) -> tuple[Entry, ...]:
    """Return entries without what is at or below some paths, and what is made: directories only if they are empty then.

    Nor are those directories left that are there for these alone.
    """
    if not paths and not made:
        return entries
    files = {one.path for one in entries if one.kind != "directory" and one.path in made}
    left = [one for one in entries if one.path not in files and not _is_below(f"{real}/{one.path}", paths)]
    gone = (*files, *(os.path.relpath(path, real) for path in paths))
    around = {parent for path in gone for parent in _parents(path)} | (set(made) - files)
    used = {parent for one in left if one.path not in around for parent in _parents(one.path)}
    return tuple(one for one in left if one.path not in around or one.path in used)


def _parents(path: str) -> Iterator[str]:
    while path := os.path.dirname(path):  # noqa: PTH120 a path of a context
        yield path


def short_digest(one: Entry) -> str:
    """Return what a file is, with the start of its digest: what saved plans say of it."""
    kind = "executable" if one.is_executable else one.kind
    mode = "" if one.mode is None else f" {one.mode:o}"
    content = one.content or ""
    return f"{kind}{mode} {content[:SHORT] if one.kind == 'file' else content}".rstrip()


def _is_below(path: str, folders: Collection[str]) -> bool:
    """Tell whether a path is one of these, or lies in one: there may be thousands of them."""
    while path:
        if path in folders:
            return True
        path = path.rpartition("/")[0]
    return False
