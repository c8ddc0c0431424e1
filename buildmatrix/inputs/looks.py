"""How files look: what changes with any change of them, whatever clock their file system goes by."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from buildmatrix.records import dataclass

Look = int
"""Stands for device, inode, size, mode and both times, in this process alone."""


@dataclass(frozen=True)
class Passed:
    """A directory or a link on the way to a path: device and inode, and its times, which are of its contents, too."""

    path: str
    identity: tuple[int, int]
    modified: int
    changed: int
    is_link: bool


def look_of(found: os.stat_result) -> Look:
    """Return how something looks of which `found` was said."""
    facts = (found.st_dev, found.st_ino, found.st_size, found.st_mode, found.st_mtime_ns, found.st_ctime_ns)
    return hash(facts)


def look_at(path: str) -> Look | None:
    """Return how something looks now, itself and not what it leads to; None where nobody can tell."""
    try:
        return look_of(os.lstat(os.fsencode(path)))
    except (OSError, ValueError):
        return None


def passed(way: str) -> Iterator[Passed]:
    """Yield the directories and links that are passed on the way to a path, itself included where it is one."""
    current = ""
    for part in filter(None, way.split("/")):
        current = f"{current}/{part}"
        if os.path.islink(current):  # noqa: PTH114
            yield from _passed(current)
            current = os.path.realpath(current)
            for one in Path(current).parents:
                yield from _passed(str(one))
        if os.path.isdir(current):  # noqa: PTH112
            yield from _passed(current)


def _passed(path: str) -> Iterator[Passed]:
    try:
        found = os.lstat(os.fsencode(path))
    except OSError:
        return
    link = stat.S_ISLNK(found.st_mode)
    yield Passed(path, (found.st_dev, found.st_ino), found.st_mtime_ns, found.st_ctime_ns, link)
