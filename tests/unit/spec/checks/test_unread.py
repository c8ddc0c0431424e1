"""Each string of the file is either read as a template, or told not to be: tried with all that the rows know."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_origin

import pytest

from buildmatrix.errors import Pointer
from buildmatrix.git.facts import Git
from buildmatrix.pipeline import validate
from buildmatrix.spec.checks.unread import unread
from buildmatrix.spec.rows.options import Apply
from buildmatrix.spec.rows.outputs import Output
from buildmatrix.spec.rows.settings import Settings
from buildmatrix.spec.rows.shapes import (
    Rest,
    Row,
    arms,
    discriminator,
    is_list,
    is_map,
    is_table,
    item_of,
    rows,
    unwrap,
)
from buildmatrix.spec.rows.tables import File, Target, Variable
from buildmatrix.spec.toml.source import Sources
from buildmatrix.template.request import Request

SIGN = "{{ x }}"


def at(pointer: Pointer, value: Any) -> Any:
    """Data with one value, at a pointer."""
    for part in reversed(pointer):
        value = [value] if isinstance(part, int) else {part: value}
    return value


def found(pointer: Pointer, value: Any = SIGN) -> list[Pointer]:
    return [one.pointer for one in unread(at(pointer, value))]


def places(table: Any, pointer: Pointer) -> Iterator[Pointer]:
    """The places of the texts and items of a table's rows."""
    for row in rows(table):
        if not row.marker(Rest) and not is_map(row.shape):
            yield (*pointer, row.key, 0) if is_list(row.shape) else (*pointer, row.key)


def outer() -> Iterator[Pointer]:
    """The places of what says how files are read, what variables are, and how apply runs."""
    yield from (place for place in places(File, ()) if place[0] not in {"literal", "variable", "target", "group"})
    yield from (place for place in places(Variable, ("variable", "v")) if place[2] != "default")
    yield from places(Apply, ("apply",))


@pytest.mark.parametrize("pointer", sorted(outer(), key=repr), ids=repr)
def test_none_is_read_outside_of_targets(pointer: Pointer) -> None:
    assert found(pointer) == [pointer]
    assert found(pointer, "${{ x }}") == found(pointer, "{{ x") == found(pointer, r"\{\{ x \}\}") == []


def is_a_whole(row: Row) -> bool:
    """Whether a row of a target is nothing but tables, in whose place there is no template."""
    return row.attribute in {"matrix", "let", "extend", "override"}


@pytest.mark.parametrize("row", rows(Target), ids=lambda row: row.key)
def test_settings_are_read(row: Row) -> None:
    pointer = ("target", "app", row.key)
    assert found(pointer) == ([pointer] if is_a_whole(row) else [])
    if is_list(row.shape) and row.key != "override":
        assert found((*pointer, 0)) == []
    if is_map(row.shape) and not is_a_whole(row):
        assert found((*pointer, SIGN), "x") == []


@pytest.mark.parametrize("row", [row for row in rows(Settings) if is_list(row.shape)], ids=lambda row: row.key)
def test_tables_in_lists_are_read_but_for_their_kind(row: Row) -> None:
    for table in (unwrap(arm)[0] for arm in arms(item_of(row.shape)) if is_table(arm)):
        for inner in rows(table):
            item = {"type": discriminator(table), **({} if is_map(inner.shape) else {inner.key: SIGN})}
            pointer = ("target", "app", row.key, 0)
            is_kind = inner.key == "type" and inner.required and get_origin(inner.shape) is Literal
            assert found(pointer, item) == ([(*pointer, "type")] if is_kind else []), (table, inner.key)


def test_keys_of_tables_in_lists() -> None:
    pointer = ("target", "app", "output", 0)
    kinds = [discriminator(arm) for arm in arms(Output)]
    assert [found(pointer, {"type": kind, SIGN: "x"}) for kind in kinds] == [[(*pointer, SIGN)]] * len(kinds)
    assert found(pointer, {"type": "image", "annotation." + SIGN: "x"}) == []


@pytest.mark.parametrize(
    "pointer",
    [
        (),
        ("apply",),
        ("variable",),
        ("variable", "v"),
        ("variable", "v", "default"),
        ("variable", "v", 0),
        ("target",),
        ("target", "app"),
        ("target", "app", "extend"),
        ("target", "app", "let"),
        ("target", "app", "let", "a"),
        ("target", "app", "let", "a", 0, "b"),
        ("target", "app", "matrix"),
        ("target", "app", "matrix", "a", 0),
        ("target", "app", "matrix", "include", 0),
        ("target", "app", "matrix", "exclude", 0),
        ("target", "app", "override", 0),
        ("target", "app", "override", 0, "select"),
        ("target", "app", "override", 0, "extend"),
        ("target", "app", "override", 0, "let"),
        ("defaults",),
        ("defaults", "let"),
        ("group",),
    ],
    ids=repr,
)
def test_names_and_keys(pointer: Pointer) -> None:
    assert found(pointer, {SIGN: {"x": "y"}}) == [(*pointer, SIGN)]


def test_what_is_literal_may_be_described() -> None:
    data = at(("variable", "v", "description"), f"a {SIGN}")
    assert [one.literal for one in unread(data)] == [SIGN]
    assert list(unread({"literal": [SIGN], **data})) == []
    assert list(unread({"literal": SIGN})) == []


@pytest.mark.parametrize(
    "value", [1, None, [], {}, "x", [1], {"a": 1}, {"type": 1}, [{"type": []}], [{"type": {}}], [[SIGN]]]
)
def test_data_of_any_shape(value: Any) -> None:
    for pointer in [(), ("target",), ("target", "app"), ("target", "app", "matrix"), ("group",), ("variable",)]:
        for key in ("target", "output", "override", "select", "exclude", "apply", "let"):
            list(unread(at((*pointer, key), value)))


@pytest.mark.parametrize("table", ["", ".let", ".matrix", ".extend"])
def test_nothing_follows(table: str) -> None:
    key = f'"{SIGN}"'
    text = f'version = 1\n[target.app]\nmatrix.os = ["a"]\n{f"{table}.{key}".lstrip(".")} = ["x"]\n'
    assert messages(text) == [f"no template is read in keys of target.app{table}: {key}"]


@pytest.mark.parametrize("inner", [f'exclude = [{{ "{SIGN}" = "a" }}]', f'include = [{{ "{SIGN}" = "a" }}]'])
def test_what_is_left_empty_goes(inner: str) -> None:
    assert len(messages(f'version = 1\n[target.app.matrix]\nos = ["a"]\n{inner}\n')) == 1


def messages(text: str) -> list[str]:
    found = validate("f", Sources(Path("/"), {"f": text}), Request(), Git(lambda _: None))
    return [one.message for one in found if one.severity == "error"]
