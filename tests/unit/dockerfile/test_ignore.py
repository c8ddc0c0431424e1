"""What a .dockerignore leaves out; tests/e2e/test_sources.py asks BuildKit the same."""

import pytest

from buildmatrix.dockerfile.ignore import ignored_by

PATHS = [
    "a",
    "a/b",
    "a/b/c.md",
    "a/c.md",
    "abc",
    "b",
    "b/a",
    "c.md",
    "d.txt",
    "e/f/g/a",
    "e/f/g/x.md",
    "node_modules/x",
    ".x",
    "a b",
]
"""Files and directories; what is in a directory comes after it."""


def left_out(text: str) -> list[str]:
    ignored, matched, out = ignored_by(text), {"": ignored_by(text).top}, []
    for path in PATHS:
        way, is_out = path.split("/"), False
        for length in range(1, len(way) + 1):
            around, one = "/".join(way[: length - 1]), "/".join(way[:length])
            is_out, matched[one] = ignored.of(one, matched[around])
        if is_out:
            out.append(path)
    return out


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("# a\n\n", []),
        ("a", ["a", "a/b", "a/b/c.md", "a/c.md"]),
        ("/a/", ["a", "a/b", "a/b/c.md", "a/c.md"]),
        ("./a/../a", ["a", "a/b", "a/b/c.md", "a/c.md"]),
        ("../a", []),  # in doubt, as those below
        ("*.md", ["c.md"]),
        ("**/*.md", ["a/b/c.md", "a/c.md", "c.md", "e/f/g/x.md"]),
        ("*/*.md", ["a/c.md"]),
        ("a/**", ["a/b", "a/b/c.md", "a/c.md"]),
        ("**/a", ["a", "a/b", "a/b/c.md", "a/c.md", "b/a", "e/f/g/a"]),
        ("**a", []),
        ("a***", []),
        ("e/**/a", ["e/f/g/a"]),
        ("?", ["a", "a/b", "a/b/c.md", "a/c.md", "b", "b/a", "e/f/g/a", "e/f/g/x.md"]),
        ("*\n!a/b\n", [path for path in PATHS if path not in {"a/b", "a/b/c.md"}]),
        ("*\n!a\na/*.md\n", [path for path in PATHS if path not in {"a", "a/b", "a/b/c.md"}]),
        ("a b\r\n", ["a b"]),
        ("\ufeffb\n", ["b", "b/a"]),
        ("[a-b]", ["a", "a/b", "a/b/c.md", "a/c.md", "b", "b/a"]),
        ("[^a]/a", ["b/a"]),
        ("\\.x", [".x"]),
        ("\\a", []),  # BuildKit's bell
        ("a\\b", []),
        ("\\*", []),
        ("ä\na", ["a", "a/b", "a/b/c.md", "a/c.md"]),
        ("*\n!a/[b-c]\n", [path for path in PATHS if path not in {"a/b", "a/b/c.md"}]),
        ("[a-b", []),  # BuildKit refuses these two
        ("[]a]", []),
        ("[[:alpha:]]", []),
        ("[a--b]", []),
        ("[a&&b]", []),
    ],
)
def test_what_is_left_out(text: str, expected: list[str]) -> None:
    assert left_out(text) == expected
