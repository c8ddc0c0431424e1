"""Whether a target is what it was: its bake definition and the files that it is built from, as one digest.

Files are told apart by name, size and time of change, as make and rsync do; their contents are not read.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from threading import Thread
from typing import Any

from buildmatrix.build.bake import bake_document
from buildmatrix.plan.model import Plan, PlannedTarget
from buildmatrix.plan.paths import is_local

MOST_FILES = 200_000
"""Files of a context beyond which a target counts as changed: to look at them takes longer than the cache."""

NEVER = frozenset({".git", ".buildmatrix"})


class Fingerprints:
    """Makes the fingerprints of a plan's targets; each folder is looked at once."""

    def __init__(self, plan: Plan, written: Iterable[str]) -> None:
        """Take the paths that runs write themselves: they are no part of what is built."""
        self._plan = plan
        self._blocks = bake_document(plan)["target"]
        base = Path(plan.directory)
        outputs = (dest for target in plan.targets for dest in _dests(target))
        self._ignored = {os.path.normpath(base / path) for path in (*outputs, *written)}
        self._folders: dict[str, str | None] = {}
        self._known: dict[str, str] = {}
        self._thread: Thread | None = None

    def of(self, name: str) -> str:
        """Return a target's fingerprint as it was when `start` was called; "" where it cannot be told."""
        if self._thread is not None:
            self._thread.join()
        if name not in self._known:
            self._known[name] = self._of(name)
        return self._known[name]

    def start(self) -> None:
        """Make all fingerprints, beside what comes next: they are of the files as they are before the build."""
        self._thread = Thread(target=lambda: [self._known.update({name: self._of(name)}) for name in self._blocks])
        self._thread.start()

    def _of(self, name: str) -> str:
        digest = hashlib.sha256()
        for target in self._with_links(name):
            digest.update(json.dumps([target.name, self._blocks[target.name]], sort_keys=True).encode())
            for folder in _folders(target):
                found = self._folder(folder)
                if found is None:
                    return ""
                digest.update(found.encode())
        return digest.hexdigest()

    def _with_links(self, name: str) -> Iterator[PlannedTarget]:
        pending, seen = [name], {name}
        while pending:
            target = self._plan.by_name[pending.pop()]
            yield target
            fresh = [link for link in target.links if link not in seen]
            seen.update(fresh)
            pending += fresh

    def _folder(self, folder: str) -> str | None:
        if folder not in self._folders:
            self._folders[folder] = self._look(Path(self._plan.directory, folder))
        return self._folders[folder]

    def _look(self, root: Path) -> str | None:
        digest = hashlib.sha256()
        for count, (path, entry) in enumerate(self._files(root)):
            if count > MOST_FILES:
                return None
            facts = (os.path.relpath(path, root), entry.st_size, entry.st_mtime_ns, entry.st_mode)
            digest.update(repr(facts).encode(errors="replace"))
        return digest.hexdigest()

    def _files(self, root: Path) -> Iterator[tuple[str, os.stat_result]]:
        if root.is_file():
            yield str(root), root.stat()
            return
        for folder, folders, files in os.walk(root):
            folders[:] = sorted(name for name in folders if name not in NEVER and not self._is_ignored(folder, name))
            for name in sorted(files):
                path = os.path.join(folder, name)  # noqa: PTH118 a Path for each file is slow
                if not self._is_ignored(folder, name):
                    yield path, os.lstat(path)

    def _is_ignored(self, folder: str, name: str) -> bool:
        return os.path.normpath(os.path.join(folder, name)) in self._ignored  # noqa: PTH118


def _dests(target: PlannedTarget) -> Iterator[str]:
    tables: tuple[Any, ...] = (*(target.settings.output or ()), *(target.settings.cache_to or ()))
    return (dest for table in tables if (dest := getattr(table, "dest", None)))


def _folders(target: PlannedTarget) -> Iterator[str]:
    settings = target.settings
    context = settings.context or "."
    if is_local(context):
        yield context
    yield from (path for path in (settings.contexts or {}).values() if is_local(path))
