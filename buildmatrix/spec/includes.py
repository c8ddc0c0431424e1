"""Which files an `include` means: a pattern as the shell has it, within the repository and within bounds."""

import os
import posixpath
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase

from buildmatrix.files import Repository

MOST_ENTRIES = 200_000
"""Entries of directories that one pattern may look at."""


class TooManyError(OSError):
    """A pattern looks at more than `MOST_ENTRIES`."""


def matches(pattern: str, folder: str, repository: Repository) -> list[str]:
    """Return the paths that a pattern matches, relative to `folder` (itself relative to the root file's), sorted.

    `**` are any directories, but none behind a link and none whose name begins with a dot. OutsideError if a match, or
    a directory on the way, lies outside of the repository, whether there is anything or not; OSError for a directory
    that cannot be read, or TooManyError.
    """
    return _Pattern(folder, repository).matches(pattern)


class _Pattern:
    def __init__(self, folder: str, repository: Repository) -> None:
        self._folder, self._repository = folder, repository
        self._seen = 0

    def matches(self, pattern: str) -> list[str]:
        absolute = "/" if pattern.startswith("/") else ""
        parts = [part for part in pattern.split("/") if part]
        found: Iterable[str] = [absolute]
        for number, part in enumerate(parts, start=1):
            found = dict.fromkeys(self._step(found, part, last=number == len(parts)))
        return sorted(path for path in found if path and self._is_there(path))

    def _step(self, found: Iterable[str], part: str, *, last: bool) -> Iterator[str]:
        for path in found:
            if part == "**":
                yield from self._below(path, files=last)
            elif any(sign in part for sign in "*?["):
                names = (entry.name for entry in self._entries(path) if last or _may_lead_on(entry))
                yield from (posixpath.join(path, name) for name in names if _fits(name, part))
            else:
                yield posixpath.join(path, part)

    def _is_there(self, path: str) -> bool:
        return os.path.lexists(self._repository.real(path, self._folder))

    def _below(self, path: str, *, files: bool) -> Iterator[str]:
        pending = [path]
        while pending:
            at = pending.pop()
            yield at
            for entry in self._entries(at):
                if entry.name.startswith("."):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    pending.append(posixpath.join(at, entry.name))
                elif files:
                    yield posixpath.join(at, entry.name)

    def _entries(self, path: str) -> list["os.DirEntry[str]"]:
        try:
            entries = list(os.scandir(self._repository.real(path, self._folder)))
        except (FileNotFoundError, NotADirectoryError):
            return []
        self._seen += len(entries)
        if self._seen > MOST_ENTRIES:
            raise TooManyError
        return entries


def _fits(name: str, part: str) -> bool:
    return fnmatchcase(name, part) and (not name.startswith(".") or part.startswith("."))


def _may_lead_on(entry: "os.DirEntry[str]") -> bool:
    """Tell whether an entry may be a directory; a link is looked at when it is walked, and refused there."""
    return entry.is_symlink() or entry.is_dir(follow_symlinks=False)
