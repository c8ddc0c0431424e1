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
from buildmatrix.plan.builds import Build, BuildPlan


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
    return reached(exported, lambda name: (*plan.by_name[name].depends_on, *plan.by_name[name].needs))


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
    return platform in _wanted(asked, build, engine) and _node(platform, engine) == _node(build.platforms[0], engine)


def _wanted(asked: frozenset[str], build: Build, engine: Engine) -> set[str]:
    own = _own_platform(_node(build.platforms[0], engine), engine) if build.platforms else engine.own_platform
    return {own if one == OWN else one for one in asked}


def _node(platform: str, engine: Engine) -> str:
    return engine.builder.node_of(platform)


def _own_platform(name: str, engine: Engine) -> str:
    """Return the platform of a node: the first that it says it has."""
    node = next((one for one in engine.builder.nodes if one.name == name), None)
    return next(iter(node.platforms), engine.own_platform) if node else engine.own_platform


class Otherwise(NamedTuple):
    """A Build that is given `upon` for other platforms than the one that its Dockerfile takes it for."""

    build: Build
    upon: Build
    platform: str

    @property
    def warning(self) -> Diagnostic:
        """What is said of it before it is built."""
        own = " ".join(self.upon.platforms)
        return Diagnostic(
            message=f"{self.build.name} takes {self.upon.target} for {self.platform}, by a FROM with --platform, and "
            f"gets it for {own}: no other is built with it",
            code="platform",
            place=self.build.place,
            hint=f"build {self.platform} along with it, on the same node",
            severity="warning",
        )

    @property
    def words(self) -> str:
        """What became of it: `built on tools for linux/arm64, which it takes for linux/amd64`."""
        return f"built on {self.upon.target} for {' '.join(self.upon.platforms)}, which it takes for {self.platform}"


def taken_otherwise(plan: BuildPlan, engine: Engine) -> dict[str, Otherwise]:
    """Return the targets of which a Build is given for its own platform what it takes for another one."""
    told: dict[str, Otherwise] = {}
    for build in (one for one in plan.targets if one.platforms and _is_upon_part(one, plan)):
        for key, asked in taken_across(build, plan.directory).items():
            upon = plan.by_name[plan.keys_in_bake[(build.settings.contexts or {})[key].removeprefix(TARGET)]]
            for platform in sorted(_wanted(asked, build, engine) - _given(build, key, plan)):
                if platform in _declared(upon.target, plan):
                    told.setdefault(build.target, Otherwise(build, upon, platform))
    return told


def _is_upon_part(build: Build, plan: BuildPlan) -> bool:
    """Tell whether there are other platforms of what a Build depends on: else no Dockerfile need be read."""
    upon = (plan.by_name[name] for name in build.depends_on)
    return any(_declared(one.target, plan) != set(one.platforms) for one in upon)


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
