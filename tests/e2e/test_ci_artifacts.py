"""The jobs of GitLab's pipelines one by one, each in a new clone, with artifacts unpacked in one order or the other.

GitLab does not say in which order it unpacks the artifacts of the jobs before, and hands on those of the last run of
each. What its jobs share are paths: what two of them have uploaded there is that of the one unpacked last.
"""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.e2e.machines import commit, environment, programs
from tests.e2e.tools import digest, docker_config, write
from tests.warm import command

SPEC = """
[defaults]
output = [{{ type = "registry" }}]
[target.base]
dockerfile-inline = "FROM scratch\\nCOPY file /base"
secret = [{{ id = "token", env = "TOKEN" }}]
tags = ["{repository}/base:1"]
[target.app]
dockerfile-inline = "FROM base\\nCOPY file /app"
contexts.base = "target:base"
tags = ["{repository}/app:1"]
[target.other]
dockerfile-inline = "FROM scratch\\nCOPY file /other"
tags = ["{repository}/other:1"]
[target.otherapp]
dockerfile-inline = "FROM other\\nCOPY file /app"
contexts.other = "target:other"
tags = ["{repository}/otherapp:1"]
"""
NAMES = ("base", "app", "other", "otherapp")
GIVEN = {"TOKEN": "x"}


class Pipeline:
    """A child pipeline; `artifacts` are the files of the last run of each job, in the order of their runs."""

    def __init__(self, checkout: Path, home: Path, *, is_newest_first: bool) -> None:
        self.checkout, self.home, self.is_newest_first, self.said, self.runs = checkout, home, is_newest_first, "", 0
        self.artifacts = dict[str, dict[str, bytes]]()
        programs(home / "bin", {})
        self.jobs: dict[str, Any] = YAML(typ="safe").load(self._told("ci", "gitlab", "--workflow", "-"))
        self._told("plan", "--out", str(home / "plan.json"))
        self.child: dict[str, Any] = json.loads(self._told("ci", "gitlab", str(home / "plan.json")))
        self.artifacts["planned"] = {".buildmatrix/plan.json": (home / "plan.json").read_bytes()}

    def _told(self, *words: str) -> str:
        done = subprocess.run(command(*words), cwd=self.checkout, capture_output=True, text=True, check=True)
        return done.stdout

    def run(self, name: str, **more: str) -> int:
        """Run a job, with what those of earlier stages have left; returns its exit code."""
        job, self.runs = self.child[name], self.runs + 1
        does = self.jobs[job["extends"]]
        clone = self._clone(self.child["stages"].index(job["stage"]))
        own = {**environment(self.home), **job.get("variables", {}), **more}
        own |= {"DOCKER_CONFIG": str(docker_config(self.home / f"docker{self.runs}"))}
        socket = f"unix://{os.environ['ENGINE_HOME']}/run/buildkit0.sock"
        script = "\n".join(does["script"]).replace("--driver docker-container", f'--driver remote "{socket}"')
        done = subprocess.run(["sh", "-ec", script], cwd=clone, env=own, capture_output=True, text=True, check=False)
        self.said = done.stdout + done.stderr
        assert "bug in buildmatrix" not in self.said, self.said
        self.artifacts.pop(name, None)
        self.artifacts[name] = _files(clone, does.get("artifacts", {}).get("paths", []))
        return done.returncode

    def _clone(self, stage: int) -> Path:
        clone = self.home / f"clone{self.runs}"
        subprocess.run(["git", "clone", "-q", str(self.checkout), str(clone)], check=True)
        before = [name for name in self.artifacts if self.child["stages"].index(self.child[name]["stage"]) < stage]
        for name in reversed(before) if self.is_newest_first else before:
            for path, content in self.artifacts[name].items():
                (clone / path).parent.mkdir(parents=True, exist_ok=True)
                (clone / path).write_bytes(content)
        return clone


def _files(folder: Path, patterns: list[str]) -> dict[str, bytes]:
    """Return what is uploaded: files, and all that is in directories."""
    found = [path for pattern in patterns for path in folder.glob(pattern)]
    every = [file for path in found for file in (path.rglob("*") if path.is_dir() else [path]) if file.is_file()]
    return {str(file.relative_to(folder)): file.read_bytes() for file in every}


@pytest.mark.parametrize("is_newest_first", [True, False])
def test_the_record_of_a_job_that_ran_again_is_not_lost_to_an_older_copy(
    tmp_path: Path, repository: str, one_node: str, *, is_newest_first: bool
) -> None:
    assert one_node
    checkout = write(tmp_path / "repository", SPEC.format(repository=repository), {"file": "1"})
    commit(checkout)
    pipeline = Pipeline(checkout, tmp_path, is_newest_first=is_newest_first)
    first = {name: pipeline.run(f"build {name}") for name in ("base", "other", "app", "otherapp")}
    assert {name for name, code in first.items() if code} == {"base", "app"}, pipeline.said
    assert pipeline.run("merge") == 1, pipeline.said
    assert [bool(digest(f"{repository}/{name}:1")) for name in NAMES] == [False, False, True, True]
    assert pipeline.run("build base", **GIVEN) == 0, pipeline.said
    assert pipeline.run("build app") == 0, pipeline.said
    assert pipeline.run("merge") == 0, pipeline.said
    assert all(digest(f"{repository}/{name}:1") for name in NAMES)
    made = {name: sorted(files) for name, files in pipeline.artifacts.items() if name.startswith("build ")}
    assert {name: len(paths) for name, paths in made.items()} == dict.fromkeys(made, 1)
