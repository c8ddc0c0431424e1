"""Whether the builder and this machine have what a plan asks for; without a plan nothing is asked for."""

from collections.abc import Iterator

from buildmatrix.dockerfile.reader import runs_programs
from buildmatrix.engine.buildx import Builder, Probe
from buildmatrix.engine.checks.model import Scene, Verdict, verdict
from buildmatrix.engine.checks.nodes import REMOTE
from buildmatrix.engine.drivers import half_caches, loaded_over, refused_settings, skipped_gha_caches
from buildmatrix.engine.emulation import platform_hint, qemu
from buildmatrix.engine.secrets import secrets_of
from buildmatrix.errors import Diagnostic, and_more
from buildmatrix.plan.access.reach import text_of
from buildmatrix.plan.checks.values import Annotation, annotations
from buildmatrix.plan.model import Plan, PlannedTarget
from buildmatrix.plan.outputs import builds
from buildmatrix.spec.rows.caches import InlineCacheTo
from buildmatrix.spec.rows.outputs import DockerOutput, OciOutput


def secrets(scene: Scene) -> Verdict:
    """Tell whether the secrets, keys and agents of the plan are here."""
    if not scene.plan:
        return Verdict()
    asked = any(target.settings.secret or target.settings.ssh for target in scene.plan.each)
    return verdict(secrets_of(scene.plan, scene.programs), fine="they are here" if asked else "none are asked for")


def platforms(scene: Scene) -> Verdict:
    """Tell whether the builder can run what the plan runs: a platform that no node has is fine if nothing runs."""
    if not scene.plan:
        return Verdict()
    builder = scene.builder
    if not builder.platforms and builder.driver == REMOTE:
        return Verdict(unknown="the builder does not answer")
    if not builder.platforms:
        start = f"{scene.probe.command} inspect --bootstrap {builder.name}"
        return Verdict(unknown=f'builder "{builder.name}" has not started yet: {start}')
    return verdict(_platforms(scene.plan, builder, scene), fine="the builder runs what the plan runs")


def image_store(scene: Scene) -> Verdict:
    """Tell whether the engine can keep what the docker driver is asked for."""
    builder = scene.builder
    words = _kept(builder, scene.probe) if scene.tells else ""
    return verdict(_store(scene.plan, builder, scene.probe) if scene.plan else (), words=words)


def driver(scene: Scene) -> Verdict:
    """Tell which settings of the plan this builder refuses, or does half."""
    if not scene.plan:
        return Verdict()
    plan, builder, environment = scene.plan, scene.builder, scene.programs.environment
    return verdict(
        refused_settings(plan, builder, environment),
        loaded_over(plan, builder),
        _only_cached(plan, builder),
        half_caches(plan, builder),
        skipped_gha_caches(plan, environment),
        fine="it can do what the plan asks for",
    )


def _platforms(plan: Plan, builder: Builder, scene: Scene) -> list[Diagnostic]:
    known = builder.platforms
    lacking: dict[str, PlannedTarget] = {}
    for target in plan.each:
        for platform in target.platforms:
            passed = platform in known or platform in lacking or platform == "local"
            if not passed and _runs(target, plan, platform):
                lacking[platform] = target
    return [_lacking(platform, target, builder, alone=scene.probe.alone) for platform, target in lacking.items()]


def _runs(target: PlannedTarget, plan: Plan, platform: str) -> bool:
    """Whether the Dockerfile runs programs of a platform; one that cannot be read here is left to the build."""
    settings, text = target.settings, text_of(target, plan.directory)
    return builds(settings) and runs_programs(text, settings.target, platform, settings.args or {})


def _lacking(platform: str, target: PlannedTarget, builder: Builder, *, alone: str) -> Diagnostic:
    return Diagnostic(
        message=f'no builder node can make {platform} for {target.name} (builder "{builder.name}": '
        f"{', '.join(sorted(builder.platforms))})",
        code="platform",
        place=target.place_of("platforms"),
        hint=platform_hint(platform, target, builder),
        command="" if alone else qemu(platform, builder),
    )


def _kept(builder: Builder, probe: Probe) -> str:
    """Return where images are kept."""
    if builder.driver != "docker":
        return f'builder "{builder.name}" ({builder.driver}) keeps its own'
    known = {True: "containerd's", False: "the engine's old one: images of one platform only", None: "not known"}
    return known[probe.has_containerd_store(builder)]


def _store(plan: Plan, builder: Builder, probe: Probe) -> list[Diagnostic]:
    """The docker driver keeps images of several platforms, and writes OCI archives, only with containerd's store."""
    if builder.driver != "docker":
        return []
    needs = [target for target in plan.targets if len(target.platforms) > 1 or _wants_store(target)]
    if not needs or probe.has_containerd_store(builder) is not False:  # None: nobody can tell
        return []
    message = f"{needs[0].name} needs more than the docker driver can do with the engine's old image store"
    hint = (
        "switch the engine to containerd's store (docs.docker.com/engine/storage/containerd)\n"
        "or use another driver: docker buildx create --name many --driver docker-container, then --builder many"
    )
    command = "docker buildx create --name many --driver docker-container --use"
    place = needs[0].place_of("platforms")
    return [Diagnostic(message=message, code="store", place=place, hint=hint, command=command)]


def _wants_store(target: PlannedTarget) -> bool:
    outputs = target.settings.output or ()
    archive = any(
        isinstance(output, OciOutput) or (isinstance(output, DockerOutput) and output.dest) for output in outputs
    )
    caches = any(not isinstance(cache, InlineCacheTo) for cache in target.settings.cache_to or ())
    indexes = any(isinstance(one, Annotation) and one.is_index for one in annotations(target.settings))
    return archive or caches or indexes or bool(target.settings.attest)


def _only_cached(plan: Plan, builder: Builder) -> Iterator[Diagnostic]:
    """With every driver but docker's, which loads it, a target without output stays in the builder's cache."""
    if builder.driver == "docker":
        return
    silent = {target.declared: target for target in reversed(plan.targets) if target.leaves_nothing}
    if found := list(reversed(silent.values())):
        who = f"{found[0].name}{and_more(len(found), 'target')}"
        message = f'{who} has no output: it will stay in the cache of builder "{builder.name}"'
        hint = "add output, --push or --load"
        yield Diagnostic(message=message, code="no-output", place=found[0].place, hint=hint, severity="warning")
