"""Rendering merged settings for the cells of a target.

What a template cannot change is worked out once for all cells that share it; for each cell only the settings that hold
templates are rendered, checked again against the schema of a rendered value, and put in the place of the others.
"""

import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import Any, NamedTuple

from buildmatrix.errors import Place, Pointer, Problems
from buildmatrix.oci.platform import normalized
from buildmatrix.patterns import regex
from buildmatrix.plan.access.paths import folder_of, rebase
from buildmatrix.plan.merging.filling import (
    Filling,
    Render,
    Templated,
    are_wrong,
    has_rendered_keys,
    holds,
    length_of,
    marked,
)
from buildmatrix.plan.merging.kinds import kind_of
from buildmatrix.plan.merging.merge import Merged, Spread
from buildmatrix.plan.merging.volatile import NONE, NOTHING, Chosen, Volatile, chosen, present, written
from buildmatrix.soundness import Subject, parents_of, settings_of
from buildmatrix.spec.checks.data import Problem, shown
from buildmatrix.spec.checks.data import problems as check
from buildmatrix.spec.credentials import learn_csv, learn_setting
from buildmatrix.spec.rows.csv import BadCsvError, is_table_list, parsed
from buildmatrix.spec.rows.schema import definitions, row_schema
from buildmatrix.spec.rows.settings import Settings
from buildmatrix.spec.rows.shapes import JsonSchema, Table, build, given, plain, row_of
from buildmatrix.spec.toml.placed import first_of_each, placed, source_of, sources_of
from buildmatrix.template.scope import UNKNOWN_NAME, BadTemplateError


class Fault(NamedTuple):
    """What is wrong with a value. `varies` are texts of its message and hint that may be others in each cell.

    Where these alone differ, it is the same mistake: one place, one reason, one thing to write instead. Without such
    texts the message alone tells mistakes apart.
    """

    code: str
    message: str
    hint: str = ""
    varies: tuple[str, ...] = ()

    def without_what_varies(self, declared: str) -> tuple[str, str]:
        """Return message and hint without that, and without the name of the target that has the value."""
        message, hint = self.message.replace(f"target.{declared}", "", 1), self.hint if self.varies else ""
        for text in filter(None, self.varies):
            message, hint = message.replace(text, "…"), hint.replace(text, "…")
        return message, hint


class Faults:
    """Takes what is wrong with one target's values, each said once even if many cells and descendants share it."""

    def __init__(self, declared: str, problems: Problems) -> None:
        """Report for the target of this name."""
        self.declared, self._problems = declared, problems

    def add(self, error: BadTemplateError, message: str, place: Place, *invalidates: Subject) -> None:
        """Add what is wrong with a template: `message` says it all, `invalidates` is what it makes."""
        parents = (parents_of(self.declared),) if error.code == UNKNOWN_NAME else ()
        fault = Fault(error.code, message, error.hint, error.varies)
        self._add(fault, place, invalidates, rests_on=(*error.rests_on, *parents))

    def refuse(self, fault: Fault, place: Place, *invalidates: Subject) -> None:
        """Add what is wrong with a value that was written, or rendered."""
        self._add(fault, place, invalidates, rests_on=())

    def _add(self, fault: Fault, place: Place, invalidates: tuple[Subject, ...], rests_on: tuple[Subject, ...]) -> None:
        once = (place, *fault.without_what_varies(self.declared))
        cell = next((one.cell for one in invalidates if one.cell != self.declared), "")
        message = fault.message + (f" (cell {cell})" if cell else "")
        self._problems.error(
            fault.code, message, place, hint=fault.hint, invalidates=invalidates, rests_on=rests_on, once=once
        )


class Rendered(NamedTuple):
    """The settings of a cell, where each was declared, and pointers to those that change from run to run.

    `variants` are the same for some of its platforms each, where settings differ by platform.
    """

    settings: Settings
    origins: Mapping[Pointer, Place]
    volatile: frozenset[Pointer]
    variants: tuple["Rendered", ...] = ()


