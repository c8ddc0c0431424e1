"""Files of `--bake-file`: what docker/metadata-action says of targets, in the JSON of a bake file.

Their values are laid over what the spec says of the target that a file names, as bake does with a later `-f`; heirs,
overrides and `--set` lie over them. A file that names NAME means the target `_NAME` where there is no other. What
stands in such a file is data, and never a template.
"""

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

from buildmatrix.errors import Place, Pointer, Problems, did_you_mean
from buildmatrix.files import OutsideError, read_regular, strays
from buildmatrix.patterns import regex
from buildmatrix.soundness import NAMES, Subject, settings_of
from buildmatrix.spec.checks.data import MOST, Problem, shown, spoken
from buildmatrix.spec.checks.data import problems as check
from buildmatrix.spec.rows.markers import AddedByBake, FromMetadata
from buildmatrix.spec.rows.schema import definitions, table_schema
from buildmatrix.spec.rows.settings import Settings
from buildmatrix.spec.rows.shapes import (
    JsonSchema,
    Row,
    Table,
    Verbatim,
    build_table,
    given,
    is_map,
    plain,
    rows,
    text_of,
)
from buildmatrix.spec.rows.tables import BakeFiles, DeclaredTarget, Layer, Said
from buildmatrix.spec.toml.languages import JSON, Language, is_toml, language_of
from buildmatrix.spec.toml.plain import BadDataError, json_of, oddities
from buildmatrix.spec.toml.source import STANDARD_INPUT, Sources

_ROWS = {row.key: row for row in rows(Settings) if row.marker(FromMetadata)}
_TAKEN = " and ".join(", ".join(_ROWS).rsplit(", ", 1))

Given: Any = type(
    "Given",
    (Table,),
    {
        "__doc__": "What such a file may say of a target.",
        "__annotations__": {row.attribute: Annotated[row.shape | None, *row.markers] for row in _ROWS.values()},
        **dict.fromkeys(row.attribute for row in _ROWS.values()),
    },
)


