"""Tags that move last: `docker buildx imagetools create` points them at images that are already in the registry.

Either all of them move, or, where one cannot, those that did are moved back to what they pointed at.
"""

import json
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from buildmatrix.build.failure import is_passing
from buildmatrix.build.preflight import Facts
from buildmatrix.build.registry import MISSING, Registries
from buildmatrix.build.staging import StagedImage
from buildmatrix.errors import BuildmatrixError, Diagnostic, EngineError, RegistryError, StoppedError
from buildmatrix.oci.platform import normalized
from buildmatrix.plan.model import Plan
from buildmatrix.process import Programs, signals

AT_ONCE = 4
"""Calls of imagetools at once."""

PATIENCE = 300.0
"""Seconds that one call may take: it copies what another repository lacks."""

FEW = 8
"""Images whose tags buildx moves: it takes a process for each. For more, the registries are asked directly first."""

TRIES = 3
"""How often a move is tried where the registry's trouble may pass."""

Descriptor = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Published:
    """What became of the tags: those that moved, by target, what is left in the registry, and what went wrong.

    `digests` are those of indexes that were completed from what the registry held: they differ from the images'.
    """

    moved: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    digests: Mapping[str, str] = field(default_factory=dict)
    words: str = ""
    left_behind: tuple[str, ...] = ()
    problem: BuildmatrixError | None = None


@dataclass(frozen=True, kw_only=True)
class _Moved:
    """What became of one image's tags: those that moved, the digest if it is another's now, and what went wrong."""

    tags: tuple[str, ...]
    digest: str = ""
    problem: Diagnostic | None = None


