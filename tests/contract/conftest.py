"""Contract tests ask buildx itself, old and new, what a bake file means; `--print` needs no engine."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.inside import exit_code

Render = Callable[..., tuple[str, str]]


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
