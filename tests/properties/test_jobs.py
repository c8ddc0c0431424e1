"""Jobs of any plan of 300 Builds: each Build has one, after all that it takes from a registry, on its own machine."""

import json
from collections.abc import Iterator
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from buildmatrix.ci.gitlab import pipeline_of
from buildmatrix.ci.jobs import GITHUB_MOST, GITLAB_MOST, Jobs, jobs_of
from buildmatrix.ci.matrices import matrices_json
from buildmatrix.graphs import reached
from buildmatrix.plan.builds import Build, BuildPlan
from buildmatrix.plan.runners import builds_for_runners
from buildmatrix.spec.rows.outputs import CacheonlyOutput, RegistryOutput
from buildmatrix.spec.rows.settings import Settings
from tests import plans

PLATFORMS = ("linux/amd64", "linux/arm64")
RUNNERS: dict[str, tuple[str, ...]] = {"default": ("ubuntu",), "linux/arm64": ("self-hosted", "arm")}


def plan_of(seed: int, targets: int) -> BuildPlan:
    """A plan of so many targets: what is pushed, kept for itself or built inside others; up to 12 links back."""
    chance = Random(seed)  # noqa: S311 nothing is to be kept secret
    made: list[Any] = []
    for number in range(targets):
        links, after = (
            {f"t{number - back}" for back in chance.sample(range(1, 13), 2) if back <= number} for _ in "12"
        )
        kind = chance.choice(["pushed", "pushed", "kept", "inside"])
        output: Any = (RegistryOutput(type="registry"),) if kind == "pushed" else (CacheonlyOutput(type="cacheonly"),)
        own = Settings(
            contexts={link: f"target:{link}" for link in sorted(links)} or None,
            platforms=PLATFORMS,
            output=output,
            tags=(f"r/t{number}:1",),
        )
        values: dict[str, Any] = {"depends_on": tuple(sorted(links)), "exported": kind != "inside"}
        exported = {one.name for one in made if one.exported}
        needs = tuple(sorted((after - links) & exported)) if chance.random() < 0.3 else ()
        made.append(plans.target(f"t{number}", own, needs=needs, **values))
    return builds_for_runners(plans.plan(*made, runners=chance.choice([RUNNERS, {}])))


def taken(plan: BuildPlan, build: Build) -> Iterator[str]:
    """Yield what a Build takes from a registry: of what is built in its own job, too."""
    outputs: dict[str, Any] = {one.name: (one.settings.output or ())[0] for one in plan.targets if one.exported}
    pushed = {name for name, output in outputs.items() if output.type == "registry"}
    within = reached([build.name], lambda name: [one for one in plan.by_name[name].depends_on if one not in pushed])
    for name in within:
        yield from (one for one in plan.by_name[name].depends_on if one in pushed)
        yield from plan.by_name[name].needs


def checked(plan: BuildPlan, jobs: Jobs, most: int) -> dict[str, int]:
    """Check what holds of jobs with any limit; return the wave of each Build."""
    listed = [(name, job) for wave in jobs.waves for job in wave for name in job.builds]
    assert sorted(name for name, _ in listed) == sorted(one.name for one in plan.targets if one.exported)
    assert all(0 < len(wave) <= most for wave in jobs.waves)
    assert all(plan.by_name[name].runner == job.runner for name, job in listed)
    assert len({job.id for _, job in listed}) == sum(map(len, jobs.waves))
    waves = {name: job.wave for name, job in listed}
    for name, wave in waves.items():
        behind = {waves[other] for other in taken(plan, plan.by_name[name])}
        assert max(behind, default=0) == wave - 1
    return waves


@settings(max_examples=20)
@given(st.integers(0, 2**32), st.integers(0, 150))
def test_each_build_has_one_job_after_what_it_takes(seed: int, targets: int) -> None:
    plan = plan_of(seed, targets)
    waves = [checked(plan, jobs_of(plan, "", most), most) for most in (GITHUB_MOST, GITLAB_MOST, 7)]
    assert waves[0] == waves[1] == waves[2]
    document = json.loads(matrices_json(jobs_of(plan, "p", GITHUB_MOST)))
    rows = [row for wave in document["waves"] for row in wave["include"]]
    assert {name: row["wave"] for row in rows for name in row["build"].split(",")} == waves[0]
    assert {tuple(row) for row in rows} <= {("build", "platform", "runner", "wave", "id", "name")}
    pipeline = {"stages": [], **pipeline_of(jobs_of(plan, "p", 7), "")}
    builds = [job for name, job in pipeline.items() if name.startswith("build ")]
    assert {name for job in builds for name in job["variables"]["BUILD"].split(",")} == set(waves[0])
    assert [one for one in pipeline["stages"] if one not in {"plan", "build", "merge"}] == [
        *dict.fromkeys(job["stage"] for job in builds)
    ]
