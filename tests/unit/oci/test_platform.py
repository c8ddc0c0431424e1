"""Platform names: which are known, and which are one."""

import re

import pytest

from buildmatrix.oci.platform import normalized
from buildmatrix.spec.settings import KNOWN_PLATFORMS, PLATFORM


@pytest.mark.parametrize(
    ("written", "usual"),
    [
        ("linux/arm64/v8", "linux/arm64"),
        ("linux/arm", "linux/arm/v7"),
        ("linux/arm/v6", "linux/arm/v6"),
        ("linux/amd64/v1", "linux/amd64"),
        ("linux/amd64/v2", "linux/amd64/v2"),
        ("local", "local"),
        ("haiku/sparc!", "haiku/sparc"),
        ("wasi/wasm32", "wasi/wasm32"),
    ],
)
def test_normalized(written: str, usual: str) -> None:
    assert re.match(PLATFORM, written)
    assert normalized(written) == usual
    assert normalized(usual) == usual


@pytest.mark.parametrize("platform", KNOWN_PLATFORMS)
def test_known(platform: str) -> None:
    assert re.match(PLATFORM, platform)


@pytest.mark.parametrize(
    "text", ["", "amd64", "linux", "linux/amd46", "linux/", "Linux/amd64", "linux/arm64/8", "a b!"]
)
def test_unknown(text: str) -> None:
    assert re.match(PLATFORM, text) is None
