"""Which machine builds what: a target is cut where its platforms have several."""

from typing import Any

import pytest

from buildmatrix.plan.builds import BuildPlan, builds_of
from buildmatrix.plan.model import PlannedTarget
from buildmatrix.plan.runners import builds_for_runners, runner_for
from buildmatrix.spec.rows.outputs import LocalOutput, RegistryOutput, TarOutput
from buildmatrix.spec.rows.settings import Settings
from tests import plans

AMD, ARM, ARM7 = "linux/amd64", "linux/arm64", "linux/arm/v7"
RUNNERS = {"default": ("ubuntu",), "linux/arm*": ("arm",), "linux/arm/v7": ("self-hosted", "pi")}
PUSHED = (RegistryOutput(type="registry"),)


def target(
    name: str, *links: str, platforms: tuple[str, ...] = (AMD, ARM), output: tuple[Any, ...] = PUSHED, **values: Any
) -> PlannedTarget:
    contexts = {link: f"target:{link}" for link in links} or None
    settings = Settings(contexts=contexts, platforms=platforms, output=output, tags=(f"r/{name}:1",))
    return plans.target(name, settings, depends_on=links, **values)


def made(*targets: PlannedTarget, runners: dict[str, tuple[str, ...]] = RUNNERS) -> BuildPlan:
    return builds_for_runners(plans.plan(*targets, runners=runners))


@pytest.mark.parametrize(
    ("platform", "labels"),
    [(AMD, ("ubuntu",)), (ARM, ("arm",)), (ARM7, ("self-hosted", "pi")), ("linux/arm/v6", ("arm",))],
)
def test_a_name_goes_before_globs_and_those_before_the_default(platform: str, labels: tuple[str, ...]) -> None:
    assert runner_for(platform, RUNNERS) == labels
    assert runner_for(platform, {}) == ()


def test_names_are_normalized_and_the_first_glob_counts() -> None:
    runners = {"linux/x86_64": ("a",), "linux/*": ("b",), "*/arm64": ("c",)}
    assert [runner_for(one, runners) for one in (AMD, ARM, "windows/arm64", "windows/amd64")] == [
        ("a",),
        ("b",),
        ("c",),
        (),
    ]


def test_a_target_is_cut_where_machines_differ() -> None:
    found = made(target("app", platforms=(AMD, ARM, "linux/386", ARM7)))
    assert {one.name: (one.platforms, one.runner) for one in found.targets} == {
        "app@linux/amd64+linux/386": ((AMD, "linux/386"), ("ubuntu",)),
        "app@linux/arm64": ((ARM,), ("arm",)),
        "app@linux/arm/v7": ((ARM7,), ("self-hosted", "pi")),
    }


def test_without_runners_nothing_is_cut_and_nobody_has_a_machine() -> None:
    found = made(target("base"), target("app", "base"), runners={})
    assert [(one.name, one.runner) for one in found.targets] == [("base", ()), ("app", ())]


def test_one_machine_for_all_platforms_cuts_nothing() -> None:
    (found,) = made(target("app", platforms=(ARM, "linux/arm/v6"))).targets
    assert (found.name, found.runner) == ("app", ("arm",))


def test_a_run_on_one_machine_is_not_cut() -> None:
    (found,) = builds_of(plans.plan(target("app"), runners=RUNNERS)).targets
    assert (found.name, found.runner) == ("app", ())


def test_parts_whose_settings_differ_stay_apart_on_one_machine() -> None:
    found = made(target("app", parts=((AMD,), ("linux/386",), (ARM,)), platforms=(AMD, "linux/386", ARM)))
    assert [one.name for one in found.targets] == ["app@linux/amd64", "app@linux/386", "app@linux/arm64"]
    assert [one.runner for one in found.targets] == [("ubuntu",), ("ubuntu",), ("arm",)]


def test_what_depends_on_it_is_cut_alike_and_one_platform_is_upon_its_own() -> None:
    lone = target("lone", "base", platforms=(ARM,), output=(LocalOutput(type="local", dest="out"),))
    found = made(target("base"), target("app", "base"), lone).by_name
    assert found["app@linux/arm64"].depends_on == found["lone"].depends_on == ("base@linux/arm64",)
    assert found["lone"].settings.contexts == {"base": "target:base--linux-arm64"}
    assert found["lone"].runner == ("arm",)


def test_what_cannot_be_joined_is_whole_with_all_that_it_is_built_upon() -> None:
    files = target("files", "base", output=(TarOutput(type="tar", dest="out.tar"),))
    found = made(target("base"), files, target("own", platforms=()))
    assert [(one.name, one.runner) for one in found.targets] == [
        ("base", ("ubuntu",)),
        ("files", ("ubuntu",)),
        ("own", ("ubuntu",)),
    ]
