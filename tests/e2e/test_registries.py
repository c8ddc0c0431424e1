"""Registries that want to know who asks, or that prove themselves by an authority of their own: real ones."""

import base64
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import pytest

from buildmatrix.oci.answers import Absent, Found, Unknown
from buildmatrix.oci.http import client as client_of
from buildmatrix.oci.http.client import Client
from buildmatrix.oci.image import OCI_INDEX
from buildmatrix.process import Programs
from tests.e2e import own_registry as own
from tests.e2e.tools import Project, Run, succeeded

pytestmark = pytest.mark.corpus

BOTH = ["linux/amd64", "linux/arm64"]
EMPTY = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []}).encode()
KINDS = ["basic", "token", "tls"]


@dataclass(frozen=True)
class Asked:
    """A registry, and docker's configuration for whoever asks it."""

    host: str
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """What makes docker, buildx and us take that configuration; the builders stay where they are."""
        builders = os.environ.get("BUILDX_CONFIG") or str(Path(os.environ["DOCKER_CONFIG"], "buildx"))
        path = f"{self.folder / 'bin'}:{os.environ['PATH']}"
        return {"DOCKER_CONFIG": str(self.folder / "docker"), "BUILDX_CONFIG": builders, "PATH": path}

    def configured(self, **config: Any) -> None:
        (self.folder / "docker" / "config.json").write_text(json.dumps(config))

    def logged_in(self, password: str = own.PASSWORD) -> None:
        auth = base64.b64encode(f"{own.USER}:{password}".encode()).decode()
        self.configured(auths={self.host: {"auth": auth}})

    def client(self) -> Client:
        return Client(Programs({**os.environ, **self.environment}))

    def trusting(self, name: str, *files: str) -> None:
        """Have docker's configuration trust the authority, and show these files to the registry."""
        there = self.folder / "docker" / "certs.d" / name
        there.mkdir(parents=True, exist_ok=True)
        (there / "ca.crt").write_bytes((self.folder / "ca.pem").read_bytes())
        for file in files:
            source, _, target = file.partition("=")
            (there / target).write_bytes((self.folder / source).read_bytes())


@pytest.fixture
def folder(tmp_path: Path, engine: Mapping[str, str], unavailable: Callable[[str], NoReturn]) -> Path:
    """A directory for a registry, beside the project's, with docker's configuration of a user."""
    own.needed(unavailable)
    folder = tmp_path / "of-the-registry"
    (folder / "docker").mkdir(parents=True)
    (folder / "bin").mkdir()
    plugins = Path(engine["DOCKER_CONFIG"], "cli-plugins")
    if plugins.is_dir():
        (folder / "docker" / "cli-plugins").symlink_to(plugins.resolve())
    return folder


@pytest.fixture
def ready(folder: Path, request: pytest.FixtureRequest) -> Iterator[Asked]:
    """A registry of the kind that the test names; the configuration knows its certificates, and no login."""
    with ExitStack() as stack:
        auth = stack.enter_context(own.tokens(folder)) if request.param == "token" else own.basic(folder)
        http = own.tls(folder) if request.param == "tls" else {}
        registry = stack.enter_context(own.running(folder, auth=auth, http=http))
        asked = Asked(registry.host, folder)
        asked.configured()
        if request.param == "tls":
            asked.trusting(asked.host)
        yield asked


def spec(asked: Asked, text: str = "") -> str:
    return f"""
        [target.app]
        platforms = {json.dumps(BOTH)}
        tags = ["{asked.host}/app:1", "{asked.host}/app:2"]
        output = ["type=registry"]
        dockerfile-inline = "FROM busybox\\nLABEL text='{text}'"
    """


def held(asked: Asked, name: str) -> dict[str, str]:
    """The digests of a tag's images by architecture."""
    head = asked.client().head(f"{asked.host}/{name}")
    assert isinstance(head, Found), head
    found = asked.client().get(f"{asked.host}/app", head.digest)
    assert isinstance(found, Found), found
    rows = json.loads(found.body)["manifests"]
    return {row["platform"]["architecture"]: row["digest"] for row in rows if row["platform"]["os"] == "linux"}


