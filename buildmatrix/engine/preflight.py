"""What `apply` makes sure of before it builds: everything at once, with what to do."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from buildmatrix.engine.buildx import Builder, Buildx, Probe
from buildmatrix.engine.checks import docker
from buildmatrix.engine.checks.every import CHECKS
from buildmatrix.engine.checks.model import Scene
from buildmatrix.errors import Diagnostic, EngineError, UsageError, and_more
from buildmatrix.plan.access.entitlements import entitlements_of, is_allowed
from buildmatrix.plan.checks.races import races_of
from buildmatrix.plan.model import Entitlement, Plan
from buildmatrix.process import Programs
from buildmatrix.records import dataclass


@dataclass(frozen=True, kw_only=True)
class Engine(Buildx):
    """What was found: the version of buildx, the builder, and what to say before the build begins.

    `own_platform` is what is built where a target declares none,
    "" if nobody knows; `insecure_registries` asks docker which ones the engine may ask without TLS.
    """

    builder: Builder
    warnings: tuple[Diagnostic, ...]
    own_platform: str = ""
    insecure_registries: Callable[[], frozenset[str]] = frozenset


def preflight(plan: Plan, *, allow: Iterable[str], probe: Probe, programs: Programs) -> Engine:
    """Return the engine; UsageError for what the command line lacks, EngineError for what the machine lacks."""
    refuse_not_allowed(plan, allow)
    scene = Scene(programs, probe, plan)
    try:
        version, found = scene.found
    except EngineError as error:
        raise EngineError(*(_mended(one, scene) for one in error.diagnostics)) from None
    verdicts = [check.look(scene) for check in CHECKS if check.of_run]
    if errors := [one for verdict in verdicts for one in verdict.errors]:
        raise EngineError(*errors)
    return Engine(
        buildx=version,
        builder=found,
        warnings=tuple(one for verdict in verdicts for one in verdict.warnings),
        program=probe.program(),
        own_platform=next(iter(found.nodes[0].platforms), "") or probe.own_platform(),
        insecure_registries=probe.insecure_registries if found.driver == "docker" else frozenset,
    )


def _mended(one: Diagnostic, scene: Scene) -> Diagnostic:
    """Return why there is no builder, with the command that the checks of it have for that."""
    looks = (docker.docker, docker.buildx, docker.engine, docker.context, docker.builder)
    told = (error for look in looks for error in look(scene).errors if error.command)
    is_same = (error for error in told if error.message == one.message or "docker context" in error.message)
    return replace(one, command=one.command or next((error.command for error in is_same), ""))


def refuse_not_allowed(plan: Plan, allow: Iterable[str]) -> None:
    """Raise UsageError for what the command line has to allow and does not, and for files that builds race for."""
    entitlements = entitlements_of(plan.each, plan.directory)  # again: a saved plan says what it likes
    if refused := [*not_allowed(entitlements, tuple(allow)), *races_of(plan.each, plan.directory)]:
        raise UsageError(*refused)


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


def loaded(plan: Plan, builder: Builder) -> str:
    """Return what the docker driver does with targets without output; "" for other builders, or if there are none."""
    silent = [target.name for target in plan.targets if target.leaves_nothing]
    if not silent or builder.driver != "docker":
        return ""
    return (
        f"{silent[0]}{and_more(len(silent), 'target')} has no output: this builder loads it into docker's image store"
    )
