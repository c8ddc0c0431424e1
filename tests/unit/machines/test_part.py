"""What of a plan one machine builds, and on what."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildmatrix.ci.waves import waves_of
from buildmatrix.errors import UsageError
from buildmatrix.machines.part import (
    awaited,
    built_on,
    closure_of,
    images_of,
    keys_in,
    lost,
    part_of,
    refuse_several,
    tags_of,
)
from buildmatrix.plan.builds import BuildPlan
from buildmatrix.plan.document.reviewed import Inputs, Reviewed
from buildmatrix.plan.publishing import is_pushed
from buildmatrix.plan.runners import cut_by_runner
from buildmatrix.spec.rows.outputs import CacheonlyOutput, OciOutput
from buildmatrix.state.decisions.assigned import assigned
from tests import plans
from tests.unit.machines.records import AMD, ARM, RUNNERS, digest, failed, jobs, record, target

NOWHERE: tuple[Any, ...] = (CacheonlyOutput(type="cacheonly"),)
CHAIN = jobs(
    target("base"), target("mid", "base", output=NOWHERE), target("app", "mid"), target("late", needs=("base",))
)


# --- which ------------------------------------------------------------------------------------------------------------


def test_keys_are_told_apart_though_they_have_commas_themselves() -> None:
    cells = [target(f"app[go={go},os=a]") for go in ("1", "2")]
    plan = jobs(*cells, target("a"), target("b", platforms=(AMD,)))
    keys = [f"app[go=1,os=a]@{AMD}", "b", f"app[go=2,os=a]@{ARM}", f"a@{ARM}"]
    assert keys_in([",".join(keys)], plan, plan) == tuple(keys)
    assert keys_in([keys[0], f"{keys[1]},{keys[0]}"], plan, plan) == (keys[0], "b")


@given(st.data())
def test_any_builds_of_a_plan_come_back_from_what_ci_prints(data: st.DataObject) -> None:
    names = data.draw(st.lists(st.sampled_from(["a", "b", "a,b", "b,a", "c[x=1,y=2]", "c"]), min_size=1, unique=True))
    plan = jobs(*(target(name, platforms=(AMD,)) for name in names))
    some = data.draw(st.lists(st.sampled_from(names), min_size=1, max_size=1))
    assert keys_in([",".join(some)], plan, plan) == tuple(some)


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("", "--build '' is not a build of the plan", "buildmatrix ci github PLAN.json lists them"),
        ("app@linux/arm", "--build app@linux/arm is not a build of the plan", f'did you mean "app@{ARM}"'),
        ("app", "app is built in parts", f"write --build app@{AMD},app@{ARM}"),
        (f"app@{AMD},", "--build '' is not a build of the plan", "buildmatrix ci github"),
        (f"inner@{AMD}", f"inner@{AMD} has no job of its own", "it is built with what depends on it"),
    ],
)
def test_what_no_job_builds_is_refused(text: str, message: str, hint: str) -> None:
    inner = target("inner", exported=False, output=())
    plan = jobs(inner, target("app", "inner"))
    with pytest.raises(UsageError) as raised:
        keys_in([text], plan, plan)
    (one,) = raised.value.diagnostics
    assert one.message == message
    assert one.hint.startswith(hint)


@pytest.mark.parametrize("name", [f"base@{AMD}", "base", f"side@{ARM}", f"inner@{AMD}", f"base@{AMD},side@{AMD}"])
def test_what_an_incremental_plan_keeps_is_told_as_up_to_date(name: str) -> None:
    whole = plans.plan(
        target("inner", exported=False, output=()), target("base", "inner"), target("side"), runners=RUNNERS
    )
    built = {"base": (), "side": (AMD,)}
    inputs = {key: Inputs(fingerprints={AMD: "1", ARM: "2"}, built_for=value) for key, value in built.items()}
    then = Reviewed(version="1", format="1", platform=AMD, incremental=True, inputs=inputs)
    with pytest.raises(UsageError) as raised:
        keys_in([name], assigned(whole, then), cut_by_runner(whole))
    (one,) = raised.value.diagnostics
    assert one.message == f"{name.partition(',')[0]} is not built: the plan keeps it, since it is up to date"
    assert one.hint == "leave it out"


# --- on what ----------------------------------------------------------------------------------------------------------


def test_what_is_pushed_comes_by_digest_and_the_rest_is_built_again() -> None:
    made = part_of(CHAIN, [f"app@{ARM}"], {f"base@{ARM}": record(f"base@{ARM}", 5)})
    assert [(one.name, one.exported, one.depends_on) for one in made.targets] == [
        (f"mid@{ARM}", False, ()),
        (f"app@{ARM}", True, (f"mid@{ARM}",)),
    ]
    mid, app = made.targets
    assert mid.settings.contexts == {"base": f"docker-image://r/base@{digest(5)}"}
    assert app.settings.contexts == {"mid": "target:mid--linux-arm64"}
    assert [one.name for one in made.of.targets] == ["app"]
    assert [one.name for one in closure_of(CHAIN.of, ["app"]).targets] == ["base", "mid", "app"]


def test_what_no_registry_has_is_built_again_though_there_is_a_record_of_it() -> None:
    records = {f"base@{ARM}": record(f"base@{ARM}", 5), f"mid@{ARM}": record(f"mid@{ARM}", 6, pushed=())}
    made = part_of(CHAIN, [f"app@{ARM}"], records)
    assert [one.name for one in made.targets] == [f"mid@{ARM}", f"app@{ARM}"]
    assert made.targets[1].settings.contexts == {"mid": "target:mid--linux-arm64"}


def test_what_a_job_builds_itself_it_hands_on_itself() -> None:
    keys = [f"base@{AMD}", f"mid@{AMD}"]
    made = part_of(CHAIN, keys, {})
    assert [(one.name, one.exported) for one in made.targets] == [(key, True) for key in keys]
    assert made.targets[1].settings.contexts == {"base": "target:base--linux-amd64"}
    assert images_of(CHAIN, keys, {}) == ()


def test_what_is_needed_first_is_pulled_as_it_was_built_though_its_tag_has_not_moved() -> None:
    records = {f"base@{AMD}": record(f"base@{AMD}", 1), f"base@{ARM}": record(f"base@{ARM}", 2)}
    assert list(awaited(CHAIN, f"late@{ARM}", [f"late@{ARM}"])) == [f"base@{AMD}", f"base@{ARM}"]
    assert tags_of(CHAIN, [f"late@{ARM}"], records, AMD) == {"r/base:1": digest(2)}
    assert part_of(CHAIN, [f"late@{ARM}"], records).targets[0].needs == ()


def test_parts_that_would_have_to_be_one_tag_at_once_are_refused() -> None:
    plan = jobs(target("base"), target("late", needs=("base",)))
    records = {f"base@{AMD}": record(f"base@{AMD}", 1), f"base@{ARM}": record(f"base@{ARM}", 2)}
    with pytest.raises(UsageError, match="several parts are under r/base:1"):
        tags_of(plan, [f"late@{AMD}", f"late@{ARM}"], records, AMD)


@pytest.mark.parametrize(("own", "number"), [(AMD, 1), (ARM, 2)])
def test_what_declares_no_platforms_pulls_the_part_of_its_builder(own: str, number: int) -> None:
    plan = jobs(target("base"), target("late", platforms=(), needs=("base",), output=NOWHERE))
    records = {f"base@{AMD}": record(f"base@{AMD}", 1), f"base@{ARM}": record(f"base@{ARM}", 2)}
    refuse_several(plan)
    assert tags_of(plan, ["late"], records, own) == {"r/base:1": digest(number)}


def test_what_is_built_for_several_platforms_at_once_cannot_pull_parts_and_is_no_job() -> None:
    archive: tuple[Any, ...] = (OciOutput(type="oci", dest="a.tar"),)
    plan = jobs(target("base"), target("late", needs=("base",), output=archive))
    with pytest.raises(UsageError, match="late needs base first, of which several parts are under r/base:1"):
        refuse_several(plan)
    refuse_several(CHAIN)


def test_a_job_that_builds_several_parts_itself_cannot_pull_parts_by_one_tag() -> None:
    """What it is made of and no registry has: here both parts, since the Dockerfile takes another platform's."""
    cross = "FROM --platform=$BUILDPLATFORM mid AS m\nFROM scratch\nCOPY --from=m / /\n"
    upon = target("app", "mid")
    app = replace(upon, settings=upon.settings.but({"dockerfile_inline": cross}))
    plan = jobs(target("base"), target("mid", needs=("base",), output=NOWHERE), app)
    with pytest.raises(UsageError, match="mid needs base first, of which several parts are under r/base:1"):
        refuse_several(plan)


