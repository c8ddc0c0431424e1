"""What is left of a plan to be built, where some of it is up to date."""

from collections.abc import Mapping
from dataclasses import replace

from buildmatrix.plan.builds import BuildPlan
from buildmatrix.plan.model import Plan
from buildmatrix.records import dataclass
from buildmatrix.state.decision import Decision
from buildmatrix.state.unchanged import Resumed


@dataclass(frozen=True, kw_only=True)
class Reduced:
    """A plan as it is executed, and what of it need not be built. `moved` are targets of which only tags move."""

    plan: BuildPlan
    resumed: Resumed
    decisions: Mapping[str, Decision]

    @property
    def moved(self) -> frozenset[str]:
        """The targets that are not built, and of which tags move."""
        return frozenset(name for name, one in self.decisions.items() if one.moves)

    @property
    def kept(self) -> tuple[str, ...]:
        """The images by digest that are used in place of targets that are not built."""
        if not self.decisions:
            return ()
        from buildmatrix.state.narrowed import used

        return tuple(used(self.plan))

    @property
    def pushed(self) -> Plan:
        """The plan with the targets whose images are pushed by this run: tags of the others only move."""
        targets = [target for target in self.plan.of.targets if target.name not in self.resumed.unchanged]
        return replace(self.plan.of, targets=tuple(targets))
