"""The templates of one setting, rendered for one cell: texts, lists, tables, and the keys of tables.

What a template gives no value for is as if it were not written: the value that it lies over counts (`merge.Over`), else
the key, the item or the setting is not there.
"""

import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from decimal import Decimal
from functools import cache
from typing import Any

from buildmatrix.errors import Place, Pointer
from buildmatrix.patterns import regex
from buildmatrix.plan.merging.merge import Over, Spread
from buildmatrix.plan.merging.volatile import NONE
from buildmatrix.spec.checks.data import shown
from buildmatrix.spec.rows.csv import templates_of
from buildmatrix.spec.rows.marked import holding, tables_of
from buildmatrix.spec.rows.markers import FreeText, Remark
from buildmatrix.spec.rows.settings import Settings
from buildmatrix.spec.rows.shapes import Row, Table, given, is_template, row_of, text_of, unwrap
from buildmatrix.spec.toml.placed import placed
from buildmatrix.spec.toml.plain import boolean_of, integer_of
from buildmatrix.template.scope import OMITTED, UNKNOWN_NAME, WHOLE_TABLE, BadTemplateError

Render = Callable[[str], str]
"""Renders a template's text for one cell; raises BadTemplateError."""

Failures = list[tuple[BadTemplateError, Pointer]]

_ANY = "\0any"
"""Stands in a path for a key that is not known yet."""

_ONE = regex(r"\s*\{\{-?(?P<expression>(?:(?!\{\{).)*?)-?\}\}\s*", re.DOTALL)


class Templated(str):
    """A text that is known to be a template. `below` is the value that counts where it gives none, with its place."""

    __slots__ = ("below",)
    below: tuple[Any, Place] | None

    @classmethod
    def of(cls, text: str) -> "Templated":
        """Return the text as a template, over what it lies over."""
        made = cls(text)
        made.below = (marked(text.below[0]), text.below[1]) if isinstance(text, Over) else None
        return made


