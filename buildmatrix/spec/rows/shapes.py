"""The closed vocabulary in which a field of the file may be written, and what follows from it.

A shape is a type hint: `str`, `bool`, `int`, `Any`, `Literal`, `T | None`, `tuple[T, ...]`, `Mapping[str, T]`, a frozen
`Table`, a union of those, or `Annotated[shape, marker, ...]`. A `Table` is a frozen dataclass: one attribute is one
row is one key. From a row follow its JSON Schema (`schema.py`), its typed value (`build`), its plain value (`plain`)
and, in the later stages, merging, templating, rendering and the version gate. None means that the key is unset. What a
value means is said by the markers of `markers.py`.
"""

import inspect
import types
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from typing import Annotated, Any, Literal, Never, Self, TypeVar, Union, dataclass_transform, get_args, get_origin

from buildmatrix.patterns import regex
from buildmatrix.records import dataclass

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

    dashed = True
    """Whether keys are spelt with dashes where attributes have `_`."""

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
        self.text = text


class Examples:
    """Values to show in editors and in the reference."""

    def __init__(self, *values: object) -> None:
        self.values = values


class Keyword:
    """One keyword of JSON Schema that a plain value has to satisfy, e.g. `Keyword("minLength", 1)`."""

    def __init__(self, name: str, value: object) -> None:
        self.name, self.value = name, value


class Expected:
    """What to write, in words, when a value does not satisfy its keywords; `known` are words perhaps meant."""

    def __init__(self, text: str, known: tuple[str, ...] = ()) -> None:
        self.text, self.known = text, known


class Key:
    """The key in the file when it is not the attribute with dashes; `Key("registry.insecure")`."""

    def __init__(self, name: str) -> None:
        self.name = name


class Rest:
    """A mapping that takes the keys that no other row has: all, or those that match a regular expression."""

    def __init__(self, pattern: str | None = None) -> None:
        """Take the regular expression; None for all keys."""
        self.pattern = pattern


class Keys:
    """What the free keys of a mapping must look like: a regular expression, and the same in words."""

    def __init__(self, pattern: str, expected: str) -> None:
        self.pattern, self.expected = pattern, expected


class Alone:
    """A text that may be written for a list that holds it and nothing else: `platforms = "auto"`."""

    def __init__(self, text: str) -> None:
        self.text = text


class OrTemplate:
    """The table may be one template that gives the whole of it."""


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
    """One field of a table: its attribute, its key in the file, its shape and its markers.

    One that is `required` and yet may be None is null where it has no value (only documents have such).
    """

    attribute: str
    key: str
    shape: Any
    markers: tuple[object, ...]
    required: bool
    nullable: bool = False

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


def _row(table: Any, name: str, hint: Any) -> Row:
    shape, markers = unwrap(hint)
    spelt = name.replace("_", "-") if table.dashed else name
    key = next((marker.name for marker in markers if isinstance(marker, Key)), spelt)
    required = not hasattr(table, name)
    nullable = required and types.NoneType in get_args(get_args(hint)[0] if get_origin(hint) is Annotated else hint)
    return Row(attribute=name, key=key, shape=shape, markers=markers, required=required, nullable=nullable)


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
    if get_origin(bare) not in (Union, types.UnionType):
        return (shape,)
    return tuple(arm for arm in get_args(bare) if arm is not types.NoneType)


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


_TEMPLATE = regex(TEMPLATE)


class Verbatim(str):
    """A text that is no template, whatever is in it: it comes from data."""

    __slots__ = ()


def is_template(text: str) -> bool:
    """Tell whether a string is a template."""
    return "{" in text and not isinstance(text, Verbatim) and _TEMPLATE.search(text) is not None


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
    if isinstance(value, str) and is_list(bare):
        return (value,)  # `Alone`: the schema takes no other text
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
    """Return a scalar as the text that a template or an argument shows: true and false, 3.10 as 3.10, 1e3 as 1000."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return whole_text_of(value) if isinstance(value, Decimal) else str(value)


def whole_text_of(number: Decimal) -> str:
    """Return a number without an exponent, as bake writes it; one that would be very long as it is."""
    is_long = not number.is_finite() or abs(number.adjusted()) > LONGEST_NUMBER
    return str(number) if is_long else f"{number:f}"


LONGEST_NUMBER = 1000
"""Digits before or behind the point."""


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
