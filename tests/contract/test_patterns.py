"""Patterns of public bake files, each written twice: bake and buildmatrix mean the same, in every environment.

    patterns/NAME/   docker-bake.hcl, buildmatrix.toml, the files that they name, and `runs`, of lines
                     `VARIABLE=VALUE …: OPTION … NAME …`: an environment, and what is built in it, with which options;
                     `--bake-file=FILE` is one more `-f` of bake

What bake prints for its own file has to be what it prints for the rendered one.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PATTERNS = Path(__file__).parent / "patterns"
LISTS = ("tags", "platforms")


FILE = "--bake-file="


def _runs() -> list[Any]:
    found = []
    for folder in sorted(PATTERNS.iterdir()):
        for line in (folder / "runs").read_text().splitlines():
            variables, _, names = line.rpartition(":")
            environment = dict(pair.split("=", 1) for pair in variables.split())
            title = f"{folder.name}-{line.replace(' ', '_')}"
            options = [word for word in names.split() if word.startswith("--")]
            built = [word for word in names.split() if not word.startswith("--")]
            found.append(pytest.param(folder, environment, options, built, id=title))
    return found


def _printed(command: list[str], folder: Path, environment: dict[str, str], text: str = "") -> dict[str, Any]:
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **environment}, input=text, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    targets: dict[str, Any] = json.loads(done.stdout).get("target") or {}
    return {name: {key: _plain(key, value) for key, value in table.items()} for name, table in targets.items()}


def _plain(key: str, value: Any) -> Any:
    return sorted(value) if key in LISTS else value


@pytest.mark.corpus
@pytest.mark.parametrize(("pattern", "environment", "options", "names"), _runs())
def test_a_pattern_is_what_its_bake_file_is(
    buildx: tuple[str, ...],
    render: Callable[..., tuple[str, str]],
    pattern: Path,
    environment: dict[str, str],
    options: list[str],
    names: list[str],
    tmp_path: Path,
) -> None:
    shutil.copytree(pattern, tmp_path, dirs_exist_ok=True)
    ours, _ = render(tmp_path, *options, **environment)
    files = ["-fdocker-bake.hcl", *(option.replace(FILE, "-f") for option in options)]
    theirs = _printed([*buildx, "bake", *files, "--print", *names], tmp_path, environment)
    assert _printed([*buildx, "bake", "-f", "-", "--print", *names], tmp_path, environment, ours) == theirs
