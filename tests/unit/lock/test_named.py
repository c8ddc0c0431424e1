"""Which images a plan names: of which stages, for which platforms, where; and which are its own."""

from typing import Any

import pytest

from buildmatrix.lock.named import SCANNER, Images, images_of, short_name
from buildmatrix.plan.model import PlannedTarget
from buildmatrix.spec.rows.outputs import CacheonlyOutput, ImageOutput, RegistryOutput
from buildmatrix.spec.rows.settings import ProvenanceAttest, SbomAttest, Settings
from tests import plans

CACHE = (CacheonlyOutput(type="cacheonly"),)
A = f"sha256:{'a' * 64}"


def target(text: str, name: str = "app", **settings: Any) -> PlannedTarget:
    return plans.target(name, Settings(dockerfile_inline=text, **({"output": CACHE} | settings)))


def names(*targets: PlannedTarget) -> list[str]:
    return [one.name for one in images_of(plans.plan(*targets)).named]


def unknown(text: str, **settings: Any) -> dict[str, str]:
    return dict(images_of(plans.plan(target(text, **settings))).unknown)


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("busybox", "busybox:latest"),
        ("docker.io/library/busybox:1", "busybox:1"),
        ("index.docker.io/acme/app", "acme/app:latest"),
        ("ghcr.io/library/app:1", "ghcr.io/library/app:1"),
        (f"docker.io/busybox@{A}", f"busybox@{A}"),
        (f"busybox:1@{A}", f"busybox:1@{A}"),
    ],
)
def test_short_names(name: str, short: str) -> None:
    assert short_name(name) == short
    assert short_name(short) == short


@pytest.mark.parametrize(
    ("text", "settings", "found"),
    [
        ("FROM scratch", {}, []),
        ("FROM busybox", {}, ["busybox:latest"]),
        ("FROM busybox AS busybox\nFROM busybox", {}, ["busybox:latest"]),
        ("FROM a AS one\nFROM b", {}, ["b:latest"]),  # nothing of the first stage is needed
        ("FROM a AS one\nFROM b", {"target": "one"}, ["a:latest"]),
        ("FROM a AS one\nFROM b\nCOPY --from=one / /", {}, ["a:latest", "b:latest"]),
        (
            "FROM a\nCOPY --from=b / /\nRUN --mount=type=bind,from=c,target=/c true",
            {},
            ["a:latest", "b:latest", "c:latest"],
        ),
        ("ARG V=1\nFROM a:$V", {}, ["a:1"]),
        ("ARG V=1\nFROM a:$V", {"args": {"V": "2"}}, ["a:2"]),
        ("FROM a", {"contexts": {"a": "target:base"}}, []),
        ("FROM a", {"contexts": {"a": "docker-image://b:2"}}, ["b:2"]),
        ("FROM a AS one\nFROM one", {"contexts": {"one": "docker-image://b"}}, ["b:latest"]),
        ("FROM a-$TARGETARCH", {"platforms": ("linux/amd64", "linux/arm64")}, ["a-amd64:latest", "a-arm64:latest"]),
        ("# syntax=docker/dockerfile:1\nFROM a", {}, ["a:latest", "docker/dockerfile:1"]),
        ("# syntax=acme/own\nFROM a", {}, ["acme/own:latest"]),
        ("FROM a", {"args": {"BUILDKIT_SYNTAX": "acme/own"}}, ["acme/own:latest"]),
        ("FROM scratch", {"attest": (SbomAttest(type="sbom"),)}, [SCANNER]),
        ("FROM scratch", {"attest": (SbomAttest(type="sbom", generator="scan:1"),)}, ["scan:1"]),
        ("FROM scratch", {"attest": (SbomAttest(type="sbom", disabled=True), ProvenanceAttest(type="provenance"))}, []),
        ("FROM scratch\nADD https://example.com/a /a", {}, []),
        ("FROM NoImage", {}, []),
    ],
)
def test_images(text: str, settings: dict[str, Any], found: list[str]) -> None:
    assert names(target(text, **settings)) == found


@pytest.mark.parametrize(
    ("text", "settings", "why"),
    [
        ("FROM $BASE", {}, {"app": "$BASE on line 1 of its Dockerfile is not known here"}),
        ("FROM a-$BUILDARCH", {}, {"app": "a-$BUILDARCH on line 1 of its Dockerfile is not known here"}),
        ("# syntax=acme/own\nFROM a", {}, {"app": "another frontend reads its Dockerfile, or it cannot be read"}),
        ("", {"context": "https://example.com/a.git"}, {"app": "its Dockerfile cannot be read here"}),
    ],
)
def test_what_is_not_known_is_said(text: str, settings: dict[str, Any], why: dict[str, str]) -> None:
    assert unknown(text, **settings) == why


def test_uses_tell_targets_lines_and_platforms() -> None:
    text = "FROM --platform=$BUILDPLATFORM tools AS build\nFROM busybox\nCOPY --from=build / /\nCOPY --from=other / /\n"
    platforms = ("linux/amd64", "linux/arm64")
    found = images_of(plans.plan(target(text, "app", platforms=platforms), target("FROM busybox", "more")))
    uses = {
        one.name: [(use.target, use.place.within, use.platforms, use.is_base) for use in one.uses]
        for one in found.named
    }
    assert uses == {
        "busybox:latest": [("app", 2, platforms, True), ("more", 1, (), True)],
        "other:latest": [("app", 4, platforms, False)],
        "tools:latest": [("app", 1, (), True)],
    }


@pytest.mark.parametrize(
    ("settings", "is_own"),
    [
        ({"tags": ("r.example/base:1",), "output": (RegistryOutput(type="registry"),)}, True),
        ({"tags": ("r.example/base:1",), "output": None}, True),  # the docker driver stores it
        ({"output": (ImageOutput(type="image", name="r.example/x,r.example/base:1", push=True),)}, True),
        ({"tags": ("r.example/base:1",)}, False),
        ({"tags": ("r.example/base:2",), "output": None}, False),
        ({"tags": ("r.example/base:1",), "output": None, "call": "check"}, False),
    ],
)
def test_what_the_run_writes_is_its_own(settings: dict[str, Any], *, is_own: bool) -> None:
    base = target("FROM scratch", "base", **settings)
    found: Images = images_of(plans.plan(base, target("FROM r.example/base:1")))
    assert [one.name for one in found.own] == (["r.example/base:1"] if is_own else [])
    assert [one.name for one in found.named] == ([] if is_own else ["r.example/base:1"])
