"""What to write instead of a key that a table does not know: those of bake, compose, workflows and the command line."""

import re
from collections.abc import Collection, Mapping
from functools import cache
from typing import Any

from buildmatrix.errors import Pointer, did_you_mean
from buildmatrix.spec.checks.data import shown
from buildmatrix.spec.hints.lists import attestation, secret_of
from buildmatrix.spec.hints.values import for_type, key_of, written
from buildmatrix.spec.hints.words import (
    OF_A_MATRIX,
    OF_A_TARGET,
    OF_A_VARIABLE_CURES,
    OF_APPLY,
    OF_OUTPUT,
    OF_TABLES,
    OF_THE_FILE,
    OTHER_WORDS,
)
from buildmatrix.spec.rows.shapes import Row, is_list, is_map

_NOTE = "annotation.KEY"


def for_unknown_key(
    key: str, value: Any, known: Collection[str], pointer: Pointer, patterns: Collection[str] = ()
) -> str:
    """Return what to write for a key that the table at `pointer` does not know; it knows those of `patterns`, too."""
    kind = _kind(pointer)
    if meant := meant_key(key, known, pointer):
        return _strategy(key, value, pointer) or _as_meant(meant, value, pointer) or f'did you mean "{meant}"?'
    notes = any(re.search(pattern, _NOTE) for pattern in patterns)
    for hint in (
        _annotation(key, value) if notes else "",
        _extended(key, value) if kind == "extend" else "",
        _cure(kind, key, value),
        _of_an_option(kind, key),
        _of_an_outer_table(key, pointer),
        _name_with_a_point(key, value, kind, pointer),
    ):
        if hint:
            return hint
    near = did_you_mean(key, known) or _of_free_keys(key, value, pointer)
    return near or f"known here: {', '.join(sorted([*known, *([_NOTE] if notes else [])]))}"


def _annotation(key: str, value: Any) -> str:
    """Return what to write for annotations in a table, or as a target has them: each has a key with a point in it."""
    if key not in {"annotation", "annotations"}:
        return ""
    pairs = [_joined(value)] if isinstance(value, Mapping) else value if isinstance(value, list) else [value]
    name, _, text = str((*pairs, "")[0]).partition("=")
    noted = shown(f"annotation.{name or 'KEY'}")
    return f"write {noted} = {shown(text or 'VALUE')}, with the key in quotes"


def _joined(value: Any) -> str:
    """Return the first item of a table as `key=value`: a key without quotes has made a table at each point."""
    if not isinstance(value, Mapping) or not value:
        return "" if isinstance(value, Mapping) else f"={value}"
    key, inner = next(iter(value.items()))
    rest = _joined(inner)
    return f"{key}{rest}" if rest.startswith("=") else f"{key}.{rest}"


def _strategy(key: str, value: Any, pointer: Pointer) -> str:
    """The strategy of a workflow is a table around the matrix, with settings of the run beside it."""
    if key != "strategy" or not isinstance(value, Mapping):
        return ""
    header = ".".join(map(written, map(str, (*pointer, "matrix"))))
    others = [f"for {word}, {OF_A_MATRIX[word]}" for word in value if word in OF_A_MATRIX]
    return "; ".join([f"write what its matrix holds below [{header}]", *others])


def _as_meant(key: str, value: Any, pointer: Pointer) -> str:
    """Return a value as the key takes it that was meant, where it is of another type; "" where it is of that one."""
    row = next((row for row in _rows("target") if row.key == key), None) if _kind(pointer) == "target" else None
    if row is None:
        return ""
    if key == "secret" and isinstance(value, list):
        return _secrets(value)
    kind = "array" if is_list(row.shape) else "object" if is_map(row.shape) else ""
    fits = isinstance(value, list) if kind == "array" else isinstance(value, Mapping)
    return "" if fits or not kind else for_type((*pointer, key), value, [kind])


def _secrets(words: list[Any]) -> str:
    if not words or not all(isinstance(word, str) and re.fullmatch(r"[\w.-]+", word) for word in words):
        return ""
    return f"write secret = [{', '.join(map(secret_of, words))}]"


def _extended(key: str, value: Any) -> str:
    """Return what to write for a key that holds no list: `extend` adds to those."""
    if key in {"let", *(row.key for row in _rows("target") if is_map(row.shape))}:
        inner = next(iter(value), "NAME") if isinstance(value, Mapping) else "NAME"
        return f"lists alone are extended; {key} is a table, and merges by key: write {key}.{written(str(inner))} = …"
    return ""


