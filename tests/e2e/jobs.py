"""The jobs of GitHub's workflow one by one: its commands, each job on a machine of its own, and the artifacts of a run.

What GitHub does between them is done here: rows become jobs, artifacts have names, and a job that ran may run again.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any

from tests.e2e.machines import MACHINES, environment, programs
from tests.e2e.tools import docker_config
from tests.warm import command

Row = dict[str, Any]


class Job:
    """A job that runs, or has ended."""

    def __init__(self, process: "subprocess.Popen[str]", artifact: tuple[Path, Path] | None) -> None:
        """`artifact` is the directory whose files are uploaded, and where to."""
        self.process, self._artifact, self.said = process, artifact, ""

    def ended(self) -> int:
        """Wait for its end, and upload; returns its exit code."""
        out, err = self.process.communicate()
        self.said = out + err
        assert "bug in buildmatrix" not in self.said, self.said
        if self._artifact and (files := list(self._artifact[0].glob("*.json"))):
            shutil.rmtree(self._artifact[1], ignore_errors=True)
            self._artifact[1].mkdir(parents=True)
            for file in files:
                shutil.copy(file, self._artifact[1])
        return self.process.returncode


class Workflow:
    """A run of a workflow: `checkout` is the repository, `home` holds machines and the artifacts of the run."""

    def __init__(self, checkout: Path, home: Path, *words: str) -> None:
        """`words` are options of `ci github --workflow`."""
        self.checkout, self.home, self.artifacts = checkout, home, home / "artifacts"
        if not (home / "bin").exists():
            programs(home / "bin", {})
        done = subprocess.run(
            command("ci", "github", "--workflow", "-", *words), cwd=checkout, capture_output=True, text=True, check=True
        )
        self.file = dict(re.findall(r"^env: \{ (\w+): (\S+) \}$", done.stdout, re.MULTILINE))
        self._steps = {name: "\n".join(_commands(done.stdout, name)) for name in ("plan", "apply", "merge")}
        (self._plan, *_), (self._record,), (self._records, *_) = (
            re.findall(rf'{key}: "?({kind}-[^"\n]+)', done.stdout)
            for key, kind in (("name", "plan"), ("name", "records"), ("pattern", "records"))
        )
        self.id, self.waves = "", list[list[Row]]()

    def plan(self) -> int:
        """Run the job `plan`: the rows of its waves are there then."""
        machine = self._machine("plan")
        code = self._start(machine, self._steps["plan"]).ended()
        outputs = dict(line.split("=", 1) for line in (machine / "outputs").read_text().splitlines())
        self.id = outputs["plan"]
        self.waves = [json.loads(text)["include"] for name, text in outputs.items() if name.startswith("wave-")]
        if outputs["merge"] == "true":
            self._copy(machine / "plan.json", self.artifacts / self._named(self._plan) / "plan.json")
        return code

    def start(self, row: Row, **more: str) -> Job:
        """Start the job of a row."""
        machine = self._machine(f"{self.id}-{row['id']}")
        self._download(machine)
        node = MACHINES.index(row["runner"][0])
        socket = f"unix://{os.environ['ENGINE_HOME']}/run/buildkit{node}.sock"
        create = f'docker buildx create --name ci --driver remote --use "{socket}" >/dev/null'
        docker_config(machine / "docker")
        own = {"BUILD": row["build"], "BUILDX_BUILDER": "ci", "XDG_CACHE_HOME": str(machine / "cache"), **more}
        own |= {"DOCKER_CONFIG": str(machine / "docker")}
        artifact = (machine / "records", self.artifacts / self._named(self._record, row["id"]))
        return self._start(machine, f"{create}\n{self._steps['apply']}", artifact, **own)

    def merge(self) -> Job:
        """Run the job `merge`."""
        machine = self._machine(f"{self.id}-merge")
        self._download(machine)
        job = self._start(machine, self._steps["merge"])
        job.ended()
        return job

    def _start(self, machine: Path, script: str, artifact: tuple[Path, Path] | None = None, **more: str) -> Job:
        outputs = {"GITHUB_OUTPUT": f"{machine}/outputs", "GITHUB_STEP_SUMMARY": f"{machine}/summary.md"}
        own = {**environment(self.home), **self.file, "RUNNER_TEMP": str(machine), **outputs, **more}
        process = subprocess.Popen(
            ["bash", "-ec", script], cwd=self.checkout, env=own, stdout=-1, stderr=-1, text=True, start_new_session=True
        )
        return Job(process, artifact)

    def _machine(self, name: str) -> Path:
        """Return the directory of a new machine."""
        machine = self.home / "machines" / name
        shutil.rmtree(machine, ignore_errors=True)
        machine.mkdir(parents=True)
        return machine

    def _download(self, machine: Path) -> None:
        self._copy(self.artifacts / self._named(self._plan) / "plan.json", machine / "plan.json")
        for artifact in self.artifacts.glob(self._named(self._records)):
            shutil.copytree(artifact, machine / "records/jobs" / artifact.name)

    def _named(self, name: str, row: str = "") -> str:
        """Return the name of an artifact, with what its expressions are."""
        plan = re.sub(r"\$\{\{ [a-z.]+\.outputs\.plan \}\}", self.id, name)
        return plan.replace("${{ matrix.id }}", row)

    @staticmethod
    def _copy(source: Path, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)


def _commands(workflow: str, name: str) -> Iterator[str]:
    """Yield the commands of the step that begins with `buildmatrix NAME`."""
    _, _, rest = workflow.partition(f"buildmatrix {name} ")
    lines = f"buildmatrix {name} {rest}".splitlines()
    yield from (line.strip() for line in takewhile(lambda line: line.strip().startswith("buildmatrix "), lines))
