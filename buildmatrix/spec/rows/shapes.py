"""The closed vocabulary in which a field of the file may be written, and what follows from it.

A shape is a type hint: `str`, `bool`, `int`, `Any`, `Literal`, `T | None`, `tuple[T, ...]`, `Mapping[str, T]`, a frozen
`Table`, a union of those, or `Annotated[shape, marker, ...]`. A `Table` is a frozen dataclass: one attribute is one
row is one key. From a row follow its JSON Schema (`schema_of`), its typed value (`build`), its plain value (`plain`)
and, in the later stages, merging, templating, rendering and the version gate. None means that the key is unset. What a
value means is said by the markers of `markers.py`.
"""

import inspect
import re
import types
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Literal, Never, Self, TypeVar, Union, dataclass_transform, get_args, get_origin

JsonSchema = dict[str, Any]
M = TypeVar("M")

TEMPLATE = r"\{[{%#]"
"""What makes a string a template (a regular expression, searched)."""


@dataclass_transform(frozen_default=True, kw_only_default=True, eq_default=True)
class Table:
    """A frozen, keyword-only dataclass whose class costs nothing to make.

    The standard library's decorator compiles six methods a class; for the forty tables of the file that is 20 ms at
    every start. Here one set of methods reads the annotations. Type checkers see a dataclass.
    """

    templated = True
    """Whether strings of the table may be templates."""

    def __init__(self, **given: Any) -> None:
        """Take the rows by name; a row that is not given keeps the class's default."""
        self.__dict__.update(given)

    def __setattr__(self, name: str, value: object) -> Never:
        """Refuse: a table is frozen."""
        msg = f"cannot assign to {type(self).__name__}.{name}"
        raise AttributeError(msg)

    def __eq__(self, other: object) -> bool:
        """Tell whether both are the same table with the same rows set."""
        return type(self) is type(other) and given(self) == given(other)

    def __hash__(self) -> int:
        """Agree with equality (tables that hold mappings included)."""
        return hash((type(self), repr(given(self))))

    def __repr__(self) -> str:
        """Show the rows that are set."""
        return f"{type(self).__name__}({', '.join(f'{name}={item!r}' for name, item in given(self).items())})"

    def but(self, changed: Mapping[str, Any]) -> Self:
        """Return a copy with some rows changed, by attribute."""
        copy = object.__new__(type(self))
        copy.__dict__.update(self.__dict__)
        copy.__dict__.update(changed)
        return copy


class Doc:
    """What the field is for: one or two sentences, shown in editors and in the reference."""

    def __init__(self, text: str) -> None:
        """Take the text."""
        self.text = text


class Examples:
    """Values to show in editors and in the reference."""

    def __init__(self, *values: object) -> None:
        """Take the values."""
        self.values = values


class Keyword:
    """One keyword of JSON Schema that a plain value has to satisfy, e.g. `Keyword("minLength", 1)`."""

    def __init__(self, name: str, value: object) -> None:
        """Take the keyword's name and value."""
        self.name, self.value = name, value


class Expected:
    """What to write, in words, when a value does not satisfy its keywords; `known` are words perhaps meant."""

    def __init__(self, text: str, known: tuple[str, ...] = ()) -> None:
        """Take the words."""
        self.text, self.known = text, known


class Key:
    """The key in the file when it is not the attribute with dashes; `Key("registry.insecure")`."""

    def __init__(self, name: str) -> None:
        """Take the key."""
        self.name = name


class Rest:
    """A mapping that takes the keys that no other row has: all, or those that match a regular expression."""

    def __init__(self, pattern: str | None = None) -> None:
        """Take the regular expression; None for all keys."""
        self.pattern = pattern


class Keys:
    """What the free keys of a mapping must look like: a regular expression, and the same in words."""

    def __init__(self, pattern: str, expected: str) -> None:
        """Take both."""
        self.pattern, self.expected = pattern, expected


class Scalar:
    """A string that may be written as a number or a boolean too (`args.PORT = 8080`)."""


class Since:
    """The first buildx that knows the field; older ones drop it without a word."""

    def __init__(self, version: str) -> None:
        """Take the version, `0.17`."""
        self.version = version


