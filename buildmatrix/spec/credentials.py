"""Credentials in the file: which settings hold them is marked at their rows, and what they hold is never shown."""

import csv
import re
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from operator import is_not
from typing import Any

from buildmatrix.errors import did_you_mean
from buildmatrix.patterns import regex
from buildmatrix.spec.rows.markers import Credential
from buildmatrix.spec.rows.settings import Settings
from buildmatrix.spec.rows.shapes import (
    Row,
    Table,
    arms,
    discriminator,
    is_list,
    is_table,
    item_of,
    row_of,
    rows,
)
from buildmatrix.text import HIDDEN, hide, hide_in_url, hide_value, spans, spans_of_urls


@cache
def rows_of(table: Any) -> tuple[Row, ...]:
    """Return the rows of a table that hold credentials, or URLs with one."""
    return tuple(row for row in rows(table) if row.marker(Credential))


@cache
def holders() -> Mapping[str, frozenset[str]]:
    """Return the settings that may hold credentials, by their attributes, with the keys of those in their tables."""
    found = {row.attribute: _keys(row) for row in rows(Settings)}
    own = {row.attribute for row in rows_of(Settings)}
    return {name: keys for name, keys in found.items() if keys or name in own}


def _keys(row: Row) -> frozenset[str]:
    tables = [arm for arm in arms(item_of(row.shape)) if is_table(arm)] if is_list(row.shape) else []
    return frozenset(one.key for table in tables for one in rows_of(table))


@cache
def _whole() -> frozenset[str]:
    """Return the keys whose whole value is a credential."""
    shapes = [shape for name in holders() if is_list(shape := row_of(Settings, name).shape)]
    found = [row for shape in shapes for arm in arms(item_of(shape)) if is_table(arm) for row in rows_of(arm)]
    return frozenset(row.key for row in found if (marker := row.marker(Credential)) and not marker.url)


@cache
def _known(attribute: str, kind: str) -> frozenset[str]:
    """Return the keys of one kind of a setting's tables; those of all kinds where there is no such kind."""
    tables = [arm for arm in arms(item_of(row_of(Settings, attribute).shape)) if is_table(arm)]
    of_kind = [table for table in tables if discriminator(table) == kind]
    return frozenset(row.key for table in of_kind or tables for row in rows(table))


# --- what is written ------------------------------------------------------------------------------------------------


@cache
def assignment() -> re.Pattern[str]:
    """Return what finds the value of a credential in a text that shows TOML or CSV, misspelt or cut short as it may be.

    That is for messages and source lines: a key that is merely like one counts.
    """
    keys = "|".join(near for key in sorted(_whole()) for near in _nearly(key))
    like = r"(?!secrets?\b)[\w-]*(?:secret|token|pass?w|credential|(?:access|account|api)[_-]?key)[\w-]*"
    named = r"\{\{ ?\w+ ?\}\}\""  # only says where the value is
    value = (
        rf"\"\"\"(?P<long>.*)|\"(?!{named})(?P<text>(?:[^\"\\]|\\.)*)|'(?P<plain>[^']*)|(?P<bare>[^\s\"'\[{{(,}}\])]+)"
    )
    return re.compile(rf"(?i)(?<![\w-])[\"']?(?:{keys}|{like})[\"']?\s*=\s*\[?\s*(?:{value})")


_EXPRESSION = regex(r"\{\{(.*?)\}\}")


def _nearly(key: str) -> Iterator[str]:
    """Yield patterns of a key with one slip of the hand: a letter left out, one too many, a wrong one, two swapped."""
    for at, letter in enumerate(key):
        before, after = key[:at], key[at + 1 :]
        yield rf"{before}(?:[\w-]?|{letter}[\w-]|[\w-]{letter}){after}"
        if after:
            yield f"{before}{after[0]}{letter}{after[1:]}"


def learn(data: Any) -> frozenset[str]:
    """Hide the credentials of a file as it is written; return the names in the templates that give others."""
    return frozenset(name for value in _written(data) for name in _learned(value))


def learn_text(text: str) -> None:
    """Hide the credentials that a text holds, such as that of a `--set`."""
    for value in (text[start:end] for start, end in spans(text, assignment())):
        _learned(value)


def _written(data: Any) -> Iterator[str]:
    """Yield what is written for a credential, anywhere in a file."""
    pending = [data]
    while pending:
        value = pending.pop()
        if isinstance(value, Mapping):
            for key, item in value.items():
                attribute = str(key).replace("-", "_")
                if holders().get(attribute) and isinstance(item, list):
                    yield from _in_list(attribute, item)
                pending.append(item)
        elif isinstance(value, list):
            pending += value
        elif isinstance(value, str) and "://" in value:
            yield from _in_url(value)


