"""Tags that move last: they are pointed at images that are already in the registry, all of them or none."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from typing import Any

from buildmatrix.engine.outcome import BuildOutcome, Leftover
from buildmatrix.errors import BuildmatrixError, Diagnostic, RegistryError, StoppedError
from buildmatrix.oci.answers import Absent, Unknown
from buildmatrix.oci.http.parallel import all_of
from buildmatrix.oci.image import Image
from buildmatrix.plan.builds import Build, BuildPlan
from buildmatrix.process import signals
from buildmatrix.publish.moving import Move, Mover, Result, Trouble
from buildmatrix.publish.staging import FirstTags, StagedImage
from buildmatrix.publish.tags import Tags, digest_in
from buildmatrix.records import dataclass


@dataclass(frozen=True, kw_only=True)
class Published:
    """What became of the tags: those that moved, by target, what is left in the registry, and what went wrong.

    `indexes` are what each tag points at now: where it was completed from what the registry held, it is not the image
    that was built. `changed` are those that held something else before.
    """

    moved: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    indexes: Mapping[str, Image] = field(default_factory=dict)
    changed: tuple[str, ...] = ()
    words: str = ""
    left_behind: tuple[Leftover, ...] = ()
    problem: BuildmatrixError | None = None

    def digest_of(self, target: str) -> str:
        """Return what the tags of a target point at now, "" if none of them moved."""
        return next((image.digest for image in self._of(target)), "")

    def platforms_of(self, target: str) -> set[str]:
        """Return the platforms that each tag of a target has now that moved."""
        found = [set(image.platforms) for image in self._of(target)]
        return set.intersection(*found) if found else set()

    def _of(self, target: str) -> Iterator[Image]:
        return (self.indexes[tag] for tag in self.moved.get(target, ()) if tag in self.indexes)


class Publisher:
    """Moves the tags of staged images."""

    def __init__(
        self,
        plan: BuildPlan,
        images: Iterable[StagedImage],
        tags: Tags,
        first_tags: FirstTags,
        *,
        blindly: bool,
        apart: bool = False,
    ) -> None:
        """Take the images that were staged, and what their tags held before the build.

        `blindly` moves tags also where a registry does not tell what they hold. With `apart` each image that waits for
        no other moves its tags whatever becomes of others; those that wait are moved last, if all of that went well.
        """
        self._plan, self._images, self._tags = plan, list(images), tags
        self._first_tags = first_tags
        self._mover = Mover(tags, lambda: self._stopped, blindly=blindly)
        self._stopped, self._apart = False, apart
        self._early: dict[str, tuple[tuple[str, ...], Published]] = {}

    def stop(self) -> None:
        """Move nothing more."""
        self._stopped = True

    def publish_early(self, name: str, digests: Mapping[str, str]) -> Published:
        """Move the tags of one image before the others', all or none; what needs it is built after that."""
        image = next(one for one in self._images if one.name == name)
        found = tuple(digests[key] for key in image.builds)
        done = self._moved_at_once([image], digests) if all(found) else Published(problem=_without_digest([name]))
        self._early[name] = found, done
        return done

    def publish(
        self,
        digests: Mapping[str, str],
        *,
        complete: bool,
        interrupted: bool = False,
        spared: Collection[str] = (),
    ) -> Published:
        """Move the tags of the images that were built (`digests` by Build); those that wait for all, if `complete`.

        An image of several Builds is ready when all of them are there. Those that are `spared` are left as they are.
        """
        able = {} if interrupted else digests
        images = [image for image in self._images if image.name not in spared]
        left = [image for image in images if not self._is_early(image, digests)]
        there = [image for image in left if able.keys() >= set(image.builds)]
        ready = [image for image in there if complete or not image.together]
        held = [image for image in left if image not in ready]
        unknown = [image.name for image in held if complete and not interrupted]
        with signals(lambda _: self.stop()):
            found = self._moved(ready, able) if ready and not unknown else Published()
            behind = self._clean_up(images, digests)
        early = _all_of([done for _, done in self._early.values()])
        whole = _all_of([early, found])
        words = [
            early.words,
            _moved_early(len(early.changed)),
            found.words,
            self._words(found, held, complete=complete),
        ]
        return replace(
            whole,
            words=" ".join(filter(None, words)),
            left_behind=(*whole.left_behind, *behind),
            problem=whole.problem or (_without_digest(unknown) if unknown else None),
        )

    def _is_early(self, image: StagedImage, digests: Mapping[str, str]) -> bool:
        """Tell whether the tags of an image were moved early, or could not be; they were not if it was built again."""
        built, done = self._early.get(image.name, ((), None))
        return done is not None and (
            done.problem is not None or built == tuple(digests.get(key, "") for key in image.builds)
        )

    def _words(self, found: Published, held: list[StagedImage], *, complete: bool) -> str:
        if not self._apart:
            return "" if found.words else _words(len(found.changed), held)
        waiting = [image for image in held if image.together]
        whole = complete and not held and not found.problem
        moved = _words(len(found.changed), []) if whole else _moved_apart(len(found.changed))
        return " ".join(filter(None, [moved, _words(0, waiting)]))

    def _moved(self, images: list[StagedImage], digests: Mapping[str, str]) -> Published:
        if not self._apart:
            return self._moved_at_once(images, digests)
        alone = [image.name for image in images if not image.together]
        by_name = {image.name: image for image in images}
        found = list(all_of(lambda name: self._moved_at_once([by_name[name]], digests), alone).values())
        waiting = [image for image in images if image.together]
        if waiting and not any(one.problem for one in found):
            found.append(self._moved_at_once(waiting, digests))
        return _all_of(found)

    def _moved_at_once(self, images: list[StagedImage], digests: Mapping[str, str]) -> Published:
        moves = [move for image in images for move in _moves(image, [digests[key] for key in image.builds])]
        result = self._mover.move_all(moves)
        if result.troubles:
            return self._failed(result)
        moved = {image.name: image.all_tags for image in images}
        return Published(moved=moved, indexes=result.digests, changed=result.changed)

    def _failed(self, result: Result) -> Published:
        said = [f"Tags that could not be moved back: {', '.join(map(str, result.stuck))}."] if result.stuck else []
        said += [f"Another run moved {', '.join(result.left_to_others)}: left to it."] if result.left_to_others else []
        said += [] if result.stuck else ["Tags were left as they were."]
        stopped = StoppedError(Diagnostic(message="stopped", code="stopped"))
        return Published(
            words=" ".join(said),
            left_behind=result.stuck,
            problem=stopped if self._stopped else RegistryError(*map(self._problem, result.troubles)),
        )

    def _problem(self, trouble: Trouble) -> Diagnostic:
        move = trouble.move
        message = f"{move.tag} of {move.target} could not be moved: {trouble.words}"
        hint = "nothing is lost: run apply again"
        if trouble.clash:
            hint = "see what it holds now; run apply again if this run's images are to take its place"
        place = self._plan.parts[move.target][0].place
        return Diagnostic(message=message, code="tag-moved" if trouble.clash else "publish", place=place, hint=hint)

    def _clean_up(self, images: Iterable[StagedImage], digests: Mapping[str, str]) -> tuple[Leftover, ...]:
        """Delete the staging tags that this run has pushed; return those that the registry keeps."""
        pushed = {
            tag: (digests[key], tag in image.staged_as.get(key, ()))
            for image in images
            for key in image.builds
            if key in digests
            for tag in self._first_tags.of(key)
        }
        deleted = all_of(lambda tag: self._deleted(tag, pushed[tag][0]), pushed)
        return tuple(
            Leftover(tag=tag, kind="reused" if pushed[tag][1] else "staging", because=done.reason)
            for tag, done in deleted.items()
            if isinstance(done, Unknown)
        )

    def _deleted(self, tag: str, digest: str) -> Absent | Unknown:
        now = digest_in(self._tags.registry.head(tag))
        if now not in {digest, None}:
            return Absent()  # it is another run's by now, or gone
        return self._tags.registry.delete(tag)


