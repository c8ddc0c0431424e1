"""Where what may be lost is kept: the user's cache directory."""

from collections.abc import Mapping
from pathlib import Path


def cache_directory(environment: Mapping[str, str]) -> Path | None:
    """Return the directory of what may be lost, as the XDG base directories are named; None if nobody has one."""
    named, home = environment.get("XDG_CACHE_HOME", ""), environment.get("HOME", "")
    if Path(named).is_absolute():
        return Path(named, "buildmatrix")
    return Path(home, ".cache", "buildmatrix") if Path(home).is_absolute() else None
