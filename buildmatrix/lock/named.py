"""Which external images the targets of a plan name: those of their Dockerfiles, frontends, scanners and contexts."""

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from buildmatrix.dockerfile.directives import SYNTAX
from buildmatrix.dockerfile.images import external_images
from buildmatrix.dockerfile.reader import known_with
from buildmatrix.engine.failures.places import place_in
from buildmatrix.errors import Place
from buildmatrix.lock.policy import SCHEME, identifier_of
from buildmatrix.oci.reference import REFERENCE, parse
from buildmatrix.plan.access.reach import text_of
from buildmatrix.plan.auto import is_auto
from buildmatrix.plan.model import Plan, PlannedTarget
from buildmatrix.plan.outputs import builds
from buildmatrix.records import dataclass
from buildmatrix.spec.rows.outputs import CacheonlyOutput, ImageOutput, LocalOutput, RegistryOutput, TarOutput
from buildmatrix.spec.rows.settings import SbomAttest, Settings

SCANNER = "docker/buildkit-syft-scanner:stable-1"
"""What makes an SBOM where nobody says otherwise (BuildKit 0.11 to 0.33)."""

_DOCKER_HUB = ("docker.io/library/", "docker.io/")


class Use(NamedTuple):
    """Where an image is named: by which target, on which line of its Dockerfile (0: a setting), for which platforms.

    `platforms` are those that the image has to have; none where it is used as it is for the builder's own. `is_base`
    says that something is built on it: of other images only files are taken.
    """

    target: str
    place: Place
    platforms: tuple[str, ...]
    is_base: bool = False


@dataclass(frozen=True, kw_only=True)
class Named:
    """An image by its short name with the tag or digest: `busybox:latest`, and where it is named."""

    name: str
    uses: tuple[Use, ...]

    @property
    def identifier(self) -> str:
        """What policies call it."""
        return identifier_of(self.name)

    @property
    def digest(self) -> str:
        """The digest that is written with it, "" where there is none."""
        return parse(self.name).digest or ""

    @property
    def targets(self) -> tuple[str, ...]:
        """The targets that name it, each once."""
        return tuple(dict.fromkeys(use.target for use in self.uses))


@dataclass(frozen=True, kw_only=True)
class Images:
    """The external images of a plan, by name.

    `own` are those that the run itself writes under a tag, which are never pinned; `unknown` are targets of which not
    all images are known here, each with why.
    """

    named: tuple[Named, ...]
    own: tuple[Named, ...]
    unknown: Mapping[str, str]


@lru_cache(1024)
def short_name(name: str) -> str:
    """Return an image as people write it, with its tag: `busybox:latest` for docker.io/library/busybox."""
    full = identifier_of(name).removeprefix(SCHEME)
    head = next((head for head in _DOCKER_HUB if full.startswith(head)), "")
    return full.removeprefix(head)


def images_of(plan: Plan) -> Images:
    """Return the external images of all that a plan builds."""
    uses: dict[str, list[Use]] = {}
    unknown: dict[str, str] = {}
    files = _Files(plan.directory)
    for target in plan.each:
        found = files.of(target)
        if found.unknown:
            unknown[target.name] = found.unknown
        for use in found.uses:
            place = place_in(target, plan.directory, use.line) if use.line else target.place_of(*use.path)
            uses.setdefault(short_name(use.name), []).append(Use(target.name, place, use.platforms, use.is_base))
    every = [Named(name=name, uses=tuple(uses[name])) for name in sorted(uses)]
    written = frozenset(_written(plan.targets))
    return Images(
        named=tuple(one for one in every if one.identifier not in written),
        own=tuple(one for one in every if one.identifier in written),
        unknown=unknown,
    )


def takes_images(plan: Plan) -> bool:
    """Tell whether something that a plan builds takes an external image by a tag: a run has to find its digest."""
    files, written = _Files(plan.directory), frozenset(_written(plan.targets))
    names = (short_name(use.name) for target in plan.each for use in files.of(target).uses)
    return any(not named.digest and named.identifier not in written for named in map(_unused, names))


