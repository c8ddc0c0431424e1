"""What becomes of a run in which jobs fail, run again or are cancelled, or that shares its artifacts with another."""

import os
import signal
from collections import Counter
from pathlib import Path

import pytest

from tests.e2e.jobs import Workflow
from tests.e2e.machines import PLATFORMS, commit, configurations
from tests.e2e.tools import digest, known, nap, platforms, running, until, write

pytestmark = pytest.mark.corpus

BROKEN = {"BUILDX_BUILDER": "gone"}
"""The environment of a machine that has no builder."""

AMD = ["base@linux/amd64", "app@linux/amd64"]
PAIR = """
[runner]
"linux/amd64" = "amd"
"linux/arm64" = "arm"
[defaults]
platforms = ["linux/amd64", "linux/arm64"]
output = [{{ type = "registry" }}]
[target.base]
dockerfile-inline = "FROM busybox\\nRUN uname -m > /machine"
tags = ["{repository}/base:1"]
[target.app]
dockerfile-inline = "FROM base\\nRUN cp /machine /app"
contexts.base = "target:base"
tags = ["{repository}/app:1"]
"""
LONE = """
[runner]
"linux/amd64" = "amd"
"linux/arm64" = "arm"
[target.app]
platforms = ["linux/amd64", "linux/arm64"]
dockerfile-inline = "FROM busybox\\nLABEL version={version}\\nCOPY wait /\\nRUN sh /wait"
tags = ["{repository}/app:{version}"]
output = [{{ type = "registry" }}]
"""


def lone(folder: Path, repository: str, wait: str = "true") -> Path:
    """Write a repository with one image; `other.toml` has another version of it."""
    first, other = (known(LONE.format(repository=repository, version=version), repository) for version in (1, 2))
    write(folder, first, {"wait": wait, "other.toml": f"version = 1\n{other}", ".gitignore": ".buildmatrix\n"})
    commit(folder)
    return folder


@pytest.fixture
def checkout(tmp_path: Path, two_nodes: str) -> Path:
    assert two_nodes
    return tmp_path / "repository"


def test_a_job_that_failed_is_run_again_with_those_behind_it(checkout: Path, tmp_path: Path, repository: str) -> None:
    commit(write(checkout, known(PAIR.format(repository=repository), repository)))
    run = Workflow(checkout, tmp_path)
    assert run.plan() == 0
    ended = {}
    for wave in run.waves:
        jobs = {row["build"]: run.start(row, **(BROKEN if row["build"] == AMD[0] else {})) for row in wave}
        ended.update({build: job.ended() for build, job in jobs.items()})
    assert [build for build, code in ended.items() if code] == AMD
    merged = run.merge()
    assert merged.process.returncode == 1, merged.said
    assert all(build in merged.said for build in AMD)
    assert [digest(f"{repository}/{name}:1") for name in ("base", "app")] == ["", ""]
    rows = [row for wave in run.waves for row in wave if row["build"] in AMD]
    assert [run.start(row).ended() for row in rows] == [0, 0]
    merged = run.merge()
    assert merged.process.returncode == 0, merged.said
    base, app = (configurations(f"{repository}/{name}:1") for name in ("base", "app"))
    for platform in PLATFORMS:
        below, image = (one[platform]["rootfs"]["diff_ids"] for one in (base, app))
        assert image[:-1] == below


def test_a_run_that_is_cancelled_moves_no_tag_and_the_next_one_is_none_the_worse(
    checkout: Path, tmp_path: Path, repository: str
) -> None:
    words = nap(600)
    run = Workflow(lone(checkout, repository, words), tmp_path / "first")
    assert run.plan() == 0
    amd, arm = run.waves[0]
    job = run.start(amd)
    assert run.start(arm, **BROKEN).ended() != 0
    until(lambda: running(words))
    os.killpg(job.process.pid, signal.SIGINT)
    assert job.ended() == 130
    until(lambda: not running(words))
    assert digest(f"{repository}/app:1") == ""
    run = Workflow(lone(checkout, repository), tmp_path / "second")
    assert run.plan() == 0
    assert [run.start(row).ended() for row in run.waves[0]] == [0, 0]
    merged = run.merge()
    assert merged.process.returncode == 0, merged.said
    assert platforms(f"{repository}/app:1") == list(PLATFORMS)


def test_two_workflows_in_one_run_do_not_mix(checkout: Path, tmp_path: Path, repository: str) -> None:
    """One of them builds both platforms in one job, as where a matrix has no room for more."""
    lone(checkout, repository)
    runs = [Workflow(checkout, tmp_path, *words) for words in ([], ["--file", "other.toml"])]
    assert [run.plan() for run in runs] == [0, 0]
    (first,), (rows,) = runs[0].waves, runs[1].waves
    shared = {**rows[0], "build": ",".join(row["build"] for row in rows)}
    jobs = [*map(runs[0].start, first), runs[1].start(shared)]
    assert [job.ended() for job in jobs] == [0, 0, 0]
    records = Counter(path.parent.name for path in runs[0].artifacts.glob("records-*/*.json"))
    names = [(runs[0].id, "1-1", 1), (runs[0].id, "1-2", 1), (runs[1].id, "1-1", 2)]
    assert records == {f"records-{plan}-{row}": count for plan, row, count in names}
    assert [run.merge().process.returncode for run in reversed(runs)] == [0, 0]
    for version in ("1", "2"):
        found = configurations(f"{repository}/app:{version}")
        labels = {platform: image["config"]["Labels"]["version"] for platform, image in found.items()}
        assert labels == dict.fromkeys(PLATFORMS, version)
