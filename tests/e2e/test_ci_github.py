"""The workflow for GitHub, run by act on two engines: what it builds, and what it does when a job fails."""

from pathlib import Path

import pytest

from tests.e2e.github import GitHub
from tests.e2e.machines import BUILDS, chain, check


@pytest.fixture
def github(tmp_path: Path, repository: str, two_nodes: str) -> GitHub:
    assert two_nodes
    return GitHub(chain(tmp_path / "repository", repository), tmp_path / "github")


def test_a_chain_is_built_in_waves_and_joined(github: GitHub, repository: str) -> None:
    assert github.push() == dict.fromkeys(["plan", *BUILDS, "merge"], "success"), github.said
    check(repository)
