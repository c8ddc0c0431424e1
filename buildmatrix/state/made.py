"""Which files the outputs of runs have put into directories where sources may lie, too.

What is written there is no part of what is built from that directory: a run would change the fingerprint of what it
has just built. But what people wrote is, and an output may well go into a directory of theirs. So a file is an
output's only if it came to be there while the run went on, or was one already.
"""

import os
from collections.abc import Iterable, Iterator, Mapping

from buildmatrix.files import is_within
from buildmatrix.plan.access.reach import reaches
from buildmatrix.plan.model import Plan, PlannedTarget
from buildmatrix.state.result import Entry

MOST = 100_000
"""Files of a directory beyond which nobody tells them apart: then all of them are sources."""


class Made:
    """Tells the files of outputs from those of people; it looks when it is made, before anything is built."""

    def __init__(self, plan: Plan, entries: Mapping[str, Entry], parts: Iterable[PlannedTarget] = ()) -> None:
        """Look at the directories that outputs go to, as far as any target is built from what is around or in them.

        `entries` are what earlier runs have left. `parts` are Builds, which may write into directories of their own.
        """
        self._directory, self._entries = plan.directory, entries
        dests = {dest: self._real(dest) for target in (*plan.targets, *parts) for dest in _places(target)}
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
        self._earlier = frozenset(self._made_by(entries)) if self._places else frozenset()
        self._before = {dest: _files(real) for dest, real in self._places.items()}

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

    def of(self, target: PlannedTarget, name: str) -> dict[str, tuple[str, ...]] | None:
        """Return the files that a target's outputs have made, by directory; None where there are none.

        `name` is what is remembered of it under.
        """
        known = (self._entries[name].wrote if name in self._entries else None) or {}
        found = {}
        for dest in _places(target):
            if dest in self._places and (now := _files(self._places[dest])) is not None:
                others = (self._before[dest] or frozenset()) - frozenset(known.get(dest, ()))
                if self._before[dest] is not None and (made := now - others):
                    found[dest] = tuple(sorted(made))
        return found or None

    def _made_by(self, entries: Mapping[str, Entry]) -> Iterator[str]:
        for entry in entries.values():
            for dest, names in (entry.wrote or {}).items():
                place = self._real(dest)
                yield from (os.path.join(place, name) for name in names)  # noqa: PTH118

    def _real(self, path: str) -> str:
        return os.path.realpath(os.path.join(self._directory, path))  # noqa: PTH118


def _places(target: PlannedTarget) -> Iterator[str]:
    """Yield the directories that a target's outputs go to."""
    return (
        reach.path for reach in reaches(target) if reach.access == "write" and reach.part == "result" and reach.tree
    )


def _files(place: str) -> frozenset[str] | None:
    """Return what is below a directory, directories with a `/`; None where it is too much, or cannot be listed."""
    found: set[str] = set()
    try:
        for folder, folders, files in os.walk(place, onerror=_raise):
            way = folder[len(place) + 1 :]
            before = f"{way}/" if way else ""
            found.update(f"{before}{name}" for name in files)
            for name in folders:
                found.add(f"{before}{name}{'' if os.path.islink(f'{folder}/{name}') else '/'}")  # noqa: PTH114
            if len(found) > MOST:
                return None
    except FileNotFoundError:
        return frozenset()
    except OSError:
        return None
    return frozenset(found)


def _raise(error: OSError) -> None:
    raise error
