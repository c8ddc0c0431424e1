"""Contract tests ask buildx itself, old and new, what a bake file means; `--print` needs no engine."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from buildmatrix.process import Programs
from tests.inside import exit_code

Render = Callable[..., tuple[str, str]]


@pytest.fixture(scope="session")
def buildx(docker_buildx: tuple[str, ...]) -> tuple[str, ...]:
    """The command of a current buildx: the plugin itself where it is known, as docker would only start it, later."""
    plugin = Programs(dict(os.environ)).docker_plugin("buildx")
    return (plugin,) if plugin else docker_buildx


@pytest.fixture
def render(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Render:
    """Run `buildmatrix render` in a directory, within the test: what it printed, and what it said beside."""

    def go(folder: Path, *words: str, **environment: str) -> tuple[str, str]:
        with monkeypatch.context() as there:
            there.chdir(folder)
            for name, value in environment.items():
                there.setenv(name, value)
            code = exit_code("render", *words)
        out, err = capfd.readouterr()
        assert code == 0, err
        return out, err

    return go


@pytest.fixture(params=["buildx", "old_buildx"])
def each_buildx(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """The command of the current buildx and that of the oldest supported one, in turn."""
    command: tuple[str, ...] = request.getfixturevalue(request.param)
    return command
