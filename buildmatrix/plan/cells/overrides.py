"""`--set 'SELECTOR.key[.sub]=VALUE'` and `+=`: settings from the command line, laid over everything.

`--set SELECTOR.args.NAME` takes the value that the environment has for NAME, if it has one.
"""

import re
from collections.abc import Iterable, Mapping
from shlex import quote
from typing import Any

from buildmatrix.errors import Place, Problems, did_you_mean
from buildmatrix.patterns import regex
from buildmatrix.plan.cells.select import parts_of_key
from buildmatrix.records import dataclass
from buildmatrix.spec.checks.data import problems as check
from buildmatrix.spec.credentials import learn, learn_text
from buildmatrix.spec.load import parse
from buildmatrix.spec.rows.marked import says
from buildmatrix.spec.rows.markers import NameOf
from buildmatrix.spec.rows.schema import definitions, table_schema
from buildmatrix.spec.rows.settings import Settings
from buildmatrix.spec.rows.shapes import Row, build_table, given, is_list, is_map, is_template, rows, unwrap
from buildmatrix.spec.rows.tables import Layer
from buildmatrix.spec.toml.plain import boolean_of, flaw_of, oddities

_SET = regex(
    r"^(?P<selector>[^.=\[]*(?:\[[^\]]*\])?)\.(?P<key>[a-z-]+)(?:\.(?P<sub>[^=]+?))?(?P<sign>\+?=)(?P<value>.*)$",
    re.DOTALL,
)
_TAKEN = regex(r"^(?P<selector>[^.=\[]*(?:\[[^\]]*\])?)\.args?\.(?P<name>[^=]+)$", re.DOTALL)
"""A --set without a value: bake takes that of the environment, for args alone (found with 0.29)."""

_BARE = regex(r"^[^.=\[]+(?:\[[^\]]*\])?\.(?P<key>[a-z-]+)(?P<sub>\.[^=]+)?$", re.DOTALL)
"""A selector and a key that is to have a value."""

_OTHER = {"platform": "platforms", "secrets": "secret", "arg": "args", "label": "labels", "outputs": "output"}

_QUOTED = regex(r"""^(["'])([^"']*)\1$""")
"""A key in quotes, as TOML wants one with a point in it."""

_VARIABLE = "declare a variable, use it there, and give it with --var"
_NOT_SET = {
    key: (f"{key} cannot be set: the targets, their cells and the names of these are made of it", _VARIABLE)
    for key in ("inherits", "let", "matrix", "name")
} | {
    "override": ("override cannot be set", "write --set 'SELECTOR.key=VALUE': it lies over all overrides"),
    "extend": ("extend cannot be set", "write --set 'SELECTOR.key+=VALUE', which adds to a list"),
}
"""Keys of a target that are no settings of a cell: what to say of them."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One `--set`: which targets, and the layer that is laid over them."""

    selector: str
    layer: Layer


def parse_sets(texts: tuple[str, ...], problems: Problems) -> list[Setting]:
    """Return the settings of all `--set`; what is wrong with one is added to `problems`."""
    found = [_parse(text, problems) for text in texts]
    return _joined([setting for setting in found if setting is not None])


