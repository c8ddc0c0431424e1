"""From a root file to a Spec: reading, checking, includes, and one space of names."""

import os
import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal

from buildmatrix.errors import Diagnostic, Place, Pointer, Problems, SpecError
from buildmatrix.files import OutsideError, kind_at
from buildmatrix.soundness import NAMES
from buildmatrix.spec.checks.data import MOST, Problem, is_accepted, shown
from buildmatrix.spec.checks.data import problems as check
from buildmatrix.spec.checks.envnames import check_env_names
from buildmatrix.spec.checks.misplaced import strays
from buildmatrix.spec.checks.names import check_names, check_requires
from buildmatrix.spec.checks.suspicious import lone_kinds
from buildmatrix.spec.checks.unread import Unread, unread
from buildmatrix.spec.credentials import learn
from buildmatrix.spec.includes import MOST_ENTRIES, TooManyError
from buildmatrix.spec.inheritance import with_makings
from buildmatrix.spec.rows.csv import is_table_list
from buildmatrix.spec.rows.options import Apply
from buildmatrix.spec.rows.schema import file_schema, narrow_schema
from buildmatrix.spec.rows.settings import Settings
from buildmatrix.spec.rows.shapes import build_table, is_template, rows
from buildmatrix.spec.rows.tables import (
    NO_FILES,
    BakeFiles,
    Checks,
    DeclaredGroup,
    DeclaredTarget,
    DeclaredVariable,
    File,
    Home,
    Layer,
    Said,
    Spec,
    Variable,
)
from buildmatrix.spec.subjects import astray_at, spread, spread_shapes, standing_at
from buildmatrix.spec.toml.placed import Dropped, DroppedTable, placed, sources_of, without_dropped
from buildmatrix.spec.toml.plain import BadDataError, is_deep, number_of, oddities, unreadable_line
from buildmatrix.spec.toml.source import Sources

if TYPE_CHECKING:
    from buildmatrix.spec.rows.builders import DeclaredBuilder

FILE = "buildmatrix.toml"
"""The name by which the root file is found, and an image's file from its directory."""


def _header(name: str, table: str) -> Place:
    return Place(file=name, pointer=(table,), part="key")


