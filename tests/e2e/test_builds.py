"""A target whose platforms are built apart, on real engines: parts are pushed by digest and joined into one index."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.tools import Project, known, outcomes, platforms, raw, result_of, succeeded

SPLIT = """
from dataclasses import replace
from buildmatrix import pipeline
from buildmatrix.cli.main import run

whole = pipeline.make_plan

def split(*arguments, **more):
    plan = whole(*arguments, **more)
    parts = (replace(one, parts=tuple((name,) for name in one.platforms)) for one in plan.targets)
    return replace(plan, targets=tuple(parts))

pipeline.make_plan = split
run()
"""
"""The program, with plans in which every platform is built apart: no spec can ask for that yet."""

SPEC = """
[target.base]
dockerfile-inline = "FROM busybox\\nRUN uname -m > /machine\\n"
platforms = ["linux/amd64", "linux/arm64"]
output = [{{ type = "registry" }}]
tags = ["{repository}/base:1"]
[target.app]
contexts.base = "target:base"
dockerfile-inline = "FROM base\\nCOPY --from=base /machine /other\\n{more}"
platforms = ["linux/amd64", "linux/arm64"]
attest = [{{ type = "provenance" }}]
annotations = ["index:of=both", "manifest:each=one"]
output = [{{ type = "registry" }}]
tags = ["{repository}/app:1", "{repository}/app:2"]
"""


def apply(folder: Path, builder: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", SPLIT, "apply", "--builder", builder, "--format", "json", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.corpus
@pytest.mark.parametrize("builder", ["one-node", "two-nodes", "default"])
def test_two_builds_are_one_index(project: Project, repository: str, two_nodes: str, builder: str) -> None:
    assert two_nodes
    folder = project(SPEC.format(repository=repository, more=""))
    found = succeeded(apply(folder, builder, "--metadata", "metadata.json"))
    assert list(found) == [f"{name}@linux/{arch}" for name in ("base", "app") for arch in ("amd64", "arm64")]
    for tag in ("1", "2"):
        index = raw(f"{repository}/app:{tag}")
        rows = [row for row in index["manifests"] if row["platform"]["os"] != "unknown"]
        about = {row["annotations"]["vnd.docker.reference.digest"] for row in index["manifests"] if row not in rows}
        assert platforms(f"{repository}/app:{tag}") == ["linux/amd64", "linux/arm64"]
        assert about == {row["digest"] for row in rows}
        assert index["annotations"] == {"of": "both"}
        assert [raw(f"{repository}/app@{row['digest']}")["annotations"] for row in rows] == [{"each": "one"}] * 2
    part = found["app@linux/arm64"]
    assert (part["image"], part["target"], part["platforms"]) == ("app", "app", ["linux/arm64"])
    assert part["tags"] == [f"{repository}/app:1", f"{repository}/app:2"]
    assert part["index"] == found["app@linux/amd64"]["index"] != part["digest"]
    metadata = json.loads((folder / "metadata.json").read_text())
    assert metadata["app"]["containerimage.digest"] == part["index"]
    assert metadata["app"]["image.name"] == f"{repository}/app:1,{repository}/app:2"
    assert not any(key.startswith(("containerimage.", "image.")) for key in metadata["app@linux/arm64"])


def test_half_an_image_moves_no_tag_and_the_rest_is_built_by_resume(
    project: Project, repository: str, one_node: str
) -> None:
    fails = 'RUN test \\"$(uname -m)\\" != aarch64\\n'
    folder = project(known(SPEC.format(repository=repository, more=fails), repository))
    done = apply(folder, one_node, "--keep-going")
    assert done.returncode == 1
    found = outcomes(done)
    assert {name for name, one in found.items() if one["status"] == "failed"} == {"app@linux/arm64"}
    assert raw(f"{repository}/app:1") == {}
    assert platforms(f"{repository}/base:1") == ["linux/amd64", "linux/arm64"]
    assert not result_of(folder)["app@linux/amd64"]["tags"]
    resumed = outcomes(apply(folder, one_node, "--keep-going", "--resume"))
    assert {name for name, one in resumed.items() if one["status"] == "unchanged"} == set(found) - {"app@linux/arm64"}
    project(known(SPEC.format(repository=repository, more=""), repository))
    again = succeeded(apply(folder, one_node, "--resume"))
    assert platforms(f"{repository}/app:1") == ["linux/amd64", "linux/arm64"]
    kept = succeeded(apply(folder, one_node, "--resume"))
    assert {one["status"] for one in kept.values()} == {"unchanged"}
    assert kept["app@linux/arm64"]["index"] == again["app@linux/arm64"]["index"]
