"""A plan as it was decided: what is there already is used by its digest, and only what is missing is built."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from buildmatrix.oci.reference import parse
from buildmatrix.plan.builds import TARGET
from buildmatrix.plan.checks.exports import makes_index
from buildmatrix.plan.model import Plan, PlannedTarget
from buildmatrix.plan.outputs import pushes_tags
from buildmatrix.plan.publishing import pushed_tags
from buildmatrix.spec.rows.settings import Settings
from buildmatrix.state.decision import Decision
from buildmatrix.state.marks import ANNOTATION, mark_of

IMAGE = "docker-image://"


def as_decided(
    plan: Plan, decisions: Mapping[str, Decision], marks: Mapping[str, Mapping[str, str]], *, attests: bool = True
) -> Plan:
    """Return the plan with what was decided of its targets; `marks` are the fingerprints by target and platform.

    What is skipped stays in the plan: it is not built, and its tags may have to move. `attests` says that buildx adds
    provenance by itself, which makes an index of a lone image.
    """
    kept = {name: one for name, one in decisions.items() if one.action == "skip" and one.image}
    below = {link for target in plan.targets if target.name not in kept for link in target.depends_on}
    targets = []
    for target in plan.targets:
        decision = decisions.get(target.name)
        if target.name not in kept:
            target = _on_images(target, plan, kept)  # noqa: PLW2901 what is left of it is changed further
            if decision and decision.platforms and target.name not in below:
                target = _only(target, decision.platforms)  # noqa: PLW2901
            if target.name in marks:
                target = _marked(target, marks[target.name], attests=attests)  # noqa: PLW2901
        else:
            target = replace(target, depends_on=(), parts=())  # noqa: PLW2901 one image, and nothing is built for it
        targets.append(target)
    return replace(plan, targets=tuple(targets))


def _on_images(target: PlannedTarget, plan: Plan, kept: Mapping[str, Decision]) -> PlannedTarget:
    """Return a target whose contexts are images in a registry where those are up to date."""
    images = {name: _pinned(plan.by_name[name], kept[name]) for name in target.depends_on if name in kept}
    if not images:
        return target
    contexts = {
        key: images.get(value.removeprefix(TARGET), value) if value.startswith(TARGET) else value
        for key, value in (target.settings.contexts or {}).items()
    }
    left = tuple(name for name in target.depends_on if name not in images)
    return replace(target, settings=target.settings.but({"contexts": contexts}), depends_on=left)


def used(plan: Plan) -> Iterator[str]:
    """Yield the images by digest that a plan's contexts are: `repository@sha256:…`."""
    for target in plan.targets:
        places = (target.settings.contexts or {}).values()
        yield from (place.removeprefix(IMAGE) for place in places if place.startswith(IMAGE) and "@" in place)


def _pinned(target: PlannedTarget, decision: Decision) -> str:
    tags = [tag for tag in pushed_tags(target) if tag not in decision.moves]
    digest = decision.image.digest if decision.image else ""
    return f"{IMAGE}{parse(tags[0]).repository}@{digest}"


def _only(target: PlannedTarget, platforms: tuple[str, ...]) -> PlannedTarget:
    """Return a target that is built for these platforms, the others being carried over from what its tags hold."""
    others = tuple(name for name in target.platforms if name not in platforms)
    return replace(
        target,
        settings=target.settings.but({"platforms": platforms}),
        carried_over=(*target.carried_over, *others),
        parts=tuple(part for cut in target.parts if (part := tuple(name for name in cut if name in platforms))),
    )


def _marked(target: PlannedTarget, fingerprints: Mapping[str, str], *, attests: bool) -> PlannedTarget:
    """Return a target whose image carries its mark, in each output that is pushed: others may have no place for it."""
    if not target.exported:
        return target
    mark = mark_of(fingerprints)
    outputs = tuple(_noted(target.settings, output, mark, attests=attests) for output in target.settings.output or ())
    return replace(target, settings=target.settings.but({"output": outputs or None}))


def _noted(settings: Settings, output: Any, mark: str, *, attests: bool) -> Any:
    if not pushes_tags(output):
        return output
    level = "index" if makes_index(settings, output, by_default=attests) else "manifest"
    return output.but({"annotation": {**(output.annotation or {}), f"annotation-{level}.{ANNOTATION}": mark}})
