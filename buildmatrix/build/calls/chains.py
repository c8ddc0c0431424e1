"""Chains: targets that depend on each other one by one, and are one bake call even where a plan is cut into many.

Each call solves all that its targets depend on: sixty calls of a chain would solve sixty targets thirty times over. In
one call a failure takes nothing but what is upon it all the same. But BuildKit starts every step of a call that waits
for no other: where targets are limited or timed, only those that have one stage, upon the one before, are joined.
"""

from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet

from buildmatrix.dockerfile.reader import only_base
from buildmatrix.plan.access.reach import text_of
from buildmatrix.plan.model import Plan, PlannedTarget
from buildmatrix.plan.outputs import builds
from buildmatrix.plan.policy import Policy


class Chains:
    """Knows which target follows which in a chain."""

    def __init__(self, plan: Plan, policy: Policy, unchanged: AbstractSet[str] = frozenset()) -> None:
        self._plan, self._policy = plan, policy
        upon: dict[str, list[str]] = {}
        for target in plan.targets:
            for name in {*target.depends_on, *target.needs} if target.name not in unchanged else ():
                upon.setdefault(name, []).append(target.name)
        self._next = {
            name: others[0]
            for name, others in upon.items()
            if len(others) == 1 and name in plan.by_name and name not in unchanged
            if builds(plan.by_name[name].settings) and self._follows(plan.by_name[others[0]], name, unchanged)
        }

    def of(self, names: Iterable[str], longest: int) -> Iterator[tuple[str, ...]]:
        """Yield targets, which are in the plan's order, in chains of at most so many."""
        left = dict.fromkeys(names)
        for first in list(left):
            if first not in left:
                continue
            chain: list[str] = []
            following = first
            while following in left and len(chain) < longest:
                chain.append(following)
                del left[following]
                following = self._next.get(following, "")
            yield tuple(chain)

    def _follows(self, target: PlannedTarget, name: str, unchanged: AbstractSet[str]) -> bool:
        """Tell whether a target waits for nothing but one that it depends on."""
        waits = {*target.depends_on, *target.needs} - unchanged
        if not builds(target.settings) or name not in target.depends_on or name in target.needs or waits != {name}:
            return False
        return not (self._policy.jobs or self._policy.timeout(target)) or _is_sequel(target, name, self._plan)


def _is_sequel(target: PlannedTarget, name: str, plan: Plan) -> bool:
    """Tell whether every step of a target comes after all of another's."""
    base = only_base(text_of(target, plan.directory))
    contexts = (target.settings.contexts or {}).items()
    return any(key.lower() == base and value == f"target:{name}" for key, value in contexts)
