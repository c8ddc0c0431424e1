"""GitLab for tests: gitlab-ci-local runs a pipeline on this machine, each job in a directory of its own.

It starts no child pipelines. What the job `plan` has written is run as a pipeline of its own, which is given the plan.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.e2e.machines import MACHINES, commit, environment, programs
from tests.e2e.tools import docker_config
from tests.warm import command

PATH = ".gitlab/images.yml"
RUNNER = Path(sys.executable).parent.parent / "gitlab-ci-local/node_modules/.bin/gitlab-ci-local"
CHILD = ("--file=child.yml", "--variable=PLAN_PIPELINE=1")
RSYNC = """set -e
files=.
for word; do
  case $word in --files-from=*) files=--files-from=${word#*=} ;; esac
  from=$to to=$word
done
mkdir -p "$to"
tar -c --exclude=.gitlab-ci-local -C "$from" "$files" | tar -x -C "$to"
"""
"""What gitlab-ci-local copies with, as far as it is needed."""


class GitLab:
    """A repository at GitLab, with what the last pipeline said."""

    def __init__(self, repository: Path, home: Path) -> None:
        """`repository` is the checkout, and `home` a directory for what GitLab has. The file is committed."""
        self.repository, self.home, self.said = repository, home, ""
        programs(home / "bin", {"rsync": RSYNC})
        self.write_workflow()

    def write_workflow(self) -> None:
        """Commit what `ci gitlab` writes, for jobs that are no containers, and have an engine already."""
        subprocess.run(command("ci", "gitlab", "--workflow", PATH), cwd=self.repository, check=True)
        path = self.repository / PATH
        text = re.sub("^  (image|services): .*\n", "", path.read_text(), flags=re.MULTILINE)
        text = text.replace("tcp://docker:2375", os.environ["DOCKER_HOST"])
        text = text.replace("--driver docker-container --use", '--driver remote --use "$NODE"')
        assert '"$NODE"' in text
        path.write_text(text)
        pipeline = f"stages: [plan, build]\ninclude: [{{ local: {PATH} }}]\n"
        (self.repository / ".gitlab-ci.yml").write_text(pipeline)
        commit(self.repository)
        subprocess.run(["git", "remote", "add", "origin", "git@gitlab.example.com:x/y.git"], cwd=self.repository)  # noqa: PLW1510 it may be there

    def plan(self) -> dict[str, Any]:
        """Run the pipeline as far as it goes here; returns the child that it would start."""
        assert self.run("plan") == {"plan": "PASS"}, self.said
        child: dict[str, Any] = json.loads((self.repository / ".buildmatrix/jobs.yml").read_text())
        return child

    def build(self, child: dict[str, Any], broken: str = "") -> dict[str, str]:
        """Run a child pipeline; returns how each job ended, by its name. The machine of `broken` makes no builder."""
        plan = self.home / "plan.json"
        (self.repository / ".buildmatrix/plan.json").rename(plan)
        where = {"paths": [".buildmatrix/plan.json"]}
        planned = {"stage": "plan", "script": f"mkdir -p .buildmatrix; cp {plan} .buildmatrix", "artifacts": where}
        self._write_child({**child, "planned": planned}, broken)
        return self.run(*CHILD)

    def retry(self, child: dict[str, Any], name: str) -> dict[str, str]:
        """Run a job of the child pipeline again, and then the one that joins."""
        self._write_child(child)
        return {**self.run(*CHILD, name), **self.run(*CHILD, "merge")}

    def _write_child(self, child: dict[str, Any], broken: str = "") -> None:
        jobs = {
            name: self._on_machine(job, is_broken=name == broken) if "tags" in job else job
            for name, job in child.items()
        }
        (self.repository / "child.yml").write_text(json.dumps(jobs))

    def _on_machine(self, job: dict[str, Any], *, is_broken: bool) -> dict[str, Any]:
        """Return a job with what the machine of its tag has."""
        docker = self.home / "machines" / re.sub(r"\W", "_", job["variables"]["BUILD"])
        node = MACHINES.index(job["tags"][0])
        shutil.rmtree(docker, ignore_errors=True)
        docker_config(docker)
        socket = f"unix://{os.environ['ENGINE_HOME']}/run/buildkit{node}.sock"
        machine = {
            "DOCKER_CONFIG": str(docker),
            "NODE": "--no-such-flag" if is_broken else socket,
            "XDG_CACHE_HOME": str(docker / "cache"),
        }
        return {**job, "variables": {**job["variables"], **machine}}

    def run(self, *words: str) -> dict[str, str]:
        """Run jobs; returns how each ended, by its name."""
        program = [str(Path(sys.executable).with_name("node")), str(RUNNER), "--shell-isolation", *words]
        own = environment(self.home)
        done = subprocess.run(program, cwd=self.repository, env=own, capture_output=True, text=True, check=False)
        self.said = done.stdout + done.stderr
        assert "bug in buildmatrix" not in self.said, self.said
        return {name.strip(): how for how, name in re.findall(r"^ (PASS|FAIL|WARN)  (.+)$", done.stdout, re.MULTILINE)}
