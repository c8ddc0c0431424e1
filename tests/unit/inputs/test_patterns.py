"""What a part of a COPY's source matches, by Go's filepath.Match."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildmatrix.inputs.patterns import MOST_STARS, is_pattern, names_by


@pytest.mark.parametrize(
    ("part", "matching", "other"),
    [
        ("*", ["a", "", ".a", "a\nb"], []),
        ("*.txt", ["a.txt", ".txt"], ["a.txt.md", "txt"]),
        ("a?c", ["abc", "a.c", "aéc"], ["ac", "abbc"]),
        ("[ab]c", ["ac", "bc"], ["cc", "[ab]c"]),
        ("[a-cx]", ["a", "b", "x"], ["d", "-"]),
        ("[!a]", ["!", "a"], ["b"]),
        (r"[\]a]", ["]", "a"], ["\\"]),
        (r"\[a]", ["[a]"], ["a"]),
        (r"\*", ["*"], ["a"]),
        ("a+b.c|d", ["a+b.c|d"], ["aab.c|d", "a+bxc|d"]),
        ("a[&&b]", ["a&", "ab"], ["a"]),
    ],
)
def test_names(part: str, matching: list[str], other: list[str]) -> None:
    names = names_by(part)
    assert names is not None
    assert [one for one in [*matching, *other] if names.fullmatch(one)] == matching


@pytest.mark.parametrize("part", ["**", "a**b", "[^a]", "[.-0]", "[", "[a", "[]a]", "a\\", "[a-]", "[-a]", "[z-a]"])
def test_what_may_mean_paths_or_is_refused(part: str) -> None:
    """`[^a]` and `[.-0]` match the `/` (tried: `COPY real[^x]a.txt`); those that Go refuses match nothing, or later."""
    assert names_by(part) is None


def test_what_would_take_long_is_not_tried() -> None:
    assert names_by("a*" * MOST_STARS) is not None
    assert names_by("a*" * (MOST_STARS + 1)) is None


def test_only_patterns_are_patterns() -> None:
    assert [part for part in ("a", "a]", "a-b", "*", "?", "[", "\\") if is_pattern(part)] == ["*", "?", "[", "\\"]


def go_matches(part: str, name: str) -> bool:
    """Tell whether a well-formed part matches, a character after the other."""
    if not part:
        return not name
    if part[0] == "*":
        return any(go_matches(part[1:], name[cut:]) for cut in range(len(name) + 1))
    if not name:
        return False
    if part[0] == "?":
        return go_matches(part[1:], name[1:])
    if part[0] == "[":
        chosen, rest = go_class(part[1:])
        return name[0] in chosen and go_matches(rest, name[1:])
    head, rest = (part[1], part[2:]) if part[0] == "\\" else (part[0], part[1:])
    return name[0] == head and go_matches(rest, name[1:])


def go_class(text: str) -> tuple[set[str], str]:
    """Return the characters of a class, and what is behind it."""
    chosen: set[str] = set()
    while text[0] != "]":
        ends = []
        for _ in range(2):
            ends.append(text[1] if text[0] == "\\" else text[0])
            text = text[2:] if text[0] == "\\" else text[1:]
            if text[0] != "-":
                break
            text = text[1:]
        chosen |= {chr(code) for code in range(ord(ends[0]), ord(ends[-1]) + 1)}
    return chosen, text[1:]


@given(st.text(alphabet="ab.*?[]^\\-!", max_size=8), st.text(alphabet="ab.]-!^[", max_size=4))
def test_what_is_a_pattern_matches_as_go_does(part: str, name: str) -> None:
    names = names_by(part)
    assert names is None or (names.fullmatch(name) is not None) == go_matches(part, name)
