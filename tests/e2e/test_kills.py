"""Engines, registries and buildmatrix itself, killed at random moments of an apply: no tag is harmed.

A tag always points at an image that is there, whole, for every platform, of one version; tags that move together are of
one version, unless the run was killed itself or said which it could not move back; and running it again repairs it.
`KILLS` is how many and `KILLS_SEED` which; `make kills` tries 30 others each time.
"""

import json
import os
import random
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.tools import ENGINE, Project, Start, bring_back, get, until

KILLS = int(os.environ.get("KILLS", "1"))
SEED = int(os.environ.get("KILLS_SEED", "1"))
PLATFORMS = {"amd64", "arm64"}


@dataclass(frozen=True)
class Kill:
    """What is killed, after which part of the time that an undisturbed run takes, and how the run pushes."""

    victim: str
    moment: float
    builder: str
    publish: str

    def __str__(self) -> str:
        return f"{self.victim}-{self.moment:.4f}-{self.builder}-{self.publish}"


def kills() -> Iterator[Kill]:
    choose = random.Random(SEED)  # noqa: S311 which engine dies is no secret
    for _ in range(KILLS):
        yield Kill(
            victim=choose.choice(["node1", "node1", "registry", "bridge1", "buildmatrix"]),
            moment=choose.uniform(0.05, 1.0),
            builder=choose.choice(["two-nodes", "second"]),
            publish=choose.choice(["together", "direct"]),
        )


def spec(repository: str, version: str) -> str:
    files = "\\nRUN echo {{ v }} > /version; head -c 2000000 /dev/urandom > /noise\\nLABEL version={{ v }}"
    return f"""
        [variable]
        v = "{version}"
        [defaults]
        platforms = ["linux/amd64", "linux/arm64"]
        output = ["type=registry"]
        [target.base]
        tags = ["{repository}/base:1", "{repository}/base:2"]
        dockerfile-inline = "FROM busybox{files}"
        [target.app]
        contexts.base = "target:base"
        tags = ["{repository}/app:1"]
        dockerfile-inline = "FROM base{files}"
    """


def tags(repository: str) -> list[str]:
    return [f"{repository}/base:1", f"{repository}/base:2", f"{repository}/app:1"]


def version_of(tag: str) -> str:
    """The one version that is behind a tag, all whose manifests and blobs are there, for both platforms."""
    registry, _, rest = tag.partition("/")
    name, _, reference = rest.rpartition(":")
    index = json.loads(get(registry, f"{name}/manifests/{reference}"))
    versions: dict[str, str] = {}
    for row in index["manifests"]:
        manifest: dict[str, Any] = json.loads(get(registry, f"{name}/manifests/{row['digest']}"))
        for blob in (manifest["config"], *manifest["layers"]):
            get(registry, f"{name}/blobs/{blob['digest']}", "HEAD")
        if row["platform"]["os"] != "unknown":
            config = json.loads(get(registry, f"{name}/blobs/{manifest['config']['digest']}"))
            versions[row["platform"]["architecture"]] = config["config"]["Labels"]["version"]
    assert set(versions) == PLATFORMS, tag
    assert len(set(versions.values())) == 1, (tag, versions)
    return next(iter(versions.values()))


def apply(start: Start, folder: Path, builder: str, publish: str) -> "subprocess.Popen[str]":
    return start(folder, "apply", "--builder", builder, "--publish", publish, "--retries", "1", "--format", "json")


@pytest.fixture
def second(two_nodes: str) -> Iterator[str]:
    """A builder of the second engine alone: images are pushed by digest there."""
    assert two_nodes
    name = f"kills-{os.getpid()}"
    socket = f"unix://{os.environ['ENGINE_HOME']}/run/buildkit1.sock"
    command = ["docker", "buildx", "create", "--name", name, "--driver", "remote", socket]
    subprocess.run(command, capture_output=True, check=True)
    yield name
    bring_back()
    subprocess.run(["docker", "buildx", "rm", name], capture_output=True, check=True)


@pytest.mark.alone
@pytest.mark.parametrize("kill", list(kills()), ids=str)
def test_no_kill_harms_a_tag(project: Project, start: Start, repository: str, second: str, kill: Kill) -> None:
    builder = second if kill.builder == "second" else kill.builder
    folder = project(spec(repository, "old"))
    began = time.monotonic()
    first = apply(start, folder, builder, kill.publish)
    _, err = first.communicate(timeout=600)
    assert first.returncode == 0, err
    took = time.monotonic() - began
    assert {version_of(tag) for tag in tags(repository)} == {"old"}

    project(spec(repository, "new"))
    process = apply(start, folder, builder, kill.publish)
    time.sleep(took * kill.moment)
    if kill.victim == "buildmatrix":
        process.kill()
    else:
        subprocess.run([ENGINE, "kill", kill.victim], capture_output=True, check=True)
    out, err = process.communicate(timeout=600)
    bring_back()
    assert "Traceback" not in err
    assert "bug in buildmatrix" not in err
    found = {tag: version_of(tag) for tag in tags(repository)}
    assert set(found.values()) <= {"old", "new"}
    if kill.victim != "buildmatrix":
        assert process.returncode in {0, 3, 5}, err
        left = json.loads(out)["left_behind"] if out else []
        assert out or set(found.values()) == {"old"}, err  # killed so early that nothing was begun: there is no report
        if kill.publish == "together" and not any("could not be moved back" in text for text in left):
            assert len(set(found.values())) == 1, (found, out, err)
        assert (set(found.values()) == {"new"}) or process.returncode != 0, (found, err)

    until(lambda: finished(start, folder, builder, kill.publish))
    assert {version_of(tag) for tag in tags(repository)} == {"new"}


def finished(start: Start, folder: Path, builder: str, publish: str) -> bool:
    """Whether running it again works; right after it came back an engine may refuse once more."""
    again = apply(start, folder, builder, publish)
    _, err = again.communicate(timeout=600)
    assert again.returncode in {0, 3, 5}, err
    return again.returncode == 0
