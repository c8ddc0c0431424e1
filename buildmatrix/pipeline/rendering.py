"""What is rendered for plain bake of targets that are built in parts: a target for each, which pushes by digest."""

import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from buildmatrix.plan.builds import Build, builds_of
from buildmatrix.plan.policy import Policy
from buildmatrix.plan.portable import Whole
from buildmatrix.publish.staging import StagedImage, staged


def in_parts(found: Whole) -> tuple[Whole, tuple[str, ...]]:
    """Return what is rendered, with parts in place of the targets whose settings differ by platform.

    Bake cannot join them: what does is told, a command for each image.
    """
    plan = builds_of(found.plan)
    staging = staged(plan, Policy(plan=plan), None)
    targets = [staging.plan.by_name[build.name] if build.is_part else build for build in plan.targets]
    names = {target: tuple(one.bake_name for one in parts) for target, parts in plan.parts.items()}
    split = {target: parts for target, parts in names.items() if len(parts) > 1}
    images = {name: image for name, image in staging.images.items() if name in split}
    made = replace(
        found,
        plan=replace(plan, targets=tuple(targets)),
        default=tuple(_parts(found.default, names)),
        asked=frozenset(_parts(found.asked, names)),
        groups={**split, **{name: tuple(_parts(held, names)) for name, held in found.groups.items()}},
    )
    return made, tuple(_joined(images, plan.by_name))


def _parts(targets: Iterable[str], names: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    for target in targets:
        yield from names.get(target, (target,))


def _joined(images: Mapping[str, StagedImage], builds: Mapping[str, Build]) -> Iterator[str]:
    """Yield the commands that join images, once bake has pushed their parts."""
    for image in images.values():
        for repository, tags in image.tags.items():
            notes = (f"--annotation {shlex.quote(f'index:{key}={value}')}" for key, value in image.annotations.items())
            flags = " ".join([*(f"-t {tag}" for tag in tags), *notes])
            digests = " ".join(f"{repository}@DIGEST" for _ in image.builds)
            parts = ", ".join(builds[name].bake_name for name in image.builds)
            yield f"docker buildx imagetools create {flags} {digests} (of {parts}: see --metadata-file)"
