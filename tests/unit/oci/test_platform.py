"""Platform names: which are known, and which are one."""

import re

import pytest

from buildmatrix.oci.platform import Platform, normalized, platform_of
from buildmatrix.spec.rows.platforms import KNOWN_PLATFORMS, PLATFORM, platform_hint


@pytest.mark.parametrize(
    ("written", "usual"),
    [
        ("linux/arm64/v8", "linux/arm64"),
        ("linux/arm", "linux/arm/v7"),
        ("linux/arm/v6", "linux/arm/v6"),
        ("linux/amd64/v1", "linux/amd64"),
        ("linux/amd64/v2", "linux/amd64/v2"),
        ("linux/x86_64", "linux/amd64"),
        ("linux/x86-64", "linux/amd64"),
        ("linux/aarch64", "linux/arm64"),
        ("linux/i386", "linux/386"),
        ("linux/armhf", "linux/arm/v7"),
        ("linux/armel", "linux/arm/v6"),
        ("macos/aarch64", "darwin/arm64"),
        ("local", "local"),
        ("haiku/sparc!", "haiku/sparc"),
        ("wasi/wasm32", "wasi/wasm32"),
    ],
)
def test_normalized(written: str, usual: str) -> None:
    assert re.match(PLATFORM, written)
    assert normalized(written) == usual
    assert normalized(usual) == usual


def test_as_an_index_describes_it() -> None:
    assert platform_of("linux", "armhf") == Platform("linux", "arm", "v7")
    assert Platform("linux", "arm", "v7").table == {"os": "linux", "architecture": "arm", "variant": "v7"}
    assert platform_of("linux", "arm64", "v8").table == {"os": "linux", "architecture": "arm64"}
    assert str(platform_of("local")) == "local"


@pytest.mark.parametrize("platform", KNOWN_PLATFORMS)
def test_known(platform: str) -> None:
    assert re.match(PLATFORM, platform)


@pytest.mark.parametrize(
    "text", ["", "amd64", "linux", "linux/amd46", "linux/", "Linux/amd64", "linux/arm64/8", "a b!"]
)
def test_unknown(text: str) -> None:
    assert re.match(PLATFORM, text) is None


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("arm64", "linux/arm64"),
        ("x86_64", "linux/x86_64"),
        ("linux-amd64", "linux/amd64"),
        ("Linux/AMD64", "linux/amd64"),
        ("linux/x64", "linux/amd64"),
        ("linux/arm/7", "linux/arm/v7"),
        ("linux/armv7", "linux/arm/v7"),
        ("arm64/linux", "linux/arm64"),
        ("osx/m1", "darwin/arm64"),
        ("linux/arm64/8", "linux/arm64/v8"),
    ],
)
def test_what_was_meant(text: str, meant: str) -> None:
    assert platform_hint(text) == f'write "{meant}"'
    assert re.match(PLATFORM, meant)


@pytest.mark.parametrize("text", ["", "all", "linux", "a b", "linux/amd46", "linux/amd64,linux/arm64"])
def test_something_is_said_of_any_other(text: str) -> None:
    assert "linux/a" in platform_hint(text)
