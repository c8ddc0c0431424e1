"""How files and directories look: names, sizes, times, inodes and modes, as one digest; their contents are not read."""

import hashlib
import os
import stat
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

MOST_FILES = 200_000
"""Files of a directory beyond which nobody looks: that takes longer than the build's own cache."""

TICK, COARSE_TICK = 20_000_000, 2_000_000_000
"""Nanoseconds within which two changes of a file may have one time; the coarse one where a disk knows only seconds."""

UNTOLD = frozenset({"objects", "lfs", "logs"})
"""What lies in `.git` and says nothing of the state: that is in HEAD, the references and the index."""


class Looks:
    """Looks at files and directories, each once. What changed as the run began looks like nothing: "" is a doubt."""

    def __init__(self, ignored: Iterable[str] = (), *, young: bool = False) -> None:
        """Take the real paths that runs write themselves: they are no part of what is built.

        With `young` what has just changed is looked at nevertheless.
        """
        self._ignored = frozenset(ignored)
        self._around = {str(folder) for path in self._ignored for folder in Path(path).parents}
        self._known: dict[tuple[str, bool], str] = {}
        self._young_from = 2 * time.time_ns() if young else time.time_ns()

    def of(self, path: str | Path, *, git: bool = True) -> str:
        """Return how a file or directory looks, `-` if there is none, "" where that cannot be told for sure.

        Without `git` the directory `.git` in it does not count.
        """
        key = str(path), git
        if key not in self._known:
            self._known[key] = self._look(os.path.realpath(path), git=git)
        return self._known[key]

    def _look(self, root: str, *, git: bool) -> str:
        digest = hashlib.sha256()
        try:
            entry = os.stat(root)  # noqa: PTH116 a Path for each file is slow
            if not stat.S_ISDIR(entry.st_mode):
                return hashlib.sha256(repr(self._facts(root, entry)).encode()).hexdigest()
            for count, facts in enumerate(self._files(root, git=git)):
                if count > MOST_FILES:
                    return ""
                digest.update(repr(facts).encode(errors="replace"))
        except FileNotFoundError:
            return "-" if not os.path.lexists(root) else ""
        except (OSError, _YoungError):
            return ""
        return digest.hexdigest()

    def _files(self, root: str, *, git: bool) -> Iterator[tuple[object, ...]]:
        for folder, folders, files in os.walk(root, onerror=_raise):
            folders[:] = sorted(name for name in folders if self._counts(root, folder, name, git=git))
            for name in sorted({*folders, *files}):
                path = os.path.join(folder, name)  # noqa: PTH118
                if path not in self._ignored and path not in self._around:
                    yield os.path.relpath(path, root), *self._facts(path, os.lstat(path))

    def _counts(self, root: str, folder: str, name: str, *, git: bool) -> bool:
        """Tell whether one goes into a directory."""
        if name == ".git" and folder == root and not git:
            return False
        in_git = f"{folder}/".startswith(f"{root}/.git/")
        return os.path.join(folder, name) not in self._ignored and not (in_git and name in UNTOLD)  # noqa: PTH118

    def _facts(self, path: str, entry: os.stat_result) -> tuple[object, ...]:
        """Return what tells whether it changed; of a directory that is its mode, of a link also what it leads to."""
        if stat.S_ISDIR(entry.st_mode):
            return (entry.st_mode,)
        if entry.st_ctime_ns > self._young_from - (TICK if entry.st_ctime_ns % 10**9 else COARSE_TICK):
            raise _YoungError
        own = (entry.st_size, entry.st_mtime_ns, entry.st_ctime_ns, entry.st_ino, entry.st_mode)
        if not stat.S_ISLNK(entry.st_mode):
            return own
        try:
            leads = os.stat(path)  # noqa: PTH116
        except OSError:
            return own, os.readlink(path)  # noqa: PTH115
        return own, os.readlink(path), self._facts(path, leads)  # noqa: PTH115


class _YoungError(Exception):
    """A file changed as the run began: a second change could have the same time."""


def _raise(error: OSError) -> None:
    raise error
