"""The fingerprint of a Build: one digest, for each platform, of all that makes it, and what that is part by part.

It is made without docker and without building, from names and contents alone: times, owners, absolute paths, orders
and the machine are no part of it. What nobody can know is a doubt, and a doubt is built.
"""

from collections.abc import Collection, Iterator, Mapping
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from buildmatrix.dockerfile.images import OWN as OWN_PLATFORM
from buildmatrix.dockerfile.images import platforms_in
from buildmatrix.dockerfile.links import Config, full
from buildmatrix.dockerfile.remote import remote_of
from buildmatrix.dockerfile.uses import Uses, uses_of
from buildmatrix.graphs import reached
from buildmatrix.inputs.context import Contexts, Entry, Reached
from buildmatrix.inputs.framing import Value, fingerprint_of
from buildmatrix.inputs.known import Known, Read
from buildmatrix.inputs.local import Aside, LocalFiles
from buildmatrix.inputs.settings import Part, parts_of
from buildmatrix.oci.platform import normalized
from buildmatrix.patterns import regex
from buildmatrix.plan.access.across import TARGET, across_in
from buildmatrix.plan.access.paths import is_local
from buildmatrix.plan.access.reach import BUILT_FROM, context_of, dests_of, dockerfile_of, reaches, text_of
from buildmatrix.plan.model import Plan, PlannedTarget
from buildmatrix.plan.publishing import pushed_tags
from buildmatrix.spec.rows.markers import NoInput
from buildmatrix.spec.rows.settings import Settings
from buildmatrix.spec.rows.shapes import row_of

if TYPE_CHECKING:
    from buildmatrix.dockerfile.recipe import Recipe

FORMAT = "1"
"""What is part of a fingerprint, and how: another format is another fingerprint, and said to be that."""

ENVIRONMENT = ("SOURCE_DATE_EPOCH", "BUILDX_NO_DEFAULT_ATTESTATIONS", "BUILDX_GIT_LABELS")
"""Variables of the environment from which bake takes something into an image that no setting says."""

IMAGE, LAYOUT, HERE = "docker-image://", "oci-layout://", "cwd://"
MAIN = ""
REPLACED = "\ufffd"
"""What stands for bytes that are no text: of two such files nobody could say whether they are one."""

_DIGEST = regex(r"@(sha256:[0-9a-f]{64})$")


class Locked(NamedTuple):
    """What a lock file has: images whose digests count, and checksums and commits of what else is fetched, by URL.

    Docker's frontends change often, and what they make does not: their digests count only if they are locked.
    """

    images: Collection[str] = ()
    sources: Mapping[str, str] = MappingProxyType({})


