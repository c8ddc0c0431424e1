import pytest
import tomli

from buildmatrix.spec.toml.positions import Position, Span, locate

SPEC = """\
version = 1

[target.app]
tags = ["a:1", "b:2"]  # both
args.PYTHON.version = '3.13'
  labels = { "org.x" = "y", nested = {z = [true]} }

[[target.app.override]]
select.os = "alpine"

[[target.app.override]]
platforms = [
  # none yet
  "linux/amd64", [1,
    2],
]
"""


def span(line: int, column: int, width: int) -> Span:
    return Span(line=line, column=column, width=width)


def both(line: int, column: int, width: int) -> Position:
    return Position(key=span(line, column, width), value=span(line, column, width))


def test_every_key_and_item_of_a_spec() -> None:
    app = ("target", "app")
    assert locate(SPEC) == {
        ("version",): Position(key=span(1, 1, 7), value=span(1, 11, 1)),
        ("target",): both(3, 2, 6),
        app: both(3, 9, 3),
        (*app, "tags"): Position(key=span(4, 1, 4), value=span(4, 8, 14)),
        (*app, "tags", 0): both(4, 9, 5),
        (*app, "tags", 1): both(4, 16, 5),
        (*app, "args"): both(5, 1, 4),
        (*app, "args", "PYTHON"): both(5, 6, 6),
        (*app, "args", "PYTHON", "version"): Position(key=span(5, 13, 7), value=span(5, 23, 6)),
        (*app, "labels"): Position(key=span(6, 3, 6), value=span(6, 12, 40)),
        (*app, "labels", "org.x"): Position(key=span(6, 14, 7), value=span(6, 24, 3)),
        (*app, "labels", "nested"): Position(key=span(6, 29, 6), value=span(6, 38, 12)),
        (*app, "labels", "nested", "z"): Position(key=span(6, 39, 1), value=span(6, 43, 6)),
        (*app, "labels", "nested", "z", 0): both(6, 44, 4),
        (*app, "override"): both(8, 14, 8),
        (*app, "override", 0): both(8, 14, 8),
        (*app, "override", 0, "select"): both(9, 1, 6),
        (*app, "override", 0, "select", "os"): Position(key=span(9, 8, 2), value=span(9, 13, 8)),
        (*app, "override", 1): both(11, 14, 8),
        (*app, "override", 1, "platforms"): Position(key=span(12, 1, 9), value=span(12, 13, 1)),
        (*app, "override", 1, "platforms", 0): both(14, 3, 13),
        (*app, "override", 1, "platforms", 1): both(14, 18, 3),
        (*app, "override", 1, "platforms", 1, 0): both(14, 19, 1),
        (*app, "override", 1, "platforms", 1, 1): both(15, 5, 1),
    }


