"""What has no value: null in a bake file, none or omit here, mean the same."""

import json
import os
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