class NotInBake:
    """The field is ours: it shapes the plan and is not sent to bake."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One field of a table: its attribute, its key in the file, its shape and its markers."""

    attribute: str
    key: str
    shape: Any
    markers: tuple[object, ...]
    required: bool

    def marker(self, kind: type[M]) -> M | None:
        """Return the row's marker of a kind, or None."""
        return next((marker for marker in self.markers if isinstance(marker, kind)), None)

    @property
    def doc(self) -> str:
        """The row's description."""
        found = self.marker(Doc)
        return found.text if found else ""


def rows(table: type) -> tuple[Row, ...]:
    """Return the rows of a table in the order of their declaration; those of its bases first."""
    key: Any = table  # mypy takes the class for one of its instances here
    return tuple(_rows(key).values())


def row_of(table: type, attribute: str) -> Row:
    """Return the row of an attribute; KeyError if the table has none of that name."""
    key: Any = table
    return _rows(key)[attribute]


@cache
def _rows(table: Any) -> dict[str, Row]:
    return {
        name: _row(table, name, hint)
        for base in reversed(table.__mro__)
        for name, hint in inspect.get_annotations(base).items()
    }


def _row(table: type, name: str, hint: Any) -> Row:
    shape, markers = unwrap(hint)
    key = next((marker.name for marker in markers if isinstance(marker, Key)), name.replace("_", "-"))
    return Row(attribute=name, key=key, shape=shape, markers=markers, required=not hasattr(table, name))


@cache
def unwrap(shape: Any) -> tuple[Any, tuple[object, ...]]:
    """Split `Annotated[shape | None, ...]` into the bare shape and its markers (outer and inner ones)."""
    if get_origin(shape) is Annotated:
        inner, *markers = get_args(shape)
        bare, more = unwrap(inner)
        return bare, (*markers, *more)
    if get_origin(shape) in (Union, types.UnionType):
        arms = [arm for arm in get_args(shape) if arm is not types.NoneType]
        if len(arms) == 1:
            return unwrap(arms[0])
    return shape, ()


def arms(shape: Any) -> tuple[Any, ...]:
    """Return the alternatives of a union, or the shape itself as the only one."""
    bare, _ = unwrap(shape)
    return get_args(bare) if get_origin(bare) in (Union, types.UnionType) else (shape,)


def is_list(shape: Any) -> bool:
    """Tell whether the shape is a list."""
    return get_origin(unwrap(shape)[0]) is tuple


def is_map(shape: Any) -> bool:
    """Tell whether the shape is a table with free keys."""
    return get_origin(unwrap(shape)[0]) is Mapping


def item_of(shape: Any) -> Any:
    """Return the shape of a list's items or of a map's values."""
    return get_args(unwrap(shape)[0])[1 if is_map(shape) else 0]


def is_table(shape: Any) -> bool:
    """Tell whether the shape is a `Table`."""
    bare, _ = unwrap(shape)
    return isinstance(bare, type) and issubclass(bare, Table)


def discriminator(table: type) -> str | None:
    """Return the value of `type` that a table stands for (`local`), or None if it has no such row."""
    found = next((row.shape for row in rows(table) if row.key == "type"), None)
    return str(get_args(found)[0]) if get_origin(found) is Literal else None


# --- schema ---------------------------------------------------------------------------------------------------------


def schema_of(shape: Any, *, templates: bool) -> JsonSchema:
    """Return the JSON Schema of a shape.

    With `templates`, a string that holds a template passes in place of any checked string, number or boolean: the file
    as written. Without, the schema is that of a value after rendering.
    """
    bare, markers = unwrap(shape)
    return _described(_bare_schema(bare, markers, templates=templates), markers)


def _bare_schema(bare: Any, markers: tuple[object, ...], *, templates: bool) -> JsonSchema:
    if bare is Any:
        return {}
    if is_table(bare):
        return _ref(bare)
    if is_list(bare):
        return {"type": "array", "items": schema_of(item_of(bare), templates=templates)} | _keywords(markers)
    if is_map(bare):
        items = schema_of(item_of(bare), templates=templates)
        return {"type": "object", "additionalProperties": items} | _key_schema(markers) | _keywords(markers)
    if len(arms(bare)) > 1:
        return _union_schema(bare, templates=templates)
    return _leaf_schema(bare, markers, templates=templates)


