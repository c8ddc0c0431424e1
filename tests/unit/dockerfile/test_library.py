"""The module that knows the library: no text is an error of ours, and none keeps us busy for long."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildmatrix.dockerfile.library import LONGEST_DIRECTIVE, LONGEST_FILE, LONGEST_VALUE, expanded, parsed
from tests.unit.dockerfile.corpus import TAKEN

PIECES = [
    "FROM ", "RUN ", "COPY ", "ONBUILD ", "ARG ", "ENV ", "HEALTHCHECK ", "a", " AS ", "<<EOF", "<<-'E'", "EOF", "\n",
    "\\\n", "\t", "# escape=`\n", "`\n", "#", '"', "'", "[", "]", "[[", "${", "}", "$", "--", "--from=", "=", "<",
    "\r\n", "\x00", "\u2028", "é", "9", ",", "/", "%", "*",
]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join) | st.text(max_size=60))
def test_any_text_is_read_or_unknown(text: str) -> None:
    found = parsed(text)
    lines = text.count("\n") + 1
    for one in found.instructions if found else ():
        assert 1 <= one.line <= one.end_line <= lines


@given(st.lists(st.sampled_from(PIECES), max_size=20).map("".join), st.dictionaries(st.sampled_from("AB"), st.text()))
def test_any_word_is_expanded_or_unknown(word: str, values: dict[str, str]) -> None:
    assert isinstance(expanded(word, "\\", values), str | None)


@pytest.mark.parametrize(
    ("text", "keywords"),
    [
        ("#a=x" + " " * 60_000 + "x\nFROM x", []),
        ("FROM x\nRUN " + "x" * 70_000, []),
        ("FROM x\n" + "RUN a\n" * (LONGEST_FILE // 6 + 1), []),
        ("FROM x\nCMD " + "[" * 50_000, []),
        ("FROM x\nRUN <<EOF" + "${a:-" * 10_000, ["FROM", "RUN"]),
        (f"FROM x\nRUN {'9' * 5000}<<EOF\nEOF\n", []),
        ("FROM x\nRUN --buildmatrix-onbuild-7 a\n", []),
    ],
    ids=["directive", "line", "file", "brackets", "braces", "number", "word"],
)
def test_what_would_take_long_or_deep_is_unknown_at_once(text: str, keywords: list[str]) -> None:
    start = time.process_time()
    found = parsed(text)
    assert time.process_time() - start < 2
    assert [one.keyword for one in found.instructions] == keywords if found else not keywords


def test_long_lines_that_are_no_directives_are_read() -> None:
    text = f"# {'-' * 2 * LONGEST_DIRECTIVE}\nFROM x\nRUN echo {'x' * 2 * LONGEST_DIRECTIVE}\n"
    found = parsed(text)
    assert found is not None
    assert len(found.instructions) == 2


def test_the_work_grows_with_the_text() -> None:
    text = TAKEN["several stages"] + TAKEN["scripts"] + "RUN a \\\n" * 500 + "  b\n"
    one, many = (min(timed(text * times) for _ in range(3)) for times in (2, 20))
    assert many < one * 30 + 0.1


def timed(text: str) -> float:
    start = time.process_time()
    assert parsed(text) is not None
    return time.process_time() - start


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("busybox:1.2", "busybox:1.2"),
        ("", ""),
        ("${A}-$B", "1-two"),
        ("x$NONE", "x"),
        ("${NONE:-d}${A:+yes}${E-set}${E:-empty}", "dyesempty"),
        ("${A:?no}", "1"),
        ("${NONE:?no}", None),
        ("${B#t}${B%o}${B/w/W}${B//[o]/0}", "wotwtWotwo"),
        ("'$A'\"$A\"", "$A1"),
        ("\\$A", "$A"),
        ("${A", None),
        ("${A@x}", None),
        ("$UNKNOWN", None),
        ("${UNKNOWN:-x}", None),
        ("${A:-$UNKNOWN}", None),  # not needed, but in doubt
        ("${L#*x*x*x}", None),
        ("$A" * 101, None),
        ("$L" * 3, None),
    ],
)
def test_variables_are_replaced_as_buildkit_does(word: str, expected: str | None) -> None:
    values = {"A": "1", "B": "two", "E": "", "L": "x" * (LONGEST_VALUE // 2)}
    assert expanded(word, "\\", values, {"UNKNOWN"}) == expected


def test_the_escape_of_the_file_counts() -> None:
    assert expanded("`$A\\", "`", {"A": "1"}) == "$A\\"
