"""The mark of an image is read as it was written, and nothing else is taken for one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildmatrix.state.images.marks import ANNOTATION, OtherFormat, mark_of, marks_in

PLATFORMS = st.sampled_from(["linux/amd64", "linux/arm64", "linux/arm/v7", "windows/amd64", "wasi/wasm"])
DIGITS = st.text("0123456789abcdef", min_size=32, max_size=32)


@given(st.dictionaries(PLATFORMS, DIGITS, min_size=1))
def test_what_is_written_is_read(fingerprints: dict[str, str]) -> None:
    assert marks_in({ANNOTATION: mark_of(fingerprints)}) == fingerprints


def test_the_order_does_not_matter() -> None:
    one, two = {"linux/amd64": "a" * 32, "linux/arm64": "b" * 32}, {"linux/arm64": "b" * 32, "linux/amd64": "a" * 32}
    assert mark_of(one) == mark_of(two) == f"1 linux/amd64={'a' * 32} linux/arm64={'b' * 32}"


@pytest.mark.parametrize(
    "text",
    ["", "1", "2 linux/amd64=" + "a" * 32, "1 linux/amd64=abc", "1 linux/amd64=" + "a" * 32 + " x", "1  ", "a" * 999],
)
def test_another_format_is_said_to_be_one(text: str) -> None:
    assert isinstance(marks_in({ANNOTATION: text}), OtherFormat)


def test_no_mark_is_none() -> None:
    assert marks_in({"org.opencontainers.image.title": "app"}) == {}
