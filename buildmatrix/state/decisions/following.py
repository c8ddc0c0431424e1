"""What has to follow: what was built upon an image of a platform that is built without the cache, and not for its sake.

A target is decided by platform, and built whole where something else wants all of it. Its image of a platform that
nobody decided about is another one then, though nothing that goes into it is: what is upon that has to be built, too.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from buildmatrix.plan.model import Plan, PlannedTarget
from buildmatrix.records import dataclass
from buildmatrix.state.decisions.decision import Decision
from buildmatrix.state.decisions.narrowed import narrowed

Platforms = Mapping[str, frozenset[str]]
"""Platforms by target."""


@dataclass(frozen=True, kw_only=True)
class Excess:
    """What is built without the cache of each target for platforms that nobody decided about.

    `all` are the platforms of the plan's targets, `built` those for which they are built.
    """

    plan: Plan
    platforms: Platforms
    all: Platforms
    built: Platforms

    def overtaken(self, upon: Callable[[str], Iterable[str]]) -> set[str]:
        """Return those of which something keeps what was built upon an older image; `upon` tells what comes first."""
        every = self.plan.targets if self.platforms else ()
        pairs = ((target.name, one) for target in every for one in upon(target.name) if one in self.platforms)
        return {one for name, one in pairs if self._is_behind(name, one)}

    def _is_behind(self, name: str, upon: str) -> bool:
        own = self.all[name]
        used = own & self.platforms[upon] if own & self.all[upon] else own
        return not used <= self.built[name]

    def told(self, decisions: Mapping[str, Decision]) -> dict[str, tuple[str, tuple[str, ...]]]:
        """Return for which platforms else these targets are built, and for whom, by target."""
        return {name: self._told(name, decisions[name]) for name in self.platforms if name in decisions}

    def _told(self, name: str, decision: Decision) -> tuple[str, tuple[str, ...]]:
        more = tuple(one for one in self.plan.by_name[name].platforms if one in self.platforms[name])
        who = next(self._users(name, decision), "what depends on it")
        return f"{' '.join(more)}: {who}, which is built, needs it", more

    def _users(self, name: str, decision: Decision) -> Iterator[str]:
        """Yield what wants more of a target than was decided."""
        for one in self.plan.targets:
            more = self.built[one.name] - {*decision.platforms} or not one.platforms
            if self.built[one.name] and (name in one.needs or (name in one.depends_on and more)):
                yield one.name


def with_more(decision: Decision, text: str, platforms: tuple[str, ...]) -> Decision:
    """Return a decision that says why its target is built without the cache for these platforms, too."""
    because = (*decision.because[:-1], text, *decision.because[-1:])  # the last one says that there is no cache
    return replace(decision, because=because, only={**decision.only, text: platforms})


def excess_of(
    plan: Plan, decisions: Mapping[str, Decision], platforms: Callable[[PlannedTarget], Iterable[str]]
) -> Excess:
    """Return what is built without the cache of a plan's targets though nobody decided that of its platform.

    `platforms` tells those of a target, also where it declares none.
    """
    afresh: dict[str, set[str]] = {}
    for name, one in decisions.items():
        for part in one.afresh:
            afresh.setdefault(part, set()).update(one.platforms or platforms(plan.by_name[name]))
    if not afresh:
        return Excess(plan=plan, platforms={}, all={}, built={})
    every = {target.name: frozenset(platforms(target)) for target in plan.targets}
    built = _built(plan, decisions, every)
    found = {name: built[name] - decided for name, decided in afresh.items()}
    return Excess(plan=plan, platforms={name: more for name, more in found.items() if more}, all=every, built=built)


def _built(plan: Plan, decisions: Mapping[str, Decision], every: Platforms) -> Platforms:
    """Return for which platforms targets are built; what is not exported is built for what depends on it."""
    only, wanted = narrowed(plan, decisions), dict[str, set[str]]()
    found: dict[str, frozenset[str]] = {}
    for target in reversed(plan.targets):
        decision = decisions.get(target.name)
        own = every[target.name] if target.exported else every[target.name] & wanted.get(target.name, set())
        kept = decision is not None and decision.action == "skip"
        found[target.name] = frozenset() if kept else frozenset(only.get(target.name, own))
        for name in target.depends_on:
            wanted.setdefault(name, set()).update(found[target.name])
    return found
