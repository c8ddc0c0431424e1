"""What golden tests run: the program, in a directory of a test's own."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.inside import exit_code

Program = Callable[[Path, list[str]], tuple[str, str, int]]


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Program:
    """Run a command line in a directory: what it wrote to stdout and stderr, and its exit code."""

    def run(folder: Path, words: list[str]) -> tuple[str, str, int]:
        for name in list(os.environ):
            if name.startswith(("BUILDMATRIX_", "GITHUB_", "BUILDX_", "SOURCE_DATE")):
                monkeypatch.delenv(name)
        monkeypatch.setenv("NO_COLOR", "1")
        monkeypatch.setenv("BUILDMATRIX_TRACEBACK", "1")
        monkeypatch.chdir(folder)
        code = exit_code(*words)
        out, err = capfd.readouterr()
        return out, err, code

    return run
