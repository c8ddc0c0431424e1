"""The program, run within the test."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.inside import exit_code


@pytest.fixture
def say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., tuple[str, str, int]]:
    """Run a command in a directory with a file; what it printed, what it said beside, and its exit code."""

    def go(text: str, *arguments: str) -> tuple[str, str, int]:
        (tmp_path / "buildmatrix.toml").write_text(text)
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("BUILDMATRIX_TRACEBACK", "1")
        monkeypatch.setenv("GITHUB_ACTIONS", "true")
        code = exit_code(*arguments)
        out, err = capfd.readouterr()
        return out, err, code

    return go
