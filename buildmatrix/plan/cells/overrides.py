"""`--set 'SELECTOR.key[.sub]=VALUE'` and `+=`: settings from the command line, laid over everything."""

import re
from dataclasses import dataclass
from typing import Any

from buildmatrix.errors import Place, Problems, did_you_mean
from buildmatrix.spec.checks.data import problems as check
from buildmatrix.spec.credentials import learn, learn_text
from buildmatrix.spec.load import parse
from buildmatrix.spec.rows.marked import says
from buildmatrix.spec.rows.markers import NameOf
from buildmatrix.spec.rows.schema import definitions, table_schema
from buildmatrix.spec.rows.settings import Settings
from buildmatrix.spec.rows.shapes import Row, build_table, given, is_list, is_map, rows, unwrap
from buildmatrix.spec.rows.tables import Layer
from buildmatrix.spec.toml.plain import boolean_of, oddities

_SET = re.compile(
    r"^(?P<selector>[^.=\[]*(?:\[[^\]]*\])?)\.(?P<key>[a-z-]+)(?:\.(?P<sub>[^=]+?))?(?P<sign>\+?=)(?P<value>.*)$",
    re.DOTALL,
)
_OTHER = {"platform": "platforms", "secrets": "secret", "arg": "args", "label": "labels", "outputs": "output"}


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One `--set`: which targets, and the layer that is laid over them."""

    selector: str
    layer: Layer


def parse_sets(texts: tuple[str, ...], problems: Problems) -> list[Setting]:
    """Return the settings of all `--set`; what is wrong with one is added to `problems`."""
    found = [_parse(text, problems) for text in texts]
    return _joined([setting for setting in found if setting is not None])


def _parse(text: str, problems: Problems) -> Setting | None:
    place = Place(file=f"--set {text}")
    learn_text(text)
    found = _SET.match(text)
    if found is None or not found["selector"]:
        problems.error("set", "this is not a valid --set", place, hint=_form(text))
        return None
    known = {row.key: row for row in rows(Settings)}
    row = known.get(_OTHER.get(found["key"], found["key"]))
    if row is None:
        problems.error("set", f'unknown setting "{found["key"]}"', place, hint=did_you_mean(found["key"], known))
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
    selector, _, rest = text.rpartition(".") if "." in text.partition("=")[0] else ("", "", text)
    key, sign, value = rest.partition("=")
    meant = key.strip().replace("_", "-").lower()
    if sign and meant in {row.key for row in rows(Settings)}:
        return f"write --set '{selector or '*'}.{meant}={value}'"
    return "write --set 'SELECTOR.key=VALUE', for example --set 'app.args.DEBUG=1'"


def _value(row: Row, found: re.Match[str], place: Place, problems: Problems) -> Any:
    text = found["value"]
    if is_map(row.shape):
        if not found["sub"]:
            pair = text if "=" in text else f"NAME={text}"
            hint = f"write --set '{found['selector']}.{row.key}.{pair}'"
            problems.error("set", f"{row.key} is a table: say which key", place, hint=hint)
            return None
        return {found["sub"]: text}
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
        (attribute,) = given(setting.layer.settings)
        key = (setting.selector, attribute)
        is_more = key in seen and isinstance(getattr(setting.layer.settings, attribute), tuple)
        layer = Layer(
            settings=setting.layer.settings, place=setting.layer.place, extend=setting.layer.extend or is_more
        )
        joined.append(Setting(selector=setting.selector, layer=layer))
        seen.add(key)
    return joined
