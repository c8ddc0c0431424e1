"""The fingerprint of a Build: one digest, for each platform, of all that makes it, and what that is part by part.

It is made without docker and without building, from names and contents alone: times, owners, absolute paths, orders
and the machine are no part of it. What nobody can know is a doubt, and a doubt is built.
"""

import os
import re
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING

from buildmatrix.dockerfile.links import Config, full
from buildmatrix.dockerfile.uses import Uses, uses_of
from buildmatrix.files import is_within
from buildmatrix.graphs import reached
from buildmatrix.inputs.context import Contexts, Entry, Reached, digest_of
from buildmatrix.inputs.framing import Value, fingerprint_of
from buildmatrix.inputs.known import Known
from buildmatrix.inputs.settings import Part, parts_of
from buildmatrix.plan.access.paths import is_local
from buildmatrix.plan.access.reach import context_of, dests_of, dockerfile_of, text_of
from buildmatrix.plan.builds import TARGET
from buildmatrix.plan.model import Plan, PlannedTarget
from buildmatrix.plan.publishing import pushed_tags

if TYPE_CHECKING:
    from buildmatrix.dockerfile.recipe import Recipe

FORMAT = "1"
"""What is part of a fingerprint, and how: another format is another fingerprint, and said to be that."""

ENVIRONMENT = ("SOURCE_DATE_EPOCH", "BUILDX_NO_DEFAULT_ATTESTATIONS")
"""Variables of the environment from which bake takes something into an image that no setting says."""

IMAGE, LAYOUT, HERE = "docker-image://", "oci-layout://", "cwd://"
MAIN = ""
REPLACED = "\ufffd"
"""What stands for bytes that are no text: of two such files nobody could say whether they are one."""

OWN = ".buildmatrix"
"""The directory of records: what a run writes itself is no part of what it builds."""

_DIGEST = re.compile(r"@(sha256:[0-9a-f]{64})$")


class DoubtError(Exception):
    """Nobody can know a part; the message says why."""


