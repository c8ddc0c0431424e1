"""Values of `let`: in the order of their use, however they are written, and never without an end."""

from itertools import pairwise
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from buildmatrix.errors import Diagnostic, SpecError
from buildmatrix.git.facts import Git
from buildmatrix.pipeline import plan
from buildmatrix.spec.toml.source import Sources
from buildmatrix.template.request import Request
from tests.examples import examples

NAMES = ["a", "b", "c", "d", "e"]
HEAD = """version = 1
[defaults]
dockerfile-inline = "FROM scratch"
output = ["type=cacheonly"]
"""


def made(text: str) -> dict[str, dict[str, str]]:
    """The arguments of each target."""
    sources = Sources(Path("/"), {"buildmatrix.toml": HEAD + text})
    found = plan("buildmatrix.toml", sources, Request(), Git(lambda _: None), files=False)
    return {target.name: dict(target.settings.args or {}) for target in found.targets}


def refused(text: str) -> list[Diagnostic]:
    try:
        made(text)
    except SpecError as error:
        return list(error.diagnostics)
    return []


@examples(20)
@given(st.permutations(NAMES))
def test_the_order_in_which_they_are_written_does_not_matter(order: list[str]) -> None:
    values = {name: f"{{{{ {used} }}}}{name}" for used, name in pairwise(NAMES)} | {"a": "a"}
    lines = "".join(f'let.{name} = "{values[name]}"\n' for name in order)
    assert made(f'[target.app]\n{lines}args.X = "{{{{ e }}}}"\n') == {"app": {"X": "abcde"}}


@examples(30)
@given(st.dictionaries(st.sampled_from(NAMES), st.sampled_from(NAMES), min_size=1))
def test_they_have_values_or_a_cycle_is_shown(uses: dict[str, str]) -> None:
    lines = "".join(f'let.{name} = "{{{{ {used} }}}}{name}"\n' for name, used in uses.items())
    lines += "".join(f'let.{name} = "{name}"\n' for name in NAMES if name not in uses)
    found = refused(f'[target.app]\n{lines}args.X = "{{{{ a }}}}"\n')
    assert {one.code for one in found} == ({"cycle"} if any(is_endless(name, uses) for name in uses) else set())
    assert all("→" in one.message for one in found)


def is_endless(name: str, uses: dict[str, str]) -> bool:
    for _ in uses:
        name = uses.get(name, "")
    return name in uses


def test_children_and_overrides_go_before_what_they_inherit() -> None:
    text = """
    [target._base.let]
    word = "base"
    said = "{{ word }}!"
    [target._base]
    args.SAID = "{{ said }}"
    [target.child]
    inherits = ["_base"]
    let.word = "child"
    matrix.os = ["x", "y"]
    [[target.child.override]]
    select = { os = "y" }
    let.word = "{{ os }}"
    """
    assert made(text) == {"child-x": {"SAID": "child!"}, "child-y": {"SAID": "y!"}}


def test_values_keep_their_kinds() -> None:
    text = """
    [target.app]
    matrix.os = ["x-1", "y-2"]
    name = "app-{{ parts | first }}"
    let = { parts = "{{ os.split('-') }}", port = 3.10, table = { "a" = ["{{ parts[1] }}"] } }
    args = { N = "{{ parts | length }}", P = "{{ port }}", T = "{{ table.a[0] }}" }
    """
    assert made(text) == {
        "app-x": {"N": "2", "P": "3.10", "T": "1"},
        "app-y": {"N": "2", "P": "3.10", "T": "2"},
    }


def test_what_has_no_value() -> None:
    text = """
    [variable]
    n = { env = true, optional = true }
    [target.app]
    let.o = "{{ omit }}"
    let.p = "{{ none }}"
    let.l = ["{{ n }}", "a", "{{ omit }}"]
    let.t = { a = "{{ omit }}", b = "2" }
    let.whole = "{{ { 'A': n or omit, 'B': '1' } }}"
    args = "{{ { 'O': o, 'P': p, 'L': l | join('+'), 'T': t.b, 'X': n or omit, 'W': whole | tojson } }}"
    """
    assert made(text) == {"app": {"L": "a", "T": "2", "W": '{"B": "1"}'}}


def test_a_value_that_nobody_asks_for_keeps_no_other_target_from_being_planned() -> None:
    text = """
    [variable]
    sha = { env = "LETS_SHA" }
    [target.app]
    args.A = "1"
    [target.other]
    let.x = "{{ sha }}"
    args.X = "{{ x }}"
    [group]
    default = ["app"]
    """
    assert made(text) == {"app": {"A": "1"}}


def test_a_template_over_several_lines_gives_its_value_without_the_space_around_it() -> None:
    text = """
    [target.app.let]
    word = '''
    {% if target == "app" %}
    one
    {% endif %}
    '''
    number = '''
      {{ 1 + 1 }}
    '''
    joined = '''
    {{ word }}-{{ number }}
    '''
    table = { a = '''
    {{ word }}{{ number }}
    ''' }
    [target.app]
    args = { A = "<{{ word }}>", B = "<{{ number + 1 }}>", C = "<{{ joined }}>", D = "<{{ table.a }}>" }
    """
    assert made(text) == {"app": {"A": "<one>", "B": "<3>", "C": "<one-2>", "D": "<one2>"}}


def test_a_value_holds_no_control_character() -> None:
    value = """let.x = "{{ ['a' | regex_replace('(a)', '\\\\1')] }}"\n"""
    (found,) = refused(f'[target.app]\n{value}args.X = "{{{{ x[0] }}}}"\n')
    assert "control character (U+0001)" in found.message
    assert "single quotes" in found.hint


def test_the_axes_are_there_before_the_values_of_cells() -> None:
    text = """
    [target._base]
    let.tag = "{{ os }}-1"
    [target.app]
    inherits = ["_base"]
    matrix = { os = ["x"], other = ["USED"] }
    """
    for used in ("{{ tag }}", "{{ os }}-2"):
        (found,) = refused(text.replace("USED", used))
        assert found.message.endswith("which the cells have only when the matrix is made")
        assert found.hint == "what makes and selects cells uses variables only; a value made of axes is one of let"
    (found,) = refused(text.replace("USED", "{{ taf }}"))
    assert "neither a variable nor an axis" in found.message
