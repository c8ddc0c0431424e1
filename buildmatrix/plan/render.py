"""Rendering merged settings for the cells of a target.

What a template cannot change is worked out once for all cells that share it; for each cell only the settings that hold
templates are rendered, checked again against the schema of a rendered value, and put in the place of the others.
"""

import posixpath
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from buildmatrix.errors import Place, Pointer, Problems
from buildmatrix.plan.merge import Merged
from buildmatrix.plan.paths import rebase
from buildmatrix.plan.platforms import normalized
from buildmatrix.plan.scope import BadTemplateError
from buildmatrix.plan.tables import BadCsvError, is_table_list, parsed
from buildmatrix.spec.check import problems as check
from buildmatrix.spec.check import shown
from buildmatrix.spec.settings import Settings
from buildmatrix.spec.shapes import (
    JsonSchema,
    Table,
    build,
    definitions,
    given,
    plain,
    row_of,
    row_schema,
    unwrap,
)

Render = Callable[[str], str]
"""Renders a template's text for one cell; raises BadTemplateError."""


class Faults:
    """Takes what is wrong with one target's values, each said once even if many cells share it."""

    def __init__(self, declared: str, problems: Problems) -> None:
        """Report for the target of this name."""
        self.declared, self.problems = declared, problems
        self._said: set[tuple[Place, str]] = set()

    def add(self, code: str, message: str, place: Place, cell: str, *, hint: str = "") -> None:
        """Add an error; `cell` is the cell's name, "" where the value is the same for all cells."""
        if (place, message) not in self._said:
            self._said.add((place, message))
            of = f" (cell {cell})" if cell and cell != self.declared else ""
            self.problems.error(code, message + of, place, hint=hint)


class Recipe:
    """Merged settings, ready to be rendered for any number of cells."""

    def __init__(self, merged: Merged, is_template: Callable[[str], bool], faults: Faults, home: Place) -> None:
        """Work out what is the same for all cells. `home` is the place of the target's declaration."""
        self.origins = merged.origins
        self.faults = faults
        self.is_template = is_template
        values = given(merged.settings)
        self.dynamic = {name: value for name, value in values.items() if name != "description" and _holds(value, is_template)}
        fixed = {name: self._finish(name, value, "", None) for name, value in values.items() if name not in self.dynamic}
        if "context" not in values and (folder := posixpath.dirname(home.file)):
            fixed["context"] = folder
        self.fixed = Settings(**{name: value for name, value in fixed.items() if value is not None})

    def settings(self, cell: str, render: Render, bad: Callable[[BadTemplateError, str, Place], None]) -> Settings:
        """Return the settings of a cell; `bad` takes a template's failure with the attribute and the place."""
        if not self.dynamic:
            return self.fixed
        changed: dict[str, Any] = {}
        for attribute, value in self.dynamic.items():
            try:
                rendered = self._rendered(attribute, value, render)
            except _FailureError as failure:
                bad(failure.error, attribute, self._place(failure.path))
                continue
            changed[attribute] = self._finish(attribute, rendered, cell, render)
        return self.fixed.but(changed)

    def _place(self, path: Pointer) -> Place:
        return next(self.origins[path[:length]] for length in range(len(path), 0, -1) if path[:length] in self.origins)

    # --- one setting ----------------------------------------------------------------------------------------------

    def _rendered(self, attribute: str, value: Any, render: Render) -> Any:
        row = row_of(Settings, attribute)
        if isinstance(value, str):
            return _scalar(unwrap(row.shape)[0], self._text(value, (attribute,), render))
        if isinstance(value, Mapping):
            return {key: self._text(item, (attribute, key), render) for key, item in value.items()}
        found: list[Any] = []
        for index, item in enumerate(value):
            found += self._items(item, (attribute, index), render)
        return tuple(found)

    def _items(self, item: Any, path: Pointer, render: Render) -> list[Any]:
        if isinstance(item, Table):
            return [self._table(item, path, render)]
        if not self.is_template(item):
            return [item]
        return [line.strip() for line in self._text(item, path, render).splitlines() if line.strip()]

    def _table(self, table: Table, path: Pointer, render: Render) -> Table:
        changed: dict[str, Any] = {}
        for attribute, value in given(table).items():
            if not _holds(value, self.is_template):
                continue
            if isinstance(value, str):
                changed[attribute] = _scalar(row_of(type(table), attribute).shape, self._text(value, path, render))
            elif isinstance(value, Mapping):
                changed[attribute] = {key: self._text(item, path, render) for key, item in value.items()}
            else:
                changed[attribute] = tuple(self._text(item, path, render) for item in value)
        return table.but(changed)

    def _text(self, text: str, path: Pointer, render: Render) -> str:
        if not self.is_template(text):
            return text
        try:
            return render(text)
        except BadTemplateError as error:
            raise _FailureError(error, path) from None

    # --- after rendering ------------------------------------------------------------------------------------------

    def _finish(self, attribute: str, value: Any, cell: str, render: Render | None) -> Any:
        """Check a rendered value and bring it into the form that the plan has."""
        row = row_of(Settings, attribute)
        if value == "" and row.attribute in _UNSET_IF_EMPTY:
            return None
        if is_table_list(row):
            value = tuple(self._tables(attribute, value, cell))
        if render is not None:
            value = self._checked(attribute, value, cell)
        if attribute in {"tags", "platforms"}:
            value = tuple(dict.fromkeys(map(normalized, value) if attribute == "platforms" else value))
        folder = posixpath.dirname(self._place((attribute,)).file)
        return self._rebased(attribute, value, folder)

    def _rebased(self, attribute: str, value: Any, folder: str) -> Any:
        """Rebase paths, of a list or table each by the file that says it."""
        if isinstance(value, Mapping):
            return {key: rebase(Settings, attribute, {key: item}, self._folder(attribute, key))[key] for key, item in value.items()}
        if isinstance(value, tuple) and len({self._folder(attribute, index) for index in range(len(value))}) > 1:
            return tuple(rebase(Settings, attribute, (item,), self._folder(attribute, index))[0] for index, item in enumerate(value))
        return rebase(Settings, attribute, value, folder)

    def _folder(self, *path: str | int) -> str:
        return posixpath.dirname(self._place(path).file)

    def _tables(self, attribute: str, value: tuple[Any, ...], cell: str) -> list[Any]:
        found = []
        for index, item in enumerate(value):
            if not isinstance(item, str):
                found.append(item)
                continue
            try:
                table = parsed(attribute, item)
            except BadCsvError as error:
                place = self._place((attribute, min(index, len(value) - 1)))
                self.faults.add("csv", f"{self._spoken(attribute)}: {shown(item)}: {error}", place, cell, hint="write key=value,key=value")
                continue
            found += self._checked_table(attribute, table, item, index, cell)
        return found

    def _checked_table(self, attribute: str, table: dict[str, Any], text: str, index: int, cell: str) -> list[Any]:
        if faults := _faults(attribute, [table]):
            for fault in faults:
                message = f"{self._spoken(attribute)}: {shown(text)}: {_within(fault.message, attribute)}"
                self.faults.add("schema", message, self._place((attribute, index)), cell, hint=fault.hint)
            return []
        return list(build(row_of(Settings, attribute).shape, [table]))

    def _checked(self, attribute: str, value: Any, cell: str) -> Any:
        """Check a rendered value against the schema; drop what is refused, after saying so."""
        if attribute in _FREE:
            return value
        faults = _faults(attribute, plain(value))
        for fault in faults:
            place = self._place((attribute, *fault.pointer[1:2]))
            key = row_of(Settings, attribute).key
            message = fault.message.replace(key, self._spoken(attribute), 1)
            self.faults.add("rendered", f"{message}, rendered from a template", place, cell, hint=fault.hint)
        return value if not faults else () if isinstance(value, tuple) else {} if isinstance(value, Mapping) else None

    def _spoken(self, attribute: str) -> str:
        return f"target.{self.faults.declared}.{row_of(Settings, attribute).key}"


