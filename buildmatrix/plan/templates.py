"""Templates: jinja2 in a sandbox, strict about names, and the same text for the same input on every run."""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property, wraps
from typing import Any

from jinja2 import StrictUndefined, TemplateSyntaxError, Undefined, nodes
from jinja2.exceptions import SecurityError, TemplateError, UndefinedError
from jinja2.meta import find_undeclared_variables
from jinja2.sandbox import ImmutableSandboxedEnvironment

from buildmatrix.errors import did_you_mean
from buildmatrix.plan.filters import FILTERS, FilterError
from buildmatrix.plan.git import NoRepositoryError
from buildmatrix.plan.scope import BadTemplateError, Lazy, Missing
from buildmatrix.spec.shapes import text_of

LARGEST = 1_000_000
"""The longest text or list that `*` may make."""

HIGHEST_POWER = 64
"""The highest power that `**` may raise to."""


class _Undefined(StrictUndefined):
    """A name without a value; remembers whether it is a variable that nobody has given."""


_WHOLE = re.compile(r"^\s*\{\{(?P<expression>.*)\}\}\s*$", re.DOTALL)


class _Environment(ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset({"*", "**", "%"})

    def call(self, context: Any, called: Any, *arguments: Any, **named: Any) -> Any:
        """Refuse calls that would fill the memory: `'x'.ljust(10 ** 9)`, `'{:999999999}'.format(1)`."""
        _refuse_huge(getattr(called, "__self__", ""), *arguments, *named.values())
        return super().call(context, called, *arguments, **named)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Refuse what would fill the memory."""
        if operator == "%":
            _refuse_huge(left)
        sized = [len(side) for side in (left, right) if isinstance(side, str | list | tuple)]
        count = next((side for side in (right, left) if isinstance(side, int)), 1)
        if (sized and sized[0] * count > LARGEST) or (operator == "**" and abs(count) > HIGHEST_POWER):
            raise SecurityError(f"`{operator}` would make too much of it")
        return super().call_binop(context, operator, left, right)


_HUGE = re.compile(r"[0-9]{7}")


def _refuse_huge(*values: object) -> None:
    for value in values:
        if isinstance(value, int) and abs(value) > LARGEST:
            raise SecurityError(f"{value:,} is more than templates may use")
        if isinstance(value, str) and ("%" in value or "{" in value) and _HUGE.search(value):
            raise SecurityError("a format with such a width is refused")


def _careful(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a filter that refuses sizes that would fill the memory."""

    @wraps(function)
    def careful(*arguments: Any, **named: Any) -> Any:
        _refuse_huge(*arguments, *named.values())
        return function(*arguments, **named)

    return careful


def _finalize(value: object) -> object:
    """Booleans as TOML writes them, nothing for none, a list as its lines."""
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        return "\n".join(text_of(item) for item in value)
    return text_of(value) if isinstance(value, bool) else value


def _environment() -> _Environment:
    environment = _Environment(undefined=_Undefined, finalize=_finalize, autoescape=False, keep_trailing_newline=True)
    del environment.globals["lipsum"]
    del environment.filters["random"]
    for name in ("center", "indent", "format", "wordwrap", "filesizeformat"):
        environment.filters[name] = _careful(environment.filters[name])
    environment.filters.update(FILTERS)
    return environment


class Template:
    """A compiled template. `names` are the names it uses, in a stable order."""

    def __init__(self, environment: _Environment, text: str) -> None:
        """Compile the text; BadTemplateError where its syntax is wrong or a filter is unknown."""
        self.text = text
        try:
            tree = environment.parse(text)
            _check_filters(environment, tree)
            self.names = tuple(sorted(find_undeclared_variables(tree)))
            self._parts = _plain_parts(tree)
            self._code = environment.from_string(tree)
        except TemplateSyntaxError as error:
            where = f" (line {error.lineno} of it)" if "\n" in text and error.lineno else ""
            raise BadTemplateError(f"the template is wrong: {_lower(error.message or '')}{where}") from None
        self._environment = environment

    def render(self, scope: Mapping[str, Any]) -> str:
        """Return the text for a scope; BadTemplateError if a value is missing or a filter refuses."""
        if self._parts is not None:
            texts: list[Any] = [scope.get(part) if named else part for named, part in self._parts]
            if all(type(text) is str for text in texts):
                return "".join(texts)
        text = str(self._guarded(self._code.render, scope))
        if len(text) > LARGEST:
            raise BadTemplateError(f"the template makes {len(text):,} characters, more than {LARGEST:,}")
        return text

    def evaluate(self, scope: Mapping[str, Any]) -> Any:
        """Return the value itself where the whole template is one `{{ … }}`, else the rendered text."""
        if self._expression is None:
            return self.render(scope)
        return self._guarded(self._expression, scope)

    @cached_property
    def _expression(self) -> Any:
        found = _WHOLE.match(self.text)
        try:
            return self._environment.compile_expression(found["expression"], undefined_to_none=False) if found else None
        except TemplateSyntaxError:
            return None

    def _guarded(self, run: Any, scope: Mapping[str, Any]) -> Any:
        try:
            return _defined(run({name: self._value(name, scope[name]) for name in self.names if name in scope}))
        except UndefinedError as error:
            raise _undefined(error) from None
        except (NoRepositoryError, FilterError) as error:
            raise BadTemplateError(str(error)) from None
        except (TemplateError, SecurityError) as error:
            raise BadTemplateError(f"the template cannot be rendered: {_lower(str(error))}") from None
        except RecursionError:
            raise BadTemplateError("the template is nested too deeply") from None
        except Exception as error:  # noqa: BLE001 a filter of jinja raises what it likes on values it cannot take
            raise BadTemplateError(f"the template cannot be rendered: {type(error).__name__}: {error}") from None

    def _value(self, name: str, value: Any) -> Any:
        if isinstance(value, Missing):
            return self._environment.undefined(hint=f"\0{name}\0{value.hint}", name=name)
        return value.compute() if isinstance(value, Lazy) else value


def _plain_parts(tree: nodes.Template) -> list[tuple[bool, str]] | None:
    """Return the parts of a template that is only text and names (True: a name), which needs no engine; else None."""
    parts: list[tuple[bool, str]] = []
    for output in tree.body:
        for node in output.nodes if isinstance(output, nodes.Output) else [output]:
            if isinstance(node, nodes.TemplateData):
                parts.append((False, node.data))
            elif isinstance(node, nodes.Name):
                parts.append((True, node.name))
            else:
                return None
    return parts


def _defined(value: Any) -> Any:
    return str(value) if isinstance(value, Undefined) else value


def _undefined(error: UndefinedError) -> BadTemplateError:
    message = str(error)
    if message.startswith("\0"):
        _, name, hint = message.split("\0")
        return BadTemplateError(f'variable "{name}" has no value', hint, "missing-variable")
    if (found := _NO_KEY.match(message)) is not None:
        hint = f"where not every value has it: `is defined`, or `| default(…)` behind {found[1]}"
        return BadTemplateError(f'the template asks for "{found[1]}", which the value has not', hint)
    return BadTemplateError(f"the template cannot be rendered: {message}")


_NO_KEY = re.compile(r"'.+ object' has no attribute '(.+)'$")


def _check_filters(environment: _Environment, tree: nodes.Template) -> None:
    for kind, known in ((nodes.Filter, environment.filters), (nodes.Test, environment.tests)):
        for node in tree.find_all(kind):
            if node.name not in known:
                word = kind.__name__.lower()
                raise BadTemplateError(
                    f'the template uses {word} "{node.name}", which does not exist', did_you_mean(node.name, known)
                )


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


class Templates:
    """All templates of a run, compiled once for each text."""

    def __init__(self) -> None:
        """Start with none."""
        self._environment = _environment()
        self._known: dict[str, Template] = {}

    def __getitem__(self, text: str) -> Template:
        """Return the compiled template; BadTemplateError where it is wrong."""
        found = self._known.get(text)
        if found is None:
            found = self._known[text] = Template(self._environment, text)
        return found

    def check_names(self, template: Template, known: Iterable[str]) -> None:
        """Raise BadTemplateError if the template uses a name that no scope will have."""
        names = set(known)
        for name in template.names:
            if name not in names and name not in self._environment.globals:
                hint = did_you_mean(name, names) or f"names here: {', '.join(sorted(names))}"
                raise BadTemplateError(
                    f'the template uses "{name}", which is no variable and no axis', hint, "unknown-name"
                )