def with_environment(texts: Iterable[str], environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return all `--set` with the values that they leave to the environment; one that is not set there stays as it is.

    It is done once, where the command line is read: a saved plan has the value.
    """
    return tuple(_with_value(text, environment) for text in texts)


def is_unset(text: str) -> bool:
    """Tell whether a `--set` sets nothing: it has no value, and the environment had none."""
    return _TAKEN.match(text) is not None


def _with_value(text: str, environment: Mapping[str, str]) -> str:
    found = _TAKEN.match(text)
    value = environment.get(found["name"]) if found else None
    return text if value is None else f"{text}={_as_it_is(value)}"


def _as_it_is(value: str) -> str:
    """Return a template that gives a text of the environment, which is none itself; a text that looks like none."""
    if not is_template(value):
        return value
    escapes = {"\\": "\\\\", '"': '\\"', "{": "\\x7b", "}": "\\x7d", "\n": "\\n", "\r": "\\r"}
    return f'{{{{ "{"".join(escapes.get(sign, sign) for sign in value)}" }}}}'


def _parse(text: str, problems: Problems) -> Setting | None:
    place = Place(file=f"--set {text}")
    learn_text(text)
    if taken := _TAKEN.match(text):
        hint = f"set it, or give a value: --set '{text}=VALUE'"
        problems.warn("set", f"{taken['name']} is not set in the environment: nothing is set", place, hint=hint)
        return Setting(selector=taken["selector"], layer=Layer(settings=Settings(), place=place))
    found, flaw = _SET.match(text), flaw_of(text)
    if flaw or found is None or not found["selector"]:
        problems.error("set", flaw or "this is not a valid --set", place, hint="" if flaw else _form(text))
        return None
    known = {row.key: row for row in rows(Settings)}
    row = known.get(_OTHER.get(found["key"], found["key"]))
    if row is None:
        message = f'unknown setting "{found["key"]}"'
        message, hint = _NOT_SET.get(found["key"]) or (message, did_you_mean(found["key"], known))
        problems.error("set", message, place, hint=hint)
        return None
    value = _value(row, found, place, problems)
    if value is None:
        return None
    learn({row.key: value})
    schema = table_schema(Settings, templates=True) | {"$defs": definitions(Settings, templates=True)}
    if faults := check(schema, {row.key: value}):
        for fault in faults:
            hint = fault.hint.replace(f"write {row.key} = ", f"write {found['selector']}.{row.key}=")
            problems.error("set", fault.message, place, hint=hint)
        return None
    settings: Settings = build_table(Settings, {row.key: value})
    return Setting(
        selector=found["selector"], layer=Layer(settings=settings, place=place, extend=found["sign"] == "+=")
    )


def _form(text: str) -> str:
    """Return how a text is written as a --set, where it tells what was meant; else how any is written."""
    if hint := by_platform(text):
        return hint
    if (bare := _BARE.match(text)) and (row := {row.key: row for row in rows(Settings)}.get(bare["key"])):
        return f"write --set '{text}{'' if bare['sub'] or not is_map(row.shape) else '.NAME'}=VALUE'"
    selector, _, rest = text.rpartition(".") if "." in text.partition("=")[0] else ("", "", text)
    key, sign, value = rest.partition("=")
    meant = key.strip().replace("_", "-").lower()
    if sign and meant in {row.key for row in rows(Settings)}:
        return f"write --set '{selector or '*'}.{meant}={value}'"
    return "write --set 'SELECTOR.key=VALUE', for example --set 'app.args.DEBUG=1'"


_OF_KEY = regex(r"(?P<key>[^@]+@[^.@=]+)(?P<rest>\..+)", re.DOTALL)


def by_platform(text: str) -> str:
    """Return what to write for a --set whose selector is the key of a build; "" for another one."""
    found = _OF_KEY.match(text)
    name, platforms = parts_of_key(found["key"]) if found else ("", ())
    if not found or not platforms:
        return ""
    wanted = ", ".join(f'"{one}"' for one in platforms)
    select = f"select = {{ platform = {wanted if len(platforms) == 1 else f'[{wanted}]'} }}"
    return f"write --set {quote(name + found['rest'])}, or in the file an override with {select}"


def _value(row: Row, found: re.Match[str], place: Place, problems: Problems) -> Any:
    text = found["value"]
    if is_map(row.shape):
        if not found["sub"]:
            pair = text if "=" in text else f"NAME={text}"
            hint = f"write --set '{found['selector']}.{row.key}.{pair}'"
            problems.error("set", f"{row.key} is a table: say which key", place, hint=hint)
            return None
        return {_QUOTED.sub(r"\2", found["sub"]): text}
    if found["sub"]:
        problems.error("set", f"{row.key} is not a table: it has no key {found['sub']}", place)
        return None
    if is_list(row.shape):
        return _list(row, text, place, problems)
    if found["sign"] == "+=":
        problems.error("set", f"{row.key} is not a list: += cannot add to it", place, hint="write = instead")
        return None
    return _scalar(row, text)


def _list(row: Row, text: str, place: Place, problems: Problems) -> Any:
    if text.lstrip().startswith(("[", "{")) and not text.lstrip().startswith(("{{", "{%")):
        from buildmatrix.errors import SpecError

        try:
            data = parse("--set", f"value = {text}")
        except SpecError as error:
            problems.error("set", error.diagnostics[0].message, place)
            return None
        if odd := next(oddities(data), None):
            problems.error("set", odd[1], place)
            return None
        value = data["value"]
        return value if isinstance(value, list) else [value]
    if not text:
        return []
    return [item.strip() for item in text.split(",")] if says(row, NameOf) else [text]


def _scalar(row: Row, text: str) -> Any:
    shape, _ = unwrap(row.shape)
    found = boolean_of(text) if shape is bool else None
    return text if found is None else found


def _joined(settings: list[Setting]) -> list[Setting]:
    """Several `=` for one list add up, as with bake: the first replaces, the others append."""
    seen: set[tuple[str, str]] = set()
    joined = []
    for setting in settings:
        attribute = next(iter(given(setting.layer.settings)), "")
        key = (setting.selector, attribute)
        is_more = key in seen and isinstance(getattr(setting.layer.settings, attribute, None), tuple)
        layer = Layer(
            settings=setting.layer.settings, place=setting.layer.place, extend=setting.layer.extend or is_more
        )
        joined.append(Setting(selector=setting.selector, layer=layer))
        seen.add(key)
    return joined
