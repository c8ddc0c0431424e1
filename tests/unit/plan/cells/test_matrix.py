"""Which entries of a matrix and overrides select nothing or have no value, and how that is said."""

from pathlib import Path

import pytest

from buildmatrix.errors import Problems
from buildmatrix.git.facts import Git
from buildmatrix.pipeline import validate
from buildmatrix.plan.planning import expand
from buildmatrix.spec.load import load
from buildmatrix.spec.toml.source import Sources
from buildmatrix.template.request import Request

SPEC = """
version = 1
[variable]
blank = ""
empty = { type = "list", default = [] }
[target.app.matrix]
python = ["1", "2"]
os = ["a", "b"]
exclude = [{ python = "2", os = "a" }]
include = [{ python = "3", os = "c", more = "x" }]
[[target.app.override]]
select = SELECT
labels.a = "1"
"""
NONE = "in this run: the template of python gives none"


@pytest.mark.parametrize(
    ("select", "said"),
    [
        ("{ python = '1' }", None),
        ("{ more = 'x' }", None),
        ("{ more = 'x', python = '3' }", None),
        ("{ python = '{{ blank }}' }", ("warning", NONE)),
        ("{ python = '{{ empty }}' }", ("warning", NONE)),
        ("{ python = '{{ none }}' }", ("warning", NONE)),
        ("{ python = '{{ omit }}' }", ("warning", NONE)),
        ("{ python = ['{{ omit }}', '{{ none }}'] }", ("warning", NONE)),
        ("{ python = ['{{ omit }}', '2'] }", None),
        ("{ python = '{{ blank }}9' }", ("error", 'override names python = "9", but target.app has no such python')),
        ("{ python = '' }", ("error", 'override names python = "", but target.app has no such python')),
        ("{ python = [] }", ("error", "override names python = [], but target.app has no such python")),
        ("{ python = '2', os = 'a' }", ("warning", 'none has python = "2" and os = "a"')),
        ("{ more = 'x', os = '[ab]' }", ("warning", 'none has more = "x" and os = "[ab]"')),
    ],
)
def test_an_override_without_a_cell(select: str, said: tuple[str, str] | None) -> None:
    sources = Sources(Path("/"), {"f": SPEC.replace("SELECT", select)})
    found = [(one.severity, one.message) for one in validate("f", sources, Request(), Git(lambda _: None))]
    found = [one for one in found if "override" in one[1]]
    assert [(severity, said[1] in text) for severity, text in found if said] == ([(said[0], True)] if said else [])
    assert bool(found) == bool(said)


def test_an_inherited_override_without_a_value_is_told_once() -> None:
    heirs = "".join(f'[target.{name}]\ninherits = ["_base"]\nmatrix.python = ["1"]\n' for name in "abc")
    override = '[[target._base.override]]\nselect.python = "{{ blank }}"\nlabels.a = "1"\n'
    text = f'version = 1\n[variable]\nblank = ""\n[target._base]\n{override}{heirs}'
    found = validate("f", Sources(Path("/"), {"f": text}), Request(), Git(lambda _: None))
    assert [one.message for one in found if one.code == "axis"] == [f"override selects no cell {NONE}"]


def cells(matrix: str) -> tuple[list[dict[str, str]], list[tuple[str, str]]]:
    """Return the cells of a target with this matrix, and what is said of it."""
    text = f"version = 1\n[variable]\nn = {{ optional = true, env = true }}\n[target.app]\n{matrix}"
    said = validate("f", Sources(Path("/"), {"f": text}), Request(), Git(lambda _: None))
    problems = Problems()
    spec = load("f", Sources(Path("/"), {"f": text}), problems)
    made = expand(spec, Request(), Git(lambda _: None), problems)
    found = [dict(entry.cell) for entry in made.entries.values()]
    made.close()
    return found, [(one.severity, one.message) for one in said if one.code in {"axis", "no-value", "template"}]


@pytest.mark.parametrize(
    ("matrix", "expected"),
    [
        ("matrix.x = ['1', '{{ n }}']", [{"x": "1"}]),
        ("matrix.x = ['1', '{{ omit }}', '{{ [none, 2] }}']", [{"x": "1"}, {"x": 2}]),
        ("matrix.x = '{{ [none, 2] }}'", [{"x": 2}]),
        (
            "matrix.x = ['1']\nmatrix.include = [{ x = '{{ n }}', y = '2' }, { x = '{{ omit }}' }]",
            [{"x": "1", "y": "2"}],
        ),
        ("matrix.include = [{ x = '1', y = '{{ n }}' }]", [{"x": "1"}]),
        ("matrix.x = [{ a = '{{ n }}', b = '1' }]", [{"x": {"a": None, "b": "1"}}]),
    ],
)
def test_what_has_no_value_is_not_there(matrix: str, expected: list[dict[str, str]]) -> None:
    assert cells(matrix) == (expected, [])


@pytest.mark.parametrize("values", ["'{{ n }}'", "'{{ omit }}'", "['{{ n }}', '{{ omit }}']", "'{{ [none] }}'"])
def test_an_axis_without_a_value(values: str) -> None:
    assert cells(f"matrix.x = {values}") == ([], [("error", "target.app.matrix: axis x has no values")])


@pytest.mark.parametrize("entry", ["{ x = '{{ n }}' }", "{ x = '{{ omit }}' }", "{ x = ['{{ n }}'] }"])
def test_an_exclude_without_a_value(entry: str) -> None:
    warning = ("warning", "exclude selects no cell in this run: the template of x gives none")
    assert cells(f"matrix.x = ['1', 'None']\nmatrix.exclude = [{entry}]") == ([{"x": "1"}, {"x": "None"}], [warning])


def test_a_value_that_a_parent_lacks_is_told_once() -> None:
    heirs = "".join(f'[target.{name}]\ninherits = ["PARENT"]\n' for name in "abc")
    parent = '[target.PARENT]\nmatrix.os = ["x", "y"]\n[[target.PARENT.override]]\nselect.os = "zz"\nlabels.a = "1"\n'
    for name, who in (("base", "target.base"), ("_base", "no target that inherits target._base")):
        text = "version = 1\n" + (parent + heirs).replace("PARENT", name)
        found = validate("f", Sources(Path("/"), {"f": text}), Request(), Git(lambda _: None))
        errors = [one for one in found if one.severity == "error"]
        assert [(who in one.message, one.hint) for one in errors] == [(True, "values here: x, y")]
