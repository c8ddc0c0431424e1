"""What docker is asked before a run: as little as possible where all is well, and the old way where it is not."""

import json
from collections.abc import Sequence
from typing import Any, Self, cast

import pytest

from buildmatrix.engine.buildx import Probe
from buildmatrix.errors import EngineError
from buildmatrix.process import Completed

NODE = "Name: b\nDriver: docker\n\nNodes:\nName: b0\nPlatforms: linux/amd64\n"


class Said:
    """Stands for `Answer`."""

    def __init__(self, done: Completed) -> None:
        self._done = done

    def result(self) -> Completed:
        return self._done

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing runs."""


class Docker:
    """Stands for `Programs`: what docker says by the question's second word and third."""

    def __init__(self, inspected: Completed, version: Completed, plugin: dict[str, Any]) -> None:
        self.environment: dict[str, str] = {}
        self.asked: list[str] = []
        told = json.dumps({"ClientInfo": {"Plugins": [{"Name": "compose", "Version": "v2.0.0"}, plugin]}})
        self._says = {"inspect": inspected, "version": version, "--format": Completed(code=0, stdout=told, stderr="")}

    def begin(self, command: Sequence[str]) -> Said:
        self.asked.append(command[2])
        return Said(self._says[command[2]])


def done(out: str = "", err: str = "", code: int = 0) -> Completed:
    return Completed(code=code, stdout=out, stderr=err)


OLD = done("github.com/docker/buildx v0.13.1 abc\n")


def looked(docker: Docker) -> str:
    with Probe(cast("Any", docker), None) as probe:
        return str(probe.look()[0])


@pytest.mark.parametrize("told", ["v0.29.1", "0.29.1+ds1", "v0.29.1-desktop.1"])
def test_what_docker_knows_of_its_plugin_is_not_asked_again(told: str) -> None:
    docker = Docker(done(NODE), OLD, {"Name": "buildx", "Version": told})
    assert looked(docker) == "0.29.1"
    assert "version" not in docker.asked


@pytest.mark.parametrize("plugin", [{"Name": "buildx"}, {"Name": "buildx", "Version": ""}, {"Name": "other"}])
def test_a_docker_that_does_not_know_lets_buildx_tell(plugin: dict[str, Any]) -> None:
    assert looked(Docker(done(NODE), OLD, plugin)) == "0.13.1"


def test_a_version_that_is_none_is_refused_wherever_it_was_told() -> None:
    with pytest.raises(EngineError, match="does not tell its version"):
        looked(Docker(done(NODE), OLD, {"Name": "buildx", "Version": "abcdef"}))


@pytest.mark.parametrize(
    "inspected", [done(err="ERROR: it is gone", code=1), done(NODE.replace("\nNodes", "Error: gone\n\nNodes"))]
)
def test_where_something_is_wrong_buildx_is_asked_itself(inspected: Completed) -> None:
    """A docker without buildx fails over every question: that it has none is what is said."""
    told = {"Name": "buildx", "Version": "0.29.1"}
    with pytest.raises(EngineError, match="no Docker Engine answers"):
        looked(Docker(inspected, OLD, told))
    with pytest.raises(EngineError, match="docker has no buildx"):
        looked(Docker(inspected, done(err="docker: unknown command: docker buildx", code=1), told))
