"""What Builds take for other platforms than their own, on the builder at hand: bake builds whatever it is given.

A part is given all parts of what its Dockerfile takes so (`plan.access.across`). Here is known which of them it asks
for, and that bake hands on nothing from one node to another: it refuses that, with 0.29 and before.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from buildmatrix.dockerfile.images import OWN
from buildmatrix.engine.preflight import Engine
from buildmatrix.errors import Diagnostic
from buildmatrix.graphs import reached
from buildmatrix.plan.access.across import TARGET, taken_across
from buildmatrix.plan.builds import Build, BuildPlan, before


def links_here(plan: BuildPlan, engine: Engine) -> BuildPlan:
    """Return a plan without the links to parts that are not asked for, or that another node builds."""
    targets = tuple(_linked(build, plan, engine) for build in plan.targets)
    if targets == plan.targets:
        return plan
    left = replace(plan, targets=targets)
    gone = set(_links(plan)) - set(_links(left))
    return replace(left, targets=tuple(one for one in targets if one.exported or one.name not in gone))


def _links(plan: BuildPlan) -> Iterator[str]:
    exported = [build.name for build in plan.targets if build.exported]
    return reached(exported, before(plan.by_name))


def _linked(build: Build, plan: BuildPlan, engine: Engine) -> Build:
    contexts = build.settings.contexts or {}
    asked = taken_across(build, plan.directory) if any("::" in key for key in contexts) else {}
    dropped = {key for key in contexts if _of(key) in asked and not _is_taken(key, asked[_of(key)], build, engine)}
    if not dropped:
        return build
    kept = {key: value for key, value in contexts.items() if key not in dropped}
    gone = {contexts[key] for key in dropped} - set(kept.values())
    links = tuple(name for name in build.depends_on if f"{TARGET}{plan.by_name[name].bake_name}" not in gone)
    return replace(build, settings=build.settings.but({"contexts": kept}), depends_on=links)


def _of(key: str) -> str:
    """Return the context of which `NAME::PLATFORM` is the image for a platform."""
    return key.partition("::")[0] if "::" in key else ""


def _is_taken(key: str, asked: frozenset[str], build: Build, engine: Engine) -> bool:
    platform = key.partition("::")[2]
    if platform in build.platforms:
        return True
    own = next(iter(build.platforms), "")
    return platform in _wanted(asked, own, engine) and _node(platform, engine) == _node(own, engine)


def _wanted(asked: frozenset[str], platform: str, engine: Engine) -> set[str]:
    """Return what is asked for where a platform is built."""
    own = _own_platform(_node(platform, engine), engine) if platform else engine.own_platform
    return {own if one == OWN else one for one in asked}


def _node(platform: str, engine: Engine) -> str:
    return engine.builder.node_of(platform)


def _own_platform(name: str, engine: Engine) -> str:
    """Return the platform of a node: the first that it says it has."""
    node = next((one for one in engine.builder.nodes if one.name == name), None)
    return next(iter(node.platforms), engine.own_platform) if node else engine.own_platform


class Otherwise(NamedTuple):
    """What becomes of a target that is not given what its Dockerfile asks for: `built on tools for linux/arm64, …`.

    `warning` is said before it is built; None for what is only built on such a target.
    """

    words: str
    warning: Diagnostic | None = None


def taken_otherwise(plan: BuildPlan, engine: Engine, whole: BuildPlan | None = None) -> dict[str, Otherwise]:
    """Return the targets that are not given for another platform what they take for it, and all that is built on them.

    `whole` is the plan before links were left out: what it has, another node may build.
    """
    told: dict[str, Otherwise] = {}
    before = whole or plan
    for build in plan.targets:
        links = _across(build, plan, engine) if _may_lack(build, plan, before, engine) else ()
        lacking = next((one for one in links if one.platform in _declared(one.upon.target, before)), None)
        if lacking and build.target not in told:
            told[build.target] = _otherwise(lacking)
        upon = (plan.by_name[name].target for name in (*build.depends_on, *build.needs))
        if build.target not in told and (wrong := next((name for name in upon if name in told), "")):
            told[build.target] = Otherwise(f"built on {wrong}, which was {told[wrong].words}")
    return told


class _Link(NamedTuple):
    """What a Build takes for a platform, and is not given for it; `is_apart` says that it is built on several nodes."""

    build: Build
    upon: Build
    platform: str
    is_apart: bool


def _across(build: Build, plan: BuildPlan, engine: Engine) -> Iterator[_Link]:
    """Yield what a Build takes for platforms for which it is not given it, on one of its nodes."""
    nodes = {_node(platform, engine): platform for platform in build.platforms}
    for key, asked in taken_across(build, plan.directory).items():
        upon = plan.by_name[plan.keys_in_bake[(build.settings.contexts or {})[key].removeprefix(TARGET)]]
        given = _given(build, key, plan)
        for node, platform in nodes.items():
            here = {one for one in given if len(nodes) == 1 or _node(one, engine) == node}
            for other in sorted(_wanted(asked, platform, engine) - here):
                yield _Link(build, upon, other, is_apart=len(nodes) > 1)


def _may_lack(build: Build, plan: BuildPlan, before: BuildPlan, engine: Engine) -> bool:
    """Tell whether what a Build depends on has other platforms, or another node: else no Dockerfile need be read."""
    if not build.depends_on or not build.platforms:
        return False
    upon = (plan.by_name[name] for name in build.depends_on)
    is_apart = len({_node(platform, engine) for platform in build.platforms}) > 1
    return is_apart or any(_declared(one.target, before) != set(one.platforms) for one in upon)


def _given(build: Build, key: str, plan: BuildPlan) -> set[str]:
    """Return the platforms for which a context is handed on."""
    contexts = build.settings.contexts or {}
    own = plan.by_name[plan.keys_in_bake[contexts[key].removeprefix(TARGET)]].platforms
    return {*own, *(one.partition("::")[2] for one in contexts if _of(one) == key)}


def _declared(name: str, plan: BuildPlan) -> set[str]:
    """Return the platforms that a target has, built here or not; in a job, of what is built only for others, here."""
    whole = plan.of.by_name.get(name)
    known = [whole] if whole else plan.parts[name]
    return {platform for one in known for platform in (*one.platforms, *one.carried_over, *one.left_out)}


def _otherwise(link: _Link) -> Otherwise:
    build, upon, platform, is_apart = link
    takes = f"{build.name} takes {upon.target} for {platform}, by a FROM with --platform, and"
    if not is_apart:
        own = " ".join(upon.platforms)
        words = f"built on {upon.target} for {own}, which it takes for {platform}"
        message = f"{takes} gets it for {own}: no other is built with it"
        hint = f"build {platform} along with it, on the same node"
    else:
        words = f"built without {upon.target} for {platform}, which it takes and another node builds"
        message = f"{takes} another node builds that: it gets an image or a stage of that name, if there is one"
        hint = "use a builder of one node: --builder NAME"
    warning = Diagnostic(message=message, code="platform", place=build.place, hint=hint, severity="warning")
    return Otherwise(words, warning)
