"""Every example is planned and built on the real engine, and what came out is looked at."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.corpus

EXAMPLES = Path(__file__).parents[2] / "examples"
SAYS = {
    "hello:latest": "hello from aarch64\n",
    "chain/app:dev": "base for aarch64\ntools upon: base for aarch64\n",
    "python-app:dev-py3.14-bookworm": "Python 3.14 on bookworm, aarch64\n",
}
"""What images say as linux/arm64, where a step of their build ran on it."""


@pytest.mark.parametrize("name", sorted(path.name for path in EXAMPLES.iterdir()))
def test_example(name: str, tmp_path: Path, registry: str) -> None:
    folder = tmp_path / name
    shutil.copytree(EXAMPLES / name, folder, ignore=shutil.ignore_patterns("out"))
    buildmatrix(folder, "validate")
    variables = ["--var", f"registry={registry}"]
    plan = json.loads(buildmatrix(folder, "plan", "--format", "json", *variables))
    outcome = json.loads(buildmatrix(folder, "apply", "--format", "json", *variables))
    digests = {target["name"]: target["digest"] for target in outcome["targets"]}
    assert list(digests) == [target["name"] for target in plan["targets"]]
    for target in plan["targets"]:
        for output in target["settings"]["output"]:
            if output["type"] != "cacheonly":
                LOOK[output["type"]](target["settings"], output, digests[target["name"]], folder)
    for tag in [tag for target in plan["targets"] for tag in target["settings"].get("tags", [])]:
        expected = SAYS.get(tag.removeprefix(f"{registry}/"))
        assert expected is None or call("docker", "run", "--rm", "--platform=linux/arm64", tag) == expected


def buildmatrix(folder: Path, *arguments: str) -> str:
    return call(sys.executable, "-m", "buildmatrix", *arguments, folder=folder)


def call(*command: str, folder: Path | None = None) -> str:
    environment = {**os.environ, "NO_COLOR": "1", "EXAMPLE_TOKEN": "x"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def in_registry(settings: dict[str, Any], _output: dict[str, Any], digest: str, _folder: Path) -> None:
    """Behind every tag are the declared platforms and no other, with the declared labels and attestations."""
    for tag in settings["tags"]:
        index = inspect(tag, "Manifest")
        assert index["digest"] == digest
        assert platforms(index) == settings["platforms"]
    images = inspect(settings["tags"][0], "Image")
    for image in [images] if "config" in images else images.values():
        labels = image["config"].get("Labels") or {}
        assert settings.get("labels", {}).items() <= labels.items()
    for attestation in settings.get("attest", []):
        assert inspect(settings["tags"][0], {"provenance": "Provenance", "sbom": "SBOM"}[attestation["type"]])


def inspect(tag: str, what: str) -> Any:
    return json.loads(call("docker", "buildx", "imagetools", "inspect", tag, "--format", f"{{{{json .{what}}}}}"))


def platforms(index: dict[str, Any]) -> list[str]:
    """The platforms of an index, without its attestations."""
    found = [row["platform"] for row in index["manifests"] if row["platform"]["os"] != "unknown"]
    return ["/".join(one[key] for key in ("os", "architecture", "variant") if key in one) for one in found]


def in_docker(settings: dict[str, Any], _output: dict[str, Any], _digest: str, _folder: Path) -> None:
    said = call("docker", "image", "inspect", "--format", "{{.Os}}/{{.Architecture}}", *settings["tags"])
    assert said.split() == settings["platforms"] * len(settings["tags"])
    call("docker", "image", "rm", *settings["tags"])


def in_folder(settings: dict[str, Any], output: dict[str, Any], _digest: str, folder: Path) -> None:
    found = {path.name for path in (folder / output["dest"]).iterdir()}
    assert found == folders(settings) or (len(settings["platforms"]) == 1 and found)


def in_tar(settings: dict[str, Any], output: dict[str, Any], _digest: str, folder: Path) -> None:
    with tarfile.open(folder / output["dest"]) as archive:
        assert {name.split("/")[0] for name in archive.getnames()} == folders(settings)


def folders(settings: dict[str, Any]) -> set[str]:
    return {platform.replace("/", "_") for platform in settings["platforms"]}


def in_archive(settings: dict[str, Any], output: dict[str, Any], digest: str, folder: Path) -> None:
    with tarfile.open(folder / output["dest"]) as archive:
        (row,) = read(archive, "index.json")["manifests"]
        assert row["digest"] == digest
        index = read(archive, f"blobs/{digest.replace(':', '/')}")
    assert platforms(index) == settings["platforms"]
    wanted = dict(text.removeprefix("index:").split("=") for text in settings.get("annotations", []))
    assert wanted.items() <= index.get("annotations", {}).items()


def read(archive: tarfile.TarFile, name: str) -> Any:
    file = archive.extractfile(name)
    assert file
    return json.load(file)


LOOK = {
    "registry": in_registry,
    "docker": in_docker,
    "local": in_folder,
    "tar": in_tar,
    "oci": in_archive,
}
