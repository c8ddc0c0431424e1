"""Plain data from outside: what is refused at the door, and that nothing there takes long or deep recursion."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from buildmatrix.errors import MOST_PROBLEMS, Problems, SpecError, did_you_mean, some
from buildmatrix.spec.load import load, parse
from buildmatrix.spec.toml.plain import (
    DEEPEST,
    BadDataError,
    integer_of,
    is_deep,
    json_of,
    number_in,
    number_of,
    oddities,
    table_of,
    unreadable_line,
)
from buildmatrix.spec.toml.source import Sources

TARGET = 'version = 1\n[target.app]\ndockerfile-inline = "FROM scratch"\noutput = ["type=cacheonly"]\n'


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(("12", 12), (" -3 ", -3), ("+7", 7), ("²", None), ("\u0661", None), ("", None), ("1e3", None)),
        *((str(2**63 - 1), 2**63 - 1), (str(1 - 2**63), 1 - 2**63), (str(2**63), None), ("1" * 5000, None)),
    ],
)
def test_integers_of_texts(text: str, value: int | None) -> None:
    assert integer_of(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [("12", "12"), ("3.10", "3.10"), (" -2.50 ", "-2.50"), (".5", "0.5"), ("5.", "5"), ("1e3", "1E+3"), ("007", "7")]
    + [(text, "None") for text in ("", "x", "NaN", "inf", "1_0", "\u0661", "1.2.3", "0x10", "1e" + "9" * 30, "9" * 19)],
)
def test_numbers_of_texts(text: str, value: str) -> None:
    assert str(number_in(text)) == value


def test_json_keeps_numbers_as_they_are_written() -> None:
    assert json_of('{"a": [1, 3.10]}') == {"a": [1, Decimal("3.10")]}
    assert str(json_of("3.10")) == "3.10"


@pytest.mark.parametrize(
    "text", ["NaN", "[-Infinity]", "9" * 5000, str(2**63), "[" * 100_000, "[" * 99 + "]" * 99, "1e" + "9" * 30, "{", ""]
)
def test_json_that_cannot_be_used(text: str) -> None:
    with pytest.raises(BadDataError):
        json_of(text)
    assert table_of(text) == {}


def test_a_table_is_a_table() -> None:
    assert table_of('{"a": 1}') == {"a": 1}
    assert table_of("[]") == {}


@pytest.mark.parametrize("text", ["1e" + "9" * 30, "1" * 2000])
def test_numbers_that_cannot_be_held(text: str) -> None:
    with pytest.raises(BadDataError):
        number_of(text)
    with pytest.raises(SpecError):
        parse("f", f"a = {text if 'e' in text else text + '.0'}")


def test_how_deep_is_too_deep() -> None:
    data: Any = 1
    for _ in range(DEEPEST):
        data = [data]
    assert not is_deep(data)
    assert is_deep([data])
    assert not is_deep([1] * 10_000)


def test_what_would_keep_a_reader_busy() -> None:
    assert unreadable_line("a = 1\nb." + "c." * 70 + "d = 1") == (2, "a key of so many parts cannot be read")
    assert unreadable_line("a = " + "1_" * 3000)[0] == 1
    assert unreadable_line("x" * 1_000_000 + '"' * 1_000_000 + "a b. " * 100_000) == (0, "")


def test_odd_values_are_found_in_their_order() -> None:
    data = parse("f", 'a = nan\n[b]\nc = [1, 2024-01-01]\n"d\\u0000" = 1\ne = "\\u0000"\nf = 0x' + "f" * 20)
    found = [(pointer, is_key) for pointer, _, is_key in oddities(data)]
    assert found == [
        (("a",), False),
        (("b", "d\0"), True),
        (("b", "c", 1), False),
        (("b", "e"), False),
        (("b", "f"), False),
    ]


def errors_of(text: str) -> list[str]:
    problems = Problems()
    load("f", Sources(Path.cwd(), {"f": text}), problems)
    return [diagnostic.message for diagnostic in problems.errors]


def test_a_file_of_nothing_but_mistakes_says_so_many() -> None:
    found = errors_of(TARGET + "".join(f"key-{number} = 1\n" for number in range(50_000)))
    assert len(found) == 201
    assert found[-1] == "there are more problems than these 200: the rest is looked at when they are gone"
    assert (
        len(errors_of(TARGET + "args = { " + ", ".join(f"a{number} = nan" for number in range(10_000)) + " }")) == 201
    )


def test_a_thousand_problems_are_enough() -> None:
    problems = Problems()
    for number in range(2_000):
        problems.warn("code", f"warning {number}")
    assert len(problems.found) == MOST_PROBLEMS
    for number in range(MOST_PROBLEMS - 1):
        problems.error("code", f"error {number}")
    with pytest.raises(SpecError) as caught:
        problems.error("code", "one more")
    assert caught.value.diagnostics[-1].message == "there are more errors than these 1,000"


def test_what_was_meant_is_looked_for_in_bounds() -> None:
    assert did_you_mean("x" * 1_000_000, ["y" * 1_000_000]) == ""
    assert did_you_mean("target99", [f"target{number}" for number in range(100)]).startswith('did you mean "target99"?')
    assert some(map(str, range(100_000)), 3) == "0, 1, 2, …"
