"""Positions agree with tomli: the same pointers, and what stands at a position reads back as the key and the value."""

from collections.abc import Iterator
from typing import Any

import tomli
import tomlkit
from hypothesis import given
from hypothesis import strategies as st

from buildmatrix.errors import Pointer
from buildmatrix.spec.positions import Span, locate

BARE = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"

words = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=6)
tricky = st.text("'\"\\\n\t ab#=[]{}.,é🐳", max_size=10)
dates = st.datetimes() | st.dates() | st.times()
scalars = st.booleans() | st.integers(-(10**9), 10**9) | st.floats(allow_nan=False) | words | tricky | dates
trees = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words | tricky, inner, max_size=4),
    max_leaves=12,
)
tables = st.dictionaries(words | tricky, trees, max_size=5)


def walk(value: object, at: Pointer = ()) -> Iterator[tuple[Pointer, object]]:
    """Yield every key and item below a value, with the pointer to it."""
    inner: Iterator[tuple[str | int, object]] = iter(())
    if isinstance(value, dict):
        inner = iter(value.items())
    elif isinstance(value, list):
        inner = iter(enumerate(value))
    for step, child in inner:
        yield (*at, step), child
        yield from walk(child, (*at, step))


def cut(lines: list[str], span: Span) -> str:
    line = lines[span.line - 1]
    assert span.width >= 1
    assert span.column - 1 + span.width <= len(line)
    return line[span.column - 1 :][: span.width]


def agree_with_tomli(text: str) -> None:
    values = dict(walk(tomli.loads(text)))
    positions = locate(text)
    assert positions.keys() == values.keys()
    lines = text.replace("\r\n", "\n").split("\n")
    for pointer, position in positions.items():
        key, value = cut(lines, position.key), cut(lines, position.value)
        name = next(step for step in reversed(pointer) if isinstance(step, str))
        if position.key != position.value:
            assert tomli.loads(f"{key} = 0") == {name: 0}
            assert reads_as(value, values[pointer]) or at_line_end(lines, position.value)
        elif isinstance(pointer[-1], str):
            assert tomli.loads(f"{key} = 0") == {name: 0}
        else:
            assert key_or_value(key, name, values[pointer]) or at_line_end(lines, position.value)


def key_or_value(written: str, name: str, value: object) -> bool:
    """Is this an item of `[…]`, or the name in the header of a table of an array?"""
    return reads_as(written, value) or (isinstance(value, dict) and tomli.loads(f"{written} = 0") == {name: 0})


def reads_as(written: str, value: object) -> bool:
    try:
        return bool(tomli.loads(f"value = {written}") == {"value": value})
    except tomli.TOMLDecodeError:
        return False


def at_line_end(lines: list[str], span: Span) -> bool:
    """Can this be the first of several lines?"""
    opens = lines[span.line - 1][span.column - 1 :].startswith(("[", "{", '"""', "'''"))
    return opens and span.column - 1 + span.width == len(lines[span.line - 1]) and span.line < len(lines)


@given(tables)
def test_documents_of_tomlkit(document: dict[str, Any]) -> None:
    agree_with_tomli(tomlkit.dumps(document))