def _unused(name: str) -> Named:
    return Named(name=name, uses=())


def _written(targets: Iterable[PlannedTarget]) -> Iterator[str]:
    """Yield the identifiers of images that a run writes under a tag: to a registry, or to the engine's store."""
    for target in targets:
        outputs = target.settings.output or ()
        nowhere = outputs and all(isinstance(one, CacheonlyOutput | LocalOutput | TarOutput) for one in outputs)
        if not target.exported or not builds(target.settings) or nowhere:
            continue
        named = (one.name.split(",") for one in outputs if isinstance(one, ImageOutput | RegistryOutput) and one.name)
        yield from map(identifier_of, (*target.tags, *(name for names in named for name in names)))


# --- one target -------------------------------------------------------------------------------------------------------


class _Use(NamedTuple):
    name: str
    line: int
    platforms: tuple[str, ...]
    path: tuple[str | int, ...] = ()
    is_base: bool = False


class _Found(NamedTuple):
    uses: tuple[_Use, ...]
    unknown: str


class _Files:
    """What Dockerfiles name, each text read and each question asked once: cells of a matrix ask the same."""

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._texts: dict[tuple[str | None, ...], str] = {}
        self._known: dict[Any, _Found] = {}

    def of(self, target: PlannedTarget) -> _Found:
        """Return the images that a target names."""
        settings = target.settings
        place = (settings.context, settings.dockerfile, settings.dockerfile_inline)
        if place not in self._texts:
            self._texts[place] = text_of(target, self._directory)
        found = self._stages(self._texts[place], settings)
        others = (*_scanners(settings), *_contexts(settings))
        uses = [*found.uses, *(use for use in others if REFERENCE.fullmatch(use.name))]
        return _Found(tuple(dict.fromkeys(uses)), found.unknown)

    def _stages(self, text: str, settings: Settings) -> _Found:
        if not text:
            return _Found((), "its Dockerfile cannot be read here")
        said = tuple((name, value) for name, value in (settings.args or {}).items() if name in text or name == SYNTAX)
        key = (text, settings.target, settings.platforms, said, tuple(settings.contexts or ()))
        if key not in self._known:
            self._known[key] = _of_file(text, settings)
        return self._known[key]


def _scanners(settings: Settings) -> Iterator[_Use]:
    for index, one in enumerate(settings.attest or ()):
        if isinstance(one, SbomAttest) and not one.disabled:
            yield _Use(one.generator or SCANNER, 0, (), ("attest", index))


def _contexts(settings: Settings) -> Iterator[_Use]:
    for key, value in (settings.contexts or {}).items():
        if value.startswith(SCHEME):
            yield _Use(value.removeprefix(SCHEME), 0, (), ("contexts", key))


def _of_file(text: str, settings: Settings) -> _Found:
    """Return the images that a Dockerfile takes for a target, for each of its platforms."""
    args, contexts = settings.args or {}, settings.contexts or {}
    unknown = "" if known_with(text, args) else "another frontend reads its Dockerfile, or it cannot be read"
    found: dict[tuple[str, int, bool], list[str]] = {}
    for platform in ("",) if is_auto(settings) else settings.platforms or ("",):
        images = external_images(text, target=settings.target, platform=platform, args=args, contexts=contexts)
        for one in images:
            if one.name is None:
                unknown = unknown or f"{one.written} on line {one.line} of its Dockerfile is not known here"
                continue
            needed = found.setdefault((one.name, one.line, one.use == "from"), [])
            needed += [platform] if platform and one.platform == platform and platform not in needed else []
    uses = (
        _Use(name, line, tuple(some), () if line else ("args", SYNTAX), is_base)
        for (name, line, is_base), some in found.items()
    )
    return _Found(tuple(uses), unknown)
