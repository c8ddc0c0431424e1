"""Which files the outputs of runs have put into directories where sources may lie, too.

What is written there is no part of what is built from that directory: a run would change the fingerprint of what it
has just built. But what people wrote is, and an output may well go into a directory of theirs. So a file is an
output's only if it came to be there while the run went on, or is what the last result of a target has left: that wrote
it, and it looks as it did then. What was changed by hand, and what its target no longer writes, are sources.
"""

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property

from buildmatrix.files import is_within
from buildmatrix.plan.access.reach import reaches
from buildmatrix.plan.model import Plan, PlannedTarget
from buildmatrix.state.result import Entry

MOST = 100_000
"""Files of a directory beyond which nobody tells them apart: then all of them are sources."""

DIGITS = 16
"""Hexadecimal digits that are kept of how a file looks."""

_Look = tuple[int, ...]
"""How a file looks: its mode first."""


class Made:
    """Tells the files of outputs from those of people; it looks when it is made, before anything is built."""

    def __init__(self, plan: Plan, entries: Mapping[str, Entry], parts: Iterable[PlannedTarget] = ()) -> None:
        """Look at the directories that outputs go to, as far as any target is built from what is around or in them.

        `entries` are what earlier runs have left. `parts` are Builds, which may write into directories of their own.
        """
        self._directory, self._entries = plan.directory, entries
        writers = {target.name: target for target in (*plan.targets, *parts)}
        dests = {dest: self._real(dest) for target in writers.values() for dest in _places(target)}
        reads = {
            self._real(reach.path)
            for target in (plan.each if dests else ())
            for reach in reaches(target)
            if reach.part == "context"
        }
        self._places = {
            dest: real
            for dest, real in dests.items()
            if any(is_within(real, one) or is_within(one, real) for one in reads)
        }
        self._before = {dest: _files(real) for dest, real in self._places.items()}
        self._writers = {
            name: tuple(dest for dest in _places(target) if dest in self._places) for name, target in writers.items()
        }
        self._earlier = frozenset(self._left(entries))
        self._found: dict[str, dict[str, dict[str, str]]] = {}

    def __call__(self, path: str) -> bool:
        """Tell whether what is at a real path is an output's: of an earlier run, or of this one.

        The path of a directory ends with `/`; others may have put files into it nevertheless.
        """
        if path in self._earlier:
            return True
        for dest, real in self._places.items():
            before = self._before[dest]
            if before is not None and path.startswith(f"{real}/") and path[len(real) + 1 :] not in before:
                return True
        return False

    def of(self, name: str) -> dict[str, dict[str, str]] | None:
        """Return the files that a Build's outputs have written, by directory, with how they look; None for none.

        It is looked at when it is asked for first. What was there before, and is not known to be any output's, is left
        out though it was written over: somebody has put it there.
        """
        if name not in self._found:
            found = {dest: dict(self._written(dest)) for dest in self._writers.get(name, ())}
            self._found[name] = {dest: some for dest, some in found.items() if some}
        return self._found[name] or None

    def before(self, name: str) -> Mapping[str, Mapping[str, str]] | None:
        """Return what the last result of a Build had written before this run."""
        return self._entries[name].wrote if name in self._entries else None

    def unwritten(self, found: Mapping[str, Entry]) -> frozenset[str]:
        """Return the real paths that counted as an output's, and that no last result wrote; `found` are this run's."""
        if not self._earlier:
            return frozenset()
        now = {name: one for name, one in {**self._entries, **found}.items() if name in self._writers}
        return self._earlier.difference(self._named(now))

    @cached_property
    def _ever(self) -> frozenset[str]:
        """The real paths that any output is known to have written."""
        return frozenset(self._named(self._entries))

    def _written(self, dest: str) -> Iterator[tuple[str, str]]:
        """Yield what was written into a directory since: outputs write all their files anew, each with a new inode."""
        before, now, place = self._before[dest], _files(self._places[dest]), self._places[dest]
        for name, look in sorted((now or {}).items() if before is not None else ()):
            then = before.get(name) if before else None
            if then is None or (then != look and f"{place}/{name}" in self._ever):
                yield name, _text(look)

    def _left(self, entries: Mapping[str, Entry]) -> Iterator[str]:
        """Yield the real paths of what is there as the last results of the plan's Builds left it."""
        for name in entries.keys() & self._writers.keys():
            wrote = entries[name].wrote or {}
            for dest in self._writers[name]:
                before, place = self._before[dest] or {}, self._places[dest]
                for path, look in wrote.get(dest, {}).items():
                    if path in before and _text(before[path]) == look:
                        yield f"{place}/{path}"

    def _named(self, entries: Mapping[str, Entry]) -> Iterator[str]:
        for entry in entries.values():
            for dest, names in (entry.wrote or {}).items():
                place = self._real(dest)
                yield from (f"{place}/{name}" for name in names)

    def _real(self, path: str) -> str:
        return os.path.realpath(os.path.join(self._directory, path))  # noqa: PTH118


def _places(target: PlannedTarget) -> Iterator[str]:
    """Yield the directories that a target's outputs go to."""
    return (
        reach.path for reach in reaches(target) if reach.access == "write" and reach.part == "result" and reach.tree
    )


def _files(place: str) -> dict[str, _Look] | None:
    """Return how what is below a directory looks, directories with a `/`; None where it is too much, or is not told."""
    found: dict[str, _Look] = {}
    pending = [""]
    try:
        while pending:
            way = pending.pop()
            with os.scandir(f"{place}/{way}") as entries:
                for entry in entries:
                    is_folder = entry.is_dir(follow_symlinks=False)
                    name = f"{way}{entry.name}{'/' if is_folder else ''}"
                    found[name] = _look(entry.stat(follow_symlinks=False))
                    pending += [name] if is_folder else []
            if len(found) > MOST:
                return None
    except FileNotFoundError:
        return {} if not found else None
    except OSError:
        return None
    return found


def _look(entry: os.stat_result) -> _Look:
    return (entry.st_mode, entry.st_size, entry.st_mtime_ns, entry.st_ctime_ns, entry.st_ino)


def _text(look: _Look) -> str:
    """Return what is kept of a look: of a directory its mode, since what comes and goes in it changes the rest."""
    facts = look[:1] if stat.S_ISDIR(look[0]) else look
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:DIGITS]
