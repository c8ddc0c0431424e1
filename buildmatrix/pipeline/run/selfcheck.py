"""What was built is compared with what its fingerprint says: an image of other bases keeps no mark.

A mark is pushed with its image. It is true where BuildKit took what the run pinned; if provenance says otherwise,
the tags get the same image without the mark, so that the next run builds it again.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, NamedTuple

from buildmatrix.engine.outcome import BuildOutcome, Outcome
from buildmatrix.engine.registry import Registry, Wanted
from buildmatrix.errors import Diagnostic, some
from buildmatrix.graphs import reached
from buildmatrix.lock.bases import COUNTS
from buildmatrix.lock.pins import Pins
from buildmatrix.lock.used import images_in, images_of_attestations, known_of
from buildmatrix.oci.answers import Found
from buildmatrix.oci.http.parallel import all_of
from buildmatrix.oci.image import Image
from buildmatrix.oci.index import digest_of
from buildmatrix.oci.reference import parse
from buildmatrix.pipeline.run.left import Reduced
from buildmatrix.plan.builds import BuildPlan
from buildmatrix.plan.checks.values import OURS
from buildmatrix.records import dataclass
from buildmatrix.state.images.marks import fingerprints_in


class _Built(NamedTuple):
    """An image that this run built and that its tags hold."""

    target: str
    tags: tuple[str, ...]
    digest: str
    platforms: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class Checked:
    """An outcome in which no image has a mark that is not true, and warnings of those that had one.

    `wrong` are the targets whose images others than these went into: nothing else may say what did.
    """

    outcome: Outcome
    wrong: frozenset[str] = frozenset()
    warnings: tuple[Diagnostic, ...] = ()


def checked(
    outcome: Outcome,
    left: Reduced,
    pins: Pins,
    registry: Registry,
    untrue: Mapping[str, str] = MappingProxyType({}),
    pushed: Iterable[str] = (),
) -> Checked:
    """Compare the images of a run with its pins; what was taken that is neither one nor the run's own is not known.

    `untrue` are the targets of which one file or image was not what their fingerprints say, with what is to be said.
    `pushed` are digests of images of the run that its outcome does not tell: their tags hold an index by now that has
    other platforms, too.
    """
    own = {one.digest for one in outcome.targets} | {one.index for one in outcome.targets}
    own |= set(pushed) | {one.image.digest for one in left.decisions.values() if one.image}
    built = list(_built(outcome, left))
    strange = all_of(lambda one: _strange(one, outcome, left.plan, pins, own, registry), built)
    wrong = {one: _strangers(one, names) for one, names in strange.items() if names}
    wrong |= {one: _untrue(untrue[one.target]) for one in built if one.target in untrue}
    moved = {one: _unmarked(one, registry) for one in wrong}
    warnings = tuple(_with_hint(wrong[one], one, moved[one]) for one in wrong)
    digests = {one.target: (one.digest, moved[one]) for one in wrong}
    return Checked(outcome=_with_digests(outcome, digests), wrong=frozenset(digests), warnings=warnings)


def _built(outcome: Outcome, left: Reduced) -> Iterable[_Built]:
    parts: dict[str, list[BuildOutcome]] = {}
    for one in outcome.targets:
        is_new = one.status in {"built", "cached"} and one.exported and one.digest
        if is_new and one.tags and one.target in left.decisions:
            parts.setdefault(one.target, []).append(one)
    for target, some_of in parts.items():
        platforms = frozenset(platform for one in some_of for platform in one.platforms)
        yield _Built(target, some_of[0].tags, some_of[0].index or some_of[0].digest, platforms)


def _strange(
    built: _Built, outcome: Outcome, plan: BuildPlan, pins: Pins, own: set[str], registry: Registry
) -> tuple[str, ...]:
    """Return the images that a target was built from and that its fingerprint did not know."""
    keys = [build.name for build in plan.parts[built.target]]
    below = {plan.by_name[key].target for key in reached(keys, lambda one: plan.by_name[one].depends_on)}
    known = {*own, *pins.of(below).values()}
    told: dict[str, str] = {}
    for key in keys:
        told |= images_in(known_of(outcome.metadata.get(key)))
    if not told and parse(built.tags[0]).host != COUNTS:
        repository = parse(built.tags[0]).repository
        held = registry.content(repository, built.digest)
        if isinstance(held, Image) and fingerprints_in(held):
            told = images_of_attestations(registry, repository, held, built.platforms)
    return tuple(sorted(f"{name}@{digest[:19]}…" for digest, name in told.items() if digest not in known))


def _unmarked(built: _Built, registry: Registry) -> str:
    """Point the tags of an image at the same without a mark, and return its digest; "" where that failed."""
    held = registry.content(parse(built.tags[0]).repository, built.digest)
    if not isinstance(held, Image) or not fingerprints_in(held):
        return built.digest if isinstance(held, Image) else ""
    document = json.loads(held.body)
    left = {key: one for key, one in document.pop("annotations").items() if not key.startswith(OURS)}
    document |= {"annotations": left} if left else {}
    body = json.dumps(document, separators=(",", ":")).encode()
    made = Image(digest=digest_of(body), media_type=held.media_type, body=body)
    done = [_put(tag, built.digest, made, registry) for tag in built.tags]
    return made.digest if all(done) else ""


def _put(tag: str, before: str, image: Image, registry: Registry) -> bool:
    """Point a tag at an image, unless it is somebody else's by now; tell whether the mark is gone from it."""

    def wanted() -> Wanted | None:
        now = registry.head(tag)
        return Wanted(image=image, sources=()) if isinstance(now, Found) and now.digest == before else None

    done = registry.put(tag, wanted, lambda: False)
    return done is None or isinstance(done, Image)


def _strangers(built: _Built, names: tuple[str, ...]) -> Diagnostic:
    message = f"{built.target} was built on {some(names)}, of which its fingerprint knows nothing"
    return Diagnostic(message=message, code="fingerprint", severity="warning")


def _untrue(message: str) -> Diagnostic:
    return Diagnostic(message=message, code="overtaken", severity="warning")


def _with_hint(warning: Diagnostic, built: _Built, digest: str) -> Diagnostic:
    hint = "its image has no mark: --incremental builds it again"
    if not digest:
        hint = f"its mark could not be taken away: run apply --all {built.target} before the next --incremental"
    return replace(warning, hint=hint)


def _with_digests(outcome: Outcome, moved: Mapping[str, tuple[str, str]]) -> Outcome:
    """Return an outcome with the digests of images whose marks were taken away."""
    changed = {target: pair for target, pair in moved.items() if pair[1]}
    if not changed:
        return outcome
    targets = tuple(
        _with_digest(one, *changed[one.target]) if one.target in changed else one for one in outcome.targets
    )
    metadata = {key: _told(value, dict(changed.values())) for key, value in outcome.metadata.items()}
    return replace(outcome, targets=targets, metadata=metadata)


def _with_digest(one: BuildOutcome, before: str, after: str) -> BuildOutcome:
    return replace(one, index=after) if one.index == before else replace(one, digest=after)


def _told(value: Any, moved: Mapping[str, str]) -> Any:
    """Return the metadata of a target with other digests; a descriptor's size is that of another image then."""
    digest = value.get("containerimage.digest") if isinstance(value, Mapping) else None
    if not isinstance(digest, str) or digest not in moved:
        return value
    kept = {key: one for key, one in value.items() if key != "containerimage.descriptor"}
    return {**kept, "containerimage.digest": moved[digest]}
