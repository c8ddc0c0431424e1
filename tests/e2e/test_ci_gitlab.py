"""The pipelines for GitLab, run by gitlab-ci-local on two engines: what they build, and what a failed job leaves."""

from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from tests.e2e.gitlab import RUNNER, GitLab
from tests.e2e.machines import BUILDS, chain, check
from tests.e2e.tools import digest

JOBS = ["planned", *(f"build {build}" for build in BUILDS), "merge"]


def test_a_chain_is_built_in_stages_and_joined_and_again_when_a_job_has_failed(
    tmp_path: Path, repository: str, two_nodes: str, unavailable: Callable[[str], NoReturn]
) -> None:
    assert two_nodes
    if not RUNNER.exists():
        unavailable("no gitlab-ci-local: make .venv/gitlab-ci-local")
    gitlab = GitLab(chain(tmp_path / "repository", repository), tmp_path / "gitlab")
    child, last = gitlab.plan(), JOBS[-2]
    wanted = {**dict.fromkeys(JOBS, "PASS"), last: "FAIL", "merge": "FAIL"}
    assert gitlab.build(child, broken=last) == wanted, gitlab.said
    assert [bool(digest(f"{repository}/{name}:1")) for name in ("base", "lib", "app")] == [True, True, False]
    assert gitlab.retry(child, last) == {last: "PASS", "merge": "PASS"}, gitlab.said
    check(repository)
