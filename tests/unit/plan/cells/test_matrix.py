"""Which overrides select nothing, and how that is said."""

from pathlib import Path

import pytest

from buildmatrix.git.facts import Git
from buildmatrix.pipeline import validate
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
