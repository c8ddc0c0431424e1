"""What of a plan writes tags: what is built, and what only moves some."""

from typing import Any

import pytest

from buildmatrix.pipeline.run.left import Reduced
from buildmatrix.plan.builds import builds_of
from buildmatrix.spec.rows.outputs import RegistryOutput
from buildmatrix.spec.rows.settings import Settings
from buildmatrix.state.decisions.decision import Decision
from buildmatrix.state.decisions.unchanged import kept
from tests import plans
from tests.unit.state.decisions.test_decision import AMD, ARM, NOW, image


@pytest.mark.parametrize(
    ("moves", "more", "pushed"),
    [
        ((), {}, []),
        (("r/app:1",), {}, [(AMD, ARM)]),
        (("r/app:1",), {"carried_over": ("linux/riscv64",)}, []),
    ],
)
def test_tags_that_move_are_written_with_the_platforms_of_the_image(
    moves: tuple[str, ...], more: dict[str, Any], pushed: list[Any]
) -> None:
    settings = Settings(platforms=(AMD,), output=(RegistryOutput(type="registry"),), tags=("r/app:1",))
    plan = builds_of(plans.plan(plans.target("app", settings, **more)))
    decisions = {"app": Decision(action="skip", because=("",), image=image(NOW), moves=moves)}
    left = Reduced(plan=plan, resumed=kept(plan, decisions), decisions=decisions)
    assert [target.platforms for target in left.pushed.targets] == pushed
