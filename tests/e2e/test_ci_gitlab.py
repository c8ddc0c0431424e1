"""The pipelines for GitLab, run by gitlab-ci-local on two engines: what they build, and what a failed job leaves."""

from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from tests.e2e.gitlab import RUNNER, GitLab
from tests.e2e.machines import BUILDS, chain, check


@pytest.fixture
def gitlab(tmp_path: Path, repository: str, two_nodes: str, unavailable: Callable[[str], NoReturn]) -> GitLab:
    assert two_nodes
    if not RUNNER.exists():
        unavailable("no gitlab-ci-local: make .venv/gitlab-ci-local")
    return GitLab(chain(tmp_path / "repository", repository), tmp_path / "gitlab")


def test_a_chain_is_built_in_stages_and_joined(gitlab: GitLab, repository: str) -> None:
    names = ["planned", *(f"build {build}" for build in BUILDS), "merge"]
    assert gitlab.build(gitlab.plan()) == dict.fromkeys(names, "PASS"), gitlab.said
    check(repository)
