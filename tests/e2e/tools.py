"""What the tests on a real engine share: to run buildmatrix as a user would, and to look at a registry."""

import json
import os
import re
import shutil
import subprocess
import time
import urllib.request
import uuid
from collections.abc import Callable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest

from buildmatrix.oci.image import OCI_INDEX
from buildmatrix.oci.index import digest_of

ENGINE = Path(__file__).parent.parent.parent / "tools" / "engine" / "engine"
Run = Callable[..., subprocess.CompletedProcess[str]]
Start = Callable[..., "subprocess.Popen[str]"]
Project = Callable[..., Path]
BASE = "FROM busybox\nRUN uname -m > /machine\n"


def known(text: str, repository: str) -> str:
    """Return a text with the engine's registry's busybox for Docker Hub's: a run without the network knows its digest.

    What is built on an image whose digest nobody tells is built by each run.
    """
    host = repository.partition("/")[0]
    return text.replace("FROM busybox", f"FROM {host}/library/busybox") if ":" in host else text


ACCEPT = ", ".join(
    f"application/vnd.{kind}+json"
    for kind in (
        "oci.image.index.v1",
        "oci.image.manifest.v1",
        "docker.distribution.manifest.list.v2",
        "docker.distribution.manifest.v2",
    )
)


def write(folder: Path, spec: str, files: Mapping[str, str] | None = None) -> Path:
    for name, text in {"buildmatrix.toml": "version = 1\n" + spec, "Dockerfile": BASE, **(files or {})}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def succeeded(done: subprocess.CompletedProcess[str]) -> dict[str, dict[str, Any]]:
    assert done.returncode == 0, done.stderr
    return outcomes(done)


def outcomes(done: subprocess.CompletedProcess[str]) -> dict[str, dict[str, Any]]:
    """The targets of `apply --format json`, whatever became of them."""
    assert "Traceback" not in done.stderr
    assert "bug in buildmatrix" not in done.stderr
    return {target["name"]: target for target in json.loads(done.stdout)["targets"]}


