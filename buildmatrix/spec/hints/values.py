"""What to write instead of data that the schema refuses, by the shape of what stands there.

The habits are those of bake, compose, the command line, GitHub's workflows and YAML. Each hint is a whole answer: what
it says to write is accepted.
"""

import re
from collections.abc import Collection, Mapping
from typing import Any

from buildmatrix.errors import Pointer, did_you_mean
from buildmatrix.spec.checks.data import shown
from buildmatrix.spec.checks.envnames import env_name
from buildmatrix.spec.checks.foreign import FOREIGN, as_template, foreign_hint
from buildmatrix.spec.hints.lists import listed, lone
from buildmatrix.spec.hints.words import FALSES, OF_A_MATRIX, OTHER_VALUES, TRUES
from buildmatrix.spec.rows.marked import rows_with
from buildmatrix.spec.rows.markers import NameOf, Pair
from buildmatrix.spec.rows.platforms import platform_hint
from buildmatrix.spec.rows.settings import Settings
from buildmatrix.spec.rows.shapes import is_list, is_map, rows
from buildmatrix.spec.rows.tables import OTHERS, File, Target

_NAMES = frozenset(row.key for table in (Target, File) for row in rows_with(table, NameOf) if is_list(row.shape))
"""Lists of words that hold no comma and no space."""

_TEXTS_OF_PAIRS = frozenset(row.key for row in rows_with(Target, Pair))
"""Lists of texts `NAME=VALUE`."""

_PAIRS = frozenset(row.key for row in rows(Settings) if is_map(row.shape))


def key_of(pointer: Pointer) -> str:
    """Return the key that a pointer is about: that of the list where it points at an item."""
    return next((part for part in reversed(pointer) if isinstance(part, str)), "")


# --- kinds of values ------------------------------------------------------------------------------------------------


def for_type(pointer: Pointer, value: Any, kinds: Collection[str]) -> str:
    """Return what to write for a value of another type than those that are allowed there."""
    key = key_of(pointer)
    if hint := _of_a_matrix(pointer) or _list_in_list(pointer, value, kinds):
        return hint
    of_machines = bool(pointer[:1] == ("runner",) and pointer[1:])
    if of_machines or "array" in kinds:
        return (_as_labels if of_machines else _as_list)(pointer, key, value)
    if "object" in kinds:
        return _as_table(pointer, key, value)
    if "boolean" in kinds and "string" not in kinds:
        return _as_boolean(key, value)
    if "string" in kinds:
        return _as_text(pointer, key, value)
    return _as_integer(key, value)


def _list_in_list(pointer: Pointer, value: Any, kinds: Collection[str]) -> str:
    inner = isinstance(value, list) and isinstance(("", *pointer)[-1], int) and "array" not in kinds
    return "one pair of brackets is enough" if inner else ""


def _of_a_matrix(pointer: Pointer) -> str:
    key = key_of(pointer).replace("_", "-")
    return OF_A_MATRIX.get(key, "") if pointer[2:3] == ("matrix",) and len(pointer) == 4 else ""  # noqa: PLR2004 an axis


def _as_list(pointer: Pointer, key: str, value: Any) -> str:
    if isinstance(value, Mapping):
        return _list_of_table(pointer, key, value)
    if isinstance(value, bool):
        return _switched(key) if value else f"write {key} = []"
    if isinstance(value, str):
        if pointer[:1] == ("group",) and key in {row.key for row in rows(Settings)}:
            return f"{key} is a setting, and no group: write it under [target.NAME]"
        items = _split(value) if _holds_names(pointer, key) else [lone(key, value)]
        return f"write {written(key)} = [{', '.join(map(shown, items))}]"
    return f"write {written(key)} = [{shown(value)}]" if isinstance(value, int) else ""


def _as_labels(pointer: Pointer, key: str, value: Any) -> str:
    """A machine is named by labels, also where GitHub's `runs-on` has a group and labels."""
    if not isinstance(value, Mapping):
        return _as_text(pointer, key, value)
    given = value.get("labels", value.get("runs-on"))
    labels = [one for one in (given if isinstance(given, list) else [given]) if isinstance(one, str) and one]
    whole = shown(labels or ["LABEL"])
    meant = whole[1:-1] if isinstance(pointer[-1], int) else f"{written(key)} = {whole}"
    return f"write {meant}" + (": a machine is named by labels, and not by a group" if "group" in value else "")


def _switched(key: str) -> str:
    tables = {"attest": '{ type = "provenance" }', "ssh": '{ id = "default" }', "output": '{ type = "registry" }'}
    return f"write {key} = [{tables[key]}]" if key in tables else ""


