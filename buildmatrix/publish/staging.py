"""Images that are pushed without their tags first: by digest, or under a staging tag where the driver cannot."""

import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from buildmatrix.engine.buildx import Builder
from buildmatrix.errors import Diagnostic
from buildmatrix.oci.reference import split
from buildmatrix.plan.model import Plan, PlannedTarget
from buildmatrix.plan.outputs import pushes, pushes_tags
from buildmatrix.plan.policy import Policy
from buildmatrix.plan.publishing import LONGEST, STAGING, pushed_tags, staging_tag
from buildmatrix.spec.rows.settings import CacheonlyOutput, DockerOutput, ImageOutput, OciOutput, Settings
from buildmatrix.spec.rows.shapes import given


@dataclass(frozen=True, kw_only=True)
class StagedImage:
    """An image whose tags move after the build.

    `tags` are by repository. `together` says that they wait for all images of the run. `lacking` are the platforms
    that this run does not build (`--platform`) and that the registry has to have. `staged_as` are the staging tags,
    empty where the image is pushed by digest.
    """

    name: str
    tags: Mapping[str, tuple[str, ...]]
    together: bool
    lacking: tuple[str, ...] = ()
    staged_as: tuple[str, ...] = ()

    @property
    def all_tags(self) -> tuple[str, ...]:
        """The tags of all repositories."""
        return tuple(tag for tags in self.tags.values() for tag in tags)


@dataclass(frozen=True, kw_only=True)
class Staging:
    """A plan in which some images are staged, and those images by the targets' names."""

    plan: Plan
    images: Mapping[str, StagedImage] = field(default_factory=dict)


def staged(plan: Plan, policy: Policy, builder: Builder | None) -> Staging:
    """Return the plan with its images staged where the policy asks for it, or where platforms are filtered out.

    Without a `builder` digests are assumed.
    """
    by_digest = builder is None or pushes_by_digest(builder)
    images = {}
    targets = []
    for target in plan.targets:
        image = _image(target, policy, "" if by_digest else staging_tag(target.name))
        if image is None:
            targets.append(target)
            continue
        images[target.name] = image
        targets.append(replace(target, settings=_staged_settings(target, image)))
    return Staging(plan=replace(plan, targets=tuple(targets)), images=images)


def pushes_by_digest(builder: Builder) -> bool:
    """Tell whether a builder can push an image without a tag.

    The `docker` driver cannot, and with several nodes buildx then makes a tag `latest` (found by running 0.29).
    """
    return builder.driver != "docker" and len(builder.nodes) == 1


def first_tags(plan: Plan, policy: Policy, builder: Builder) -> str:
    """Return what to say of the staging tags that a run will use, and why; "" if it uses none."""
    if pushes_by_digest(builder):
        return ""
    images = (_image(target, policy, staging_tag(target.name)) for target in plan.targets)
    tags = [tag for image in images if image for tag in image.staged_as]
    if not tags:
        return ""
    more = f" and {len(tags) - 1:,} more" if len(tags) > 1 else ""
    who = 'the driver "docker"' if builder.driver == "docker" else "a builder of several nodes"
    return f"pushed first as {tags[0]}{more}: {who} cannot push an image without a tag"


_REFUSED = re.compile(r"immutable|overwrit|\b4(00|03|05|09|12) [A-Z]", re.IGNORECASE)
"""What registries say to a tag that is there already and may not move; each has a status of its own for that."""


class FirstTags:
    """The staging tags that a run pushes to. All get fresh names, once, where a registry refuses to overwrite one."""

    def __init__(self, images: Mapping[str, StagedImage] | None = None) -> None:
        """Take the images that are staged."""
        self._images = dict(images or {})
        self._fresh = ""

    def are_refused(self, words: Iterable[str]) -> bool:
        """Tell whether a registry refused one, by bake's words: then what failed is to be built again."""
        said = " ".join(words)
        named = f":{STAGING}" in said or f"/{STAGING}" in said
        refused = not self._fresh and named and _REFUSED.search(said) is not None
        if refused:
            self._fresh = f"-{secrets.token_hex(4)}"
        return refused

    def of(self, image: StagedImage) -> tuple[str, ...]:
        """Return those of an image."""
        if not self._fresh:
            return image.staged_as
        repositories = [split(tag) for tag in image.staged_as]
        return tuple(f"{name}:{(tag or '')[: LONGEST - len(self._fresh)]}{self._fresh}" for name, tag in repositories)

    def renamed(self, plan: Plan) -> Plan:
        """Return the plan as it is to be pushed now."""
        if not self._fresh:
            return plan
        return replace(plan, targets=tuple(map(self._renamed, plan.targets)))

    def _renamed(self, target: PlannedTarget) -> PlannedTarget:
        image = self._images.get(target.name)
        if image is None or not image.staged_as:
            return target
        first = ",".join(image.staged_as)
        named = ",".join(self.of(image))
        outputs = [
            output.but({"name": named}) if isinstance(output, ImageOutput) and output.name == first else output
            for output in target.settings.output or ()
        ]
        return replace(target, settings=target.settings.but({"output": tuple(outputs)}))


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


def _image(target: PlannedTarget, policy: Policy, first: str) -> StagedImage | None:
    together = policy.together(target)
    if not (together or target.lacking):
        return None
    tags: dict[str, list[str]] = {}
    for name in pushed_tags(target):
        tags.setdefault(split(name)[0], []).append(name)
    if not tags:
        return None
    return StagedImage(
        name=target.name,
        tags={repository: tuple(found) for repository, found in tags.items()},
        together=together,
        lacking=target.lacking,
        staged_as=tuple(f"{repository}:{first}" for repository in tags) if first else (),
    )


def _staged_settings(target: PlannedTarget, image: StagedImage) -> Settings:
    """Return the settings that push without the tags; what else is written keeps its name."""
    outputs: list[Any] = []
    for output in target.settings.output or ():
        if pushes_tags(output):
            outputs.append(_pushed(output, image))
        elif isinstance(output, DockerOutput | OciOutput | ImageOutput) and not output.name and target.tags:
            outputs.append(output.but({"name": ",".join(target.tags)}))
        elif not isinstance(output, CacheonlyOutput):
            outputs.append(output)
    return target.settings.but({"output": tuple(outputs), "tags": None})


def _pushed(output: Any, image: StagedImage) -> ImageOutput:
    keys = {key: value for key, value in given(output).items() if key not in {"type", "name", "push", "store"}}
    if image.staged_as:
        keys |= {"name": ",".join(image.staged_as)}
    else:
        keys |= {"name": ",".join(image.tags), "push_by_digest": True, "name_canonical": True}
    keys |= {"push": True, "store": False}  # in an engine's store, cells of one repository would be in each other's way
    return ImageOutput(type="image", **keys)
