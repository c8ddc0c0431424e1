"""The images that a Build takes from elsewhere."""

import pytest

from buildmatrix.dockerfile.images import OWN, Image, contexts_across, external_images
from buildmatrix.dockerfile.links import Config, full, short

HUB = "docker.io/library/"


def names(text: str, **options: object) -> list[str | None]:
    return [one.name for one in external_images(text, **options)]  # type: ignore[arg-type]


def test_each_use_is_told_with_its_line() -> None:
    text = """# syntax=docker/dockerfile:1
ARG V=1
FROM --platform=$BUILDPLATFORM golang:$V AS b
FROM ghcr.io/a/b
COPY --from=b / /
COPY --from=busybox:latest / /
RUN --mount=from=b,target=/b --mount=type=cache,target=/c --mount=from=alpine:3,target=/a true
"""
    assert external_images(text, platform="linux/arm64/v8") == (
        Image("docker.io/docker/dockerfile:1", "docker/dockerfile:1", 1, "syntax", None),
        Image(f"{HUB}golang:1", "golang:$V", 3, "from", None),
        Image("ghcr.io/a/b:latest", "ghcr.io/a/b", 4, "from", "linux/arm64"),
        Image(f"{HUB}busybox:latest", "busybox:latest", 6, "copy", "linux/arm64"),
        Image(f"{HUB}alpine:3", "alpine:3", 7, "mount", "linux/arm64"),
    )


@pytest.mark.parametrize(
    ("text", "options", "expected"),
    [
        ("FROM scratch", {}, []),
        ("FROM a\nFROM b", {}, ["b"]),
        ("FROM a AS x\nFROM b", {"target": "X"}, ["a"]),
        ("FROM a", {"target": "missing"}, []),
        ("FROM busybox AS busybox\nFROM busybox\nCOPY --from=busybox / /", {}, ["busybox"]),
        ("FROM busybox AS busybox\nFROM busybox:latest", {}, ["busybox"]),  # the image, not the stage
        ("FROM a AS x\nFROM b\nCOPY --from=0 / /\nCOPY --from=7 / /", {}, ["a", "b", None]),
        ("FROM b\nRUN --mount=from=0,target=/a true", {}, ["b", "0"]),
        ("FROM a$NO_SUCH", {}, ["a"]),
        ("FROM a-$BUILDARCH", {}, [None]),
        ("FROM a-$TARGETARCH", {}, [None]),
        ("FROM a-$TARGETARCH", {"platform": "linux/amd64"}, ["a-amd64"]),
        ("FROM a-$TARGETSTAGE", {}, ["a-default"]),
        ("FROM a-$TARGETSTAGE AS x", {}, ["a-x"]),
        ("FROM ${NO:-a}", {"args": {"NO": "b"}}, ["a"]),
        ("ARG NO\nFROM ${NO:-a}", {"args": {"NO": "b"}}, ["b"]),
        ("FROM UPPER", {}, [None]),
        ("FROM a\nCOPY --from=b / /", {"contexts": ["a", "docker.io/library/b"]}, ["b"]),
        ("FROM docker.io/library/a:latest\nCOPY --from=b:2 / /", {"contexts": ["a", "b:2"]}, []),
        ("FROM a AS x\nRUN true\nFROM x", {"contexts": ["x"]}, []),
        ("FROM a", {"contexts": ["a::linux/amd64"], "platform": "linux/amd64"}, []),
        ("FROM a", {"contexts": ["a::linux/amd64"], "platform": "linux/arm64"}, ["a"]),
        ("FROM scratch\nCOPY --from=context / /", {"contexts": ["context", "scratch"]}, ["context"]),
        ("FROM a AS x\nONBUILD COPY --from=b / /\nFROM x", {}, ["a", "b"]),
        ("FROM a AS x\nONBUILD COPY --from=b / /", {}, ["a"]),
        ("# syntax=acme/own\nFROM a", {}, ["docker.io/acme/own:latest"]),
        ("# syntax=docker/dockerfile:1\nFROM a", {"args": {"BUILDKIT_SYNTAX": "x/y:2 more"}}, ["docker.io/x/y:2"]),
        (
            "# syntax=x/y\nFROM a",
            {"args": {"BUILDKIT_SYNTAX": "docker/dockerfile"}},
            ["docker.io/docker/dockerfile:latest", "a"],
        ),
        ("no Dockerfile", {}, []),
    ],
)
def test_images(text: str, options: dict[str, object], expected: list[str | None]) -> None:
    assert names(text, **options) == [name and (name if "/" in name else f"{HUB}{_tagged(name)}") for name in expected]


def _tagged(name: str) -> str:
    return name if ":" in name else f"{name}:latest"


def test_what_the_onbuild_of_a_base_uses_counts() -> None:
    text = "FROM a AS one\nFROM b"
    bases = {f"{HUB}b:latest": Config(onbuild=("COPY --from=one / /", "COPY --from=c / /"))}
    assert names(text, bases=bases) == [f"{HUB}a:latest", f"{HUB}b:latest", f"{HUB}c:latest"]


@pytest.mark.parametrize(
    ("name", "familiar", "whole"),
    [
        ("docker.io/library/a:latest", "a", "docker.io/library/a:latest"),
        ("index.docker.io/a/b:1", "a/b:1", "docker.io/a/b:1"),
        ("ghcr.io/library/a", "ghcr.io/library/a", "ghcr.io/library/a:latest"),
        ("localhost:5000/a:latest", "localhost:5000/a", "localhost:5000/a:latest"),
        (f"a:1@sha256:{'0' * 64}", f"a:1@sha256:{'0' * 64}", f"docker.io/library/a@sha256:{'0' * 64}"),
    ],
)
def test_names(name: str, familiar: str, whole: str) -> None:
    assert (short(name), full(name)) == (familiar, whole)


CROSS = "FROM --platform={} tools AS build\nRUN x\nFROM base\nCOPY --from=build /x /\nCOPY --from=other / /\n"


@pytest.mark.parametrize(
    ("text", "args", "found"),
    [
        (CROSS.format("$BUILDPLATFORM"), {}, {"tools": {OWN}}),
        (CROSS.format("$BUILDPLATFORM"), {"BUILDPLATFORM": "linux/amd64"}, {"tools": {"linux/amd64"}}),
        (CROSS.format("linux/aarch64"), {}, {"tools": {"linux/arm64"}}),
        (CROSS.format("$TARGETPLATFORM"), {}, {}),
        ("ARG P=linux/amd64\n" + CROSS.format("$P"), {"P": "linux/s390x"}, {"tools": {"linux/s390x"}}),
        ("FROM --platform=$BUILDPLATFORM x AS tools\nFROM base\nCOPY --from=tools / /\n", {}, {"tools": {OWN}}),
        ("FROM --platform=$BUILDPLATFORM tools AS unused\nFROM base\n", {}, {}),
        ("FROM --platform=$BUILDPLATFORM busybox AS a\nFROM tools\nCOPY --from=a / /\n", {}, {}),
        ("# syntax=example.org/other\n" + CROSS.format("$BUILDPLATFORM"), {}, {}),
        ("FROM tools\n", {}, {}),
    ],
    ids=["builder's", "given", "named", "own", "argument", "stage", "not needed", "image", "frontend", "none"],
)
def test_contexts_that_are_taken_for_another_platform(
    text: str, args: dict[str, str], found: dict[str, set[str]]
) -> None:
    assert contexts_across(text, target=None, args=args, contexts=["tools", "base", "other"]) == found
