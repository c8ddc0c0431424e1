"""What filters of texts take: one answer for ours and for jinja's, which would write Python's text of anything."""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from functools import wraps
from typing import Any

from jinja2 import Undefined, pass_environment
from jinja2.filters import make_attrgetter

from buildmatrix.spec.rows.shapes import text_of

OF_JINJA = (
    "capitalize", "center", "e", "escape", "forceescape", "format", "indent", "lower", "replace", "string",
    "striptags", "title", "trim", "truncate", "upper", "urlize", "wordcount", "wordwrap",
)  # fmt: skip
"""The filters of jinja that make a text of a text; `urlencode` takes a table, too."""

_NO_TEXTS: tuple[tuple[Any, str], ...] = ((type(None), "none"), (Mapping, "a table"), (Iterable, "a list"))


class FilterError(Exception):
    """A filter was given what it cannot take; the message says what, the hint what to write.

    `varies` are texts of the message that are others for another value: it is one mistake for all of them.
    """

    def __init__(self, message: str, hint: str = "", varies: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.hint, self.varies = hint, varies


def text_for(name: str, value: object) -> str:
    """Return the text of a text, a number or a boolean, for a filter; FilterError for what only Python has a text of.

    That is a list, a table, none and all else. What is undefined answers for itself.
    """
    if isinstance(value, bool | Decimal):
        return text_of(value)
    if isinstance(value, str | int | float | Undefined):
        return str(value)
    found = next((words for kind, words in _NO_TEXTS if isinstance(value, kind)), "")
    word = found or (str(value) and f"a {type(value).__name__.lower()}")  # `omit` has no text, and says why
    raise FilterError(f"{name}: this is {word}, not a text")


def formatted(name: str, values: Iterable[object]) -> tuple[object, ...]:
    """Return what goes into a format: booleans as their texts, all else as it is; FilterError for none."""
    words = (None, True, False)
    return tuple(text_for(name, one) if any(one is word for word in words) else one for one in values)


def of_texts(filters: Mapping[str, Callable[..., Any]]) -> dict[str, Callable[..., Any]]:
    """Return those of jinja's filters that are of texts, refusing what is none."""
    return {name: _of_text(name, filters[name]) for name in OF_JINJA} | {"join": _join}


def _of_text(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    place = 1 if hasattr(function, "jinja_pass_arg") else 0  # behind what jinja passes by itself

    @wraps(function)
    def careful(*arguments: Any, **named: Any) -> Any:
        value, more = text_for(name, arguments[place]), arguments[place + 1 :]
        if name == "format":
            more, named = formatted(name, more), dict(zip(named, formatted(name, named.values()), strict=True))
        return function(*arguments[:place], value, *more, **named)

    return careful


@pass_environment
def _join(environment: Any, values: Iterable[Any], separator: Any = "", attribute: str | int | None = None) -> str:
    items = values if attribute is None else map(make_attrgetter(environment, attribute), values)
    return text_for("join", separator).join(text_for("join", item) for item in items)