def _of_free_keys(key: str, value: Any, pointer: Pointer) -> str:
    """Something that is named freely, in a table whose keys are not: an axis beside `select`, a variable in another."""
    if _is_override(pointer) and isinstance(value, str | int | list):
        return f"an axis stands in select: write select.{written(key)} = {shown(value)}"
    if pointer[:1] == ("variable",) and isinstance(value, str | int | list):
        return f"a variable holds no others: write {pointer[-1]}_{key} = {shown(value)} under [variable]"
    return ""


def meant_key(key: str, known: Collection[str], pointer: Pointer) -> str:
    """Return the key of the table at `pointer` that other tools call so; "" if there is none."""
    words = (OF_TABLES.get(_kind(pointer), {}).get(key), OTHER_WORDS.get(key.lower()), key.replace("_", "-").lower())
    return next((word for word in words if word and word in known), "")


def _kind(pointer: Pointer) -> str:
    """Return what a table is: `file`, `target`, `variable`, or the key under which it stands."""
    if not pointer:
        return "file"
    if pointer[0] in {"target", "defaults"} and (len(pointer) == 1 + (pointer[0] == "target") or _is_override(pointer)):
        return "target"
    return "variable" if pointer[0] == "variable" else key_of(pointer)


def _is_override(pointer: Pointer) -> bool:
    return pointer[2:3] == ("override",) and len(pointer) == 4  # noqa: PLR2004 target, its name, override, its index


def _cure(kind: str, key: str, value: Any) -> str:
    if kind == "target" and key == "include" and isinstance(value, list) and isinstance((*value, "")[0], str):
        return ""  # further files, which belong to the file itself
    if kind == "apply" and key in _known_keys("target"):
        return OF_APPLY.get(key) or f"write {key} under [target.NAME], or under [defaults] for all targets"
    if kind != "file":
        tables = {"target": OF_A_TARGET, "variable": OF_A_VARIABLE_CURES, "apply": OF_APPLY, "output": OF_OUTPUT}
        is_attestation = kind == "target" and key in {"provenance", "sbom"}
        return attestation(key, value) if is_attestation else tables.get(kind, {}).get(key, "")
    if key.startswith("x-"):
        name = re.sub(r"[^A-Za-z0-9]+", "_", key.removeprefix("x-")).strip("_") or "common"
        return f'write [target._{name}], and inherits = ["_{name}"] where it is to hold'
    if key in _known_keys("target"):
        return f"write {key} under [target.NAME], or under [defaults] for all targets"
    return OF_THE_FILE.get(key, "")


def _of_an_option(kind: str, key: str) -> str:
    """An option of `apply` that the file says under [apply], or nowhere: its row tells which."""
    from buildmatrix.spec.rows.options import Flag, InFile, Options
    from buildmatrix.spec.rows.shapes import rows

    if kind not in {"file", "target", "apply"}:
        return ""
    for row in rows(Options):
        flag, in_file = row.marker(Flag), row.marker(InFile) is not None and kind != "apply"
        if flag and flag.names[0].partition("/")[0] == f"--{key}":
            return f"write it under [apply], or give --{key}" if in_file else f"give --{key} to apply"
    return ""


def _of_an_outer_table(key: str, pointer: Pointer) -> str:
    """A key below the header of an inner table, that belongs to an outer one: the order of tables in TOML."""
    for length in range(len(pointer) - 1, -1, -1):
        outer = pointer[:length]
        if key in _known_keys(_kind(outer)) and (length != 1 or pointer[0] not in {"target", "variable", "group"}):
            where = f"target {outer[1]}" if length > 1 else f"[{outer[0]}]" if length else "the file itself"
            above = "the headers of its inner tables" if length else "the first [header]"
            return f"{key} belongs to {where}: write it above {above}"
    return ""


@cache
def _known_keys(kind: str) -> frozenset[str]:
    return frozenset(row.key for row in _rows(kind))


def _rows(kind: str) -> Collection[Row]:
    from buildmatrix.spec.rows.shapes import rows
    from buildmatrix.spec.rows.tables import File, Target

    tables: dict[str, type] = {"file": File, "target": Target}
    return rows(tables[kind]) if kind in tables else ()


def _name_with_a_point(key: str, value: Any, kind: str, pointer: Pointer) -> str:
    if kind == "target" and isinstance(value, Mapping) and _known_keys("target").intersection(value):
        return f"a name holds no point: call the target {pointer[-1]}-{key}"
    return ""
