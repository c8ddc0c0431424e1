"""What the files hold that a plan was made from, as digests: two plans of the same contents are the same plan."""

import hashlib
import os
import stat
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import field
from typing import AnyStr

from buildmatrix.dockerfile.directives import SYNTAX, is_dockers
from buildmatrix.dockerfile.ignore import NOTHING, Ignored, ignored_by
from buildmatrix.files import Repository, is_within
from buildmatrix.plan.access.reach import (
    BUILT_FROM,
    Reach,
    context_of,
    dests_of,
    dockerfile_of,
    reaches,
    text_of,
    written_before,
)
from buildmatrix.plan.model import Plan, PlannedTarget
from buildmatrix.records import dataclass

NEVER = frozenset({".git", ".buildmatrix"})
"""What git and we keep in a directory: it changes without the contents changing."""

Inode = tuple[int, int]
Lines = Mapping[bytes, bytes]
"""What there is at each path below a directory."""


@dataclass(frozen=True, kw_only=True)
class Contents:
    """Digests by path: of files, and of directories with all that is in them.

    `beside` are those that a directory may have had when the plan was made: with the plan's own file in it, still
    empty, and without what the command writes. What is not there, and what lies outside of the repository, is left out;
    so is what targets of the plan write, with the directories that are made for it, unless that is a context or a file
    they read.
    """

    files: Mapping[str, str] = field(default_factory=dict)
    folders: Mapping[str, str] = field(default_factory=dict)
    beside: Mapping[str, frozenset[str]] = field(default_factory=dict)


def contents_of(
    plan: Plan,
    saved: str = "",
    unread: Iterable[Inode] = (),
    written: Iterable[str] = (),
    fingerprinted: Collection[str] = (),
    beside: Collection[str] = (),
) -> Contents:
    """Return the contents that a plan is made from.

    A plan may be written into a directory that it is about. Its own file does not count: of the path `saved`, or one of
    `unread`, the device and inode of where it is written. `written` are the files that the command writes. Of targets
    that are `fingerprinted` only single files are told, and no directories: their fingerprints say what is read there.
    `beside` are files that it was made from and that no part of it names.
    """
    return _Reader(plan, saved, unread, written, fingerprinted, beside).contents()