class _Loader:
    """Gathers the declarations of all files."""

    def __init__(self, sources: Sources, problems: Problems) -> None:
        self.sources = sources
        self.problems = problems
        self.seen: set[str] = set()
        self.targets: dict[str, DeclaredTarget] = {}
        self.variables: dict[str, DeclaredVariable] = {}
        self.groups: dict[str, DeclaredGroup] = {}
        self.folder_defaults: dict[str, DeclaredGroup] = {}
        self.requires: list[tuple[str, Place]] = []
        self.confidential: frozenset[str] = frozenset()
        self.literal: set[str] = set()
        self.apply = Apply()
        self.checks = Checks()
        self.runners: Mapping[str, tuple[str, ...]] = {}
        self.builders: Mapping[str, DeclaredBuilder] = {}
        self.home = os.path.realpath(sources.directory / sources.home) if sources.home else ""
        self.of_home: set[str] = set()

    def load(self, root: str) -> None:
        """Load a file and all that it includes, each before what is named after it."""
        pending: list[tuple[Iterator[str], tuple[Layer, ...], bool]] = [(iter([root]), (), False)]
        while pending:
            files, defaults, at_home = pending[-1]
            if (name := next(files, None)) is None:
                pending.pop()
                continue
            file, defaults = self._loaded(name, defaults)
            at_home = at_home or os.path.realpath(self.sources.directory / name) == self.home
            if at_home:
                self.of_home |= set(file.target or ())
            pending.append((self._included(name, file), defaults, at_home))

    def _loaded(self, name: str, defaults: tuple[Layer, ...]) -> tuple[File, tuple[Layer, ...]]:
        """Take one file's declarations; returns it, empty where it cannot be read, and the defaults that hold in it."""
        self.seen.add(os.path.realpath(self.sources.directory / name))
        try:
            data = parse(name, self.sources.read(name))
            self.confidential |= learn(data)
            file = self._checked(name, data)
        except SpecError as error:
            self.problems.take(error.diagnostics)
            self.problems.invalidate(NAMES)
            return File(version=1), defaults
        requires = Place(file=name, pointer=("requires-buildx",))
        if file.requires_buildx is not None and check_requires(file.requires_buildx, requires, self.problems):
            self.requires.append((file.requires_buildx, requires))
        if file.defaults is not None:
            defaults = (*defaults, Layer(settings=file.defaults, place=Place(file=name, pointer=("defaults",))))
        self._take_root(name, file)
        self._declare(name, file, defaults)
        return file, defaults

    def _take_root(self, name: str, file: File) -> None:
        """Take the tables that are of the whole run."""
        if len(self.seen) == 1:
            self.apply, self.checks = file.apply or self.apply, file.checks or self.checks
            self.runners = {
                key: (labels,) if isinstance(labels, str) else labels for key, labels in (file.runner or {}).items()
            }
            if file.builder:
                from buildmatrix.spec.checks.builders import builders_of

                self.builders = builders_of(file, name, self.sources.directory, self.problems)
            return
        if file.apply is not None:
            place = _header(name, "apply")
            self.problems.error("apply", "only the root file says how apply runs", place, hint="move [apply] there")
        if file.checks is not None:
            place = _header(name, "checks")
            self.problems.error("checks", "only the root file says what is checked", place, hint="move [checks] there")
        if file.runner is not None:
            place = _header(name, "runner")
            self.problems.error("runner", "only the root file has [runner]", place, hint="move [runner] there")
        for key in file.builder or ():
            place = Place(file=name, pointer=("builder", key), part="key")
            hint = f"move [builder.{key}] there"
            self.problems.error("builder", "only the root file declares builders", place, hint=hint)

    def _checked(self, name: str, data: dict[str, Any]) -> File:
        """Report what is wrong, drop it, and go on with the rest, so that everything is reported at once."""
        self._refuse_odd(name, data)
        self._refuse_strays(name, data)
        self._refuse_unread(name, data)
        self._warn_of_foreign(name, data)
        for pointer, message, hint in islice(lone_kinds(data), MOST):
            self.problems.warn("suspicious", message, Place(file=name, pointer=pointer), hint=hint)
        found = self._wrong_in(data)
        for problem in found:
            part: Literal["key", "value"] = "key" if problem.key else "value"
            place = Place(file=name, pointer=problem.pointer, part=part)
            self.problems.error("schema", problem.message, place, hint=problem.hint, invalidates=standing_at(place))
        if len(found) == MOST:
            message = f"there are more problems than these {MOST}: the rest is looked at when they are gone"
            raise SpecError(Diagnostic(message=message, code="schema", place=Place(file=name)))
        while found:
            for pointer in sorted({problem.pointer for problem in found}, key=repr, reverse=True):
                _drop(data, pointer)
            found = self._wrong_in(data)
        return _built(data)

    def _wrong_in(self, data: dict[str, Any]) -> list[Problem]:
        """Return what is wrong with the data of a file: most are right, and use few of the settings that there are."""
        return [] if is_accepted(narrow_schema(data), data) else check(file_schema(), data)

    def _refuse_odd(self, name: str, data: dict[str, Any]) -> None:
        """Report and drop what no setting can take, and no check of a schema could look at."""
        found = list(islice(oddities(data), MOST))
        for pointer, message, is_key in found:
            place = Place(file=name, pointer=pointer, part="key" if is_key else "value")
            self.problems.error("schema", message, place, invalidates=standing_at(place))
        for pointer, *_ in reversed(found):
            _drop(data, pointer)
        if len(found) == MOST:
            raise SpecError(Diagnostic(message="there are more such values", code="schema", place=Place(file=name)))

    def _refuse_strays(self, name: str, data: dict[str, Any]) -> None:
        """Report and drop settings that stand in an inner table."""
        for stray in strays(data, self.sources.texts[name]):
            place = Place(file=name, pointer=stray.pointer, part="key")
            self.problems.error("misplaced", stray.message, place, hint=stray.hint, invalidates=astray_at(place))
            del _at(data, stray.pointer[:-1])[stray.pointer[-1]]

    def _refuse_unread(self, name: str, data: dict[str, Any]) -> None:
        """Report and drop templates where none is read; in a description they stay."""
        for one in list(islice(unread(data), MOST)) if is_template(self.sources.texts[name]) else ():
            place = Place(file=name, pointer=one.pointer, part="key" if one.is_key else "value")
            if one.literal:
                self.problems.warn("suspicious", one.message, place, hint=one.hint)
                continue
            self.problems.error("template", one.message, place, hint=one.hint, invalidates=standing_at(place))
            _drop_unread(data, one)

    def _warn_of_foreign(self, name: str, data: dict[str, Any]) -> None:
        """Warn of variables in the words of other tools; the root file's list of literal ones holds for all files."""
        if isinstance(own := data.get("literal"), list):
            self.literal |= {text for text in own if isinstance(text, str)}
        if "$" not in self.sources.texts[name]:
            return
        from buildmatrix.spec.checks.foreign import foreign_in

        for found in islice(foreign_in(data, self.literal, self.variables), MOST):
            message = f"{shown(found.text)} is plain text here: nothing puts a value in its place"
            listed = f"list it above the first [header]: literal = [{shown(found.text)}]"
            meant = f"add {shown(found.text)} to literal" if "literal" in data else listed
            hint = f"{found.cure}; if it is meant as it stands, {meant}"
            self.problems.add(
                Diagnostic(
                    message=message,
                    code="foreign-variable",
                    place=Place(file=name, pointer=found.pointer),
                    hint=hint,
                    severity="warning",
                    about=found.text,
                )
            )

    def _declare(self, name: str, file: File, defaults: tuple[Layer, ...]) -> None:
        for key, table in (file.variable or {}).items():
            place = Place(file=name, pointer=("variable", key), part="key")
            variable = table if isinstance(table, Variable) else Variable(default=table)
            if self._is_new("variable", key, self.variables, place):
                self.variables[key] = DeclaredVariable(name=key, table=variable, place=place)
        for key, target in (file.target or {}).items():
            place = Place(file=name, pointer=("target", key), part="key")
            if self._is_new("target", key, self.targets, place):
                self.targets[key] = DeclaredTarget(name=key, table=target, place=place, defaults=defaults)
        for key, members in (file.group or {}).items():
            place = Place(file=name, pointer=("group", key), part="key")
            group = DeclaredGroup(name=key, members=members, place=place)
            if key == "default" and _is_of_folder(name):
                self.folder_defaults[os.path.realpath(self.sources.directory / name)] = group
            elif self._is_new("group", key, self.groups, place):
                self.groups[key] = group

    def _is_new(self, kind: str, name: str, known: Mapping[str, Any], place: Place) -> bool:
        if name not in known:
            return True
        first: Place = known[name].place
        message = f'{kind} "{name}" is declared twice: in {first.file} and in {place.file}'
        hint, notes = "give one another name", (("the other one", first),)
        self.problems.error("duplicate", message, place, hint=hint, notes=notes, invalidates=standing_at(place))
        return False

    def _included(self, name: str, file: File) -> Iterator[str]:
        folder = posixpath.dirname(name)
        patterns = file.include or ()
        for index, pattern in zip(sources_of(patterns), patterns, strict=True):
            place = Place(file=name, pointer=("include", index))
            for path in self._matches(pattern, folder, place):
                included = posixpath.normpath(posixpath.join(folder, path))
                if kind_at(self.sources.directory / included) == "directory":
                    message, hint = (
                        f'include "{pattern}": {included} is a directory',
                        f'write "{pattern.rstrip("/")}/{FILE}"',
                    )
                    self.problems.error("include", message, place, hint=hint, invalidates=[NAMES])
                elif os.path.realpath(self.sources.directory / included) not in self.seen:
                    yield included

    def _matches(self, pattern: str, folder: str, place: Place) -> list[str]:
        message, hint = (
            f'include "{pattern}" matches no file',
            f"it is relative to {folder or 'the directory of this file'}",
        )
        try:
            if found := self.sources.matches(pattern, folder):
                return found
        except OutsideError as error:
            message, hint = f'include "{pattern}": {error.strerror}', "a spec is made of files of its own repository"
        except TooManyError:
            message = f'include "{pattern}" looks at more than {MOST_ENTRIES} files and directories'
            hint = "begin it with the directory that holds the files"
        except OSError as error:
            message, hint = f'include "{pattern}": {error.filename} cannot be read: {error.strerror}', ""
        self.problems.error("include", message, place, hint=hint, invalidates=[NAMES])
        return []


