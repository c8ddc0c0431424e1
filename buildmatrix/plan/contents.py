"""What the files hold that a plan was made from, as digests: two plans of the same contents are the same plan."""

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from buildmatrix.files import Repository, is_within
from buildmatrix.plan.model import Plan, PlannedTarget
from buildmatrix.plan.reach import reaches

NEVER = frozenset({".git", ".buildmatrix"})
"""What git and we keep in a folder: it changes without the contents changing."""

Inode = tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Contents:
    """Digests by path: of files, and of folders with all that is in them.

    `beside` are those of the folders as they are with the plan's own file in them, still empty. What is not there, and
    what lies outside of the repository, is left out; so is what targets of the plan write.
    """

    files: Mapping[str, str] = field(default_factory=dict)
    folders: Mapping[str, str] = field(default_factory=dict)
    beside: Mapping[str, str] = field(default_factory=dict)


def contents_of(plan: Plan, saved: str = "", unread: Iterable[Inode] = ()) -> Contents:
    """Return the contents that a plan is made from.

    A plan may be written into a folder that it is about. Its own file does not count: of the path `saved`, or one of
    `unread`, the device and inode of where it is written.
    """
    return _Reader(plan, saved, unread).contents()


class _Reader:
    def __init__(self, plan: Plan, saved: str, unread: Iterable[Inode]) -> None:
        self._plan, self._saved, self._unread = plan, os.path.realpath(saved) if saved else "", frozenset(unread)
        self._repository = Repository.around(plan.directory)
        self._written = frozenset(self._real(path) for target in plan.targets for path in _dests(target))

    def contents(self) -> Contents:
        files, folders, beside = dict(self._plan.digests), {}, {}
        for path in self._plan.made.files:
            files |= self._file(path)
        for path in dict.fromkeys(path for target in self._plan.targets for path in _paths(target)):
            if any(is_within(self._real(path), made) for made in self._written):
                continue
            match self._repository.kind(path):
                case "file":
                    files |= self._file(path)
                case "folder":
                    name = self._name(path)
                    if name not in folders:
                        folders[name], beside[name] = self._folder(self._repository.real(path))
        return Contents(files=dict(sorted(files.items())), folders=dict(sorted(folders.items())), beside=beside)

    def _real(self, path: str) -> str:
        return os.path.realpath(os.path.join(self._plan.directory, path))  # noqa: PTH118

    def _name(self, path: str) -> str:
        """Return a path inside as it is, behind links, relative to the root file's folder."""
        return os.path.relpath(self._repository.real(path), self._repository.folder)

    def _file(self, path: str) -> dict[str, str]:
        try:
            return {self._name(path): hashlib.sha256(self._repository.read(path)).hexdigest()}
        except (OSError, ValueError):
            return {}

    def _folder(self, root: str) -> tuple[str, str]:
        lines = {os.fsencode(os.path.relpath(path, root)): told for path, told in self._walk(root)}
        alone = _digest(lines)
        if self._saved and is_within(self._saved, root):
            lines[os.fsencode(os.path.relpath(self._saved, root))] = _EMPTY
        return alone, _digest(lines)

    def _walk(self, root: str) -> Iterator[tuple[str, bytes]]:
        pending = [root]
        while pending:
            for entry in _entries(pending.pop()):
                found = entry.stat(follow_symlinks=False)
                ours = entry.path == self._saved or (found.st_dev, found.st_ino) in self._unread
                if ours or entry.name in NEVER or entry.path in self._written:
                    continue
                if stat.S_ISDIR(found.st_mode):
                    pending.append(entry.path)
                yield entry.path, _told(entry.path, found)


def _entries(folder: str) -> list["os.DirEntry[str]"]:
    try:
        with os.scandir(folder) as found:
            return list(found)
    except OSError:
        return []  # told by its mode: buildx cannot read it either


def _told(path: str, found: os.stat_result) -> bytes:
    """Return what there is at a path, without a time and an owner: a copy of it is the same."""
    mode = found.st_mode
    if stat.S_ISREG(mode):
        return (b"x" if mode & 0o111 else b"f") + _of_file(path)
    if stat.S_ISLNK(mode):
        return b"l" + os.fsencode(os.readlink(path))  # noqa: PTH115
    return b"d" if stat.S_ISDIR(mode) else b"o%o" % stat.S_IFMT(mode)


def _of_file(path: str) -> bytes:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb", buffering=0) as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError as error:
        return b"unread %d" % (error.errno or 0)


_EMPTY = b"f" + hashlib.sha256().digest()


def _digest(lines: Mapping[bytes, bytes]) -> str:
    digest = hashlib.sha256()
    for name in sorted(lines):
        digest.update(b"%d %d %b %b\n" % (len(name), len(lines[name]), name, lines[name]))
    return digest.hexdigest()


# --- what targets name ------------------------------------------------------------------------------------------------


_BUILT_FROM = ("context", "contexts", "dockerfile")


def _paths(target: PlannedTarget) -> Iterator[str]:
    """Yield the files and folders that a target is built from; secrets, keys and caches are none of them."""
    for reach in reaches(target):
        if reach.access == "read" and reach.pointer[0] in _BUILT_FROM:
            yield from (reach.path, *reach.more)


def _dests(target: PlannedTarget) -> Iterator[str]:
    tables: tuple[Any, ...] = (*(target.settings.output or ()), *(target.settings.cache_to or ()))
    return (dest for table in tables if (dest := getattr(table, "dest", None)))
