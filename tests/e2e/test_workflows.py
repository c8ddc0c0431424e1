"""The commands of the guide's workflows, run as a CI system runs them: a pull request, a push, and bases that move."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.e2e.tools import tagged

GUIDE = (Path(__file__).parents[2] / "docs/guide.md").read_text()
WORKFLOWS = [text for text in re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL) if text.startswith("name: ")]
STEPS = [step for text in WORKFLOWS for step in re.findall(r"run: \|\n(.*?)(?=\n {4}-|\Z)", text, re.DOTALL)]
SPEC = """version = 1
[apply]
incremental = true
[target.app]
dockerfile-inline = "FROM {base}\\nCOPY . /files"
context = "app"
tags = ["{repository}/app:1"]
output = [{{ type = "registry" }}]
"""


@pytest.fixture
def checkout(tmp_path: Path, repository: str, registry: str) -> Path:
    """A clone whose `main` is locked and published."""
    tagged(f"{repository}/base:1", f"{registry}/library/busybox")
    (tmp_path / "app").mkdir()
    (tmp_path / "app/a").write_text("1")
    (tmp_path / "buildmatrix.toml").write_text(SPEC.format(base=f"{repository}/base:1", repository=repository))
    (tmp_path / ".gitignore").write_text("*.md\nplan.json\nbin\n.buildmatrix\n")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/buildmatrix").write_text(f'#!/bin/sh\nexec {sys.executable} -m buildmatrix "$@"\n')
    (tmp_path / "bin/buildmatrix").chmod(0o755)
    shell(tmp_path, "git init -qb main && buildmatrix lock")
    commit(tmp_path)
    shell(tmp_path, "git update-ref refs/remotes/origin/main HEAD")
    return tmp_path


def commit(folder: Path) -> None:
    shell(folder, "git add -A && git -c user.name=x -c user.email=x@y commit -qm x")


def shell(folder: Path, script: str, allowed: tuple[int, ...] = (0,)) -> str:
    environment = {**os.environ, "PATH": f"{folder}/bin:{os.environ['PATH']}", "BASE": "main", "NO_COLOR": "1"}
    environment["GITHUB_STEP_SUMMARY"] = f"{folder}/summary.md"
    done = subprocess.run(["bash", "-ec", script], cwd=folder, env=environment, capture_output=True, text=True)  # noqa: PLW1510
    assert done.returncode in allowed, done.stdout + done.stderr
    return done.stdout


def commands(step: str) -> str:
    """Return what a step runs, without git's and gh's commands: those need GitHub."""
    return "\n".join(line.strip() for line in step.splitlines() if line.strip().startswith("buildmatrix "))


def test_a_pull_request_is_told_and_a_push_is_built_as_planned(checkout: Path) -> None:
    request, push, _ = STEPS
    (checkout / "app/a").write_text(str(time.time_ns()))
    commit(checkout)
    assert "1 built" in shell(checkout, commands(request))
    assert "app/a" in (checkout / "comment.md").read_text()
    assert re.search("1 (built|cached)", shell(checkout, commands(push)))
    assert "1 unchanged" in shell(checkout, commands(push))
    assert "app" in (checkout / "summary.md").read_text()


def test_bases_that_moved_are_in_the_file_and_told(checkout: Path, repository: str) -> None:
    before = (checkout / "buildmatrix.lock").read_text()
    shell(checkout, commands(STEPS[1]))
    tagged(f"{repository}/base:1", f"{repository}/app:1")
    shell(checkout, commands(STEPS[2]))
    assert (checkout / "buildmatrix.lock").read_text() != before
    assert "base:1" in (checkout / "moved.md").read_text()