def marked(value: Any) -> Any:
    """Return a value with each template in it marked as one."""
    if isinstance(value, str):
        return value if isinstance(value, Spread) or not is_template(value) else Templated.of(value)
    if isinstance(value, Mapping):
        return {marked(key): marked(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return tuple(map(marked, value))
    if isinstance(value, Table):
        return value.but({name: marked(item) for name, item in given(value).items()})
    return value


def holds(value: Any) -> bool:
    """Tell whether there is a marked template anywhere in a value."""
    if isinstance(value, Mapping):
        return any(map(holds, value.values())) or any(map(holds, value))
    if isinstance(value, tuple):
        return any(map(holds, value))
    return isinstance(value, Templated) or (isinstance(value, Table) and any(map(holds, given(value).values())))


def has_rendered_keys(value: Any) -> bool:
    """Tell whether a table has keys that are known only when they are rendered."""
    return isinstance(value, Mapping) and any(isinstance(key, Templated | Spread) for key in value)


def length_of(value: Any) -> int:
    """Return how many characters there are in a value, about."""
    if isinstance(value, str):
        return len(value)
    table = given(value) if isinstance(value, Table) else value
    items = table.values() if isinstance(table, Mapping) else table
    return sum(map(length_of, items)) if isinstance(items, Iterable) else 1


def are_wrong(failures: Failures) -> bool:
    """Tell whether no run could render them: then the plan is none, and the rest of a list is checked beside them."""
    return all(error.code in {"template", UNKNOWN_NAME} for error, _ in failures)


class Filling:
    """Renders one setting for one cell.

    `failures` are the templates that failed, with their paths within the setting; `moved` are the places of what
    counts in place of a template that gave no value, or under a key that came out of one. `volatile` are the paths of
    what templates gave that are among the `texts`: by key, by an item's index as it is written, and in a table within
    by its key. Where the template of a key is, and that of its value is not, the template stands behind the key.
    """

    def __init__(
        self, attribute: str, render: Render, origins: Mapping[Pointer, Place], texts: Mapping[str, bool] = NONE.texts
    ) -> None:
        self._attribute, self._render, self._origins, self._texts = attribute, render, origins, texts
        self.failures: Failures = []
        self.moved: dict[Pointer, Place] = {}
        self.volatile: set[Pointer] = set()

    def setting(self, row: Row, value: Any) -> Any:
        """Return the setting's value; None where it has none after all."""
        if isinstance(value, str):
            return _scalar(row.shape, self._text(value, ()))
        return self._map(value, ()) if isinstance(value, Mapping) else self._list(value)

    def _text(self, text: Any, path: Pointer, spot: Pointer | None = None) -> Any:
        """Return a text, rendered if it is a template; None if that gives no value, and lies over none.

        `spot` is its path where it is in a table within the setting, of which `path` is the table's.
        """
        if not isinstance(text, Templated):
            return text
        if self._texts[text]:
            self.volatile.add(path if spot is None else spot)
        try:
            rendered = self._render(text)
            return self._trimmed(rendered) if "\n" in text else rendered
        except BadTemplateError as error:
            if error.code != OMITTED:
                self.failures.append((error, path))
                return ""
        if text.below is None:
            return None
        value, self.moved[self._attribute, *path] = text.below
        return self._text(value, path, spot)

    def _trimmed(self, rendered: str) -> str:
        """Return what a template over several lines gives without the space around it, as for an item of a list."""
        return rendered if row_of(Settings, self._attribute).marker(FreeText) else rendered.strip()

    def _list(self, value: tuple[Any, ...]) -> tuple[Any, ...]:
        found: list[Any] = []
        sources: list[int] = []
        for index, item in enumerate(value):
            if isinstance(item, Table):
                found.append(self._table(item, index))
            elif isinstance(item, Templated):
                lines = (self._text(item, (index,)) or "").splitlines()
                self._look_into(item, index)
                found += [line.strip() for line in lines if line.strip()]
            else:
                found.append(item)
            sources += [index] * (len(found) - len(sources))
        return placed(found, sources)

    def _look_into(self, text: str, index: int) -> None:
        """Tell of a CSV string that holds remarks which of its fields are volatile, where each is a template itself."""
        if (index,) in self.volatile and _has_remarks(self._attribute):
            found = templates_of(text) or {}
            fields = {(index, key) for key, texts in found.items() if any(self._texts[one] for one in texts)}
            self.volatile.difference_update({(index,)} if fields else ())
            self.volatile.update(fields)

    def _table(self, table: Table, index: int) -> Table:
        changed: dict[str, Any] = {}
        for attribute, value in given(table).items():
            if not holds(value):
                continue
            row = row_of(type(table), attribute)
            if isinstance(value, str):
                changed[attribute] = _scalar(row.shape, self._text(value, (index,), (index, row.key)))
            elif isinstance(value, Mapping):
                changed[attribute] = self._map(value, (index,))
            else:
                texts = (self._text(item, (index,), (index, row.key)) for item in value)
                changed[attribute] = tuple(text for text in texts if text is not None)
        return table.but(changed)

    # --- tables with free keys ------------------------------------------------------------------------------------

    def _map(self, value: Mapping[str, Any], within: Pointer) -> dict[str, Any]:
        """Return a table: later keys win, whether they were written, rendered, or came with a whole table.

        `within` is the path of the table that holds it, () where it is the setting itself.
        """
        if not has_rendered_keys(value):
            texts = ((key, self._text(item, within or (key,), (*within, key))) for key, item in value.items())
            return {key: text for key, text in texts if text is not None}
        found: dict[str, Any] = {}
        written: dict[str, str] = {}
        for key, item in value.items():
            found |= (rendered := self._item(key, item, within, written))
            self._note([(*within, name) for name in rendered], (*within, _ANY))
        return found

    def _item(self, key: str, item: str, within: Pointer, written: dict[str, str]) -> dict[str, str]:
        """Return what comes of one key and its value: one item, a whole table, or nothing; `written` says of what."""
        path, spot = within or (key,), (*within, _ANY)
        if isinstance(key, Spread):
            return self._spread(item, path, spot)
        name = self._text(key, path, (*spot, str(key)))
        if name is None or (text := self._text(item, path, spot)) is None:
            return {}
        if name in written:
            self._refuse_twin(name, key, written[name], path)
        written[name] = key
        if name != key and not within:
            self.moved[self._attribute, name] = self._origins[self._attribute, key]
        return {name: text}

    def _note(self, paths: Collection[Pointer], spot: Pointer) -> None:
        """Note of keys what is volatile of the templates that gave them and their values, as `spot` says."""
        if self.volatile:
            found = {one for one in self.volatile if one[: len(spot)] == spot}
            found = {spot} if spot in found else found
            others = {one for one in self.volatile if one[: len(spot)] not in {spot, *paths}}
            self.volatile = others | {(*path, *one[len(spot) :]) for path in paths for one in found}

    def _refuse_twin(self, name: str, key: str, other: str, path: Pointer) -> None:
        """Refuse two keys of one table that are rendered to the same name: which one counts, nobody could know."""
        places = [self._origins.get((self._attribute, one)) for one in (key, other)]
        tables = [(place.file, place.pointer[:-1]) for place in places if place is not None]
        if len(set(tables)) == 1:
            message = f"the keys {shown(str(other))} and {shown(str(key))} are both {shown(name)} here"
            self.failures.append((BadTemplateError(message, "keep one of them"), path))

    def _spread(self, text: str, path: Pointer, spot: Pointer) -> dict[str, str]:
        """Return the table that a template gives: that of one `{{ … }}` itself, else the JSON that is written."""
        one = _ONE.fullmatch(text)
        asked = Templated.of(f"{{{{ ({one['expression']}) | {WHOLE_TABLE} }}}}" if one else text)
        if (written := self._text(asked, path, spot)) is None or self.failures:
            self.failures[:] = [(error if one else _alone(error), path) for error, path in self.failures]
            return {}
        try:
            return _texts_of(written)
        except BadTemplateError as error:
            self.failures.append((error, path))
            return {}


@cache
def _has_remarks(attribute: str) -> bool:
    """Tell whether there are remarks in the tables of a list."""
    return any(holding(unwrap(one)[0], Remark) for one in tables_of(row_of(Settings, attribute)))


def _alone(error: BadTemplateError) -> BadTemplateError:
    """Return what to say of a template that gives a table among other text, where a table is wanted."""
    if not error.message.startswith("the template gives a table"):
        return error
    return BadTemplateError("the template gives a table within a text", "write one {{ … }} alone: {{ a if x else b }}")


def _texts_of(text: str) -> dict[str, str]:
    """Return the table of texts that a text of JSON is; BadTemplateError if it is none."""
    try:
        found = json.loads(text, parse_float=Decimal)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        hint = "give one, such as {{ row.args }}; a text of JSON becomes one by a filter: {{ x | from_json }}"
        raise BadTemplateError("the template gives no table", hint)
    for name, item in found.items():
        if isinstance(item, list | dict):
            what = "table" if isinstance(item, dict) else "list"
            hint = "its values are texts, numbers, true or false"
            raise BadTemplateError(f"in the table that the template gives, {shown(name)} is a {what}", hint)
    return {name: text_of(item) for name, item in found.items() if item is not None}


def _scalar(shape: Any, text: Any) -> Any:
    """Turn a rendered text into what the row holds; text that is none is left to the check."""
    bare, _ = unwrap(shape)
    if not isinstance(text, str):
        return text
    if bare is bool and not text.strip():
        return None
    if bare is bool and (found := boolean_of(text.strip())) is not None:
        return found
    if bare is int and (number := integer_of(text)) is not None:
        return number
    return text
