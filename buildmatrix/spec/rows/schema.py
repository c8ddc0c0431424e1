"""JSON Schema, made from the rows: that of any shape, and that of the file."""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from functools import cache
from typing import Any, Literal, get_args, get_origin

from buildmatrix.spec.rows.shapes import (
    TEMPLATE,
    Alone,
    Doc,
    Examples,
    Expected,
    JsonSchema,
    Keys,
    Keyword,
    OrTemplate,
    Rest,
    Row,
    Scalar,
    Table,
    arms,
    discriminator,
    is_list,
    is_map,
    is_table,
    item_of,
    rows,
    unwrap,
)

MOST_NARROW = 4
"""Schemas of some rows alone that are made in one process: four take as long as the whole one."""


@cache
def file_schema() -> JsonSchema:
    """Return the schema of a buildmatrix.toml as it is written, templates included (draft 2020-12).

    It is made once, and so is what checks by it; nobody changes it.
    """
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "buildmatrix.toml",
        "description": "Container-image targets, platforms, tags and outputs, built with docker buildx bake.",
    }
    body, tables = _of_file(None)
    return body | head | {"$defs": tables}


def narrow_schema(data: Any) -> JsonSchema:
    """Return the schema of a file with those rows alone whose keys stand anywhere in some data.

    What it accepts, be it this data or other, `file_schema` accepts as well; it is made in a tenth of the time. Of
    files with many kinds of keys the whole one is made, once.
    """
    return file_schema() if _of_keys.cache_info().currsize >= MOST_NARROW else _of_keys(frozenset(_keys_in(data)))


@cache
def _of_keys(keys: frozenset[str]) -> JsonSchema:
    body, tables = _of_file(keys)
    return body | {"$defs": tables}


def _keys_in(data: Any) -> Iterator[str]:
    if isinstance(data, dict):
        yield from data
    for inner in data.values() if isinstance(data, dict) else data if isinstance(data, list) else ():
        yield from _keys_in(inner)


def _of_file(keys: AbstractSet[str] | None) -> tuple[JsonSchema, dict[str, JsonSchema]]:
    from buildmatrix.spec.rows.tables import File

    tables = definitions(File, templates=True, keys=keys)
    return tables.pop(File.__name__), tables


def published_schema() -> JsonSchema:
    """Return the schema as editors read it: it takes and refuses the same."""
    from buildmatrix.spec.rows.editor import for_editors

    schema: JsonSchema = for_editors(file_schema())
    return schema


# --- of any shape ---------------------------------------------------------------------------------------------------


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
        return _list_schema(bare, markers, templates=templates)
    if is_map(bare):
        return _map_schema(bare, markers, templates=templates)
    if len(arms(bare)) > 1:
        return _union_schema(bare, templates=templates)
    return _leaf_schema(bare, markers, templates=templates)


def _list_schema(bare: Any, markers: tuple[object, ...], *, templates: bool) -> JsonSchema:
    found = {"type": "array", "items": schema_of(item_of(bare), templates=templates)} | _keywords(markers)
    alone = next((marker.text for marker in markers if isinstance(marker, Alone)), "")
    if not alone:
        return found
    then = {"pattern": f"^{alone}$", "x-else": "array", "x-known": [alone]}
    return found | {"type": ["array", "string"], "if": {"type": "string"}, "then": then}


def _map_schema(bare: Any, markers: tuple[object, ...], *, templates: bool) -> JsonSchema:
    items = schema_of(item_of(bare), templates=templates)
    table = {"additionalProperties": items} | _key_schema(markers, templates=templates) | _keywords(markers)
    if not templates or not any(isinstance(marker, OrTemplate) for marker in markers):
        return {"type": "object"} | table
    expected = {"pattern": TEMPLATE, "x-else": "object"}
    return {"type": ["object", "string"]} | table | {"if": {"type": "string"}, "then": expected}


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


def _key_schema(markers: tuple[object, ...], *, templates: bool = False) -> JsonSchema:
    keys = [marker for marker in markers if isinstance(marker, Keys)]
    more = f"|{TEMPLATE}" if templates else ""
    return {"propertyNames": {"pattern": keys[0].pattern + more, "x-expected": keys[0].expected}} if keys else {}


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


def definitions(shape: Any, *, templates: bool, keys: AbstractSet[str] | None = None) -> dict[str, JsonSchema]:
    """Return the schemas of all tables within a shape by their names, for `$defs`: with `keys`, of such rows alone."""
    found: dict[str, JsonSchema] = {}
    _define(shape, found, templates=templates, keys=keys)
    return dict(sorted(found.items()))


def _define(shape: Any, found: dict[str, JsonSchema], *, templates: bool, keys: AbstractSet[str] | None) -> None:
    bare, _ = unwrap(shape)
    if is_table(bare):
        if bare.__name__ not in found:
            found[bare.__name__] = {"description": (bare.__doc__ or "").strip()} | table_schema(
                bare, templates=templates, keys=keys
            )
            for row in _rows_of(bare, keys):
                _define(row.shape, found, templates=templates, keys=keys)
    elif is_list(bare) or is_map(bare):
        _define(item_of(bare), found, templates=templates, keys=keys)
    elif len(arms(bare)) > 1:
        for arm in arms(bare):
            _define(arm, found, templates=templates, keys=keys)


def _rows_of(table: type, keys: AbstractSet[str] | None) -> tuple[Row, ...]:
    """Return the rows of a table, or those with such keys; all where any other key is a row of its own."""
    found = rows(table)
    if keys is None or any(row.marker(Rest) for row in found):
        return found
    return tuple(row for row in found if row.key in keys)


def table_schema(table: type[Table], *, templates: bool, keys: AbstractSet[str] | None = None) -> JsonSchema:
    """Return the schema of a table: its rows (with `keys`, such rows alone), its required keys, and no other key."""
    templates = templates and table.templated
    named = [row for row in _rows_of(table, keys) if row.marker(Rest) is None]
    schema: JsonSchema = {
        "type": "object",
        "properties": {row.key: row_schema(row, templates=templates) for row in named},
    }
    if required := [row.key for row in rows(table) if row.required and row.marker(Rest) is None]:
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
    schema = _bare_schema(row.shape, row.markers, templates=templates)
    return _described(_or_null(schema) if row.nullable else schema, row.markers)


def _or_null(schema: JsonSchema) -> JsonSchema:
    found = schema | ({"enum": [*schema["enum"], None]} if "enum" in schema else {})
    return found | ({"type": [*_kinds(schema), "null"]} if "type" in schema else {})
