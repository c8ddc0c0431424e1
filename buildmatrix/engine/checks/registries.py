"""Whether each registry of a plan answers, and takes what is to be pushed to it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from buildmatrix.engine.checks.config import config_faults
from buildmatrix.engine.checks.model import Scene, Verdict
from buildmatrix.errors import Diagnostic, Place, some
from buildmatrix.oci.answers import Unknown
from buildmatrix.oci.http.parallel import all_of
from buildmatrix.oci.reference import parse
from buildmatrix.plan.model import Plan, PlannedTarget
from buildmatrix.plan.outputs import pushes
from buildmatrix.spec.rows.caches import RegistryCacheTo

if TYPE_CHECKING:
    from buildmatrix.engine.registry import Registry


class _Written(NamedTuple):
    """Something that is pushed to: one name of it, and what says so."""

    reference: str
    place: Place | None


def registries(scene: Scene) -> Verdict:
    """Tell whether all that is pushed to answers (HEAD), and lets us upload: an upload is begun and cancelled."""
    if not scene.plan:
        return Verdict()
    from buildmatrix.engine.registry import Registry

    written = _written(scene.plan)
    if not written:
        return Verdict(words="nothing is pushed")
    builder = scene.answering
    insecure = scene.probe.insecure_registries() if builder and builder.driver == "docker" else ()
    registry = Registry(scene.programs, insecure)
    answers = all_of(lambda name: _answer(registry, written[name].reference), written)
    problems = [_problem(name, written[name], said, registry, scene) for name, said in answers.items() if said]
    fine = [name for name, said in answers.items() if not said]
    return Verdict(words=f"{some(fine, 8)} may be pushed to" if fine else "", problems=tuple(problems))


def _written(plan: Plan) -> dict[str, _Written]:
    """Return what is pushed to, by repository, each once."""
    found: dict[str, _Written] = {}
    for target in plan.each:
        for reference, place in _names(target):
            named = parse(reference)
            found.setdefault(f"{named.host}/{named.path}", _Written(reference, place))
    return found


def _names(target: PlannedTarget) -> Iterator[tuple[str, Place | None]]:
    outputs: tuple[Any, ...] = (target.settings.output or ()) if target.exported else ()
    for output in filter(pushes, outputs):
        given = getattr(output, "name", None)
        for name in given.split(",") if given else target.tags:
            yield name, target.place_of("output" if given else "tags")
    for index, cache in enumerate(target.settings.cache_to or ()):
        if isinstance(cache, RegistryCacheTo) and target.exported:
            yield cache.ref, target.place_of("cache_to", index)


def _answer(registry: "Registry", reference: str) -> Unknown | None:
    """Return why a repository cannot be used, None if it can; that it has no such tag is well."""
    if refused := registry.may_write(parse(reference).repository):
        return refused
    head = registry.head(reference)
    return head if isinstance(head, Unknown) else None


def _problem(name: str, one: _Written, said: Unknown, registry: "Registry", scene: Scene) -> Diagnostic:
    host = parse(one.reference).host
    message = f"{name} cannot be pushed to: {said.reason}"
    hint, command = "is it up, and can this machine reach it?", ""
    if said.refused:
        who = registry.who(host)
        hint, command = _login(host, who, scene)
    return Diagnostic(message=message, code="registry", place=one.place, hint=hint, command=command)


def _login(host: str, who: str, scene: Scene) -> tuple[str, str]:
    """Return what to do where a registry refuses, and the command."""
    if faults := config_faults(scene.programs):
        return "\n".join(text for one in faults for text in (one.message, one.hint)), ""
    words = f"nobody is logged in to {host}" if not who else f"logged in to {host} as {who}: that may not push there"
    if scene.probe.alone:
        return f"{words}\nlogins stand in docker's config.json, or in DOCKER_AUTH_CONFIG", ""
    return f"{words}\nlog in as somebody who may", f"docker login{'' if host == 'docker.io' else f' {host}'}"
