"""The engine of templates: jinja2 in a sandbox, strict about names, the same text for the same input on every run."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from decimal import Decimal
from functools import cached_property, partial, wraps
from typing import Any

from jinja2 import Environment, StrictUndefined, TemplateSyntaxError, Undefined, nodes, pass_environment
from jinja2.exceptions import SecurityError, TemplateError, UndefinedError
from jinja2.filters import make_attrgetter
from jinja2.meta import find_undeclared_variables
from jinja2.sandbox import ImmutableSandboxedEnvironment

from buildmatrix.errors import did_you_mean
from buildmatrix.git.facts import NoRepositoryError
from buildmatrix.limits import TooMuchError
from buildmatrix.patterns import regex
from buildmatrix.spec.checks.names import HIDDEN
from buildmatrix.spec.rows.shapes import text_of
from buildmatrix.spec.toml.plain import LARGEST_INTEGER, is_deep
from buildmatrix.template.sandbox.filters import FILTERS, MOST_ITEMS, tojson
from buildmatrix.template.sandbox.mistakes import attribute_hint, filter_hint, in_words, omit_hint, syntax_hint
from buildmatrix.template.sandbox.sizes import (
    SIZED_FILTERS,
    SIZED_METHODS,
    careful,
    careful_format,
    refuse_sizes,
    refuse_widths,
    refuse_widths_of_fields,
    sized_range,
)
from buildmatrix.template.sandbox.texts import FilterError, formatted, of_texts, text_for
from buildmatrix.template.scope import (
    LARGEST,
    NO_REPOSITORY,
    OMITTED,
    UNKNOWN_NAME,
    WHOLE_TABLE,
    BadTemplateError,
    Lazy,
    Missing,
    missing,
    on_line,
)

HIGHEST_POWER = 64
"""The highest power that `**` may raise to."""


class _Undefined(StrictUndefined):
    """A name without a value; remembers whether it is a variable that nobody has given."""


class _Omit:
    """Stands for a value that is not there: only for a whole one, not within a text, a list or a table."""

    def __str__(self) -> str:
        raise _part_omitted()


JOINED = "joined by ~"
"""The filter that a value goes through which is joined to another; nobody can write its name."""

_MARK = "\0omit\0"
"""What stands for no value in a text that is rendered."""

_WHOLE = regex(r"^\s*\{\{(?P<expression>.*)\}\}\s*$", re.DOTALL)


class _Environment(ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset({"*", "**", "%", "+"})

    def compile(self, source: Any, *arguments: Any, **named: Any) -> Any:
        """Compile as jinja does, but let `~` join what has a text: not Python's words for none and true."""
        tree = self.parse(source) if isinstance(source, str) else source
        for joined in tree.find_all(nodes.Concat):
            joined.nodes = [nodes.Filter(one, JOINED, [], [], None, None) for one in joined.nodes]
        return super().compile(tree, *arguments, **named)

    def call(self, context: Any, called: Any, *arguments: Any, **named: Any) -> Any:
        """Refuse calls that would fill the memory: `'x'.ljust(10 ** 9)`, `'{:999999999}'.format(1)`."""
        if not callable(called):
            raise FilterError("the template calls a value that is not a function: write it without ( )")
        owner, name = getattr(getattr(called, "__wrapped__", called), "__self__", ""), getattr(called, "__name__", "")
        if name in SIZED_METHODS:
            refuse_sizes(*arguments, *named.values())
        if isinstance(owner, str) and name in {"format", "format_map"}:
            refuse_widths_of_fields(owner, *arguments, *named.values())
        if isinstance(owner, str) and name == "format":
            arguments, named = (
                formatted("format", arguments),
                dict(zip(named, formatted("format", named.values()), strict=True)),
            )
        return super().call(context, called, *arguments, **named)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Refuse what would fill the memory, and what is none."""
        if operator == "%" and isinstance(left, str | bytes):
            refuse_widths(left, *(right if isinstance(right, tuple) else ()))
            if isinstance(left, str):
                right = formatted("%", right if isinstance(right, tuple) else [right])
        if operator == "+":
            return _added(left, right)
        sized = [len(side) for side in (left, right) if isinstance(side, str | list | tuple)]
        count = next((side for side in (right, left) if isinstance(side, int)), 1)
        if (sized and sized[0] * count > LARGEST) or (operator == "**" and abs(count) > HIGHEST_POWER):
            raise SecurityError(f"`{operator}` would make a value that is too large")
        return super().call_binop(context, operator, left, right)


def _added(left: Any, right: Any) -> Any:
    try:
        return left + right
    except TypeError:
        text = next((side for side in (left, right) if isinstance(side, str)), None)
        other = right if text is left else left
        if text is not None:
            text_for("+", other)
            raise FilterError("+: one is a text, the other is not: write a ~ b") from None
        if left is None or right is None:
            raise FilterError("+: this is none, not a value") from None
        raise


@pass_environment
def _sum(environment: _Environment, values: Iterable[Any], attribute: str | int | None = None, start: Any = 0) -> Any:
    """Sum as jinja does, but of numbers only: of lists it would take for ever, in a place that nothing interrupts."""
    found = list(values if attribute is None else map(make_attrgetter(environment, attribute), values))
    if not all(isinstance(value, int | float | Decimal) for value in (start, *found)):
        raise FilterError("sum: these are not all numbers")
    return sum(found, start)


def _finalize(value: object) -> object:
    """Booleans as TOML writes them, nothing for none, a list as its lines."""
    if value is None:
        return ""
    if isinstance(value, _Omit):
        return _MARK
    if isinstance(value, list | tuple | Iterator):
        return "\n".join(str(_finalize(item)) for item in value)
    if isinstance(value, bool | Decimal):
        return text_of(value)
    if isinstance(value, str | int | float | Undefined):
        return value
    if isinstance(value, Mapping):
        raise FilterError("the template gives a table, not a text: write {{ x.key }}, or {{ x | tojson }}")
    raise FilterError(f"the template gives a {type(value).__name__.lower()}, not a text")


def _whole_table(value: object) -> object:
    """Return a table as JSON, what stands for no value, or what is no table as it is: the latter is refused later."""
    if isinstance(value, Mapping):
        return tojson(_there(value))
    return _Omit() if value is None or isinstance(value, _Omit) else value


def _there(table: Mapping[Any, Any]) -> dict[Any, Any]:
    """Return a table without the keys that are none or omitted, and those whose values are omitted."""
    return {
        key: item
        for key, item in table.items()
        if key is not None and not isinstance(key, _Omit) and not isinstance(item, _Omit)
    }


def _finalize_whole(value: object) -> object:
    """Finalize the value of a template that is nothing else: none is no value, and not an empty text."""
    return _MARK if value is None else _finalize(value)


def _is_whole(tree: nodes.Template) -> bool:
    """Tell whether a template is one `{{ … }}`, with nothing but blanks around it."""
    if len(tree.body) != 1 or not isinstance(output := tree.body[0], nodes.Output):
        return False
    texts = [node.data for node in output.nodes if isinstance(node, nodes.TemplateData)]
    return len(output.nodes) - len(texts) == 1 and not "".join(texts).strip()


def _environment() -> _Environment:
    made = _Environment(undefined=_Undefined, finalize=_finalize, autoescape=False, keep_trailing_newline=True)
    del made.globals["lipsum"]
    del made.filters["random"]
    made.globals |= {"omit": _Omit(), "range": sized_range}
    made.filters.update(of_texts(made.filters) | FILTERS)
    made.filters[JOINED] = partial(text_for, "~")
    made.filters[WHOLE_TABLE] = _whole_table
    made.filters.update({name: careful(made.filters[name]) for name in SIZED_FILTERS} | {"sum": _sum})
    made.filters["format"] = careful_format(made.filters["format"])
    made.filters.update(
        {name: _without_omit(name, one) for name, one in made.filters.items() if name not in _TAKES_OMIT}
    )
    return made


_TAKES_OMIT = frozenset({"default", "d", JOINED, WHOLE_TABLE})
"""The filters that omit passes, and those of ours that say themselves what is wrong with it."""


def _without_omit(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a filter that refuses omit: some of jinja's would make 0 of it, others say Python's words."""
    place = 1 if hasattr(function, "jinja_pass_arg") else 0  # behind what jinja passes by itself

    @wraps(function)
    def careful(*arguments: Any, **named: Any) -> Any:
        if len(arguments) > place and isinstance(arguments[place], _Omit):
            raise _part_omitted(f"{name}: ")
        return function(*arguments, **named)

    return careful


