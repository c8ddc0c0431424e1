"""Every example is planned and built on the real engine, and what came out is looked at."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize("name", sorted(path.name for path in EXAMPLES.iterdir()))
def test_example(name: str, tmp_path: Path, engine: dict[str, str], registry: str) -> None:
    folder = tmp_path / name
    shutil.copytree(EXAMPLES / name, folder, ignore=shutil.ignore_patterns("out"))
    run(folder, engine, "validate")
    variables = ["--var", f"registry={registry}"]
    plan = json.loads(run(folder, engine, "plan", "--format", "json", *variables))
    outcome = json.loads(run(folder, engine, "apply", "--format", "json", *variables))
    digests = {target["name"]: target["digest"] for target in outcome["targets"]}
    assert list(digests) == [target["name"] for target in plan["targets"]]
    for target in plan["targets"]:
        look(target, digests[target["name"]], folder)


def run(folder: Path, engine: dict[str, str], *arguments: str) -> str:
    environment = {**os.environ, **engine, "NO_COLOR": "1", "EXAMPLE_TOKEN": "x"}
    done = subprocess.run(
        [sys.executable, "-m", "buildmatrix", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def look(target: dict[str, Any], digest: str, folder: Path) -> None:
    """Compare what a planned target says with what is in the registry, in the store, or in files."""
    settings = target["settings"]
    for output in settings["output"]:
        match output["type"]:
            case "registry":
                for tag in settings["tags"]:
                    assert in_registry(tag) == (digest, settings["platforms"])
            case "docker":
                subprocess.run(["docker", "image", "inspect", *settings["tags"]], capture_output=True, check=True)
            case "local" | "tar" | "oci":
                assert (folder / output["dest"]).exists()


def in_registry(tag: str) -> tuple[str, list[str]]:
    """The digest of an index, and its platforms without attestations."""
    shown = subprocess.run(
        ["docker", "buildx", "imagetools", "inspect", tag, "--format", "{{json .Manifest}}"],
        capture_output=True,
        text=True,
        check=True,
    )
    manifest = json.loads(shown.stdout)
    found = [row["platform"] for row in manifest["manifests"] if row["platform"]["os"] != "unknown"]
    keys = ("os", "architecture", "variant")
    return manifest["digest"], ["/".join(one[key] for key in keys if key in one) for one in found]
