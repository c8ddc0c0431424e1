"""Which targets read files that are not as a saved plan had them, by the digests that it holds.

Of the contexts of targets whose inputs it knows it has a digest of each file that was read; of all others one for each
directory, which then counts as a whole.
"""

import os
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from buildmatrix.dockerfile.links import Config
from buildmatrix.files import OutsideError, Repository
from buildmatrix.git.changed import Changed
from buildmatrix.inputs.context import Contexts
from buildmatrix.inputs.local import short_digest
from buildmatrix.plan.access.paths import is_local
from buildmatrix.plan.access.reach import BUILT_FROM, Reach, reaches
from buildmatrix.plan.document.contents import Contents
from buildmatrix.plan.model import Plan, PlannedTarget
from buildmatrix.review.files import Files
from buildmatrix.review.model import Touched

Listed = Mapping[str, Mapping[str, str]]
"""The files that were read, by directory and path, each with what it was."""

_WITHOUT = " (without what "


class BySaved:
    """Tells of each target what of its files is not as a saved plan had it."""

    def __init__(
        self, plan: Plan, own: str, saved: Mapping[str, Any], now: Contents, listed: Listed, known: Collection[str]
    ) -> None:
        """Take the plan of now, the file `own` and the document of the saved one, and the contents now.

        `listed` are files of contexts with their digests, and `known` the targets whose files are among them.
        """
        then: Mapping[str, str] = saved["contexts"]
        self._plan, self._own, self._listed, self._known = plan, own, listed, frozenset(known)
        self._repository = Repository.around(plan.directory)
        self._way = os.path.relpath(self._repository.folder, self._repository.root)
        self._folders = {
            name.partition(_WITHOUT)[0]
            for name, digest in now.folders.items()
            if then.get(name) not in {digest, *now.beside.get(name, ())}
        }
        files = {name for name, digest in now.files.items() if saved["sources"].get(name) != digest}
        self._differ = files | (saved["sources"].keys() - now.files.keys())
        self._told = saved["sources"].keys() | now.files.keys()
        self._contexts = Contexts(os.environ)
        self._read: dict[str, dict[str, tuple[Touched, ...]]] = {}
        self._differing: dict[str, tuple[str, ...]] = {}
        self.unseen: dict[str, None] = {}

    def of(self, name: str) -> tuple[Touched, ...]:
        """Return what differs of the files of a target."""
        target = self._plan.by_name[name]
        return (*self._by_path(target), *(self._in_contexts(target) if name in self._known else ()))

    def _by_path(self, target: PlannedTarget) -> Iterator[Touched]:
        for reach in reaches(target):
            if reach.part not in BUILT_FROM:
                continue
            if reach.maybe and reach.part == "context" and not is_local(reach.path):
                self.unseen[f"{target.declared}: {reach.path}"] = None
            found = [self._shown(name) for path in (reach.path, *reach.more) for name in self._found(path)]
            if found:
                yield Touched.of(_part(reach), found)

    def _found(self, path: str) -> Iterator[str]:
        try:
            real = self._repository.real(path)
        except OutsideError:
            return
        name = os.path.relpath(real, self._repository.folder)
        if name in self._folders or name in self._differ:
            yield name

    def _shown(self, name: str) -> str:
        return os.path.normpath(os.path.join(self._way, name))  # noqa: PTH118

    # --- file by file -------------------------------------------------------------------------------------------------

    def _in_contexts(self, target: PlannedTarget) -> Iterator[Touched]:
        for reach in reaches(target):
            if reach.part == "context" and (folder := self._folder(reach.path)) in self._listed:
                part = _part(reach)
                read = [one for one in self._files(folder)[target.name] if one.part == part]
                yield from read
                if not read and (unseen := self._unseen_in(folder)):
                    yield Touched.of(part, unseen)

    def _folder(self, path: str) -> str:
        return os.path.relpath(os.path.join(self._plan.directory, path), self._plan.directory)  # noqa: PTH118

    def _files(self, folder: str) -> dict[str, tuple[Touched, ...]]:
        """Return what each target reads of what differs in a context."""
        if folder not in self._read:
            changed = [Changed(self._shown(os.path.join(folder, path))) for path in self._others(folder)]  # noqa: PTH118
            files = Files(self._plan, changed, {}, otherwise=Config())
            self._read[folder] = {target.name: files.of(target.name) for target in self._plan.targets}
        return self._read[folder]

    def _unseen_in(self, folder: str) -> list[str]:
        """Return what was read and differs, and no target is seen to read: ONBUILDs of a base do."""
        touched = [one for some in self._files(folder).values() for one in some]
        seen = {path for one in touched for path in one.paths}
        paths = (path for path in self._others(folder) if path in self._listed[folder])
        lost = (self._shown(os.path.join(folder, path)) for path in paths)  # noqa: PTH118
        return [] if any(one.more for one in touched) else [path for path in lost if path not in seen]

    def _others(self, folder: str) -> tuple[str, ...]:
        """Return the paths in a context that are not as they were, or were not read then."""
        if folder not in self._differing:
            self._differing[folder] = tuple(sorted(self._found_other(folder)))
        return self._differing[folder]

    def _found_other(self, folder: str) -> Iterator[str]:
        root = os.path.join(self._plan.directory, folder)  # noqa: PTH118
        then = {path: what for path, what in self._listed[folder].items() if not what.startswith("directory")}
        now = {one.path: short_digest(one) for one in self._contexts.of(root, None, tuple(then)).entries}
        yield from (path for path, what in then.items() if now.get(path) != what)
        for path in _paths(root, with_git=".git" in self._listed[folder]):
            is_own = os.path.basename(path) == os.path.basename(self._own)  # noqa: PTH119
            is_told = os.path.normpath(os.path.join(folder, path)) in self._told  # noqa: PTH118 an ignore file, by its own path
            if not (path in then or is_told or (is_own and os.path.samefile(os.path.join(root, path), self._own))):  # noqa: PTH118, PTH121
                yield path


def _paths(root: str, *, with_git: bool) -> Iterator[str]:
    """Yield what there is in a directory, with what is not UTF-8 escaped."""
    for around, folders, files in os.walk(os.fsencode(root)):
        if not with_git and around == os.fsencode(root) and b".git" in folders:
            folders.remove(b".git")
        names = (*files, *(name for name in folders if os.path.islink(os.path.join(around, name))))  # noqa: PTH114, PTH118
        way = os.path.relpath(around, os.fsencode(root))
        yield from (os.fsdecode(os.path.normpath(os.path.join(way, name))) for name in names)  # noqa: PTH118


def _part(reach: Reach) -> str:
    if reach.part == "source":
        return "Dockerfile"
    return "context" if reach.pointer == ("context",) else f"context {reach.pointer[-1]}"