NOTHING = Locked()


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
        aside: "Aside | None" = None,
        locked: Locked = NOTHING,
    ) -> None:
        """Take the digests of external images by target and name, their configurations, and the builder's platform.

        Configurations say what holds for that, for all platforms of the plan and those that Dockerfiles name.
        `aside` is what is no part of what is built, `locked` is what a lock file has.
        """
        self._plan, self._configs, self._own = plan, configs, own
        self._local = LocalFiles(plan, Contexts(environment), aside or Aside())
        self._platforms = {normalized(name) for target in plan.targets for name in target.platforms or (own,)} | {own}
        self._digests = {name: {full(one): digest for one, digest in some.items()} for name, some in digests.items()}
        self._environment = tuple((name, environment[name]) for name in ENVIRONMENT if name in environment)
        self._locked, self._sources = frozenset(map(full, locked.images)), locked.sources
        self._configs_of: dict[tuple[str, str], Config | None] = {}
        self._texts: dict[str, str] = {}
        self._before = cache(lambda name: tuple(sorted(reached(self._below(name), self._below))))
        self._place_in_plan = {target.name: number for number, target in enumerate(plan.targets)}
        self._writers = {full(tag): target.name for target in plan.targets for tag in pushed_tags(target)}
        self._known: dict[str, Known] = {}
        self._within: dict[tuple[str, str, str], tuple[Entry, ...] | Recipe] = {}
        self._rests: dict[str, dict[Read, None]] = {}

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

    def files(self) -> dict[str, dict[str, str]]:
        """Return what the targets so far read of local contexts, see `LocalFiles.listed`."""
        return self._local.listed()

    def within(self, name: str, platform: str) -> dict[str, "tuple[Entry, ...] | Recipe"]:
        """Return what the parts of a fingerprint stand for: the files of each local context, the Dockerfile's rows."""
        keys = ((name, platform, part) for part, _ in self.of(name).parts[platform])
        return {key[2]: self._within[key] for key in keys if key in self._within}

    def rests_on(self, name: str) -> Iterator[Read]:
        """Yield what a target's fingerprint was read from, each place once for each target that reads it."""
        for one in reached([name], self._below):
            yield from self._rests.get(one, ())

    def keep(self) -> None:
        """Keep what was learned of files for the next run."""
        self._local.keep()

    def _below(self, name: str) -> tuple[str, ...]:
        target = self._plan.by_name[name]
        return (*target.depends_on, *target.needs)

    def _made(self, target: PlannedTarget) -> Known:
        try:
            parts = {name: tuple(self._parts(target.on(name), name)) for name in target.platforms or (self._own,)}
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
        fetched = tuple(self._fetched(uses))
        self._configs_of[target.name, platform] = uses.config
        yield from self._environment
        yield from parts_of(target.settings, target.volatile)
        self._within[target.name, platform, "dockerfile"] = uses.recipe
        yield "dockerfile", fingerprint_of(uses.recipe)
        yield from images
        yield from fetched
        yield from self._sources_of(target, uses, platform)
        yield from self._others(target)
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
            platform=platform,
            args={**epoch, **(settings.args or {})},
            contexts=settings.contexts or {},
            bases={**self._configs, **dict(self._of_contexts(target, platform))},
        )

    def _text(self, target: PlannedTarget) -> str:
        """Return the text of a Dockerfile; a file is read once, however many targets are built from it."""
        if (text := target.settings.dockerfile_inline) is not None:
            return text
        path = dockerfile_of(target.settings) or ""
        self._note(target.name, self._local.file(path))
        if path not in self._texts:
            self._texts[path] = text_of(target, self._plan.directory)
        return self._texts[path]

    def _of_contexts(self, target: PlannedTarget, platform: str) -> Iterator[tuple[str, Config]]:
        """Yield what is known of the configurations of named contexts, and of images that the run itself writes."""
        for need in target.needs:
            if (own := self._configs_of.get((need, platform))) is not None:
                yield from ((full(tag), own) for tag in pushed_tags(self._plan.by_name[need]))
        across = across_in(target.settings, self._text(target))
        for name, place in (target.settings.contexts or {}).items():
            found = None
            if place.startswith(TARGET):
                found = self._config_of(place.removeprefix(TARGET), platform, of_all=name in across)
            elif place.startswith(IMAGE):
                found = self._configs.get(full(place.removeprefix(IMAGE)))
            elif is_local(place.removeprefix(HERE)):
                found = Config()  # files have no ONBUILD, and no variables
            if found is not None:
                yield name, found

    def _config_of(self, name: str, platform: str, *, of_all: bool) -> Config | None:
        """Return what is known of a target's configuration, where it is asked for: what holds for all its platforms.

        One without platforms has the builder's own, for whichever it is taken.
        """
        platforms = self._plan.by_name[name].platforms or (self._own,)
        if not of_all and platform in platforms:
            return self._configs_of.get((name, platform))
        found = self._configs_of.get((name, platforms[0]))
        return found if all(self._configs_of.get((name, one)) == found for one in platforms) else None

    # --- images ---------------------------------------------------------------------------------------------------

    def _images(self, target: PlannedTarget, uses: Uses) -> Iterator[Part]:
        known = self._platforms | platforms_in(self._text(target))
        for one in uses.images:
            if one.use == "from" and one.platform and one.platform not in known:
                raise DoubtError(f"what {one.name} brings along for {one.platform} is not known")
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

    def _sources_of(self, target: PlannedTarget, uses: Uses, platform: str) -> Iterator[Part]:
        across = across_in(target.settings, self._text(target))
        for name, sources in sorted(uses.sources.items()):
            place = self._place(target, name)
            if place.startswith(TARGET):
                upon = place.removeprefix(TARGET)
                yield f"context {name}", self._upstream(upon, platform, is_across=name in across)
                yield from self._across(name, upon, across.get(name, frozenset()) - {platform})
            elif place.startswith(IMAGE):
                yield f"context {name}", self._image(target, full(place.removeprefix(IMAGE)))
            elif place.startswith(LAYOUT):
                yield f"context {name}", _pinned(place, name)
            elif is_local(path := place.removeprefix(HERE)):
                found = self._files(target, name, path, sources)
                self._within[target.name, platform, _spoken(name)] = found.entries
                yield _spoken(name), str(found.digest)
            elif name != MAIN and (commit := self._commit(place)):
                yield f"context {name}", commit
            else:
                raise DoubtError(f"{_spoken(name)} is not a local directory")

    def _across(self, context: str, name: str, asked: Collection[str]) -> Iterator[Part]:
        """Yield what a target is for other platforms that it is taken for; for any where the builder's decides."""
        if OWN_PLATFORM in asked:
            yield f"context {context} for any platform", self._whole(name)
            return
        for platform in sorted(asked):
            yield f"context {context} for {platform}", self._upstream(name, platform)

    def _commit(self, place: str) -> str:
        """Return the commit that a git reference stands for, "" where that is not known."""
        remote = remote_of(place, "", 0)
        return (remote.pin or self._sources.get(place, "")) if remote and remote.kind == "git" else ""

    def _fetched(self, uses: Uses) -> Iterator[Part]:
        """Yield what an ADD fetches, by the checksums and commits that a lock file has."""
        for one in sorted(set(uses.unpinned)):
            if not (pin := self._sources.get(one.url)):
                wanted = "checksum" if one.kind == "http" else "full commit"
                raise DoubtError(f"ADD {one.url} has no {wanted} (line {one.line} of its Dockerfile)")
            yield f"source {one.url}", pin

    def _others(self, target: PlannedTarget) -> Iterator[Part]:
        """Yield what else is built from: what a row names that is neither a context nor a Dockerfile."""
        for one in reaches(target):
            if one.part in BUILT_FROM and row_of(Settings, str(one.pointer[0])).marker(NoInput) is None:
                self._note(target.name, self._local.file(one.path))
                found = self._local.alone(one.path)
                if found.digest is None:
                    raise DoubtError(f"{one.path}: {found.doubt}")
                yield f"file {one.path}", found.digest

    def _place(self, target: PlannedTarget, name: str) -> str:
        if name != MAIN:
            return (target.settings.contexts or {})[name]
        if (path := context_of(target.settings)) is None:
            raise DoubtError("its context is not a local directory")
        return path

    def _files(self, target: PlannedTarget, name: str, path: str, sources: tuple[str, ...] | None) -> Reached:
        named = dockerfile_of(target.settings) if name == MAIN else None
        needed = tuple(one for need in self._before(target.name) for one in dests_of(self._plan.by_name[need]))
        found, reads = self._local.context(path, named, sources, needed)
        for one in reads:
            self._note(target.name, one)
        if found.digest is None:
            raise DoubtError(f"{_spoken(name)}: {found.doubt}")
        return found

    def _note(self, name: str, read: Read) -> None:
        self._rests.setdefault(name, {})[read] = None

    # --- other Builds ---------------------------------------------------------------------------------------------

    def _upstream(self, name: str, platform: str, *, is_across: bool = False) -> str:
        """Return the fingerprint of a target for a platform; what is taken across platforms need not have that one."""
        known = self._sure(name)
        if platform in known.fingerprints:
            return known.fingerprints[platform]
        if len(known.fingerprints) == 1:
            return next(iter(known.fingerprints.values()))
        if is_across:
            return self._whole(name)
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
