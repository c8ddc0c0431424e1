"""Whether a working tree differs from its commit, found without running a filter of it."""

import hashlib
import os
import re
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from buildmatrix.git.repository import GitFolder, UnansweredError

_CHANGED = re.compile(
    r"1 \.M N\.\.\. \d+ (?P<index>100\d+) (?P<here>100\d+) [0-9a-f]+ (?P<blob>[0-9a-f]+) (?P<path>.+)", re.DOTALL
)
_POINTER = re.compile(
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
        pending += _submodules(one)
    return False


def _submodules(git: GitFolder) -> Iterator[GitFolder]:
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
    changed = [match for match in found if match and match["index"] == match["here"]]
    if len(changed) < len(found) or not _have_filter(git, [match["path"] for match in changed], "lfs"):
        return False
    blobs = "".join(f"{match['blob']}\n" for match in changed)
    sizes = (git.ask(("cat-file", "--batch-check=%(objectsize)"), blobs) or "").split()
    if not all(size.isdecimal() and int(size) < _SMALL for size in sizes):
        return False
    pointers = {match["blob"]: match for match in _POINTER.finditer(git.ask(("cat-file", "--batch"), blobs) or "")}
    return all(_is_content(git.root / match["path"], pointers.get(match["blob"])) for match in changed)


def _have_filter(git: GitFolder, paths: list[str], name: str) -> bool:
    answer = git.ask(("check-attr", "--stdin", "-z", "filter"), "".join(f"{path}\0" for path in paths)) or ""
    return answer.split("\0")[2::3] == [name] * len(paths)


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
