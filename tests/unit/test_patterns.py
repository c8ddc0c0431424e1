"""Patterns are compiled late, and are what `re.compile` returns for all who use them."""

import ast
import copy
import importlib
import pickle
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import buildmatrix
from buildmatrix.patterns import regex

ROOT = Path(buildmatrix.__file__).parent


def test_a_pattern_is_used_like_a_compiled_one() -> None:
    found = regex(r"(?P<one>a+)(b)?", re.IGNORECASE)
    match = found.fullmatch("AAb")
    assert match is not None
    assert match["one"] == "AA"
    assert found.sub("x", "caabc") == "cxc"
    assert [found.pattern, found.groups, found.flags & re.IGNORECASE] == [r"(?P<one>a+)(b)?", 2, re.IGNORECASE]
    assert regex(rb"\d+").findall(b"1 22") == [b"1", b"22"]


def test_a_pattern_may_be_copied() -> None:
    pickled = pickle.loads(pickle.dumps(regex("a+")))  # noqa: S301 our own
    for made in (copy.copy(regex("a+")), copy.deepcopy(regex("a+")), pickled):
        assert made.sub("x", "caab") == "cxb"


def test_a_pattern_that_is_wrong_is_an_error_where_it_is_used() -> None:
    wrong = regex("(")
    for _ in range(2):
        with pytest.raises(re.error):
            wrong.search("text")


def test_each_pattern_of_a_module_can_be_compiled() -> None:
    """An error of a pattern would otherwise come only where somebody uses it."""
    names = [one.name for one in pkgutil.walk_packages([str(ROOT)], "buildmatrix.")]
    modules = [importlib.import_module(name) for name in names if name != "buildmatrix.__main__"]
    found = [one for module in modules for value in vars(module).values() for one in _patterns(value)]
    assert len(found) > 150
    for one in found:
        assert isinstance(one.groups, int), one.pattern


def _patterns(value: Any) -> Iterator[Any]:
    if type(value) is type(regex("")):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _patterns(inner)
    elif isinstance(value, tuple | list):
        for inner in value:
            yield from _patterns(inner)


def test_nobody_looks_which_object_a_pattern_is() -> None:
    """A match's `re` is the compiled pattern, and never the one that stands in the module."""
    text = {path: path.read_text(encoding="utf-8") for path in ROOT.rglob("*.py")}
    assert [path for path, code in text.items() if re.search(r"\.re (is|==)|re\.Pattern\)", code)] == []


def test_no_module_compiles_a_pattern_when_it_is_imported() -> None:
    early = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in ROOT.rglob("*.py")
        if "compile(" in (text := path.read_text(encoding="utf-8"))
        for node in _at_import(ast.parse(text))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "re.compile"
    ]
    assert early == [], "write regex(…) of buildmatrix.patterns instead of re.compile"


def _at_import(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        yield child
        if not isinstance(child, ast.FunctionDef | ast.Lambda):
            yield from _at_import(child)