Limit = Callable[[], AbstractContextManager[None]]


class Engine:
    """Compiles templates in one environment."""

    def __init__(self, limit: Limit = nullcontext) -> None:
        """Make the environment; each piece of work is done within a `limit`, which raises TooMuchError."""
        self._environment, self._limit = _environment(), limit
        self._of_whole = self._environment.overlay(finalize=_finalize_whole)

    def compile(self, text: str) -> "EngineTemplate":
        """Return the compiled template; BadTemplateError where its syntax is wrong or a filter is unknown."""
        return EngineTemplate(self._environment, self._of_whole, text, self._limit)


class EngineTemplate:
    """A compiled template. `names` are the names it uses, in a stable order."""

    def __init__(self, environment: _Environment, of_whole: Environment, text: str, limit: Limit) -> None:
        """Compile the text, with `of_whole` where it is one `{{ … }}`; BadTemplateError where it is wrong."""
        self.text, self._limit, self._spent = text, limit, ""
        try:
            with limit():  # what is constant, jinja computes here
                tree = environment.parse(text)
                _check_filters(environment, tree)
                self.names = _names_in(tree, environment)
                self._code = (of_whole if _is_whole(tree) else environment).from_string(tree)
        except (TooMuchError, MemoryError) as error:
            raise BadTemplateError(_too_much(error)) from None
        except RecursionError:
            raise BadTemplateError("the template is nested too deeply") from None
        except TemplateSyntaxError as error:
            line = error.lineno if "\n" in text else 0
            message = (error.message or "").partition(" Jinja was ")[0].rstrip(".")
            hint = syntax_hint(error.message or "", text)
            said = f"the template is wrong: {_lower(message)}{on_line(line)}"
            raise BadTemplateError(said, hint, line=line) from None
        self._environment = environment

    def render(self, scope: Mapping[str, Any]) -> str:
        """Return the text for a scope; BadTemplateError if a value is missing or a filter refuses.

        Its code is OMITTED where the template gives no value: it is `{{ none }}`, or all that it writes is `omit`.
        """
        text = str(self._guarded(self._code.render, scope))
        if _MARK in text:
            raise _no_value() if text.strip() == _MARK else _explained(_part_omitted(), self.text)
        return _sound(text)

    def evaluate(self, scope: Mapping[str, Any]) -> Any:
        """Return the value itself where the whole template is one `{{ … }}`, else the rendered text."""
        if self._expression is None:
            return self.render(scope)
        return self._guarded(lambda values: _plain_of(self._expression(values)), scope)

    @cached_property
    def _expression(self) -> Any:
        found = _WHOLE.match(self.text)
        try:
            return self._environment.compile_expression(found["expression"], undefined_to_none=False) if found else None
        except TemplateSyntaxError:
            return None

    def _guarded(self, run: Any, scope: Mapping[str, Any]) -> Any:
        if self._spent:  # do not wait for it again in every cell
            raise BadTemplateError(self._spent)
        try:
            values = {name: self._value(name, scope[name]) for name in self.names if name in scope}
            with self._limit():
                return run(values)
        except (TooMuchError, MemoryError) as error:
            self._spent = _too_much(error)
            raise BadTemplateError(self._spent) from None
        except Exception as error:  # noqa: BLE001 a filter of jinja raises what it likes on values it cannot take
            raise _explained(error, self.text) from None

    def _value(self, name: str, value: Any) -> Any:
        if isinstance(value, Missing):
            return self._environment.undefined(hint=f"\0{name}\0{value.hint}", name=name)
        return value.compute() if isinstance(value, Lazy) else value


