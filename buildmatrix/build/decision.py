"""What a failed call means: whose failure it is, what is tried again, and what goes on. Data in, data out."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import field
from typing import Literal

from buildmatrix.engine.outcome import Status
from buildmatrix.plan.bakefile import with_links
from buildmatrix.plan.model import Plan, PlannedTarget
from buildmatrix.plan.outputs import builds
from buildmatrix.records import dataclass

LOST = frozenset[Status]({"failed", "stopped", "skipped"})

Fate = Literal["lost", "stopped", "again"]
"""What becomes of a target that a failure of another one interrupted: what it needs is lost, or it is ended with all
that runs, or it is built again at once."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A call that failed, and how the run stands.

    `names` are the call's, `target` is whose failure bake says it is, "" where it says nobody's. `ended` tells what
    became of targets so far, `begun` which of the call run, `retries` how often each may be tried again. `closed` says
    that nothing new is started, `interrupted` that ^C ended the run.
    """

    plan: Plan
    names: tuple[str, ...]
    alone: bool = False
    attempt: int = 1
    target: str = ""
    may_pass: bool = False
    is_hiccup: bool = False
    ended: Mapping[str, Status] = field(default_factory=dict)
    begun: frozenset[str] = frozenset()
    retries: Mapping[str, int] = field(default_factory=dict)
    keep_going: bool = False
    fail_fast: bool = False
    closed: bool = False
    interrupted: bool = False

    @property
    def left(self) -> tuple[str, ...]:
        """What of the call has not ended."""
        return tuple(name for name in self.names if name not in self.ended)


@dataclass(frozen=True, kw_only=True)
class Retry:
    """Targets that are built again by one call, after a wait; `alone` as in the call."""

    names: tuple[str, ...]
    alone: bool


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What a failed call means.

    `blamed` have failed, for this attempt if there are `retries`, else for good. `others` of the call meet their fates;
    what is lost has in `culprits` the nearest target that it depends on and that is not there. What is in neither was
    not begun and is not started any more.
    """

    blamed: tuple[str, ...]
    retries: tuple[Retry, ...]
    others: Mapping[str, Fate]
    culprits: Mapping[str, str]

    @property
    def again(self) -> tuple[str, ...]:
        """What is built again at once, since another one's failure interrupted it."""
        return tuple(name for name, fate in self.others.items() if fate == "again")


def decide(case: Case) -> Decision:
    """Decide what a failed call means."""
    blamed = tuple(name for name in _blamed(case) if name not in case.ended)
    retries = _retries(case, blamed) if _may_try_again(case, blamed) else ()
    gone = {name for name, status in case.ended.items() if status in LOST}
    lost = lost_upon(case.plan, gone if retries else gone.union(blamed))
    taken = {*blamed, *(name for retry in retries for name in retry.names)}
    closed = case.closed or not (retries or case.keep_going)
    fates = {name: _fate(name, case, lost, closed=closed) for name in case.left if name not in taken}
    return Decision(
        blamed=blamed,
        retries=retries,
        others={name: fate for name, fate in fates.items() if fate},
        culprits={name: lost[name] for name, fate in fates.items() if fate == "lost"},
    )


def _blamed(case: Case) -> Sequence[str]:
    """Return whose failure it is: one that was only to be asked something (`call`) failed for those upon it."""
    failed = case.target
    if failed and (failed in case.names or builds(case.plan.by_name[failed].settings)):
        return [failed]
    return [name for name in case.left if not failed or failed in _within(case.plan, name)]


def _within(plan: Plan, name: str) -> set[str]:
    return {target.name for target in with_links(plan, [name])}


def _may_try_again(case: Case, blamed: Collection[str]) -> bool:
    least = 1 if case.is_hiccup else 0
    left = all(max(least, case.retries.get(name, 0)) >= case.attempt for name in blamed)
    return bool(blamed and case.left) and left and case.may_pass and not case.interrupted


def _retries(case: Case, blamed: Collection[str]) -> tuple[Retry, ...]:
    """Return what is tried again: the call as it was where all of it failed, else each that did, by itself."""
    if set(blamed).isdisjoint(case.left) or set(blamed) == set(case.left):  # what they depend on failed, or all
        return (Retry(names=case.left, alone=case.alone),)
    return tuple(Retry(names=(name,), alone=True) for name in blamed)


def _fate(name: str, case: Case, lost: Mapping[str, str], *, closed: bool) -> Fate | None:
    if name in lost:
        return "lost"
    if case.fail_fast and closed:
        return "stopped"
    return "again" if not closed or name in case.begun else None


def lost_upon(plan: Plan, gone: Collection[str]) -> dict[str, str]:
    """Return what cannot be built any more, each with the nearest target that it depends on and that is not there.

    What is `gone` failed, was ended or was not started.
    """
    found: dict[str, str] = {}
    for target in plan.targets:
        lost = {other for other in waited_for(plan, target) if other in gone}
        before = (other for other in (*target.depends_on, *target.needs) if other in found or other in lost)
        if culprit := next(before, ""):
            found[target.name] = culprit
    return found


def waited_for(plan: Plan, target: PlannedTarget) -> list[str]:
    """Return what has to be there before a target: what it needs, and depends on.

    One that it depends on and whose `call` only asks something is built for it; the answer makes no difference.
    """
    return [*(name for name in target.depends_on if builds(plan.by_name[name].settings)), *target.needs]
