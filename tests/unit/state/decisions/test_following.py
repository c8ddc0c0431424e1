"""What follows an image of a platform that is built without the cache although nobody decided about that platform."""

from typing import Any

from buildmatrix.graphs import reached
from buildmatrix.oci.image import Image
from buildmatrix.plan.model import PlannedTarget
from buildmatrix.spec.rows.outputs import RegistryOutput
from buildmatrix.spec.rows.settings import Settings
from buildmatrix.state.decisions.decision import Decision
from buildmatrix.state.decisions.following import Excess, excess_of, with_more
from tests import plans

AMD, ARM = "linux/amd64", "linux/arm64"
IMAGE = Image(digest="sha256:" + "c" * 64, media_type="", body=b"")
SKIP = Decision(action="skip", because=("up to date",), image=IMAGE)
BUILD = Decision(action="build", because=("never built",))
ON_ARM = Decision(action="build", because=("linux/arm64: rebuild changed",), platforms=(ARM,), image=IMAGE)
AFRESH = Decision(
    action="build",
    because=("linux/arm64: rebuild changed", "it is built without the cache"),
    platforms=(ARM,),
    image=IMAGE,
    afresh=("base",),
    only={"linux/arm64: rebuild changed": (ARM,)},
)


def target(name: str, *upon: str, needs: tuple[str, ...] = (), pushed: bool = True, **settings: Any) -> PlannedTarget:
    output = (RegistryOutput(type="registry"),) if pushed else None
    given = {"platforms": (AMD, ARM), "output": output, "tags": (f"r:5/{name}:1",), **settings}
    return plans.target(name, Settings(**given), depends_on=upon, needs=needs, exported=pushed)


def excess(*targets: PlannedTarget, **decisions: Decision) -> Excess:
    return excess_of(plans.plan(*targets), decisions, lambda one: one.platforms or (AMD,))


def overtaken(found: Excess) -> set[str]:
    links = {one.name: (*one.depends_on, *one.needs) for one in found.plan.targets}
    return found.overtaken(lambda name: [one for one in reached([name], links.__getitem__) if one != name])


BASE, APP = target("base"), target("app", "base")


def test_what_is_built_by_platform_alone_overtakes_nothing() -> None:
    found = excess(BASE, APP, base=AFRESH, app=ON_ARM)
    assert (found.platforms, overtaken(found), found.told({"base": AFRESH})) == ({}, set(), {})


def test_what_is_built_whole_for_what_needs_it_overtakes_what_keeps_a_platform() -> None:
    for other in (target("other", needs=("base",)), target("other", "base")):
        found = excess(BASE, APP, other, base=AFRESH, app=ON_ARM, other=BUILD)
        assert (dict(found.platforms), overtaken(found)) == ({"base": frozenset({AMD})}, {"base"})
        assert found.told({"base": AFRESH}) == {"base": (f"{AMD}: other, which is built, needs it", (AMD,))}


def test_what_is_kept_whole_is_overtaken_too() -> None:
    arm = target("app", "base", platforms=(ARM,))
    amd = target("amd", "base", platforms=(AMD,))
    other = target("other", "base")
    found = excess(BASE, arm, amd, other, base=AFRESH, app=ON_ARM, amd=SKIP, other=BUILD)
    assert overtaken(found) == {"base"}
    assert overtaken(excess(BASE, arm, other, base=AFRESH, app=ON_ARM, other=BUILD)) == set()


def test_what_declares_no_platforms_is_for_that_of_the_builder() -> None:
    alone = target("alone", "base", platforms=None)
    assert overtaken(excess(BASE, APP, alone, base=AFRESH, app=ON_ARM, alone=BUILD)) == {"base"}
    assert overtaken(excess(BASE, APP, alone, base=AFRESH, app=BUILD, alone=SKIP)) == {"base"}
    assert overtaken(excess(BASE, APP, alone, base=AFRESH, app=BUILD, alone=BUILD)) == set()


def test_what_is_built_whole_by_its_own_decision_overtakes_nothing() -> None:
    whole = Decision(action="build", because=("--all",), afresh=("base",))
    other = target("other", needs=("base",))
    assert excess(BASE, APP, other, base=whole, app=SKIP, other=BUILD).platforms == {}


def test_what_the_cache_gives_overtakes_nothing() -> None:
    other = target("other", needs=("base",))
    assert excess(BASE, APP, other, base=ON_ARM, app=ON_ARM, other=BUILD).platforms == {}


def test_what_is_pushed_nowhere_is_built_for_what_depends_on_it() -> None:
    base, amd = target("base", pushed=False), target("amd", "base", platforms=(AMD,))
    assert excess(base, APP, amd, app=AFRESH, amd=SKIP).platforms == {}
    found = excess(base, APP, amd, app=AFRESH, amd=BUILD)
    assert (dict(found.platforms), overtaken(found)) == ({"base": frozenset({AMD})}, {"base"})
    assert found.told({"app": AFRESH}) == {}


def test_why_it_is_built_stands_beside_what_is_of_other_platforms() -> None:
    found = with_more(AFRESH, f"{AMD}: other, which is built, needs it", (AMD,))
    last = "it is built without the cache"
    assert found.because_of((AMD,)) == (f"{AMD}: other, which is built, needs it", last)
    assert found.because_of((ARM,)) == ("linux/arm64: rebuild changed", last)
