"""Nothing of others is obeyed by what shows it: a terminal, GitHub's log, JSON."""

import ast
import json
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from buildmatrix.text import clean, columns, command, json_safe, one_line, padded, painted, terminal

HOSTILE = [
    "\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07",
    "\x1b]8;;http://x\x1b\\link",
    "\x1bP1$r\x1b\\",
    "\x9b31m",
    "a\rb",
    "a\bb\x7f",
    "\u202eabc\u2066",
    "a\u200bb\ufeff",
    "a\u2028::error::b",
    "\n::error::x",
    "\v\f\x85\u3000::add-mask::x",
    "##[error]x",
    "x ##vso[task.setvariable]y ##teamcity[x]",
    "section_start:1:a\r\x1b[0K",
    "\U000e0041\U000e0042",
]
"""What each of those who show a text obeys."""

ORDINARY = [
    "Größe, naïve, Ελλάδα, дом",
    "日本語 中文 한국어",
    "👩‍👩‍👧 👍🏽 🏳️‍🌈 🏴󠁧󠁢󠁥󠁮󠁧󠁿 ❤️ 1️⃣",
    "नमस्ते क्‍ष می‌خواهم שלום",
    "a\xa0b 100 € ½ → … │ ✓",
    "e\u0301",
]

PIECES = ["::", "##", "[error]", "error", " ", "\t", "\u3000", "\n", "\r", "\x1b", "[1m", "x", "\u200d", "😀"]
ANY = st.text(max_size=60) | st.lists(st.sampled_from(PIECES)).map("".join)


def commands(text: str) -> list[str]:
    """The lines that GitHub's runner obeys: it ends lines at \\n and \\r, trims them, and finds ##[ anywhere."""
    lines = re.split("[\r\n]", text)
    return [line for line in lines if line.strip().startswith("::") or re.search(r"##[A-Za-z]*\[", line)]


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("show", [one_line, clean, terminal, lambda text: json_safe(json.dumps(text))], ids=range(4))
def test_what_would_be_obeyed_is_written_out(text: str, show: object) -> None:
    shown = show(text)  # type: ignore[operator]
    assert all(unicodedata.category(sign) not in {"Cc", "Cf", "Zl", "Zp"} or sign in "\n\t" for sign in shown)


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_texts_stay_as_they_are(text: str) -> None:
    assert [one_line(text), clean(text), terminal(text)] == [text] * 3
    assert json_safe(json.dumps(text, ensure_ascii=False)) == json.dumps(text, ensure_ascii=False)


def test_a_reader_sees_what_is_there() -> None:
    assert one_line("a\x1b[1m\r\n\t\x9b\u202e\U000e0041") == r"a\x1b[1m\r\n\t\x9b\u202e\U000e0041"


def test_a_log_loses_its_colours_and_nothing_is_written_over() -> None:
    assert clean("\x1b[1;31mred\x1b[0m\x1b[2K 1%\r 100%\r\n\x1b]0;t\x07") == "red 1%\n 100%\n\\x1b]0;t\\x07"


@given(ANY)
@example("\x1b[1mx")
@example("  \r::error::x")
def test_a_terminal_gets_only_our_colours_and_lines(text: str) -> None:
    shown = terminal(f"{painted('1;31', one_line(text))}\n{text}\n")
    bare = re.sub(r"\x1b\[1;31m(.*)\x1b\[0m", r"\1", shown, count=1)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]", bare)
    assert not commands(bare)
    assert terminal(bare) == bare


@given(ANY, ANY)
def test_github_obeys_only_what_is_ours(name: str, data: str) -> None:
    shown = terminal(f"{data}\n{command('error', data, file=name)}{data}")
    (ours,) = commands(shown)
    assert ours.startswith("::error")


@given(st.text(max_size=60) | ANY)
def test_json_keeps_its_values(text: str) -> None:
    shown = json_safe(json.dumps(text, ensure_ascii=False))
    assert json.loads(shown) == re.sub("[\ud800-\udfff]", "\ufffd", text)
    assert terminal(shown) == shown


def test_columns_are_those_of_a_terminal() -> None:
    assert [columns(text) for text in ("abc", "日本", "e\u0301", "👩‍👩‍👧", "")] == [3, 4, 1, 2, 0]
    assert padded("日本", 6) + "|" == "日本  |"


# The doors of the program

MODULES = sorted((Path(__file__).parents[3] / "buildmatrix").rglob("*.py"))
DOORS = ("cli/output.py", "cli/main.py")
"""The second tells what ended the program before there was a door, or after it."""


PRINTS = re.compile(r"print|echo|write|std(out|err)")
"""What stands in a module that prints: only those are parsed."""


def test_nothing_is_printed_but_at_the_door() -> None:
    """No print, no echo, no stream of its own: `say` alone prints, and the board draws behind it."""
    for path in MODULES:
        if not str(path).endswith(DOORS) and PRINTS.search(text := path.read_text()):
            assert list(printing(text)) == [], path


def printing(text: str) -> Iterator[int]:
    """The lines of a module that print by themselves."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            if (
                name in {"print", "typer.echo", "typer.secho", "click.echo"}
                or (name == "os.write" and isinstance(node.args[0], ast.Constant))
                or re.match(r"sys\.(__)?std(out|err)(__)?\.(write|buffer|writelines)", name)
            ):
                yield node.lineno
        elif isinstance(node, ast.Attribute) and ast.unparse(node) in {"sys.__stdout__", "sys.__stderr__"}:
            yield node.lineno


@pytest.mark.parametrize(
    "text",
    ["print(1)", "typer.echo(x)", 'os.write(2, b"x")', "sys.stderr.write(x)", "sys.__stdout__.buffer.write(x)"],
)
def test_what_prints_is_found(text: str) -> None:
    assert list(printing(text))
