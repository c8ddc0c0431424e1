"""Where what may be lost is kept: the user's cache directory."""

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from buildmatrix.files import read_regular, write_whole


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
