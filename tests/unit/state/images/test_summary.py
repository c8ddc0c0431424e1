"""The summary beside a mark: read as it was written, bounded, and nothing is made of what somebody else wrote there."""

import base64
import json
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildmatrix.state.images.contents import Contents, Files, short
from buildmatrix.state.images.summary import ANNOTATION, LARGEST, read, written
from buildmatrix.text import forget, hide

AMD, ARM = "linux/amd64", "linux/arm64"
NAMES = st.text(st.characters(codec="utf-8"), max_size=8)
TABLES = st.dictionaries(NAMES, NAMES, max_size=4)
FILES = st.builds(lambda digests: Files(depth="files", digests=digests), TABLES)
STEPS = st.lists(st.sampled_from(["abc", "-_1"]), max_size=3).map(tuple)
CONTENTS = st.builds(
    Contents, fingerprint=NAMES, parts=TABLES, args=TABLES, steps=STEPS, files=st.dictionaries(NAMES, FILES, max_size=2)
)


def many(count: int, folders: int = 50) -> Contents:
    digests = {f"src/{number % folders}/{short(str(number))}{number}": short(f"{number}") for number in range(count)}
    return Contents(
        fingerprint="f" * 32, parts={"labels.x": "abc"}, files={"context": Files(depth="files", digests=digests)}
    )


def packed(document: Any) -> dict[str, str]:
    plain = document if isinstance(document, bytes) else json.dumps(document).encode()
    return {ANNOTATION: base64.urlsafe_b64encode(zlib.compress(plain)).decode()}


@given(st.dictionaries(NAMES, CONTENTS, min_size=1, max_size=2))
def test_what_is_written_is_read(contents: dict[str, Contents]) -> None:
    assert read({ANNOTATION: written(contents)}) == contents


def test_what_a_target_is_built_from_is_read_too() -> None:
    one = Contents(fingerprint="a", below={"base": many(3)})
    assert read({ANNOTATION: written({AMD: one})}) == {AMD: one}


@pytest.mark.parametrize(
    ("count", "folders", "depth"),
    [(300, 50, "files"), (4_000, 50, "directories"), (4_000, 4_000, "top"), (20_000, 50, "directories")],
)
def test_files_are_told_as_closely_as_there_is_room(count: int, folders: int, depth: str) -> None:
    text = written({AMD: many(count, folders), ARM: many(count, folders)})
    assert 0 < len(text) <= LARGEST
    assert {one.files["context"].depth for one in read({ANNOTATION: text}).values()} == {depth}


def test_settings_are_told_where_files_have_no_room_and_nothing_where_those_have_none() -> None:
    contents = {AMD: many(10), ARM: many(10)}
    for largest in range(20, 400, 10):
        text = written(contents, largest)
        assert len(text) <= largest
        assert all(one.parts == {"labels.x": "abc"} for one in read({ANNOTATION: text}).values())
    assert written(contents, 20) == ""
    assert written({}) == ""


def test_a_path_that_holds_a_credential_is_not_told() -> None:
    hide("correct-horse")
    try:
        files = Files(depth="files", digests={"src/correct-horse/a": "abc"})
        (found,) = read({ANNOTATION: written({AMD: Contents(fingerprint="f", files={"context": files})})}).values()
    finally:
        forget()
    assert found.files["context"].digests.keys() == {"src/"}


WHOLE: dict[str, Any] = {
    "format": 1,
    "trees": [{"depth": "files", "digests": {"a": "abc"}}],
    "platforms": {
        AMD: {"fingerprint": "f", "parts": {}, "args": {}, "steps": "abc", "files": {"context": 0}, "below": {}}
    },
}


def test_a_whole_document_is_one() -> None:
    assert read(packed(WHOLE))[AMD].files["context"].digests == {"a": "abc"}


def but(*way: Any, value: Any) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(json.dumps(WHOLE))
    place: Any = document
    for key in way[:-1]:
        place = place[key]
    place[way[-1]] = value
    return document


WRONG: list[Any] = [
    [],
    {},
    b"not json",
    b"[" * 100_000,
    b'{"format": 1, "trees": ' + b"9" * 10_000 + b"}",
    but("format", value=2),
    but("trees", value={}),
    but("trees", 0, value=[]),
    but("trees", 0, "depth", value="deep"),
    but("trees", 0, "depth", value=[]),
    but("trees", 0, "digests", value={"a": 1}),
    but("platforms", value=[]),
    but("platforms", AMD, value=None),
    but("platforms", AMD, "fingerprint", value=1),
    but("platforms", AMD, "parts", value={"a": []}),
    but("platforms", AMD, "args", value=[]),
    but("platforms", AMD, "steps", value=["abc"]),
    but("platforms", AMD, "files", value={"context": 1}),
    but("platforms", AMD, "files", value={"context": -1}),
    but("platforms", AMD, "files", value={"context": True}),
    but("platforms", AMD, "files", value={"context": "0"}),
    but("platforms", AMD, "below", value=[]),
    but("platforms", AMD, "below", value={"base": {"fingerprint": "f"}}),
]


@pytest.mark.parametrize("number", range(len(WRONG)))
def test_what_is_not_as_we_write_it_is_nothing(number: int) -> None:
    assert read(packed(WRONG[number])) == {}


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda data: base64.urlsafe_b64encode(data).decode()))
def test_any_text_is_nothing(text: str) -> None:
    assert read({ANNOTATION: text}) == {}


def test_what_unpacks_to_very_much_is_nothing() -> None:
    bomb = packed(b'{"format": 1' + b" " * 50_000_000 + b"}")
    assert len(bomb[ANNOTATION]) < 100_000
    assert read(bomb) == {}
    assert read({ANNOTATION: "A" * 1_000_000}) == {}
    assert read({}) == {}
