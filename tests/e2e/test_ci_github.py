"""The workflow for GitHub, run by act on two engines: what it builds, what a job that fails leaves, what is skipped."""

from pathlib import Path

import pytest

from tests.e2e.github import PATH, GitHub
from tests.e2e.machines import BUILDS, chain, check, commit
from tests.e2e.tools import digest, platforms, write

pytestmark = pytest.mark.corpus

PAIR = """
[apply]
incremental = true
[runner]
"linux/amd64" = "amd"
"linux/arm64" = "arm"
[defaults]
platforms = ["linux/amd64", "linux/arm64"]
context = "files"
output = [{{ type = "registry" }}]
[target.good]
dockerfile-inline = "FROM scratch\\nCOPY good /"
tags = ["{repository}/good:1"]
[target.bad]
dockerfile-inline = "FROM good\\nARG TARGETARCH\\nCOPY $TARGETARCH /"
contexts.good = "target:good"
tags = ["{repository}/bad:1"]
"""
LICENSED = """
[apply]
incremental = true
[runner]
default = "amd"
[target.app]
dockerfile-inline = "FROM scratch\\nCOPY good /"
context = "files"
output = [{{ type = "registry" }}]
tags = ["{repository}/app:1"]
secret = [{{ id = "licence", env = "LICENCE", optional = true }}]
"""
GOOD, BAD = (["good@linux/amd64", "good@linux/arm64"], ["bad@linux/amd64", "bad@linux/arm64"])


def test_a_chain_is_built_in_waves_and_joined(tmp_path: Path, repository: str, two_nodes: str) -> None:
    assert two_nodes
    github = GitHub(chain(tmp_path / "repository", repository), tmp_path / "github")
    assert github.push() == dict.fromkeys(["plan", *BUILDS, "merge"], "success"), github.said
    check(repository)


def test_what_failed_keeps_back_its_image_alone_and_what_is_up_to_date_has_no_job(
    tmp_path: Path, repository: str, two_nodes: str
) -> None:
    assert two_nodes
    folder = write(tmp_path / "repository", PAIR.format(repository=repository), {"files/good": "1", "files/amd64": "1"})
    github = GitHub(folder, tmp_path / "github", "--waves", "3")
    wanted = dict.fromkeys(["plan", *GOOD, *BAD, "merge"], "success")
    assert github.push() == {**wanted, "bad@linux/arm64": "failure", "merge": "failure"}, github.said
    assert "bad@linux/arm64" in github.said
    assert sorted(platforms(f"{repository}/good:1")) == ["linux/amd64", "linux/arm64"]
    assert digest(f"{repository}/bad:1") == ""
    (folder / "files/arm64").write_text("1")
    commit(folder)
    assert github.push() == dict.fromkeys(["plan", *BAD, "merge"], "success"), github.said
    assert sorted(platforms(f"{repository}/bad:1")) == ["linux/amd64", "linux/arm64"]
    assert github.push() == {"plan": "success"}, github.said


def test_a_matrix_that_does_not_reach_the_jobs_is_no_success(tmp_path: Path, repository: str, two_nodes: str) -> None:
    """GitHub hands on no output in which a secret is: it says so in the log, and the output is empty."""
    assert two_nodes
    folder = write(tmp_path / "repository", PAIR.format(repository=repository), {"files/good": "1"})
    github = GitHub(folder, tmp_path / "github")
    path = folder / PATH
    output = "      wave-1: ${{ steps.ci.outputs.wave-1 }}\n"
    assert output in path.read_text()
    path.write_text(path.read_text().replace(output, ""))
    commit(folder)
    assert github.push() == {"plan": "success", "merge": "failure", **dict.fromkeys(BAD, "failure")}, github.said
    assert "good@linux/amd64 was not built: there is no record of it" in " ".join(github.said.split())


@pytest.mark.parametrize("secrets", [{"LICENCE": "of-somebody"}, {}], ids=["there", "absent"])
def test_a_secret_that_a_build_can_do_without_is_there_for_the_plan_too(
    tmp_path: Path, repository: str, one_node: str, secrets: dict[str, str]
) -> None:
    """A build without it is another one: a plan that took it as absent would build again in each run."""
    assert one_node
    folder = write(tmp_path / "repository", LICENSED.format(repository=repository), {"files/good": "1"})
    github = GitHub(folder, tmp_path / "github")
    github.secrets = secrets
    assert github.push() == dict.fromkeys(["plan", "app", "merge"], "success"), github.said
    assert github.push() == {"plan": "success"}, github.said