class _FailureError(Exception):
    """A template failed; `path` is the setting's."""

    def __init__(self, error: BadTemplateError, path: Pointer) -> None:
        super().__init__(str(error))
        self.error, self.path = error, path


def _holds(value: Any, is_template: Callable[[str], bool]) -> bool:
    """Tell whether there is a template anywhere in a value."""
    if isinstance(value, str):
        return is_template(value)
    if isinstance(value, Mapping):
        return any(_holds(item, is_template) for item in value.values())
    if isinstance(value, tuple):
        return any(_holds(item, is_template) for item in value)
    return isinstance(value, Table) and any(_holds(item, is_template) for item in given(value).values())


def _scalar(shape: Any, text: str) -> Any:
    """Turn a rendered text into what the row holds; text that is none is left to the check."""
    bare, _ = unwrap(shape)
    if bare is bool and text.strip() in {"true", "false", ""}:
        return text.strip() == "true" if text.strip() else None
    if bare is int and text.strip().lstrip("+-").isdigit():
        return int(text)
    return text


_UNSET_IF_EMPTY = {"context", "dockerfile", "target", "network", "call", "shm_size"}
_FREE = {"args", "labels", "tags", "description", "dockerfile_inline", "no_cache_filter", "extra_hosts"}


@cache
def _strict(attribute: str) -> JsonSchema:
    row = row_of(Settings, attribute)
    properties = {row.key: row_schema(row, templates=False)}
    return {"type": "object", "properties": properties, "$defs": definitions(row.shape, templates=False)}


_known: dict[tuple[str, str], list[Any]] = {}


def _faults(attribute: str, value: Any) -> list[Any]:
    """Check one rendered, plain value against its row's schema; the same value is checked once."""
    key = (attribute, repr(value))
    if key not in _known:
        _known[key] = check(_strict(attribute), {row_of(Settings, attribute).key: value})
    return _known[key]


def _within(message: str, attribute: str) -> str:
    key = row_of(Settings, attribute).key
    return message.replace(f"{key}[0] ", "", 1).replace(f"{key}[0].", "", 1).replace(f"{key}[0]: ", "", 1)
