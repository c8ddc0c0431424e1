"""The engine for tests that build: real BuildKit nodes and a registry.

A Docker that answers is used; elsewhere tools/engine/engine starts throw-away ones, which stay up for the next run
(`tools/engine/engine down` stops them). `docker`, `docker buildx` and buildmatrix find them by the environment.
"""

import fcntl
import os
import subprocess
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NoReturn

import pytest

from tests.e2e.tools import Project, Run, Start, docker_config, write
from tests.warm import command, ran


@pytest.fixture(scope="session", autouse=True)
def engine(run_engine: Callable[..., None]) -> dict[str, str]:
    """The environment that points at the engine, which is up; `os.environ` already holds it."""
    run_engine("up", "--nodes", "2")
    names = ("PATH", "DOCKER_CONFIG", "DOCKER_HOST", "ENGINE_HOME", "ENGINE_REGISTRY")
    return {name: os.environ[name] for name in names}


@pytest.fixture(autouse=True)
def turn(engine: dict[str, str], request: pytest.FixtureRequest) -> Iterator[None]:
    """Tests of several workers share the engines; one marked `alone` kills or empties them, and has them for itself.

    A lock does that, and no group of xdist: with pytest 9.1 and later its groups are passed over without a word. Who
    waits for it does nothing meanwhile, so tests/conftest.py has them run beside tests that use no engine.
    """
    alone = request.node.get_closest_marker("alone") is not None
    with Path(engine["ENGINE_HOME"], "tests.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        yield


@pytest.fixture(scope="session")
def registry(engine: dict[str, str], unavailable: Callable[[str], NoReturn]) -> str:
    """The address of a registry to push to, such as `localhost:5000`; it also holds `library/busybox`."""
    if not engine["ENGINE_REGISTRY"]:
        unavailable("no registry: set ENGINE_REGISTRY_PORT to the port of one on this machine")
    return engine["ENGINE_REGISTRY"]


@pytest.fixture
def repository(registry: str) -> str:
    """A name in the registry that no other test writes to."""
    return f"{registry}/test-{uuid.uuid4().hex[:12]}"


@pytest.fixture(scope="session")
def two_nodes(engine: dict[str, str], unavailable: Callable[[str], NoReturn]) -> str:
    """A builder of two nodes: linux/amd64 on one, linux/arm64 on the other."""
    command = ["docker", "buildx", "inspect", "two-nodes"]
    if subprocess.run(command, env={**os.environ, **engine}, capture_output=True, check=False).returncode:
        unavailable("no second node: that takes root on Debian")
    return "two-nodes"


@pytest.fixture(scope="session")
def one_node(engine: dict[str, str]) -> str:
    """A builder of one node that is not Docker itself: without an output, images stay in its cache."""
    assert engine
    return "one-node"


@pytest.fixture(scope="session")
def other_node(engine: dict[str, str], two_nodes: str) -> str:
    """A builder of the second node alone: another engine than that of `one_node`, with a cache of its own."""
    assert two_nodes
    address = f"unix://{engine['ENGINE_HOME']}/run/buildkit1.sock"
    create = ["docker", "buildx", "create", "--name", "other-node", "--driver", "remote", address]
    subprocess.run(create, env={**os.environ, **engine}, capture_output=True, check=False)  # it may be there already
    return "other-node"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Write a spec and further files; returns the directory."""

    def make(spec: str, files: Mapping[str, str] | None = None) -> Path:
        return write(tmp_path, spec, files)

    return make


@pytest.fixture
def run(engine: dict[str, str], tmp_path: Path) -> Run:
    """Run buildmatrix in the project's directory, as a user would."""

    def go(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return ran(*arguments, cwd=tmp_path, env={**os.environ, **engine, "NO_COLOR": "1", **more})

    return go


@pytest.fixture
def start(engine: dict[str, str]) -> Iterator[Start]:
    """Start buildmatrix in a directory and go on; what a failed test leaves running is ended, by its own process id."""
    started: list[subprocess.Popen[str]] = []

    def go(folder: Path, *arguments: str, **more: str) -> "subprocess.Popen[str]":
        environment = {**os.environ, **engine, "NO_COLOR": "1", **more}
        process = subprocess.Popen(
            command(*arguments),
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield go
    for process in started:
        if process.poll() is None:
            process.terminate()
        process.communicate()


@pytest.fixture
def old_docker(old_buildx: tuple[str, ...], tmp_path: Path, one_node: str, two_nodes: str) -> str:
    """A configuration of docker whose plugin is buildx 0.13, with the same builders."""
    return str(docker_config(tmp_path / "old-docker", old_buildx[0], one_node, two_nodes))
