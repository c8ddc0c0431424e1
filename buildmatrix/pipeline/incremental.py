"""Making a plan smaller by what registries hold: fingerprints, decisions, and the plan that is left to be built."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from platform import machine

from buildmatrix.engine.registry import Registry
from buildmatrix.inputs.fingerprint import Fingerprints
from buildmatrix.lock.configs import configs
from buildmatrix.lock.pins import Pins
from buildmatrix.oci.platform import of_machine
from buildmatrix.pipeline.left import Reduced
from buildmatrix.pipeline.pinning import Pinning
from buildmatrix.plan.builds import builds_of
from buildmatrix.plan.checks.exports import attests_by_default
from buildmatrix.plan.model import Plan, PlannedTarget
from buildmatrix.plan.policy import Policy
from buildmatrix.plan.publishing import insecure_registries, pushed_tags
from buildmatrix.process import Programs
from buildmatrix.publish.tags import Tags
from buildmatrix.report.plan.fingerprints import Fingerprint, Part
from buildmatrix.state.deciding import Deciding
from buildmatrix.state.decision import Decision
from buildmatrix.state.marks import fingerprints_in
from buildmatrix.state.narrowed import as_decided
from buildmatrix.state.unchanged import kept


def reduced(
    plan: Plan, policy: Policy, fingerprints: Fingerprints, tags: Tags, environment: Mapping[str, str]
) -> Reduced:
    """Return what is left of a plan; `tags` have been looked at, `environment` is what bake will see."""
    decisions = Deciding(plan, policy, fingerprints.of, tags.of, tags.registry).decide(datetime.now(UTC))
    known = {name: fingerprints.of(name) for name in decisions}
    marks = {
        name: {**_carried(plan.by_name[name], tags), **one.fingerprints} for name, one in known.items() if not one.doubt
    }
    fingerprints.keep()
    executed = builds_of(as_decided(plan, decisions, marks, attests=attests_by_default(environment)))
    return Reduced(plan=executed, resumed=kept(executed, decisions), decisions=decisions)


def _carried(target: PlannedTarget, tags: Tags) -> dict[str, str]:
    """Return the fingerprints of platforms that `--platform` leaves to what the tags hold, as that image tells them."""
    if not target.carried_over:
        return {}
    found = [fingerprints_in(tags.of(tag)) for tag in pushed_tags(target)]
    if not found or any(one != found[0] for one in found):
        return {}
    return {name: mark for name, mark in found[0].items() if name in target.carried_over}


def fingerprints_of(
    plan: Plan,
    pins: Pins,
    registry: Registry,
    environment: Mapping[str, str],
    own: str,
    written: Collection[str] = (),
) -> Fingerprints:
    """Return what makes the fingerprints of a plan; `own` is the platform of what declares none.

    `written` are the paths that the run writes itself.
    """
    platforms = {own, *(name for target in plan.targets for name in target.platforms)}
    digests = {target.name: pins.of([target.name]) for target in plan.targets}
    known = configs(pins, registry, environment, platforms)
    locked = [pin.name for pin in pins.pins if pin.origin == "lock"]
    return Fingerprints(plan, digests, known, environment, own, written, locked)


def planned(policy: Policy, programs: Programs, tell: Callable[[str], object]) -> Plan:
    """Return a plan that says of each target whether it would be built, and why; registries are asked, docker is not.

    `tell` is told what is not known. What declares no platforms is taken for this machine's.
    """
    plan = policy.plan
    tags = Tags(plan, policy, programs, tell)
    found = _here(policy, programs, tags.registry, tell)
    tags.settle_alone()
    decisions = Deciding(plan, policy, found.of, tags.of, tags.registry).decide(datetime.now(UTC))
    found.keep()
    targets = (_decided(target, decisions.get(target.name)) for target in plan.targets)
    return replace(plan, targets=tuple(targets))


def fingerprints(
    policy: Policy, programs: Programs, tell: Callable[[str], object], *, explain: bool
) -> tuple[Fingerprint, ...]:
    """Return the fingerprints of a plan's targets, with what went into them where that is to be explained."""
    plan = policy.plan
    made = _here(policy, programs, Registry(programs, insecure_registries(plan)), tell)
    found = tuple(one for target in plan.targets for one in _of_target(target.name, made, explain=explain))
    made.keep()
    return found


def _here(policy: Policy, programs: Programs, registry: Registry, tell: Callable[[str], object]) -> Fingerprints:
    """Return what makes the fingerprints of a plan where no builder is asked: its own platform is this machine's."""
    pinning = Pinning(policy.plan, policy, programs.environment, registry)
    pins = pinning.settle(registry, own_images=False)
    for text in pinning.notes:
        tell(text)
    return fingerprints_of(policy.plan, pins, registry, programs.environment, of_machine("linux", machine()))


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


def _decided(target: PlannedTarget, decision: Decision | None) -> PlannedTarget:
    if decision is None:
        return target
    return replace(target, decision=decision.action, because=decision.because)