class _Reader:
    def __init__(
        self,
        plan: Plan,
        saved: str,
        unread: Iterable[Inode],
        written: Iterable[str],
        fingerprinted: Collection[str],
        beside: Collection[str],
    ) -> None:
        self._plan, self._saved, self._unread = plan, os.path.realpath(saved) if saved else "", frozenset(unread)
        self._fingerprinted, self._beside = frozenset(fingerprinted), beside
        self._repository = Repository.around(plan.directory)
        self._aside = tuple(map(os.path.realpath, written))
        self._read = tuple(dict.fromkeys(self._all_read()))
        self._written = self._left_out()
        self._around = frozenset(folder for path in self._written for folder in _parents(path))

    def contents(self) -> Contents:
        files, folders, beside = dict(self._plan.digests), {}, {}
        for path in (*self._plan.made.files, *self._beside):
            files |= self._file(path)
        for path, out in self._read:
            files |= self._file(path)
            if self._repository.kind(path) == "directory" and (name := self._spoken(path, out)) not in folders:
                folders[name], beside[name] = self._folder(self._repository.real(path), out)
        return Contents(files=dict(sorted(files.items())), folders=dict(sorted(folders.items())), beside=beside)

    def _all_read(self) -> Iterator[tuple[str, str]]:
        """Yield what targets are built from, and what tells what is left out of it; not what others write before."""
        before = written_before(self._plan.targets)
        alike = {
            (_reads(target, before.get(target.name, frozenset())), target.name in self._fingerprinted): target
            for target in self._plan.each
        }
        for ((*_, written), is_known), target in alike.items():
            made = [self._real(path) for path in written]
            for path, out in self._read_by(target):
                told = is_known and self._repository.kind(path) == "directory"
                if not told and not any(is_within(self._real(path), one) for one in made):
                    yield path, out

    def _left_out(self) -> frozenset[str]:
        """Return what targets write and none reads: who writes where a context is still has that context compared."""
        written = {self._real(path) for target in self._plan.each for path in dests_of(target)}
        if not written:
            return frozenset()
        secrets = {src for target in self._plan.each for src in _secrets(target)}
        files = {self._real(path) for path in (*secrets, *(path for path, _ in self._read))}
        folders = [self._real(path) for path, _ in self._read if self._repository.kind(path) == "directory"]
        return frozenset(path for path in written - files if not any(is_within(folder, path) for folder in folders))

    def _read_by(self, target: PlannedTarget) -> Iterator[tuple[str, str]]:
        """Yield the files and directories that a target is built from, each with the file that says what is left out.

        Secrets, keys and caches are none of them.
        """
        for reach in reaches(target):
            if reach.part in BUILT_FROM:
                yield reach.path, self._ignore(target) if reach.pointer == ("context",) else ""
                yield from ((path, "") for path in reach.more)

    def _ignore(self, target: PlannedTarget) -> str:
        """Return the .dockerignore of a target's context: that of its Dockerfile goes before the context's own."""
        dockerfile, context = dockerfile_of(target.settings), context_of(target.settings)
        near = [f"{dockerfile}.dockerignore"] if dockerfile is not None else []
        candidates = [*near, f"{context}/.dockerignore"]
        found = next((path for path in candidates if self._repository.kind(path) == "file"), "")
        text = text_of(target, self._plan.directory)
        return found if text and is_dockers(text) and SYNTAX not in (target.settings.args or {}) else ""

    def _spoken(self, path: str, out: str) -> str:
        """Return what a directory is called: with the file that leaves something out, if that is of a Dockerfile."""
        name = self._name(path)
        own = not out or self._name(out) == os.path.normpath(f"{name}/.dockerignore")
        return name if own else f"{name} (without what {self._name(out)} names)"

    def _real(self, path: str) -> str:
        return os.path.realpath(os.path.join(self._plan.directory, path))  # noqa: PTH118

    def _name(self, path: str) -> str:
        """Return a path inside as it is, behind links, relative to the root file's directory."""
        return os.path.relpath(self._repository.real(path), self._repository.folder)

    def _file(self, path: str) -> dict[str, str]:
        if self._repository.kind(path) != "file":
            return {}
        return {self._name(path): _of_file(self._repository.real(path)).hex()}

    def _folder(self, root: str, out: str) -> tuple[str, frozenset[str]]:
        lines = dict(self._walk(root, self._ignored(out)))
        ways = [lines, *_without(lines, [_inside(path, root) for path in self._aside if is_within(path, root)])]
        digests = [_digest(way) for way in ways]
        if self._saved and is_within(self._saved, root):
            digests += [_digest({**way, _inside(self._saved, root): _EMPTY}) for way in ways]
        return digests[0], frozenset(digests)

    def _ignored(self, path: str) -> Ignored:
        try:
            return ignored_by(self._repository.read(path).decode()) if path else NOTHING
        except (OSError, ValueError):
            return NOTHING

    def _walk(self, root: str, ignored: Ignored) -> Iterator[tuple[bytes, bytes]]:
        pending = [(root, ignored.top)]
        while pending:
            folder, around = pending.pop()
            for entry in _entries(folder):
                found = entry.stat(follow_symlinks=False)
                ours = entry.path == self._saved or (found.st_dev, found.st_ino) in self._unread
                if ours or entry.name in NEVER or entry.path in self._written:
                    continue
                name = entry.path[len(root.rstrip("/")) + 1 :]
                left_out, matched = ignored.of(name, around)
                if stat.S_ISDIR(found.st_mode) and (not left_out or ignored.takes_back):
                    pending.append((entry.path, matched))
                made = entry.path in self._around and stat.S_ISDIR(found.st_mode)
                if not left_out and not made:
                    yield os.fsencode(name), _told(entry.path, found)


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


def _digest(lines: Lines) -> str:
    digest = hashlib.sha256()
    for name in sorted(lines):
        digest.update(b"%d %d %b %b\n" % (len(name), len(lines[name]), name, lines[name]))
    return digest.hexdigest()


def _inside(path: str, root: str) -> bytes:
    return os.fsencode(os.path.relpath(path, root))


def _without(lines: Lines, names: Iterable[bytes]) -> Iterator[Lines]:
    """Yield what there was before files were written: with the directories that hold nothing else, and without them.

    A directory that is named was written with all that is in it.
    """
    named = [name for name in names if name in lines]
    folders = [name for name in named if lines[name] == b"d"]
    within = tuple(name + b"/" for name in folders)
    gone = {name for name in named if lines[name] != b"d"}
    gone |= {name for name in lines if name.startswith(within)} if within else set()
    if not (gone or folders):
        return
    left = {name: line for name, line in lines.items() if name not in gone}
    yield left
    around = {*folders, *(parent for name in gone for parent in _parents(name))}
    kept = {parent for name in left if name not in around for parent in _parents(name)}
    emptied = around - kept
    yield {name: line for name, line in left.items() if name not in emptied}


def _parents(path: AnyStr) -> Iterator[AnyStr]:
    """Yield the directories around a path, the nearest first."""
    while (parent := os.path.dirname(path)) and parent != path:  # noqa: PTH120
        yield parent
        path = parent


# --- what targets name ------------------------------------------------------------------------------------------------


_Reads = tuple[tuple[Reach, ...], str | None, bool, frozenset[str]]


def _reads(target: PlannedTarget, written: frozenset[str]) -> _Reads:
    """Return all that tells what a target is built from; cells of a matrix are mostly alike."""
    settings = target.settings
    read = tuple(reach for reach in reaches(target) if reach.part in BUILT_FROM)
    return read, settings.dockerfile_inline, SYNTAX in (settings.args or {}), written


def _secrets(target: PlannedTarget) -> Iterator[str]:
    return (reach.path for reach in reaches(target) if reach.part == "secret")
