"""What `apply --resume` need not build again, and why it builds the rest: wherever there is a doubt, it builds."""

from collections.abc import Iterator, Mapping

from buildmatrix.engine.outcome import BuildOutcome
from buildmatrix.plan.builds import Build, BuildPlan
from buildmatrix.plan.model import Plan
from buildmatrix.plan.outputs import builds
from buildmatrix.spec.rows.shapes import given
from buildmatrix.state.present import Present
from buildmatrix.state.record import KEPT, ResultFile, left_of
from buildmatrix.state.result import Entry
from buildmatrix.state.unchanged import Resumed, only_for, unchanged_of

SHOWN = len("sha256:") + 12
"""Characters of a digest that are shown."""


def resumed(plan: BuildPlan, result: ResultFile, present: Present, *, pull: bool) -> Resumed:
    """Decide; with `pull` newer bases are wanted, and nothing holds still. StaleError if the result cannot be used."""
    known = result.known()
    reasons = {}
    left = {}
    for target in plan.targets:
        if target.exported and builds(target.settings) and (entry := known.get(target.name)):
            if reason := _changed(target.name, entry, result, pull=pull):
                reasons[target.name] = reason
            else:
                left[target.name] = left_of(entry)
    reasons |= present.doubts(left)
    reasons |= dict(_follow(plan, set(left) - set(reasons), reasons))
    found = {name: _outcome(plan.by_name[name], known[name]) for name in left if name not in reasons}
    spared = {name: _outcome(plan.by_name[name]) for name in only_for(plan, found)}
    return Resumed(unchanged=found | spared, reasons=reasons)


def _changed(name: str, entry: Entry, result: ResultFile, *, pull: bool) -> str:
    if pull:
        return "newer base images are asked for"
    if entry.status not in {"built", "cached"}:
        return "the last run did not build it"
    if doubt := result.fingerprints.doubt(name):
        return doubt
    if not entry.fingerprint or not (now := result.fingerprints.of(name)):
        return "its files changed as a run began"
    if entry.fingerprint != now:
        return f"{result.asked}its definition or its files changed"
    return _moved(entry.pins or {}, result.pins.get(name, {}))


def _moved(then: Mapping[str, str], now: Mapping[str, str]) -> str:
    """Return which external image has another digest now, "" for none of which both are known."""
    found = (name for name in sorted(then) if now.get(name, then[name]) != then[name])
    name = next(found, "")
    return name and f"{name} moved from {then[name][:SHOWN]} to {now[name][:SHOWN]}"


def _follow(plan: Plan, holding: set[str], reasons: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield what is built since something that it needs, or depends on, is; the plan's order has that first.

    What is only a dependency is in the fingerprint of those upon it, and a question (`call`) changes nothing.
    """
    again: dict[str, str] = dict(reasons)
    for target in plan.targets:
        if target.name in again:
            continue
        before = (
            name for name in (*target.depends_on, *target.needs) if name in again or _is_fresh(plan, name, holding)
        )
        if culprit := next(before, ""):
            how = "needs" if culprit in target.needs else "depends on"
            again[target.name] = f"{culprit}, which it {how}, is built again"
            yield target.name, again[target.name]


def _is_fresh(plan: Plan, name: str, holding: set[str]) -> bool:
    target = plan.by_name[name]
    return target.exported and builds(target.settings) and name not in holding


def _outcome(target: Build, entry: Entry | None = None) -> BuildOutcome:
    known = given(entry) if entry else {}
    values = {"tags": (), **{key: known[key] for key in KEPT if key in known and key != "seconds"}}  # of another run
    return unchanged_of(target, "an earlier run built it, and nothing changed since", values)
