"""Making a plan smaller by what registries hold: fingerprints, decisions, and the plan that is left to be built."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache, partial
from platform import machine

from buildmatrix.engine.buildx import Builder, Probe
from buildmatrix.engine.registry import Registry
from buildmatrix.errors import Diagnostic
from buildmatrix.inputs.fingerprint import Fingerprints
from buildmatrix.inputs.local import Aside
from buildmatrix.lock.pins import Pins
from buildmatrix.oci.platform import of_machine
from buildmatrix.pipeline.pinning import Pinning
from buildmatrix.pipeline.run.fingerprints import fingerprints_of
from buildmatrix.pipeline.run.left import Reduced
from buildmatrix.pipeline.run.recorded import by_records, elsewhere, entries_of, remembered, telling_of
from buildmatrix.plan.access.absent import without_absent
from buildmatrix.plan.builds import builds_of
from buildmatrix.plan.checks.exports import attests_by_default
from buildmatrix.plan.model import Plan, PlannedTarget
from buildmatrix.plan.policy import Policy
from buildmatrix.plan.publishing import insecure_registries
from buildmatrix.process import Programs
from buildmatrix.publish.shrink import SHRUNK, shrunk
from buildmatrix.publish.tags import Tags
from buildmatrix.records import dataclass
from buildmatrix.report.plan.fingerprints import Fingerprint, Part
from buildmatrix.state.decisions.deciding import Deciding
from buildmatrix.state.decisions.decision import Decision
from buildmatrix.state.decisions.narrowed import as_decided, kept_whole, unsure
from buildmatrix.state.decisions.unchanged import Resumed, kept
from buildmatrix.state.images.carried import notes_of
from buildmatrix.state.images.telling import Telling
from buildmatrix.state.present import Present
from buildmatrix.state.record import ResultFile
from buildmatrix.state.resume import resumed


@dataclass(frozen=True, kw_only=True)
class Looked:
    """A plan with what registries say of it: `decisions` are there with `--incremental` only."""

    plan: Plan
    pins: Pins
    fingerprints: Fingerprints
    decisions: Mapping[str, Decision]


@dataclass(frozen=True, kw_only=True)
class Planned:
    """What a saved plan has decided for several machines: of the targets that are `asked` for here is looked again.

    `settle` takes what was found, and returns what all of them go by. What is needed first is handed on by its digest.
    """

    asked: Plan
    settle: Callable[[Mapping[str, Decision]], Mapping[str, Decision]]


def reduced(  # noqa: PLR0913 what is known of a plan
    plan: Plan,
    policy: Policy,
    fingerprints: Fingerprints,
    tags: Tags,
    environment: Mapping[str, str],
    telling: Telling,
    elsewhere: Mapping[str, str],
    *,
    is_shown: bool = False,
    planned: Planned | None = None,
    cut: Callable[[Plan], Plan] = lambda plan: plan,
) -> Reduced:
    """Return what is left of a plan; `tags` have been looked at, `environment` is what bake will see.

    `telling` says what changed, `elsewhere` why what targets wrote beside their tags will not do. What only `is_shown`
    leaves nothing behind. What was `planned` is held to by each of several machines; `cut` cuts what is decided.
    """
    asked = planned.asked if planned else plan
    deciding = Deciding(asked, policy, fingerprints.of, tags.of, tags.registry, tags.below, telling)
    decisions: Mapping[str, Decision] = deciding.decide(datetime.now(UTC), elsewhere)
    decisions = planned.settle(decisions) if planned else decisions
    late = [one.name for one in plan.targets if policy.together(one)]
    here = asked.by_name.keys() & decisions.keys()
    doubted = {name for name in here if fingerprints.of(name).doubt}
    doubted |= set() if planned else unsure(plan, decisions, late)
    built = [name for name in decisions if name in here - doubted and decisions[name].action == "build"]
    notes = {
        name: {**notes_of(fingerprints.of(name).fingerprints, telling.summary(name)), **deciding.note(name)}
        for name in built
    }
    if not is_shown:
        telling.keep(built)
    fingerprints.keep()
    decided = cut(as_decided(plan, decisions, notes, attests=attests_by_default(environment)))
    executed = builds_of(kept_whole(decided, decisions))
    return Reduced(plan=executed, resumed=kept(executed, decisions), decisions=decisions)


def planned(policy: Policy, programs: Programs, tell: Callable[[str], object], written: Collection[str] = ()) -> Looked:
    """Return what registries say of a plan. What declares no platforms is for this machine's.

    With `--incremental` the plan says of each target whether it would be built, and why; docker is asked only of what
    nobody else can tell. `tell` is told what is not known, `written` are the paths that are written.
    """
    plan, whole = without_absent(policy.plan, programs.environment, outside=False), policy.plan
    policy = replace(policy, plan=plan)
    tags = Tags(plan, policy, programs, tell) if policy.incremental else None
    registry = tags.registry if tags else Registry(programs, insecure_registries(plan))
    pins, found = _here(policy, programs, registry, tell, written)
    digests = {pin.name: pin.digest for pin in pins.pins if pin.digest}
    whole = replace(whole, pins=digests)
    if tags is None:
        return Looked(plan=whole, pins=pins, fingerprints=found, decisions={})
    tags.settle_alone()
    left, again = _left(policy, programs, tags, found, ResultFile(builds_of(plan), written), tell)
    targets = (_decided(target, left, again) for target in whole.targets)
    whole = replace(whole, targets=tuple(targets), warnings=(*whole.warnings, *_refused(left, policy, tags)))
    return Looked(plan=whole, pins=pins, fingerprints=found, decisions=left.decisions)


def _refused(left: Reduced, policy: Policy, tags: Tags) -> Iterator[Diagnostic]:
    """Yield a warning for what registries have and `apply` would therefore refuse."""
    for one in shrunk(left.pushed, policy, tags, own_platform()):
        if one.code == SHRUNK:
            yield replace(one, message=f"apply would be refused: {one.message}", severity="warning")


def _left(
    policy: Policy,
    programs: Programs,
    tags: Tags,
    found: Fingerprints,
    result: ResultFile,
    tell: Callable[[str], object],
) -> tuple[Reduced, Resumed]:
    """Return what is left of a plan by what registries hold, and by what the last run left here."""
    builds = builds_of(policy.plan)
    where = cache(partial(_builder, programs, policy.builder))
    present = Present(builds, where, programs, tags.registry)
    entries = entries_of(result, policy, tell)
    telling = telling_of(policy.plan, found, entries, tags.registry, programs.environment)
    last = remembered(builds, policy, entries, found, present, telling=telling)
    beside = elsewhere(builds, policy, last)
    left = reduced(policy.plan, policy, found, tags, programs.environment, telling, beside, is_shown=True)
    present = Present(left.plan, where, programs, tags.registry)
    wants = by_records(policy, left.decisions)
    return left, resumed(left.plan, replace(last, present=present), left.resumed, wants=wants)


def _builder(programs: Programs, name: str | None) -> Builder:
    """Return the builder that bake would use; EngineError if docker does not tell."""
    with Probe(programs, name) as probe:
        return probe.look()[1]


def fingerprints(
    policy: Policy, programs: Programs, tell: Callable[[str], object], *, explain: bool
) -> tuple[Fingerprint, ...]:
    """Return the fingerprints of the selected targets, with what went into them where that is to be explained."""
    plan = without_absent(policy.plan, programs.environment, outside=False)
    policy = replace(policy, plan=plan)
    _, made = _here(policy, programs, Registry(programs, insecure_registries(plan)), tell)
    selected = [target.name for target in plan.targets if target.reason.kind == "selected"]
    found = tuple(one for name in selected for one in _of_target(name, made, explain=explain))
    made.keep()
    return found


def own_platform() -> str:
    """Return the platform of targets that declare none, where no builder is asked: this machine's."""
    return of_machine("linux", machine())


