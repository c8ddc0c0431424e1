"""Whether a target is what it was: its bake definition and all local files that it names, as one digest.

Files are told apart by name, size, times and inode, as make, rsync and git do; their contents are not read. What is
elsewhere (a URL, a git repository, an image without its digest) may have changed at any time.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from threading import Thread
from types import MappingProxyType

from buildmatrix.files import is_within
from buildmatrix.graphs import reached
from buildmatrix.plan.access.paths import is_local
from buildmatrix.plan.access.reach import BUILT_FROM, dests_of, dockerfile_of, reaches
from buildmatrix.plan.bakefile import bake_document, escaped
from buildmatrix.plan.model import Plan, PlannedTarget
from buildmatrix.spec.rows.marked import marked
from buildmatrix.spec.rows.markers import Local
from buildmatrix.spec.rows.settings import Settings
from buildmatrix.spec.rows.shapes import row_of
from buildmatrix.state.stats import Looks

ENVIRONMENT = ("SOURCE_DATE_EPOCH", "BUILDX_NO_DEFAULT_ATTESTATIONS", "EXPERIMENTAL_BUILDKIT_SOURCE_POLICY")
"""Variables of the environment from which bake takes something into a build that no definition names."""

OWN = ".buildmatrix"
"""The directory of the last result."""

LAYOUT, HERE = "oci-layout://", "cwd://"
PINNED = "@sha256:"
IGNORE = ".dockerignore"


class Fingerprints:
    """Makes the fingerprints of a plan's targets; each directory is looked at once."""

    def __init__(
        self, plan: Plan, written: Iterable[str], environment: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        """Take the paths that runs write themselves, which are no part of what is built, and the environment."""
        self._plan = plan
        blocks = bake_document(plan)["target"]
        self._blocks = {target.name: blocks[escaped(target.bake_name)] for target in plan.targets}
        self._environment = {name: environment[name] for name in ENVIRONMENT if name in environment}
        self._base = Path(plan.directory)
        self._real = cache(lambda path: os.path.realpath(os.path.join(plan.directory, path)))  # noqa: PTH118
        self._leaves_git_out = cache(_leaves_git_out)
        self._paths = cache(lambda name: tuple(self._paths_of(plan.by_name[name])))
        self._doubts = cache(lambda name: next(_elsewhere(plan.by_name[name]), ""))
        self._dests = {target.name: list(map(self._real, dests_of(target))) for target in plan.targets}
        outputs = (path for paths in self._dests.values() for path in paths)
        self._looks = Looks([*outputs, *map(self._real, (OWN, *written))])
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

    def doubt(self, name: str) -> str:
        """Return why nobody can say whether a target is what it was; "" where that can be said."""
        return next(filter(None, (self._doubts(target.name) for target in self._with_links(name))), "")

    def _of(self, name: str) -> str:
        if self.doubt(name):
            return ""
        digest = hashlib.sha256(json.dumps(self._environment, sort_keys=True).encode())
        for target in self._with_links(name):
            digest.update(json.dumps([target.name, self._blocks[target.name]], sort_keys=True).encode())
            for path, git in self._paths(target.name):
                if not (look := self._looks.of(path, git=git)):
                    return ""
                digest.update(f"{path}\0{look}\0".encode(errors="replace"))
        return digest.hexdigest()

    def _with_links(self, name: str) -> Iterator[PlannedTarget]:
        """Return a target and all that it depends on; looks at no other, since this is asked of each target."""
        targets = self._plan.by_name
        return map(targets.__getitem__, reached([name], lambda one: targets[one].depends_on))

    def _paths_of(self, target: PlannedTarget) -> Iterator[tuple[str, bool]]:
        """Yield the local paths that a target names, and whether `.git` in them counts.

        What lies where a target writes that it needs is told by that one: it is built again where it was changed.
        """
        written = [path for name in target.needs for path in self._dests[name]]
        for path, git in _named(target, self._base, self._leaves_git_out):
            real = self._real(path)
            if not any(is_within(real, folder) for folder in written):
                yield real, git


def _named(
    target: PlannedTarget, base: Path, leaves_git_out: Callable[[str], bool | None]
) -> Iterator[tuple[str, bool]]:
    own = os.path.join(base, f"{dockerfile_of(target.settings)}{IGNORE}") if dockerfile_of(target.settings) else ""  # noqa: PTH118
    for reach in reaches(target):
        if reach.part not in {*BUILT_FROM, "secret"}:
            continue
        ignores = (own if reach.pointer == ("context",) else "", os.path.join(base, reach.path, IGNORE))  # noqa: PTH118
        left_out = next((found for found in map(leaves_git_out, ignores) if found is not None), False)
        yield reach.path, reach.part == "context" and not left_out
        yield from ((path, False) for path in reach.more if reach.part == "source")


def _leaves_git_out(ignore: str) -> bool | None:
    """Tell whether a .dockerignore plainly leaves `.git` out, None if there is none; what is less plain counts as not.

    The one beside a Dockerfile takes the place of the context's own.
    """
    try:
        lines = [line.strip() for line in Path(ignore).read_text(encoding="utf-8", errors="replace").splitlines()]
    except OSError:
        return None
    plain = {".git", ".git/", "/.git", "/.git/", "**/.git", ".git/**", "**/.git/**"}
    return not plain.isdisjoint(lines) and not any(line.startswith("!") for line in lines)


def _elsewhere(target: PlannedTarget) -> Iterator[str]:
    """Yield what a target takes from elsewhere, where it may have changed."""
    settings = target.settings
    if settings.pull:
        yield f"{target.name} pulls newer base images"
    for (attribute, *key), value, marker in marked(settings, Local):
        known = is_local(value) or value.startswith(("target:", LAYOUT, HERE))
        if marker.part not in BUILT_FROM or known:
            continue
        if marker.beside:
            yield from ("its Dockerfile is elsewhere",) if settings.dockerfile_inline is None else ()
        elif not (value.startswith("docker-image://") and PINNED in value):
            what = "context" if marker.part == "context" else row_of(Settings, str(attribute)).key
            yield f"{' '.join(['its', what, *map(str, key)])} of {target.name} is not a local directory"
