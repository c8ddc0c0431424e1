"""Whether what a build read stood still while a run went on: what changed meanwhile may have been read before or after.

Contents that are as they were say too little: a file may have been another one while BuildKit read it. The times of
inodes, which nobody sets, tell of every change; those of directories tell of files that came and went.
"""

import os
import stat
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from buildmatrix.files import is_within
from buildmatrix.inputs.known import Read

TICK, COARSE_TICK = 20_000_000, 2_000_000_000
"""Nanoseconds within which two changes of a file may have one time; the coarse one where a disk knows only seconds."""


class Still:
    """Tells what changed since it was made."""

    def __init__(self, written: Iterable[str]) -> None:
        """Take the real paths that the run writes itself: directories in which they come to be change for that."""
        self._since = time.time_ns()
        self._written = tuple(written)
        made = (path for path in self._written if not os.path.isdir(path))  # noqa: PTH112 a Path for each is slow
        self._around = {str(folder) for path in made for folder in Path(path).parents}

    def changed(self, reads: Iterable[Read]) -> dict[Read, str]:
        """Return of what was read the path that changed, "" where none did; everything is looked at once."""
        return {read: next(self._changed(read), "") for read in dict.fromkeys(reads)}

    def _changed(self, read: Read) -> Iterator[str]:
        if read.way and os.path.realpath(read.way) != read.place:
            yield read.way
        yield from (path for path in _passed(read.way) if self._was_exchanged(path))
        for path in (read.place, *(f"{read.place}/{one}" for one in read.paths)):
            try:
                found = os.lstat(os.fsencode(path))
            except OSError:
                yield path
                return
            if self._is_young(found.st_ctime_ns) and not (stat.S_ISDIR(found.st_mode) and self._is_ours(path)):
                yield path

    def _was_exchanged(self, path: str) -> bool:
        """Tell whether a link, or a directory on the way, was put there since.

        To be moved changes a directory's own time, and not that of its contents, as what comes to be in it does.
        """
        try:
            found = os.lstat(os.fsencode(path))
        except OSError:
            return True
        inside = not stat.S_ISLNK(found.st_mode) and self._is_young(found.st_mtime_ns)
        return self._is_young(found.st_ctime_ns) and not inside

    def _is_ours(self, folder: str) -> bool:
        """Tell whether the run itself creates something in a directory."""
        return folder in self._around or any(is_within(folder, one) for one in self._written)

    def _is_young(self, changed: int) -> bool:
        return changed > self._since - (TICK if changed % 10**9 else COARSE_TICK)


def _passed(way: str) -> Iterator[str]:
    """Yield the directories and links that are passed on the way to a path, itself included where it is one."""
    current = ""
    for part in filter(None, way.split("/")):
        current = f"{current}/{part}"
        if os.path.islink(current):  # noqa: PTH114
            yield current
            current = os.path.realpath(current)
            yield from (str(one) for one in Path(current).parents)
        if os.path.isdir(current):  # noqa: PTH112
            yield current
