"""Which targets read files that changed: Dockerfiles, and of their contexts what COPY, ADD and bind mounts may reach.

It goes by paths, since what was deleted is not there to be looked at; in doubt a target reads a file. What it cannot
see is told: contexts elsewhere, and bases of which nobody knows whether they have ONBUILDs.
"""

import os
import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache

from buildmatrix.dockerfile.directives import SYNTAX
from buildmatrix.dockerfile.ignore import NOTHING, Ignored, ignored_by
from buildmatrix.dockerfile.links import Config, full, short
from buildmatrix.dockerfile.model import Dockerfile
from buildmatrix.dockerfile.reader import known
from buildmatrix.dockerfile.uses import Uses, uses_of
from buildmatrix.files import OutsideError, Repository, is_within, read_regular
from buildmatrix.git.changed import Changed
from buildmatrix.inputs.context import ignore_file_of
from buildmatrix.inputs.digests import UnknownError
from buildmatrix.inputs.patterns import is_pattern, names_by
from buildmatrix.inputs.sources import Reaching
from buildmatrix.inputs.tree import Tree
from buildmatrix.plan.access.paths import is_local
from buildmatrix.plan.access.reach import context_of, dockerfile_of, text_of
from buildmatrix.plan.model import Plan, PlannedTarget
from buildmatrix.review.model import Touched

HERE, LAYOUT, TARGET = "cwd://", "oci-layout://", "target:"
ELSEWHERE = (TARGET, "docker-image://")
MAIN = ""

OldText = Callable[[str], str | None]
"""The text of a file as it was, by its path in the repository; None where nobody knows."""

Sources = tuple[str, ...] | None