class Recipe:
    """Merged settings, ready to be rendered for any number of cells."""

    def __init__(self, merged: Merged, faults: Faults, home: Place) -> None:
        """Work out what is the same for all cells. `home` is the place of the target's declaration."""
        self.origins = merged.origins
        self._known: dict[frozenset[Pointer], frozenset[Pointer]] = {}
        self._chosen: dict[Volatile, Chosen] = {}
        self.volatile: Volatile | None = None
        """What is volatile for the cell that is rendered next; None while nobody has said it."""
        self.finish = {name: Finish(name, merged.origins, faults) for name in given(merged.settings)}
        values = {name: marked(value) for name, value in given(merged.settings).items()}
        self.dynamic = {name: value for name, value in values.items() if holds(value)}
        self._keyed = frozenset(name for name, value in self.dynamic.items() if has_rendered_keys(value))
        fixed = {name: self.finish[name](value, "") for name, value in values.items() if name not in self.dynamic}
        if "context" not in values and (folder := posixpath.dirname(home.file)):
            fixed["context"] = folder
        self.fixed = Settings(**{name: value for name, value in fixed.items() if value is not None})
        self.length = sum(map(length_of, fixed.values()))
        """Characters of what is the same for all cells: each of them has it."""

    def texts(self) -> Iterator[str]:
        """Yield the templates."""
        return (text for value in self.dynamic.values() for text in _templates_in(value))

    def settings(
        self, cell: str, render: Render, bad: Callable[[BadTemplateError, str, Place], None], only: str = ""
    ) -> Rendered:
        """Return the settings of a cell, where each was declared, and which are volatile.

        `bad` takes each template's failure with the attribute and the place. With `only` that attribute alone is
        rendered.
        """
        volatile = self.volatile or NONE
        changed: dict[str, Any] = {}
        moved: dict[Pointer, Place] = {}
        found: list[Pointer] = []
        dynamic = {only: self.dynamic[only]} if only in self.dynamic else {} if only else self.dynamic
        for attribute, value in dynamic.items():
            finish = self.finish[attribute]
            filling = Filling(attribute, render, self.origins, volatile.texts)
            rendered = filling.setting(finish.row, value)
            if filling.moved:
                moved |= filling.moved
                finish = finish.at({**self.origins, **filling.moved})
            for error, path in filling.failures:
                bad(error, attribute, finish.place(path))
            failures = filling.failures
            if not failures or (isinstance(value, tuple) and not finish.has_tables and are_wrong(failures)):
                changed[attribute] = finish.rendered(rendered, cell, keyed=attribute in self._keyed)
            if filling.volatile:
                found += present(attribute, changed.get(attribute), filling.volatile)
        settings = self.fixed.but(changed) if self.dynamic else self.fixed
        origins = {**self.origins, **moved} if moved else self.origins
        if volatile.places:
            found += written(settings, origins, chosen(origins, volatile) if moved else self._chosen_of(volatile))
        return Rendered(settings, origins, self._one(found) if found else NOTHING)

    def _chosen_of(self, volatile: Volatile) -> Chosen:
        if volatile not in self._chosen:
            self._chosen[volatile] = chosen(self.origins, volatile)
        return self._chosen[volatile]

    def _one(self, found: Iterable[Pointer]) -> frozenset[Pointer]:
        """Return pointers as the one set of them that the cells share."""
        volatile = frozenset(found)
        return self._known.setdefault(volatile, volatile)


def _templates_in(value: Any) -> Iterator[str]:
    """Yield the templates in a value that was marked."""
    if isinstance(value, Mapping):
        yield from (text for pair in value.items() for one in pair for text in _templates_in(one))
    elif isinstance(value, tuple):
        yield from (text for one in value for text in _templates_in(one))
    elif isinstance(value, Table):
        yield from _templates_in(given(value))
    elif isinstance(value, Templated | Spread):
        yield value
        if isinstance(value, Templated) and value.below is not None:
            yield from _templates_in(value.below[0])


