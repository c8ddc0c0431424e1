"""Bake's CSV strings as the tables they stand for: `type=local,dest=out` is { type = "local", dest = "out" }.

The keys and short forms are those of buildx (util/buildflags): a lone directory is a local output, a lone reference is
a registry cache, an ssh string is `id=path,path`.
"""

import csv
import re
from functools import cache
from typing import Any, get_args

from buildmatrix.patterns import regex
from buildmatrix.spec.rows.markers import Short
from buildmatrix.spec.rows.settings import VARIABLE, Settings
from buildmatrix.spec.rows.shapes import Rest, Row, arms, discriminator, is_table, item_of, row_of, rows, unwrap
from buildmatrix.spec.toml.plain import boolean_of, integer_of

_ONE = regex(r"\{\{.*?\}\}", re.DOTALL)
_SIGNS = regex(r"\{[{%#]|[}%#]\}")
_MASK = "\ue000"
"""Stands for a template, which may have commas and quotes in it."""


class BadCsvError(Exception):
    """The string is not a CSV of `key=value` fields; the message says why."""


def is_table_list(row: Row) -> bool:
    """Tell whether a row is a list of tables or CSV strings."""
    shape, _ = unwrap(row.shape)
    return bool(get_args(shape)) and any(is_table(arm) for arm in arms(get_args(shape)[0]))


def parsed(attribute: str, text: str) -> dict[str, Any]:
    """Return the plain table that a CSV string of a setting stands for; its values are checked elsewhere.

    Booleans and integers are converted where the table's row says so. BadCsvError if it is not a CSV of fields.
    """
    if attribute == "ssh":
        return _ssh(text)
    fields = _fields(text)
    short = row_of(Settings, attribute).marker(Short)
    if short and len(fields) == 1 and "=" not in fields[0]:
        return _lone(short, fields[0])
    table = dict(_pair(field, is_attestation=attribute == "attest") for field in fields)
    if attribute == "secret":
        _mend_secret(table)
    return _converted(attribute, table)


def templates_of(text: str) -> dict[str, list[str]] | None:
    """Return the templates in a CSV string by the key of the field whose value they are in; None where one is not so.

    Each of them is a `{{ … }}`: with a key that is a template, or with a `{% … %}`, the whole string is one.
    """
    masked, found = _ONE.sub(_MASK, text), iter(_ONE.findall(text))
    if _MASK in text or _SIGNS.search(masked):
        return None
    try:
        pairs = [_pair(field, is_attestation=False) for field in _fields(masked)]
    except BadCsvError:
        return None
    by_key = {key: [next(found) for _ in range(value.count(_MASK))] for key, value in pairs if _MASK not in key}
    return by_key if next(found, None) is None else None


def _fields(text: str) -> list[str]:
    try:
        (fields,) = csv.reader([text], strict=True)
    except (csv.Error, ValueError) as error:
        raise BadCsvError(f"it is not a CSV: {error}") from None
    return fields


def _pair(field: str, *, is_attestation: bool) -> tuple[str, str]:
    """Return key and value; keys are in small letters, but those that are variables of a generator of attestations."""
    key, sign, value = field.partition("=")
    if not sign:
        raise BadCsvError(f'"{field}" in it is not a key=value')
    is_variable = is_attestation and "_" in key and re.fullmatch(VARIABLE, key)
    return key if is_variable else key.strip().lower(), value


def _lone(short: Short, text: str) -> dict[str, Any]:
    """Return the table of a text alone; standard output is not a directory."""
    return {"type": "tar" if (short.kind, text) == ("local", "-") else short.kind, short.attribute: text}


def _ssh(text: str) -> dict[str, Any]:
    name, sign, paths = text.partition("=")
    if sign and not all(paths.split(",")):
        raise BadCsvError("a path in it is empty")
    return {"id": name} | ({"paths": paths.split(",")} if sign else {})


def _mend_secret(table: dict[str, Any]) -> None:
    """`source` is `src`, and with type=env it may name the variable."""
    if "source" in table:
        table["src"] = table.pop("source")
    if table.get("type") == "env" and "src" in table and "env" not in table:
        table["env"] = table.pop("src")


def _converted(attribute: str, table: dict[str, Any]) -> dict[str, Any]:
    kinds = _kinds(attribute, table.get("type"))
    return {key: _value(kinds.get(key), value) for key, value in table.items()}


def _value(kind: Any, text: str) -> Any:
    if kind is bool and (found := boolean_of(text)) is not None:
        return found
    if kind is int and (number := integer_of(text)) is not None:
        return number
    return text


@cache
def _kinds(attribute: str, kind: str | None) -> dict[str, Any]:
    tables = [arm for arm in arms(item_of(row_of(Settings, attribute).shape)) if is_table(arm)]
    alone = tables[0] if len(tables) == 1 else None  # a secret's `type` tells no other table
    found = alone or next((table for table in tables if discriminator(table) in {kind, None}), None)
    return {row.key: unwrap(row.shape)[0] for row in rows(found) if not row.marker(Rest)} if found else {}