def _holds_names(pointer: Pointer, key: str) -> bool:
    return key in _NAMES or pointer[:1] == ("group",) or pointer[2:3] == ("matrix",)


def _split(text: str) -> list[str]:
    if "{{" in text or "{%" in text:
        return [text]
    return [item for item in re.split(r"[\s,;]+", text) if item] or [text]


def _list_of_table(pointer: Pointer, key: str, value: Mapping[str, Any]) -> str:
    if pointer[:1] == ("group",):
        members = value.get("targets") or value.get("target") or ["NAME"]
        return f"write [group] and below it {written(key)} = {shown(members)}"
    if key == "override":
        return f"write [[{'.'.join(map(written, map(str, pointer)))}]]: there may be several"
    if key in _TEXTS_OF_PAIRS:
        return f"write {key} = {shown([f'{name}={_limits(item)}' for name, item in value.items()])}"
    if key in _NAMES and not (key == "include" and pointer[1:]):
        return f"write {key} = {shown(list(value))}"
    return f"write {written(key)} = {listed(key, value)}"


def _limits(value: Any) -> str:
    """`{ soft = 1024, hard = 2048 }` of compose is 1024:2048."""
    if isinstance(value, Mapping) and "soft" in value:
        return f"{value['soft']}:{value.get('hard', value['soft'])}"
    return str(value)


def _as_table(pointer: Pointer, key: str, value: Any) -> str:
    if key in _PAIRS and isinstance(value, list | str):
        texts = value if isinstance(value, list) else [value]
        return _pairs(key, [text for text in texts if isinstance(text, str)])
    if pointer in {("target",), ("variable",), ("group",)} and isinstance(value, str | list):
        return _top_level(key, value)
    if key == "select" and isinstance(value, list) and len(value) == 1 and isinstance(value[0], Mapping):
        return f"write select = {shown(value[0])}"
    if key == "matrix" and isinstance(value, list):
        return f'write [{".".join(map(written, map(str, pointer)))}], and an axis below it: python = ["3.12", "3.13"]'
    if pointer[:1] == ("target",) and len(pointer) == 2:  # noqa: PLR2004 the word, and a target's name
        return f"write [target.{written(key)}], and its settings below it"
    return f"write [{'.'.join(map(written, map(str, pointer)))}], and its settings below it" if _dotted(pointer) else ""


def _top_level(key: str, value: Any) -> str:
    """A name, or a list of tables, in the place of the tables of all targets, variables or groups."""
    if isinstance(value, str):
        meant = {"target": f"[target.{written(value)}]", "group": f"[group], and default = [{shown(value)}] below it"}
        return f"write {meant.get(key, f'[{key}], and {written(value)} = … below it')}"
    first = value[0] if value and isinstance(value[0], Mapping) else {}
    return f"write [{key}.{first.get('name') or 'NAME'}]" if key == "target" else f"write [{key}], once"


def _dotted(pointer: Pointer) -> bool:
    return bool(pointer) and all(isinstance(part, str) for part in pointer) and len(pointer) <= 3  # noqa: PLR2004


def _pairs(key: str, texts: list[str]) -> str:
    found = [re.split(r"\s*[=:]\s*", text, maxsplit=1) for text in texts]
    alone = [pair[0] for pair in found if len(pair) == 1]
    pairs = ", ".join(
        f"{written(pair[0])} = {shown(as_template(pair[1]) if pair[1:] else f'{{{{ {pair[0]} }}}}')}" for pair in found
    )
    declared = f', and declare {alone[0]} = {{ env = "{alone[0]}" }} under [variable]' if alone else ""
    return f"write {key} = {{ {pairs} }}{declared}"


def _as_boolean(key: str, value: Any) -> str:
    found = boolean_word(value)
    return f"write {key} = {'true' if found else 'false'}" if found is not None else ""


def kind_hint(table: Mapping[str, Any], choices: Collection[str]) -> str:
    """Return which `type` a table without one was meant to be, by its keys; "" if that cannot be told."""
    for key, kind in (("ref", "registry"), ("scope", "gha"), ("dest", "local"), ("src", "local"), ("push", "image")):
        if key in table and kind in choices:
            return f'write type = "{kind}"'
    return ""


def boolean_word(value: Any) -> bool | None:
    """Return the boolean that a word or number of other tools means; None if it is none."""
    text = str(value)
    if text in TRUES | {"true", "1", "always"}:
        return True
    return False if text in FALSES | {"false", "0", "never", "missing"} else None