# --- after rendering ------------------------------------------------------------------------------------------------


class Finish:
    """Checks the values of one setting and brings them into the form that the plan has."""

    def __init__(self, attribute: str, origins: Mapping[Pointer, Place], faults: Faults) -> None:
        """Work out what the setting needs."""
        self.attribute, self.origins, self.faults = attribute, origins, faults
        self.row = row_of(Settings, attribute)
        self.has_tables = is_table_list(self.row)
        self.kind = kind_of(attribute)
        self.rebases = any(folder_of(place) for path, place in origins.items() if path[0] == attribute)
        self.spoken = f"target.{faults.declared}.{self.row.key}"

    def at(self, origins: Mapping[Pointer, Place]) -> "Finish":
        """Return the same for other places."""
        return Finish(self.attribute, origins, self.faults)

    def place(self, path: Pointer) -> Place:
        """Return where a part of the setting was declared; the setting itself where the part is not known."""
        return self.origins.get((self.attribute, *path[:1])) or self.origins[self.attribute,]

    def rendered(self, value: Any, cell: str, *, keyed: bool) -> Any:
        """Finish a value that came out of templates: it is checked again. `keyed` are those whose keys did as well."""
        if value is None:
            return None
        if self.kind.unchecked and value != "" and not keyed:
            return self.shaped(value)
        return self(value, cell, check_again=True)

    def __call__(self, value: Any, cell: str, *, check_again: bool = False) -> Any:
        """Finish a value; None if the setting is unset after all."""
        if value == "" and self.kind.empty_is_unset:
            return None
        if self.has_tables:
            value = self._tables(value, cell)
        if check_again and value is not None:
            value = self._checked(value, cell)
        return self.shaped(value)

    def shaped(self, value: Any) -> Any:
        """Normalize platforms, drop repeats of what is built, and rebase the paths of an included file."""
        if self.kind.lists == "platform":
            value = first_of_each(placed(map(normalized, value), sources_of(value)))
        elif self.kind.lists == "image":
            value = first_of_each(value)
        learn_setting(self.attribute, value)
        return self._rebased(value) if self.rebases else value

    def _rebased(self, value: Any) -> Any:
        """Rebase paths, of a list or table each by the file that says it."""
        if isinstance(value, Mapping):
            return {key: self._rebase({key: item}, key)[key] for key, item in value.items()}
        if isinstance(value, tuple):
            sources = sources_of(value)
            pairs = zip(value, sources, strict=True)
            return placed((self._rebase((item,), source)[0] for item, source in pairs), sources)
        return self._rebase(value)

    def _rebase(self, value: Any, *path: str | int) -> Any:
        return rebase(Settings, self.attribute, value, folder_of(self.place(path)))

    def _refuse(self, fault: Fault, place: Place, cell: str) -> None:
        """Refuse the value of a cell, or with "" for the cell of all."""
        self.faults.refuse(fault, place, settings_of(self.faults.declared, cell, self.attribute))

    def _tables(self, value: tuple[Any, ...], cell: str) -> tuple[Any, ...]:
        found: list[Any] = []
        sources: list[int] = []
        for source, item in zip(sources_of(value), value, strict=True):
            found += self._of_csv(item, source, cell) if isinstance(item, str) else [item]
            sources += [source] * (len(found) - len(sources))
        return placed(found, sources)

    def _of_csv(self, text: str, index: int, cell: str) -> list[Any]:
        learn_csv(self.attribute, text)
        try:
            return self._table(parsed(self.attribute, text), text, index, cell)
        except BadCsvError as error:
            message = f"{self.spoken}: {shown(text)}: {error}"
            hint = _csv_hint(self.attribute, text) or "write key=value,key=value"
            self._refuse(Fault("csv", message, hint, (shown(text),)), self.place((index,)), cell)
        return []

    def _table(self, table: dict[str, Any], text: str, index: int, cell: str) -> list[Any]:
        faults = _faults(self.attribute, [table])
        hint = _csv_hint(self.attribute, text) if faults else ""
        if hint:
            message = f"{self.spoken}: {shown(text)} is not written so"
            self._refuse(Fault("csv", message, hint, (shown(text),)), self.place((index,)), cell)
            return []
        for fault in faults:
            message = f"{self.spoken}: {shown(text)}: {_within(fault.message, self.row.key)}"
            varies = (shown(text), _shown_in(fault, [table]))
            self._refuse(Fault("schema", message, fault.hint, varies), self.place((index,)), cell)
        return [] if faults else list(build(self.row.shape, [table]))

    def _checked(self, value: Any, cell: str) -> Any:
        """Check a rendered value against the schema; drop what is refused, after saying so."""
        faults = _faults(self.attribute, plain(value))
        for fault in faults:
            message = fault.message.replace(self.row.key, self.spoken, 1)
            place = self.place(tuple(source_of(value, part) for part in fault.pointer[1:2] if isinstance(part, int)))
            place = replace(place, pointer=(*place.pointer, *fault.pointer[2:])) if place.pointer else place
            message += ", rendered from a template"
            varies = (_shown_in(fault, plain(value)),)
            self._refuse(Fault("rendered", message, fault.hint, varies), place, cell)
        return value if not faults else () if isinstance(value, tuple) else {} if isinstance(value, Mapping) else None


