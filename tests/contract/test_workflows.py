"""What we write is valid: by actionlint, which knows GitHub's actions and expressions, and by the schemas of both."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from buildmatrix.ci.github import github_workflow, taken
from buildmatrix.ci.gitlab import gitlab_workflow, pipeline_json
from buildmatrix.ci.jobs import Job, Jobs
from buildmatrix.ci.setup import Setup

ROOT = Path(__file__).parents[2]
PLAIN = Setup(
    path="ci/images.yml",
    file="",
    waves=1,
    runner=(),
    registries=(),
    emulates=False,
    caches_in_github=False,
    variables=(),
    optional=(),
)
ALL: dict[str, Any] = {
    "file": "images/buildmatrix.toml",
    "runner": ("self-hosted", "linux"),
    "registries": ("docker.io", "ghcr.io", "registry.gitlab.com", "registry.example.com:5000"),
    "emulates": True,
    "caches_in_github": True,
    "variables": ("GITHUB_TOKEN", "NPM_TOKEN"),
    "optional": ("LICENCE", "PROXY"),
}
ODD: dict[str, Any] = {
    "path": "a b/#$x: 'y'.yml",
    "file": 'ä/${{ github.token }} $HOME: "x" # y.toml',
    "runner": ("yes", "- a: [b]", "${{ x }}"),
    "registries": ("1.2.3.4", "[::2]:5000", "a.b", "a-b"),
}
SETUPS = [
    PLAIN,
    *(replace(PLAIN, waves=waves, **{name: value}) for waves in (1, 3) for name, value in ALL.items()),
    *(replace(PLAIN, waves=waves, **ALL) for waves in (1, 2, 3, 12)),
    replace(PLAIN, waves=2, **ODD),
]


def job(wave: int, number: int, *builds: str, runner: tuple[str, ...] = ()) -> Job:
    return Job(builds=builds, platforms=("linux/amd64",), runner=runner, wave=wave, number=number)


PIPELINES = [
    Jobs(plan="p", waves=(), warnings=()),
    Jobs(plan="p", waves=(), warnings=(), moves=True),
    Jobs(plan="p", waves=((job(1, 1, "app"),),), warnings=()),
    Jobs(
        plan="p",
        waves=(
            (job(1, 1, "base@linux/amd64"), job(1, 2, "base@linux/arm64", "tool", runner=("arm", "$x: [a]"))),
            (job(2, 1, "app[a=1,b= x]@linux/amd64", runner=("yes",)), job(2, 2, "t" * 300)),
        ),
        warnings=(),
    ),
]


def written(folder: Path, texts: Sequence[str]) -> list[Path]:
    paths = [folder / f"{number}.yml" for number in range(len(texts))]
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text)
    return paths


def refused(*command: str | Path) -> str:
    """What a program says of files that it does not take, "" if it takes them."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) in {(0, ""), (1, "")}
    return done.stdout if done.returncode else ""


def against_schema(name: str, *paths: Path) -> str:
    own = ["--data-transform", "gitlab-ci"] if name == "gitlab-ci" else []
    program = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{name}", *own]
    return refused(*program, *paths)


def linted(*paths: Path) -> str:
    """Labels of machines are anybody's."""
    program = Path(sys.executable).with_name("actionlint")
    return refused(program, "-no-color", "-shellcheck=", "-ignore", 'label ".+" is unknown', *paths)


def test_workflows_of_github_are_valid(tmp_path: Path) -> None:
    paths = written(tmp_path, [github_workflow(setup) for setup in SETUPS])
    assert linted(*paths) == ""
    assert against_schema("github-workflows", *paths) == ""


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        (
            "overwrite: true }",
            "overwrit: true }",
            'input "overwrit" is not defined in action "actions/upload-artifact@v7"',
        ),
        ("needs.plan.outputs.wave-2 }}", "needs.plan.outputs.wave-4 }}", 'property "wave-4" is not defined'),
        ("    - *records\n", "    - *record_s\n", "record_s"),
        ("needs: [plan, wave-1]", "needs: [plan, wave-5]", 'needs job "wave-5" which does not exist'),
    ],
)
def test_and_would_be_found_if_they_were_not(tmp_path: Path, right: str, wrong: str, said: str) -> None:
    text = github_workflow(replace(PLAIN, waves=3))
    assert right in text
    assert said in linted(*written(tmp_path, [text.replace(right, wrong)]))


