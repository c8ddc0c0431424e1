"""Which files of a working tree differ from a commit, with those that nobody has added yet; no filter runs."""

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from buildmatrix.files import kind_at
from buildmatrix.git.dirty import of_lfs, submodules
from buildmatrix.git.repository import GitFolder
from buildmatrix.git.revision import LINK, SUBMODULE

WHOLE = ("--no-renames", "--no-ext-diff", "--ignore-submodules=dirty")


class Changed(NamedTuple):
    """A path that differs, relative to the top of the repository.

    One that is `wide` stands for what is below it, too, or what it leads to: a link, a submodule, a directory.
    """

    path: str
    wide: bool = False


def changed_since(git: GitFolder, commit: str) -> tuple[Changed, ...]:
    """Return the paths that differ between a commit and the working tree, sorted; UnansweredError as `ask` does.

    What `.gitignore` leaves out does not count. In submodules it is what differs from their own commits.
    """
    found = [*_of_tree(git, commit)]
    pending = [*submodules(git)]
    while pending:
        one = pending.pop()
        way = os.path.relpath(one.root, git.root)
        found += (Changed(f"{way}/{path}", wide) for path, wide in _of_tree(one, "HEAD"))
        pending += submodules(one)
    return tuple(sorted(set(found)))


def _of_tree(git: GitFolder, commit: str) -> Iterator[Changed]:
    records = (git.data(("diff", "--raw", "-z", "--no-abbrev", *WHOLE, commit, "--")) or b"").split(b"\0")[:-1]
    found = [(about.decode()[1:].split(" "), os.fsdecode(path)) for about, path in _pairs(records)]
    open_ = {path: blob for (mode, _, blob, here, _), path in found if not here.strip("0") and mode not in _WIDE}
    same = of_lfs(git, open_)
    for (before, after, *_), path in found:
        if path not in same:
            yield Changed(path, before in _WIDE or after in _WIDE)
    yield from map(Changed, _overlooked(git))
    for name in (git.data(("ls-files", "--others", "--exclude-standard", "-z")) or b"").split(b"\0")[:-1]:
        text = os.fsdecode(name)
        yield Changed(text.rstrip("/"), text.endswith("/") or (git.root / text).is_symlink())


def _overlooked(git: GitFolder) -> Iterator[str]:
    """Yield the files that differ from the index and that git was told to overlook (assume-unchanged, skip-worktree).

    What a filter would change counts as differing: it costs a build at most.
    """
    listed = (git.data(("ls-files", "-v", "-z")) or b"").split(b"\0")[:-1]
    told = {line[2:] for line in listed if line[:1] == b"S" or line[:1].islower()}
    if not told:
        return
    for line in (git.data(("ls-files", "--stage", "-z")) or b"").split(b"\0")[:-1]:
        about, _, name = line.partition(b"\t")
        mode, blob, _ = about.decode().split(" ")
        path = git.root / os.fsdecode(name)
        if name in told and mode not in _WIDE and kind_at(path) == "file" and _blob_of(path, len(blob)) != blob:
            yield os.fsdecode(name)


def _blob_of(path: Path, length: int) -> str:
    """Return the name of a file's contents among git's objects: SHA-1, or SHA-256 by its length."""
    contents = path.read_bytes()
    digest = hashlib.sha256() if length == len(hashlib.sha256().hexdigest()) else hashlib.sha1(usedforsecurity=False)
    digest.update(b"blob %d\0" % len(contents) + contents)
    return digest.hexdigest()


_WIDE = (LINK, SUBMODULE)


def _pairs(records: Sequence[bytes]) -> Iterable[tuple[bytes, bytes]]:
    return zip(records[::2], records[1::2], strict=True)
