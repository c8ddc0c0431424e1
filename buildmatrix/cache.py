"""Where what may be lost is kept: the user's cache directory."""

import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from buildmatrix.files import read_regular, write_whole

PAUSE = 600.0
"""Seconds in which a directory is looked through once at most: 8,000 files take 20 to 100 ms."""


RECENT = 86_400.0
"""Seconds in which what was used or written stays: one project may have more files than a directory should."""


def cache_directory(environment: Mapping[str, str]) -> Path | None:
    """Return the directory of what may be lost, as the XDG base directories are named; None if nobody has one."""
    named, home = environment.get("XDG_CACHE_HOME", ""), environment.get("HOME", "")
    if Path(named).is_absolute():
        return Path(named, "buildmatrix")
    return Path(home, ".cache", "buildmatrix") if Path(home).is_absolute() else None


def read_table(path: Path, limit: int) -> dict[str, Any]:
    """Return the table of a file of at most so many bytes; {} for one that is lost, or damaged."""
    try:
        found = json.loads(read_regular(path, limit, own=True))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def write_table(path: Path, table: Mapping[str, Any], *, mode: int = 0o644) -> None:
    """Write a table; where that cannot be, what it says is found out again the next time."""
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps(table), mode=mode)


def note_use(path: Path) -> None:
    """Make a file young that was used now, so that it stays: at most twice a day, and if that can be done."""
    with suppress(OSError):
        if path.stat().st_mtime < time.time() - RECENT / 2:
            os.utime(path)


def keep_small(folder: Path, *, files: int | None = None, size: int | None = None) -> None:
    """Drop what was used or written longest ago where a directory has more files, or bytes; three quarters stay.

    So does what is not older than `RECENT`. A directory was looked through when a file beside it was touched; what is
    added within `PAUSE` seconds of that is little.
    """
    stamp, now = folder.with_name(f"{folder.name}.looked-through"), time.time()
    with suppress(OSError):
        if abs(now - stamp.stat().st_mtime) < PAUSE:
            return
    with suppress(OSError):
        stamp.touch()  # first: of several processes one is enough
    found, count, whole = _files(folder), 0, 0
    if not (_is_over(len(found), files) or _is_over(sum(one for _, one, _ in found), size)):
        return
    for when, bytes_of_it, name in found:
        count, whole = count + 1, whole + bytes_of_it
        is_over = _is_over(count, files and files * 3 // 4) or _is_over(whole, size and size * 3 // 4)
        if is_over and abs(now - when) > RECENT:
            with suppress(OSError):  # another process has dropped it, or it may not be dropped
                (folder / name).unlink()


def _is_over(number: int, limit: int | None) -> bool:
    return limit is not None and number > limit


def _files(folder: Path) -> list[tuple[float, int, str]]:
    """Return the time, the size and the name of each file, the youngest first."""
    found = []
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(OSError):
                if entry.is_file(follow_symlinks=False):
                    said = entry.stat(follow_symlinks=False)
                    found.append((said.st_mtime, said.st_size, entry.name))
    return sorted(found, reverse=True)
