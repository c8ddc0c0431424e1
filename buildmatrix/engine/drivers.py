"""What the builder that was found cannot do, whatever is built: known before the build, with the way out."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from buildmatrix.engine.buildx import Builder
from buildmatrix.errors import Diagnostic, Place
from buildmatrix.plan.builds import builds_of
from buildmatrix.plan.checks.exports import attests_by_default, lost_annotations, makes_index
from buildmatrix.plan.checks.parts import half_cache
from buildmatrix.plan.model import Plan, PlannedTarget
from buildmatrix.plan.outputs import pushes
from buildmatrix.spec.rows.caches import GhaCacheFrom, GhaCacheTo, InlineCacheTo
from buildmatrix.spec.rows.outputs import DockerOutput, ImageOutput, OciOutput, RegistryOutput, TarOutput

Found = tuple[PlannedTarget, tuple[str, int | str], str, str]
"""A target, the path of the setting, what is wrong, and what to do."""

OTHER = "docker buildx create --name other --driver docker-container, then --builder other"


def refused_settings(plan: Plan, builder: Builder, environment: Mapping[str, str]) -> list[Diagnostic]:
    """Return the settings that the builder refuses, or buildx by what its environment says; each place once."""
    attests = attests_by_default(environment)
    found: dict[Place, Diagnostic] = {}
    for target in plan.each:
        for owner, path, message, hint in _refused_of(target, builder, attests=attests):
            place = owner.place_of(*path)
            text = f"{owner.spoken(path[0])}: {message}"
            found.setdefault(place, Diagnostic(message=text, code="driver", place=place, hint=hint))
    return list(found.values())


def _refused_of(target: PlannedTarget, builder: Builder, *, attests: bool) -> Iterator[Found]:
    outputs: tuple[Any, ...] = (target.settings.output or ()) if target.exported else ()
    nodes = nodes_of(target.platforms, builder)
    for index, output in enumerate(outputs):
        where = ("output", index)
        if len(nodes) > 1 and isinstance(output, OciOutput | TarOutput | DockerOutput):
            message = f'a builder with several nodes ({", ".join(nodes)}) cannot write "{output.type}"'
            yield target, where, message, "use a builder of one node, or push it: several nodes write one image there"
        elif builder.driver == "docker" and pushes(output) and output.push_by_digest:
            yield target, where, "the docker driver cannot push by digest", OTHER
        elif loads_elsewhere(output, builder) or (not attests and isinstance(output, ImageOutput | RegistryOutput)):
            yield from _lost(target, index, output)
    for name, address in (target.settings.extra_hosts or {}).items():
        if "host-gateway" in address and builder.driver != "docker":
            message = f'host-gateway is known to the docker driver only, and builder "{builder.name}" has another'
            yield target, ("extra_hosts", name), message, "write the address, or use --builder default"


def loaded_over(plan: Plan, builder: Builder) -> Iterator[Diagnostic]:
    """Yield the targets whose parts the docker driver would load under one tag, one over the other.

    It loads what has no output, each part as an image of its own.
    """
    for builds in builds_of(plan).parts.values() if builder.driver == "docker" else ():
        first = builds[0]
        if len(builds) > 1 and first.tags and first.exported and not first.settings.output:
            message = (
                f"{first.target} is built for {' and '.join(' '.join(one.platforms) for one in builds)} apart, and "
                f'builder "{builder.name}" would load each as {first.tags[0]}, one over the other'
            )
            hint = f'push it (output = [{{ type = "registry" }}]), or build one: --platform {first.platforms[0]}'
            yield Diagnostic(message=message, code="driver", place=first.place, hint=hint)


def loads_elsewhere(output: Any, builder: Builder) -> bool:
    """Tell whether an image is loaded into the engine from a builder of its own: as an archive."""
    return isinstance(output, DockerOutput) and not output.dest and builder.driver != "docker"


def _lost(target: PlannedTarget, index: int, output: Any) -> Iterator[Found]:
    if not makes_index(target.settings, output, by_default=False):
        for fault in lost_annotations(target.settings, index):
            yield target, (str(fault.path[0]), fault.path[1]), fault.message, fault.hint


def nodes_of(platforms: Iterable[str], builder: Builder) -> list[str]:
    """Return the names of the nodes that build these platforms."""
    return sorted({node for platform in platforms if (node := builder.node_of(platform))})


def half_caches(plan: Plan, builder: Builder) -> Iterator[Diagnostic]:
    """Yield the caches of which only one node's part would be left: each node writes all of it, the last one wins."""
    said = {one.place for one in plan.warnings if one.code == "half-cache"}
    for target in plan.each:
        nodes = nodes_of(target.platforms, builder)
        for index, cache in enumerate(target.settings.cache_to or ()) if len(nodes) > 1 else ():
            place = target.place_of("cache_to", index)
            if isinstance(cache, InlineCacheTo) or place in said or not target.exported:
                continue
            said.add(place)
            yield half_cache(target, index, " and ".join(nodes), ", or a builder of one node")


def skipped_gha_caches(plan: Plan, environment: Mapping[str, str]) -> Iterator[Diagnostic]:
    """Yield a warning for the first cache of GitHub's that buildx passes over in silence, for want of GitHub's word.

    It takes a token and an address, from the cache's keys or from the environment (found with 0.29).
    """
    for target in plan.each:
        for attribute in ("cache_from", "cache_to"):
            for index, cache in enumerate(getattr(target.settings, attribute) or ()):
                if isinstance(cache, GhaCacheFrom | GhaCacheTo) and (lacking := _lacks(cache, environment)):
                    message = f"{target.spoken(attribute)}: buildx passes a gha cache over without {lacking}"
                    place = target.place_of(attribute, index)
                    yield Diagnostic(message=message, code="no-cache", place=place, hint=GITHUB, severity="warning")
                    return


GITHUB = (
    'GitHub gives that to actions, and to a step with "run" only behind "uses: crazy-max/ghaction-github-runtime@v4"\n'
    'elsewhere use another cache, such as type = "registry"'
)


def _lacks(cache: GhaCacheFrom | GhaCacheTo, environment: Mapping[str, str]) -> str:
    addresses = ("ACTIONS_RESULTS_URL", "ACTIONS_CACHE_URL")
    token = cache.token or environment.get("ACTIONS_RUNTIME_TOKEN")
    address = cache.url or cache.url_v2 or any(environment.get(name) for name in addresses)
    return " and ".join(
        name for name, there in (("ACTIONS_RUNTIME_TOKEN", token), (addresses[0], address)) if not there
    )
