"""Checking plain data against a schema: every problem at once, in words, with what to write instead."""

import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from functools import cache
from itertools import islice
from typing import Any

from buildmatrix.errors import Pointer, did_you_mean
from buildmatrix.spec.rows.shapes import JsonSchema
from buildmatrix.text import one_line

MOST = 200
"""Problems that are looked for: there may be as many as a file has characters."""

WIDEST = 60
"""Characters of a value that a message shows."""

KINDS = {
    "string": "a string", "integer": "an integer", "number": "a number", "boolean": "true or false", "array": "a list",
    "object": "a table", "null": "null",
}  # fmt: skip


class Problem:
    """One problem of the data: where (`pointer`; the key or the value is meant), what, and what to write."""

    def __init__(self, message: str, pointer: Pointer, hint: str = "", *, key: bool = False) -> None:
        self.message, self.pointer, self.hint, self.key = message, pointer, hint, key


def problems(schema: JsonSchema, data: Any) -> list[Problem]:
    """Return what is wrong with plain data, by a JSON Schema of draft 2020-12; [] for nothing, at most `MOST`.

    What jsonschema-rs accepts is right: it starts, and checks, several times as fast. jsonschema has the details of an
    error. `tests/unit/spec/checks/test_data.py` keeps both in step.
    """
    return [] if is_accepted(schema, data) else explained(schema, data)


def explained(schema: JsonSchema, data: Any) -> list[Problem]:
    """Return the same, always by jsonschema."""
    found = (problem for error in _validator()(schema).iter_errors(data) for problem in _explain(error))
    return list(islice(found, MOST))


def is_accepted(schema: JsonSchema, data: Any) -> bool:
    """Tell whether data is surely valid: False is a reason to look closer.

    For JSON 1.0 is an integer, and here it is not: data with such a number is looked at closely.
    """
    if _has_whole_decimals(data):
        return False
    known = _compiled.get(id(schema))
    if known is None or known[0] is not schema:
        from jsonschema_rs import Draft202012Validator

        _compiled[id(schema)] = known = (schema, Draft202012Validator(schema).is_valid)
    try:
        return bool(known[1](data))
    except (ValueError, RecursionError):  # what is not valid JSON: a date, a character that UTF-8 has not
        return False


_compiled: dict[int, tuple[JsonSchema, Callable[[Any], bool]]] = {}


def _has_whole_decimals(data: Any) -> bool:
    if isinstance(data, dict):
        return any(map(_has_whole_decimals, data.values()))
    if isinstance(data, list):
        return any(map(_has_whole_decimals, data))
    return isinstance(data, float) or (isinstance(data, Decimal) and data == data.to_integral_value())


@cache
def _validator() -> Any:
    from jsonschema import Draft202012Validator, ValidationError, validators

    def pattern(_: Any, pattern: str, instance: Any, __: Any) -> Iterator[ValidationError]:
        """Take `$` for the very end, as JavaScript does; Python's lets a newline follow."""
        exact = pattern.removesuffix("$") + r"\Z" if pattern.endswith("$") else pattern
        if isinstance(instance, str) and re.search(exact, instance) is None:
            yield ValidationError(f"it does not match {pattern}")

    def enum(_: Any, choices: list[Any], instance: Any, __: Any) -> Iterator[ValidationError]:
        """Take 1.0 and true for other values than 1; Python's `==` takes them for the same."""
        if not any(type(choice) is type(instance) and choice == instance for choice in choices):
            yield ValidationError(f"it is not one of {choices}")

    def required(_: Any, keys: list[str], instance: Any, __: Any) -> Iterator[ValidationError]:
        """Say which key is missing by the key itself, and not only within a message."""
        for key in keys if isinstance(instance, dict) else ():
            if key not in instance:
                error = ValidationError("a key is missing")
                error.key = key  # type: ignore[attr-defined]
                yield error

    extended = {"pattern": pattern, "enum": enum, "required": required}
    return validators.extend(Draft202012Validator, extended)  # type: ignore[no-untyped-call]