def test_what_cannot_be_built_is_told_with_the_reason_and_takes_what_is_upon_it() -> None:
    plan = jobs(target("base"), target("mid", "base"), target("app", "mid"))
    wanted = [f"{name}@{AMD}" for name in ("mid", "app")]
    assert lost(plan, wanted, {}) == {
        f"mid@{AMD}": f"there is no record of base@{AMD}, which it depends on",
        f"app@{AMD}": f"mid@{AMD}, which it depends on, cannot be built",
    }
    assert lost(plan, wanted, {f"base@{AMD}": failed(f"base@{AMD}")})[f"mid@{AMD}"] == (
        f"base@{AMD}, which it depends on, failed"
    )
    skipped = failed(f"base@{AMD}", "skipped")
    assert lost(plan, wanted, {f"base@{AMD}": skipped})[f"mid@{AMD}"] == f"base@{AMD}, which it depends on, was skipped"
    assert lost(plan, wanted, {f"base@{AMD}": record(f"base@{AMD}")}) == {}


def test_it_is_known_whose_images_one_is_built_on() -> None:
    assert list(built_on(CHAIN, f"app@{ARM}")) == [f"base@{ARM}"]  # by mid, which no registry has
    assert list(built_on(CHAIN, f"late@{AMD}")) == [f"base@{AMD}"]  # that of another platform it does not pull
    assert list(built_on(CHAIN, f"base@{AMD}")) == []


