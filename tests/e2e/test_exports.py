"""What is refused before the build is what the engine refuses, and no more: a table of outputs on real builders."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.tools import Project, Run

ONE, TWO = ["linux/amd64"], ["linux/amd64", "linux/arm64"]
INDEX = ["index:k=v"]
NO_PROVENANCE = ["type=provenance,disabled=true"]
PROVENANCE = ["type=provenance,mode=min"]
OCI, DOCKER, IMAGE, LOADED = "type=oci,dest=o.tar", "type=docker,dest=d.tar", "type=image", "type=docker"

TABLE: list[tuple[str, list[str], list[str], list[str], bool]] = [
    (DOCKER, ONE, [], [], True),
    (DOCKER, TWO, [], [], False),
    (DOCKER, ONE, PROVENANCE, [], False),
    (DOCKER, ONE, NO_PROVENANCE, [], True),
    (DOCKER, ONE, [], INDEX, False),
    (OCI, TWO, [], INDEX, True),
    (OCI, ONE, [], INDEX, False),
    (OCI, ONE, PROVENANCE, INDEX, True),
    (OCI, ONE, ["type=provenance,inline-only=true"], INDEX, False),
    (IMAGE, ONE, [], INDEX, True),
    (IMAGE, ONE, NO_PROVENANCE, INDEX, False),
    (IMAGE, TWO, NO_PROVENANCE, INDEX, True),
    ("type=tar,dest=t.tar", TWO, [], [], True),
    ("type=local,dest=l", ONE, NO_PROVENANCE, INDEX, True),
]
"""Output, platforms, attestations, annotations, and whether it can be built."""


def settings(output: str, platforms: list[str], attest: list[str], annotations: list[str]) -> dict[str, Any]:
    found = {"output": [output], "platforms": platforms, "attest": attest, "annotations": annotations}
    return {key: value for key, value in found.items() if value}


def spec(of: dict[str, Any]) -> str:
    return "[target.app]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in of.items())


def bakes(folder: Path, of: dict[str, Any], builder: str) -> bool:
    """Whether plain bake builds it."""
    (folder / "bake.json").write_text(json.dumps({"target": {"app": of}}))
    command = ["docker", "buildx", "bake", "-f", "bake.json", "app", "--builder", builder, "--progress", "quiet"]
    return subprocess.run(command, cwd=folder, env=os.environ, capture_output=True, check=False).returncode == 0


@pytest.mark.corpus
@pytest.mark.parametrize("case", TABLE)
def test_outputs_are_refused_as_the_engine_does(
    project: Project, run: Run, one_node: str, case: tuple[str, list[str], list[str], list[str], bool]
) -> None:
    *given, can_be = case
    of = settings(*given)  # type: ignore[arg-type]
    folder = project(spec(of), {"Dockerfile": "FROM scratch\nCOPY Dockerfile /\n"})
    assert (run("validate").returncode == 0) is can_be
    assert bakes(folder, of, one_node) is can_be


@pytest.mark.parametrize("output", [OCI, "type=tar,dest=t.tar", LOADED])
def test_what_several_nodes_cannot_write_is_refused_before_the_build(
    project: Project, run: Run, two_nodes: str, output: str
) -> None:
    of = settings(output, TWO, [], [])
    folder = project(spec(of), {"Dockerfile": "FROM scratch\nCOPY Dockerfile /\n"})
    done = run("apply", "--builder", two_nodes)
    assert done.returncode == 3
    assert "a builder with several nodes" in done.stderr
    assert not bakes(folder, of, two_nodes)


def test_what_a_driver_cannot_do_is_refused_before_the_build(
    project: Project, run: Run, one_node: str, repository: str
) -> None:
    by_digest = settings(f"type=image,push=true,push-by-digest=true,name={repository}", [], [], [])
    project(spec(by_digest))
    assert "the docker driver cannot push by digest" in run("apply", "--builder", "default").stderr
    project('[target.app]\noutput = ["type=cacheonly"]\nextra-hosts = { db = "host-gateway" }')
    assert "host-gateway is known to the docker driver only" in run("apply", "--builder", one_node).stderr
    project(spec(settings(LOADED, ONE, [], INDEX)))
    assert "is for an index" in run("apply", "--builder", one_node).stderr
    project(spec(settings(IMAGE, ONE, [], INDEX)))
    assert "is for an index" in run("apply", "--builder", one_node, BUILDX_NO_DEFAULT_ATTESTATIONS="1").stderr