@pytest.mark.parametrize(
    ("text", "pointer", "key", "value"),
    [
        pytest.param("\ufeffa = 1", ("a",), span(1, 1, 1), span(1, 5, 1), id="a BOM has no width"),
        pytest.param("\r\n\r\na = 1\r\n", ("a",), span(3, 1, 1), span(3, 5, 1), id="CRLF"),
        pytest.param(
            "a = [\r\n1,\r\n]\r\n", ("a",), span(1, 1, 1), span(1, 5, 1), id="CR is not a part of a first line"
        ),
        pytest.param("\ta\t=\t1", ("a",), span(1, 2, 1), span(1, 6, 1), id="a tab is one column"),
        pytest.param('"é🐳" = "🐳🐳" # 🐳', ("é🐳",), span(1, 1, 4), span(1, 8, 4), id="columns are code points"),
        pytest.param("x = '🐳'\na = 1", ("a",), span(2, 1, 1), span(2, 5, 1), id="a line after wide characters"),
        pytest.param(
            "3.14 = 1.5", ("3", "14"), span(1, 3, 2), span(1, 8, 3), id="a dotted key that looks like a float"
        ),
        pytest.param("1979-05-27 = 1", ("1979-05-27",), span(1, 1, 10), span(1, 14, 1), id="a key like a date"),
        pytest.param("a = 1979-05-27 07:32:00Z#c", ("a",), span(1, 1, 1), span(1, 5, 20), id="a date, blank, time"),
        pytest.param(
            "a = [1979-05-27 , 07:32:00]", ("a", 0), span(1, 6, 10), span(1, 6, 10), id="a date, blank, comma"
        ),
        pytest.param("a = [-1.5e+3,+inf]", ("a", 1), span(1, 14, 4), span(1, 14, 4), id="signed floats"),
        pytest.param(
            "a . 'b.c' . \"\\u0064\" = 1", ("a", "b.c", "d"), span(1, 13, 8), span(1, 24, 1), id="blanks and quotes"
        ),
        pytest.param('"a\\"]=#" = 1', ('a"]=#',), span(1, 1, 8), span(1, 12, 1), id="an escaped quote in a key"),
        pytest.param("'a\\' = 1", ("a\\",), span(1, 1, 4), span(1, 8, 1), id="a literal key has no escapes"),
        pytest.param("''.\"\" = ''", ("", ""), span(1, 4, 2), span(1, 9, 2), id="empty keys"),
        pytest.param("[ a . b ]\n", ("a", "b"), span(1, 7, 1), span(1, 7, 1), id="blanks in a header"),
        pytest.param("[[ 'a]' ]]#c\n", ("a]", 0), span(1, 4, 4), span(1, 4, 4), id="a bracket in a header"),
        pytest.param("[a.b]\n[a]\n", ("a",), span(2, 2, 1), span(2, 2, 1), id="the header in full, not a mention"),
        pytest.param("[a.b]\n[a.c]\n", ("a",), span(1, 2, 1), span(1, 2, 1), id="the first of two mentions"),
        pytest.param("[[a]]\n[[a]]\n", ("a",), span(1, 3, 1), span(1, 3, 1), id="an array sits at its first table"),
        pytest.param(
            "[[a]]\n[a.b]\n[[a]]\n[a.b]\n", ("a", 1, "b"), span(4, 4, 1), span(4, 4, 1), id="the newest table"
        ),
        pytest.param(
            'a = """x # y\n["\n\\""""\nb = 1', ("a",), span(1, 1, 1), span(1, 5, 8), id="a string's first line"
        ),
        pytest.param('a = """x # y\n["\n\\""""\nb = 1', ("b",), span(4, 1, 1), span(4, 5, 1), id="after such a string"),
        pytest.param(
            'a = ["""x""""", 1]', ("a", 0), span(1, 6, 9), span(1, 6, 9), id="two quotes before the closing three"
        ),
        pytest.param("a = ['''it's''''', 1]", ("a", 0), span(1, 6, 12), span(1, 6, 12), id="the same with apostrophes"),
        pytest.param(
            "a = ['','''''',\"\", \"\"\"\"\"\"]", ("a", 3), span(1, 20, 6), span(1, 20, 6), id="empty strings"
        ),
        pytest.param('a = "\\\\" # "', ("a",), span(1, 1, 1), span(1, 5, 4), id="an escaped backslash ends no string"),
    ],
)
def test_one_position(text: str, pointer: tuple[str | int, ...], key: Span, value: Span) -> None:
    tomli.loads(text.removeprefix("\ufeff"))
    assert locate(text)[pointer] == Position(key=key, value=value)


def test_json() -> None:
    text = '{\n  "target": { "a.b": {\n\t"tags": ["x", "", "\\"y"], "args": {"n": 1.5, "t": true} } } }'
    found = {pointer: (at.key.line, at.key.column, at.value.width) for pointer, at in locate(text).items()}
    within = ("target", "a.b")
    assert found == {
        (): (1, 1, 1),
        ("target",): (2, 3, 10),
        within: (2, 15, 1),
        (*within, "tags"): (3, 2, 16),
        (*within, "tags", 0): (3, 11, 3),
        (*within, "tags", 1): (3, 16, 2),
        (*within, "tags", 2): (3, 20, 5),
        (*within, "args"): (3, 28, 21),
        (*within, "args", "n"): (3, 37, 3),
        (*within, "args", "t"): (3, 47, 4),
    }


def test_toml_1_1() -> None:
    text = 'a = { # one\n  b.c = 1, # two\n  "\\x64\\e" = [\n{},], # }\n}\n'
    assert locate(text) == {
        ("a",): Position(key=span(1, 1, 1), value=span(1, 5, 7)),
        ("a", "b"): both(2, 3, 1),
        ("a", "b", "c"): Position(key=span(2, 5, 1), value=span(2, 9, 1)),
        ("a", "d\x1b"): Position(key=span(3, 3, 8), value=span(3, 14, 1)),
        ("a", "d\x1b", 0): both(4, 1, 2),
    }


@pytest.mark.parametrize("text", ["", "\n", "# only\n# comments", " \t\r\n", "\ufeff"])
def test_nothing_to_find(text: str) -> None:
    assert locate(text) == {}


def test_depth_costs_no_recursion() -> None:
    depth = 5000
    found = locate("a = " + "[" * depth + "]" * depth)
    assert found["a", *[0] * (depth - 1)].value == span(1, 4 + depth, 2)


def test_a_key_of_many_parts() -> None:
    parts = ["k"] * 1000
    assert locate(".".join(parts) + " = 1")[tuple(parts)].key == span(1, 1999, 1)


@pytest.mark.parametrize(
    "text", ["a", "a = ", "a = ]", "a = [", "a = [}]", "a = {]", "a = 'x", 'a = """x""', "= 1", "[a"]
)
def test_what_is_no_toml_ends_too(text: str) -> None:
    try:
        locate(text)
    except ValueError as error:
        assert "not TOML" in str(error)  # noqa: PT017 - either way is fine, as long as it ends
