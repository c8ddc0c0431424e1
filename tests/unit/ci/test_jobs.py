"""Which Builds share a job, in which wave: small plans by hand; tests/properties/test_jobs.py has random ones."""

import json
from typing import Any

import pytest

from buildmatrix.ci.gitlab import pipeline_of
from buildmatrix.ci.jobs import jobs_of
from buildmatrix.ci.matrices import matrices_json, step_outputs
from buildmatrix.ci.waves import unshared, waves_of, whole
from buildmatrix.errors import SpecError
from buildmatrix.plan.builds import BuildPlan
from buildmatrix.plan.model import PlannedTarget
from buildmatrix.plan.runners import builds_for_runners
from buildmatrix.spec.rows.outputs import CacheonlyOutput, LocalOutput, OciOutput, RegistryOutput
from buildmatrix.spec.rows.settings import Settings
from tests import plans

AMD, ARM = "linux/amd64", "linux/arm64"
RUNNERS = {"default": ("ubuntu",), ARM: ("arm",)}
PUSHED = (RegistryOutput(type="registry"),)
FILES = (LocalOutput(type="local", dest="out"),)
ARCHIVE = (OciOutput(type="oci", dest="win.tar"),)
NOTHING = (CacheonlyOutput(type="cacheonly"),)


def target(name: str, *links: str, platforms: tuple[str, ...] = (AMD,), output: Any = PUSHED, **values: Any) -> Any:
    contexts = {link: f"target:{link}" for link in links} or None
    settings = Settings(contexts=contexts, platforms=platforms, output=output, tags=(f"r/{name}:1",))
    return plans.target(name, settings, depends_on=links, **values)


def planned(*targets: PlannedTarget) -> BuildPlan:
    return builds_for_runners(plans.plan(*targets, runners=RUNNERS))


def waves(*targets: PlannedTarget) -> list[list[str]]:
    return [[build.name for build in wave] for wave in waves_of(planned(*targets))]


def test_what_is_taken_from_a_registry_is_in_a_wave_before() -> None:
    both = (AMD, ARM)
    chain = (
        target("base", platforms=both),
        target("app", "base", platforms=both),
        target("web", "app", platforms=(ARM,)),
    )
    assert waves(*chain, target("lone")) == [
        ["base@linux/amd64", "base@linux/arm64", "lone"],
        ["app@linux/amd64", "app@linux/arm64"],
        ["web"],
    ]


def test_what_is_pushed_nowhere_is_built_where_it_is_used_and_is_waited_for_no_longer() -> None:
    inside = target("inside", "base", exported=False)
    tested = target("tested", "base", output=NOTHING)
    assert waves(target("base"), inside, tested, target("app", "inside"), target("web", "tested")) == [
        ["base"],
        ["tested", "app", "web"],
    ]
    assert waves(target("lib", exported=False), target("app", "lib")) == [["app"]]


def test_what_is_needed_comes_before_whatever_becomes_of_it() -> None:
    test = target("test", output=NOTHING)
    assert waves(test, target("app", needs=("test",)), target("web", "app")) == [["test"], ["app"], ["web"]]


def test_a_plan_with_nothing_to_build_has_no_wave() -> None:
    assert waves() == []
    assert waves(target("lib", exported=False)) == []


def test_of_a_plan_with_nothing_to_build_no_job_starts() -> None:
    jobs = jobs_of(planned(), "id", 9)
    assert step_outputs(jobs) == "plan=id\nmerge=false\n"
    assert json.loads(matrices_json(jobs)) == {"format_version": 1, "plan": "id", "waves": []}
    assert list(pipeline_of(jobs, "")) == ["nothing to build"]
    assert pipeline_of(jobs, "")["nothing to build"]["tags"] == ["ubuntu"]


def test_tags_that_only_move_are_merged() -> None:
    jobs = jobs_of(planned(), "id", 9, moves=True)
    assert step_outputs(jobs) == "plan=id\nmerge=true\n"
    assert list(pipeline_of(jobs, "")) == ["stages", "planned", "merge"]


def test_a_build_has_a_job_of_its_own() -> None:
    (first, second), (last,) = jobs_of(
        planned(target("base", platforms=(AMD, ARM)), target("app", "base")), "", 9
    ).waves
    assert (first.builds, first.platforms, first.runner) == (("base@linux/amd64",), (AMD,), ("ubuntu",))
    assert (second.builds, second.platforms, second.runner) == (("base@linux/arm64",), (ARM,), ("arm",))
    assert [job.id for job in (first, second, last)] == ["1-1", "1-2", "2-1"]
    assert (last.name, last.wave, last.number) == ("app", 2, 1)


@pytest.mark.parametrize(
    ("most", "lengths"),
    [(9, [1] * 9), (8, [1, 1, 1, 1, 2, 1, 1, 1]), (4, [2, 2, 2, 3]), (3, [3, 3, 3]), (2, [6, 3])],
)
def test_builds_of_one_machine_share_jobs_where_there_are_too_many(most: int, lengths: list[int]) -> None:
    plan = planned(*(target(f"t{number}", platforms=(AMD,) if number < 6 else (ARM,)) for number in range(9)))
    (wave,) = jobs_of(plan, "", most).waves
    assert [len(job.builds) for job in wave] == lengths
    assert [name for job in wave for name in job.builds] == [f"t{number}" for number in range(9)]
    assert {name: job.runner[0] for job in wave for name in job.builds} == dict.fromkeys(
        (f"t{number}" for number in range(6)), "ubuntu"
    ) | dict.fromkeys((f"t{number}" for number in range(6, 9)), "arm")


def test_a_job_of_several_builds_is_called_by_the_first() -> None:
    (wave,) = jobs_of(planned(target("a"), target("b"), target("c")), "", 1).waves
    assert [(job.name, job.platforms) for job in wave] == [("a and 2 more", (AMD,))]


def test_more_machines_than_jobs_is_an_error() -> None:
    with pytest.raises(SpecError, match="2 different machines, and a matrix has 1 jobs"):
        jobs_of(planned(target("a", platforms=(AMD, ARM))), "", 1)


def test_files_of_another_machine_are_warned_of() -> None:
    plan = planned(
        target("gen", output=FILES),
        target("test", output=NOTHING),
        target("base"),
        target("app", needs=("gen", "test", "base"), platforms=(AMD, ARM)),
    )
    (warning,) = unshared(plan)
    assert warning.message == "app needs gen, which another job builds and pushes nowhere: its files are not there"
    assert warning.severity == "warning"


def test_an_archive_that_keeps_a_chain_on_one_machine_is_warned_of() -> None:
    both = (AMD, ARM)
    chain = target("app", platforms=both), target("bin", "app", platforms=both, output=FILES)
    assert list(whole(planned(*chain, target("win", "bin", platforms=(AMD,), output=ARCHIVE)))) == []
    (warning,) = whole(planned(*chain, target("win", "bin", platforms=both, output=ARCHIVE), target("lone")))
    why = "win writes all platforms in one go (output oci)"
    assert warning.message == f"app, bin, win are built for all platforms by one machine: {why}"
    (warning,) = whole(planned(target("app", platforms=both, output=ARCHIVE)))
    assert warning.message.endswith("by one machine: it writes all platforms in one go (output oci)")
    (warning,) = whole(planned(target("app", platforms=both), target("web", "app", platforms=())))
    assert warning.message == "app is built for all platforms by one machine: web declares no platforms of its own"
