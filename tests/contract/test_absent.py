"""What has no value: null in a bake file, none or omit here, mean the same."""

import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

BAKE = """
variable "GO" { default = null }
target "base" {
  dockerfile = "Base"
  target = "x"
  args = { GO = "1.22", K = "v" }
  labels = { a = "b" }
}
target "app" {
  inherits = ["base"]
  args = { GO = GO, RACE = GO != null ? "on" : null, EMPTY = GO != null ? GO : "" }
  labels = { a = GO, n = GO }
  dockerfile = GO
  target = null
}
"""
OURS = """
version = 1
[variable]
go = { env = true, optional = true }
[target.base]
dockerfile = "Base"
target = "x"
args = { GO = "1.22", K = "v" }
labels.a = "b"
[target.app]
inherits = ["base"]
args = { GO = "{{ go }}", RACE = "{{ 'on' if go else omit }}", EMPTY = "{{ go or '' }}" }
labels = { a = "{{ go }}", n = "{{ go or omit }}" }
dockerfile = "{{ go }}"
target = "{{ none }}"
"""
KEYS = ("args", "labels", "dockerfile", "target")


def printed(command: list[str], folder: Path, environment: dict[str, str], text: str = "") -> dict[str, Any]:
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **environment}, input=text, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)["target"]["app"]
    return {key: found[key] for key in KEYS if key in found}


@pytest.mark.parametrize("environment", [{}, {"GO": "1.24"}], ids=["absent", "given"])
def test_none_is_null(
    buildx: tuple[str, ...], render: Callable[..., tuple[str, str]], environment: dict[str, str], tmp_path: Path
) -> None:
    for dockerfile in ("Base", "1.24"):
        (tmp_path / dockerfile).write_text("FROM scratch AS x\n")
    (tmp_path / "docker-bake.hcl").write_text(BAKE)
    (tmp_path / "buildmatrix.toml").write_text(OURS)
    ours, _ = render(tmp_path, "app", **environment)
    theirs = printed([*buildx, "bake", "--print", "app"], tmp_path, environment)
    assert printed([*buildx, "bake", "-f", "-", "--print", "app"], tmp_path, environment, ours) == theirs
    assert theirs["args"]["GO"] == environment.get("GO", "1.22")


GUIDE = (Path(__file__).parents[2] / "docs/guide.md").read_text()
ROWS = re.findall(r"^\| `(variable .*)`, `(args = .*?)`: .* \| `(.*)`, `(args\..*)` \|$", GUIDE, re.MULTILINE)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
@pytest.mark.parametrize("environment", [{}, {"GO": ""}, {"GO": "1.24"}], ids=["absent", "empty", "given"])
def test_the_guides_rows_of_variables_that_nothing_gives(
    each_buildx: tuple[str, ...],
    render: Callable[..., tuple[str, str]],
    row: tuple[str, str, str, str],
    environment: dict[str, str],
    tmp_path: Path,
) -> None:
    variable, args, ours, own_args = row
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    (tmp_path / "docker-bake.hcl").write_text(f'{variable}\ntarget "app" {{\n  {args}\n}}\n')
    (tmp_path / "buildmatrix.toml").write_text(f"version = 1\n[variable]\n{ours}\n[target.app]\n{own_args}\n")
    made, _ = render(tmp_path, "app", **environment)
    theirs = printed([*each_buildx, "bake", "--print", "app"], tmp_path, environment)
    assert printed([*each_buildx, "bake", "-f", "-", "--print", "app"], tmp_path, environment, made) == theirs
    given = environment.get("GO", None if "null" in variable else "")
    assert theirs.get("args", {}).get("GO") == given


def test_the_guide_has_both_rows() -> None:
    assert [row[0] for row in ROWS] == ['variable "GO" { default = null }', 'variable "GO" {}']
