"""Under which tags targets are pushed: their own, and where those move last, perhaps another one first."""

from hashlib import sha256
from typing import Any

from buildmatrix.oci.reference import parse
from buildmatrix.plan.model import Plan, PlannedTarget
from buildmatrix.plan.outputs import builds, differ, pushes, pushes_tags
from buildmatrix.spec.rows.caches import RegistryCacheTo
from buildmatrix.spec.rows.options import Apply, Options, settled
from buildmatrix.spec.rows.outputs import ImageOutput, RegistryOutput
from buildmatrix.spec.rows.shapes import row_of

STAGING = "buildmatrix-staging-"
"""How our own tags begin: nobody else's image is under such a name."""

LONGEST = 128
"""Characters of a tag."""

_PUBLISH = row_of(Options, "publish")


def staging_tag(name: str) -> str:
    """Return the staging tag of a target: the same in every run, so that none pile up where nothing can be deleted.

    Two runs may use it at once: it only carries the push, what is published is known by its digest.
    """
    tag = f"{STAGING}{name}"
    return tag if len(tag) <= LONGEST else f"{STAGING}{sha256(name.encode()).hexdigest()[:32]}"


def pushed_tags(target: PlannedTarget) -> tuple[str, ...]:
    """Return the tags under which a target is pushed, each once and in full; none where it is not."""
    if not target.exported or not builds(target.settings):
        return ()
    names = (
        name
        for output in target.settings.output or ()
        if isinstance(output, ImageOutput | RegistryOutput) and pushes_tags(output)
        for name in (output.name.split(",") if output.name else target.tags)
    )
    return tuple(dict.fromkeys(map(_full, names)))


def is_pushed(target: PlannedTarget) -> bool:
    """Tell whether a target is in a registry when it is built: other machines have nothing else of it."""
    return target.exported and any(map(pushes, target.settings.output or ()))


def pushed_repositories(target: PlannedTarget) -> tuple[str, ...]:
    """Return the repositories that a target is pushed to, by digest alone too, each once."""
    if not target.exported or not builds(target.settings):
        return ()
    outputs: tuple[Any, ...] = target.settings.output or ()
    named = (one.name.split(",") if one.name else target.tags for one in outputs if pushes(one))
    return tuple(dict.fromkeys(parse(name).repository for names in named for name in names))


def tags_apart(target: PlannedTarget) -> tuple[tuple[str, ...], ...]:
    """Return the tags of each output that pushes some, where those make different images; none where they do not."""
    if not target.exported or not builds(target.settings) or not differ(target.settings):
        return ()
    outputs: tuple[Any, ...] = target.settings.output or ()
    named = (output.name.split(",") if output.name else target.tags for output in outputs if pushes_tags(output))
    return tuple(tuple(dict.fromkeys(map(_full, names))) for names in named)


def _full(name: str) -> str:
    return name if parse(name).tag else f"{name}:latest"


def caches_by_tag(target: PlannedTarget) -> dict[str, int]:
    """Return the tags under which a target's caches are pushed, in full, each with its index in `cache-to`.

    Also of a target that is only a dependency: BuildKit writes its cache all the same.
    """
    return {
        _full(cache.ref): index
        for index, cache in enumerate(target.settings.cache_to or ())
        if isinstance(cache, RegistryCacheTo)
    }


def insecure_registries(plan: Plan) -> frozenset[str]:
    """Return the registries that an output or a cache may use without TLS: what holds for the push holds for tags."""
    caches = (
        parse(cache.ref).host
        for target in plan.targets
        for cache in target.settings.cache_to or ()
        if isinstance(cache, RegistryCacheTo) and cache.insecure
    )
    return frozenset(caches).union(*map(insecure_outputs, plan.targets))


def insecure_outputs(target: PlannedTarget) -> frozenset[str]:
    """Return the registries that an output of a target may use without TLS."""
    return frozenset(
        parse(name).host
        for output in target.settings.output or ()
        if isinstance(output, ImageOutput | RegistryOutput) and output.insecure and pushes(output)
        for name in (output.name.split(",") if output.name else target.tags)
    )


def staging_tags(target: PlannedTarget, apply: Apply) -> tuple[str, ...]:
    """Return the tags under which a target is pushed first, if the builder cannot push it without one.

    That is where its own tags move later: they wait for all images of the run, or are completed by what they hold.
    """
    if settled(_PUBLISH, target.settings, apply) != "together" and not target.carried_over:
        return ()
    repositories = dict.fromkeys(parse(tag).repository for tag in pushed_tags(target))
    return tuple(f"{repository}:{staging_tag(target.name)}" for repository in repositories)


def staging_note(plan: Plan) -> str:
    """Return what a plan says of staging tags, before anybody knows the builder; "" if none will be needed."""
    tags = [tag for target in plan.targets for tag in staging_tags(target, plan.apply)]
    if not tags:
        return ""
    more = f" and {len(tags) - 1:,} more" if len(tags) > 1 else ""
    return (
        f"tags move last: a builder that cannot push an image without a tag (the docker driver) may push it first as "
        f"{tags[0]}{more}"
    )