def _here(
    policy: Policy,
    programs: Programs,
    registry: Registry,
    tell: Callable[[str], object],
    written: Collection[str] = (),
) -> tuple[Pins, Fingerprints]:
    """Return the pins of a plan, and what makes its fingerprints, where no builder is asked."""
    pinning = Pinning(policy.plan, policy, programs.environment, registry)
    pins = pinning.settle(registry, own_images=False, tell=lambda text: tell(f"{text} …"))
    for text in pinning.notes:
        tell(text)
    aside = Aside(written, ResultFile(builds_of(policy.plan), written).made)
    made = fingerprints_of(policy.plan, pins, registry, programs.environment, own_platform(), aside)
    return pins, made


def _of_target(name: str, made: Fingerprints, *, explain: bool) -> Iterator[Fingerprint]:
    known = made.of(name)
    if known.doubt:
        yield Fingerprint(target=name, platform="", fingerprint="", doubt=known.doubt)
    for platform, digest in known.fingerprints.items():
        parts = known.parts[platform] if explain else ()
        told = tuple(_explained(part, made.explained(name, platform, part[0])) for part in parts)
        yield Fingerprint(target=name, platform=platform, fingerprint=digest, parts=told)


def _explained(part: tuple[str, str], within: tuple[tuple[str, str], ...]) -> Part:
    name, value = part
    return Part(name=name, value=value, within=tuple(Part(name=one, value=what) for one, what in within))


def _decided(target: PlannedTarget, left: Reduced, again: Resumed) -> PlannedTarget:
    if decision := left.decisions.get(target.name):
        return replace(target, decision=decision.action, because=decision.because, moves=decision.moves)
    parts = [build.name for build in left.plan.parts[target.name]]
    found = [again.unchanged[name].reason for name in parts if name in again.unchanged]
    if len(found) == len(parts):
        return replace(target, decision="skip", because=tuple(dict.fromkeys(found)))
    why = dict.fromkeys(again.reasons[name] for name in parts if name in again.reasons)
    if not why and not target.exported:
        built = [one.name for one in left.plan.targets if one.name not in again.unchanged]
        why = dict.fromkeys(
            f"{left.plan.by_name[name].target}, which is built, depends on it"
            for name in built
            if not set(left.plan.by_name[name].depends_on).isdisjoint(parts)
        )
    return replace(target, decision="build", because=tuple(why)) if why else target
