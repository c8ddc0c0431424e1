"""Every code of a diagnostic stands in one list, which is complete, and documented."""

import ast
from collections.abc import Iterator
from pathlib import Path

from buildmatrix.codes import CODES

ROOT = Path(__file__).parents[2]
REPORTERS = {"error": 0, "warn": 0, "_say": 0, "_Class": 1, "BadTemplateError": 2}
"""What takes a code, and at which place."""

NOT_SHOWN = {"follows"}
"""Of what follows from another error, and is not said."""


def constants(node: ast.AST, names: dict[str, str]) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.Name) and node.id in names:
        yield names[node.id]
    elif isinstance(node, ast.IfExp):
        yield from (*constants(node.body, names), *constants(node.orelse, names))


def used(path: Path, names: dict[str, str]) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            given = [keyword.value for keyword in node.keywords if keyword.arg == "code"]
            given += node.args[REPORTERS[called] :][:1] if called in REPORTERS else []
            yield from (code for value in given for code in constants(value, names))
        elif isinstance(node, ast.FunctionDef):
            of_default = zip(node.args.args[::-1], node.args.defaults[::-1], strict=False)
            yield from (code for one, value in of_default if one.arg == "code" for code in constants(value, names))
        elif isinstance(node, ast.AnnAssign) and getattr(node.target, "id", "") == "code" and node.value:
            yield from constants(node.value, names)


def all_used() -> dict[str, str]:
    modules = sorted((ROOT / "buildmatrix").rglob("*.py"))
    names = {
        target.id: node.value.value
        for path in modules
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    reporters = {"report", "cli"}  # they have an `error` and a `_say` of their own, and show what others report
    return {
        code: str(path)
        for path in modules
        for code in used(path, names)
        if " " not in code and (code in CODES or reporters.isdisjoint(path.parts))
    }


def test_the_list_of_codes_is_complete() -> None:
    found = all_used()
    assert {code: where for code, where in found.items() if code not in CODES and code not in NOT_SHOWN} == {}
    assert sorted(CODES.keys() - found) == []


def test_the_list_is_in_order_and_documented() -> None:
    assert list(CODES) == sorted(CODES)
    reference = (ROOT / "docs/reference.md").read_text()
    assert [code for code, meaning in CODES.items() if f"| `{code}` | {meaning} |" not in reference] == []
