"""Documents: what programs read. JSON, JSON Schema and reference follow from one declaration of each field.

A document is a `Table` without options: each of its keys is always there. A row says the key, the type, what it is, and
where its value comes from: the attribute of the same name of what the document is made from, or what `Of` says. A row
`T | None` is null where that attribute is empty (None, `""`, 0) or a function gives None, one `T | None = None` is left
out then; seconds and other numbers with a point have three digits behind it.
"""

import json
from collections.abc import Callable, Mapping
from functools import cache, partial
from operator import attrgetter
from typing import Any

from buildmatrix.spec.rows.schema import definitions, schema_of
from buildmatrix.spec.rows.shapes import (
    Doc,
    JsonSchema,
    Keyword,
    Row,
    Table,
    is_list,
    is_map,
    is_table,
    item_of,
    plain_table,
    rows,
    unwrap,
)
from buildmatrix.text import json_safe

Get = Callable[[Any, Any], Any]
"""From the source, and what else is known of it."""

FORMAT = Doc("The version of this format: it goes up where a key, or a word that a key may hold, changes or goes.")


class Document(Table):
    """A table for programs."""

    templated = False
    dashed = False


class Of:
    """Where a row's value comes from: another attribute of the source, or a function of the source and the context."""

    def __init__(self, way: str | Get) -> None:
        self.way = way


class Version(Keyword):
    """The one value of `format_version`."""

    def __init__(self, number: int) -> None:
        super().__init__("const", number)
        self.number = number


def version_of(kind: type[Document]) -> int:
    """Return the version of a document's format."""
    found = next(row.marker(Version) for row in rows(kind) if row.marker(Version))
    return found.number if found else 0


def plain_document(kind: type[Document], source: Any, context: Any = None) -> dict[str, Any]:
    """Return a document as plain data: made from a source, or `source` itself where it is of that kind."""
    given = isinstance(source, kind)
    found: dict[str, Any] = {}
    key: Any = kind  # mypy takes the class for one of its instances here
    for column in _columns(key):
        value = getattr(source, column.attribute) if given else column.read(source, context)
        if value is None or (column.blank and not value):
            if not column.optional:
                found[column.key] = None
        else:
            found[column.key] = column.write(value, context)
    return found


def to_json(kind: type[Document], source: Any, context: Any = None) -> str:
    """Return the same as JSON; half surrogates, which are no text, become `�`."""
    return json_safe(json.dumps(plain_document(kind, source, context), indent=2, ensure_ascii=False)) + "\n"


class _Column:
    """A row, ready to be filled many times."""

    __slots__ = ("attribute", "blank", "key", "optional", "read", "write")

    def __init__(self, row: Row) -> None:
        self.attribute, self.key, self.optional = row.attribute, row.key, not row.required
        of = row.marker(Of)
        self.blank = row.nullable and (of is None or isinstance(of.way, str))
        self.read, self.write = _reader(row), _writer(row.shape)


@cache
def _columns(kind: Any) -> tuple[_Column, ...]:
    return tuple(map(_Column, rows(kind)))


def _reader(row: Row) -> Get:
    if version := row.marker(Version):
        return partial(_constant, version.number)
    of = row.marker(Of)
    way = of.way if of else row.attribute
    if not isinstance(way, str):
        return way
    get = attrgetter(way)
    return lambda source, _: get(source)


def _writer(shape: Any) -> Get:
    bare, _ = unwrap(shape)
    if is_table(bare):
        return partial(plain_document, bare) if issubclass(bare, Document) else lambda value, _: plain_table(value)
    if is_list(bare):
        return partial(_list, _writer(item_of(bare)))
    if is_map(bare):
        return partial(_map, _writer(item_of(bare)))
    return _rounded if bare is float else _same


def _constant(value: Any, _: Any, __: Any) -> Any:
    return value


def _list(write: Get, value: Any, context: Any) -> list[Any]:
    return list(value) if write is _same else [write(item, context) for item in value]


def _map(write: Get, value: Mapping[str, Any], context: Any) -> dict[str, Any]:
    return dict(value) if write is _same else {key: write(item, context) for key, item in value.items()}


def _rounded(value: float, _: Any) -> float:
    return round(value, 3)


def _same(value: Any, _: Any) -> Any:
    return value


def document_schema(shape: Any) -> JsonSchema:
    """Return the JSON Schema of a document, or of several that differ by `type` (draft 2020-12)."""
    head: JsonSchema = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    tables = definitions(shape, templates=False)
    body = tables.pop(shape.__name__) if is_table(shape) else schema_of(shape, templates=False)
    return head | body | {"$defs": tables}
