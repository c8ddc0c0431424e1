"""What targets inherit: the same in whatever order their tables stand, and never without an end."""

from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from buildmatrix.errors import SpecError
from buildmatrix.git.facts import Git
from buildmatrix.pipeline import plan
from buildmatrix.plan.model import Plan
from buildmatrix.spec.toml.source import Sources
from buildmatrix.template.request import Request
from tests.examples import examples

NAMES = ["a", "b", "c", "_d", "_e"]
HEAD = """version = 1
[defaults]
dockerfile-inline = "FROM scratch"
output = ["type=cacheonly"]
"""
PARENTS = st.sampled_from([
    *NAMES, "a[x=1]", "b[x=2]", "c[=]", "{{ 'a' if x == '1' else omit }}", "{{ '_e' }}", "b[x={{ x }}]",
])  # fmt: skip


@st.composite
def tables(draw: st.DrawFn) -> dict[str, str]:
    """Targets by name, as they are written: each with two cells, an override, a value of `let` and parents."""
    found = {}
    for name in NAMES:
        parents = draw(st.lists(PARENTS, max_size=2))
        found[name] = "\n".join([
            f"[target.{name}]",
            f"inherits = {parents}" if parents else "",
            'matrix.x = ["1", "2"]' if draw(st.booleans()) or not name.startswith("_") else "",
            f'let.{name.strip("_")}1 = "{name}{{{{ x }}}}"',
            f'args.{name.upper()} = "{{{{ {name.strip("_")}1 }}}}"',
            f'labels.last = "{name}"',
            f"[[target.{name}.override]]",
            'select.x = "2"',
            f'args.{draw(st.sampled_from(["S", "T"]))} = "{name}"',
        ])  # fmt: skip
    return found


def planned(texts: list[str]) -> Plan:
    sources = Sources(Path("/"), {"buildmatrix.toml": HEAD + "\n".join(texts)})
    return plan("buildmatrix.toml", sources, Request(), Git(lambda _: None), files=False)


def said(texts: list[str]) -> Any:
    """What is planned by name, or which mistakes there are."""
    try:
        found = planned(texts)
    except SpecError as error:
        return sorted({one.code for one in error.diagnostics if one.severity == "error"})
    return {target.name: (target.settings, target.depends_on) for target in found.targets}


@examples(60)
@given(tables(), st.permutations(NAMES))
def test_the_order_of_tables_does_not_matter(texts: dict[str, str], order: list[str]) -> None:
    """It matters only to tags that several targets write: see below."""
    assert said([texts[name] for name in order]) == said(list(texts.values()))


@examples(20)
@given(st.permutations(["a", "b", "c"]))
def test_the_last_table_of_a_stage_gets_a_shared_tag(order: list[str]) -> None:
    both = 'tags = ["x:l"]\nshared-tags = ["x:l"]\noutput = ["type=registry"]'
    found = planned([f"[target.{name}]\n{both}" for name in order])
    assert [target.name for target in found.targets if target.tags] == order[-1:]


@examples(60)
@given(tables())
def test_what_inherits_itself_is_refused_with_its_walk(texts: dict[str, str]) -> None:
    try:
        planned(list(texts.values()))
    except SpecError as error:
        found = [one for one in error.diagnostics if one.severity == "error"]
        assert {one.code for one in found} <= {"cycle", "inherits", "same-name"}
        assert all("→" in one.message for one in found if one.code == "cycle")
