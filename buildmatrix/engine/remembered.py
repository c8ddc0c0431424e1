"""What docker told of its buildx plugin, kept in the user's cache directory while nothing that it rests on changed.

Docker starts each of its plugins to tell of one: a tenth of a second of both cores, at the start of every run. What it
told rests on docker itself, its configuration, the plugin, and the directories where it looks for plugins.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from buildmatrix.cache import cache_directory, read_table, write_table
from buildmatrix.files import read_regular
from buildmatrix.process import Programs, docker_directory

FILE = "docker.json"
MOST_BYTES = 1 << 16
KEYS = ("Name", "Path", "Version")
OWN_DIRECTORIES = b"cliPluginsExtraDirs"
"""A key of docker's configuration: directories that we do not look at."""


class Remembered:
    """What docker told of a plugin: a table with `Name`, `Path` and `Version`, {} if nothing is known for certain."""

    def __init__(self, programs: Programs, plugin: str) -> None:
        """Take where the plugin is, "" if that is not known: then nothing is remembered."""
        folder = cache_directory(programs.environment) if plugin else None
        self._path = folder / FILE if folder else None
        self._rests_on = _stamps(programs, plugin) if plugin else []
        self._config = docker_directory(programs.environment) / "config.json"
        self.plugin = self._read()

    def _read(self) -> dict[str, Any]:
        if not self._path:
            return {}
        known = read_table(self._path, MOST_BYTES)
        plugin: Any = known.get("plugin")
        is_whole = isinstance(plugin, dict) and all(isinstance(plugin.get(key), str) for key in KEYS)
        return plugin if is_whole and known.get("rests_on") == self._rests_on else {}

    def keep(self, plugin: Mapping[str, Any]) -> None:
        """Keep what docker told; where it cannot be written docker is asked again the next time."""
        if not self._path or self.plugin or self._names_directories():
            return
        told = {key: plugin.get(key) for key in KEYS}
        write_table(self._path, {"rests_on": self._rests_on, "plugin": told})

    def _names_directories(self) -> bool:
        try:
            return OWN_DIRECTORIES in read_regular(self._config)
        except FileNotFoundError:
            return False
        except OSError:
            return True


def _stamps(programs: Programs, plugin: str) -> list[list[str | int]]:
    """Return what tells whether the files changed: paths, sizes, times of their inodes (no user sets those)."""
    config = str(docker_directory(programs.environment) / "config.json")
    paths = [programs.docker(), os.path.realpath(plugin), config, *programs.plugin_directories()]
    return [[path, *_stamp(path)] for path in paths]


def _stamp(path: str) -> tuple[int, ...]:
    try:
        found = Path(path).stat()
    except OSError:
        return ()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