def load(name: str, sources: Sources, problems: Problems, bake_files: BakeFiles = NO_FILES) -> Spec:
    """Load a root file and all that it includes; what is wrong is added to `problems`, the rest is in the Spec.

    `name` is the root file's name in `sources`. SpecError only if the root file cannot be used at all.
    """
    loader = _Loader(sources, problems)
    loader.load(name)
    said = _overlaid(loader, bake_files) if bake_files != NO_FILES else {}
    if (own := loader.folder_defaults.get(loader.home)) is not None:
        loader.groups["default"] = own
    spec = Spec(
        file=name,
        directory=str(sources.directory),
        digests=dict(sorted(sources.digests.items())),
        requires_buildx=tuple(loader.requires),
        apply=loader.apply,
        checks=loader.checks,
        runners=loader.runners,
        builders=loader.builders,
        variables=loader.variables,
        targets=with_makings(loader.targets),
        groups=loader.groups,
        folder_defaults=tuple(loader.folder_defaults.values()),
        confidential=loader.confidential,
        home=_home(sources.home, loader) if sources.home else None,
        bake_files=said,
    )
    spread_shapes(spec, problems)
    check_names(spec, problems)
    confidential = spec.confidential | check_env_names(spec, problems)
    spread(spec, problems)
    return replace(spec, confidential=confidential)


def _overlaid(loader: _Loader, bake_files: BakeFiles) -> Mapping[str, Said]:
    """Lay the files of `--bake-file` over the targets; returns what they say."""
    from buildmatrix.spec.bakefiles import Overlay

    overlay = Overlay(loader.targets, loader.sources, loader.problems)
    overlay.lay(bake_files, loader.literal)
    return overlay.said


