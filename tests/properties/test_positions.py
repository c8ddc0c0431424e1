"""Positions agree with tomli: the same pointers, and what stands at a position reads back as the key and the value."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import tomli
import tomlkit
from hypothesis import given
from hypothesis import strategies as st

from buildmatrix.errors import Pointer
from buildmatrix.spec.toml.positions import Span, locate
from tests.examples import examples

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


@examples(150)
@given(tables)
def test_documents_of_tomlkit(document: dict[str, Any]) -> None:
    agree_with_tomli(tomlkit.dumps(document))


@examples(300)
@given(st.text("ab.=[]{},\"'\\#\n 1", max_size=40))
def test_any_text_ends_and_valid_ones_agree(text: str) -> None:
    try:
        tomli.loads(text)
    except tomli.TOMLDecodeError:
        try_to_locate(text)
    else:
        agree_with_tomli(text)


def try_to_locate(text: str) -> None:
    """Text that is not TOML: a ValueError, or nonsense, but an end."""
    with suppress(ValueError):
        locate(text)
