"""Whether what a build read stood still while a run went on: what changed meanwhile may have been read before or after.

Contents that are as they were say too little: a file may have been another one while BuildKit read it. The times of
inodes, which nobody sets, tell of every change; those of directories tell of files that came and went. They are
compared with what they were when it was read, whatever clock they go by: a file system's may be behind ours. What
changed before that, and after the run began, is told by this machine's clock alone.
"""

import os
import stat
import time
from collections.abc import Iterable, Iterator
from itertools import chain, repeat
from pathlib import Path

from buildmatrix.files import is_within
from buildmatrix.inputs.known import Read
from buildmatrix.inputs.looks import Look, Passed, look_of, passed

TICK, COARSE_TICK = 20_000_000, 2_000_000_000
"""Nanoseconds within which two changes of a file may have one time; the coarse one where a disk knows only seconds."""


class Still:
    """Tells what changed since it was made."""

    def __init__(self, written: Iterable[str], directory: str = "") -> None:
        """Take the real paths that the run writes itself: directories in which they come to be change for that.

        Directories around `directory`, the project's, only have to be the same ones: others may change their modes, and
        who exchanges one of them takes the run away with it.
        """
        self._since = time.time_ns()
        self._over = frozenset(map(str, Path(os.path.realpath(directory)).parents)) if directory else frozenset()
        self._written = tuple(written)
        made = (path for path in self._written if not os.path.isdir(path))  # noqa: PTH112 a Path for each is slow
        self._around = {str(folder) for path in made for folder in Path(path).parents}

    def changed(self, reads: Iterable[Read]) -> dict[Read, str]:
        """Return of what was read the path that changed, "" where none did; everything is looked at once."""
        return {read: next(self._changed(read), "") for read in dict.fromkeys(reads)}

    def _changed(self, read: Read) -> Iterator[str]:
        if read.way and os.path.realpath(read.way) != read.place:
            yield read.way
        then, now = {one.path: one for one in read.passed}, {one.path: one for one in passed(read.way)}
        yield from (path for path in then if path not in now)
        yield from (path for path, one in now.items() if self._was_exchanged(one, then.get(path, one)))
        inside = (f"{read.place}/{one}" for one in read.paths)
        looks: Iterable[Look | None] = read.looks or repeat(None)
        for path, look in zip(chain((read.place,), inside), looks, strict=False):
            try:
                found = os.lstat(os.fsencode(path))
            except OSError:
                yield path
                return
            is_other = self._is_young(found.st_ctime_ns) or look not in {None, look_of(found)}
            if is_other and not (stat.S_ISDIR(found.st_mode) and self._is_ours(path)):
                yield path

    def _was_exchanged(self, now: Passed, then: Passed) -> bool:
        """Tell whether a link, or a directory on the way, was put there since.

        To be moved changes a directory's own time, and not that of its contents, as what comes to be in it does.
        """
        if now.path in self._over and not now.is_link:
            return now.identity != then.identity
        inside = not now.is_link and (now.modified != then.modified or self._is_young(now.modified))
        moved = now.changed != then.changed or self._is_young(now.changed)
        return now.identity != then.identity or (moved and not inside)

    def _is_ours(self, folder: str) -> bool:
        """Tell whether the run itself creates something in a directory."""
        return folder in self._around or any(is_within(folder, one) for one in self._written)

    def _is_young(self, changed: int) -> bool:
        return changed > self._since - (TICK if changed % 10**9 else COARSE_TICK)