def _home(file: str, loader: _Loader) -> Home:
    return Home(file=file, targets=frozenset(loader.of_home), default=loader.home in loader.folder_defaults)


def _is_of_folder(name: str) -> bool:
    """Tell whether a file is found from its own directory, which is not the root's: its `default` is for that."""
    return posixpath.basename(name) == FILE and posixpath.dirname(name) != ""


def parse(name: str, text: str) -> dict[str, Any]:
    """Parse TOML; numbers with a point stay as they are written (3.10 is not 3.1). SpecError on a syntax error."""
    import tomli

    line, reason = unreadable_line(text)
    if reason:
        raise SpecError(Diagnostic(message=reason, code="syntax", place=Place(file=name, line=line, column=1)))
    try:
        data = tomli.loads(text, parse_float=number_of)
    except tomli.TOMLDecodeError as error:
        from buildmatrix.spec.toml.syntax import explained

        raise SpecError(explained(name, text, error.pos, error.msg)) from None
    except (RecursionError, BadDataError) as error:
        raise _unusable(name, str(error) if isinstance(error, BadDataError) else _DEEP) from None
    if is_deep(data):
        raise _unusable(name, _DEEP)
    return data


_DEEP = "this is nested too deeply to be read"


def _unusable(name: str, message: str) -> SpecError:
    return SpecError(Diagnostic(message=message, code="syntax", place=Place(file=name)))


def _built(data: dict[str, Any]) -> File:
    """Return the file that checked data make; what was dropped of its lists has left places."""
    overrides: dict[str, tuple[Any, ...]] = {}
    for name, target in data.get("target", {}).items():
        if any(isinstance(one, DroppedTable) for one in target.get("override", ())):
            overrides[name] = without_dropped(target["override"])
            target["override"] = list(overrides[name])
    file: File = build_table(File, data)
    targets = {
        name: target.but({"override": placed(target.override or (), sources_of(overrides[name]))})
        if name in overrides
        else target
        for name, target in (file.target or {}).items()
    }
    groups = {key: without_dropped(members) for key, members in (file.group or {}).items()}
    return file.but({"include": without_dropped(file.include or ()), "group": groups, "target": targets})


def _within_list(data: Any, pointer: Pointer) -> Pointer:
    """Return the pointer up to the first list of settings on its way, or to its item if others are looked at alone."""
    start = 4 if pointer[2:3] == ("override",) else 1
    ends = [place for place, part in enumerate(pointer) if isinstance(part, int) and place >= start]
    if not ends or pointer[0] not in {"target", "defaults"}:
        return pointer
    end = ends[0]
    others = [item for index, item in enumerate(_at(data, pointer[:end])) if index != pointer[end]]
    # a string in it is taken apart and checked only when it is rendered
    is_mixed = pointer[end - 1] in _TABLE_LISTS and any(isinstance(item, str) for item in without_dropped(others))
    return pointer[: end + 1] if is_mixed else pointer[:end]


_TABLE_LISTS = frozenset(row.key for row in rows(Settings) if is_table_list(row))


def _at(data: Any, pointer: Pointer) -> Any:
    for part in pointer:
        data = data[part]
    return data


def _drop_unread(data: dict[str, Any], one: Unread) -> None:
    """Remove a template that is not read; a table of axes that is left empty goes, too, and so does its override."""
    if not one.is_key:
        _drop(data, one.pointer[:3] if one.pointer[0] == "variable" else one.pointer)
        return
    around = _at(data, one.pointer[:-1])
    del around[one.pointer[-1]]
    if not around and one.pointer[0] == "target":
        _drop(data, one.pointer[:-2] if one.pointer[-2] == "select" else one.pointer[:-1])


def _drop(data: Any, pointer: Pointer) -> None:
    """Remove what a pointer points at, so that what follows from it is not said.

    Of a target's list the whole goes, but for one with strings for tables; of that one and of other lists the item
    leaves its place empty. A variable stays, without a value, and of a builder all of it goes; the file's version is
    mended, since every file has one.
    """
    if pointer in {(), ("version",)}:
        data["version"] = 1
        return
    try:
        pointer = pointer[:2] if pointer[0] == "builder" else _within_list(data, pointer)
        if pointer[:-1] == ("variable",) and data["variable"][pointer[-1]] != {}:
            data["variable"][pointer[-1]] = {}
            return
        around = _at(data, pointer[:-1])
        if isinstance(around, list):
            is_override = pointer[-2] == "override" and pointer[0] == "target"
            around[int(pointer[-1])] = DroppedTable() if is_override else Dropped("dropped")
        else:
            del around[pointer[-1]]
    except (KeyError, IndexError, TypeError):
        return  # what was around it is gone already
