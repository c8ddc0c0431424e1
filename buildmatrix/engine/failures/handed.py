"""What a Dockerfile takes of another target and BuildKit asked a registry for: bake had not handed it on."""

from dataclasses import replace

from buildmatrix.plan.access.across import TARGET
from buildmatrix.plan.builds import Build, BuildPlan
from buildmatrix.plan.model import Plan, PlannedTarget
from buildmatrix.plan.publishing import pushed_tags


def not_handed_on(plan: Plan, name: str, said: str) -> str:
    """Return why a target was not handed on to another one as its context, and what to do; "" if all were.

    `said` is BuildKit's error, which has looked for it in a registry, or bake's. On a builder of several nodes bake
    gives a node what that node has built, and nothing of another one: `FROM --platform=linux/amd64 tools` on the node
    for linux/arm64 (found with 0.29).
    """
    target = plan.by_name[name]
    for key, value in (target.settings.contexts or {}).items():
        if not value.startswith(TARGET):
            continue
        linked = value.removeprefix(TARGET)
        refused = f"failed to use {linked} as context {key} for {target.bake_name} because targets build with different"
        if said.startswith((f"{key}: failed to resolve source metadata for ", refused)):
            return _hint(key, _linked(plan, linked))
    return ""


def _linked(plan: Plan, bake_name: str) -> PlannedTarget:
    """Return the target as it is declared: a part of it, or what waits for others, is pushed without its tags."""
    found = next(one for one in plan.targets if one.bake_name == bake_name)
    return (
        plan.of.by_name.get(found.target, found) if isinstance(plan, BuildPlan) and isinstance(found, Build) else found
    )


def _hint(key: str, linked: PlannedTarget) -> str:
    from buildmatrix.spec.hints.values import written

    pushed = next(iter(pushed_tags(replace(linked, exported=True))), "")  # as a dependency it is not pushed now
    image = f'write contexts.{written(key)} = "docker-image://{pushed or "TAG"}" and needs = ["{linked.declared}"]'
    other = image if pushed else f"push {linked.declared}, and {image}"
    return (
        f"{key} is target {linked.declared}, which another node of the builder builds for the platform of this FROM: "
        f"buildx hands nothing on between nodes\nuse a builder of one node (--builder NAME), or {other}"
    )
