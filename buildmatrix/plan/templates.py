"""Templates: text with names in it is joined here; anything more goes to the engine, which is imported only then."""

import re
from collections.abc import Collection, Mapping
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any

from buildmatrix.errors import did_you_mean, some
from buildmatrix.plan.scope import BadTemplateError
from buildmatrix.spec.shapes import text_of

if TYPE_CHECKING:
    from buildmatrix.plan.engine import Engine, EngineTemplate

GLOBALS = frozenset({"range", "dict", "cycler", "joiner", "namespace"})
"""Functions of jinja that every template can use."""

_NAME = re.compile(r"(?<!\{)\{\{ *([A-Za-z][A-Za-z0-9_]*) *\}\}")
_WORDS = frozenset({"true", "false", "none", "True", "False", "None", "not", "loop", "self", "super", "caller"})


class Template:
    """A template. `names` are the names it uses, in a stable order."""

    def __init__(self, text: str, engine: "Templates") -> None:
        """Take the text; BadTemplateError where its syntax is wrong or a filter is unknown."""
        self.text, self._engine = text, engine
        self._parts = _NAME.split(text)
        named = self._parts[1::2]
        if _is_more("".join(self._parts[::2])) or not _WORDS.isdisjoint(named):
            self._parts = []
        self.names: tuple[str, ...] = tuple(sorted(set(named))) if self._parts else self._compiled.names

    @cached_property
    def _compiled(self) -> "EngineTemplate":
        return self._engine.compile(self.text)

    def render(self, scope: Mapping[str, Any]) -> str:
        """Return the text for a scope; BadTemplateError if a value is missing or a filter refuses."""
        parts = self._parts.copy()
        for place in range(1, len(parts), 2):
            value = scope.get(parts[place])
            if not isinstance(value, str | int | Decimal):
                return self._compiled.render(scope)
            parts[place] = value if type(value) is str else text_of(value)
        return "".join(parts) if parts else self._compiled.render(scope)

    def evaluate(self, scope: Mapping[str, Any]) -> Any:
        """Return the value itself where the whole template is one `{{ … }}`, else the rendered text."""
        return self._compiled.evaluate(scope)


def _is_more(text: str) -> bool:
    """Tell whether there is more to a template than names; a carriage return, too, is left to the engine."""
    return any(sign in text for sign in ("{{", "{%", "{#", "}}", "%}", "#}", "\r"))


class Templates:
    """All templates of a run, each made once."""

    def __init__(self) -> None:
        """Start with none."""
        self._known: dict[str, Template | BadTemplateError] = {}

    @cached_property
    def _engine(self) -> "Engine":
        from buildmatrix.plan.engine import Engine

        return Engine()

    def compile(self, text: str) -> "EngineTemplate":
        """Return the engine's template; BadTemplateError where it is wrong."""
        return self._engine.compile(text)

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
                hint = did_you_mean(name, near) or f"names here: {some(sorted(near))}"
                raise BadTemplateError(
                    f'the template uses "{name}", which is no variable and no axis', hint, "unknown-name"
                )