@st.composite
def graphs(draw: st.DrawFn) -> BuildPlan:
    """Plans whose targets depend on, or need, some before them, and of which some are pushed."""
    targets = []
    for number in range(draw(st.integers(1, 7))):
        before = [f"t{one}" for one in range(number)]
        links = tuple(draw(st.lists(st.sampled_from(before), unique=True, max_size=3))) if before else ()
        needs = tuple(draw(st.lists(st.sampled_from(before), unique=True, max_size=2))) if before else ()
        output = draw(st.sampled_from([None, NOWHERE]))
        values: dict[str, Any] = {"output": output} if output else {}
        targets.append(target(f"t{number}", *links, needs=needs, stage=number + 1, **values))
    return jobs(*targets)


@given(graphs())
def test_jobs_in_waves_find_what_they_wait_for_and_build_the_rest_themselves(plan: BuildPlan) -> None:
    records: dict[str, Any] = {}
    for wave in waves_of(plan):
        for build in wave:
            assert lost(plan, [build.name], records) == {}
            made = part_of(plan, [build.name], records)
            assert [one.name for one in made.targets if one.exported] == [build.name]
            assert all(name in made.by_name for one in made.targets for name in one.depends_on)
            texts = [text for one in made.targets for text in (one.settings.contexts or {}).values()]
            inner = {f"target:{one.bake_name}" for one in made.targets}
            assert all(text in inner or text.startswith("docker-image://") for text in texts)
        for build in wave:
            records[build.name] = record(build.name) if is_pushed(build) else record(build.name, pushed=())
