"""What need not be built: the outcomes that hold still, and why the rest is built."""

from collections.abc import Container, Iterator, Mapping
from dataclasses import field
from typing import Any

from buildmatrix.engine.outcome import BuildOutcome
from buildmatrix.oci.reference import parse
from buildmatrix.plan.builds import Build, BuildPlan
from buildmatrix.plan.model import Plan
from buildmatrix.plan.publishing import pushed_tags
from buildmatrix.records import dataclass
from buildmatrix.state.decisions.decision import Decision


@dataclass(frozen=True, kw_only=True)
class Resumed:
    """The outcomes of earlier runs that hold still, and why the other targets are built, where that is known."""

    unchanged: Mapping[str, BuildOutcome] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)


NOTHING = Resumed()


def kept(plan: BuildPlan, decisions: Mapping[str, Decision]) -> Resumed:
    """Return what was decided of a plan's Builds, whose targets they are decided by."""
    found: dict[str, BuildOutcome] = {}
    for build in plan.targets:
        decision = decisions.get(build.target)
        if decision and decision.action == "skip" and decision.image:
            right = [tag for tag in pushed_tags(build) if tag not in decision.moves]
            tags = tuple(tag for tag in build.tags if parse(tag).full in {parse(one).full for one in right})
            values = {"digest": decision.image.digest, "tags": tags or tuple(right)}
            found[build.name] = unchanged_of(build, "; ".join(decision.because), values)
    spared = {name: unchanged_of(plan.by_name[name], ONLY_FOR, {"tags": ()}) for name in only_for(plan, found)}
    reasons = {
        build.name: "; ".join(decisions[build.target].because_of(build.platforms))
        for build in plan.targets
        if build.name not in found and build.target in decisions
    }
    return Resumed(unchanged=found | spared, reasons=reasons)


ONLY_FOR = "nothing that is built depends on it"


def unchanged_of(build: Build, reason: str, values: Mapping[str, Any]) -> BuildOutcome:
    """Return the outcome of what is not built since it is there; `values` are what is known of that."""
    return BuildOutcome(
        name=build.name,
        target=build.target,
        declared=build.declared,
        status="unchanged",
        exported=build.exported,
        platforms=build.platforms,
        tags_left_to=build.tags_left_to,
        depends_on=build.depends_on,
        needs=build.needs,
        reason=reason,
        **values,
    )


def only_for(plan: Plan, unchanged: Container[str]) -> Iterator[str]:
    """Yield what is built only for targets that are unchanged."""
    needed = {target.name for target in plan.targets if target.exported and target.name not in unchanged}
    for target in reversed(plan.targets):
        if target.name in needed:
            needed.update(target.depends_on)
        elif target.name not in unchanged:
            yield target.name