class Files:
    """Tells of a plan's targets what changed of the files that they read; what they share is looked at once."""

    def __init__(
        self,
        plan: Plan,
        changed: Sequence[Changed],
        bases: Mapping[str, Config],
        old_text: OldText = lambda _: None,
        otherwise: Config | None = None,
    ) -> None:
        """Take the paths that changed, and what is known of the configurations of base images.

        `otherwise` is what holds of those of which nothing is known.
        """
        self._plan, self._bases, self._old_text, self._otherwise = plan, bases, old_text, otherwise
        self._repository = Repository.around(plan.directory)
        self._changed, self._wide = changed, [one.path for one in changed if one.wide]
        self._paths = frozenset(one.path for one in changed)
        self._below: dict[str, list[tuple[str, bool]]] = {}
        self._found: dict[tuple[str, str | None, Sources], frozenset[str]] = {}
        self._files: dict[str, tuple[str, ...]] = {}
        self._texts: dict[str, str] = {}
        self._fixed: dict[tuple[str, str | None, tuple[str, ...]], tuple[Uses, ...]] = {}
        self._old: dict[str, str | None] = {}
        self._unlike: set[tuple[str, str | None, tuple[str, ...]]] = set()
        self._configs: dict[tuple[str, str], Config] = {}
        self.unseen: dict[str, None] = {}
        self.wide: dict[str, None] = {}

    def of(self, name: str) -> tuple[Touched, ...]:
        """Return what changed of the files of a target; those that it depends on have to be asked for before it."""
        found: dict[str, Touched] = {}
        for target in self._plan.by_name[name].each:
            for one in self._of(target):
                known = found.get(one.part)
                found[one.part] = one if known is None else known.with_more(one)
        return tuple(found.values())

    def _of(self, target: PlannedTarget) -> Iterator[Touched]:
        uses = self._shared(target)
        for platform, one in zip(target.platforms or ("",), uses, strict=True):
            if one.config is not None:
                self._configs[target.name, platform] = one.config
        if dockerfiles := self._dockerfile(target):
            yield Touched.of("Dockerfile", dockerfiles)
        sources: dict[str, Sources] = {}
        for one in uses:
            for name, some in one.sources.items():
                both = sources.get(name, ())
                sources[name] = None if some is None or both is None else tuple(sorted({*both, *some}))
        for name, wanted in sorted(sources.items()):
            if paths := self._context(target, name, wanted):
                yield Touched.of(f"context {name}".rstrip(), paths)

    def _shared(self, target: PlannedTarget) -> tuple[Uses, ...]:
        """Return what a target uses; cells that differ in arguments alone read the same, if no path names one."""
        settings, text = target.settings, self._text(target)
        if settings.contexts or target.needs or SYNTAX in (settings.args or {}) or not _is_fixed(text):
            return tuple(self._uses(target, text))
        key = (text, settings.target, target.platforms)
        if key not in self._fixed:
            self._fixed[key] = tuple(self._uses(target, text))
        return self._fixed[key]

    def _uses(self, target: PlannedTarget, text: str) -> Iterator[Uses]:
        settings = target.settings
        for platform in target.platforms or ("",):
            bases = {**self._bases, **dict(self._of_contexts(target, platform))}
            uses = _used(text, target, platform, bases)
            while self._otherwise is not None and uses.unread:
                bases |= dict.fromkeys(uses.unread, self._otherwise)
                uses = _used(text, target, platform, bases)
            if self._changed:
                self.wide |= dict.fromkeys(short(name) for name in uses.unread if name not in (settings.contexts or {}))
            yield uses

    def _of_contexts(self, target: PlannedTarget, platform: str) -> Iterator[tuple[str, Config]]:
        """Yield what is known of named contexts: files have no ONBUILD; targets were asked for before this one."""
        for need in target.needs:
            own = self._configs.get((need, platform))
            yield from ((full(tag), own) for tag in self._plan.by_name[need].tags if own is not None)
        for name, place in (target.settings.contexts or {}).items():
            if is_local(place.removeprefix(HERE)):
                yield name, Config()
            elif (own := self._configs.get((place.removeprefix(TARGET), platform))) is not None:
                yield name, own

    # --- Dockerfiles --------------------------------------------------------------------------------------------------

    def _text(self, target: PlannedTarget) -> str:
        if (text := target.settings.dockerfile_inline) is not None:
            return text
        path = dockerfile_of(target.settings) or ""
        if path not in self._texts:
            self._texts[path] = text_of(target, self._plan.directory)
        return self._texts[path]

    def _dockerfile(self, target: PlannedTarget) -> tuple[str, ...]:
        path = dockerfile_of(target.settings)
        if path is None:
            return ()
        found = self._of_file(path)
        if not target.settings.dockerfile:
            found = (*found, *self._of_file(posixpath.join(posixpath.dirname(path), "dockerfile")))
        found = tuple(one for one in found if not self._is_alike(target, one))
        return (*found, *self._of_file(f"{path}.dockerignore"), *self._of_file(f"{path}.rego"))

    def _is_alike(self, target: PlannedTarget, path: str) -> bool:
        """Tell whether a Dockerfile that changed does the same for a target: other stages and comments may differ.

        Where it does not for one cell, it is taken not to for all that build the same stage.
        """
        if target.settings.dockerfile_inline is not None:
            return False
        if path not in self._old:
            self._old[path] = self._old_text(path)
        old, key = self._old[path], (path, target.settings.target, target.platforms)
        if not old or key in self._unlike:
            return False
        if _says_the_same(old, self._text(target)):
            return True
        was, now = (tuple(map(_meaning, self._uses(target, text))) for text in (old, self._text(target)))
        if was != now:
            self._unlike.add(key)
        return was == now

    def _of_file(self, path: str) -> tuple[str, ...]:
        """Return what changed of a file: itself, a link on its way, or what it lies in."""
        if path not in self._files:
            inside = [*self._repository.links(path), *self._real(path)]
            named = [self._way(one) for one in inside if self._repository.holds(one)]
            lexical = os.path.normpath(os.path.join(self._way(self._repository.folder), path))  # noqa: PTH118
            around = {one for name in (*named, lexical) for one in self._wide if is_within(name, one)}
            self._files[path] = tuple(sorted({*(one for one in named if one in self._paths), *around}))
        return self._files[path]

    def _real(self, path: str) -> tuple[str, ...]:
        try:
            return (self._repository.real(path),)
        except OutsideError:
            return ()

    def _way(self, real: str) -> str:
        way = os.path.relpath(real, self._repository.root)
        return "" if way == "." else way

    # --- contexts -----------------------------------------------------------------------------------------------------

    def _context(self, target: PlannedTarget, name: str, sources: Sources) -> frozenset[str]:
        path = context_of(target.settings) if name == MAIN else (target.settings.contexts or {})[name]
        if path is None or path.startswith(ELSEWHERE):
            return self._unseen(target, target.settings.context or "") if path is None else frozenset()
        path, layout = path.removeprefix(HERE), path.startswith(LAYOUT)
        if not layout and not is_local(path):
            return self._unseen(target, path)
        if layout:
            path, sources = path.removeprefix(LAYOUT).partition("@")[0].partition(":")[0], None
        if not (real := self._real(path)):
            return self._unseen(target, path)
        dockerfile = dockerfile_of(target.settings) if name == MAIN else None
        beside = None if dockerfile is None else os.path.join(self._plan.directory, dockerfile)  # noqa: PTH118
        ignore = None if layout else ignore_file_of(real[0], beside)
        return self._reached(real[0], ignore, sources) | frozenset(self._of_file(path))

    def _unseen(self, target: PlannedTarget, place: str) -> frozenset[str]:
        self.unseen[f"{target.declared}: {place}"] = None
        return frozenset()

    def _reached(self, root: str, ignore: str | None, sources: Sources) -> frozenset[str]:
        key = (root, ignore, sources)
        if key not in self._found:
            self._found[key] = frozenset(self._reaches(*key))
        return self._found[key]

    def _reaches(self, root: str, ignore: str | None, sources: Sources) -> Iterator[str]:
        """Yield the changed paths that sources reach in a context, None for all of it."""
        inside = self._inside(root)
        ignored = _ignored(ignore)
        left = [
            (path, wide) for path, wide in inside if (wide and ignored.takes_back) or not _is_left_out(ignored, path)
        ]
        start = f"{way}/" if (way := self._way(root)) else ""
        yield from (f"{start}{path}" for path, _ in inside if path == ".dockerignore")
        if sources is None:
            yield from (start + path for path, _ in left)
            return
        others = []
        for path, wide in left:
            if any(_may_mean(source, path, wide=wide) for source in sources):
                yield start + path
            else:
                others.append(path)
        behind = _Behind(root, ignored, sources) if others else None
        yield from (start + path for path in others if behind is not None and behind.reaches(path))

    def _inside(self, root: str) -> list[tuple[str, bool]]:
        """Return the changed paths in a directory, relative to it."""
        if root not in self._below:
            way = self._way(root)
            cut = len(way) + 1 if way else 0
            found = [(one.path[cut:], one.wide) for one in self._changed if not way or one.path.startswith(f"{way}/")]
            self._below[root] = found
        return self._below[root]


