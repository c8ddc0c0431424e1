"""GitHub for tests: act runs a workflow on this machine, with actions of our own in place of those that GitHub has.

Each job has a directory, a configuration of docker and caches of its own, and the engine of the machine that it names.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.e2e.machines import MACHINES, commit, environment, programs
from tests.warm import command

PATH = ".github/workflows/images.yml"
SETUP = "uses: docker/setup-buildx-action@v4\n"

ACTIONS = {
    "actions/checkout@v5": (["persist-credentials"], "true"),
    "actions/upload-artifact@v7": (
        ["name", "path", "overwrite"],
        """
        shopt -s nullglob
        files=($PATH_OF) to=$ARTIFACTS/$NAME
        if [[ ${#files[@]} == 0 ]]; then echo "no files were found"; exit; fi
        if [[ -e $to && $OVERWRITE != true ]]; then echo "an artifact with this name exists"; exit 1; fi
        rm -rf "$to"; mkdir -p "$to"; cp "${files[@]}" "$to"
        """,
    ),
    "actions/download-artifact@v8": (
        ["name", "pattern", "path"],
        """
        mkdir -p "$PATH_OF"
        if [[ $NAME ]]; then cp -r "$ARTIFACTS/$NAME/." "$PATH_OF"; exit; fi
        shopt -s nullglob
        for artifact in "$ARTIFACTS"/$PATTERN; do cp -r "$artifact" "$PATH_OF"; done
        """,
    ),
    "docker/setup-buildx-action@v4": (
        ["name"],
        """
        node=0; if [[ $NAME == arm ]]; then node=1; fi
        export DOCKER_CONFIG=$RUNNER_TEMP/docker
        mkdir "$DOCKER_CONFIG"; cp -r "$CLI_PLUGINS" "$DOCKER_CONFIG/cli-plugins"
        docker buildx create --name "$NAME" --driver remote --use "unix://$ENGINE_HOME/run/buildkit$node.sock"
        printf '%s\\n' "DOCKER_CONFIG=$DOCKER_CONFIG" "XDG_CACHE_HOME=$RUNNER_TEMP/cache" >> "$GITHUB_ENV"
        """,
    ),
}
"""What our actions take, and do: what GitHub's do, as far as the workflow uses them."""


class GitHub:
    """A repository at GitHub, with the artifacts of its runs, and what the last one said."""

    def __init__(self, repository: Path, home: Path, *words: str) -> None:
        """`repository` is the checkout, and `home` a directory for what GitHub has.

        The workflow is committed; `words` are options of `ci github --workflow`. `secrets` are those of the
        repository, by name.
        """
        self.repository, self.home, self.said = repository, home, ""
        self.secrets = dict[str, str]()
        self.artifacts = home / "artifacts"
        programs(home / "bin", {"pip": "true"})
        for name, (inputs, script) in ACTIONS.items():
            self._folder(name).mkdir(parents=True)
            (self._folder(name) / "action.yml").write_text(_action(inputs, script))
        self._write_workflow(words)

    def _folder(self, action: str) -> Path:
        return self.home / "actions" / action.partition("@")[0]

    def _write_workflow(self, words: Sequence[str]) -> None:
        """Commit the workflow that `ci github` writes; our setup-buildx, which does not see its machine, is told."""
        subprocess.run(command("ci", "github", "--workflow", PATH, *words), cwd=self.repository, check=True)
        path = self.repository / PATH
        assert SETUP in path.read_text()
        told = f'{SETUP}      with: {{ name: "${{{{ matrix.runner[0] }}}}" }}\n'
        path.write_text(path.read_text().replace(SETUP, told))
        commit(self.repository)

    def push(self) -> dict[str, str]:
        """Run the workflow; returns how each job ended, by its name: one that was skipped is not among them."""
        done = subprocess.run(
            self.command(), cwd=self.repository, env=self.environment(), capture_output=True, text=True, check=False
        )
        lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        self.said = "".join(line["msg"] for line in lines if line.get("raw_output")) + done.stderr
        assert "bug in buildmatrix" not in self.said, self.said
        failed = {_name(line) for line in lines if line.get("stepResult") == "failure"}
        return {name: "failure" if name in failed else "success" for name in map(_name, _ends(lines))}

    def command(self) -> list[str]:
        """What runs the workflow."""
        act = Path(sys.executable).with_name("act")
        actions = [f"--local-repository={name}={self._folder(name)}" for name in ACTIONS]
        machines = [f"--platform={label}=-self-hosted" for label in (*MACHINES, "ubuntu-latest")]
        where = [f"--workflows={PATH}", f"--action-cache-path={self.home / 'machines'}", "--no-cache-server"]
        secrets = [f"--secret={name}={value}" for name, value in self.secrets.items()]
        return [str(act), "push", "--json", *where, *actions, *machines, *secrets]

    def environment(self) -> Mapping[str, str]:
        """That of the machines."""
        plugins = str(Path(os.environ["DOCKER_CONFIG"], "cli-plugins"))
        return {**environment(self.home), "ARTIFACTS": str(self.artifacts), "CLI_PLUGINS": plugins}


def _action(inputs: list[str], script: str) -> str:
    """Return an action's file, in JSON. What it is given is in the environment (`path` as PATH_OF) and its outputs."""
    given = {"PATH_OF" if name == "path" else name.upper(): f"${{{{ inputs.{name} }}}}" for name in inputs}
    outputs = {name: {"value": f"${{{{ inputs.{name} }}}}"} for name in inputs}
    step = {"shell": "bash", "run": script, "env": given}
    action = {"name": "ours", "inputs": {name: {"default": ""} for name in inputs}, "outputs": outputs}
    return json.dumps({**action, "runs": {"using": "composite", "steps": [step]}})


def _ends(lines: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Yield the last line of each job: what it says of the end is of all rows of a matrix."""
    return (line for line in lines if "jobResult" in line)


def _name(line: Mapping[str, Any]) -> str:
    return str(line["matrix"].get("name", line["jobID"]))
