"""Bases that lack a platform of what is built on them."""

import pytest

from buildmatrix.errors import Diagnostic
from buildmatrix.lock.named import images_of
from buildmatrix.lock.platforms import fitting, lacking
from tests import plans
from tests.unit.lock.test_named import target

TWO = ("linux/amd64", "linux/arm64")
TEXT = "FROM --platform=$BUILDPLATFORM tools AS build\nFROM debian\nCOPY --from=build / /\n"


def found(*platforms: str) -> list[Diagnostic]:
    targets = [target(TEXT, name, platforms=TWO) for name in ("app", "more", "other")]
    named = images_of(plans.plan(*targets)).named
    return list(lacking(named, {"debian:latest": platforms, "tools:latest": ("linux/amd64",)} if platforms else {}))


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
