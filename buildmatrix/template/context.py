"""What templates are rendered with; jinja is imported only where something is a template."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from buildmatrix.errors import Problems
from buildmatrix.git.facts import Git, created
from buildmatrix.spec.rows.tables import Spec
from buildmatrix.template.machine import Machine, epoch_time
from buildmatrix.template.platforms import PLATFORM
from buildmatrix.template.render import Template, Templates
from buildmatrix.template.request import Request
from buildmatrix.template.scope import BadTemplateError, Cell, Lazy, values_of
from buildmatrix.template.variables import check_values, has_templates, hide_confidential, resolve
from buildmatrix.template.volatile import volatile_variables

Named = tuple[str | None, Cell]
ScopeOf = Callable[[str | None, Cell], dict[str, Any]]


class Rendering:
    """Holds what templates see everywhere: the variables, `git`, `created`, `now` and `host`."""

    def __init__(self, spec: Spec, request: Request, git: Git, problems: Problems) -> None:
        """Resolve the variables; what is wrong with them is added to `problems`."""
        self.templates = Templates()
        self.used: set[str] = set()
        """The names that templates of targets use, defaults of variables aside."""
        self.machine = Machine(request.machine, request.environment)
        built_in = _built_in(git, self.machine, request.environment)
        self.variables = resolve(spec, request, problems)
        if has_templates(spec, self.variables):
            from buildmatrix.template.defaults import render_defaults

            render_defaults(spec, self.variables, problems, self.templates, built_in)
        hide_confidential(spec, self.variables)
        check_values(spec, self.variables, problems, self.templates.matches)
        self.scope: dict[str, Any] = {**built_in, **values_of(self.variables, problems)}
        self.volatile = volatile_variables(spec, self.variables, self.names)
        """The names of what changes from run to run."""

    def names(self, text: str) -> tuple[str, ...]:
        """Return the names that a template uses; none where it is wrong, which is said where it is evaluated."""
        try:
            return self.templates[text].names
        except BadTemplateError:
            return ()

    def is_volatile(self, text: str, axes: frozenset[str] = frozenset()) -> bool:
        """Tell whether a template asks for what changes from run to run; `axes` are those that do."""
        return not (self.volatile | axes).isdisjoint(self.names(text))

    def evaluate(self, text: str, declared: str = "") -> Any:
        """Return the value of a template in which no axis is in scope; BadTemplateError if it has none.

        `declared` is the target that it belongs to, if any.
        """
        template = self.templates[text]
        scope = self.scope | ({"target": declared} if declared else {})
        self.templates.check_names(template, scope)
        self.used.update(template.names)
        return template.evaluate(scope)


def _built_in(git: Git, machine: Machine, environment: Mapping[str, str]) -> dict[str, Any]:
    """Return what has a value without being declared; `created` is SOURCE_DATE_EPOCH, else the commit's time."""
    return {
        "git": git,
        "created": Lazy(lambda: epoch_time(environment) or created(git)),
        "now": Lazy(lambda: machine.now),
        "host": Lazy(lambda: {"platform": machine.platform}),
    }


MOST_AHEAD = 500
"""Texts that are rendered ahead, in one question to the process beside."""


class _Made:
    """A template of a target, with what it made so far: for each set of the values that it uses a text or an error."""

    def __init__(self, template: Template, used: tuple[str, ...], cells: Iterable[Named]) -> None:
        """Take the template, the axes that it uses, and the cells that it will be rendered for, perhaps."""
        self.template, self.used, self._cells = template, used, iter(cells)
        self.found: dict[Any, str | BadTemplateError] = {}
        self._fresh: set[Any] = set()
        self._hits = 0

    def key(self, name: str | None, cell: Cell) -> Any:
        if len(self.used) == 1:
            (axis,) = self.used
            return id(name if axis == "name" else cell.get(axis))
        return tuple(id(name if axis == "name" else cell.get(axis)) for axis in self.used)

    def make(self, key: Any, name: str | None, cell: Cell, scope_of: ScopeOf) -> None:
        """Render for a cell; where the last ones that were made ahead were of use, for others ahead of their time."""
        if (joined := self.template.joined(scope_of(name, cell))) is not None:
            self.found[key] = joined
            return
        wanted = {key: (name, cell)}
        if not self.template.is_joined:
            for other in self._cells:
                if (near := self.key(*other)) not in self.found:
                    wanted.setdefault(near, other)
                if len(wanted) > min(self._hits + 1, MOST_AHEAD):
                    break
        made = self.template.render_all([scope_of(*one) for one in wanted.values()])
        self.found.update(zip(wanted, made, strict=True))
        self._fresh.update(other for other in wanted if other != key)

    def text(self, key: Any) -> str | BadTemplateError:
        """Return what was made, and count what was made ahead and is of use."""
        if key in self._fresh:
            self._fresh.discard(key)
            self._hits += 1
        return self.found[key]