def statuses(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    return {name: target["status"] for name, target in outcomes(done).items()}


def get(registry: str, path: str, method: str = "GET", data: bytes | None = None, kind: str = "") -> bytes:
    """What a registry of this machine answers; `imagetools` would tell the same a hundred times as slowly."""
    headers = {"Accept": ACCEPT, **({"Content-Type": kind} if kind else {})}
    request = urllib.request.Request(f"http://{registry}/v2/{path}", data, headers, method=method)
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 the test's own registry
        found: bytes = answer.read()
    return found


def parts_of(reference: str) -> tuple[str, str]:
    """The repository of a reference to the tests' registry, and what it names there."""
    parts = re.fullmatch(r"([^/]+)/(.+?)(?:@(.+)|:([^:/]+))?", reference)
    assert parts is not None, reference
    assert parts[1] == os.environ["ENGINE_REGISTRY"], reference
    return parts[2], parts[3] or parts[4] or "latest"


def manifest(reference: str) -> bytes:
    """The index or manifest of a reference to the tests' registry, b"" if that has none."""
    repository, name = parts_of(reference)
    try:
        return get(os.environ["ENGINE_REGISTRY"], f"{repository}/manifests/{name}")
    except HTTPError as error:
        if error.code == HTTPStatus.NOT_FOUND:
            return b""
        raise


def tagged(tag: str, *sources: str) -> str:
    """Give a tag to an image, or to a new index of several; return its digest.

    `imagetools create` does that, too. A copy into another repository fails with it now and then while others push: the
    registry answers that it has not what it was given a moment before.
    """
    repository, name = parts_of(tag)
    pieces = [_carried(source, repository) for source in sources]
    whole = pieces[0] if len(pieces) == 1 else _index_of(repository, pieces)
    _put(repository, name, whole)
    return digest_of(whole)


def _put(repository: str, name: str, data: bytes) -> None:
    get(os.environ["ENGINE_REGISTRY"], f"{repository}/manifests/{name}", "PUT", data, json.loads(data)["mediaType"])


def _index_of(repository: str, images: list[bytes]) -> bytes:
    """An index of some images, with the platforms that their configurations tell."""
    rows = []
    for data in images:
        image, name = json.loads(data), digest_of(data)
        _put(repository, name, data)
        told = json.loads(get(os.environ["ENGINE_REGISTRY"], f"{repository}/blobs/{image['config']['digest']}"))
        platform = {key: told[key] for key in ("os", "architecture", "variant") if key in told}
        rows.append({"mediaType": image["mediaType"], "digest": name, "size": len(data), "platform": platform})
    return json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": rows}).encode()


def _carried(source: str, here: str) -> bytes:
    """What is at a reference, after a repository has all that it refers to."""
    data = manifest(source)
    assert data, f"{source} is not there"
    _carry(data, parts_of(source)[0], here)
    return data


def _carry(data: bytes, there: str, here: str) -> None:
    """Have everything that a manifest or an index refers to in another repository, too."""
    if there == here:
        return
    registry, held = os.environ["ENGINE_REGISTRY"], json.loads(data)
    for one in held.get("manifests", []):
        child = get(registry, f"{there}/manifests/{one['digest']}")
        _carry(child, there, here)
        _put(here, one["digest"], child)
    for one in [*held.get("layers", []), *filter(None, [held.get("config")])]:
        get(registry, f"{here}/blobs/uploads/?mount={one['digest']}&from={there}", "POST")


def raw(reference: str) -> dict[str, Any]:
    """The index or manifest of a reference, {} if the registry has none."""
    found: dict[str, Any] = json.loads(manifest(reference) or b"{}")
    return found


def provenance_of(reference: str) -> str:
    """The provenance of an image, as JSON."""
    words = ["docker", "buildx", "imagetools", "inspect", "--format", "{{json .Provenance}}", reference]
    done = subprocess.run(words, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def digest(reference: str) -> str:
    """The digest of a reference, "" if the registry has none."""
    found = manifest(reference)
    return digest_of(found) if found else ""


def inspected(tag: str) -> list[dict[str, Any]]:
    """The manifests of an index, without attestations."""
    return [row for row in raw(tag)["manifests"] if row["platform"]["os"] != "unknown"]


def platforms(tag: str) -> list[str]:
    keys = ("os", "architecture", "variant")
    return ["/".join(row["platform"][key] for key in keys if key in row["platform"]) for row in inspected(tag)]


def nap(seconds: int) -> str:
    """`sleep SECONDS` as no other test says it."""
    return f"sleep {seconds}.{uuid.uuid4().int % 10**9}"


def count(text: str) -> int:
    """How many processes have this text in their command lines; it has to be one that no other test uses."""
    return len(subprocess.run(["pgrep", "-f", "--", text], capture_output=True, check=False).stdout.split())


def running(text: str) -> bool:
    """Whether a process has this text in its command line."""
    return count(text) > 0


def wait_for(process: "subprocess.Popen[str]", words: str) -> None:
    """Read what a started buildmatrix says until it has said this."""
    assert process.stderr is not None
    said = ""
    while words not in said:
        line = process.stderr.readline()
        assert line, f"it ended without saying {words!r}:\n{said}"
        said += line


def result_of(folder: Path) -> dict[str, Any]:
    """The targets of the last result as it is now, {} if there is none yet."""
    path = folder / ".buildmatrix" / "result.json"
    found: dict[str, Any] = json.loads(path.read_text())["targets"] if path.exists() else {}
    return found


def bring_back() -> None:
    """Have both engines of this home up again; on a busy machine one that was just killed may need a second start."""
    command = [str(ENGINE), "up", "--nodes", "2"]
    until(lambda: subprocess.run(command, capture_output=True, check=False).returncode == 0, 300)


def until(true: Callable[[], bool], seconds: float = 120.0) -> None:
    for _ in range(int(seconds * 10)):
        if true():
            return
        time.sleep(0.1)
    pytest.fail(f"it did not come to that within {seconds:.0f} s")


def engines_buildx() -> Path:
    """Return the engine's buildx."""
    return Path(os.environ["DOCKER_CONFIG"], "cli-plugins", "docker-buildx").resolve()


def docker_config(folder: Path, buildx: Path | str = "", *builders: str) -> Path:
    """Make a configuration of docker of a test's own; returns `folder`.

    It has a buildx (the engine's by default) and some of the engine's builders. Other tests write into the engine's
    own one meanwhile, so that it is not copied as it stands.
    """
    (folder / "cli-plugins").mkdir(parents=True)
    (folder / "cli-plugins" / "docker-buildx").symlink_to(buildx or engines_buildx())
    instances = folder / "buildx" / "instances"
    instances.mkdir(parents=True)
    for name in builders:
        shutil.copy(Path(os.environ["DOCKER_CONFIG"], "buildx", "instances", name), instances)
    return folder
