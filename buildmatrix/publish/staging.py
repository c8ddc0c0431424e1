"""Images that are pushed without their tags first: by digest, or under a staging tag where the driver cannot."""

import re
import secrets
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import field, replace
from typing import Any

from buildmatrix.engine.buildx import Builder
from buildmatrix.engine.drivers import nodes_of
from buildmatrix.errors import Diagnostic, SpecError
from buildmatrix.oci.reference import parse
from buildmatrix.patterns import regex
from buildmatrix.plan.builds import Build, BuildPlan
from buildmatrix.plan.model import Plan, PlannedTarget
from buildmatrix.plan.outputs import pushes, pushes_tags
from buildmatrix.plan.policy import Policy
from buildmatrix.plan.publishing import LONGEST, STAGING, pushed_tags, staging_tag, tags_apart
from buildmatrix.plan.runners import cut_by
from buildmatrix.records import dataclass
from buildmatrix.spec.rows.outputs import CacheonlyOutput, DockerOutput, ImageOutput, OciOutput
from buildmatrix.spec.rows.settings import Settings
from buildmatrix.spec.rows.shapes import given


@dataclass(frozen=True, kw_only=True)
class StagedImage:
    """An image whose tags move after the build.

    `name` is its target's, `builds` are the keys of the Builds that it is assembled of. `tags` are by repository.
    `together` says that they wait for all images of the run. `carried_over` are the platforms that this run does
    not build (`--platform`) and that the registry has to have. `staged_as` are the staging tags by Build, empty where
    the image is pushed by digest. `annotations` are those of an index that is assembled.
    """

    name: str
    builds: tuple[str, ...]
    tags: Mapping[str, tuple[str, ...]]
    together: bool
    carried_over: tuple[str, ...] = ()
    staged_as: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)

    @property
    def all_tags(self) -> tuple[str, ...]:
        """The tags of all repositories."""
        return tuple(tag for tags in self.tags.values() for tag in tags)


@dataclass(frozen=True, kw_only=True)
class Staging:
    """A plan in which some images are staged, and those images by the targets' names."""

    plan: BuildPlan
    images: Mapping[str, StagedImage] = field(default_factory=dict)


def staged(
    plan: BuildPlan,
    policy: Policy,
    builder: Builder | None,
    moved: Collection[str] = (),
    *,
    every: bool = False,
    stored: bool = False,
) -> Staging:
    """Return the plan with its images staged where that was asked for, platforms are left out, or a target is split.

    SpecError for one whose outputs make different images. Without a `builder` digests are assumed. `moved` are targets
    that are not built, and whose tags nevertheless move. With `every` all images are staged. `stored` says that what is
    pushed has to be in the engine's store (see `engine.versions.pushes_from_store`).
    """
    moved = plan.parts if every else moved
    if wrong := list(_apart(plan, policy, moved)):
        raise SpecError(*wrong)
    made = {name: _image(builds, plan, policy, builder, moved) for name, builds in plan.parts.items()}
    images = {name: image for name, image in made.items() if image is not None}
    targets = [_pushed_last(_staged(build, images.get(build.target), stored=stored)) for build in plan.targets]
    return Staging(plan=replace(plan, targets=tuple(targets)), images=images)


def _apart(plan: BuildPlan, policy: Policy, moved: Collection[str]) -> Iterator[Diagnostic]:
    """Yield an error for each target whose tags would move last, to one image, though its outputs push several."""
    for name, builds in plan.parts.items():
        target = builds[0]
        if tags_apart(target) and _moves_last(target, policy, moved):
            message = (
                f"the outputs of {name} push different images, and its tags cannot be moved last, as this run has to"
            )
            hint = 'declare a target for each output, or build all its platforms at once with publish = "direct"'
            yield Diagnostic(message=message, code="publish", place=target.place_of("output"), hint=hint)


def _pushed_last(build: Build) -> Build:
    """Return a Build with its pushed outputs last: bake tells the digest of the last image that it has exported.

    With the `docker` driver each output has a digest of its own, since attestations differ (found with 0.29).
    """
    outputs = build.settings.output or ()
    ordered = tuple(sorted(outputs, key=pushes))
    return build if ordered == tuple(outputs) else replace(build, settings=build.settings.but({"output": ordered}))


def _staged(build: Build, image: StagedImage | None, *, stored: bool) -> Build:
    return build if image is None else replace(build, settings=_staged_settings(build, image, stored=stored))


def pushes_by_digest(target: PlannedTarget, builder: Builder | None) -> bool:
    """Tell whether a builder can push an image without a tag; where none is known, it is assumed.

    The `docker` driver cannot, and what several nodes have built buildx joins under a tag `latest` (found with 0.29).
    One node of several can (found with 0.13 and 0.29).
    """
    return builder is None or (builder.driver != "docker" and len(nodes_of(target.platforms, builder)) <= 1)


def by_node(plan: Plan, policy: Policy, builder: Builder) -> Plan:
    """Return the plan whose targets are built in parts, one for each node, where their tags move last.

    So each is pushed by digest, and nothing needs a staging tag. What cannot be put together of parts stays whole.
    """
    if builder.driver == "docker" or len(builder.nodes) == 1:
        return plan
    return cut_by(plan, builder.node_of, lambda target: _moves_last(target, policy, ()))


def first_tags(plan: BuildPlan, policy: Policy, builder: Builder, unchanged: Collection[str] = ()) -> str:
    """Return what to say of the staging tags that a run will use, and why; "" if it uses none."""
    built = (builds for builds in plan.parts.values() if any(one.name not in unchanged for one in builds))
    images = (_image(builds, plan, policy, builder, ()) for builds in built)
    tags = [tag for image in images if image for tags in image.staged_as.values() for tag in tags]
    if not tags:
        return ""
    more = f" and {len(tags) - 1:,} more" if len(tags) > 1 else ""
    who = 'the driver "docker"' if builder.driver == "docker" else "a builder of several nodes"
    return f"pushed first as {tags[0]}{more}: {who} cannot push an image without a tag"


