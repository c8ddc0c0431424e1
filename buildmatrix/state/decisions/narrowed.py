"""A plan as it was decided: what is there already is used by its digest, and only what is missing is built."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from buildmatrix.oci.reference import parse
from buildmatrix.plan.access.across import TARGET, targets_across
from buildmatrix.plan.builds import as_index, builds_of, for_platforms
from buildmatrix.plan.checks.exports import makes_index
from buildmatrix.plan.model import Plan, PlannedTarget
from buildmatrix.plan.outputs import pushes_tags
from buildmatrix.plan.publishing import pushed_tags
from buildmatrix.spec.rows.settings import Settings
from buildmatrix.state.decisions.decision import Decision

IMAGE = "docker-image://"


Target = TypeVar("Target", bound=PlannedTarget)

Notes = Mapping[str, str]
"""Annotations by key."""

Platforms = tuple[str, ...]


def as_decided(
    plan: Plan,
    decisions: Mapping[str, Decision],
    notes: Mapping[str, Notes],
    *,
    attests: bool = True,
) -> Plan:
    """Return the plan with what was decided of its targets; `notes` are what images are to carry, by target.

    What is skipped stays in the plan: it is not built, and its tags may have to move. `attests` says that buildx adds
    provenance by itself, which makes an index of a lone image.
    """
    uncached = {name for one in decisions.values() for name in one.afresh}
    kept = {name: one for name, one in decisions.items() if _is_kept(one)}
    narrow = _narrowed(plan, decisions, kept)
    cuts = _cuts(plan) if narrow or kept else {}
    targets = []
    for target in plan.targets:
        if target.name not in kept:
            target = _on_images(target, plan, kept)  # noqa: PLW2901 what is left of it is changed further
            target = replace(target, parts=cuts.get(target.name, target.parts))  # noqa: PLW2901 its Builds are known by them
            if target.name in narrow:
                target = _only(target, narrow[target.name])  # noqa: PLW2901
            if target.name in uncached:
                target = without_cache(target)  # noqa: PLW2901
            if target.name in notes:
                target = _noted(target, notes[target.name], attests=attests)  # noqa: PLW2901
        targets.append(target)
    return kept_whole(replace(plan, targets=tuple(targets)), decisions)


def kept_whole(plan: Plan, decisions: Mapping[str, Decision]) -> Plan:
    """Return the plan in which each target that is there already is one image, however it would be built."""
    targets = (
        replace(one, depends_on=(), parts=(), variants=()) if _is_kept(decisions.get(one.name)) else one
        for one in plan.targets
    )
    return replace(plan, targets=tuple(targets))


def _is_kept(decision: Decision | None) -> bool:
    return decision is not None and decision.action == "skip" and decision.image is not None


def _narrowed(plan: Plan, decisions: Mapping[str, Decision], kept: Collection[str]) -> dict[str, Platforms]:
    """Return the targets that are built for some of their platforms only, with these.

    What others are built on is among them where those want no more of it: an image of another platform would be built
    again, perhaps otherwise, and be no longer the one that was built upon. Who takes it for other platforms than its
    own wants all of it.
    """
    found: dict[str, Platforms] = {}
    wanted: dict[str, set[str]] = {}
    whole = set[str]()
    partial = any(one.platforms for one in decisions.values())
    for target in (one for one in reversed(plan.targets) if one.name not in kept):
        decision = decisions.get(target.name)
        only = decision.platforms if decision else ()
        if only and target.name not in whole and wanted.get(target.name, set()) <= set(only):
            found[target.name] = only
        platforms = found.get(target.name, target.platforms)
        whole.update(target.needs if platforms else (*target.needs, *target.depends_on))
        across = targets_across(target, plan.directory) if target.depends_on and partial else ()
        for name in target.depends_on:
            wanted.setdefault(name, set()).update(plan.by_name[name].platforms if name in across else platforms)
    return found


def narrowed(plan: Plan, decisions: Mapping[str, Decision]) -> dict[str, Platforms]:
    """Return the targets that are built for some of their platforms only, with these."""
    return _narrowed(plan, decisions, [name for name, one in decisions.items() if _is_kept(one)])


def _cuts(plan: Plan) -> dict[str, tuple[Platforms, ...]]:
    """Return the parts in which targets are built, whether by their own settings or by those of what they depend on."""
    parts = builds_of(plan).parts.items()
    return {name: tuple(one.platforms for one in builds) for name, builds in parts if builds[0].is_part}


def without_cache(target: Target) -> Target:
    """Return a target that is built without the cache."""
    variants = tuple(map(without_cache, target.variants))
    return replace(target, settings=target.settings.but({"no_cache": True}), variants=variants)


def _on_images(target: PlannedTarget, plan: Plan, kept: Mapping[str, Decision]) -> PlannedTarget:
    """Return a target whose contexts are images in a registry where those are up to date."""
    if target.variants:
        target = replace(target, variants=tuple(_on_images(one, plan, kept) for one in target.variants))
    images = {name: _pinned(plan.by_name[name], kept[name]) for name in target.depends_on if name in kept}
    if not images:
        return target
    contexts = {
        key: images.get(value.removeprefix(TARGET), value) if value.startswith(TARGET) else value
        for key, value in (target.settings.contexts or {}).items()
    }
    left = tuple(name for name in target.depends_on if name not in images)
    return replace(target, settings=target.settings.but({"contexts": contexts}), depends_on=left)


def unsure(plan: Plan, decisions: Mapping[str, Decision], late: Collection[str]) -> set[str]:
    """Return the targets that may not be built from what their fingerprints say; `late` are those whose tags move last.

    What needs such a one pulls what its tag still holds. Nobody can say of the image what it was built from.
    """
    found = set[str]()
    for target in plan.targets:
        built = (name for name in target.needs if name in decisions and decisions[name].action == "build")
        if not found.isdisjoint((*target.depends_on, *target.needs)) or not set(late).isdisjoint(built):
            found.add(target.name)
    return found


def used(plan: Plan) -> Iterator[str]:
    """Yield the images by digest that a plan's contexts are: `repository@sha256:…`."""
    for target in plan.targets:
        places = (target.settings.contexts or {}).values()
        yield from (place.removeprefix(IMAGE) for place in places if place.startswith(IMAGE) and "@" in place)