def _value_or_error(made: Callable[[], Any]) -> Any:
    try:
        return made()
    except BadTemplateError as error:
        return error


class CellRendering:
    """Renders the templates of one target, each once for every distinct set of values that it uses."""

    def __init__(self, rendering: Rendering, declared: str, axes: Iterable[str]) -> None:
        self._rendering = rendering
        self._declared = declared
        self._local = frozenset(axes) | {"name"}
        self._known: dict[str, _Made] = {}
        self._values: dict[Any, Any] = {}
        self._last: tuple[str | None, Cell, dict[str, Any]] | None = None
        self.cells: Sequence[Named] = ()
        """The cells of the target, with the names that they have so far."""

    def names(self, text: str) -> tuple[str, ...]:
        """Return the names that a template uses; none where it is wrong, which is said where it is evaluated."""
        return self._rendering.names(text)

    def is_variable(self, name: str) -> bool:
        """Tell whether a name stands for something without a cell, too."""
        return name in self._rendering.scope

    def evaluate(self, text: str, cell: Cell) -> Any:
        """Return the value of a template for a cell that has no name yet; BadTemplateError if it has none."""
        template, local = self._rendering.templates[text], self._names_of(cell)
        self._rendering.templates.check_names(template, self._rendering.scope, {"target"}, local - {"name"})
        self._rendering.used.update(template.names)
        used = tuple(name for name in template.names if name in local)
        key = (text, *(id(cell.get(name)) for name in used))
        if key not in self._values:
            self._values[key] = _value_or_error(lambda: template.evaluate(self._scope(None, cell)))
        found = self._values[key]
        if isinstance(found, BadTemplateError):
            raise found
        return found

    def at(self, name: str | None, cell: Cell) -> Callable[[str], str]:
        """Return what renders a text for a cell (`name` is None while the name itself is made).

        It raises BadTemplateError where the template is wrong or has no value.
        """

        def render(text: str) -> str:
            made = self._known.get(text) or self._enter(text, cell, named=name is not None)
            key = made.key(name, cell)
            if key not in made.found:
                made.make(key, name, cell, self._scope)
            found = made.found[key] if made.template.is_joined else made.text(key)
            if isinstance(found, BadTemplateError):
                raise found
            self._rendering.templates.spend(len(found))
            return found

        return render

    def _scope(self, name: str | None, cell: Cell) -> dict[str, Any]:
        if self._last is None or self._last[1] is not cell or self._last[0] != name:
            self._last = (name, cell, {**self._rendering.scope, **cell, "target": self._declared, "name": name})
        return self._last[2]

    def _names_of(self, cell: Cell) -> frozenset[str]:
        """Return the names of a cell's own values; `platform` is one where it is rendered for a platform."""
        return self._local | {PLATFORM} if PLATFORM in cell else self._local

    def _enter(self, text: str, cell: Cell, *, named: bool) -> _Made:
        template, local = self._rendering.templates[text], self._names_of(cell)
        if not named:
            local -= {"name"}
        self._rendering.templates.check_names(template, self._rendering.scope, {"target"}, local)
        used = tuple(axis for axis in template.names if axis in local)
        self._rendering.used.update(template.names)
        self._known[text] = _Made(template, used, () if PLATFORM in used else self.cells)
        return self._known[text]