def _in_list(attribute: str, items: list[Any]) -> Iterator[str]:
    for item in items:
        if isinstance(item, Mapping):
            yield from _in_fields(attribute, item.items())
        elif isinstance(item, str):
            yield from _in_csv(item)
            yield from _in_fields(attribute, [*_pairs(item)])


def _in_fields(attribute: str, fields: Collection[tuple[str, Any]]) -> Iterator[str]:
    """Yield the values of credentials, and of keys that this kind does not know: those may be misspelt.

    The latter are hidden where they stand, too, however short.
    """
    known = _known(attribute, str(dict(fields).get("type"))) - _whole()
    for key, value in fields:
        for text in () if key in known or _is_misspelt(key, known) else _leaves(value):
            yield text
            if key not in _whole():
                hide_value(str(key), text)


def _is_misspelt(key: str, known: frozenset[str]) -> bool:
    """Tell whether a key is near to one that holds no credential, and to none that does."""
    return bool(did_you_mean(key, known)) and not did_you_mean(key, _whole()) and not _LIKE.search(key)


_LIKE = regex(r"(?i)secret|token|pass|cred|key|auth")


def _leaves(value: Any) -> Iterator[str]:
    pending = [value]
    while pending:
        one = pending.pop()
        if isinstance(one, (list, Mapping)):
            pending += one.values() if isinstance(one, Mapping) else one
        else:
            yield str(one)


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    """Yield the fields of a CSV string that have a key, however broken it is; one that a template makes has none."""
    solid = _EXPRESSION.sub(lambda match: "{{" + re.sub(r"[=,\"]", ".", match[1]) + "}}", text)
    try:
        fields = next(csv.reader([solid]), [])
    except csv.Error:
        fields = solid.split(",")
    for key, sign, value in (field.partition("=") for field in fields):
        if sign and "{{" not in key and "{%" not in key:
            yield key.strip().lower(), value


def learn_csv(attribute: str, text: str) -> None:
    """Hide the credentials of a CSV string of a setting, and what its kind of table does not know."""
    if holders().get(attribute):
        for value in _in_list(attribute, [text]):
            _learned(value)


def _in_csv(text: str) -> Iterator[str]:
    keys = "|".join(_whole())
    for match in re.finditer(rf'(?i)(?:^|,)\s*(?:"(?:{keys})=((?:[^"]|"")*)"|(?:{keys})=([^,]*))', text):
        yield match[1].replace('""', '"') if match[1] is not None else match[2]


def _in_url(text: str) -> Iterator[str]:
    solid = _EXPRESSION.sub(lambda match: "{{" + re.sub(r"[\s/?#\"'@&]", ".", match[1]) + "}}", text)
    for start, end in spans_of_urls(solid):
        yield solid[start:end]


def _learned(value: str) -> list[str]:
    """Hide a value; of a template, return the names in it."""
    if "{{" in value or "{%" in value:
        return re.findall(r"[A-Za-z]\w*", value)
    hide(value)
    hide(value.partition(":")[2])
    return []


# --- what is planned ------------------------------------------------------------------------------------------------


def learn_setting(attribute: str, value: Any) -> None:
    """Hide the credentials of a rendered setting."""
    if attribute not in holders():
        return
    for item in value if isinstance(value, tuple) else value.values() if isinstance(value, Mapping) else (value,):
        if isinstance(item, Table):
            _learn_table(item)
        elif isinstance(item, str):
            hide_in_url(item)


def _learn_table(table: Table) -> None:
    kind: Any = type(table)
    for attribute, is_url in _marked(kind):
        value = getattr(table, attribute)
        if isinstance(value, str):
            (hide_in_url if is_url else hide)(value)


@cache
def _marked(table: Any) -> tuple[tuple[str, bool], ...]:
    """Return the attributes of `rows_of`, each with whether it is a URL."""
    return tuple((row.attribute, marker.url) for row in rows_of(table) if (marker := row.marker(Credential)))


def without_credentials(settings: Settings) -> Settings:
    """Return settings with `***` for each credential, however short; those in URLs are left to what prints them."""
    changed = {}
    for name in holders():
        value = settings.__dict__.get(name)
        if isinstance(value, tuple):
            masked = tuple(map(_masked, value))
            if any(map(is_not, masked, value)):
                changed[name] = masked
    return settings.but(changed) if changed else settings


def _masked(item: Any) -> Any:
    if not isinstance(item, Table):
        return item
    kind: Any = type(item)
    found = [name for name, is_url in _marked(kind) if not is_url and getattr(item, name) is not None]
    return item.but(dict.fromkeys(found, HIDDEN)) if found else item