def _pinned(target: PlannedTarget, decision: Decision) -> str:
    """Return an image by its digest: each repository of its tags has it, also where those have yet to move."""
    digest = decision.image.digest if decision.image else ""
    return f"{IMAGE}{parse(pushed_tags(target)[0]).repository}@{digest}"


def _only(target: PlannedTarget, platforms: Platforms) -> PlannedTarget:
    """Return a target that is built for these platforms, the others being carried over from what its tags hold."""
    others = tuple(name for name in target.platforms if name not in platforms)
    return replace(
        for_platforms(target, platforms),
        carried_over=(*target.carried_over, *others),
        parts=tuple(part for cut in target.parts if (part := _both(cut, platforms))),
        variants=tuple(for_platforms(one, own) for one in target.variants if (own := _both(one.platforms, platforms))),
    )


def _both(some: tuple[str, ...], others: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in some if name in others)


def _noted(target: PlannedTarget, notes: Notes, *, attests: bool) -> PlannedTarget:
    """Return a target whose image carries notes, in each output that is pushed: others may have no place for them."""
    if not target.exported:
        return target
    settings = target.settings
    written = as_index(settings) if target.carried_over else settings
    outputs = tuple(_with_notes(written, output, notes, attests=attests) for output in settings.output or ())
    return replace(target, settings=settings.but({"output": outputs or None}))


def _with_notes(settings: Settings, output: Any, notes: Notes, *, attests: bool) -> Any:
    if not pushes_tags(output):
        return output
    level = "index" if makes_index(settings, output, by_default=attests) else "manifest"
    own = {f"annotation-{level}.{key}": text for key, text in notes.items()}
    return output.but({"annotation": {**(output.annotation or {}), **own}})
