"""Buildx as a program of its own: PATH has nothing else, and docker is nowhere."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.tools import Project, digest, engines_buildx, known, platforms

SPEC = """
[target.base]
tags = ["{repository}/base:1"]
platforms = ["linux/amd64", "linux/arm64"]
output = [{{ type = "registry" }}]

[target.app]
dockerfile-inline = "FROM base"
contexts.base = "target:base"
tags = ["{repository}/app:1"]
platforms = ["linux/amd64", "linux/arm64"]
output = [{{ type = "registry" }}]

[target.loaded]
dockerfile-inline = "FROM scratch\\nCOPY Dockerfile /"
tags = ["{repository}/loaded:1"]
output = [{{ type = "docker" }}]
"""


@pytest.fixture(params=["new", "old"])
def alone(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A directory with buildx and nothing else."""
    folder = tmp_path / "alone"
    folder.mkdir()
    (folder / "buildx").symlink_to(engines_buildx() if request.param == "new" else os.environ["OLD_BUILDX"])
    return folder


def run(folder: Path, path: Path | str, *words: str, **variables: str | None) -> "subprocess.CompletedProcess[str]":
    given = {**os.environ, "NO_COLOR": "1", "PATH": str(path), **variables}
    environment = {name: value for name, value in given.items() if value is not None}
    command = [sys.executable, "-m", "buildmatrix", *words]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr, done.stderr
    return done


def test_all_that_docker_is_needed_for_is_done_without_it(alone: Path, project: Project, repository: str) -> None:
    folder = project(SPEC.format(repository=repository), {"Dockerfile": known("FROM busybox\n", repository)})
    assert "preflight: buildx 0." in run(folder, alone, "plan", "--preflight").stderr
    assert run(folder, alone, "render", "-o", "bake.json").returncode == 0
    assert run(folder, alone, "render", "-o", "bake.json", "--check").returncode == 0
    done = run(folder, alone, "apply", "--format", "json")
    assert done.returncode == 0, done.stderr
    built: dict[str, dict[str, Any]] = {one["name"]: one for one in json.loads(done.stdout)["targets"]}
    assert platforms(f"{repository}/app:1") == ["linux/amd64", "linux/arm64"]
    assert digest(f"{repository}/app:1") == built["app"]["digest"]
    again = run(folder, alone, "apply", "--resume", "--format", "json")
    reasons = {one["name"]: (one["status"], one["reason"]) for one in json.loads(again.stdout)["targets"]}
    assert reasons["app"][0] == "unchanged"
    assert "nobody can say what the engine has: docker is not installed" in str(reasons["loaded"][1])


def test_a_remote_builder_of_buildx_s_own_configuration(alone: Path, project: Project, engine: dict[str, str]) -> None:
    folder = project(
        '[target.app]\ndockerfile-inline = "FROM scratch\\nCOPY Dockerfile /"\noutput = ["type=cacheonly"]\n'
    )
    config, address = folder / "buildx", f"unix://{engine['ENGINE_HOME']}/run/buildkit0.sock"
    create = [str(alone / "buildx"), "create", "--name", "far", "--driver", "remote", "--use", address]
    given = {name: value for name, value in os.environ.items() if name != "DOCKER_HOST"}
    subprocess.run(create, env={**given, "BUILDX_CONFIG": str(config)}, check=True, capture_output=True)
    variables = {"DOCKER_HOST": None, "BUILDX_CONFIG": str(config)}
    done = run(folder, "", "apply", BUILDX_BIN=str(alone / "buildx"), **variables)
    assert done.returncode == 0, done.stderr
    assert 'builder "far" (1 node)' in done.stderr
    missing = run(folder, alone, "apply", "--builder", "fra", **variables)
    assert missing.stderr == 'error: there is no builder "fra"\n  did you mean "far"?\n'
    silent = run(folder, alone, "apply", "--builder", "default", **{**variables, "DOCKER_HOST": "unix:///nowhere"})
    assert silent.returncode == 3
    assert "start it, or name another with DOCKER_HOST, DOCKER_CONTEXT, or --builder" in silent.stderr


def test_a_buildx_that_is_not_there_is_named(tmp_path: Path, project: Project) -> None:
    folder = project('[target.app]\ndockerfile-inline = "FROM scratch"\n')
    done = run(folder, tmp_path, "apply", BUILDX_BIN="/nowhere/buildx")
    assert done.returncode == 3
    message = (
        "there is no docker here, and BUILDX_BIN names /nowhere/buildx, which is not a program that can be started"
    )
    assert done.stderr.startswith(f"error: {message}\n")
