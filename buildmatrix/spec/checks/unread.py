"""Templates where none is read: names, keys, what says how a file is read, and how `apply` runs.

There they would be plain text, and each thing that takes them for such would complain in words of its own, or not at
all. The rows say where that is; what reads templates is left to those who read them.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from buildmatrix.errors import Pointer
from buildmatrix.patterns import regex
from buildmatrix.records import dataclass
from buildmatrix.spec.checks.data import shown, spoken
from buildmatrix.spec.checks.envnames import env_name
from buildmatrix.spec.rows.options import Flag, Options
from buildmatrix.spec.rows.shapes import (
    OrTemplate,
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
from buildmatrix.spec.rows.tables import File, Variable

_SIGN = regex(r"(?<!\$)(?:\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\})", re.DOTALL)
"""A whole template; `${{ x }}` is of a workflow, which is answered in its own words."""

_LITERAL = "literal"
_VALUE = "its value may be a template"
_TABLE = "the whole table may be a template: '{{ {key: \"value\"} }}'"


@dataclass(frozen=True, kw_only=True)
class Unread:
    """A template that nobody reads: where, what is wrong, and what to write.

    Where plain text may be meant, it is `literal`, and stays.
    """

    pointer: Pointer
    message: str
    hint: str
    is_key: bool = False
    literal: str = ""


def unread(data: Mapping[str, Any]) -> Iterator[Unread]:
    """Yield the templates of a file that nobody reads."""
    literal = data.get(_LITERAL)
    meant = [text for text in literal if isinstance(text, str)] if isinstance(literal, list) else []
    for found in _table(File, data, ()):
        if found.literal not in meant:
            yield found


def has_template(value: Any) -> bool:
    """Tell whether a value is a text with a whole template in it."""
    return isinstance(value, str) and "{" in value and _SIGN.search(value) is not None


def _table(table: Any, value: Mapping[str, Any], pointer: Pointer) -> Iterator[Unread]:
    """Go through a table by its rows; keys that no row has are left to the schema unless they are templates."""
    known = _by_key(table)
    for key, item in value.items():
        row = known.get(key) or _rest(table, key)
        if not isinstance(item, list | dict) and not has_template(item) and not has_template(key):
            continue  # nearly all that there is
        if row is None and has_template(key):
            yield _key(pointer, key, _VALUE if table.templated else "")
        elif row is not None and row.key != _LITERAL:
            yield from _row(table, row, item, (*pointer, key))


@cache
def _by_key(table: Any) -> Mapping[str, Row]:
    return {row.key: row for row in rows(table)}


def _rest(table: Any, key: str) -> Row | None:
    """Return the row that takes a key with a name of its own; that of axes takes any."""
    patterns = ((row, rest.pattern) for row in rows(table) if (rest := row.marker(Rest)))
    return next((row for row, pattern in patterns if not pattern or re.search(pattern, key)), None)


def _row(table: Any, row: Row, value: Any, pointer: Pointer) -> Iterator[Unread]:
    if (rest := row.marker(Rest)) is not None:
        yield from _keys_and_data({str(pointer[-1]): value}, pointer[:-1]) if not rest.pattern else ()
    elif table is Variable and row.key == "description":
        yield from _described(value, pointer)
    elif table is Variable and row.key == "default":
        yield from _data(value, pointer)
    elif has_template(value) and _is_whole_table(row.shape, row.markers):
        yield _whole(pointer)
    elif has_template(value) and (not table.templated or _is_kind(table, row)):
        yield _value(pointer, value)
    else:
        yield from _shaped(row.shape, row.markers, value, pointer, templated=table.templated)


def _is_kind(table: Any, row: Row) -> bool:
    """Tell whether a row says which of several tables one is: by it the others are checked."""
    return row.key == "type" and row.required and discriminator(table) is not None


def _shaped(
    shape: Any, markers: tuple[object, ...], value: Any, pointer: Pointer, *, templated: bool = True
) -> Iterator[Unread]:
    """Go on within a value: what is a list, a table, or a table with free keys."""
    if isinstance(value, list) and is_list(shape):
        for index, item in enumerate(value):
            yield from _item(shape, item, (*pointer, index), templated=templated)
    elif isinstance(value, Mapping) and is_map(shape):
        yield from _map(shape, markers, value, pointer, templated=templated)
    elif isinstance(value, Mapping):
        for arm in (one for one in arms(shape) if is_table(one)):
            yield from _table(unwrap(arm)[0], value, pointer)


def _item(shape: Any, item: Any, pointer: Pointer, *, templated: bool) -> Iterator[Unread]:
    if isinstance(item, Mapping):
        tables = [unwrap(arm)[0] for arm in arms(item_of(shape)) if is_table(arm)]
        table = next((one for one in tables if discriminator(one) == item.get("type")), (*tables, None)[0])
        yield from _table(table, item, pointer) if table else _keys_and_data(item, pointer)
    elif not templated and pointer[:1] != ("group",) and has_template(item):
        yield _value(pointer, item)


def _map(
    shape: Any, markers: tuple[object, ...], value: Mapping[str, Any], pointer: Pointer, *, templated: bool
) -> Iterator[Unread]:
    """Go through a table with free keys: those of settings are templates, names of tables and of axes are not."""
    inner = item_of(shape)
    if any(isinstance(marker, OrTemplate) for marker in markers):
        return
    if inner is Any:
        yield from _keys_and_data(value, pointer)
        return
    tables = [unwrap(arm)[0] for arm in arms(inner) if is_table(arm)]
    for key, item in value.items():
        if has_template(key):
            yield _key(pointer, key, _NAMES.get(pointer, _VALUE if templated or pointer == ("variable",) else ""))
        elif isinstance(item, Mapping) and tables:
            yield from _table(tables[0], item, (*pointer, key))
        elif pointer == ("variable",):
            yield from _data(item, (*pointer, key))
        elif not templated and pointer != ("group",):
            yield from _texts(item, (*pointer, key))


def _texts(value: Any, pointer: Pointer) -> Iterator[Unread]:
    """Go through a text, or a list of texts."""
    if has_template(value):
        yield _value(pointer, value)
    for index, item in enumerate(value if isinstance(value, list) else ()):
        yield from _texts(item, (*pointer, index))


_NAMES: Mapping[Pointer, str] = {
    ("target",): "a matrix makes several of one target, and its `name` is a template",
    ("group",): "its members may be templates",
}


def _keys_and_data(value: Mapping[str, Any], pointer: Pointer) -> Iterator[Unread]:
    """Go through what is said of axes (`exclude`, `include`), or through a table of data."""
    for key, item in value.items():
        if has_template(key):
            yield _key(pointer, key, _VALUE)
        else:
            yield from _data(item, (*pointer, key))


def _data(value: Any, pointer: Pointer) -> Iterator[Unread]:
    """Go through data, whose texts are templates and whose keys are not."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            if has_template(key):
                yield _key(pointer, key, _TABLE if pointer[0] == "target" else f"in `let`, {_TABLE}")
            else:
                yield from _data(item, (*pointer, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _data(item, (*pointer, index))


def _described(value: Any, pointer: Pointer) -> Iterator[Unread]:
    if has_template(value):
        found = _SIGN.search(value)
        text = found[0] if found else ""
        message = f"no template is read in {spoken(pointer)}: {shown(text)}"
        hint = f"leave it out; if it is meant as it stands, list it above the first [header]: literal = [{shown(text)}]"
        yield Unread(pointer=pointer, message=message, hint=hint, literal=text)


# --- what to write instead ----------------------------------------------------------------------------------------


def _key(table: Pointer, key: str, may: str) -> Unread:
    is_name = table in {("variable",), *_NAMES}
    what = f"names of {table[0]}s" if is_name else f"keys of {spoken(table)}"
    may += f": name = {shown(key)}" if table == ("target",) else ""
    hint = f"write the {'name' if is_name else 'key'} itself" + (f"; {may}" if may else "")
    return Unread(pointer=(*table, key), message=f"no template is read in {what}: {shown(key)}", hint=hint, is_key=True)


def _value(pointer: Pointer, text: str) -> Unread:
    return Unread(pointer=pointer, message=f"no template is read in {spoken(pointer)}", hint=_instead(pointer, text))


def _instead(pointer: Pointer, text: str) -> str:
    key = next((part for part in reversed(pointer) if isinstance(part, str)), "")
    if pointer[:1] == ("apply",):
        return _flag(key)
    if pointer[:1] == ("variable",) and key == "env":
        return f'write env = "{env_name(text) or "NAME"}": the name, and not the value'
    if pointer[:1] == ("variable",):
        return _OF_VARIABLES.get(key, "write the value itself; the default of a variable may be a template")
    if key == "type":
        return 'write the type itself; the item may be one text, in which all is: "type=…,…"'
    return _OF_FILES.get(key, "write the value itself")


@cache
def _flag(key: str) -> str:
    row = next((row for row in rows(Options) if row.key == key), None)
    flag = row.marker(Flag) if row else None
    if flag is None:
        return "write the value itself"
    ways = " or ".join([flag.names[0].partition("/")[0], *flag.env[:1]])
    return f"write the value itself; {ways} says otherwise for a run"


_OF_FILES = {
    "version": "write version = 1",
    "requires-buildx": 'write requires-buildx = ">=0.20"',
    "include": 'write the names themselves, or a pattern: include = ["images/*/buildmatrix.toml"]',
}
_OF_VARIABLES = {
    "file": "write the path itself; the default of a variable may be a template",
    "pattern": r"write the expression itself, in which braces that are meant are \{ and \}",
}


def _is_whole_table(shape: Any, markers: tuple[object, ...]) -> bool:
    """Tell whether the value is a table, or a list of nothing but tables, that no template may give."""
    if any(isinstance(marker, OrTemplate) for marker in markers):
        return False
    one = item_of(shape) if is_list(shape) else shape
    return all(is_table(arm) or is_map(arm) for arm in arms(one))


def _whole(pointer: Pointer) -> Unread:
    message = f"no template gives the whole of {spoken(pointer)}"
    hint = _PARTS.get(str(pointer[-1])) or "write the table; values in it may be templates"
    return Unread(pointer=pointer, message=message, hint=hint)


_PARTS: Mapping[str, str] = {
    "matrix": 'write its axes, which may be templates: matrix.AXIS = "{{ values }}"',
    "let": 'write its values, which may be templates: let.NAME = "{{ value }}"',
    "extend": 'write its lists, whose items may be templates: extend.tags = ["{{ tags }}"]',
    "override": "write [[target.NAME.override]] for each; its settings may be templates",
}
