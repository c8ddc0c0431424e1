"""The files of a spec as they are at a revision: laid out in a directory of their own, as far as they are asked for.

So paths, links and patterns mean there what they mean in a checkout, and nothing is read of the working tree.
"""

import os
import posixpath
from collections.abc import Iterable, Iterator
from contextlib import suppress
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path

from buildmatrix.files import LIMIT, is_within
from buildmatrix.git.repository import UnansweredError
from buildmatrix.git.revision import LINK, SUBMODULE, Revision
from buildmatrix.spec.toml.source import Sources

MOST_BYTES = 256 * 1024 * 1024
"""Of the files that one pattern of an include may mean."""

_NEVER = frozenset({"", ".", "..", ".git"})
"""Parts of a path that no tree of git's has, unless somebody made it by hand."""


class Earlier(Sources):
    """The sources of a root file at a revision; UnansweredError where git does not have them."""

    def __init__(self, revision: Revision, top: Path, way: str) -> None:
        """Lay them out in the empty directory `top`, which stands for that of the repository.

        `way` leads from there to the root file's directory.
        """
        (top / ".git").mkdir()
        self.revision, self._top, self._placed = revision, os.path.realpath(top), set[str]()
        self._place_links()
        with suppress(FileExistsError):  # a file where there is a directory now
            Path(self._top, way).mkdir(parents=True, exist_ok=True)
        super().__init__(Path(self._top, way))

    def has(self, name: str) -> bool:
        """Tell whether there is a file of this name."""
        return self._real(name) in self.revision.files

    def place(self, names: Iterable[str]) -> None:
        """Lay out files, or directories, by their names relative to the root file's directory."""
        reals = dict.fromkeys(map(self._real, names))
        for real in reals:
            if real in self._folders:
                self._make(real)
        self._write([real for real in reals if real in self.revision.files and real not in self._placed])

    def path(self, real: str) -> str | None:
        """Return where a path of the repository is laid out, None where there is no such file at the revision."""
        way = os.path.relpath(os.path.join(self._top, real), self.directory)  # noqa: PTH118
        self.place([way])
        return os.path.join(self._top, real) if self.has(way) else None  # noqa: PTH118

    def matches(self, pattern: str, folder: str) -> list[str]:
        """Return what a pattern matches at the revision."""
        self.place(self._candidates(pattern, folder))
        return super().matches(pattern, folder)

    def _bytes(self, name: str) -> bytes:
        self.place([name])
        return super()._bytes(name)

    # --- laying out ---------------------------------------------------------------------------------------------------

    def _real(self, name: str) -> str:
        """Return the path in the repository that a name means, behind the links on its way."""
        return os.path.relpath(os.path.realpath(self.directory / name), self._top)

    @cached_property
    def _folders(self) -> frozenset[str]:
        found: set[str] = set()
        for path in self.revision.files:
            while (path := posixpath.dirname(path)) and path not in found:
                found.add(path)
        return frozenset(found)

    def _place_links(self) -> None:
        links = {path: blob.id for path, blob in self.revision.files.items() if blob.mode == LINK}
        contents = self.revision.contents(links.values())
        for path, name in links.items():
            if self._make(posixpath.dirname(path)):
                with suppress(OSError, ValueError):  # a target that is too long, or none
                    os.symlink(os.fsdecode(contents[name]), os.path.join(self._top, path))  # noqa: PTH118, PTH211
        self._has_links = bool(links)

    def _write(self, paths: list[str]) -> None:
        blobs = {path: self.revision.files[path].id for path in paths}
        sizes = self.revision.sizes(blobs.values())
        if sum(sizes.values()) > MOST_BYTES:
            raise UnansweredError(f"the spec would be more than {MOST_BYTES / 1e6:.0f} MB there")
        contents = self.revision.contents(one for one in blobs.values() if sizes[one] <= LIMIT)
        for path, name in blobs.items():
            self._placed.add(path)
            if self._make(posixpath.dirname(path)):
                with suppress(OSError), Path(self._top, path).open("xb") as file:
                    file.write(contents.get(name, b""))
                    file.truncate(sizes[name])

    def _make(self, folder: str) -> bool:
        """Make a directory; tell whether that was within: a tree may hold a link and a directory of one name."""
        path = Path(self._top, folder)
        if not _NEVER.isdisjoint(folder.split("/")) and folder:
            return False
        if not is_within(os.path.realpath(path), self._top):
            return False
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError:
            return False
        return True

    # --- patterns -----------------------------------------------------------------------------------------------------

    def _candidates(self, pattern: str, folder: str) -> Iterator[str]:
        """Yield what a pattern may match, rather too much: `matches` looks again."""
        parts = [part for part in pattern.split("/") if part]
        wild = next((at for at, part in enumerate(parts) if any(sign in part for sign in "*?[")), None)
        if wild is None:
            yield posixpath.join(folder, pattern)
            return
        start, last = self._real(posixpath.join(folder, *parts[:wild])), parts[-1]
        for path, blob in self.revision.files.items():
            near = self._has_links or start == "." or path.startswith(f"{start}/")
            if near and blob.mode not in {LINK, SUBMODULE} and (last == "**" or _fits(path, last)):
                yield os.path.relpath(os.path.join(self._top, path), self.directory)  # noqa: PTH118


def _fits(path: str, last: str) -> bool:
    return fnmatchcase(posixpath.basename(path), last)
