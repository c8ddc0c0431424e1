"""The Builds of a saved plan, for the machines of a CI system: what it said is built, and nothing else.

What registries hold by now makes no difference: every job of a plan, and the one that joins what they have built, comes
to the same Builds.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace

from buildmatrix.graphs import reached
from buildmatrix.oci.image import Image
from buildmatrix.plan.builds import Build, BuildPlan, builds_of
from buildmatrix.plan.document.reviewed import Reviewed
from buildmatrix.plan.model import Plan
from buildmatrix.plan.publishing import pushed_tags
from buildmatrix.plan.runners import cut_by_runner, with_runners
from buildmatrix.state.decisions.decision import Decision
from buildmatrix.state.decisions.narrowed import as_decided

_SOME = Image(digest=f"sha256:{'0' * 64}", media_type="", body=b"")
"""Stands for an image that is kept, where it makes no difference which one that is."""


def assigned(plan: Plan, then: Reviewed | None) -> BuildPlan:
    """Return the Builds that jobs build, and those that only others depend on; `then` is what the plan said of inputs.

    Those that are `exported` have a job, the others are built with what depends on them. Of an incremental plan what it
    keeps is left out, and no Build depends on it.
    """
    cut = cut_by_runner(plan)
    decisions = planned_decisions(plan, then) if then else {}
    whole = builds_of(as_decided(cut, decisions, {})) if decisions else builds_of(cut)
    return left_to_jobs(whole, decisions)


def left_to_jobs(whole: BuildPlan, decisions: Mapping[str, Decision]) -> BuildPlan:
    """Return a plan as it was decided without what is kept, and what only that is made of; Builds know their machines.

    `whole` was cut by machines (see `cut_by_runner`).
    """
    kept = {name for name, one in decisions.items() if one.action == "skip"}
    built = [build.name for build in whole.targets if build.exported and build.target not in kept]
    needed = set(reached(built, lambda name: whole.by_name[name].depends_on))
    left = tuple(_upon(build, needed) for build in whole.targets if build.name in needed)
    return with_runners(replace(whole, targets=left))


def _upon(build: Build, needed: Collection[str]) -> Build:
    return replace(build, needs=tuple(name for name in build.needs if name in needed))


def planned_decisions(plan: Plan, then: Reviewed) -> dict[str, Decision]:
    """Return what an incremental plan said of each target that pushes tags; {} for one that builds everything."""
    if not then.incremental:
        return {}
    return {
        target.name: _decision(target.platforms or (then.platform,), then.inputs[target.name].built_for)
        for target in plan.targets
        if pushed_tags(target) and target.name in then.inputs
    }


def _decision(platforms: tuple[str, ...], built: tuple[str, ...]) -> Decision:
    if not built:
        return Decision(action="skip", because=(), image=_SOME)
    return Decision(action="build", because=(), platforms=() if set(built) >= set(platforms) else built)


def as_planned(found: Mapping[str, Decision], plan: Plan, then: Reviewed) -> dict[str, Decision]:
    """Return what a plan decided, with what is found now of it: the images that are kept, and why the rest is built.

    What need not be built any more is built: every machine of a plan, and the one that joins, comes to the same Builds.
    """
    return {name: _as_planned(one, found.get(name)) for name, one in planned_decisions(plan, then).items()}


def _as_planned(planned: Decision, now: Decision | None) -> Decision:
    if now is None or now.action == planned.action == "skip":
        return now or planned
    if now.action == "skip":
        return replace(planned, because=("the plan builds it",))
    return replace(planned, because=now.because, only=now.only, afresh=now.afresh, renewed=now.renewed)
