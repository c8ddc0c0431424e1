"""What a digest stands for: its platforms, triggers and variables, and when it was made."""

from datetime import UTC, datetime
from typing import Any

import pytest

from buildmatrix.lock.known import Looked, look
from buildmatrix.oci.answers import Unknown
from tests.registry import Server
from tests.unit.lock.images import MANIFEST, asking, image, index, put


def looked(server: Server, digest: str, *platforms: str) -> Looked:
    found = look(asking(), f"{server.host}/app:1", digest, platforms)
    assert isinstance(found, Looked), found
    return found


def test_an_index(server: Server) -> None:
    amd = image(server, "linux/amd64", "2024-05-01T10:00:00Z", Env=["PATH=/bin", "A=b=c"])
    arm = image(server, "linux/arm64", "2024-06-01T10:00:00.123456789Z", Env=["PATH=/bin"], OnBuild=["RUN true"])
    digest = index(server, linux_arm64=arm, linux_amd64=amd)
    found = looked(server, digest, "linux/amd64", "linux/arm64")
    assert (found.entry.digest, found.entry.single) == (digest, None)
    assert found.entry.platforms == ("linux/amd64", "linux/arm64")
    assert found.entry.onbuild
    assert found.entry.env == ("A", "PATH")
    assert found.created == datetime(2024, 6, 1, 10, 0, 0, 123456, tzinfo=UTC)
    assert not looked(server, digest, "linux/amd64").entry.onbuild


def test_only_the_platforms_that_are_used_are_read(server: Server) -> None:
    arm = image(server, "linux/arm64")
    digest = index(server, linux_amd64="sha256:" + "c" * 64, linux_arm64=arm)
    assert looked(server, digest, "linux/arm64", "linux/s390x").entry.platforms == ("linux/amd64", "linux/arm64")
    found = look(asking(), f"{server.host}/app:1", digest, ["linux/amd64"])
    assert isinstance(found, Unknown)


def test_a_lone_image(server: Server) -> None:
    found = looked(server, image(server, "linux/arm64"), "linux/amd64").entry
    assert (found.single, found.platforms, found.onbuild, found.env) == (True, ("linux/arm64",), False, ())


ODD: dict[str, Any] = {
    "variables": {"Env": [1]},
    "a table": {"Env": {"a": 1}},
}


@pytest.mark.parametrize("about", ODD)
def test_odd_configurations_are_said(server: Server, about: str) -> None:
    digest = image(server, "linux/amd64", **ODD[about])
    found = look(asking(), f"{server.host}/app:1", digest, [])
    assert found == Unknown(reason=f"the configuration of {server.host}/app:1 cannot be read")


def test_what_is_no_image_is_said(server: Server) -> None:
    table = {"mediaType": "application/vnd.acme", "digest": f"sha256:{'c' * 64}", "size": 1}
    digest, _ = put(server, {"schemaVersion": 2, "mediaType": MANIFEST, "config": table, "layers": []})
    found = look(asking(), f"{server.host}/app:1", digest, [])
    assert found == Unknown(reason=f"{server.host}/app:1 is an artifact, not an image")
    assert isinstance(look(asking(), f"{server.host}/app:1", f"sha256:{'d' * 64}", []), Unknown)


@pytest.mark.parametrize("created", ["", "yesterday", "2024-13-01"])
def test_nobody_says_when_it_was_made(server: Server, created: str) -> None:
    assert looked(server, image(server, "linux/amd64", created)).created is None
