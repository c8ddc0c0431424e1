"""Templates: text with names in it is joined here; anything more goes to the engine, which is imported only then."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any

from buildmatrix.errors import did_you_mean, some
from buildmatrix.patterns import regex
from buildmatrix.spec.rows.shapes import is_template, text_of
from buildmatrix.template.scope import FOLLOWS, LARGEST, UNKNOWN_NAME, BadTemplateError, Missing, missing, on_line

if TYPE_CHECKING:
    from buildmatrix.template.sandbox.worker import Worker

GLOBALS = frozenset({"range", "dict", "cycler", "joiner", "namespace", "omit"})
"""Functions of jinja that every template can use, and what stands for no value."""

MOST_TEXT = 200_000_000
"""Characters of all settings of all targets of a plan together; the file itself has 4 million at most."""

_NAME = regex(r"(?<!\{)\{\{ *([A-Za-z][A-Za-z0-9_]*) *\}\}")
_WORDS = frozenset({"true", "false", "none", "True", "False", "None", "not", "loop", "self", "super", "caller", "omit"})


class Template:
    """A template. `names` are the names it uses, in a stable order."""

    def __init__(self, text: str, every: "Templates") -> None:
        """Take the text; BadTemplateError where its syntax is wrong or a filter is unknown."""
        self.text, self._all = text, every
        self._parts = _NAME.split(text)
        named = self._parts[1::2]
        if _is_more("".join(self._parts[::2])) or not _WORDS.isdisjoint(named):
            self._parts = []
        self.names: tuple[str, ...] = tuple(sorted(set(named))) if self._parts else every.worker.names(text)

    @property
    def is_joined(self) -> bool:
        """Whether it is text and names only, so that one more costs nothing."""
        return bool(self._parts)

    def render(self, scope: Mapping[str, Any]) -> str:
        """Return the text for a scope; BadTemplateError if a value is missing, a filter refuses, or it is too long."""
        (found,) = self.render_all([scope])
        if isinstance(found, BadTemplateError):
            raise found
        return found

    def render_all(self, scopes: Sequence[Mapping[str, Any]]) -> list[str | BadTemplateError]:
        """Return the texts for several scopes, or in their place what is wrong with each."""
        found: list[str | BadTemplateError | None] = [self.joined(scope) for scope in scopes]
        left = [place for place, text in enumerate(found) if text is None]
        made = self._all.worker.render(self.text, [scopes[place] for place in left]) if left else []
        for place, text in zip(left, made, strict=True):
            found[place] = text
        return [text for text in found if text is not None]

    def joined(self, scope: Mapping[str, Any]) -> str | BadTemplateError | None:
        """Return the text where it is made of names whose values are scalars, else None."""
        if not self._parts:
            return None
        parts = self._parts.copy()
        for place in range(1, len(parts), 2):
            value = scope.get(parts[place])
            if isinstance(value, Missing):
                return missing(parts[place], value.hint)
            if not isinstance(value, str | int | Decimal):
                return None
            parts[place] = value if type(value) is str else text_of(value)
        if (length := sum(map(len, parts))) > LARGEST:
            return BadTemplateError(f"the template makes {length:,} characters, more than {LARGEST:,}")
        return "".join(parts)

    def evaluate(self, scope: Mapping[str, Any]) -> Any:
        """Return the value itself where the whole template is one `{{ … }}`, else the rendered text.

        A text of a template of several lines is without the space around it.
        """
        found = self._at_hand(scope)
        if isinstance(found, BadTemplateError):
            raise found
        if found is None:
            found = self._all.worker.evaluate(self.text, scope)
        return found.strip() if isinstance(found, str) and "\n" in self.text else found

    def _at_hand(self, scope: Mapping[str, Any]) -> Any:
        """Return the value, or what is wrong with it, where it takes no engine; else None."""
        if len(self._parts) == len(("before", "name", "behind")) and not (self._parts[0] + self._parts[2]).strip():
            value = scope.get(self._parts[1])
            return value if isinstance(value, str | int | Decimal) else None
        return self.joined(scope)


def _is_more(text: str) -> bool:
    """Tell whether there is more to a template than names; a carriage return, too, is left to the engine."""
    return any(sign in text for sign in ("{{", "{%", "{#", "}}", "%}", "#}", "\r"))


def templates_in(value: Any) -> Iterator[str]:
    """Yield the templates in a value, however deep in lists and tables."""
    if isinstance(value, str) and is_template(value):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from templates_in(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from templates_in(item)


class Templates:
    """All templates of a run, each made once."""

    def __init__(self) -> None:
        self._known: dict[str, Template | BadTemplateError] = {}
        self._length, self._is_told = 0, False

    @cached_property
    def worker(self) -> "Worker":
        """What does all that is more than joining."""
        from buildmatrix.template.sandbox.worker import Worker

        return Worker()

    def matches(self, pattern: str, texts: Sequence[str]) -> Sequence[bool | None]:
        """Tell for each text whether a regular expression is found in it; None where that takes too long."""
        return self.worker.matches(pattern, texts)

    def close(self) -> None:
        """End what was started for them."""
        if "worker" in vars(self):
            self.worker.close()

    def spend(self, length: int) -> None:
        """Count characters of a plan; BadTemplateError beyond `MOST_TEXT`, with nothing to say after the first."""
        self._length += length
        if self._length > MOST_TEXT:
            said, self._is_told = self._is_told, True
            message = f"the plan has more than {MOST_TEXT // 10**6:,} MB of text, up to here"
            raise BadTemplateError(message, "values repeat each other many times", FOLLOWS if said else "too-much")

    def __getitem__(self, text: str) -> Template:
        """Return the template of a text; BadTemplateError where it is wrong."""
        if text not in self._known:
            self._known[text] = self._made(text)
        found = self._known[text]
        if isinstance(found, BadTemplateError):
            raise found
        return found

    def _made(self, text: str) -> "Template | BadTemplateError":
        try:
            return Template(text, self)
        except BadTemplateError as error:
            return error

    def check_names(self, template: Template, *known: Collection[str]) -> None:
        """Raise BadTemplateError if the template uses a name that no scope will have."""
        for name in template.names:
            if name not in GLOBALS and not any(name in names for names in known):
                near = {one for names in known for one in names}
                line = _line_of(name, template.text)
                message = f'the template uses "{name}", which is neither a variable nor an axis{on_line(line)}'
                raise BadTemplateError(message, _hint(name, template.text, near), UNKNOWN_NAME, line)


def _line_of(name: str, text: str) -> int:
    """Return on which line of a template of several a name is used, else 0."""
    if "\n" not in text:
        return 0
    for found in re.finditer(r"\{([{%]).*?[%}]\}", text, re.DOTALL):
        if used := re.search(rf"(?<![\w.'\"]){re.escape(name)}(?!\w)", found[0]):
            return text.count("\n", 0, found.start() + used.start()) + 1
    return 0


def _hint(name: str, text: str, near: Collection[str]) -> str:
    """Return what to write for a name that there is not; that it is another's by a capital letter is the nearest."""
    if same := next((one for one in near if one.lower() == name.lower()), ""):
        return did_you_mean(name, [same])
    from buildmatrix.spec.checks.foreign import unknown_name_hint
    from buildmatrix.template.sandbox.mistakes import function_hint, other_target_hint

    found = other_target_hint(name, text) or unknown_name_hint(name, text, near) or function_hint(name)
    found = found or did_you_mean(name, near)
    return found or f"names here: {some(sorted(near))}"
