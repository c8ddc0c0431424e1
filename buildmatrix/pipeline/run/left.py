"""What is left of a plan to be built, where some of it is up to date."""

from collections.abc import Mapping
from dataclasses import field, replace

from buildmatrix.lock.named import short_name
from buildmatrix.plan.builds import BuildPlan
from buildmatrix.plan.model import Plan, PlannedTarget
from buildmatrix.plan.publishing import pushed_tags
from buildmatrix.records import dataclass
from buildmatrix.state.decisions.decision import Decision
from buildmatrix.state.decisions.unchanged import Resumed


@dataclass(frozen=True, kw_only=True)
class Reduced:
    """A plan as it is executed, and what of it need not be built. `moved` are targets of which only tags move.

    `handed` are images by digest that other machines have built, `pulled` the digests of those of them that are pulled
    by their tags before these move, by short name.
    """

    plan: BuildPlan
    resumed: Resumed
    decisions: Mapping[str, Decision]
    handed: tuple[str, ...] = ()
    pulled: Mapping[str, str] = field(default_factory=dict)

    @property
    def moved(self) -> frozenset[str]:
        """The targets that are not built, and of which tags move."""
        return frozenset(name for name, one in self.decisions.items() if one.moves)

    @property
    def kept(self) -> tuple[str, ...]:
        """The images by digest that are used in place of targets that are not built."""
        if not self.decisions:
            return self.handed
        from buildmatrix.state.decisions.narrowed import used

        return (*self.handed, *used(self.plan))

    @property
    def held(self) -> dict[str, str]:
        """The digests that tags of targets hold which are not built, by short name: what pulls one means that image.

        The `docker` driver would take what its engine has under the tag, which may be older.
        """
        here = self.plan.of.by_name.keys() & self.decisions.keys()
        kept = ((name, self.decisions[name]) for name in here if self.decisions[name].action == "skip")
        return {
            short_name(tag): one.image.digest
            for name, one in kept
            for tag in pushed_tags(self.plan.of.by_name[name])
            if one.image and tag not in one.moves
        } | {**self.pulled}

    @property
    def pushed(self) -> Plan:
        """The plan with the targets that write tags, each for the platforms that those have then."""
        targets = (
            target if target.name not in self.resumed.unchanged else self._moving(target)
            for target in self.plan.of.targets
        )
        return replace(self.plan.of, targets=tuple(target for target in targets if target is not None))

    def _moving(self, target: PlannedTarget) -> PlannedTarget | None:
        """Return a target of which only tags move, with what they will hold; None where nothing moves, or is lost."""
        decision = self.decisions.get(target.name)
        if decision is None or not decision.moves or decision.image is None or target.carried_over:
            return None
        return replace(target, settings=target.settings.but({"platforms": decision.image.platforms}))
