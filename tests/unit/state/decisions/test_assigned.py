"""The Builds of a saved plan: what it said is built, whatever registries hold by now."""

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from buildmatrix.oci.image import Image
from buildmatrix.plan.builds import builds_of
from buildmatrix.plan.document.reviewed import Inputs, Reviewed
from buildmatrix.plan.model import PlannedTarget
from buildmatrix.plan.runners import builds_for_runners, cut_by_runner
from buildmatrix.spec.rows.outputs import RegistryOutput
from buildmatrix.spec.rows.settings import Settings
from buildmatrix.state.decisions.assigned import assigned
from buildmatrix.state.decisions.decision import Decision
from buildmatrix.state.decisions.narrowed import as_decided
from tests import plans

AMD, ARM = "linux/amd64", "linux/arm64"
RUNNERS = {"default": ("ubuntu",), ARM: ("arm",)}
PUSHED = (RegistryOutput(type="registry"),)


def target(
    name: str, *links: str, platforms: tuple[str, ...] = (AMD, ARM), output: tuple[Any, ...] = PUSHED, **values: Any
) -> PlannedTarget:
    contexts = {link: f"target:{link}" for link in links} or None
    settings = Settings(contexts=contexts, platforms=platforms, output=output, tags=(f"r/{name}:1",))
    return plans.target(name, settings, **{"depends_on": links, **values})


def then(**built: tuple[str, ...]) -> Reviewed:
    inputs = {name: Inputs(fingerprints={}, built_for=platforms) for name, platforms in built.items()}
    return Reviewed(version="1", format="1", platform=AMD, incremental=True, inputs=inputs)


def test_a_plan_that_builds_everything_is_that_of_the_machines() -> None:
    made = plans.plan(target("base"), target("app", "base"), runners=RUNNERS)
    everything = Reviewed(version="1", format="1", platform=AMD)
    assert assigned(made, None) == assigned(made, everything) == builds_for_runners(made)


def test_what_is_kept_is_left_out_and_nothing_waits_for_it() -> None:
    late = target("late", needs=("base",))
    found = assigned(
        plans.plan(target("base"), target("app", "base"), late, runners=RUNNERS),
        then(app=(ARM,), late=(AMD, ARM), base=()),
    )
    assert [(one.name, one.depends_on, one.needs, one.runner) for one in found.targets] == [
        ("app@linux/arm64", (), (), ("arm",)),
        ("late@linux/amd64", (), (), ("ubuntu",)),
        ("late@linux/arm64", (), (), ("arm",)),
    ]


def test_what_only_others_depend_on_is_there_for_those_that_are_built() -> None:
    inner = target("inner", exported=False, output=())
    made = plans.plan(inner, target("a", "inner"), target("b"), runners=RUNNERS)
    found = assigned(made, then(a=(), b=(AMD, ARM)))
    assert [one.name for one in found.targets] == ["b@linux/amd64", "b@linux/arm64"]
    found = assigned(made, then(a=(ARM,), b=()))
    assert [one.name for one in found.targets] == ["inner@linux/arm64", "a@linux/arm64"]


CHOICES = st.sampled_from([(), (AMD,), (ARM,), (AMD, ARM)])


@given(st.lists(st.tuples(CHOICES, st.sampled_from([(AMD,), (ARM,), (AMD, ARM)]), st.booleans()), max_size=5))
def test_the_builds_are_those_of_the_plan_as_it_is_decided(rows: list[tuple[Any, Any, bool]]) -> None:
    """What a job decides again, by what registries hold then, has the same keys."""
    targets: list[PlannedTarget] = []
    built: dict[str, tuple[str, ...]] = {}
    for number, (chosen, platforms, linked) in enumerate(rows):
        links = [f"t{number - 1}"] if linked and number and set(platforms) <= set(targets[-1].platforms) else []
        targets.append(target(f"t{number}", *links, platforms=platforms))
        built[f"t{number}"] = tuple(one for one in chosen if one in platforms)
    made = plans.plan(*targets, runners=RUNNERS)
    image = Image(digest=f"sha256:{'1' * 64}", media_type="", body=b"")
    decisions = {
        name: Decision(
            action="build", because=(), platforms=() if len(some) == len(made.by_name[name].platforms) else some
        )
        if some
        else Decision(action="skip", because=(), image=replace(image))
        for name, some in built.items()
    }
    whole = builds_of(as_decided(cut_by_runner(made), decisions, {}))
    keys = {one.name for one in whole.targets if built[one.target]}
    assert {one.name for one in assigned(made, then(**built)).targets} == keys