class Overlay:
    """Lays the files of a run over declared targets; `said` is what each file said, by its name."""

    def __init__(self, targets: dict[str, DeclaredTarget], sources: Sources, problems: Problems) -> None:
        """Take the targets, which are changed in place."""
        self._targets, self._sources, self._problems = targets, sources, problems
        self.said: dict[str, Said] = {}

    def lay(self, files: BakeFiles, literal: Iterable[str]) -> None:
        """Read the files, and lay each over those before it; what is wrong is added to the problems."""
        for name in (*self._kept(files.kept), *filter(None, map(self._read, files.paths))):
            self.said[name] = self._checked(name)
            self._warn_of_expressions(name, frozenset(literal))
            for target, table in self.said[name].items():
                self._lay(Place(file=name, pointer=("target", target)), target, table)

    def _kept(self, kept: Mapping[str, Said]) -> Iterator[str]:
        for name, said in kept.items():
            self._sources.texts[name] = json.dumps({"target": said}, indent=2, ensure_ascii=False)
            yield name

    def _read(self, path: str) -> str:
        """Read a file; returns the name under which it is one of the sources, "" where it cannot be read."""
        name = STANDARD_INPUT if path == "-" else _name_of(path, self._sources)
        if name in self._sources.texts and path == "-":
            message, hint = "standard input can be read once only, and is the spec", "name a file: --bake-file FILE"
            self._problems.error("bake-file", message, hint=hint, invalidates=self._all_that_it_gives())
            return ""
        try:
            if strays(path, self._sources.repository.root):
                raise OutsideError(path)
            text = read_regular("/dev/stdin" if path == "-" else path, pipe=True).decode("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
            message, lost = f"--bake-file {path} cannot be read: {reason}", self._all_that_it_gives()
            hint = "write the path without cwd://" if path.partition(":")[0] == "cwd" else ""
            self._problems.error("bake-file", message, hint=hint, invalidates=lost)
            return ""
        self._sources.texts[name] = text.replace("\r\n", "\n")
        return name

    # --- what a file says -----------------------------------------------------------------------------------------

    def _checked(self, name: str) -> Said:
        """Return what a file says, without what is wrong with it: that is reported."""
        text = self._sources.texts[name]
        try:
            data = json_of(text, once=True)
        except BadDataError as error:
            self._refuse_text(name, text, str(error))
            return {}
        for pointer, message, is_key in islice(oddities(data), MOST):
            self._refuse(Problem(f"{spoken(pointer)}: {message}", pointer, key=is_key), name)
            return {}
        data = _without_null(data)
        for problem in (found := check(_schema(), data)):
            self._refuse(problem, name)
        wrong = {problem.pointer[:3] for problem in found}
        return {} if any(len(pointer) < _OF_A_SETTING for pointer in wrong) else _plain(data["target"], wrong)

    def _refuse_text(self, name: str, text: str, reason: str) -> None:
        """Say what is not JSON, and what it is instead where that is plain."""
        at = re.search(r"line ([0-9]+) column ([0-9]+)", reason)
        hint = _of_language(language_of(name, text), text)
        place = Place(file=name, line=int(at[1]), column=int(at[2])) if at else Place(file=name)
        message = re.sub(r": line [0-9]+ column .*", "", reason)
        self._problems.error("bake-file", message, place, hint=hint, invalidates=self._all_that_it_gives())

    def _all_that_it_gives(self) -> list[Subject]:
        """Return what nobody knows where a file, or whom it means, is not known."""
        return [settings_of(name, "", *(row.attribute for row in _ROWS.values())) for name in self._targets]

    def _refuse(self, problem: Problem, name: str) -> None:
        place = Place(file=name, pointer=problem.pointer, part="key" if problem.key else "value")
        target, key = (*map(str, problem.pointer[1:3]), "", "")[:2]
        lost = [settings_of(own, "", _ROWS[key].attribute) for own in self._meant(target) if key in _ROWS]
        lost = lost if len(problem.pointer) >= _OF_A_SETTING else self._all_that_it_gives()
        self._problems.error("bake-file", problem.message, place, hint=_hint(problem), invalidates=lost)

    def _warn_of_expressions(self, name: str, literal: frozenset[str]) -> None:
        """Warn of `${…}`, in whose place bake would put a value."""
        for pointer, text in _texts(self.said[name], ("target",)):
            for found in dict.fromkeys(_EXPRESSION.findall(text)):
                if found not in literal:
                    message = f"{shown(found)} is plain text here: what stands in such a file is data"
                    hint = f"give the value itself; if it is meant as it stands, add {shown(found)} to literal"
                    self._problems.warn("foreign-variable", message, Place(file=name, pointer=pointer), hint=hint)

    # --- whom it is about -----------------------------------------------------------------------------------------

    def _meant(self, name: str) -> list[str]:
        """Return the target that a file means by a name, if there is one."""
        return [own for own in (name, f"_{name}") if own in self._targets][:1]

    def _lay(self, place: Place, name: str, table: Mapping[str, Any]) -> None:
        for own in (meant := self._meant(name)):
            target = self._targets[own]
            layers = (*target.overlay, *_layers(build_table(Given, table), place))
            self._targets[own] = replace(target, overlay=layers)
            if target.abstract and not any(own in (one.table.inherits or ()) for one in self._targets.values()):
                message = f'no target inherits "{own}": what this file says of it is not used'
                hint = f'write inherits = ["{own}"] in the target that it is for'
                self._problems.warn("bake-file", message, replace(place, part="key"), hint=hint, rests_on=[NAMES])
        if not meant:
            known = [one.removeprefix("_") for one in self._targets]
            own = f"_{name}" if re.fullmatch(r"[A-Za-z0-9_-]+", name) else "_NAME"
            hint = f'add [target.{own}], and inherits = ["{own}"] to the target that it is for'
            message = f"target {shown(name)} is not in the spec"
            hint = did_you_mean(name, known) or hint
            place, lost = replace(place, part="key"), self._all_that_it_gives()
            self._problems.error("bake-file", message, place, hint=hint, invalidates=lost, rests_on=[NAMES])


_OF_A_SETTING = 3
"""Parts of the pointer to a setting of a target."""

_EXPRESSION = regex(r"(?<!\$)\$\{[^{}]*\}")

_AS_JSON = 'write JSON: { "target": { "NAME": { "tags": ["…"] } } }, as docker/metadata-action does'


def _of_language(language: Language | None, text: str) -> str:
    """Say what a text is that is not JSON, and what to write."""
    if language is None:
        return "this is TOML: --file names a spec, --var-file variables" if is_toml(text) else ""
    return f"this is {language.name}; {_AS_JSON}" if language.name != JSON else ""


def _name_of(path: str, sources: Sources) -> str:
    """Return a path from the root file's directory where it lies in the repository, else from the disk's root."""
    real = os.path.realpath(path)
    inside = sources.repository.holds(real)
    return Path(os.path.relpath(real, sources.directory)).as_posix() if inside else os.path.abspath(path)  # noqa: PTH100


@cache
def _schema() -> JsonSchema:
    targets = {"type": "object", "additionalProperties": table_schema(Given, templates=False)}
    return {
        "type": "object",
        "required": ["target"],
        "properties": {"target": targets},
        "additionalProperties": False,
        "$defs": definitions(Given, templates=False),
    }


def _without_null(data: Any) -> Any:
    """Return data without what is null: for bake that is not said."""
    if not isinstance(data, dict):
        return data
    return {key: _without_null(item) for key, item in data.items() if item is not None}


def _plain(targets: Mapping[str, Any], wrong: set[Pointer]) -> Said:
    """Return what is said of targets, each value as the text that it is for bake, without settings that are wrong."""
    found = {}
    for name, table in targets.items():
        sound = {key: _as_text(item) for key, item in table.items() if ("target", name, key) not in wrong}
        found[name] = plain(build_table(Given, sound))
    return found


def _as_text(value: Any) -> Any:
    """Return numbers with a point as bake writes them: 3.10 is 3.1, and 1e3 is 1000."""
    if isinstance(value, dict):
        return {key: _as_text(item) for key, item in value.items()}
    if not isinstance(value, Decimal):
        return value
    text = text_of(value)
    return text.rstrip("0").rstrip(".") if "." in text and "E" not in text else text


def _texts(value: Any, pointer: Pointer) -> Iterator[tuple[Pointer, str]]:
    if isinstance(value, str):
        yield pointer, value
    items = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from _texts(item, (*pointer, key))


def _hint(problem: Problem) -> str:
    """Return what to write instead, in JSON; "" where the message says it."""
    setting = str((*problem.pointer, "", "", "")[2])
    if problem.message.startswith("unknown key"):
        meant = f"{setting} " if setting in {row.key for row in rows(Settings)} else ""
        own = f"such a file gives {_TAKEN}: write {meant or 'all else '}into the spec"
        return own if meant else did_you_mean(setting, _ROWS) or own
    if not problem.pointer or problem.pointer == ("target",):
        return 'write { "target": { "NAME": { "tags": ["…"] } } }'
    return _form(_ROWS[setting]) if setting in _ROWS and " must be " in problem.message else ""


def _form(row: Row) -> str:
    return f'write "{row.key}": {{ "NAME": "VALUE" }}' if is_map(row.shape) else f'write "{row.key}": ["…"]'


def _layers(table: Any, place: Place) -> Iterator[Layer]:
    """Yield what is laid over a target: lists that bake adds to are added to, others replace."""
    for extend in (False, True):
        chosen = {
            row.attribute: _verbatim(getattr(table, row.attribute))
            for row in rows(Given)
            if row.attribute in given(table) and extend == (row.marker(AddedByBake) is not None)
        }
        if chosen:
            yield Layer(settings=Given(**chosen), place=place, extend=extend)


def _verbatim(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {Verbatim(key): _verbatim(item) for key, item in value.items()}
    return tuple(map(_verbatim, value)) if isinstance(value, tuple) else Verbatim(value)
