"""Whose fault it is that bake refuses a call: one bad value of a target refuses all of the call, and names nobody."""

from collections.abc import Collection

from buildmatrix.build.calls.batches import call
from buildmatrix.build.calls.runner import Unit
from buildmatrix.plan.model import Plan
from buildmatrix.plan.outputs import builds

MOST_CUTS = 200
"""Refused calls of a run that are cut; where there are more, something else is wrong, and all of a call are blamed."""


class Culprits:
    """Cuts refused calls until each culprit is alone."""

    def __init__(self, plan: Plan) -> None:
        self._plan, self._cuts = plan, 0

    def parts(self, unit: Unit, done: Collection[str]) -> list[Unit]:
        """Return a refused call in parts, [] where it cannot be cut; `done` are the targets that have ended.

        Parts without a culprit are built, the others are refused in their turn. What a lone target depends on is built
        first, by itself; then the target is tried once more.
        """
        names, half = unit.call.names, len(unit.call.names) // 2
        others = [name for name in unit.call.within if name not in names and name not in done]
        upon = [name for name in others if builds(self._plan.by_name[name].settings)]
        self._cuts += 1
        if self._cuts > MOST_CUTS or not (half or upon):
            return []
        alone = unit.call.alone
        cut = [(names[:half], alone), (names[half:], alone)] if half else [(upon, True), (names, True)]
        made = (call(self._plan, some, alone=lone) for some, lone in cut)
        return [Unit(call=part, attempt=unit.attempt, resumes=True) for part in made]
