"""The schema as it is published, for editors: it takes and refuses the same, and says more where editors look.

They look neither behind `if` nor at a table that has `allOf` (taplo, tombi). So branches that exclude each other become
one chain of `if` and `else`; what the tables of a branch have is told beside it; values that a template may take the
place of stand in an `anyOf` whose other side is always true. Nothing of that is part of what a file is checked by.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

Schema = Any
"""A schema as plain JSON: a table, or true."""

REF = "#/$defs/"


def for_editors(schema: Schema) -> Schema:
    """Return a schema of ours, with `$defs`, as editors read it."""
    found = _told(schema, schema["$defs"])
    tables = found["$defs"]
    for table in list(tables.values()):
        tables |= _named(table["properties"], tables)
    return found


def _named(properties: Mapping[str, Schema], tables: Mapping[str, Schema]) -> dict[str, Schema]:
    """Give items that are tables a name, where they have none: the same lists are in several tables.

    Such an item is said to have items of its own kind, which it never has: in a list, taplo looks for a key behind two
    indexes.
    """
    named: dict[str, Schema] = {}
    for key, shape in properties.items():
        item = shape.get("items", {})
        name = item.get("$ref", "").removeprefix(REF) or f"{key}-item"
        if "$ref" in item or "properties" in item:
            named[name] = (tables[name] if "$ref" in item else item) | {"items": {"$ref": REF + name}}
            shape["items"] = {"$ref": REF + name}
    return named


def _told(node: Schema, tables: Mapping[str, Schema], said: str = "") -> Schema:
    """Return a node and all below it; `said` is the description of what it is an item of."""
    if not isinstance(node, dict):
        return node
    own = node.get("description") or said
    found = {key: _below(key, value, tables, own) for key, value in node.items() if key != "allOf"}
    branches = node.get("allOf", [])
    if "$ref" not in node and own:
        found["description"] = own
    if branches:
        found |= _chain([{key: _told(part, tables) for key, part in branch.items()} for branch in branches])
        told = {key: _hint(key, several) for key, several in _keys(_tables(branches, tables)).items()}
        found["properties"] = told | found.get("properties", {})
    return _with_values(found, _values(node))


def _below(key: str, value: Any, tables: Mapping[str, Schema], said: str) -> Any:
    if key in {"properties", "$defs", "patternProperties"}:
        return {name: _told(part, tables) for name, part in value.items()}
    if key in {"items", "additionalProperties"}:
        return _told(value, tables, said)
    return value  # what stands behind `if` is as it was: nobody looks there


def _chain(branches: list[Schema]) -> Schema:
    """Return branches of which one at most holds, each as the `else` of the one before."""
    chain: Schema = {}
    for branch in reversed(branches):
        chain = branch | ({"else": chain} if chain else {})
    return chain


# --- tables that differ by their type ---------------------------------------------------------------------------------


def _tables(branches: Iterable[Schema], tables: Mapping[str, Schema]) -> Iterator[tuple[str, Schema]]:
    """Yield the tables behind branches, each with its type."""
    for branch in branches:
        then = branch["then"]
        if name := then.get("$ref", "").removeprefix(REF):
            kind = branch["if"].get("properties", {}).get("type", {}).get("const", "")
            yield kind, tables[name]
        yield from _tables(then.get("allOf", ()), tables)


def _keys(several: Iterable[tuple[str, Schema]]) -> dict[str, list[tuple[str, Schema]]]:
    """Return each key of some tables with what each says of it."""
    found: dict[str, list[tuple[str, Schema]]] = {}
    for kind, table in several:
        for key, shape in table["properties"].items():
            found.setdefault(key, []).append((kind, shape))
    return found


def _hint(key: str, several: list[tuple[str, Schema]]) -> Schema:
    """Return what to say of a key that several tables have, each in its own way; it refuses nothing."""
    if key == "type":
        said = {"description": "What kind it is; the other keys depend on it."}
        return _with_values(said, [kind for kind, _ in several])
    words: dict[str, list[str]] = {}
    for kind, shape in several:
        words.setdefault(shape.get("description", ""), []).append(kind)
    text = "\n\n".join(said + (f" ({', '.join(kinds)})" if len(words) > 1 else "") for said, kinds in words.items())
    values = [value for _, shape in several for value in _values(shape)]
    return _with_values({"description": text} if text else {}, list(dict.fromkeys(values)))


# --- values -----------------------------------------------------------------------------------------------------------


def _values(node: Schema) -> list[Any]:
    """Return the values that a node knows of, where a template, or others, may stand in their place."""
    then = node.get("then", {})
    if "allOf" in node or not isinstance(then, dict):
        return []
    if node.get("type") == ["boolean", "string"]:
        return [True, False]
    known = then.get("x-known", ()) if "pattern" in then else ()
    return list(then.get("enum", [value for value in known if re.search(then["pattern"], value)]))


def _with_values(node: Schema, values: list[Any]) -> Schema:
    """Return a node that also names values; its description goes with them, since an editor shows those of both."""
    if not values:
        return node
    described = {key: node[key] for key in ("description",) if key in node}
    rest = {key: value for key, value in node.items() if key not in described}
    return rest | {"anyOf": [described | {"enum": values}, True]}