class Writer:
    """Writes a table as TOML, choosing among all the ways there are."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw

    def pick(self, *ways: str) -> str:
        return self.draw(st.sampled_from(ways))

    def blank(self) -> str:
        return self.pick("", "", " ", "\t", "  ")

    def line_end(self) -> str:
        return self.blank() + self.pick("", "", "# c [x] = \"'{\t", "#") + "\n" + self.pick("", "", "\n", " \t\n")

    def gap(self) -> str:
        """Return what may stand between the tokens of an array and, in TOML 1.1, of an inline table."""
        return self.blank() + self.pick("", "", "\n", "#c ]}\n", "# '\n\n #\n") + self.blank()

    def basic(self, text: str, *, lines: bool = False) -> str:
        ways = {'"': ['\\"', "\\x22"], "\\": ["\\\\", "\\u005c"], "\n": ["\n"] if lines else ["\\n", "\\U0000000A"]}
        return "".join(self.pick(*ways.get(char, [char if char >= " " else f"\\x{ord(char):02X}"])) for char in text)

    def name(self, text: str) -> str:
        ways = [f'"{self.basic(text)}"']
        ways += [f"'{text}'"] if "'" not in text and text.isprintable() else []
        ways += [text] * 2 if text and set(text) <= set(BARE) else []
        return self.pick(*ways)

    def key(self, *names: str) -> str:
        return f"{self.blank()}.{self.blank()}".join(self.name(name) for name in names)

    def string(self, text: str) -> str:
        ways = [f'"{self.basic(text)}"', f'"""\n{self.basic(text, lines=True)}"""', f'"""\\\n  {self.basic(text)}"""']
        ways += [f"'{text}'"] if "'" not in text and text.isprintable() else []
        literal = "'''" not in text and not text.endswith("'") and text.replace("\n", "").isprintable()
        return self.pick(*ways, *([f"'''\n{text}'''"] if literal else []))

    def value(self, value: object) -> str:
        if isinstance(value, str):
            return self.string(value)
        if isinstance(value, list):
            return self.bracketed("[", [self.value(item) for item in value], "]")
        if isinstance(value, dict):
            return self.bracketed("{", [self.pair(name, item) for name, item in value.items()], "}")
        return tomlkit.item(value).as_string()

    def bracketed(self, opening: str, items: list[str], closing: str) -> str:
        between = [self.gap() + "," + self.gap() for _ in items]
        between[-1:] = [self.pick("", ",", "\n,") + self.gap()] if items else []
        return opening + self.gap() + "".join(map("".join, zip(items, between, strict=True))) + closing

    def pair(self, *names_and_value: Any) -> str:
        *names, value = names_and_value
        while isinstance(value, dict) and len(value) == 1 and self.draw(st.booleans()):
            ((name, value),) = value.items()
            names.append(name)
        return self.key(*names) + self.blank() + "=" + self.blank() + self.value(value)

    def table(self, table: dict[str, Any], path: tuple[str, ...] = ()) -> str:
        """Write a table's pairs first, then under headers those tables and arrays of tables that were chosen for it."""
        below = {name for name, value in table.items() if has_header(value) and self.draw(st.booleans())}
        written = [self.blank() + self.pair(name, table[name]) + self.line_end() for name in table if name not in below]
        written += [self.headed(table[name], (*path, name)) for name in table if name in below]
        return "".join(written)

    def headed(self, value: Any, path: tuple[str, ...]) -> str:
        if isinstance(value, list):
            header = [f"[[{self.blank()}{self.key(*path)}{self.blank()}]]{self.line_end()}" for _ in value]
            return "".join(head + self.table(item, path) for head, item in zip(header, value, strict=True))
        return f"[{self.blank()}{self.key(*path)}{self.blank()}]{self.line_end()}{self.table(value, path)}"


def has_header(value: object) -> bool:
    many = isinstance(value, list) and value and all(isinstance(item, dict) for item in value)
    return isinstance(value, dict) or bool(many)


@st.composite
def documents(draw: st.DrawFn) -> tuple[dict[str, Any], str]:
    table = draw(tables)
    text = Writer(draw).table(table)
    return table, draw(st.sampled_from([text, text, text.replace("\n", "\r\n"), text.rstrip("\n")]))


@given(documents())
def test_documents_written_in_every_way(document: tuple[dict[str, Any], str]) -> None:
    table, text = document
    assert {pointer for pointer, _ in walk(tomli.loads(text))} == {pointer for pointer, _ in walk(table)}
    agree_with_tomli(text)


@given(st.text("ab.=[]{},\"'\\#\n 1", max_size=40))
def test_any_text_ends_and_valid_ones_agree(text: str) -> None:
    try:
        tomli.loads(text)
    except tomli.TOMLDecodeError:
        try_to_locate(text)
    else:
        agree_with_tomli(text)


def try_to_locate(text: str) -> None:
    try:
        locate(text)
    except ValueError as error:
        assert "not TOML" in str(error)  # noqa: PT017 - either way is fine, as long as it ends
