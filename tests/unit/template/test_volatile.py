"""Which names change from run to run: what is built in, what is declared, and what is made with them."""

from pathlib import Path
from typing import Any

import pytest

from buildmatrix.errors import Problems
from buildmatrix.git.facts import Git
from buildmatrix.spec.load import load
from buildmatrix.spec.toml.source import Sources
from buildmatrix.template.context import Rendering
from buildmatrix.template.request import Request
from buildmatrix.template.volatile import ALWAYS, made_with, names_in


def volatile(declared: str, **request: Any) -> frozenset[str]:
    """Return the variables that are volatile."""
    text = f"version = 1\n[target.app]\n[variable]\n{declared}"
    spec = load("f", Sources(Path("/"), {"f": text}), Problems())
    git = Git(lambda _: None)
    vars(git).update(sha="1" * 40, tag="", branch="main")
    found = Rendering(spec, Request(**request), git, Problems()).volatile
    assert found >= ALWAYS
    return found - ALWAYS


@pytest.mark.parametrize(
    ("declared", "found"),
    [
        ('v = "1"', ""),
        ('v = "git.sha"', ""),
        ('v = "{{ git.sha }}"', "v"),
        ("v = \"{{ now | date('%Y') }}\"", "v"),
        ('v = "{{ created }}"', "v"),
        ('v = "{{ host.platform }}"', "v"),
        ("v = \"{{ 'a' if git.branch == 'main' else 'b' }}\"", "v"),
        ('v = ["a", "{{ git.sha }}"]', "v"),
        ('v = { default = "{{ git.tag or omit }}", optional = true }', "v"),
        ('v = { env = true, default = "x", volatile = true }', "v"),
        ('v = { env = true, default = "x", volatile = false }', ""),
        ('v = { default = "{{ git.sha }}", volatile = false }', "v"),
        ('a = "{{ git.sha }}"\nb = "{{ a }}"\nc = "x{{ b }}"\nd = "{{ e }}"\ne = "1"', "a b c"),
        ('a = "{{ b }}"\nb = { default = "1", volatile = true }', "a b"),
        ('a = "{{ b }}"\nb = "{{ a }}"\nc = "{{ broken"\nd = "{{ git.sha }}"', "d"),
    ],
)
def test_what_a_variable_is_made_with(declared: str, found: str) -> None:
    assert volatile(declared) == {*found.split()}


def test_a_value_that_is_given_is_not_made_with_the_default() -> None:
    assert volatile('v = { default = "{{ git.sha }}", env = "V" }', environment={"V": "1"}) == set()
    assert volatile('v = "{{ git.sha }}"', variables={"v": "1"}) == set()
    assert volatile('v = { default = "1", volatile = true }', variables={"v": "1"}) == {"v"}
    assert volatile("v = { volatile = true }") == {"v"}


def test_a_chain_may_be_long() -> None:
    uses = {f"v{number}": [f"v{number + 1}"] for number in range(5_000)}
    assert made_with(uses, ["v5000"]) == {*uses, "v5000"}
    assert made_with(uses, ["other"]) == {"other"}


def test_templates_are_looked_for_in_all_of_a_value() -> None:
    assert names_in({"a": ["{{ x }}", {"b": "{{ y }}"}], "c": "plain"}, lambda text: [text[3]]) == ["x", "y"]