def _as_text(pointer: Pointer, key: str, value: Any) -> str:
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], str) and not isinstance(pointer[-1], int):
        return f"write {written(key)} = {shown(value[0])}"
    if isinstance(value, list) and key == "dockerfile-inline":
        return "write its lines between ''' and '''"
    if isinstance(value, bool | list | Mapping) or key == "version":
        return _other_value(key, shown(value)) if isinstance(value, bool) else ""
    if key in _DURATIONS:
        return _duration(key, value, "") if isinstance(value, int) else ""
    return f'write it in quotes: "{value}"' if value is not None else ""


def _as_integer(key: str, value: Any) -> str:
    text = str(value).strip()
    return f"write {key} = {int(text)}, without quotes" if re.fullmatch(r"[0-9]{1,9}", text) else ""


def written(key: str) -> str:
    """Return a key as TOML has it, in quotes where it needs them."""
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else shown(key)


# --- values ---------------------------------------------------------------------------------------------------------


def for_value(pointer: Pointer, value: Any, expected: str, known: Collection[str]) -> str:
    """Return what to write for a value of the right type that is none of those that are allowed there."""
    key, text = key_of(pointer), str(value)
    if hint := _of_a_matrix(pointer) or _of_env(key, text, expected):
        return hint
    if "linux/amd64" in known or pointer == ("runner",):
        return did_you_mean(text, [OTHERS] if pointer == ("runner",) else []) or platform_hint(text)
    if expected == "true or false":
        return _as_boolean(key, value)
    if expected == "an integer":
        return _as_integer(key, value)
    if expected.startswith("a list"):
        return f"write {written(key)} = [{', '.join(map(shown, _split(text)))}]"
    return _other_value(key, text) or _reshaped(key, text, expected) or did_you_mean(text, known)


def _of_env(key: str, text: str, expected: str) -> str:
    is_name = key == "env" and "environment variable" in expected
    return f'write env = "{env_name(text) or "NAME"}": the name, and not the value' if is_name else ""


def _other_value(key: str, text: str) -> str:
    meant = OTHER_VALUES.get(key, {}).get(text.lower())
    return f'write {key} = "{meant}"' if meant else ""


def _reshaped(key: str, text: str, expected: str) -> str:
    if key in _TEXTS_OF_PAIRS and (found := re.fullmatch(r"([^=:\s]+)\s*:\s*(\S.*)", text)):
        return f'write "{found[1]}={found[2]}"'
    if key in _DURATIONS and (found := re.fullmatch(r"\s*([0-9]+)\s*([a-z]*)\s*", text.lower())):
        return _duration(key, int(found[1]), found[2])
    if key == "shm-size" and (found := re.fullmatch(r"([0-9]+)\s*([kmgt])[a-z]*", text.lower())):
        return f'write shm-size = "{found[1]}{found[2]}"'
    if key == "inherits" and FOREIGN.search(text):
        return foreign_hint(text, ())
    if key == "inherits" and any(sign in text for sign in "*?!"):
        return "name each parent: a glob is none"
    return _named(text, expected) if "letters, digits" in expected else ""


def _named(text: str, expected: str) -> str:
    return _of_a_builder(text) if "lower-case" in expected else _of_a_name(text, "-" if "`-`" in expected else "_")


def _of_a_builder(text: str) -> str:
    better = re.sub(r"[^a-z0-9._-]+", "-", text.lower()).strip("-._0123456789")
    return f'call it "{better if better not in {"", "default"} else "many"}"'


def _of_a_name(text: str, between: str) -> str:
    if "{{" in text:
        return f"a matrix makes several of one target, and its `name` is a template: name = {shown(text)}"
    if FOREIGN.search(text):
        return "names hold no variables: a matrix makes several of one target, and its `name` is a template"
    better = re.sub(r"[^A-Za-z0-9_]+", between, text).strip(between)
    return f'call it "{better}"' if better else ""


_DURATIONS = {
    "timeout": {"d": (24, "h"), "w": (168, "h"), "h": (1, "h"), "m": (1, "m"), "s": (1, "s")},
    "max-age": {
        "d": (1, "d"),
        "w": (7, "d"),
        "mo": (30, "d"),
        "y": (365, "d"),
        "h": (1, "h"),
        "m": (1, "m"),
        "s": (1, "s"),
    },
}
"""What each takes for a unit: so many of one that it has."""


def _duration(key: str, number: int, unit: str) -> str:
    if not number:
        return "leave it out for no limit"
    if not unit:
        return _without_unit(key, number)
    units = _DURATIONS[key]
    times, known = units.get(unit[:2]) or units.get(unit[0]) or (0, "")
    return f'write {key} = "{number * times}{known}"' if known else ""


def _without_unit(key: str, number: int) -> str:
    if key == "max-age":
        return f'write max-age = "{number}d", or "{number}h" for hours'
    return f'write timeout = "{number}s", or "{number}m" for minutes'