def _leaf_schema(bare: Any, markers: tuple[object, ...], *, templates: bool) -> JsonSchema:
    kind, checks = _leaf(bare, markers)
    if not templates or not (checks or kind != "string"):
        return checks if "enum" in checks else {"type": kind} | checks
    if kind == "string":
        return {"type": "string", "if": {"not": {"pattern": TEMPLATE}}, "then": checks}
    if isinstance(kind, list):
        return {"type": kind} | checks
    words = {"boolean": "true or false", "integer": "an integer", "number": "a number"}[kind]
    then = {"pattern": TEMPLATE, "x-expected": words}
    return {"type": [kind, "string"], "if": {"type": "string"}, "then": then} | ({"else": checks} if checks else {})


def _leaf(bare: Any, markers: tuple[object, ...]) -> tuple[str | list[str], JsonSchema]:
    if any(isinstance(marker, Scalar) for marker in markers):
        return ["string", "number", "boolean"], _keywords(markers)
    if get_origin(bare) is Literal:
        values = list(get_args(bare))
        return {str: "string", int: "integer"}[type(values[0])], {"enum": values}
    return {str: "string", bool: "boolean", int: "integer", float: "number"}[bare], _keywords(markers)


def _keywords(markers: tuple[object, ...]) -> JsonSchema:
    found: JsonSchema = {marker.name: marker.value for marker in markers if isinstance(marker, Keyword)}
    for marker in markers:
        if isinstance(marker, Expected):
            found |= {"x-expected": marker.text} | ({"x-known": list(marker.known)} if marker.known else {})
    return found


def _key_schema(markers: tuple[object, ...]) -> JsonSchema:
    keys = [marker for marker in markers if isinstance(marker, Keys)]
    return {"propertyNames": {"pattern": keys[0].pattern, "x-expected": keys[0].expected}} if keys else {}


def _described(schema: JsonSchema, markers: tuple[object, ...]) -> JsonSchema:
    head: JsonSchema = {}
    for marker in reversed(markers):
        match marker:
            case Doc():
                head["description"] = marker.text
            case Examples():
                head["examples"] = list(marker.values)
    return head | schema


def _union_schema(bare: Any, *, templates: bool) -> JsonSchema:
    """Choose the branch by the value's type, so that an error always comes from the one branch that was meant."""
    tables = [arm for arm in arms(bare) if is_table(arm)]
    branches = [schema_of(arm, templates=templates) for arm in arms(bare) if not is_table(arm)]
    if tables:
        branches.append(_tagged_schema(tables) if len(tables) > 1 else {"type": "object"} | _ref(tables[0]))
    kinds: list[str] = []
    for branch in branches:
        kinds += [kind for kind in _kinds(branch) if kind not in kinds]
    checked = [{"if": {"type": branch["type"]}, "then": branch} for branch in branches if set(branch) - {"type"}]
    return {"type": kinds if len(kinds) > 1 else kinds[0]} | ({"allOf": checked} if checked else {})


def _kinds(schema: JsonSchema) -> list[str]:
    return schema["type"] if isinstance(schema["type"], list) else [schema["type"]]


def _tagged_schema(tables: list[type]) -> JsonSchema:
    """Tables that differ by `type`: which there are, then what the one that is meant allows."""
    choices = [discriminator(table) for table in tables]
    branches = [
        {"if": {"required": ["type"], "properties": {"type": {"const": choice}}}, "then": _ref(table)}
        for choice, table in zip(choices, tables, strict=True)
    ]
    kind = {"type": "string", "enum": choices, "description": "What kind it is; the other keys depend on it."}
    return {"type": "object", "required": ["type"], "properties": {"type": kind}, "allOf": branches}


def _ref(table: type) -> JsonSchema:
    return {"$ref": f"#/$defs/{table.__name__}"}


def definitions(shape: Any, *, templates: bool) -> dict[str, JsonSchema]:
    """Return the schemas of all tables within a shape by their names, for `$defs`."""
    found: dict[str, JsonSchema] = {}
    _define(shape, found, templates=templates)
    return dict(sorted(found.items()))


def _define(shape: Any, found: dict[str, JsonSchema], *, templates: bool) -> None:
    bare, _ = unwrap(shape)
    if is_table(bare):
        if bare.__name__ not in found:
            found[bare.__name__] = {"description": (bare.__doc__ or "").strip()} | table_schema(
                bare, templates=templates
            )
            for row in rows(bare):
                _define(row.shape, found, templates=templates)
    elif is_list(bare) or is_map(bare):
        _define(item_of(bare), found, templates=templates)
    elif len(arms(bare)) > 1:
        for arm in arms(bare):
            _define(arm, found, templates=templates)


