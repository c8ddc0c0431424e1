"""What is told of what went into an image: names and short digests, and nothing of what may be a credential."""

import pytest

from buildmatrix.inputs.context import Entry
from buildmatrix.state.images.contents import (
    SHORT,
    Contents,
    Depth,
    Files,
    Summing,
    args_in,
    is_private,
    short,
    steps_in,
)
from buildmatrix.text import forget, hide

ROWS = (
    ("syntax", ""),
    ("platform", "linux/amd64"),
    ("FROM", "image", "docker.io/library/debian:12", "platform", "linux/amd64"),
    ("ARG", "PYTHON", "=", "3.12"),
    ("RUN", "shell", "<<EOF"),
    ("heredoc", "EOF", "make", "", "expand"),
    ("ARG", "PYTHON", "=", "3.11"),
    ("given", "BUILDKIT_INLINE_CACHE", "1"),
)


def entry(path: str, content: str | None = "a" * 64, *, is_executable: bool = False) -> Entry:
    return Entry(path, "file" if content else "directory", is_executable, None, content, None)


def contents(parts: tuple[tuple[str, str], ...] = (), *entries: Entry) -> Contents:
    return Summing().contents("f" * 32, parts, {"dockerfile": ROWS, "context": entries})


def test_arguments_are_told_by_name_and_steps_by_themselves() -> None:
    assert args_in(ROWS) == {"PYTHON": "3.12 3.11", "BUILDKIT_INLINE_CACHE": "1"}
    heads = [[row[0] for row in step] for step in steps_in(ROWS)]
    assert heads == [["syntax"], ["FROM"], ["RUN", "heredoc"]]
    assert len(contents().steps) == 3


def test_of_a_value_there_is_a_short_digest_and_of_an_image_what_is_shown() -> None:
    digest = "sha256:" + "0123456789abcdef" * 4
    found = contents((("labels.version", "1"), ("image docker.io/library/debian:12", digest))).parts
    assert found["image docker.io/library/debian:12"] == "0123456789ab"
    assert len(found["labels.version"]) == SHORT
    assert found["labels.version"] != contents((("labels.version", "2"),)).parts["labels.version"]


@pytest.mark.parametrize("name", ["PASSWORD", "npm_token", "API_KEY", "labels.auth", "AWS_SECRET"])
def test_what_is_called_like_a_credential_is_not_told(name: str) -> None:
    assert is_private(name, "1")
    assert contents(((name, "1"),)).parts == {}


def test_what_is_known_to_be_a_credential_is_not_told() -> None:
    hide("correct horse")
    try:
        assert contents((("labels.x", "with correct horse in it"), ("labels.y", "1"))).parts.keys() == {"labels.y"}
    finally:
        forget()


def test_files_are_told_by_what_reaches_an_image_of_them() -> None:
    some = [entry("a"), entry("a", is_executable=True), entry("a", "b" * 64)]
    assert len({contents((), one).files["context"].digests["a"] for one in some}) == 3
    assert contents((), entry("src", None)).files["context"].digests == {}


@pytest.mark.parametrize(
    ("depth", "names"),
    [
        ("files", {"a", "src/app.py", "src/lib/a", "src/lib/b"}),
        ("directories", {"./", "src/", "src/lib/"}),
        ("top", {"./", "src/"}),
        ("whole", {"./"}),
    ],
)
def test_files_are_told_less_closely(depth: Depth, names: set[str]) -> None:
    digests = {path: short(path) for path in ("a", "src/app.py", "src/lib/a", "src/lib/b")}
    files = Files(depth="files", digests=digests)
    assert files.as_far_as(depth).digests.keys() == names
    other = Files(depth="files", digests={**digests, "src/lib/b": "???"}).as_far_as(depth).digests
    assert {name for name in names if other[name] != files.as_far_as(depth).digests[name]} == {
        max((name for name in names if "src/lib/b".startswith(name) or name == "./" == max(names)), key=len)
    }


def test_each_depth_follows_from_the_one_before() -> None:
    files = Files(depth="files", digests={"src/lib/a": "abc", "b": "def"})
    assert files.as_far_as("directories").as_far_as("top") == files.as_far_as("top")
    assert files.as_far_as("top").as_far_as("files").depth == "top"


def test_of_secrets_it_is_told_how_many_there_are() -> None:
    def told(*names: str) -> dict[str, str]:
        parts = [(f"secret.{number}.id", name) for number, name in enumerate(names, start=1)]
        return dict(Summing().contents("f", parts, {}).parts)

    assert told() == {}
    assert told("a") == told("b")
    assert told("a").keys() == {"secret"}
    assert told("a") != told("a", "b")