@pytest.mark.corpus
@pytest.mark.parametrize("ready", KINDS, indirect=True)
def test_who_is_logged_in_moves_tags(project: Project, run: Run, ready: Asked, one_node: str) -> None:
    ready.logged_in()
    flags = ("apply", "--builder", one_node, "--publish", "together", "--format", "json")
    project(spec(ready))
    found = succeeded(run(*flags, **ready.environment))
    assert found["app"]["tags"] == [f"{ready.host}/app:1", f"{ready.host}/app:2"]
    before = held(ready, "app:1")
    assert sorted(before) == ["amd64", "arm64"]
    assert held(ready, "app:2") == before
    project(spec(ready, "new"))
    succeeded(run(*flags, "--platform", "linux/arm64", **ready.environment))
    after = held(ready, "app:1")
    assert after["amd64"] == before["amd64"]
    assert after["arm64"] != before["arm64"]
    assert ready.client().head(f"{ready.host}/app:3") == Absent()


@pytest.mark.parametrize("ready", KINDS, indirect=True)
@pytest.mark.parametrize("password", ["wrong", ""])
def test_who_is_not_let_in_is_told_to_log_in(project: Project, run: Run, ready: Asked, password: str) -> None:
    if password:
        ready.logged_in(password)
    found = ready.client().head(f"{ready.host}/app:1")
    assert isinstance(found, Unknown)
    assert found.refused
    project(spec(ready))
    done = run("apply", "--publish", "together", **ready.environment)
    assert done.returncode == 5, done.stderr
    assert f"log in: docker login {ready.host}" in done.stderr
    assert "answered 401" in done.stderr
    assert "no tag was touched" in done.stderr
    ready.logged_in()
    assert ready.client().head(f"{ready.host}/app:1") == Absent()


@pytest.mark.corpus
@pytest.mark.parametrize("ready", KINDS, indirect=True)
def test_a_credential_helper_knows_the_login(project: Project, run: Run, ready: Asked) -> None:
    helper = ready.folder / "bin" / "docker-credential-test"
    answer = json.dumps({"ServerURL": ready.host, "Username": own.USER, "Secret": own.PASSWORD})
    helper.write_text(f"#!/bin/sh\ncat >/dev/null\necho '{answer}'\n")
    helper.chmod(0o755)
    ready.configured(credHelpers={ready.host: "test"})
    project(spec(ready))
    done = run("apply", "--publish", "together", "--format", "json", **ready.environment)
    succeeded(done)
    assert own.PASSWORD not in done.stdout + done.stderr
    assert sorted(held(ready, "app:2")) == ["amd64", "arm64"]


@pytest.mark.parametrize("ready", KINDS, indirect=True)
def test_each_question_of_the_client(ready: Asked) -> None:
    ready.logged_in()
    asked, name = ready.client(), f"{ready.host}/a/b"
    digest = f"sha256:{hashlib.sha256(EMPTY).hexdigest()}"
    assert asked.head(f"{name}:1") == Absent()
    assert isinstance(asked.put(f"{name}:1", EMPTY, OCI_INDEX), Found)
    head, got = asked.head(f"{name}:1"), asked.get(name, digest)
    assert isinstance(head, Found)
    assert isinstance(got, Found)
    assert (head.digest, head.descriptor.media_type, got.body) == (digest, OCI_INDEX, EMPTY)
    assert asked.get(name, "sha256:" + "0" * 64) == Absent()
    assert asked.blob(name, "sha256:" + "0" * 64) == Absent()


def test_a_registry_that_wants_a_client_certificate(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_of, "_LOCAL", re.compile("nothing is local"))
    with own.running(folder, http=own.tls(folder, clients=True)) as registry:
        asked = Asked(registry.host, folder)
        asked.configured()
        stranger = asked.client().head(f"{registry.host}/app:1")
        assert isinstance(stranger, Unknown)
        assert f"the certificate of {registry.host} is not trusted" in stranger.reason
        asked.trusting(registry.host)
        unknown = asked.client().head(f"{registry.host}/app:1")
        assert isinstance(unknown, Unknown)
        assert unknown.reason == f"{registry.host} requires a client certificate"
        own.signed(folder, "client")
        asked.trusting(registry.host, "client.pem=client.cert", "client.key=client.key")
        assert isinstance(asked.client().put(f"{registry.host}/app:1", EMPTY, OCI_INDEX), Found)
        assert isinstance(asked.client().head(f"{registry.host}/app:1"), Found)
