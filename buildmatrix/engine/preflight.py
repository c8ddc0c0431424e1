"""What `apply` makes sure of before it builds: everything at once, with what to do."""

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from buildmatrix.dockerfile.reader import runs_programs
from buildmatrix.engine.buildx import BUILDX, Builder, Probe
from buildmatrix.engine.drivers import half_caches, refused_settings, skipped_gha_caches
from buildmatrix.engine.emulation import platform_hint
from buildmatrix.engine.secrets import secrets_of
from buildmatrix.engine.versions import gate_found
from buildmatrix.errors import Diagnostic, EngineError, UsageError, and_more
from buildmatrix.plan.access.entitlements import entitlements_of, is_allowed
from buildmatrix.plan.access.reach import text_of
from buildmatrix.plan.checks.races import races_of
from buildmatrix.plan.checks.values import Annotation, annotations
from buildmatrix.plan.model import Entitlement, Plan, PlannedTarget
from buildmatrix.plan.outputs import builds
from buildmatrix.process import Programs
from buildmatrix.records import dataclass
from buildmatrix.spec.rows.caches import InlineCacheTo
from buildmatrix.spec.rows.settings import DockerOutput, OciOutput

if TYPE_CHECKING:
    from packaging.version import Version


@dataclass(frozen=True, kw_only=True)
class Engine:
    """What was found: the version of buildx, the builder, and what to say before the build begins.

    `program` is the command to which those of `docker buildx` are given: the plugin itself where docker has told its
    path, since docker starts it twice for each command. `own_platform` is what is built where a target declares none,
    "" if nobody knows; `insecure_registries` asks docker which ones the engine may ask without TLS.
    """

    buildx: "Version"
    builder: Builder
    warnings: tuple[Diagnostic, ...]
    program: tuple[str, ...] = BUILDX
    own_platform: str = ""
    insecure_registries: Callable[[], frozenset[str]] = frozenset


def preflight(plan: Plan, *, allow: Iterable[str], probe: Probe, programs: Programs) -> Engine:
    """Return the engine; UsageError for what the command line lacks, EngineError for what the machine lacks."""
    entitlements = entitlements_of(plan.targets, plan.directory)  # again: a saved plan says what it likes
    if refused := [*not_allowed(entitlements, tuple(allow)), *races_of(plan.targets, plan.directory)]:
        raise UsageError(*refused)
    version, found = probe.look()
    problems = gate_found(plan, version)
    problems += _temporary(programs.environment)
    problems += secrets_of(plan, programs)
    problems += _platforms(plan, found)
    problems += _store(plan, found, probe)
    problems += refused_settings(plan, found, programs.environment)
    if problems:
        raise EngineError(*problems)
    return Engine(
        buildx=version,
        builder=found,
        warnings=(
            *_only_cached(plan, found),
            *half_caches(plan, found),
            *skipped_gha_caches(plan, programs.environment),
        ),
        program=probe.program(),
        own_platform=next(iter(found.nodes[0].platforms), "") or probe.own_platform(),
        insecure_registries=probe.insecure_registries if found.driver == "docker" else frozenset,
    )


def _temporary(environment: Mapping[str, str]) -> Iterator[Diagnostic]:
    """Yield what is wrong with TMPDIR: buildx has no other directory for what it writes meanwhile."""
    folder = environment.get("TMPDIR")
    if not folder:
        return
    try:
        with tempfile.TemporaryFile(dir=folder):
            return
    except (FileNotFoundError, NotADirectoryError):
        why = "is not a directory"
    except OSError as error:
        why = f"cannot be written: {error.strerror}"
    hint = "set the variable to a directory that can be written, or unset it"
    yield Diagnostic(message=f"TMPDIR is {folder}, which {why}", code="disk", hint=hint)


def not_allowed(entitlements: Iterable[Entitlement], allowed: Iterable[str]) -> Iterator[Diagnostic]:
    """Yield a refusal for each entitlement that only the command line can give, and does not."""
    for entitlement in entitlements:
        if not entitlement.automatic and not is_allowed(entitlement.value, allowed):
            message = f"{entitlement.target} needs {entitlement.value}, which apply has to allow"
            what = (
                "its output may lie over hooks and settings that git obeys"
                if entitlement.value.endswith("/.git")
                else ""
            )
            hint = f"{what or 'read what it does'}, then add --allow={entitlement.value}"
            yield Diagnostic(message=message, code="allow", place=entitlement.place, hint=hint)


def _platforms(plan: Plan, builder: Builder) -> list[Diagnostic]:
    """A platform that no node has is fine as long as nothing of that platform has to run."""
    known = builder.platforms
    if not known:
        return []
    lacking: dict[str, PlannedTarget] = {}
    for target in plan.targets:
        for platform in target.platforms:
            passed = platform in known or platform in lacking or platform == "local"
            if not passed and _runs(target, plan, platform):
                lacking[platform] = target
    return [_lacking(platform, target, builder) for platform, target in lacking.items()]


def _runs(target: PlannedTarget, plan: Plan, platform: str) -> bool:
    """Whether the Dockerfile runs programs of a platform; one that cannot be read here is left to the build."""
    settings, text = target.settings, text_of(target, plan.directory)
    return builds(settings) and runs_programs(text, settings.target, platform, settings.args or {})


def _lacking(platform: str, target: PlannedTarget, builder: Builder) -> Diagnostic:
    return Diagnostic(
        message=f'no builder node can make {platform} for {target.name} (builder "{builder.name}": '
        f"{', '.join(sorted(builder.platforms))})",
        code="platform",
        place=target.place_of("platforms"),
        hint=platform_hint(platform, target, builder),
    )


def _store(plan: Plan, builder: Builder, probe: Probe) -> list[Diagnostic]:
    """The docker driver keeps images of several platforms, and writes OCI archives, only with containerd's store."""
    if builder.driver != "docker":
        return []
    needs = [target for target in plan.targets if len(target.platforms) > 1 or _wants_store(target)]
    if not needs or probe.has_containerd_store(builder):
        return []
    message = f"{needs[0].name} needs more than the docker driver can do with the engine's old image store"
    hint = (
        "switch the engine to containerd's store (docs.docker.com/engine/storage/containerd)\n"
        "or use another driver: docker buildx create --name many --driver docker-container, then --builder many"
    )
    return [Diagnostic(message=message, code="store", place=needs[0].place_of("platforms"), hint=hint)]


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