@cache
def _strict(attribute: str) -> JsonSchema:
    row = row_of(Settings, attribute)
    properties = {row.key: row_schema(row, templates=False)}
    return {"type": "object", "properties": properties, "$defs": definitions(row.shape, templates=False)}


def _shown_in(fault: Problem, value: Any) -> str:
    """Return what a message shows of the setting's value: that which is wrong, or a key that was rendered."""
    if fault.key:
        return "" if fault.message.startswith("unknown key") else shown(fault.pointer[-1])
    for part in fault.pointer[1:]:
        value = value[part]
    return "" if isinstance(value, list | Mapping) else shown(value)


_known: dict[tuple[str, str], list[Any]] = {}


def _faults(attribute: str, value: Any) -> list[Any]:
    """Check one rendered, plain value against its row's schema; the same value is checked once."""
    key = (attribute, repr(value))
    if key not in _known:
        _known[key] = check(_strict(attribute), {row_of(Settings, attribute).key: value})
    return _known[key]


_SPACED = regex(r"[\w.-]+=\S+(?:\s+[\w.-]+=\S+)+")


def _csv_hint(attribute: str, text: str) -> str:
    """Return how a CSV string is written, where it is plain what was meant; "" where it is not."""
    if _SPACED.fullmatch(text):
        return f"between its parts stand commas: {shown(','.join(text.split()))}"
    name, sign, _ = text.partition("=")
    if attribute == "attest" and text in {"provenance", "sbom"}:
        return f'write "type={text}"'
    if attribute == "secret" and "," not in text and (not sign or name not in {"id", "type", "src", "env", "source"}):
        from buildmatrix.spec.hints.lists import secret_of

        return f'write {secret_of(name)} for a variable, {{ id = "{name}", src = "FILE" }} for a file'
    return ""


def _within(message: str, key: str) -> str:
    """Return a message about the only item of a list as one about that item."""
    for prefix in (f"{key}[0] ", f"{key}[0].", f"{key}[0]: "):
        message = message.replace(prefix, "", 1)
    message = message.removesuffix(f" in {key}[0]")
    return re.sub(
        r"^\((.*)\) lacks| in \((.*)\)$", lambda found: f"{found[1]} lacks" if found[1] else f" for {found[2]}", message
    )
