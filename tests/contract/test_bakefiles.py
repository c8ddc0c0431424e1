"""Files of docker/metadata-action are what a later `-f` is to bake; and to which lists bake adds."""

import json
import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import Any

import pytest

from buildmatrix.spec.rows.markers import AddedByBake
from buildmatrix.spec.rows.settings import Settings
from buildmatrix.spec.rows.shapes import NotInBake, is_list, rows

BAKE = """
target "docker-metadata-action" {
  tags = ["acme/app:dev"]
  labels = { vendor = "Acme", title = "base" }
  annotations = ["index:own=1"]
}
target "app" {
  inherits = ["docker-metadata-action"]
  labels = { title = "app" }
  args = { OWN = "1" }
  dockerfile-inline = "FROM scratch"
}
target "fixed" {
  inherits = ["docker-metadata-action"]
  tags = ["acme/fixed:1"]
  annotations = ["index:more=1"]
  dockerfile-inline = "FROM scratch"
}
target "docs" {
  tags = ["acme/docs:dev"]
  dockerfile-inline = "FROM scratch"
}
"""
OURS = """
version = 1
[target._docker-metadata-action]
tags = ["acme/app:dev"]
labels = { vendor = "Acme", title = "base" }
annotations = ["index:own=1"]
[target.app]
inherits = ["_docker-metadata-action"]
labels.title = "app"
args.OWN = "1"
dockerfile-inline = "FROM scratch"
[target.fixed]
inherits = ["_docker-metadata-action"]
tags = ["acme/fixed:1"]
extend.annotations = ["index:more=1"]
dockerfile-inline = "FROM scratch"
[target.docs]
tags = ["acme/docs:dev"]
dockerfile-inline = "FROM scratch"
"""
FILES: dict[str, dict[str, Any]] = {
    "tags": {
        "docker-metadata-action": {
            "tags": ["acme/app:1.2.3", "acme/app:latest"],
            "args": {"DOCKER_META_IMAGES": "acme/app", "DOCKER_META_VERSION": "1.2.3", "N": 1, "T": True, "OWN": "2"},
        }
    },
    "labels": {"docker-metadata-action": {"labels": {"title": "meta", "note": "{{ x }}", "none": None}, "tags": None}},
    "annotations": {"docker-metadata-action": {"annotations": ["index:title=meta", "manifest:title=meta"]}},
    "more": {"docker-metadata-action": {"annotations": ["index:later=1"], "labels": {"title": "later"}}},
    "docs": {"docs": {"tags": ["acme/docs:1.2.3"], "labels": {"a": "b"}}},
}


def targets(command: list[str], folder: Path, text: str = "", **environment: str) -> Any:
    known = {**os.environ, **environment}
    done = subprocess.run(command, cwd=folder, env=known, input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["target"]


@pytest.mark.parametrize("names", [[], ["tags"], ["tags", "labels", "annotations"], [*FILES]], ids=len)
def test_it_is_a_later_file_of_bake(
    buildx: tuple[str, ...], render: Callable[..., tuple[str, str]], names: list[str], tmp_path: Path
) -> None:
    (tmp_path / "docker-bake.hcl").write_text(BAKE)
    (tmp_path / "buildmatrix.toml").write_text(OURS)
    for name in names:
        (tmp_path / f"{name}.json").write_text(json.dumps({"target": FILES[name]}, indent=2))
    files = [f"-f{name}.json" for name in names]
    built = ["app", "fixed", "docs"]
    theirs = targets([*buildx, "bake", "-fdocker-bake.hcl", *files, "--print", *built], tmp_path)
    given = {"BUILDMATRIX_BAKE_FILE": os.pathsep.join(f"{name}.json" for name in names)} if names else {}
    ours, _ = render(tmp_path, **given)
    assert targets([*buildx, "bake", "-f-", "--print", *built], tmp_path, ours) == theirs


@contextmanager
def listening(folder: Path) -> Iterator[dict[str, str]]:
    """What `--print` looks for: variables of secrets, and sockets of ssh agents."""
    with socket.socket(socket.AF_UNIX) as agent, socket.socket(socket.AF_UNIX) as other, chdir(folder):
        agent.bind("agent.sock")  # relative names: the whole path may be too long for a socket
        other.bind("key.sock")
        yield {"A": "1", "B": "1", "SSH_AUTH_SOCK": "agent.sock"}


VALUES: dict[str, tuple[Any, Any]] = {
    "annotations": ("index:a=1", "index:b=1"),
    "attest": ("type=sbom", "type=provenance,mode=max"),
    "cache-from": ("type=registry,ref=a", "type=registry,ref=b"),
    "cache-to": ("type=registry,ref=a", "type=registry,ref=b"),
    "entitlements": ("network.host", "security.insecure"),
    "no-cache-filter": ("a", "b"),
    "output": ("type=local,dest=a", "type=local,dest=b"),
    "platforms": ("linux/amd64", "linux/arm64"),
    "secret": ("id=a,env=A", "id=b,env=B"),
    "ssh": ("default", "other"),
    "tags": ("a", "b"),
    "ulimits": ("nofile=1:1", "core=0:0"),
}


def test_every_list_is_known() -> None:
    lists = {row.key for row in rows(Settings) if is_list(row.shape) and row.marker(NotInBake) is None}
    assert lists == VALUES.keys()


@pytest.mark.parametrize("row", [row for row in rows(Settings) if row.key in VALUES], ids=lambda row: row.key)
def test_which_lists_bake_adds_to(buildx: tuple[str, ...], row: Any, tmp_path: Path) -> None:
    below, above = VALUES[row.key]
    document = {"base": {row.key: [below]}, "app": {"inherits": ["base"], row.key: [above]}}
    command = [*buildx, "bake", "-f-", "--print", "app"]
    with listening(tmp_path) as known:
        found = targets(command, tmp_path, json.dumps({"target": document}), **known)["app"]
    assert (len(found[row.key]) > 1) == (row.marker(AddedByBake) is not None)


ALIKE = {
    "attest": ("type=provenance,mode=min", "type=provenance,mode=max"),
    "secret": ("id=a,env=A", "id=a,env=B"),
    "ssh": ("default", "default=key.sock"),
}


@pytest.mark.parametrize("key", ALIKE)
def test_of_which_tables_bake_takes_the_last(buildx: tuple[str, ...], key: str, tmp_path: Path) -> None:
    """An heir that replaces one by another of its id or type takes nothing away: it is not warned of."""
    below, above = ALIKE[key]
    marker = next(row for row in rows(Settings) if row.key == key).marker(AddedByBake)
    assert marker is not None
    assert marker.by == ("type" if key == "attest" else "id")
    document = {"base": {key: [below]}, "app": {"inherits": ["base"], key: [above]}}
    command = [*buildx, "bake", "-f-", "--print", "app"]
    with listening(tmp_path) as known:
        found = targets(command, tmp_path, json.dumps({"target": document}), **known)["app"][key]
    assert len(found) == 1
    assert found[0] != below
