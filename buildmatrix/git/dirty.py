"""Whether a working tree differs from its commit, found without running a filter of it."""

import hashlib
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from buildmatrix.git.repository import GitFolder, UnansweredError
from buildmatrix.patterns import regex

_CHANGED = regex(
    r"1 \.M N\.\.\. \d+ (?P<index>100\d+) (?P<here>100\d+) [0-9a-f]+ (?P<blob>[0-9a-f]+) (?P<path>.+)", re.DOTALL
)
_POINTER = regex(
    r"^(?P<blob>[0-9a-f]+) blob \d+\nversion https://git-lfs\.github\.com/spec/v1\n"
    r"oid sha256:(?P<digest>[0-9a-f]{64})\nsize (?P<size>\d+)\n$",
    re.MULTILINE,
)
_SMALL = 1024
"""A pointer of Git LFS is shorter than this, in bytes."""


def is_dirty(git: GitFolder) -> bool:
    """Tell whether tracked files differ from the commit, those of submodules too; UnansweredError as `ask` does.

    No filter runs. A file of Git LFS is compared with its pointer here. One that any other filter has changed, and
    that git cannot tell by its time and size to be untouched, counts as changed.
    """
    pending = [git]
    while pending:
        one = pending.pop()
        listed = one.ask(
            ("status", "--porcelain=v2", "-z", "--untracked-files=no", "--no-renames", "--ignore-submodules=dirty")
        )
        records = [record for record in (listed or "").split("\0") if record]
        if records and not _are_of_lfs(one, records):
            return True
        pending += submodules(one)
    return False


def submodules(git: GitFolder) -> Iterator[GitFolder]:
    """Yield the submodules that are checked out; UnansweredError for a link in the place of one."""
    if not os.path.lexists(git.root / ".gitmodules"):
        return
    for line in (git.ask(("ls-files", "--stage", "-z")) or "").split("\0"):
        mode, _, path = line.partition(" ")
        folder = git.root / path.partition("\t")[2]
        if mode == "160000" and os.path.lexists(folder / ".git"):
            found = GitFolder(git.programs, folder)
            if found.root != folder:
                raise UnansweredError(f"{folder} is a link, where a submodule should be")
            yield found


def _are_of_lfs(git: GitFolder, records: Iterable[str]) -> bool:
    """Tell whether all that git calls changed are files of Git LFS whose contents are those of their pointers."""
    found = [_CHANGED.fullmatch(record) for record in records]
    changed = {match["path"]: match["blob"] for match in found if match and match["index"] == match["here"]}
    return len(changed) == len(found) == len(of_lfs(git, changed))


def of_lfs(git: GitFolder, changed: Mapping[str, str]) -> frozenset[str]:
    """Return which files are those of Git LFS whose contents are those of their pointers; a file's object by path."""
    paths = [path for path in changed if _is_text(path)]
    filtered = [path for path, name in zip(paths, _filters(git, paths), strict=True) if name == "lfs"]
    if not filtered:
        return frozenset()
    blobs = list(dict.fromkeys(changed[path] for path in filtered))
    sizes = (git.ask(("cat-file", "--batch-check=%(objectsize)"), _lines(blobs)) or "").splitlines()
    small = [blob for blob, size in zip(blobs, sizes, strict=True) if size.isdecimal() and int(size) < _SMALL]
    told = (git.ask(("cat-file", "--batch"), _lines(small)) or "") if small else ""
    pointers = {match["blob"]: match for match in _POINTER.finditer(told)}
    return frozenset(path for path in filtered if _is_content(git.root / path, pointers.get(changed[path])))


def _is_text(path: str) -> bool:
    try:
        return bool(path.encode())
    except UnicodeEncodeError:
        return False


def _lines(words: Iterable[str]) -> str:
    return "".join(f"{word}\n" for word in words)


def _filters(git: GitFolder, paths: list[str]) -> list[str]:
    if not paths:
        return []
    answer = git.ask(("check-attr", "--stdin", "-z", "filter"), "".join(f"{path}\0" for path in paths)) or ""
    return answer.split("\0")[2::3]


def _is_content(path: Path, pointer: "re.Match[str] | None") -> bool:
    if pointer is None:
        return False
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            found = os.fstat(handle)
            if not stat.S_ISREG(found.st_mode) or found.st_size != int(pointer["size"]):
                return False
            return hashlib.file_digest(file, "sha256").hexdigest() == pointer["digest"]
    except (OSError, ValueError):
        return False
