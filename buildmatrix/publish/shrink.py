"""A tag never loses a platform: what tags hold is compared with what the run will write, before anything is built."""

from collections.abc import Iterator
from dataclasses import field

from buildmatrix.engine.failures.registry import doubt_hint
from buildmatrix.errors import Diagnostic, Place, RegistryError, and_more
from buildmatrix.oci.answers import Absent, Unknown
from buildmatrix.oci.http.parallel import all_of
from buildmatrix.oci.image import Image
from buildmatrix.oci.reference import Reference, parse
from buildmatrix.plan.model import Plan, PlannedTarget
from buildmatrix.plan.policy import Policy
from buildmatrix.plan.publishing import caches_by_tag, pushed_tags
from buildmatrix.publish.tags import Tags
from buildmatrix.records import dataclass

SHRUNK = "shrunk"
"""The code of what would lose a platform."""

ON_PURPOSE = "--platforms-may-shrink, or [apply] platforms-may-shrink = true"
WHOLE = "build all its platforms once, without --platform, or build without pushing: --no-output"


def refuse_shrunk_tags(plan: Plan, policy: Policy, tags: Tags, own: str) -> None:
    """Raise RegistryError if a tag would lose a platform, or all to a cache, or if nobody can say whether it would.

    `own` is the platform of what declares none.
    """
    if problems := shrunk(plan, policy, tags, own):
        raise RegistryError(*problems)


def shrunk(plan: Plan, policy: Policy, tags: Tags, own: str) -> list[Diagnostic]:
    """Return the errors of tags that would lose a platform, or of which nobody can say whether they would."""
    lost: dict[tuple[Place, str, bool], _Lost] = {}
    doubts: dict[Unknown, _Lost] = {}
    for target in plan.targets:
        for tag in pushed_tags(target):
            held = tags.of(tag)
            if isinstance(held, Unknown):
                if target.carried_over or not policy.platforms_may_shrink:
                    doubts.setdefault(held, _Lost(target=target)).add(target, tag)
            elif held is not None and (words := _words(target, held, policy, own)):
                alike = (target.place_of("platforms"), words, bool(target.carried_over))
                lost.setdefault(alike, _Lost(target=target)).add(target, tag)
    problems = [_shrunk(words, one, own) for (_, words, _), one in lost.items()]
    problems += [_doubt(held, one) for held, one in doubts.items()]
    problems += _unattested(plan, tags)
    problems += [] if policy.platforms_may_shrink else _under_caches(plan, tags)
    return problems


@dataclass(kw_only=True)
class _Lost:
    """A target, the first of those that have one trouble, and the tags that have it."""

    target: PlannedTarget
    tags: list[str] = field(default_factory=list)
    names: dict[str, None] = field(default_factory=dict)

    def add(self, target: PlannedTarget, tag: str) -> None:
        self.tags.append(tag)
        self.names[target.name] = None

    @property
    def who(self) -> str:
        """The target, and how many others."""
        return self.target.name + and_more(len(self.names), "target")

    @property
    def spoken(self) -> str:
        """The tag, and how many others."""
        return self.tags[0] + and_more(len(self.tags), "tag")


def _words(target: PlannedTarget, held: Image | Absent, policy: Policy, own: str) -> str:
    """Return the platforms that a tag would lose, and that nobody wants it to lose."""
    there = held.platforms if isinstance(held, Image) else ()
    if policy.platforms_may_shrink:
        return ""
    if target.carried_over:
        return " ".join(platform for platform in target.carried_over if platform not in there)
    written = target.platforms or ((own,) if own else there[:1])
    return " ".join(platform for platform in there if platform not in written)


def _shrunk(words: str, lost: _Lost, own: str) -> Diagnostic:
    target = lost.target
    if target.carried_over:
        ending = "which the registry does not have either"
        hint = WHOLE
    else:
        ending = "which the tag has now" if len(lost.tags) == 1 else "which the tags have now"
        hint = _three_ways(target.platforms or ((own,) if own else ()), words.split())
    message = f"{lost.who} would push {lost.spoken} without {words}, {ending}"
    return Diagnostic(message=message, code=SHRUNK, place=target.place_of("platforms"), hint=hint)