class Fingerprints:
    """Makes the fingerprints of a plan's targets, each once; what they share is read once."""

    def __init__(
        self,
        plan: Plan,
        digests: Mapping[str, Mapping[str, str]],
        configs: Mapping[str, Config],
        environment: Mapping[str, str],
        own: str,
        written: Collection[str] = (),
        locked: Collection[str] = (),
    ) -> None:
        """Take the digests of external images by target and name, their configurations, and the builder's platform.

        `written` are the paths that the run writes itself, `locked` the images whose digests a lock file has: docker's
        frontends change often, and what they make does not, so that their digests count only if they are locked.
        """
        self._plan, self._configs, self._own = plan, configs, own
        self._digests = {name: {full(one): digest for one, digest in some.items()} for name, some in digests.items()}
        self._environment = tuple((name, environment[name]) for name in ENVIRONMENT if name in environment)
        self._contexts = Contexts(environment)
        self._locked = frozenset(map(full, locked))
        self._written = tuple(os.path.realpath(os.path.join(plan.directory, one)) for one in (OWN, *written))  # noqa: PTH118
        self._configs_of: dict[tuple[str, str], Config | None] = {}
        self._texts: dict[str, str] = {}
        self._left = cache(self._without)
        self._place_in_plan = {target.name: number for number, target in enumerate(plan.targets)}
        self._writers = {full(tag): target.name for target in plan.targets for tag in pushed_tags(target)}
        self._known: dict[str, Known] = {}
        self._within: dict[tuple[str, str, str], tuple[Entry, ...] | Recipe] = {}

    def of(self, name: str) -> Known:
        """Return what is known of a target's inputs."""
        if name not in self._known:
            # what is below comes first in a plan: no walk is deep
            for one in sorted(reached([name], self._below), key=self._place_in_plan.__getitem__):
                if one not in self._known:
                    self._known[one] = self._made(self._plan.by_name[one])
        return self._known[name]

    def explained(self, name: str, platform: str, part: str) -> tuple[Part, ...]:
        """Return what a part of a fingerprint stands for: the files of a context, or the Dockerfile's steps."""
        found = self._within.get((name, platform, part), ())
        return tuple(_told(one) for one in found)

    def keep(self) -> None:
        """Keep what was learned of files for the next run."""
        self._contexts.keep()

    def _below(self, name: str) -> tuple[str, ...]:
        target = self._plan.by_name[name]
        return (*target.depends_on, *target.needs)

    def _made(self, target: PlannedTarget) -> Known:
        try:
            parts = {name: tuple(self._parts(target, name)) for name in target.platforms or (self._own,)}
        except DoubtError as doubt:
            return Known(fingerprints={}, parts={}, doubt=str(doubt))
        prints = {name: fingerprint_of((FORMAT, name, tuple(found))) for name, found in parts.items()}
        return Known(fingerprints=prints, parts=parts)

    def _parts(self, target: PlannedTarget, platform: str) -> Iterator[Part]:
        uses = self._uses(target, platform)
        images = tuple(self._images(target, uses))
        for name in sorted(uses.contexts):  # whose doubts say more than what follows from them here
            if (place := self._place(target, name)).startswith(TARGET):
                self._sure(place.removeprefix(TARGET))
        if uses.doubts:
            text, line = uses.doubts[0]
            raise DoubtError(f"{text} (line {line} of its Dockerfile)" if line else text)
        self._configs_of[target.name, platform] = uses.config
        yield from self._environment
        yield from parts_of(target.settings, target.volatile)
        self._within[target.name, platform, "dockerfile"] = uses.recipe
        yield "dockerfile", fingerprint_of(uses.recipe)
        yield from images
        yield from self._sources(target, uses, platform)
        for name in sorted(target.needs):
            yield f"needs {name}", self._whole(name)

    def _uses(self, target: PlannedTarget, platform: str) -> Uses:
        settings = target.settings
        if settings.dockerfile_inline is None and context_of(settings) is None:
            raise DoubtError("its context is not a local directory")
        if not (text := self._text(target)):
            raise DoubtError("its Dockerfile cannot be read here")
        if REPLACED in text:
            raise DoubtError("its Dockerfile is not UTF-8")
        epoch = {name: value for name, value in self._environment if name == "SOURCE_DATE_EPOCH"}
        return uses_of(
            text,
            target=settings.target,
            platform=platform if target.platforms else "",
            args={**epoch, **(settings.args or {})},
            contexts=settings.contexts or {},
            bases={**self._configs, **dict(self._of_contexts(target, platform))},
        )

    def _text(self, target: PlannedTarget) -> str:
        """Return the text of a Dockerfile; a file is read once, however many targets are built from it."""
        if (text := target.settings.dockerfile_inline) is not None:
            return text
        path = dockerfile_of(target.settings) or ""
        if path not in self._texts:
            self._texts[path] = text_of(target, self._plan.directory)
        return self._texts[path]

    def _of_contexts(self, target: PlannedTarget, platform: str) -> Iterator[tuple[str, Config]]:
        """Yield what is known of the configurations of named contexts, and of images that the run itself writes."""
        for need in target.needs:
            if (own := self._configs_of.get((need, platform))) is not None:
                yield from ((full(tag), own) for tag in pushed_tags(self._plan.by_name[need]))
        for name, place in (target.settings.contexts or {}).items():
            found = None
            if place.startswith(TARGET):
                link = place.removeprefix(TARGET)
                found = self._configs_of.get((link, platform))
            elif place.startswith(IMAGE):
                found = self._configs.get(full(place.removeprefix(IMAGE)))
            elif is_local(place.removeprefix(HERE)):
                found = Config()  # files have no ONBUILD, and no variables
            if found is not None:
                yield name, found

    # --- images ---------------------------------------------------------------------------------------------------

    def _images(self, target: PlannedTarget, uses: Uses) -> Iterator[Part]:
        frontends = {one.name for one in uses.images if one.use == "syntax"} - self._locked
        for name in sorted({one.name for one in uses.images if one.name}):
            yield f"image {name}", "" if name in frontends else self._image(target, name)

    def _image(self, target: PlannedTarget, name: str) -> str:
        """Return what tells an image from another: its digest, or the fingerprints of what writes it in this run."""
        if found := _DIGEST.search(name):
            return found[1]
        if (writer := self._writers.get(name)) and writer != target.name:
            if writer not in reached([target.name], self._below):
                raise DoubtError(f"{writer} writes {name} in the same run, and does not have to come first")
            return self._whole(writer)
        digest = self._digests.get(target.name, {}).get(name)
        if not digest:
            raise DoubtError(f"nobody knows the digest of {name}")
        return digest

    # --- contexts -------------------------------------------------------------------------------------------------

    def _sources(self, target: PlannedTarget, uses: Uses, platform: str) -> Iterator[Part]:
        for name, sources in sorted(uses.sources.items()):
            place = self._place(target, name)
            if place.startswith(TARGET):
                yield f"context {name}", self._upstream(place.removeprefix(TARGET), platform)
            elif place.startswith(IMAGE):
                yield f"context {name}", self._image(target, full(place.removeprefix(IMAGE)))
            elif place.startswith(LAYOUT):
                yield f"context {name}", _pinned(place, name)
            elif is_local(path := place.removeprefix(HERE)):
                found = self._files(target, name, path, sources)
                self._within[target.name, platform, _spoken(name)] = found.entries
                yield _spoken(name), str(found.digest)
            else:
                raise DoubtError(f"{_spoken(name)} is not a local directory")

    def _place(self, target: PlannedTarget, name: str) -> str:
        if name != MAIN:
            return (target.settings.contexts or {})[name]
        if (path := context_of(target.settings)) is None:
            raise DoubtError("its context is not a local directory")
        return path

    def _files(self, target: PlannedTarget, name: str, path: str, sources: tuple[str, ...] | None) -> Reached:
        root = os.path.join(self._plan.directory, path)  # noqa: PTH118
        named = dockerfile_of(target.settings) if name == MAIN else None
        ignore = self._contexts.ignore_file(root, None if named is None else os.path.join(self._plan.directory, named))  # noqa: PTH118
        written = tuple(one for need in target.needs for one in dests_of(self._plan.by_name[need]))
        found = self._left(root, ignore, sources, written)
        if found.digest is None:
            raise DoubtError(f"{_spoken(name)}: {found.doubt}")
        return found

    def _without(
        self, root: str, ignore: str | None, sources: tuple[str, ...] | None, written: tuple[str, ...]
    ) -> Reached:
        """Return what is read without what the run writes: what a target's needs write is told by their fingerprints.

        Each is asked once: all cells of a target read the same.
        """
        found = self._contexts.of(root, ignore, sources)
        real, folder = os.path.realpath(root), self._plan.directory
        paths = [*self._written, *(os.path.realpath(os.path.join(folder, one)) for one in written)]  # noqa: PTH118
        if found.digest is not None and any(is_within(real, path) for path in paths):
            return Reached(digest=digest_of(()), entries=(), doubt=None)
        inside = [os.path.relpath(path, real) for path in paths if is_within(path, real)]
        left = tuple(one for one in found.entries if not any(is_within(one.path, path) for path in inside))
        return found if len(left) == len(found.entries) else Reached(digest_of(left), left, None)

    # --- other Builds ---------------------------------------------------------------------------------------------

    def _upstream(self, name: str, platform: str) -> str:
        known = self._sure(name)
        if platform in known.fingerprints:
            return known.fingerprints[platform]
        if len(known.fingerprints) == 1:
            return next(iter(known.fingerprints.values()))
        raise DoubtError(f"{name}, which it depends on, is not built for {platform}")

    def _whole(self, name: str) -> str:
        known = self._sure(name)
        value: Value = tuple(sorted(known.fingerprints.items()))
        return fingerprint_of(value)

    def _sure(self, name: str) -> Known:
        if (known := self._known[name]).doubt:
            raise DoubtError(f"of {name}, which it depends on, nobody knows: {known.doubt}")
        return known


def _told(one: Entry | tuple[Value, ...]) -> Part:
    if not isinstance(one, Entry):
        return "step", " ".join(map(str, one))
    mark = " (executable)" if one.is_executable else ""
    return one.path, f"{one.kind}{mark} {one.content or ''}".rstrip()


def _spoken(name: str) -> str:
    return "context" if name == MAIN else f"context {name}"


def _pinned(place: str, name: str) -> str:
    found = _DIGEST.search(place)
    if not found:
        raise DoubtError(f"context {name} is a layout without a digest")
    return found[1]