class Publisher:
    """Moves the tags of staged images."""

    def __init__(self, plan: Plan, images: Iterable[StagedImage], facts: Facts, programs: Programs) -> None:
        """Take the images that were staged; what the builder knows of registries counts."""
        self._plan, self._images, self._programs = plan, list(images), programs
        self._builder = ["--builder", facts.builder.name]
        self._command = facts.imagetools
        self._stopped = False
        self._has_exact_copies = True

    @cached_property
    def _registries(self) -> Registries:
        """Made when a registry is first asked: most runs ask none."""
        return Registries(self._programs)

    # --- before the build -----------------------------------------------------------------------------------------

    def check(self) -> None:
        """RegistryError if a tag is to keep platforms that the registry does not have."""
        wanted = [(image, tag) for image in self._images if image.lacking for tag in image.all_tags]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            problems = [found for found in pool.map(lambda pair: self._lacks(*pair), wanted) if found]
        if problems:
            raise RegistryError(*problems)

    def _lacks(self, image: StagedImage, tag: str) -> Diagnostic | None:
        held = {_platform(row) for row in self._index(tag).get("manifests", ())}
        if not (lost := [platform for platform in image.lacking if platform not in held]):
            return None
        message = f"{image.name} would push {tag} without {' '.join(lost)}, which the registry does not have either"
        hint = "build all its platforms once, without --platform, or build without pushing: --no-output"
        place = self._plan.by_name[image.name].place_of("platforms")
        return Diagnostic(message=message, code="shrunk", place=place, hint=hint)

    def _index(self, reference: str) -> dict[str, Any]:
        done = self._imagetools("inspect", "--raw", reference)
        try:
            found: dict[str, Any] = json.loads(done.stdout) if done.code == 0 else {}
        except ValueError:
            return {}
        return found

    def _imagetools(self, command: str, *arguments: str) -> Any:
        return self._programs.run([*self._command, command, *self._builder, *arguments], timeout=PATIENCE)

    # --- after the build ------------------------------------------------------------------------------------------

    def publish(self, digests: Mapping[str, str], *, complete: bool) -> Published:
        """Move the tags of the images that were built (`digests` by target); those that wait for all, if `complete`."""
        ready = [image for image in self._images if image.name in digests and (complete or not image.together)]
        held = [image for image in self._images if image not in ready]
        unknown = [image.name for image in held if complete]
        with signals(self._stop):
            found = self._move_all(ready, digests) if ready and not unknown else Published()
        words = found.words or _words(ready, held)
        return Published(
            moved=found.moved,
            digests=found.digests,
            words=words,
            left_behind=(*found.left_behind, *self._clean_up()),
            problem=found.problem or (_without_digest(unknown) if unknown else None),
        )

    def _stop(self, _: int) -> None:
        self._stopped = True

    def _move_all(self, images: list[StagedImage], digests: Mapping[str, str]) -> Published:
        tags = [tag for image in images for tag in image.all_tags]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            before = dict(zip(tags, pool.map(self._registries.digest, tags), strict=True))
            results = list(pool.map(lambda image: self._move(image, digests[image.name]), images))
        moved = {image.name: found.tags for image, found in zip(images, results, strict=True)}
        problems = [found.problem for found in results if found.problem]
        if problems:
            return self._failed([tag for tags in moved.values() for tag in tags], before, problems)
        changed = {image.name: found.digest for image, found in zip(images, results, strict=True) if found.digest}
        return Published(moved=moved, digests=changed)

    def _failed(self, moved: list[str], before: Mapping[str, str | None], problems: list[Diagnostic]) -> Published:
        stuck = self._move_back(moved, before)
        words = f"Tags that could not be moved back: {', '.join(stuck)}." if stuck else "Tags were left as they were."
        stopped = StoppedError(Diagnostic(message="stopped", code="stopped"))
        return Published(
            words=words,
            left_behind=tuple(f"{tag} (moved, and could not be moved back)" for tag in stuck),
            problem=stopped if self._stopped else RegistryError(*problems),
        )

    def _move(self, image: StagedImage, digest: str) -> "_Moved":
        """Move the tags of an image."""
        moved: list[str] = []
        for repository, tags in image.tags.items():
            source = f"{repository}@{digest}"
            groups = [(tag,) for tag in tags] if image.lacking else [tags]
            for group in groups:
                sources = self._completed(source, group[0], image.lacking) if image.lacking else [source]
                quick = not image.lacking and self._moved_at_once(group, digest)
                if not quick and (problem := self._create(group, sources, image)):
                    return _Moved(tags=tuple(moved), problem=problem)
                moved += group
        changed = (self._registries.digest(moved[0]) or "") if image.lacking else ""
        return _Moved(tags=tuple(moved), digest=changed)

    def _completed(self, source: str, tag: str, lacking: Iterable[str]) -> list[str]:
        """Return the sources of an index: the new image, and of the old one the platforms that were not built."""
        old, new = self._index(tag), self._index(source)
        rows: list[Descriptor] = old.get("manifests", [])
        kept = [row for row in rows if _platform(row) in set(lacking)]
        digests = {row["digest"] for row in kept}
        kept += [row for row in rows if row.get("annotations", {}).get("vnd.docker.reference.digest") in digests]
        keys = ("digest", "annotations", "platform")  # with a media type buildx would look for the tag `latest`
        notes = {**old.get("annotations", {}), **new.get("annotations", {})}
        annotated = [text for key, value in notes.items() for text in ("--annotation", f"index:{key}={value}")]
        return [*annotated, source, *(json.dumps({key: row[key] for key in keys if key in row}) for row in kept)]

    def _moved_at_once(self, group: tuple[str, ...], digest: str) -> bool:
        """Move tags without a process for each image, where there are many; what does not work is left to buildx."""
        return len(self._images) > FEW and all(self._registries.move(tag, digest) for tag in group)

    def _create(self, tags: Iterable[str], sources: list[str], image: StagedImage) -> Diagnostic | None:
        said = "interrupted"
        for attempt in range(TRIES):
            if self._stopped:
                break
            if not (said := self._point(tags, sources)):
                return None
            if not is_passing(said):
                break
            time.sleep(2.0**attempt)
        message = f"the tags of {image.name} could not be moved: {said}"
        place = self._plan.by_name[image.name].place
        return Diagnostic(message=message, code="publish", place=place, hint="nothing is lost: run apply again")

    def _point(self, tags: Iterable[str], sources: list[str]) -> str:
        """Point tags at sources; returns what went wrong, "" if nothing did.

        One source is copied as it is; an old buildx has no flag for that and puts an index around a lone manifest.
        """
        flags = [text for tag in tags for text in ("-t", tag)]
        exact = ["--prefer-index=false"] if len(sources) == 1 and self._has_exact_copies else []
        try:
            done = self._imagetools("create", *exact, *flags, *sources)
        except EngineError as error:
            return error.diagnostics[0].message
        if exact and "unknown flag" in done.stderr:
            self._has_exact_copies = False
            return self._point(tags, sources)
        words = done.stderr.strip().splitlines() or ["imagetools failed"]
        return words[-1].removeprefix("ERROR: ") if done.code else ""

    def _move_back(self, tags: list[str], before: Mapping[str, str | None]) -> list[str]:
        """Move tags back to where they were; returns those for which that did not work."""
        stuck = []
        for tag in tags:
            old = before[tag]
            if old == MISSING and self._registries.delete(tag):
                continue
            if not old or self._point([tag], [f"{tag.rpartition(':')[0]}@{old}"]):
                stuck.append(tag)
        return stuck

    def _clean_up(self) -> tuple[str, ...]:
        """Delete the staging tags; returns those that the registry keeps."""
        tags = [tag for image in self._images for tag in image.staged_as]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            there = [
                tag
                for tag, digest in zip(tags, pool.map(self._registries.digest, tags), strict=True)
                if digest != MISSING
            ]
            gone = list(pool.map(self._registries.delete, there))
        return tuple(f"{tag} (a staging tag)" for tag, done in zip(there, gone, strict=True) if not done)


def _without_digest(names: list[str]) -> RegistryError:
    message = f"buildx gave no digest for {', '.join(names)}: no tag was moved"
    return RegistryError(Diagnostic(message=message, code="publish", hint="update the docker-buildx plugin"))


def _platform(row: Descriptor) -> str:
    platform = row.get("platform", {})
    parts = [platform[key] for key in ("os", "architecture", "variant") if platform.get(key)]
    return normalized("/".join(parts))


def _words(moved: list[StagedImage], held: list[StagedImage]) -> str:
    if held:
        return 'Tags were left as they were (publish = "together").'
    count = sum(len(image.all_tags) for image in moved)
    return f"{count} tag{'s' if count != 1 else ''} moved when everything was there." if moved else ""