def _unattested(plan: Plan, tags: Tags) -> Iterator[Diagnostic]:
    """Yield an error for what a tag keeps and the registry has lost: a platform's manifest, or an attestation of one.

    No registry takes an index of what it does not have. To leave an attestation out would be a loss that nobody asked
    for: clean-ups take those first, since they have no tags.
    """
    for target in plan.targets:
        for tag in pushed_tags(target) if target.carried_over else ():
            held = tags.of(tag)
            named = _carried(held, target.carried_over) if isinstance(held, Image) else {}
            asked = {str(Reference(parse(tag).repository, digest=digest)): name for digest, name in named.items()}
            there = all_of(tags.below, asked)
            if gone := [asked[reference] for reference, answer in there.items() if isinstance(answer, Absent)]:
                message = f"{target.name} would take over what {tag} has, and {gone[0]} is gone from the registry"
                yield Diagnostic(message=message, code=SHRUNK, place=target.place_of("platforms"), hint=WHOLE)


def _carried(image: Image, platforms: tuple[str, ...]) -> dict[str, str]:
    """Return the manifests of an image that some platforms need, by digest, as people call them; of an index alone."""
    listed = [one for one in image.index.manifests if one.digest != image.digest]
    kept = {one.digest: str(one.platform) for one in listed if one.platform and str(one.platform) in platforms}
    about = {one.digest: one.about for one in listed if not one.platform and one.about in kept}
    return kept | {digest: f"the attestation of {kept[one]}" for digest, one in about.items()}


def _under_caches(plan: Plan, tags: Tags) -> Iterator[Diagnostic]:
    """Yield an error for each image whose tag a cache would take.

    What nobody can say passes here: caches often lie where only BuildKit can read (the builder's own network, its
    certificates), and where BuildKit cannot write either, the build fails by itself.
    """
    said: set[tuple[str, Place]] = set()
    for target in plan.targets:
        for tag, index in caches_by_tag(target).items():
            held, place = tags.of(tag), target.place_of("cache_to", index)
            if isinstance(held, Image) and held.platforms and (tag, place) not in said:
                said.add((tag, place))
                message = f"{target.name} would write its cache over {tag}, an image for {' '.join(held.platforms)}"
                own = parse(tag).tagged("cache")
                hint = f"give the cache a tag of its own: ref={own}\nor lose the image: {ON_PURPOSE}"
                yield Diagnostic(message=message, code=SHRUNK, place=place, hint=hint)


def _three_ways(written: tuple[str, ...], lost: list[str]) -> str:
    every = ", ".join(f'"{platform}"' for platform in (*written, *lost))
    return (
        f"build them too: platforms = [{every}]\n"
        f"or keep the tag's: declare them all, and add --platform {','.join(written) or 'PLATFORM'}\n"
        f"or drop them: {ON_PURPOSE}"
    )


def replaced(plan: Plan, tags: Tags) -> Iterator[Diagnostic]:
    """Yield a warning for each tag that holds no image now."""
    for target in plan.targets:
        for tag in pushed_tags(target):
            held = tags.of(tag)
            if isinstance(held, Image) and held.kind != "image":
                message = f"{tag} holds {held.kind} and no image: {target.name} takes its place"
                yield Diagnostic(message=message, code="replaced", place=target.place_of("tags"), severity="warning")


def _doubt(held: Unknown, lost: _Lost) -> Diagnostic:
    message = f"cannot tell which platforms {lost.spoken} has: {held.reason}"
    hint = f"{doubt_hint(held, parse(lost.tags[0]).host)}; no tag was touched"
    hint += "" if lost.target.carried_over else f"\nor push without looking: {ON_PURPOSE}"
    return Diagnostic(message=message, code="unknown-tag", place=lost.target.place_of("tags"), hint=hint)