def _explain(error: Any) -> Iterator[Problem]:
    pointer: Pointer = tuple(error.absolute_path)
    match error.validator:
        case "additionalProperties":
            yield from _unknown_keys(error, pointer)
        case "required":
            yield from _missing_keys(error, pointer)
        case "pattern" if "x-else" in error.schema:
            yield _wrong_type(error, pointer)
        case "pattern" | "minLength" | "minimum" | "maximum" | "minItems" | "minProperties":
            yield _bad_value(error, pointer)
        case "enum" | "const":
            yield _not_among(error, pointer)
        case "type":
            yield _wrong_type(error, pointer)
        case _:
            yield Problem(f"{spoken(pointer)} {error.message}", pointer)


def spoken(pointer: Pointer) -> str:
    """Return a pointer as people write it: `target.app.tags[0]`."""
    text = ""
    for part in pointer:
        key = part if isinstance(part, int) or re.fullmatch(r"[\w-]+", part) else shown(part)
        text += f"[{key}]" if isinstance(part, int) else f".{key}" if text else str(key)
    return text or "the file"


def _unknown_keys(error: Any, pointer: Pointer) -> Iterator[Problem]:
    known = list(error.schema.get("properties", {}))
    allowed = list(error.schema.get("patternProperties", {}))
    for key in error.instance:
        if key in known or any(re.search(pattern, key) for pattern in allowed):
            continue
        hint = _keys().for_unknown_key(key, error.instance[key], known, pointer, allowed)
        yield Problem(f'unknown key "{key}" in {_owner(error, pointer)}', (*pointer, key), hint, key=True)


def _owner(error: Any, pointer: Pointer) -> str:
    kind = error.instance.get("type")
    return f'{spoken(pointer)} (type "{kind}")' if isinstance(kind, str) else spoken(pointer)


def _missing_keys(error: Any, pointer: Pointer) -> Iterator[Problem]:
    missing = error.key
    if pointer == () and missing == "version":
        yield Problem("version is missing", pointer, "write `version = 1` as the first line")
        return
    known = error.schema.get("properties", {})
    named = (key for key in error.instance if key not in known)
    if (other := next((key for key in named if _is_meant(missing, key, known, pointer)), None)) is not None:
        if error.schema.get("additionalProperties") is not False:  # else the key that is unknown is told
            message = f'unknown key "{other}" in {_owner(error, pointer)}'
            yield Problem(message, (*pointer, other), f'did you mean "{missing}"?', key=True)
        return
    described = known.get(missing, {}).get("description", "")
    kind = _hints().kind_hint(error.instance, known["type"].get("enum", ())) if missing == "type" else ""
    if kind:
        yield Problem(f'{_owner(error, pointer)} lacks "type"', pointer, kind)
        return
    yield Problem(f'{_owner(error, pointer)} lacks "{missing}"', pointer, described and f"{missing}: {described}")


def _is_meant(missing: str, key: str, known: Mapping[str, Any], pointer: Pointer) -> bool:
    """Tell whether an unknown key is the one that is missing, in another tool's word or misspelt."""
    meant = _keys().meant_key(key, known, pointer)
    return bool(meant == missing if meant else did_you_mean(key, known) == did_you_mean(missing, [missing]))


def _bad_value(error: Any, pointer: Pointer) -> Problem:
    expected = error.schema.get("x-expected") or f"valid ({error.message})"
    if "propertyNames" in error.absolute_schema_path and error.instance == "":
        message, hint = f"{spoken(pointer)}: a key is empty", "write a name, or leave it out"
        return Problem(message, (*pointer, ""), hint, key=True)
    if "propertyNames" in error.absolute_schema_path:
        hint = _hints().for_value(pointer, error.instance, expected, ())
        message = f"{spoken(pointer)}: {shown(error.instance)} is not {expected}"
        return Problem(message, (*pointer, error.instance), hint, key=True)
    if error.validator == "minLength":
        return Problem(f"{spoken(pointer)} is empty", pointer, "write a value, or leave the key out")
    if error.validator in {"minItems", "minProperties"}:
        hint = "list at least one value" if error.validator == "minItems" else "name at least one axis"
        return Problem(f"{spoken(pointer)} is empty", pointer, hint)
    hint = _hints().for_value(pointer, error.instance, expected, error.schema.get("x-known", ()))
    if pointer[-1:] == ("env",):  # what stands there instead of a name may be a secret
        return Problem(f"{spoken(pointer)} is not {expected}", pointer, hint)
    return Problem(f"{spoken(pointer)}: {shown(error.instance)} is not {expected}", pointer, hint)


