"""What the README shows of a run that fails is what such a run shows."""

import re
from pathlib import Path

import pytest

from tests.e2e.tools import Project, Run

pytestmark = pytest.mark.corpus

README = (Path(__file__).parents[2] / "README.md").read_text()
SPEC = """
[defaults]
platforms = ["linux/amd64", "linux/arm64"]
output = [{{ type = "registry" }}]
tags = ["{}/{{{{ target }}}}:1"]
[target.base]
dockerfile-inline = "FROM scratch\\nCOPY Dockerfile /\\n"
[target.tools]
dockerfile = "tools.Dockerfile"
[target.web]
contexts.base = "target:base"
dockerfile-inline = "FROM base\\nCOPY tools.Dockerfile /\\n"
[target.worker]
contexts.tools = "target:tools"
dockerfile-inline = "FROM tools\\n"
"""
VARY = {r" +\d+\.\ds": " 1.0s", r"sha256:[0-9a-f]{12}": "sha256:…", r"linux/(amd64|arm64) 2/2": "linux/… 2/2"}
"""Times, digests, and the platform whose step was first to fail."""


def alike(text: str) -> str:
    for pattern, replacement in VARY.items():
        text = re.sub(pattern, replacement, text)
    return text.strip()


def test_the_readme_shows_a_failure_as_it_is(project: Project, run: Run, repository: str) -> None:
    found = re.search(r"^    \$ buildmatrix (apply .*)\n\n((?:    .*\n|\n)+)", README, re.MULTILINE)
    assert found
    shown = re.sub(r"^    ", "", found[2], flags=re.MULTILINE).replace("sleep 3; ", "")
    (step,) = re.findall(r"^> tools: linux/amd64 2/2 (RUN .*)$", shown, re.MULTILINE)
    project(SPEC.format(repository), {"Dockerfile": repository, "tools.Dockerfile": f"FROM busybox\n{step}\n"})
    done = run(*found[1].split(), "--builder", "default")
    assert done.returncode == 1
    assert alike(done.stdout.replace(repository, "localhost:5000")) == alike(shown)
