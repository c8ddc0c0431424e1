"""What docker is asked before a run: as little as possible where all is well, and the old way where it is not."""

import json
from typing import Any

import pytest

from buildmatrix.engine.buildx import Probe
from buildmatrix.errors import EngineError
from buildmatrix.process import Completed
from tests.programs import Scripted, said

NODE = "Name: b\nDriver: docker\n\nNodes:\nName: b0\nPlatforms: linux/amd64\n"


def docker_with(inspected: Completed, version: Completed, plugin: dict[str, Any]) -> Scripted:
    """A docker that tells of this plugin, and whose buildx says this of its builder and of its version."""
    told = json.dumps({"ClientInfo": {"Plugins": [{"Name": "compose", "Version": "v2.0.0"}, plugin]}})
    answers: dict[str, Completed | EngineError] = {
        "docker buildx inspect": inspected,
        "docker buildx version": version,
        "docker info": said(told),
    }
    return Scripted(answers)


OLD = said("github.com/docker/buildx v0.13.1 abc\n")


def looked(docker: Scripted) -> str:
    with Probe(docker, None) as probe:
        return str(probe.look()[0])


@pytest.mark.parametrize("told", ["v0.29.1", "0.29.1+ds1", "v0.29.1-desktop.1"])
def test_what_docker_knows_of_its_plugin_is_not_asked_again(told: str) -> None:
    docker = docker_with(said(NODE), OLD, {"Name": "buildx", "Version": told})
    assert looked(docker) == "0.29.1"
    assert "docker buildx version" not in docker.asked


@pytest.mark.parametrize("plugin", [{"Name": "buildx"}, {"Name": "buildx", "Version": ""}, {"Name": "other"}])
def test_a_docker_that_does_not_know_lets_buildx_tell(plugin: dict[str, Any]) -> None:
    assert looked(docker_with(said(NODE), OLD, plugin)) == "0.13.1"


def test_a_version_that_is_none_is_asked_of_buildx_and_refused_where_that_tells_none_either() -> None:
    told = {"Name": "buildx", "Version": "abcdef"}
    assert looked(docker_with(said(NODE), OLD, told)) == "0.13.1"
    with pytest.raises(EngineError, match="does not tell its version"):
        looked(docker_with(said(NODE), said("github.com/docker/buildx abcdef abc\n"), told))


@pytest.mark.parametrize(
    "inspected", [said(stderr="ERROR: it is gone", code=1), said(NODE.replace("\nNodes", "Error: gone\n\nNodes"))]
)
def test_where_something_is_wrong_buildx_is_asked_itself(inspected: Completed) -> None:
    """A docker without buildx fails over every question: that it has none is what is said."""
    told = {"Name": "buildx", "Version": "0.29.1"}
    with pytest.raises(EngineError, match="no Docker Engine answers"):
        looked(docker_with(inspected, OLD, told))
    with pytest.raises(EngineError, match="docker has no buildx"):
        looked(docker_with(inspected, said(stderr="docker: unknown command: docker buildx", code=1), told))