_REFUSED = regex(r"immutable|overwrit|\b4(00|03|05|09|12) [A-Z]", re.IGNORECASE)
"""What registries say to a tag that is there already and may not move; each has a status of its own for that."""


class FirstTags:
    """The staging tags that a run pushes to. All get fresh names, once, where a registry refuses to overwrite one."""

    def __init__(self, images: Mapping[str, StagedImage] | None = None) -> None:
        self._first = {key: tags for image in (images or {}).values() for key, tags in image.staged_as.items()}
        self._fresh = ""

    def are_refused(self, words: Iterable[str]) -> bool:
        """Tell whether a registry refused one, by bake's words: then what failed is to be built again."""
        said = " ".join(words)
        named = f":{STAGING}" in said or f"/{STAGING}" in said
        refused = not self._fresh and named and _REFUSED.search(said) is not None
        if refused:
            self._fresh = f"-{secrets.token_hex(4)}"
        return refused

    def of(self, key: str) -> tuple[str, ...]:
        """Return those of a Build."""
        first = self._first.get(key, ())
        if not self._fresh:
            return first
        room = LONGEST - len(self._fresh)
        return tuple(str(one.tagged(f"{one.name[:room]}{self._fresh}")) for one in map(parse, first))

    def renamed(self, plan: BuildPlan) -> BuildPlan:
        """Return the plan as it is to be pushed now."""
        if not self._fresh:
            return plan
        return replace(plan, targets=tuple(map(self._renamed, plan.targets)))

    def _renamed(self, target: Build) -> Build:
        if target.name not in self._first:
            return target
        first = ",".join(self._first[target.name])
        named = ",".join(self.of(target.name))
        outputs = [
            output.but({"name": named}) if isinstance(output, ImageOutput) and output.name == first else output
            for output in target.settings.output or ()
        ]
        return replace(target, settings=target.settings.but({"output": tuple(outputs)}))


def held_back(plan: BuildPlan, policy: Policy) -> frozenset[str]:
    """Return the Builds with tags that move only when every image of the run is there."""
    return frozenset(build.name for build in plan.targets if policy.together(build) and pushed_tags(build))


def too_late(plan: Plan, policy: Policy) -> Iterator[Diagnostic]:
    """Yield a warning for each image that another one needs first, and whose tags move only at the end."""
    said = set()
    for target in plan.targets:
        for name in target.needs:
            needed = plan.by_name.get(name)
            if (
                needed
                and name not in said
                and policy.together(needed)
                and any(map(pushes, needed.settings.output or ()))
            ):
                said.add(name)
                message = f"{target.name} needs {name} first, whose tags move only when every image is there"
                hint = f'build {name} with publish = "direct" if {target.name} pulls it, or hand it on through contexts'
                yield Diagnostic(
                    message=message, code="publish", place=target.place_of("needs"), hint=hint, severity="warning"
                )


def _moves_last(target: PlannedTarget, policy: Policy, moved: Collection[str]) -> bool:
    """Tell whether the tags of a target, or of the Build of one, move after the build; `moved` are some that do."""
    if policy.together(target) or target.carried_over or target.parts:
        return True
    return isinstance(target, Build) and (target.is_part or target.target in moved)


def _image(
    builds: tuple[Build, ...], plan: BuildPlan, policy: Policy, builder: Builder | None, moved: Collection[str]
) -> StagedImage | None:
    target = builds[0]
    if not _moves_last(target, policy, moved):
        return None
    tags: dict[str, list[str]] = {}
    for name in pushed_tags(target):
        tags.setdefault(parse(name).repository, []).append(name)
    if not tags:
        return None
    tagged = [one for one in builds if not pushes_by_digest(one, builder)]
    first = {one.name: tuple(f"{repository}:{staging_tag(one.bake_name)}" for repository in tags) for one in tagged}
    return StagedImage(
        name=target.target,
        builds=tuple(one.name for one in builds),
        tags={repository: tuple(found) for repository, found in tags.items()},
        together=policy.together(target),
        carried_over=target.carried_over,
        staged_as=first,
        annotations=plan.notes.get(target.target, {}),
    )


def _staged_settings(target: Build, image: StagedImage, *, stored: bool) -> Settings:
    """Return the settings that push without the tags; what else is written keeps its name."""
    outputs: list[Any] = []
    for output in target.settings.output or ():
        if pushes_tags(output):
            outputs.append(_pushed(output, image, image.staged_as.get(target.name, ()), stored=stored))
        elif isinstance(output, DockerOutput | OciOutput | ImageOutput) and not output.name and target.tags:
            outputs.append(output.but({"name": ",".join(target.tags)}))
        elif not isinstance(output, CacheonlyOutput):
            outputs.append(output)
    return target.settings.but({"output": tuple(outputs), "tags": None})


def _pushed(output: Any, image: StagedImage, first: tuple[str, ...], *, stored: bool) -> ImageOutput:
    keys = {key: value for key, value in given(output).items() if key not in {"type", "name", "push", "store"}}
    if first:
        keys |= {"name": ",".join(first)}
    else:
        keys |= {"name": ",".join(image.tags), "push_by_digest": True, "name_canonical": True}
    if not stored:  # in an engine's store, cells of one repository would be in each other's way
        keys |= {"store": False}
    return ImageOutput(type="image", push=True, **keys)