def _hints() -> Any:
    """Return what knows hints; it is needed only where something is wrong."""
    from buildmatrix.spec.hints import values as hints

    return hints


def _keys() -> Any:
    from buildmatrix.spec.hints import keys

    return keys


def _not_among(error: Any, pointer: Pointer) -> Problem:
    choices = error.schema.get("enum") or [error.schema["const"]]
    listed = ", ".join(map(shown, choices))
    if pointer == ("version",):
        message = f"version {shown(error.instance)} of the format is not known"
        return Problem(message, pointer, _version_hint(error.instance))
    hint = _hints().for_value(pointer, error.instance, "", [str(choice) for choice in choices])
    return Problem(f"{spoken(pointer)}: {shown(error.instance)} is not one of {listed}", pointer, hint)


def _version_hint(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return "this buildmatrix reads version 1"
    return "write version = 1" + _unlike_version(value)


def _unlike_version(value: Any) -> str:
    """Say what a version of something else was, perhaps: of compose, of the images."""
    if isinstance(value, bool) or str(value) in {"1", "1.0"}:
        return ", in digits alone"
    return ": it is the version of the format, and of nothing that is built"


def _wrong_type(error: Any, pointer: Pointer) -> Problem:
    schema = error.schema.get("then", error.schema)
    allowed = schema.get("x-else") or error.schema["type"]  # a table, which may be a template that gives one
    listed = [allowed] if isinstance(allowed, str) else allowed
    kinds = [kind for kind in listed if kind != "number" or "integer" not in listed]
    expected = " or ".join(KINDS[kind] for kind in kinds)
    value = f" ({shown(error.instance)})" if isinstance(error.instance, str | int) and kinds != ["array"] else ""
    message = f"{spoken(pointer)} must be {expected}, not {_kind_of(error.instance)}{value}"
    return Problem(message, pointer, _dotted(error, pointer) or _hints().for_type(pointer, error.instance, kinds))


_POINTED = frozenset({"labels", "args", "extra-hosts", "driver-opts"})
"""Tables of texts whose keys may have points."""


def _dotted(error: Any, pointer: Pointer) -> str:
    """Show how the first key with points is written: TOML takes `labels.org.x` for tables within tables."""
    if not isinstance(error.instance, dict) or not _POINTED.intersection(pointer[-2:-1]):
        return ""
    key, inner = str(pointer[-1]), dict(error.instance)
    if inner and inner.keys() <= {"env", "default", "value", "description", "type"}:
        table = shown({"default" if key == "value" else key: item for key, item in inner.items()})
        return f'write {pointer[-2]}.{key} = "{{{{ {key.lower()} }}}}", and {key.lower()} = {table} under [variable]'
    while inner:
        (more, value), *_ = inner.items()
        key += f".{more}"
        if not isinstance(value, dict):
            return f'quote a key with points: {pointer[-2]}."{key}" = {shown(value)}'
        inner = value
    return ""


def _kind_of(value: Any) -> str:
    for kind, name in (
        (bool, "a boolean"),
        (str, "a string"),
        (int, "an integer"),
        (Mapping, "a table"),
        (list, "a list"),
    ):
        if isinstance(value, kind):
            return name
    others = {"Decimal": "a number", "float": "a number", "NoneType": "null", "datetime": "a date"}
    return others.get(type(value).__name__, f"a {type(value).__name__}")


def _quoted(text: str) -> str:
    if one_line(text) == text and '"' in text and "'" not in text:
        return f"'{text}'"
    escaped = text.replace("\\", "\\\\").replace('"', '\\"') if '"' in text else text
    return f'"{one_line(escaped)}"'


def shown(value: Any) -> str:
    """Return a value as TOML would have it, shortened to 60 characters."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        text = f"[{', '.join(map(shown, value))}]"
    elif isinstance(value, Mapping):
        text = f"{{ {', '.join(f'{key} = {shown(item)}' for key, item in value.items())} }}" if value else "{}"
    else:
        text = _quoted(value) if isinstance(value, str) else str(value)
    return text if len(text) <= WIDEST else text[: WIDEST - 3] + "…" + text[-1]