def table_schema(table: type[Table], *, templates: bool) -> JsonSchema:
    """Return the schema of a table: its rows, its required keys, and no other key."""
    templates = templates and table.templated
    named = [row for row in rows(table) if row.marker(Rest) is None]
    schema: JsonSchema = {
        "type": "object",
        "properties": {row.key: row_schema(row, templates=templates) for row in named},
    }
    if required := [row.key for row in named if row.required]:
        schema["required"] = required
    return schema | {"additionalProperties": False} | _rest_schema(table, templates=templates)


def _rest_schema(table: type[Table], *, templates: bool) -> JsonSchema:
    for row in rows(table):
        if (rest := row.marker(Rest)) is not None:
            items = schema_of(item_of(row.shape), templates=templates)
            return {"patternProperties": {rest.pattern: items}} if rest.pattern else {"additionalProperties": items}
    return {}


def row_schema(row: Row, *, templates: bool) -> JsonSchema:
    """Return the schema of one row's value."""
    return _described(_bare_schema(row.shape, row.markers, templates=templates), row.markers)


_TEMPLATE = re.compile(TEMPLATE)


def is_template(text: str) -> bool:
    """Tell whether a string is a template."""
    return "{" in text and _TEMPLATE.search(text) is not None


# --- values ---------------------------------------------------------------------------------------------------------


def build(shape: Any, value: Any) -> Any:
    """Turn data that satisfies the shape's schema into the shape's typed value; it cannot fail."""
    bare, markers = unwrap(shape)
    return _build(bare, markers, value)


def _build(bare: Any, markers: tuple[object, ...], value: Any) -> Any:
    if isinstance(value, dict) and is_table(bare):
        return build_table(bare, value)
    if isinstance(value, list) and is_list(bare):
        return tuple(build(item_of(bare), item) for item in value)
    if isinstance(value, dict) and is_map(bare):
        return {key: build(item_of(bare), item) for key, item in value.items()}
    if len(arms(bare)) > 1:
        return build(_arm_for(bare, value), value)
    return text_of(value) if any(isinstance(marker, Scalar) for marker in markers) else value


def _arm_for(bare: Any, value: Any) -> Any:
    if isinstance(value, dict):
        tables = [arm for arm in arms(bare) if is_table(arm) or is_map(arm)]
        return next(
            (arm for arm in tables if is_table(arm) and discriminator(unwrap(arm)[0]) == value.get("type")), tables[0]
        )
    if isinstance(value, list):
        return next(arm for arm in arms(bare) if is_list(arm))
    return next(arm for arm in arms(bare) if not (is_table(arm) or is_map(arm) or is_list(arm)))


def build_table(table: type, value: Mapping[str, Any]) -> Any:
    """Turn a plain table that satisfies the schema into the typed one."""
    known = {row.key for row in rows(table)}
    given = {row.attribute: _build(row.shape, row.markers, value[row.key]) for row in rows(table) if row.key in value}
    for row in rows(table):
        if row.marker(Rest) and (rest := {key: item for key, item in value.items() if key not in known}):
            given[row.attribute] = {key: build(item_of(row.shape), item) for key, item in rest.items()}
    return table(**given)


def text_of(value: Any) -> str:
    """Return a scalar as the text that a template or an argument shows: booleans in lower case, 3.10 as 3.10."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def plain(value: Any) -> Any:
    """Return the typed value as JSON and TOML have it, in the file's own keys; unset rows are left out."""
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, Table):
        return plain_table(value)
    return value if value is None or isinstance(value, str | int) else text_of(value)


def plain_table(value: Any) -> dict[str, Any]:
    """Return a typed table as a plain one in the file's own keys; unset rows are left out."""
    found: dict[str, Any] = {}
    for row in rows(type(value)):
        item = getattr(value, row.attribute)
        if item is None:
            continue
        found |= plain(item) if row.marker(Rest) else {row.key: plain(item)}
    return found


def given(value: Any) -> dict[str, Any]:
    """Return the attributes of a table that are set."""
    return {row.attribute: item for row in rows(type(value)) if (item := getattr(value, row.attribute)) is not None}
