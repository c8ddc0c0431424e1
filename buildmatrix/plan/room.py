"""The room in which templates are rendered; jinja enters it only where something is a template."""

from collections.abc import Callable, Iterable
from typing import Any

from buildmatrix.errors import Problems
from buildmatrix.plan.git import Git
from buildmatrix.plan.model import Cell
from buildmatrix.plan.request import Request
from buildmatrix.plan.scope import built_in_scope, values_of
from buildmatrix.plan.templates import Template, Templates
from buildmatrix.plan.variables import check_values, has_templates, hide_confidential, resolve
from buildmatrix.spec.model import Spec


class Room:
    """Holds what templates see everywhere: the variables, `git` and `created`."""

    def __init__(self, spec: Spec, request: Request, git: Git, problems: Problems) -> None:
        """Resolve the variables; what is wrong with them is added to `problems`."""
        self.templates = Templates()
        self.used: set[str] = set()
        """The names that templates of targets use, defaults of variables aside."""
        built_in = built_in_scope(git, request.environment)
        self.variables = resolve(spec, request, problems)
        if has_templates(self.variables):
            from buildmatrix.plan.defaults import render_defaults

            render_defaults(spec, self.variables, problems, self.templates, built_in)
        hide_confidential(spec, self.variables)
        check_values(spec, self.variables, problems)
        self.scope: dict[str, Any] = {**built_in, **values_of(self.variables)}

    def evaluate(self, text: str, declared: str) -> Any:
        """Return the value of a template in which no axis is in scope; BadTemplateError if it has none."""
        template = self.templates[text]
        scope = self.scope | {"target": declared}
        self.templates.check_names(template, scope)
        self.used.update(template.names)
        return template.evaluate(scope)


class CellRoom:
    """Renders the templates of one target, each once for every distinct set of values that it uses."""

    def __init__(self, room: Room, declared: str, axes: Iterable[str]) -> None:
        """Take the axes that any cell of the target may have."""
        self._room = room
        self._declared = declared
        self._local = frozenset(axes) | {"name"}
        self._known: dict[str, tuple[Template, tuple[str, ...], dict[Any, str]]] = {}

    def at(self, name: str | None, cell: Cell) -> Callable[[str], str]:
        """Return what renders a text for a cell (`name` is None while the name itself is made).

        It raises BadTemplateError where the template is wrong or has no value.
        """
        scope: dict[str, Any] = {}

        def render(text: str) -> str:
            template, used, memo = self._known.get(text) or self._enter(text, named=name is not None)
            key = tuple(id(name if axis == "name" else cell.get(axis)) for axis in used)
            if key not in memo:
                if not scope:
                    scope.update(self._room.scope, **cell, target=self._declared, name=name)
                memo[key] = template.render(scope)
            return memo[key]

        return render

    def _enter(self, text: str, *, named: bool) -> tuple[Template, tuple[str, ...], dict[Any, str]]:
        template = self._room.templates[text]
        local = self._local if named else self._local - {"name"}
        self._room.templates.check_names(template, self._room.scope, {"target"}, local)
        used = tuple(axis for axis in template.names if axis in local)
        self._room.used.update(template.names)
        self._known[text] = (template, used, {})
        return self._known[text]