def _names_in(tree: nodes.Template, environment: Environment) -> tuple[str, ...]:
    """Return the names that a template takes from its scope; jinja leaves out those of its functions."""
    without = environment.overlay()
    without.globals = {name: value for name, value in environment.globals.items() if name not in HIDDEN}
    tree.set_environment(without)
    found = tuple(sorted(find_undeclared_variables(tree)))
    tree.set_environment(environment)
    return found


_LITERAL = "write the template in single quotes ('…'): within double ones TOML takes one of two backslashes"


def _no_value() -> BadTemplateError:
    return BadTemplateError(
        "the template gives no value, and here has to be one", "where it may be missing: {{ x or 'another' }}", OMITTED
    )


class _PartOmittedError(FilterError):
    """What is omitted is only a part of a value."""


def _part_omitted(who: str = "") -> FilterError:
    return _PartOmittedError(f"{who}omit stands for a whole value, and is only a part of one here")


_NO_ITEM = "leave it out of a list or an inner table: {{ [x, y] | select | list }}, {{ dict(t, a=x) if x else t }}"


def _too_much(error: BaseException) -> str:
    return f"the template takes too much {'time' if isinstance(error, TooMuchError) else 'memory'}"


def _explained(error: Exception, text: str) -> BadTemplateError:
    match error:
        case BadTemplateError():
            return error
        case UndefinedError():
            return _undefined(error, text)
        case NoRepositoryError() | FilterError():
            return _answerless(error, text)
        case RecursionError():
            return BadTemplateError("the template is nested too deeply")
        case TemplateError():
            return BadTemplateError(f"the template cannot be rendered: {_lower(str(error))}")
    return BadTemplateError(f"the template cannot be rendered: {in_words(error)}")


