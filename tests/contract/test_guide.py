"""The guide's bake file and the buildmatrix.toml that it becomes are the same to bake."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

GUIDE = (Path(__file__).parents[2] / "docs/guide.md").read_text()


@pytest.mark.parametrize("tag", ["dev", "1.2.3"])
def test_the_guide_translates(
    buildx: tuple[str, ...], tag: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAG", tag)
    found = re.search(r"```hcl\n(.*?)```.*?```toml\n(.*?)```", GUIDE, re.DOTALL)
    assert found
    for file, text in (("docker-bake.hcl", found[1]), ("buildmatrix.toml", found[2]), ("Dockerfile", "FROM scratch\n")):
        (tmp_path / file).write_text(text)
    subprocess.run([sys.executable, "-m", "buildmatrix", "render", "-o", "ours.json"], cwd=tmp_path, check=True)
    ours = printed(buildx, tmp_path, "ours.json")
    assert ours == printed(buildx, tmp_path, "docker-bake.hcl")
    assert ours["app-3-13"]["tags"] == [f"acme/app:{tag}-py3.13", f"acme/app:{tag}"]


def printed(buildx: tuple[str, ...], folder: Path, file: str) -> Any:
    command = [*buildx, "bake", "-f", file, "--print"]
    return json.loads(subprocess.run(command, cwd=folder, capture_output=True, check=True).stdout)["target"]
