"""Base images in a registry of this machine, and tags that move between them."""

import hashlib
import json
import subprocess
import time
from contextlib import closing
from http.client import HTTPConnection
from typing import NamedTuple

from tests.e2e.tools import ACCEPT
from tests.prove.projects import AMD, ARM

TEXTS = {
    "plain0": "RUN echo 0 > /base", "plain1": "RUN echo 1 > /base", "plain2": "ENV PLAIN=2\nRUN echo 2 > /base",
    "onbuild0": "RUN echo 0 > /onbase\nONBUILD COPY sub /onbuild", "onbuild1": "ONBUILD RUN echo 1 > /onbuild",
    "env0": "ENV SRC=sub", "env1": "ENV SRC=other",
}  # fmt: skip


class Registry:
    """A registry of this machine that speaks plain HTTP."""

    def __init__(self, host: str) -> None:
        self.host = host

    def ask(self, method: str, path: str, body: bytes = b"", kind: str = "") -> tuple[int, bytes, str]:
        """Return the status, the body and the type of an answer.

        A registry that is asked for a manifest while another process points a tag at it may answer 500.
        """
        found = self._asked(method, path, body, kind)
        for _ in range(20):
            if found[0] < 500:
                break
            time.sleep(0.2)
            found = self._asked(method, path, body, kind)
        return found

    def _asked(self, method: str, path: str, body: bytes, kind: str) -> tuple[int, bytes, str]:
        headers = {"Accept": ACCEPT, **({"Content-Type": kind} if kind else {})}
        with closing(HTTPConnection(self.host, timeout=60)) as connection:
            connection.request(method, f"/v2/{path}", body or None, headers)
            answer = connection.getresponse()
            return answer.status, answer.read(), answer.headers.get("Content-Type", "")

    def manifest(self, repository: str, reference: str) -> bytes:
        """Return an index or a manifest, b"" if there is none."""
        status, body, _ = self.ask("GET", f"{repository}/manifests/{reference}")
        return body if status == 200 else b""

    def blob(self, repository: str, digest: str) -> bytes:
        """Return a blob, or a manifest by its digest."""
        found = self.manifest(repository, digest)
        return found or self.ask("GET", f"{repository}/blobs/{digest}")[1]

    def move(self, repository: str, tag: str, to: str) -> str:
        """Point a tag at what another one, or a digest, holds; return its digest."""
        found, body, kind = self.ask("GET", f"{repository}/manifests/{to}")
        assert found == 200, (found, body)
        status, said, _ = self.ask("PUT", f"{repository}/manifests/{tag}", body, kind)
        assert status == 201, said
        return f"sha256:{hashlib.sha256(body).hexdigest()}"


class Bases(NamedTuple):
    """A repository of base images; `digests` are those of the images that tags may hold."""

    repository: str
    digests: dict[str, str]


def bases_in(host: str, repository: str, builder: str) -> Bases:
    """Build the base images; the digests are told by name."""
    targets = {
        name: {
            "dockerfile-inline": f"FROM {host}/library/busybox\n{text}\n",
            "tags": [f"{host}/{repository}:{name}"],
            "platforms": [AMD, ARM],
            "output": ["type=registry"],
            "attest": ["type=provenance,disabled=true"],
        }
        for name, text in TEXTS.items()
    }
    spec = json.dumps({"group": {"default": {"targets": list(targets)}}, "target": targets})
    command = ["docker", "buildx", "bake", "--file=-", "--builder", builder]
    done = subprocess.run(command, input=spec, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    registry = Registry(host)
    digests = {name: registry.move(repository, name, name) for name in TEXTS}
    digests["plain0b"] = _otherwise(registry, repository, "plain0")
    return Bases(f"{host}/{repository}", digests)


def _otherwise(registry: Registry, repository: str, name: str) -> str:
    """Put an index of the same images, the other way round; return its digest."""
    _, body, kind = registry.ask("GET", f"{repository}/manifests/{name}")
    index = json.loads(body)
    index["manifests"].reverse()
    other = json.dumps(index).encode()
    registry.ask("PUT", f"{repository}/manifests/{name}b", other, kind)
    return f"sha256:{hashlib.sha256(other).hexdigest()}"
