"""Bases that lack a platform of what is built on them."""

import pytest

from buildmatrix.errors import Diagnostic
from buildmatrix.lock.named import images_of
from buildmatrix.lock.platforms import Have, fitting, lacking
from tests import plans
from tests.unit.lock.test_named import target

TWO = ("linux/amd64", "linux/arm64")
TEXT = "FROM --platform=$BUILDPLATFORM tools AS build\nFROM debian\nCOPY --from=build / /\n"


def found(*platforms: str) -> list[Diagnostic]:
    targets = [target(TEXT, name, platforms=TWO) for name in ("app", "more", "other")]
    named = images_of(plans.plan(*targets)).named
    return list(
        lacking(named, {"debian:latest": Have(platforms), "tools:latest": Have(("linux/amd64",))} if platforms else {})
    )


def test_it_is_said_once_for_each_place() -> None:
    errors = found("linux/amd64", "linux/386")
    assert [one.message for one in errors] == [
        f"debian:latest has no linux/arm64, for which {name} is built" for name in ("app", "more", "other")
    ]
    assert errors[0].hint == "it has linux/amd64, linux/386: build for those only, or take another image"
    assert errors[0].place is not None
    assert errors[0].place.within == 2


def test_what_has_them_or_is_not_known_is_fine() -> None:
    assert found("linux/amd64", "linux/arm64", "linux/s390x") == found("linux/amd64", "linux/arm/v7") == found() == []


@pytest.mark.parametrize(
    ("platform", "there", "found"),
    [
        ("linux/amd64", ["linux/arm64", "linux/amd64"], "linux/amd64"),
        ("linux/amd64", ["linux/386"], "linux/386"),
        ("linux/amd64", ["linux/amd64/v2"], ""),
        ("linux/amd64/v3", ["linux/amd64", "linux/amd64/v2"], "linux/amd64/v2"),
        ("linux/arm64", ["linux/arm/v6", "linux/arm/v7"], "linux/arm/v7"),
        ("linux/arm/v7", ["linux/arm/v5"], "linux/arm/v5"),
        ("linux/arm/v6", ["linux/arm/v7"], ""),
        ("linux/s390x", ["linux/amd64"], ""),
        ("windows/amd64", ["linux/amd64"], ""),
    ],
)
def test_an_older_variant_will_do(platform: str, there: list[str], found: str) -> None:
    assert fitting(platform, there) == found


@pytest.mark.parametrize(
    ("text", "single", "line"),
    [
        ("FROM debian", False, 1),
        ("FROM debian", True, 1),
        ("FROM debian AS files\nFROM scratch\nCOPY --from=files / /", True, 1),
        ("FROM --platform=linux/amd64 debian", True, 0),
        ("FROM scratch\nCOPY --from=debian / /", False, 2),
        ("FROM scratch\nCOPY --from=debian / /", True, 0),  # data: BuildKit takes it for any platform
        ("FROM alpine\nRUN --mount=from=debian,target=/m ls", False, 2),
        (
            "FROM --platform=$BUILDPLATFORM alpine\nCOPY --from=debian / /",
            False,
            2,
        ),  # for the target's, as BuildKit does
    ],
)
def test_one_image_is_wrong_to_build_upon_and_an_index_to_take_from(text: str, line: int, *, single: bool) -> None:
    named = images_of(plans.plan(target(text, platforms=TWO))).named
    errors = list(lacking(named, {"debian:latest": Have(("linux/amd64",), single=single)}))
    assert [one.place.within for one in errors if one.place] == ([line] if line else [])
    if errors and single:
        assert errors[0].hint == (
            "it is one image, for linux/amd64: take another one, or write FROM --platform=linux/amd64 debian:latest "
            "where it is to be used as it is"
        )


def test_of_one_image_without_a_platform_nothing_is_known() -> None:
    named = images_of(plans.plan(target("FROM debian", platforms=TWO))).named
    assert not list(lacking(named, {"debian:latest": Have((), single=True)}))