def _sound(text: str) -> str:
    """Return a text that a template made; BadTemplateError where it holds what no setting may."""
    if len(text) > LARGEST:
        raise BadTemplateError(f"the template makes {len(text):,} characters, more than {LARGEST:,}")
    if "\0" in text:
        raise BadTemplateError("the template makes a NUL character")
    if not text.isascii() and _SURROGATE.search(text):
        raise BadTemplateError("the template makes half a character (a surrogate)")
    if not text.isprintable() and (found := _CONTROL.search(text)):
        raise BadTemplateError(f"the template makes a control character (U+{ord(found[0]):04X})", _LITERAL)
    return text


def _plain_of(value: Any) -> Any:
    """Return a template's value as plain data; BadTemplateError if it is anything else, or too much of it."""
    if isinstance(value, _Omit):
        raise _no_value()
    left = [MOST_ITEMS]
    try:
        data = _plain(_there(value) if isinstance(value, Mapping) else value, left)
    except RecursionError:
        data = None
    if (data is None and value is not None) or is_deep(data):
        raise BadTemplateError("the template gives a value that is nested too deeply")
    return data


def _plain(value: Any, left: list[int]) -> Any:
    left[0] -= 1
    if isinstance(value, _Omit):
        raise BadTemplateError(str(_part_omitted()), _NO_ITEM)
    if left[0] < 0:
        raise BadTemplateError(f"the template gives more than {MOST_ITEMS:,} items")
    if value is None or isinstance(value, bool | Decimal):
        return value
    if isinstance(value, str):
        return _sound(str(value))
    if isinstance(value, Mapping):
        return {_plain(key, left): _plain(item, left) for key, item in value.items()}
    if isinstance(value, list | tuple | range | Iterator):
        return [_plain(item, left) for item in value]
    return _plain_number(value)


def _plain_number(value: Any) -> Any:
    if isinstance(value, Undefined):
        return str(value)  # says whose value is missing; of an `if` without `else` it is ""
    if not isinstance(value, int | float):
        raise BadTemplateError(f"the template gives a {type(value).__name__.lower()}, not a value")
    if not -LARGEST_INTEGER <= value <= LARGEST_INTEGER:  # which holds for nan, too
        raise BadTemplateError("the template gives a number that is none, or is too large")
    return value


def _answerless(error: NoRepositoryError | FilterError, text: str) -> BadTemplateError:
    if isinstance(error, NoRepositoryError):
        return BadTemplateError(str(error), error.hint, NO_REPOSITORY)
    hint = omit_hint(text) if isinstance(error, _PartOmittedError) else error.hint
    return BadTemplateError(str(error), hint, varies=error.varies)


def _undefined(error: UndefinedError, text: str) -> BadTemplateError:
    message = str(error)
    if message.startswith("\0"):
        _, name, hint = message.split("\0")
        return missing(name, hint)
    if (found := _NO_KEY.match(message)) is not None:
        message = f'the template asks for "{found[1]}", which the value does not have'
        return BadTemplateError(message, attribute_hint(found[1], text))
    if (found := _NO_NAME.fullmatch(message)) is not None:
        hint = f'an `include` gives it to some cells only: write {{{{ {found[1]} | default("…") }}}}, or give it to all'
        return BadTemplateError(f'the template uses "{found[1]}", which has no value here', hint, UNKNOWN_NAME)
    return BadTemplateError(f"the template cannot be rendered: {message}")


_NO_NAME = regex(r"'(\w+)' is undefined")
_NO_KEY = regex(r"'.+ object' has no attribute '(.+)'$")


_SURROGATE = regex("[\ud800-\udfff]")
_CONTROL = regex("[\x01-\x08\x0b\x0c\x0e-\x1f\x7f]")
_OF_FILES: tuple[type[nodes.Stmt], ...] = (nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)


def _check_filters(environment: _Environment, tree: nodes.Template) -> None:
    if any(tree.find(kind) is not None for kind in _OF_FILES):
        raise BadTemplateError("a template cannot include, import or extend another")
    for kind, known in ((nodes.Filter, environment.filters), (nodes.Test, environment.tests)):
        for node in tree.find_all(kind):
            if node.name not in known:
                word = kind.__name__.lower()
                hint = filter_hint(node.name, known) if word == "filter" else did_you_mean(node.name, known)
                raise BadTemplateError(f'the template uses {word} "{node.name}", which does not exist', hint)


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