def _all_of(found: Sequence[Published]) -> Published:
    """Return what became of several sets of tags as one."""
    problems = [one.problem for one in found if one.problem]
    stopped = next((one for one in problems if isinstance(one, StoppedError)), None)
    said = dict.fromkeys(diagnostic for one in problems for diagnostic in one.diagnostics)
    return Published(
        moved={name: tags for one in found for name, tags in one.moved.items()},
        indexes={tag: image for one in found for tag, image in one.indexes.items()},
        changed=tuple(tag for one in found for tag in one.changed),
        words=" ".join(dict.fromkeys(one.words for one in found if one.words)),
        left_behind=tuple(dict.fromkeys(tag for one in found for tag in one.left_behind)),
        problem=stopped or (RegistryError(*said) if said else None),
    )


def _moves(image: StagedImage, digests: Sequence[str]) -> list[Move]:
    return [
        Move(
            target=image.name,
            tag=tag,
            repository=repository,
            digests=tuple(digests),
            completes=bool(image.carried_over),
            carried_over=image.carried_over,
            annotations=image.annotations,
        )
        for repository, tags in image.tags.items()
        for tag in tags
    ]


def with_tags(outcome: BuildOutcome, published: Published, build: Build) -> BuildOutcome:
    """Return an outcome with what its tags are now; what was not built of them is carried over."""
    moved, digest = published.moved.get(build.target), published.digest_of(build.target)
    if moved is None:
        return outcome
    there = published.platforms_of(build.target)
    outcome = replace(outcome, tags=moved, carried_over=tuple(one for one in build.carried_over if one in there))
    return replace(outcome, index=digest) if build.is_part else replace(outcome, digest=digest or outcome.digest)