class _Behind:
    """What sources reach by way of links, as they lie here now; all of it where nobody can say."""

    def __init__(self, root: str, ignored: Ignored, sources: tuple[str, ...]) -> None:
        self._reaching: Reaching | None = Reaching(Tree(root, ignored))
        try:
            for source in sources:
                self._reaching.source(source)
        except (UnknownError, OSError):
            self._reaching = None

    def reaches(self, path: str) -> bool:
        if self._reaching is None or path in self._reaching.leaves:
            return True
        while "/" in path:
            path = posixpath.dirname(path)
            if path in self._reaching.folders:
                return True
        return False


def _used(text: str, target: PlannedTarget, platform: str, bases: Mapping[str, Config]) -> Uses:
    settings = target.settings
    args, contexts = settings.args or {}, settings.contexts or {}
    return uses_of(text, target=settings.target, platform=platform, args=args, contexts=contexts, bases=bases)


_READING = {"FROM", "COPY", "ADD", "ENV"}
"""Instructions whose arguments say what is read, or what others read."""


@lru_cache(maxsize=1024)
def _is_fixed(text: str) -> bool:
    """Tell whether no argument says what a Dockerfile depends on and reads: only what RUN does may name one."""
    file = known(text)
    if file is None:
        return False
    every = [one for stage in file.stages for one in (stage.head, *stage.instructions)]
    words = (word for one in every for word in (*one.flags, *(one.args if one.keyword in _READING else ())))
    return not any("$" in word for word in words) and not any(one.onbuild for one in every)


@lru_cache(maxsize=1024)
def _says_the_same(old: str, new: str) -> bool:
    """Tell whether two Dockerfiles are the same but for comments and empty lines."""
    both = [known(text) for text in (old, new)]
    before, after = (None if file is None else _without_lines(file) for file in both)
    return before is not None and before == after


def _without_lines(file: Dockerfile) -> object:
    stages = [
        (stage.name, [one._replace(line=0, end_line=0) for one in (stage.head, *stage.instructions)])
        for stage in file.stages
    ]
    return stages, [arg._replace(line=0) for arg in file.args], file.syntax, file.escape


def _meaning(uses: Uses) -> object:
    """Return what a Dockerfile does, wherever its lines are."""
    images = tuple((one.use, one.name, one.written, one.platform) for one in uses.images)
    return uses.recipe, images, uses.sources, uses.contexts, tuple(doubt.text for doubt in uses.doubts), uses.remote


def _ignored(path: str | None) -> Ignored:
    try:
        return NOTHING if path is None else ignored_by(read_regular(path).decode())
    except (OSError, ValueError):
        return NOTHING


def _is_left_out(ignored: Ignored, path: str) -> bool:
    """Tell whether a path is not sent; of one with things that may be taken back nobody says so."""
    out, around, parts = False, ignored.top, path.split("/")
    for end in range(1, len(parts) + 1):
        out, around = ignored.of("/".join(parts[:end]), around)
    return out


def _may_mean(source: str, path: str, *, wide: bool) -> bool:
    """Tell whether a source of a COPY means a path, what is around it, or goes by way of it."""
    wanted, parts = [part for part in source.split("/") if part], path.split("/")
    if len(parts) < len(wanted) and not wide:
        return False
    return all(map(_fits, wanted, parts))


def _fits(part: str, name: str) -> bool:
    if part == name or not is_pattern(part):
        return part == name
    names = names_by(part)
    return names is None or names.fullmatch(name) is not None


def bases_of(locked: Iterable[tuple[str, Iterable[str]]]) -> dict[str, Config]:
    """Return what a lock file says of images without ONBUILDs: the names of the variables that they set."""
    return {full(name): Config((), dict.fromkeys(variables)) for name, variables in locked}
