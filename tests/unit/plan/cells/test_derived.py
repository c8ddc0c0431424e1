"""What `include` gives cells by templates: worked out in the order of use, with what finally holds, or refused."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildmatrix.errors import Diagnostic, SpecError
from buildmatrix.git.facts import Git
from buildmatrix.pipeline import plan
from buildmatrix.spec.toml.source import Sources
from buildmatrix.template.request import Request
from tests.examples import examples

HEAD = """version = 1
[variable]
sha = "abc"
[defaults]
dockerfile-inline = "FROM scratch"
output = ["type=cacheonly"]
"""


def made(text: str) -> dict[str, dict[str, str]]:
    """Return the arguments of each target."""
    found = plan(
        "buildmatrix.toml",
        Sources(Path("/"), {"buildmatrix.toml": HEAD + text}),
        Request(),
        Git(lambda _: None),
        files=False,
    )
    return {target.name: dict(target.settings.args or {}) for target in found.targets}


def values(target: str, *, more: str = "") -> list[str]:
    """Return the argument X of each cell of a target."""
    return [args["X"] for args in made(f'[target.app]\nargs.X = "{{{{ x }}}}"\n{target}\n{more}').values()]


def refused(target: str, *, more: str = "") -> list[Diagnostic]:
    with pytest.raises(SpecError) as caught:
        values(target, more=more)
    return [one for one in caught.value.diagnostics if one.severity == "error"]


@pytest.mark.parametrize(
    ("include", "found"),
    [
        ('{ x = "{{ base }}" }', ["a", "b"]),
        ('{ x = "{{ l }}{{ k }}" }, { k = "{{ base | upper }}" }', ["labA", "lbbB"]),
        ('{ x = "{{ sha }}" }', ["abc", "abc"]),
        ('{ sha = "{{ sha }}", x = "{{ sha }}" }', ["abc", "abc"]),
        ('{ x = "1" }, { base = "b", x = "{{ base }}" }', ["1", "b"]),
        ('{ x = "{{ base }}" }, { base = "b", x = "1" }', ["a", "1"]),
        ('{ x = "1" }, { x = "{{ base if base == \'b\' else omit }}" }', ["1", "b"]),
        ('{ x = "{{ base }}!" }, { x = "{{ base if base == \'b\' else omit }}" }', ["a!", "b"]),
        ('{ x = "{{ base }}" }, { base = "c", x = "{{ base }}{{ target }}" }', ["a", "b", "capp"]),
        ('{ t = { k = "{{ base }}", n = 1 }, x = "{{ t.k }}{{ t.n }}" }', ["a1", "b1"]),
        ('{ p = 3.10, x = "{{ p }}-{{ base }}" }', ["3.10-a", "3.10-b"]),
    ],
)
def test_what_keys_are_made_of(include: str, found: list[str]) -> None:
    assert values(f'let.l = "l{{{{ base }}}}b"\nmatrix = {{ base = ["a", "b"], include = [{include}] }}') == found


def test_a_key_keeps_its_kind() -> None:
    text = (
        '[target.app]\nmatrix = { base = ["a", "b"], include = [{ x = "{{ base == \'a\' }}", l = "{{ [base, 1] }}" }] }'
    )
    text += "\nargs.X = \"{{ 'yes' if x else 'no' }}{{ l | length }}\""
    assert [one["X"] for one in made(text).values()] == ["yes2", "no2"]


OVERRIDE = """
[[target.app.override]]
select = {{ {select} }}
let.l = "o"
"""


@pytest.mark.parametrize(
    ("select", "found"), [('base = "b"', ["a", "o"]), ('fixed = "1"', ["o", "a"]), ('base = "z*"', ["a", "a"])]
)
def test_the_value_is_that_which_the_cell_has(select: str, found: list[str]) -> None:
    include = '{ base = "a", fixed = "1" }, { x = "{{ l }}" }'
    target = f'let.l = "a"\nmatrix = {{ base = ["a", "b"], include = [{include}] }}'
    try:
        assert values(target, more=OVERRIDE.format(select=select)) == found
    except SpecError:  # an axis without such a value
        assert "z*" in select


@pytest.mark.parametrize("used", ["l", "m"])
def test_an_override_that_selects_a_key_may_not_change_what_it_is_made_with(used: str) -> None:
    target = 'let = { l = "a", m = "{{ l }}" }\nmatrix = { base = ["a", "b"], include = [{ x = "{{ USED }}" }] }'
    target = target.replace("USED", used)
    (error,) = refused(target, more=OVERRIDE.format(select='x = "*"'))
    assert "an override that selects x sets let.l, and x of include is made with l" in error.message
    more = OVERRIDE.format(select='x = "*"').replace("let.l", "let.other")
    assert values(target, more=more) == ["a", "a"]


def test_an_override_for_other_cells_is_no_hindrance() -> None:
    include = '{ base = "a", x = "{{ l }}" }, { base = "b", x = "2" }'
    target = f'let.l = "a"\nmatrix = {{ base = ["a", "b"], include = [{include}] }}'
    assert values(target, more=OVERRIDE.format(select='x = "2", base = "b"')) == ["a", "2"]


def test_a_parent_that_the_cell_chooses_may_not_change_it_either() -> None:
    parents = '[target._one]\nlet.l = "1"\n[target._two]\nlet.l = "2"\n'
    inherits = "inherits = [\"_one\", \"{{ '_two' if base == 'b' else omit }}\"]\n"
    matrix = 'matrix = {{ base = [{}], include = [{{ x = "{{{{ l }}}}" }}] }}'
    (error,) = refused(inherits + matrix.format('"a", "b"'), more=parents)
    assert "let.l is used to make x, and comes of a parent" in error.message
    assert values(inherits + matrix.format('"a"'), more=parents) == ["1"]
    assert values(f'{inherits}let.l = "own"\n' + matrix.format('"a", "b"'), more=parents) == ["own", "own"]


def test_a_key_without_a_value_is_not_there() -> None:
    target = 'matrix = { base = ["a", "b"], include = [{ x = "{{ base if base == \'a\' else omit }}" }] }'
    assert refused(target)[0].message.startswith('target.app.args: the template uses "x"')
    parent = '[target._p]\nlet.x = "p"\n'
    assert values(f'inherits = ["_p"]\n{target}', more=parent) == ["a", "p"]
    target = target.replace("}]", ', y = "{{ x }}" }]')
    (error,) = refused(f'inherits = ["_p"]\n{target}', more=parent)
    assert error.message == "target.app: x of include has no value here, and y is made with it"


KEYS = ["k1", "k2", "k3"]
LETS = ["l1", "l2", "l3"]
EVERY = [*KEYS, *LETS]


@examples(40)
@given(st.dictionaries(st.sampled_from(EVERY), st.sampled_from(EVERY)), st.permutations(EVERY))
def test_they_have_values_in_any_order_or_a_cycle_is_shown(uses: dict[str, str], order: list[str]) -> None:
    texts = {name: f"{{{{ {uses.get(name, 'base')} }}}}{name}" for name in EVERY}

    def said(names: list[str]) -> Mapping[str, Mapping[str, str]] | set[str]:
        keys = ", ".join(f'{name} = "{texts[name]}"' for name in names if name in KEYS)
        lets = "".join(f'let.{name} = "{texts[name]}"\n' for name in names if name in LETS)
        args = "".join(f'args.{name} = "{{{{ {name} }}}}"\n' for name in EVERY)
        try:
            return made(f'[target.app]\n{lets}{args}matrix = {{ base = ["a", "b"], include = [{{ {keys} }}] }}')
        except SpecError as error:
            return {one.code if "→" in one.message else one.message for one in error.diagnostics}

    found = said(order)
    assert found == said(EVERY)
    if any(is_endless(name, uses) for name in EVERY):
        assert found == {"cycle"}
    else:
        assert isinstance(found, dict)
        assert found["app-a"] == {name: written_out(name, uses) for name in EVERY}


def is_endless(name: str, uses: dict[str, str]) -> bool:
    for _ in uses:
        name = uses.get(name, "")
    return name in uses


def written_out(name: str, uses: dict[str, str]) -> str:
    text = name
    while name in uses:
        name = uses[name]
        text = name + text
    return f"a{text}"