def published_metadata(
    metadata: Mapping[str, Any], published: Published, staged: Iterable[StagedImage], targets: Iterable[BuildOutcome]
) -> dict[str, Any]:
    """Return bake's metadata with what is published in place of what was staged, and of what bake told nothing.

    Whoever signs by that file has to sign what the tags are: of an image whose tags did not move nothing is named. An
    image of several Builds stands under its target's name.
    """
    found = dict(metadata)
    for image in staged:
        for key in image.builds:
            told = found.get(key)
            if isinstance(told, Mapping):
                kept = {one: value for one, value in told.items() if not one.startswith(("containerimage.", "image."))}
                found[key] = kept | (_named(image.name, published, told) if key == image.name else {})
        if image.name not in image.builds and (named := _named(image.name, published, {})):
            found[image.name] = named
    return _completed(found, targets)


def _completed(metadata: Mapping[str, Any], targets: Iterable[BuildOutcome]) -> dict[str, Any]:
    """Return the metadata with every image that its tags point at: bake tells nothing of a call that failed."""
    found = dict(metadata)
    for target in targets:
        entry = found.get(target.name)
        told: Mapping[str, Any] = entry if isinstance(entry, Mapping) else {}
        if target.tags and target.digest and not target.index and "containerimage.digest" not in told:
            named = {"containerimage.digest": target.digest, "image.name": ",".join(target.tags)}
            found[target.name] = {**told, **named}
    return found


def _named(target: str, published: Published, staged: Mapping[str, Any]) -> dict[str, Any]:
    """Return the names and the digest of a published image; names that hold another digest have it behind an `@`."""
    tags, indexes = published.moved.get(target, ()), published.indexes
    there = [(tag, indexes[tag]) for tag in tags if tag in indexes]
    if not there:
        return {}
    first = there[0][1]
    names = [tag for tag, index in there if index.digest == first.digest]
    others = {tag: index.digest for tag, index in there if index.digest != first.digest}
    same = first.digest == staged.get("containerimage.digest")
    descriptor = {"mediaType": first.media_type, "digest": first.digest, "size": len(first.body)}
    config = {key: staged[key] for key in ("containerimage.config.digest",) if same and key in staged}
    return {
        **config,
        "containerimage.descriptor": staged.get("containerimage.descriptor", descriptor) if same else descriptor,
        "containerimage.digest": first.digest,
        "image.name": ",".join(names),
        **({"buildmatrix.others": others} if others else {}),
    }


def _without_digest(names: list[str]) -> RegistryError:
    message = f"buildx gave no digest for {', '.join(names)}: no tag was moved"
    return RegistryError(Diagnostic(message=message, code="publish", hint="update the docker-buildx plugin"))


def _words(count: int, held: list[StagedImage]) -> str:
    if held:
        return 'Tags were left as they were (publish = "together").'
    return f"{count} tag{'s' if count != 1 else ''} moved when everything was there." if count else ""


def _moved_early(count: int) -> str:
    moved = "1 tag moved before what needs its image" if count == 1 else f"{count} tags moved before what needs them"
    return f"{moved} was built." if count else ""


def _moved_apart(count: int) -> str:
    moved = "1 tag moved: all parts of its image" if count == 1 else f"{count} tags moved: all parts of their images"
    return f"{moved} were there." if count else ""
