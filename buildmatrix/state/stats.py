"""How what was written to the disk looks: names, sizes, times, inodes and modes as one digest; nothing is read."""

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

MOST_FILES = 200_000
"""Files of a directory beyond which nobody looks: that takes longer than to write it again from the build's cache."""


def look(path: str | Path) -> str:
    """Return how a file or directory looks, `-` if there is none, "" where that cannot be told for sure."""
    root, digest = os.path.realpath(path), hashlib.sha256()
    try:
        entry = os.stat(root)  # noqa: PTH116 a Path for each file is slow
        if not stat.S_ISDIR(entry.st_mode):
            return hashlib.sha256(repr(_facts(root, entry)).encode()).hexdigest()
        for count, facts in enumerate(_files(root)):
            if count > MOST_FILES:
                return ""
            digest.update(repr(facts).encode(errors="replace"))
    except FileNotFoundError:
        return "-" if not os.path.lexists(root) else ""
    except OSError:
        return ""
    return digest.hexdigest()


def _files(root: str) -> Iterator[tuple[object, ...]]:
    for folder, folders, files in os.walk(root, onerror=_raise):
        folders.sort()
        for name in sorted({*folders, *files}):
            path = os.path.join(folder, name)  # noqa: PTH118
            yield os.path.relpath(path, root), *_facts(path, os.lstat(path))


def _facts(path: str, entry: os.stat_result) -> tuple[object, ...]:
    """Return what tells whether it changed; of a directory that is its mode, of a link also what it leads to."""
    if stat.S_ISDIR(entry.st_mode):
        return (entry.st_mode,)
    own = (entry.st_size, entry.st_mtime_ns, entry.st_ctime_ns, entry.st_ino, entry.st_mode)
    if not stat.S_ISLNK(entry.st_mode):
        return own
    try:
        leads = os.stat(path)  # noqa: PTH116
    except OSError:
        return own, os.readlink(path)  # noqa: PTH115
    return own, os.readlink(path), _facts(path, leads)  # noqa: PTH115


def _raise(error: OSError) -> None:
    raise error