def test_our_own_workflows_are_valid_and_those_that_the_guide_shows(tmp_path: Path) -> None:
    """By actionlint; what it says of versions of actions that GitHub no longer runs is an error, too."""
    shown = re.findall(r"```yaml\n(name: .*?)```", (ROOT / "docs/guide.md").read_text(), re.DOTALL)
    assert len(shown) >= 2
    assert linted(*(ROOT / ".github/workflows").glob("*.yml"), *written(tmp_path, shown)) == ""


def test_pipelines_of_gitlab_are_valid(tmp_path: Path) -> None:
    files = [gitlab_workflow(setup) for setup in SETUPS]
    children = [pipeline_json(jobs, local) for jobs in PIPELINES for local in ("", ".gitlab/images.yml")]
    assert against_schema("gitlab-ci", *written(tmp_path, [*files, *children])) == ""


def test_and_the_schema_would_say_if_they_were_not(tmp_path: Path) -> None:
    text = gitlab_workflow(PLAIN).replace("strategy: depend", "strategy: wait")
    assert "strategy" in against_schema("gitlab-ci", *written(tmp_path, [text]))


def test_an_optional_secret_that_github_does_not_have_is_not_there(tmp_path: Path) -> None:
    """GitHub sets a variable for it to nothing, and a secret without a value is one."""
    made = replace(PLAIN, variables=("TOKEN",), optional=("LICENCE", "PROXY"))
    run = re.search(r"run: \|\n((?: {8,}.*\n)+) +env:\n((?: {8,}.*\n)+)", github_workflow(made))
    assert run is not None
    assert "TOKEN: ${{ secrets.TOKEN }}" in run[2]
    assert "LICENCE: ${{ secrets.LICENCE }}" in run[2]
    script = run[1].replace("buildmatrix apply", "env; true")
    given = {"PATH": os.environ["PATH"], "RUNNER_TEMP": str(tmp_path), "BUILD": "app"}
    done = subprocess.run(
        ["bash", "-e", "-c", script],
        env={**given, "TOKEN": "", "LICENCE": "", "PROXY": "x"},
        capture_output=True,
        text=True,
        check=True,
    )
    lines = done.stdout.splitlines()
    assert {"TOKEN=", "PROXY=x"} <= set(lines)
    assert not any(line.startswith("LICENCE") for line in lines)
    assert ("secrets of the repository", ["TOKEN", "LICENCE (optional)", "PROXY (optional)"]) in list(taken(made))


def test_a_plan_is_told_whether_optional_secrets_are_there_and_not_what_they_are(tmp_path: Path) -> None:
    made = replace(PLAIN, variables=("TOKEN", "BOTH"), optional=("BOTH", "LICENCE", "VALUE"), values=("VALUE",))
    text = github_workflow(made)
    assert linted(*written(tmp_path, [text])) == ""
    step = re.search(r"- id: ci\n +env:\n((?: {8,}.*\n)+) +run: \|\n((?: {8,}.*\n)+)", text)
    assert step is not None
    assert [line.strip() for line in step[1].splitlines()] == [
        "VALUE: ${{ vars.VALUE }}",
        "BOTH: ${{ secrets.BOTH && 'is there' }}",
        "LICENCE: ${{ secrets.LICENCE && 'is there' }}",
    ]
    assert [line.split()[-1] for line in step[2].splitlines() if "unset" in line] == ["VALUE", "BOTH", "LICENCE"]
    assert text.count("BOTH: ${{ secrets.BOTH }}") == 1
    assert ("secrets of the repository", ["TOKEN", "BOTH", "LICENCE (optional)", "VALUE (optional)"]) in [*taken(made)]


@pytest.mark.parametrize("path", ["images.yml", "a b/x.yml", "it's.yml"])
def test_the_command_in_the_head_is_one_for_a_shell(path: str) -> None:
    for system, write in (("github", github_workflow), ("gitlab", gitlab_workflow)):
        line = write(replace(PLAIN, path=path)).splitlines()[0]
        written = line.removeprefix("# Written by: ")
        assert shlex.split(written) == ["buildmatrix", "ci", system, "--workflow", path]


def test_steps_of_github_are_for_bash_on_windows_too() -> None:
    """PowerShell knows no $RUNNER_TEMP, and takes the plan from the root of a disk."""
    assert "\ndefaults: { run: { shell: bash } }\n" in github_workflow(PLAIN)
