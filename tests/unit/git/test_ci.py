"""What GitHub is told at the end of a run, and that a file of its that cannot be written is said."""

from pathlib import Path

import pytest

from buildmatrix.cli.run.showing import tell_github
from buildmatrix.engine.outcome import Outcome


@pytest.mark.parametrize("name", ["GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"])
def test_a_file_of_github_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    for one in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"):
        monkeypatch.setenv(one, str(tmp_path / one))
    monkeypatch.setenv(name, str(tmp_path))
    (found,) = tell_github(Outcome(targets=(), seconds=0.0))
    assert found.message == f"{tmp_path} ({name}) cannot be written: Is a directory"
    assert len(list(tmp_path.iterdir())) == 1
