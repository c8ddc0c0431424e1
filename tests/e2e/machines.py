"""What the tests of CI systems share: a repository with a chain of three images, and machines that build it.

Machines share nothing but the registry and what the CI system hands on. `amd` has the engine of the first node, `arm`
that of the second.
"""

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.e2e.tools import get, inspected, known, raw, write
from tests.warm import command

MACHINES = ("amd", "arm")
NAMES = ("base", "lib", "app")
PLATFORMS = ("linux/amd64", "linux/arm64")
BUILDS = [f"{name}@{platform}" for name in NAMES for platform in PLATFORMS]
SPEC = """
[apply]
builder = "of-another-machine"
[runner]
"linux/amd64" = "amd"
"linux/arm64" = "arm"
[defaults]
platforms = ["linux/amd64", "linux/arm64"]
output = [{{ type = "registry" }}]
[target.base]
dockerfile-inline = "FROM busybox\\nRUN uname -m > /machine"
tags = ["{repository}/base:1"]
[target.lib]
dockerfile-inline = "FROM base\\nRUN cp /machine /lib-machine"
contexts.base = "target:base"
tags = ["{repository}/lib:1"]
[target.app]
dockerfile-inline = "FROM lib\\nARG TARGETARCH\\nCOPY $TARGETARCH /app"
context = "app"
contexts.lib = "target:lib"
tags = ["{repository}/app:1"]
"""


def chain(folder: Path, repository: str, more: str = "") -> Path:
    """Write a repository with three images, each made of the one before, for two platforms."""
    files = {"app/amd64": "1", "app/arm64": "1", ".gitignore": ".buildmatrix\n.gitlab-ci-local\n"}
    return write(folder, more + known(SPEC.format(repository=repository), repository), files)


def commit(folder: Path) -> None:
    script = "git init -qb main; git add -A; git -c user.name=x -c user.email=x@y commit -qm x"
    subprocess.run(["sh", "-ec", script], cwd=folder, check=True)


def programs(folder: Path, scripts: Mapping[str, str]) -> None:
    """Write programs; buildmatrix is one of them."""
    folder.mkdir(parents=True)
    for name, script in {"buildmatrix": f'exec {" ".join(command())} "$@"', **scripts}.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)


def environment(home: Path) -> dict[str, str]:
    """Return that of a CI system whose machines have their programs in `bin` of its home."""
    own = {
        "HOME": str(home),
        "NO_COLOR": "1",
        "PATH": f"{home / 'bin'}:{os.environ['PATH']}",
        "XDG_CACHE_HOME": str(home / "cache"),
        "XDG_CONFIG_HOME": str(home / "config"),
    }
    return {**os.environ, **own}


def configurations(tag: str) -> dict[str, dict[str, Any]]:
    """Return the configuration of each platform's image, whose layers have to be there with an attestation."""
    registry, _, path = tag.partition("/")
    repository = path.rpartition(":")[0]
    about = {
        row["annotations"]["vnd.docker.reference.digest"]
        for row in raw(tag)["manifests"]
        if row.get("annotations", {}).get("vnd.docker.reference.type") == "attestation-manifest"
    }
    found = {}
    for row in inspected(tag):
        assert row["digest"] in about
        manifest = json.loads(get(registry, f"{repository}/manifests/{row['digest']}"))
        for layer in manifest["layers"]:
            get(registry, f"{repository}/blobs/{layer['digest']}", "HEAD")
        configuration = json.loads(get(registry, f"{repository}/blobs/{manifest['config']['digest']}"))
        found[f"linux/{configuration['architecture']}"] = configuration
    return found


def check(repository: str) -> None:
    """Check that each image has both platforms, each with its attestation, and is made of the one before it."""
    found = {name: configurations(f"{repository}/{name}:1") for name in NAMES}
    assert {name: tuple(sorted(platforms)) for name, platforms in found.items()} == dict.fromkeys(NAMES, PLATFORMS)
    for platform in PLATFORMS:
        base, lib, app = (found[name][platform]["rootfs"]["diff_ids"] for name in NAMES)
        assert lib[: len(base)] == base
        assert app[: len(lib)] == lib
        assert len({len(base), len(lib), len(app)}) == len(NAMES)
