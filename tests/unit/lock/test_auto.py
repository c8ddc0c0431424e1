"""The platforms of a target's external images: by the lock file, by what a needed target writes, by registries."""

from pathlib import Path
from typing import Any

import pytest

from buildmatrix.dockerfile.images import ForAny, bases_for_any
from buildmatrix.lock.auto import BasePlatforms
from buildmatrix.lock.file import NO_LOCK, Lock, LockedImage
from buildmatrix.plan.auto import Doubt, Named
from buildmatrix.spec.rows.settings import Settings
from tests import plans
from tests.registry import Server
from tests.unit.lock.images import asking, image, index

D = f"sha256:{'d' * 64}"
LOCK = Lock(
    images={
        name: LockedImage(digest=D, platforms=platforms, onbuild=False, env=())
        for name, platforms in {"a:latest": ("linux/amd64",), "b:latest": ("linux/amd64", "linux/arm64")}.items()
    }
)


def told(text: str, *, lock: Lock = LOCK, written: Named | None = None, **settings: Any) -> Named | Doubt:
    bases = BasePlatforms("/nowhere", lock, {}, None)
    return bases(plans.target("app", Settings(dockerfile_inline=text, **settings)), written or {})


@pytest.mark.parametrize(
    ("text", "settings", "images"),
    [
        ("FROM a", {}, {"a:latest"}),
        ("FROM scratch", {}, set()),
        ("FROM --platform=$BUILDPLATFORM a AS one\nFROM b\nCOPY --from=one / /", {}, {"b:latest"}),
        ("FROM --platform=linux/amd64 a AS one\nFROM b\nCOPY --from=one / /", {}, {"b:latest"}),
        ("FROM --platform=$TARGETPLATFORM a", {}, {"a:latest"}),
        ("FROM b\nCOPY --from=a / /", {}, {"a:latest", "b:latest"}),
        ("FROM b\nRUN --mount=from=a true", {}, {"a:latest", "b:latest"}),
        ("FROM c AS unused\nFROM a", {}, {"a:latest"}),
        ("FROM base", {"contexts": {"base": "docker-image://a"}}, {"a:latest"}),
        ("FROM a", {"contexts": {"unused": "docker-image://c"}}, {"a:latest"}),
        ("FROM base", {"contexts": {"base": "./files"}}, set()),
        ("FROM base", {"contexts": {"base": "target:base"}}, set()),  # a plan knows that itself
        ("ARG X=a\nFROM ${X}", {"args": {"X": "b"}}, {"b:latest"}),
    ],
)
def test_what_has_to_have_the_platform(text: str, settings: dict[str, Any], images: set[str]) -> None:
    found = told(text, **settings)
    assert not isinstance(found, Doubt)
    assert set(found) == images


@pytest.mark.parametrize(
    ("text", "settings", "why"),
    [
        ("ARG TARGETARCH\nFROM ${TARGETARCH}", {}, "which images it is made from depends on the platform"),
        ("# syntax=acme/other\nFROM a", {}, "another frontend reads its Dockerfile, or it cannot be read"),
        ("FROM ${X}", {}, "${X} of its Dockerfile is not known here"),
        ("FROM a", {"target": "x"}, 'its Dockerfile has no stage "x"'),
        ("FROM c", {}, "nobody knows here which platforms c:latest has"),
        (
            "FROM x",
            {"contexts": {"x": "oci-layout://y"}},
            "it is made from oci-layout://y, whose platforms are not known",
        ),
    ],
)
def test_what_nobody_knows_is_a_doubt(text: str, settings: dict[str, Any], why: str) -> None:
    found = told(text, **settings)
    assert isinstance(found, Doubt)
    assert found.why == why


def test_only_where_a_lock_would_help_it_is_said() -> None:
    unlocked, open_ = told("FROM c"), told("FROM ${X}")
    assert isinstance(unlocked, Doubt)
    assert isinstance(open_, Doubt)
    assert "buildmatrix lock" in unlocked.hint
    assert "lock" not in open_.hint


def test_an_image_of_the_run_has_the_platforms_that_it_is_built_for() -> None:
    assert told("FROM a", written={"docker.io/library/a:latest": ("linux/s390x",)}) == {"a:latest": ("linux/s390x",)}


def test_registries_are_asked_for_what_is_not_locked(server: Server, tmp_path: Path) -> None:
    base = index(server, linux_arm64=image(server, "linux/arm64"), linux_amd64=image(server))
    alone = image(server, "linux/arm/v7")
    server.tags = {"1": base, "2": alone}
    bases = BasePlatforms("/nowhere", NO_LOCK, {"HOME": str(tmp_path)}, lambda _: asking())
    text = f"FROM {server.host}/base:1\nCOPY --from={server.host}/alone:2 / /"
    assert bases(plans.target("app", Settings(dockerfile_inline=text)), {}) == {
        f"{server.host}/alone:2": ("linux/arm/v7",),
        f"{server.host}/base:1": ("linux/amd64", "linux/arm64"),
    }


def test_a_registry_without_the_image_is_told(server: Server, tmp_path: Path) -> None:
    bases = BasePlatforms("/nowhere", NO_LOCK, {"HOME": str(tmp_path)}, lambda _: asking())
    found = bases(plans.target("app", Settings(dockerfile_inline=f"FROM {server.host}/gone:1")), {})
    host = server.host
    assert found == Doubt(f"nobody knows which platforms {host}/gone:1 has: {host} does not have it")


def test_bases_for_any_platform_are_full_names() -> None:
    found = bases_for_any("FROM a AS x\nFROM x", target=None, args={}, contexts=())
    assert found == ForAny(images=frozenset({"docker.io/library/a:latest"}))
