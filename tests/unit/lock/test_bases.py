"""The platforms of bases: asked for once, and kept."""

import json
from pathlib import Path
from typing import Any

import pytest

from buildmatrix.engine.outcome import Pin
from buildmatrix.lock.bases import FILE, MOST_KEPT, platforms_of
from buildmatrix.lock.named import images_of
from tests import plans
from tests.registry import Server
from tests.unit.lock.images import asking, image, index
from tests.unit.lock.test_named import target
from tests.unit.lock.test_policy import A


def found(server: Server, home: Path, digest: str, **settings: Any) -> dict[str, tuple[str, ...]]:
    name = f"{server.host}/app:1"
    planned = plans.plan(target(f"FROM {name}", **({"platforms": ("linux/amd64", "linux/arm64")} | settings)))
    pins = [Pin(name=name, targets=("app",), digest=digest, origin="registry")]
    return platforms_of(asking(), images_of(planned).named, pins, {"XDG_CACHE_HOME": str(home)})


def test_an_index_is_read_once(server: Server, tmp_path: Path) -> None:
    digest = index(server, linux_amd64=image(server))
    asked: list[str] = []
    server.before = lambda method, _: asked.append(method)
    for _ in range(2):
        assert found(server, tmp_path, digest) == {f"{server.host}/app:1": ("linux/amd64",)}
    assert asked == ["GET"]


def test_what_is_in_no_index_is_fine_for_any(server: Server, tmp_path: Path) -> None:
    digest = image(server)
    asked: list[str] = []
    server.before = lambda method, _: asked.append(method)
    assert found(server, tmp_path, digest) == found(server, tmp_path, digest) == {}
    assert asked == ["GET"]


def test_what_a_registry_does_not_tell_is_asked_again(server: Server, tmp_path: Path) -> None:
    digest = index(server, linux_amd64=image(server))
    server.before = lambda *_: 503
    assert found(server, tmp_path, digest) == {}
    server.before = lambda *_: None
    assert found(server, tmp_path, digest) != {}


def test_nobody_is_asked_where_no_platform_is_declared(server: Server, tmp_path: Path) -> None:
    server.before = lambda *_: pytest.fail("asked")
    assert found(server, tmp_path, A, platforms=None) == {}


def test_docker_hub_is_not_asked_since_it_counts(tmp_path: Path) -> None:
    planned = plans.plan(target("FROM debian:12", platforms=("linux/amd64",)))
    pins = [Pin(name="debian:12", targets=("app",), digest=A, origin="registry")]

    def known() -> dict[str, tuple[str, ...]]:
        return platforms_of(None, images_of(planned).named, pins, {"XDG_CACHE_HOME": str(tmp_path)})  # type: ignore[arg-type]

    assert known() == {}
    (tmp_path / "buildmatrix").mkdir()
    (tmp_path / "buildmatrix" / FILE).write_text(json.dumps({A: ["linux/amd64"], "odd": [1]}))
    assert known() == {"debian:12": ("linux/amd64",)}


@pytest.mark.parametrize("text", ["", "[]", "{", '{"a": 1}'])
def test_a_file_that_is_broken_is_written_anew(server: Server, tmp_path: Path, text: str) -> None:
    (tmp_path / "buildmatrix").mkdir()
    path = tmp_path / "buildmatrix" / FILE
    path.write_text(text)
    digest = index(server, linux_amd64=image(server))
    assert found(server, tmp_path, digest)
    assert json.loads(path.read_text()) == {digest: ["linux/amd64"]}


def test_it_does_not_grow_for_ever(server: Server, tmp_path: Path) -> None:
    (tmp_path / "buildmatrix").mkdir()
    path = tmp_path / "buildmatrix" / FILE
    path.write_text(json.dumps({str(number): [] for number in range(MOST_KEPT)}))
    digest = index(server, linux_amd64=image(server))
    found(server, tmp_path, digest)
    kept = json.loads(path.read_text())
    assert len(kept) == MOST_KEPT
    assert "0" not in kept
    assert digest in kept
